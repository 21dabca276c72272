/** What every service has completed, as their progress messages say; the harness waits on it before it moves time on. */
import { type Progress, progressSchema } from '../../platform/contract/timing.ts';

export class ProgressBoard {
  readonly #services: readonly string[];
  readonly #completed = new Map<string, number>();
  readonly #onProgress: (progress: Progress) => void;
  #wanted = -1;
  #resolve: (() => void) | undefined;

  /** `onProgress` hears every progress message of an instant once, in order of arrival. */
  constructor(services: readonly string[], onProgress: (progress: Progress) => void) {
    this.#services = services;
    this.#onProgress = onProgress;
  }

  receive(payload: Uint8Array): void {
    const parsed = progressSchema.safeParse(JSON.parse(Buffer.from(payload).toString()));
    if (!parsed.success) return;
    const progress = parsed.data;
    if (progress.sequence <= (this.#completed.get(progress.service) ?? -1)) return;
    this.#completed.set(progress.service, progress.sequence);
    if (progress.sequence > 0) this.#onProgress(progress);
    if (this.#resolve !== undefined && this.behind(this.#wanted).length === 0) this.#settle();
  }

  /** Resolves when every service has completed `sequence`. */
  async reached(sequence: number): Promise<void> {
    if (this.behind(sequence).length === 0) return;
    this.#wanted = sequence;
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
  }

  #settle(): void {
    this.#resolve?.();
    this.#resolve = undefined;
  }

  /** Services that have not completed `sequence` yet. */
  behind(sequence: number): readonly string[] {
    return this.#services.filter((service) => (this.#completed.get(service) ?? -1) < sequence);
  }
}
