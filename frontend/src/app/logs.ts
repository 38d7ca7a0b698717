// Generations as the API tells of them: in a list, and one in full.
export interface LogRow {
  id: string;
  created_at: string;
  model: string;
  requested_model: string;
  outcome: "answered" | "failed" | "cancelled";
  error_type: string | null;
  provider: string | null;
  provider_name: string | null;
  key_hash: string;
  external_user: string | null;
  api_type: string;
  streamed: boolean;
  cancelled: boolean;
  attempts: number;
  parent_id: string | null;
  latency: number | null;
  generation_time: number | null;
  tokens_prompt: number;
  tokens_completion: number;
  native_tokens_reasoning: number;
  native_tokens_cached: number;
  total_cost: number;
  finish_reason: string | null;
  service_tier: string | null;
  response_cache_source_id: string | null;
  is_byok: boolean;
  preset_id: string | null;
  session_id: string | null;
  http_referer: string | null;
  user_agent: string | null;
  upstream_id: string | null;
}

export interface Attempt {
  endpoint: string;
  model: string;
  provider: string;
  provider_name: string;
  outcome: LogRow["outcome"];
  status: number | null;
  error_type: string | null;
  may_be_billed: boolean;
  started_ms: number;
  first_byte_ms: number | null;
  ended_ms: number;
  prompt_tokens: number;
  completion_tokens: number;
  is_byok: boolean;
  cost: string;
}

export interface Line {
  what: string;
  of?: string;
  count?: number;
  price?: string;
  amount: string;
}

export interface Log extends Omit<LogRow, "key_hash" | "outcome" | "attempts" | "parent_id" | "requested_model" | "error_type" | "provider"> {
  turnout: {
    api: string;
    key_hash: string;
    outcome: LogRow["outcome"];
    status: number | null;
    error_type: string | null;
    requested_model: string;
    parent_id: string | null;
    ended_ms: number;
    budgets: string[];
    cost: string;
    attempts: Attempt[];
    lines: Line[];
  };
}

/** An endpoint of a plan, as `openrouter_metadata.turnout` and `/explain` describe it. */
export interface Planned {
  endpoint: string;
  model: string;
  provider: string;
  tag: string;
  place: number | null;
  verdict: "tried" | "excluded";
  rule: string | null;
  detail: string | null;
  field?: string | null;
  numbers: Record<string, unknown>;
}

export const OUTCOMES = { answered: "good", failed: "bad", cancelled: "warn" } as const;

/** Numbers of a plan as one line: "prompt 3, completion 15, uptime 99.8". */
export function said(numbers: Record<string, unknown>): string {
  return Object.entries(numbers)
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name.replaceAll("_", " ")} ${typeof value === "object" ? JSON.stringify(value) : typeof value === "number" ? Number(value.toPrecision(4)) : String(value)}`)
    .join(", ");
}
