// The whole catalog in the browser: the filters and orders of the Models API, applied to /models/table.json. The
// address of the page is the query of the API, so that both always answer with the same models in the same order.
type Raw = [
  id: string, name: string, created: number, context: number, prompt: number | null, completion: number | null,
  weighted: number | null, inputs: number, outputs: number, parameters: number, providers: number, tokenizer: string,
  flags: number, intelligence: number | null, coding: number | null, agentic: number | null, arena: number | null,
  tokens: number | null, throughput: number | null, latency: number | null, tools: number | null,
];

interface Table {
  lists: string[][];
  providers: Record<string, string>;
  authors: Record<string, string>;
  rows: Raw[];
}

export interface Model {
  id: string;
  name: string;
  author: string;
  created: number;
  context: number;
  /** Dollars per token; null where nobody states a price. */
  prompt: number | null;
  completion: number | null;
  weighted: number | null;
  inputs: string[];
  outputs: string[];
  parameters: string[];
  providers: string[];
  tokenizer: string;
  zdr: boolean;
  distillable: boolean | null;
  regions: string[];
  /** It chooses among other models, and costs what they cost. */
  router: boolean;
  /** A provider of it can be called from here. */
  callable: boolean;
  intelligence: number | null;
  coding: number | null;
  agentic: number | null;
  arena: number | null;
  tokens: number | null;
  throughput: number | null;
  latency: number | null;
  tools: number | null;
  haystack: string;
}

export interface Catalog {
  models: Model[];
  providers: Record<string, string>;
  authors: Record<string, string>;
}

const DOLLARS = 1e-12;
const priced = (pico: number | null): number | null => (pico === null ? null : pico * DOLLARS);

export async function load(): Promise<Catalog> {
  const answer = await fetch("/models/table.json", { credentials: "same-origin" });
  if (!answer.ok) throw new Error(`The catalog answered with status ${answer.status}.`);
  const table = (await answer.json()) as Table;
  const list = (number: number): string[] => table.lists[number] ?? [];
  const models = table.rows.map((raw): Model => {
    const [id, name, created, context, prompt, completion, weighted, inputs, outputs, parameters, providers] = raw;
    const [, , , , , , , , , , , tokenizer, flags, intelligence, coding, agentic, arena] = raw;
    return {
      id, name, created, context, weighted, tokenizer, intelligence, coding, agentic, arena,
      author: (id.startsWith("~") ? id.slice(1) : id).split("/")[0]?.toLowerCase() ?? "",
      prompt: priced(prompt),
      completion: priced(completion),
      inputs: list(inputs),
      outputs: list(outputs),
      parameters: list(parameters),
      providers: list(providers),
      zdr: (flags & 1) > 0,
      distillable: flags & 2 ? true : flags & 4 ? false : null,
      regions: [...(flags & 8 ? ["eu"] : []), ...(flags & 16 ? ["us"] : [])],
      router: (flags & 32) > 0,
      callable: (flags & 64) > 0,
      tokens: raw[17], throughput: raw[18], latency: raw[19], tools: raw[20],
      haystack: `${id}\n${name}`.toLowerCase(),
    };
  });
  return { models, providers: table.providers, authors: table.authors };
}

type Figure = (model: Model) => number | null;
/** Each order of the API: the figure it compares, and 1 for low to high. Models without the figure come last. */
const ORDERS: Record<string, [Figure, 1 | -1]> = {
  "pricing-low-to-high": [(model) => model.weighted, 1],
  "pricing-high-to-low": [(model) => model.weighted, -1],
  "context-high-to-low": [(model) => model.context || null, -1],
  "throughput-high-to-low": [(model) => model.throughput, -1],
  "latency-low-to-high": [(model) => model.latency, 1],
  "top-weekly": [(model) => model.tokens || null, -1],
  "most-popular": [(model) => model.tokens || null, -1],
  newest: [(model) => model.created || null, -1],
  "intelligence-high-to-low": [(model) => model.intelligence, -1],
  "coding-high-to-low": [(model) => model.coding, -1],
  "agentic-high-to-low": [(model) => model.agentic, -1],
  "design-arena-elo-high-to-low": [(model) => model.arena, -1],
};

