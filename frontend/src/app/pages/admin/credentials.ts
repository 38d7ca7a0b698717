// Credentials of providers, those that the account brings and the gateway's own.
export interface Credential {
  id: string;
  provider: string;
  name: string | null;
  label: string;
  disabled: boolean;
  is_fallback: boolean;
  is_required: boolean;
  is_byok_only: boolean;
  allowed_models: string[] | null;
  sort_order: number;
  created_at: string;
  readable?: boolean;
}

export interface GatewayProvider {
  slug: string;
  name: string;
  dialect: string;
  base_url: string | null;
  usable: boolean;
  credential: { origin: string; variable: string } | null;
  variables: string[];
  endpoints: number;
  health: { endpoints: number; unwell: number; status: number; uptime_last_30m: number | null } | null;
}

export interface Verdict {
  ok: boolean | null;
  message: string;
}
