// Something that is loaded, and loaded again when what it depends on changes.

/** Call in a component's script: `const keys = resource(() => get<Reply>("/api/v1/keys"))`. */
export function resource<T>(load: () => Promise<T>): Resource<T> {
  const made = new Resource(load);
  $effect(() => {
    made.reload();
  });
  return made;
}

export class Resource<T> {
  value = $state.raw<T | undefined>(undefined);
  error = $state.raw<Error | undefined>(undefined);
  loading = $state(true);
  #load: () => Promise<T>;
  #turn = 0;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** Load again; an earlier answer that comes late is dropped. */
  reload = (): void => {
    const turn = ++this.#turn;
    this.loading = true;
    this.#load().then(
      (value) => {
        if (turn === this.#turn) [this.value, this.error, this.loading] = [value, undefined, false];
      },
      (error: unknown) => {
        if (turn === this.#turn) [this.error, this.loading] = [error as Error, false];
      },
    );
  };
}
