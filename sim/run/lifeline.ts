/** Whether a run's services and brokers are alive: the first that fails ends every wait that is under way. */
export class Lifeline {
  readonly #waits = new Set<(error: Error) => void>();
  readonly #ended = new AbortController();
  #error: Error | undefined;

  /** Something died; only the first counts, for what follows is mostly its consequence. */
  fail(error: Error): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#ended.abort(error);
    for (const reject of this.#waits) reject(error);
    this.#waits.clear();
  }

  /** Aborts with the first failure; for timers. */
  get signal(): AbortSignal {
    return this.#ended.signal;
  }

  /**
   * Settles as `work` does, or rejects with the first failure, whichever comes first. Unlike `Promise.race` with one
   * promise for the whole run, it leaves nothing behind that would grow with the number of waits.
   */
  async during<Result>(work: Promise<Result>): Promise<Result> {
    return await new Promise<Result>((resolve, reject) => {
      this.#waits.add(reject);
      work.then(resolve, reject).finally(() => this.#waits.delete(reject));
      if (this.#error !== undefined) reject(this.#error);
    });
  }
}