/** What `asked` keeps of `models`, in its order. */
export function chosen(models: Model[], asked: URLSearchParams): Model[] {
  const tests = testsOf(asked);
  const kept = models.filter((model) => tests.every((test) => test(model)));
  const order = ORDERS[asked.get("sort") ?? ""];
  if (!order) return kept;
  const [figure, direction] = order;
  return kept.sort((a, b) => {
    const [x, y] = [figure(a), figure(b)];
    if (x === null || y === null) return x === y ? 0 : x === null ? 1 : -1;
    return (x - y) * direction;
  });
}

type Test = (model: Model) => boolean;

/** The words of a parameter, which may be sent several times or as a list with commas. */
export function words(asked: URLSearchParams, name: string): string[] {
  const found = asked.getAll(name).join(",").toLowerCase().split(",");
  return [...new Set(found.map((word) => word.trim()).filter(Boolean))];
}

function testsOf(asked: URLSearchParams): Test[] {
  const tests: Test[] = [];
  const outputs = words(asked, "output_modalities");
  if (!outputs.includes("all")) {
    const wanted = outputs.length ? outputs : ["text"];
    tests.push((model) => model.outputs.some((word) => wanted.includes(word)));
  }
  const every = (name: string, of: (model: Model) => string[]): void => {
    const wanted = words(asked, name);
    if (wanted.length) tests.push((model) => wanted.every((word) => of(model).includes(word)));
  };
  const some = (name: string, of: (model: Model) => string[]): void => {
    const wanted = words(asked, name);
    if (wanted.length) tests.push((model) => of(model).some((word) => wanted.includes(word)));
  };
  every("input_modalities", (model) => model.inputs);
  every("supported_parameters", (model) => model.parameters);
  some("arch", (model) => [model.tokenizer]);
  some("model_authors", (model) => [model.author]);
  some("providers", (model) => model.providers);
  for (const word of (asked.get("q") ?? "").toLowerCase().split(/\s+/).filter(Boolean)) {
    tests.push((model) => model.haystack.includes(word));
  }
  const context = Number(asked.get("context"));
  if (context) tests.push((model) => model.context >= context);
  const now = Date.now() / 1000;
  within(tests, asked, "price", (model) => scaled(model.prompt));
  within(tests, asked, "output_price", (model) => scaled(model.completion));
  within(tests, asked, "age_days", (model) => (model.created ? (now - model.created) / 86_400 : null));
  within(tests, asked, "intelligence_index", (model) => model.intelligence);
  within(tests, asked, "coding_index", (model) => model.coding);
  within(tests, asked, "agentic_index", (model) => model.agentic);
  within(tests, asked, "tool_success_rate", (model) => model.tools);
  const distillable = truth(asked.get("distillable"));
  if (distillable !== null) tests.push((model) => model.distillable === distillable);
  if (truth(asked.get("zdr"))) tests.push((model) => model.zdr);
  const region = asked.get("region");
  if (region) tests.push((model) => model.regions.includes(region));
  const category = asked.get("category");
  if (category) {
    tests.push(category === "programming" ? (m) => m.coding !== null || m.parameters.includes("tools") : () => false);
  }
  return tests;
}

/** Dollars for a million tokens, free of what binary fractions add. */
const scaled = (price: number | null): number | null => (price === null ? null : Math.round(price * 1e12) / 1e6);

function within(tests: Test[], asked: URLSearchParams, name: string, figure: Figure): void {
  const [least, most] = [asked.get(`min_${name}`), asked.get(`max_${name}`)];
  if (least) tests.push((model) => (figure(model) ?? -Infinity) >= Number(least));
  if (most) tests.push((model) => (figure(model) ?? Infinity) <= Number(most));
}

const truth = (text: string | null): boolean | null =>
  text === "true" || text === "1" ? true : text === "false" || text === "0" ? false : null;
