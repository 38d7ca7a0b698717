// Something that is done on a click: whether it is under way, and what went wrong.
export class Deed {
  busy = $state(false);
  error = $state.raw<Error | undefined>(undefined);

  /** Do *work*; its failure stays in `error` until the next time. */
  async run(work: () => Promise<unknown>): Promise<void> {
    this.busy = true;
    this.error = undefined;
    try {
      await work();
    } catch (failure) {
      this.error = failure as Error;
    } finally {
      this.busy = false;
    }
  }
}
