// The playground's state: turns of a conversation that several models answer, each for itself. It outlives the page,
// so that a look at the logs loses nothing; models and settings are kept in the browser.
import { ApiError, stream } from "../api";
import type { Planned } from "../logs";

export interface Part {
  name: string;
  /** As a data: address. */
  data: string;
  size: number;
  type: string;
}

interface Routed {
  requested: string;
  strategy: string;
  summary: string;
  attempt: number;
  attempts?: { provider: string; model: string; status: number }[];
  turnout?: { endpoints: Planned[]; warnings: string[] };
}

interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  cost: number;
  completion_tokens_details?: { reasoning_tokens?: number };
  prompt_tokens_details?: { cached_tokens?: number };
}

interface Chunk {
  id?: string;
  model?: string;
  provider?: string;
  choices?: {
    delta?: {
      content?: string | null;
      reasoning?: string | null;
      tool_calls?: { index: number; function?: { name?: string; arguments?: string } }[];
      images?: { image_url?: { url?: string } }[];
      annotations?: { type: string; url_citation?: { url: string; title?: string } }[];
    };
    finish_reason?: string | null;
    error?: { message: string } | null;
  }[];
  usage?: Usage;
  error?: { message: string; metadata?: Record<string, unknown> };
  openrouter_metadata?: Routed;
}

const KEPT = "turnout.chat";
const MOST_CHUNKS = 2_000;

export interface Settings {
  system: string;
  temperature: string;
  top_p: string;
  max_tokens: string;
  seed: string;
  effort: string;
  sort: string;
  web: boolean;
  json: boolean;
  more: string;
}
const PLAIN: Settings = { system: "", temperature: "", top_p: "", max_tokens: "", seed: "", effort: "", sort: "", web: false, json: false, more: "" };

/** One model's answer to one turn. */
export class Answer {
  content = $state("");
  reasoning = $state("");
  calls = $state.raw<{ name: string; arguments: string }[]>([]);
  images = $state.raw<string[]>([]);
  sources = $state.raw<{ url: string; title: string }[]>([]);
  state = $state<"waiting" | "thinking" | "answering" | "done" | "stopped" | "failed">("waiting");
  error = $state.raw<Error | undefined>(undefined);
  id = $state("");
  provider = $state("");
  served = $state("");
  finish = $state("");
  usage = $state.raw<Usage | undefined>(undefined);
  routed = $state.raw<Routed | undefined>(undefined);
  first = $state<number | undefined>(undefined);
  thought = $state<number | undefined>(undefined);
  took = $state<number | undefined>(undefined);
  chunks: unknown[] = [];
  #control = new AbortController();
  #waiting: Chunk[] = [];
  #frame = 0;

  constructor(
    readonly model: string,
    readonly request: Record<string, unknown>,
  ) {}

  get busy(): boolean {
    return ["waiting", "thinking", "answering"].includes(this.state);
  }

  stop(): void {
    this.#control.abort();
  }

  async run(): Promise<void> {
    const began = performance.now();
    const since = (): number => performance.now() - began;
    try {
      const options = { body: this.request, headers: { "x-openrouter-metadata": "enabled" }, signal: this.#control.signal };
      for await (const chunk of stream<Chunk>("/api/v1/chat/completions", options)) {
        const delta = chunk.choices?.[0]?.delta;
        if (delta?.content || delta?.reasoning || delta?.tool_calls || delta?.images) this.first ??= since();
        if (delta?.content && this.first !== undefined) this.thought ??= since() - this.first;
        this.#hear(chunk);
      }
      this.#flush();
      if (this.busy) this.state = "done";
    } catch (problem) {
      this.#flush();
      if (this.#control.signal.aborted) this.state = "stopped";
      else [this.error, this.state] = [problem as Error, "failed"];
      // What was asked of a provider has a record; what was refused before has none.
      if (problem instanceof ApiError && problem.status >= 500) this.id ||= problem.generation;
    }
    this.took = since();
  }

  /** Chunks may come faster than a screen shows: they are taken together, once for each picture. */
  #hear(chunk: Chunk): void {
    if (this.chunks.length < MOST_CHUNKS) this.chunks.push(chunk);
    this.#waiting.push(chunk);
    this.#frame ||= requestAnimationFrame(() => this.#flush());
  }

  #flush(): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const some = this.#waiting;
    this.#waiting = [];
    let [content, reasoning] = ["", ""];
    for (const chunk of some) {
      const choice = chunk.choices?.[0];
      const delta = choice?.delta;
      content += delta?.content ?? "";
      reasoning += delta?.reasoning ?? "";
      for (const call of delta?.tool_calls ?? []) this.#call(call.index, call.function);
      const pictures = (delta?.images ?? []).map((one) => one.image_url?.url ?? "");
      if (pictures.length) this.images = [...this.images, ...pictures.filter((url) => url.startsWith("data:image/"))];
      const cited = (delta?.annotations ?? []).flatMap((one) => one.url_citation ?? []);
      if (cited.length) this.sources = [...this.sources, ...cited.map(({ url, title }) => ({ url, title: title || url }))];
      if (chunk.id) this.id ||= chunk.id;
      if (chunk.provider) this.provider = chunk.provider;
      if (chunk.model) this.served = chunk.model;
      if (choice?.finish_reason) this.finish = choice.finish_reason;
      if (chunk.usage) this.usage = chunk.usage;
      if (chunk.openrouter_metadata) this.routed = chunk.openrouter_metadata;
      const broken = chunk.error ?? choice?.error;
      if (broken) [this.error, this.state] = [new ApiError(0, "stream", broken.message), "failed"];
    }
    if (reasoning) this.reasoning += reasoning;
    if (content) this.content += content;
    if (this.busy) this.state = this.content || this.calls.length ? "answering" : this.reasoning ? "thinking" : this.state;
  }

