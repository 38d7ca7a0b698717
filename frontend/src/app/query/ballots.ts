// Definitions and ballots of both dialects in one form.
import { get } from "../api";

export type Kind = "query" | "score" | "multichat";

export const PATHS = {
  query: { models: "/api/v1/query_models", one: "/api/v1/query_models/{id}", name: "/api/v1/query_models/{id}/name", completions: "/api/v1/query/completions", estimate: "/api/v1/query/completions/estimate", read: "/api/v1/query/completions/{id}", truth: "/api/v1/query/completions/{id}/training_table" },
  score: { models: "/api/v1/score/models", one: "/api/v1/score/models/{id}", name: "/api/v1/score/models/{id}/name", completions: "/api/v1/score/completions", estimate: "/api/v1/score/completions/estimate", read: "/api/v1/score/completions/{id}", truth: "/api/v1/score/completions/{id}/training_table" },
  multichat: { models: "/api/v1/multichat/models", one: "/api/v1/multichat/models/{id}", name: "/api/v1/multichat/models/{id}/name", completions: "/api/v1/multichat/completions", estimate: "/api/v1/multichat/completions/estimate", read: "/api/v1/multichat/completions/{id}", truth: null },
} as const;

export const TITLES: Record<Kind, string> = {
  query: "Answers, then votes",
  score: "Votes on given choices",
  multichat: "Many answers, no vote",
};

export type Weight = { type: "static"; weight?: number } | { type: "training_table"; base_weight: number; min_weight: number; max_weight: number };

export interface LLM {
  /** Its slug. */
  model: string;
  id: string;
  base_id: string;
  index: number;
  /** How it takes part: a mode, or where it writes its vote. */
  mode: string;
  weight: Weight;
  /** Everything else that it was defined with. */
  rest: [string, unknown][];
}

export interface Definition {
  kind: Kind;
  id: string;
  llms: LLM[];
  weight: Record<string, unknown>;
  table: string | null;
  created: string | null;
  requests: number;
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
  confidence: number | null;
  decisiveness: number | null;
  marked: number;
  accuracy: number | null;
  ece: number | null;
  raw: Record<string, unknown>;
}

const IDS = new Set(["id", "name", "model", "query_llm_id", "base_id", "index", "mode", "output_mode", "weight", "training_table_name", "training_table_id", "multichat_id", "multichat_index", "training_table_index"]);

export async function definition(kind: Kind, id: string): Promise<Definition> {
  const raw = await get<Record<string, unknown>>(PATHS[kind].one, { path: { id }, query: { metadata: true } });
  return definitionOf(kind, raw);
}

export function definitionOf(kind: Kind, raw: Record<string, unknown>): Definition {
  const number = (name: string): number => Number(raw[name] ?? 0);
  const perhaps = (name: string): number | null => (typeof raw[name] === "number" ? raw[name] : null);
  const query = kind === "query";
  const llms = ((query ? raw.models : raw.llms) as Record<string, unknown>[]).map((one): LLM => ({
    model: String(query ? one.id : one.model),
    id: String(query ? one.name : one.id),
    base_id: String(one.base_id),
    index: Number(one.index),
    mode: String((query ? one.mode : one.output_mode) ?? "answers"),
    weight: (one.weight ?? { type: "static", weight: 1 }) as Weight,
    rest: Object.entries(one).filter(([name]) => !IDS.has(name)),
  }));
  return {
    kind, llms, raw,
    id: String(query ? raw.query_model_id : raw.id),
    weight: (raw.weight ?? { type: "static" }) as Record<string, unknown>,
    table: (raw.training_table_id ?? raw.training_table_name ?? null) as string | null,
    created: (raw.created ?? null) as string | null,
    requests: number("requests"),
    prompt_tokens: number(query ? "chat_prompt_tokens" : "prompt_tokens"),
    completion_tokens: number(query ? "chat_completion_tokens" : "completion_tokens"),
    cost: query ? number("chat_cost") + number("embedding_cost") : number("total_cost"),
    confidence: number("requests") ? perhaps("average_winner_confidence") : null,
    decisiveness: number("requests") ? perhaps("decisiveness") : null,
    marked: number("marked"),
    accuracy: perhaps("accuracy"),
    ece: perhaps("expected_calibration_error"),
  };
}

export const weightText = (weight: Weight): string =>
  weight.type === "static" ? String(weight.weight ?? 1) : `${weight.base_weight}, learns ${weight.min_weight}–${weight.max_weight}`;

// -- ballots --

