// Public pages are drawn by the server; what can be more than text is enhanced here, each island by its own component.
import { mount, type Component } from "svelte";

interface Island {
  default: Component<any>;
  /** More properties, awaited before what the server has drawn is replaced. */
  prepare?: () => Promise<Record<string, unknown>>;
}

const islands: Record<string, () => Promise<Island>> = {
  models: () => import("./public/Models.svelte"),
  code: () => import("./public/Code.svelte"),
  speeds: () => import("./public/Speeds.svelte"),
};

async function enhance(place: HTMLElement, load: () => Promise<Island>): Promise<void> {
  const { default: component, prepare } = await load();
  const props = { ...JSON.parse(place.dataset.props ?? "{}"), ...(await prepare?.()) };
  place.replaceChildren();
  mount(component, { target: place, props });
  place.dataset.ready = "";
  performance.mark("ready");
}

for (const place of document.querySelectorAll<HTMLElement>("[data-island]")) {
  const load = islands[place.dataset.island ?? ""];
  // What fails leaves the server's page as it is.
  if (load) enhance(place, load).catch((error: unknown) => console.warn(error));
}
