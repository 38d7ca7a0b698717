// Guardrails as the API tells them.
export type Action = "flag" | "redact" | "block";
export const zdrGroups = ["anthropic", "google", "openai", "xai", "other"] as const;
export const builtins: Record<string, string> = {
  email: "E-mail addresses",
  phone: "Telephone numbers",
  ssn: "US social security numbers",
  "credit-card": "Card numbers",
  "ip-address": "IP addresses",
  "person-name": "Names of persons",
  address: "Postal addresses",
  "regex-prompt-injection": "Prompt injection",
};

export interface Guardrail extends Record<`enforce_zdr_${(typeof zdrGroups)[number]}`, boolean | null> {
  id: string;
  name: string;
  description: string | null;
  limit_usd: number | null;
  reset_interval: string | null;
  include_byok_in_budgets: boolean;
  allowed_models: string[] | null;
  ignored_models: string[] | null;
  allowed_providers: string[] | null;
  ignored_providers: string[] | null;
  enable_paid_model_training: boolean | null;
  enable_free_model_training: boolean | null;
  enable_free_model_publication: boolean | null;
  content_filters: { pattern: string; action: Action; label: string | null }[] | null;
  content_filter_builtins: { slug: string; action: Action; scan_scope?: string }[] | null;
}

export interface Assignment {
  id: string;
  guardrail_id: string;
  key_hash?: string;
  key_name?: string;
  key_label?: string;
  user_id?: string;
}
