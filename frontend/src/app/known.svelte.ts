// Names that fields suggest: models and providers, asked for once and only where a form needs them.
import { get } from "./api";

class Known {
  models = $state.raw<string[]>([]);
  providers = $state.raw<string[]>([]);
  #asked = false;

  /** Ask, unless it has been asked. A form works without suggestions too, so a failure is silent. */
  look(): void {
    if (this.#asked) return;
    this.#asked = true;
    const names = <T>(asked: Promise<{ data: T[] }>, name: (one: T) => string): Promise<string[]> =>
      asked.then(
        ({ data }) => data.map(name),
        () => [],
      );
    void names(get<{ data: { id: string }[] }>("/api/v1/models"), (one) => one.id).then((found) => (this.models = found));
    void names(get<{ data: { slug: string }[] }>("/api/v1/providers"), (one) => one.slug).then(
      (found) => (this.providers = found),
    );
  }
}

export const known = new Known();
