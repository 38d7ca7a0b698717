// Calls of the gateway's own API under the session's cookie. Paths are those of the OpenAPI document: a route that
// is renamed or goes away breaks `npm run check`.
import type { paths } from "./schema";
import { router } from "./router.svelte";
import { session } from "./session.svelte";

const AT_ONCE = 100;
type Method = "get" | "post" | "put" | "patch" | "delete";
/** The documented paths that have this method. */
export type PathOf<M extends Method> = {
  [P in keyof paths & string]: paths[P] extends { [K in M]: { responses: unknown } } ? P : never;
}[keyof paths & string];

export interface Options {
  /** Values for `{names}` in the path. */
  path?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
  /** A body that is no JSON object: lines, for one. */
  text?: string;
  signal?: AbortSignal;
  headers?: Record<string, string>;
}

/** What the gateway refused. `type` is the stable word for it, `message` is for people. */
export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly type: string,
    message: string,
    readonly metadata: Record<string, unknown> = {},
    /** The id that the refused request has got, where it got one. */
    readonly generation = "",
  ) {
    super(message);
  }
}

export const get = <T>(path: PathOf<"get">, options: Options = {}): Promise<T> => json<T>("GET", path, options);
export const post = <T>(path: PathOf<"post">, options: Options = {}): Promise<T> => json<T>("POST", path, options);
export const put = <T>(path: PathOf<"put">, options: Options = {}): Promise<T> => json<T>("PUT", path, options);
export const patch = <T>(path: PathOf<"patch">, options: Options = {}): Promise<T> => json<T>("PATCH", path, options);
export const del = <T>(path: PathOf<"delete">, options: Options = {}): Promise<T> => json<T>("DELETE", path, options);

/** All of a list that is given a hundred at a time. */
export async function all<T>(path: PathOf<"get">, query: Options["query"] = {}): Promise<T[]> {
  const found: T[] = [];
  for (;;) {
    const { data } = await get<{ data: T[] }>(path, { query: { ...query, limit: AT_ONCE, offset: found.length } });
    found.push(...data);
    if (data.length < AT_ONCE) return found;
  }
}

/** The events of a stream as they come: decoded JSON, without the closing `[DONE]`. */
export async function* stream<T>(path: PathOf<"post">, options: Options): AsyncGenerator<T> {
  const answer = await call("POST", path, options);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let waiting = "";
  for (;;) {
    const { done, value } = await reader.read();
    waiting += value ?? "";
    const events = waiting.split(/\r?\n\r?\n/);
    waiting = done ? "" : (events.pop() ?? "");
    for (const event of events) {
      const text = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      const data = text.map((line) => line.slice(5).trimStart()).join("\n");
      if (data && data !== "[DONE]") yield JSON.parse(data) as T;
    }
    if (done) return;
  }
}

/** One call whose answer is looked at by the caller: headers, blobs. Throws ApiError for a refusal. */
export async function call(method: string, path: keyof paths & string, options: Options = {}): Promise<Response> {
  const headers: Record<string, string> = { ...options.headers };
  if (method !== "GET") headers["x-csrf-token"] = session.current?.csrf ?? "";
  if (options.body !== undefined) headers["content-type"] = "application/json";
  let answer: Response;
  try {
    answer = await fetch(address(path, options), {
      method,
      headers,
      signal: options.signal,
      body: options.body === undefined ? options.text : JSON.stringify(options.body),
    });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "unreachable", "The gateway cannot be reached. It may be restarting; try again.");
  }
  if (answer.ok) return answer;
  const refusal = await refusalOf(answer);
  if (answer.status === 401) {
    session.current = null;
    router.go(`/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  throw refusal;
}

async function json<T>(method: string, path: keyof paths & string, options: Options): Promise<T> {
  return (await (await call(method, path, options)).json()) as T;
}

function address(path: string, { path: values = {}, query = {} }: Options): string {
  const filled = path.replace(/\{(\w+)(?::\w+)?\}/g, (_, name: string) => encodeURIComponent(values[name] ?? ""));
  const asked = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== "") asked.set(name, String(value));
  }
  const text = asked.toString();
  return `/session${filled}${text ? `?${text}` : ""}`;
}

async function refusalOf(answer: Response): Promise<ApiError> {
  try {
    const { error } = (await answer.json()) as {
      error: { message: string; metadata?: Record<string, unknown> & { error_type?: string } };
    };
    return new ApiError(answer.status, error.metadata?.error_type ?? "", error.message, error.metadata, answer.headers.get("x-generation-id") ?? "");
  } catch {
    return new ApiError(answer.status, "", `The gateway answered with status ${answer.status}.`);
  }
}