interface Choice {
  index: number;
  message: { content: string | null; vote?: number[] | null; reasoning?: string | null };
  finish_reason: string | null;
  weight?: number | null;
  confidence?: number | null;
  vote_kind?: string | null;
  generate_id?: string | null;
  confidence_id?: string | null;
  confidence_weight?: number | null;
  weight_evidence?: { rows_used: number; similarity_sum: number; match_rate: number | null } | null;
  error: { message: string } | null;
  model: string | null;
  model_index: number | null;
  completion_metadata: { id: string; model: string; provider?: string; usage?: { cost?: number; prompt_tokens: number; completion_tokens: number } } | null;
}

export interface Completion {
  id: string;
  model: string;
  choices: Choice[];
  usage?: { cost: number; prompt_tokens: number; completion_tokens: number };
  ballot?: {
    status: string;
    voters: number;
    succeeded: number;
    failed: number;
    unheard: number;
    weight_cast: number;
    weight_abstained: number;
    weight_total: number;
    winner: number | string | null;
    confidence: number | null;
    calibrated_confidence?: number;
    calibration_rows?: number;
    support: number[];
    margin: number | null;
    entropy: number | null;
    tie: boolean;
    vote_seed: number;
    passes: number;
    confidence_ids?: string[];
    votes: { model_index: number; model: string; weight: number; status: string; reason?: string; vote_kind?: string; abstained?: number }[];
  };
}

export interface Option {
  /** What the ballot calls it: a place, or a confidence id. */
  key: number | string;
  text: string;
  confidence: number;
  support: number;
  wins: boolean;
  /** By voter (model_index): its part of this option's weight. */
  parts: { voter: number; weight: number }[];
}

export interface Heard {
  index: number;
  llm: string;
  slug: string;
  weight: number;
  status: string;
  reason: string;
  kind: string;
  text: string;
  /** For each option, by its place. */
  shares: number[];
  abstained: number;
  evidence: Choice["weight_evidence"];
  cost: number | null;
  tokens: string;
  log: string | null;
}

/** What was voted on, and what each voter did. `slugs` names voters that were never heard. */
export function told(completion: Completion, slugs: Map<string, string> = new Map()): { options: Option[]; voters: Heard[] } {
  const ballot = completion.ballot;
  const keys: (number | string)[] = ballot?.confidence_ids ?? completion.choices.filter((one) => one.model === null).map((one) => one.index);
  const own = completion.choices.filter((one) => one.model !== null);
  const sharesOf = (choice: Choice | undefined): number[] => {
    if (!choice) return keys.map(() => 0);
    if (choice.message.vote) return choice.message.vote;
    return keys.map((key) => (choice.confidence_id === key ? 1 : 0));
  };
  const votes = ballot?.votes ?? own.map((one) => ({ model_index: one.model_index ?? 0, model: one.model ?? "", weight: 0, status: one.error ? "failed" : "answered" }) as NonNullable<Completion["ballot"]>["votes"][number]);
  const voters = votes.map((vote): Heard => {
    const choices = own.filter((one) => one.model_index === vote.model_index);
    const choice = choices[0];
    const made = choice?.completion_metadata;
    const shares = choices.length > 1 ? mean(choices.map(sharesOf)) : sharesOf(choice);
    return {
      index: vote.model_index, llm: vote.model, weight: vote.weight, status: vote.status, reason: vote.reason ?? "",
      slug: made?.model ?? slugs.get(vote.model) ?? vote.model,
      kind: vote.vote_kind ?? choice?.vote_kind ?? "",
      text: choice?.error?.message ?? choice?.message.content ?? "",
      shares: vote.status === "voted" ? shares : keys.map(() => 0),
      abstained: vote.abstained ?? 0,
      evidence: choice?.weight_evidence,
      cost: made?.usage?.cost ?? null,
      tokens: made?.usage ? `${made.usage.prompt_tokens} → ${made.usage.completion_tokens}` : "–",
      log: made?.id ?? null,
    };
  });
  const options = keys.map((key, place): Option => {
    const parts = voters.map((one) => ({ voter: one.index, weight: one.weight * (one.shares[place] ?? 0) })).filter((one) => one.weight > 0);
    const written = completion.choices.find((one) => (ballot?.confidence_ids ? one.confidence_id === key && one.generate_id : one.index === key && one.model === null));
    return {
      key, parts,
      text: written?.message.content ?? String(key),
      confidence: written?.confidence ?? 0,
      support: ballot?.support[place] ?? 0,
      wins: ballot?.winner === key,
    };
  });
  return { options, voters };
}

const mean = (lists: number[][]): number[] => (lists[0] ?? []).map((_, i) => lists.reduce((sum, one) => sum + (one[i] ?? 0), 0) / lists.length);
