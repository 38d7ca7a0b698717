// Keys and budgets as the API tells them.
export interface Key {
  hash: string;
  name: string;
  label: string;
  disabled: boolean;
  management: boolean;
  limit: number | null;
  limit_remaining: number | null;
  limit_reset: string | null;
  include_byok_in_limit: boolean;
  usage: number;
  usage_daily: number;
  usage_monthly: number;
  created_at: string;
  expires_at: string | null;
  last_used_at: string | null;
  requests_per_minute: number | null;
  tokens_per_minute: number | null;
  allowed_models: string[] | null;
  allowed_providers: string[] | null;
  tags: string[];
  plugins: object[];
  store_content?: boolean;
}

export interface Budget {
  scope: string;
  subject: string;
  window: string;
  limit: number;
  spent: number;
  remaining: number;
  resets_at: string | null;
}

export const windows: Record<string, string> = {
  daily: "a day",
  weekly: "a week",
  monthly: "a month",
  lifetime: "in all",
};

export const isExpired = (key: Key): boolean => key.expires_at !== null && Date.parse(key.expires_at) <= Date.now();
