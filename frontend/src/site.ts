// Public pages are drawn by the server; what can be more than text is enhanced here, each island by its own component.
import { mount, type Component } from "svelte";

type Island = () => Promise<{ default: Component<any> }>;

const islands: Record<string, Island> = {
  models: () => import("./public/Models.svelte"),
  code: () => import("./public/Code.svelte"),
  compare: () => import("./public/Compare.svelte"),
  scatter: () => import("./public/Scatter.svelte"),
};

for (const place of document.querySelectorAll<HTMLElement>("[data-island]")) {
  const load = islands[place.dataset.island ?? ""];
  if (load) {
    const props = JSON.parse(place.dataset.props ?? "{}") as Record<string, unknown>;
    void load().then(({ default: component }) => {
      place.replaceChildren();
      mount(component, { target: place, props });
    });
  }
}