  #call(index: number, called: { name?: string; arguments?: string } | undefined): void {
    const calls = [...this.calls];
    const kept = calls[index] ?? { name: "", arguments: "" };
    calls[index] = { name: kept.name + (called?.name ?? ""), arguments: kept.arguments + (called?.arguments ?? "") };
    this.calls = calls;
  }
}

export interface Turn {
  text: string;
  parts: Part[];
  answers: Answer[];
}

class Conversation {
  models = $state<string[]>([]);
  settings = $state<Settings>({ ...PLAIN });
  turns = $state<Turn[]>([]);

  constructor() {
    try {
      const kept = JSON.parse(localStorage.getItem(KEPT) ?? "{}") as { models?: string[]; settings?: Settings };
      if (Array.isArray(kept.models)) this.models = kept.models.filter((one) => typeof one === "string");
      this.settings = { ...PLAIN, ...kept.settings };
    } catch {
      // what an older page has kept in another form is forgotten
    }
  }

  keep(): void {
    localStorage.setItem(KEPT, JSON.stringify({ models: this.models, settings: this.settings }));
  }

  get busy(): boolean {
    return this.turns.some((turn) => turn.answers.some((answer) => answer.busy));
  }

  get cost(): number {
    return this.turns.reduce((sum, turn) => sum + turn.answers.reduce((own, one) => own + (one.usage?.cost ?? 0), 0), 0);
  }

  /** What is wrong with the fields that are written as JSON; empty when nothing is. */
  get problem(): string {
    if (!this.settings.more.trim()) return "";
    try {
      const value: unknown = JSON.parse(this.settings.more);
      return typeof value === "object" && value !== null && !Array.isArray(value) ? "" : "This must be a JSON object.";
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** The request of `model` for the turns up to `last`. */
  request(model: string, last: number): Record<string, unknown> {
    const { system, temperature, top_p, max_tokens, seed, effort, sort, web, json, more } = this.settings;
    const messages: unknown[] = system.trim() ? [{ role: "system", content: system }] : [];
    this.turns.slice(0, last + 1).forEach((turn, i) => {
      const answer = turn.answers.find((one) => one.model === model && one.content && one.state !== "failed");
      if (i < last && !answer) return; // what it was not asked is no part of its conversation
      messages.push({ role: "user", content: contentOf(turn) });
      if (i < last && answer) messages.push({ role: "assistant", content: answer.content });
    });
    const number = (name: string, text: string): object => (text.trim() && !Number.isNaN(Number(text)) ? { [name]: Number(text) } : {});
    return {
      model,
      messages,
      stream: true,
      ...number("temperature", temperature),
      ...number("top_p", top_p),
      ...number("max_tokens", max_tokens),
      ...number("seed", seed),
      ...(effort ? { reasoning: { effort } } : {}),
      ...(sort ? { provider: { sort } } : {}),
      ...(web ? { plugins: [{ id: "web" }] } : {}),
      ...(json ? { response_format: { type: "json_object" } } : {}),
      ...(more.trim() && !this.problem ? (JSON.parse(more) as object) : {}),
    };
  }

  send(text: string, parts: Part[]): void {
    this.turns.push({ text, parts, answers: [] });
    const last = this.turns.length - 1;
    for (const model of this.models) this.#ask(last, this.turns[last]?.answers.length ?? 0, model);
  }

  retry(turn: number, place: number): void {
    const answer = this.turns[turn]?.answers[place];
    if (answer) this.#ask(turn, place, answer.model);
  }

  #ask(turn: number, place: number, model: string): void {
    const answers = this.turns[turn]?.answers;
    if (!answers) return;
    answers[place] = new Answer(model, this.request(model, turn));
    void answers[place].run();
  }

  stop(): void {
    for (const turn of this.turns) for (const answer of turn.answers) answer.stop();
  }

  clear(): void {
    this.stop();
    this.turns = [];
  }
}

function contentOf(turn: Turn): unknown {
  if (!turn.parts.length) return turn.text;
  return [
    ...(turn.text ? [{ type: "text", text: turn.text }] : []),
    ...turn.parts.map((part) => {
      if (part.type.startsWith("image/")) return { type: "image_url", image_url: { url: part.data } };
      if (part.type.startsWith("audio/")) {
        const format = /wav/.test(part.type) ? "wav" : "mp3";
        return { type: "input_audio", input_audio: { data: part.data.split(",")[1] ?? "", format } };
      }
      return { type: "file", file: { filename: part.name, file_data: part.data } };
    }),
  ];
}

/** The request as a command that can be pasted; the key is left to the environment of who pastes it. */
export function asCurl(request: Record<string, unknown>): string {
  const body = JSON.stringify(request, null, 2).replaceAll("'", "'\\''");
  return [
    `curl ${location.origin}/api/v1/chat/completions \\`,
    `  -H "Authorization: Bearer $TURNOUT_KEY" \\`,
    `  -H 'Content-Type: application/json' \\`,
    `  -d '${body}'`,
  ].join("\n");
}

export const conversation = new Conversation();
