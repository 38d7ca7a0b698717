// Where the browser is, and how it gets elsewhere without loading the page anew.
import { routes, type Route } from "./routes";

export interface Place {
  route: Route | undefined;
  params: Record<string, string>;
}

function placeOf(path: string): Place {
  for (const route of routes) {
    const names = [...route.path.matchAll(/:(\w+)/g)].map((found) => found[1] ?? "");
    const match = new RegExp(`^${route.path.replace(/:\w+/g, "([^/]+)")}/?$`).exec(path);
    if (!match) continue;
    try {
      return { route, params: Object.fromEntries(names.map((name, i) => [name, decodeURIComponent(match[i + 1] ?? "")])) };
    } catch {
      break; // a percent sign that stands for nothing: no page has such an address
    }
  }
  return { route: undefined, params: {} };
}

class Router {
  path = $state(location.pathname);
  search = $state(location.search);
  place: Place = $derived(placeOf(this.path));
  query: URLSearchParams = $derived(new URLSearchParams(this.search));

  constructor() {
    addEventListener("popstate", () => this.#read());
    document.addEventListener("click", (event) => this.#follow(event));
  }

  /** Go to an address of this site; another document is loaded where the application has no such page. */
  go(address: string, { replace = false } = {}): void {
    const url = new URL(address, location.href);
    if (url.origin !== location.origin || !placeOf(url.pathname).route) {
      location.assign(url);
      return;
    }
    const same = url.pathname === location.pathname;
    history[replace ? "replaceState" : "pushState"](null, "", url);
    this.#read();
    if (!same) scrollTo(0, 0);
  }

  /** Put values into the query of the present address; null or "" takes a name out. */
  set(values: Record<string, string | null | undefined>): void {
    const query = new URLSearchParams(location.search);
    for (const [name, value] of Object.entries(values)) {
      if (value) query.set(name, value);
      else query.delete(name);
    }
    const text = query.toString();
    this.go(location.pathname + (text ? `?${text}` : ""), { replace: true });
  }

  #read(): void {
    this.path = location.pathname;
    this.search = location.search;
  }

  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
    const link = event.target instanceof Element ? event.target.closest("a") : null;
    if (!link || link.target || link.hasAttribute("download") || link.origin !== location.origin) return;
    if (link.hash && link.pathname === location.pathname) return;
    if (!placeOf(link.pathname).route) return;
    event.preventDefault();
    this.go(link.href);
  }
}

export const router = new Router();
