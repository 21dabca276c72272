/** What every service has completed, as their progress messages say; the harness waits on it before it moves time on. */
import { formatInstant } from '../../platform/contract/time.ts';
import { type Progress, progressSchema } from '../../platform/contract/timing.ts';
import { readControl } from '../../platform/service/intake.ts';

export interface ProgressBoardOptions {
  /** Progress of other runs is none of ours. */
  readonly runId: string;
  readonly services: readonly string[];
  /** Hears every progress message of an instant once, in order of arrival. */
  readonly onProgress: (progress: Progress) => void;
  /** Progress that cannot be: of an instant that has not begun, of another time, or twice and not the same. */
  readonly onViolation: (sentence: string) => void;
}

export class ProgressBoard {
  readonly #options: ProgressBoardOptions;
  readonly #newest = new Map<string, { readonly sequence: number; readonly payload: Uint8Array }>();
  /** The newest instant whose ticks have gone out, and its time. */
  #begun = 0;
  #timeUs = Number.NaN;
  /** The newest instant whose ticks went out again. */
  #urged = 0;
  #wanted = -1;
  #resolve: (() => void) | undefined;

  constructor(options: ProgressBoardOptions) {
    this.#options = options;
  }

  /** The ticks of an instant go out. */
  begin(sequence: number, timeUs: number): void {
    this.#begun = sequence;
    this.#timeUs = timeUs;
  }

  /** The ticks of an instant go out again: a plain service may answer again, with other counts. */
  urge(sequence: number): void {
    this.#urged = sequence;
  }

  receive(payload: Uint8Array): void {
    const { runId, services, onProgress, onViolation } = this.#options;
    const progress = readControl('#progress', progressSchema, payload);
    if (progress?.runId !== runId || !services.includes(progress.service)) return;
    const { service, sequence, timeUs } = progress;
    if (sequence > this.#begun) onViolation(`${service} completed instant ${sequence} before its tick was sent`);
    if (sequence > 0 && sequence === this.#begun && timeUs !== this.#timeUs) {
      onViolation(`${service} takes instant ${sequence} for ${formatInstant(timeUs)}`);
    }
    const newest = this.#newest.get(service);
    if (newest !== undefined && sequence <= newest.sequence) {
      // A redelivery is the same bytes again; a second instance, or somebody else in its name, says something else.
      const same = Buffer.compare(newest.payload, payload) === 0;
      if (!same && sequence > this.#urged)
        onViolation(`more than one ${service} says what became of instant ${sequence}`);
      return;
    }
    this.#newest.set(service, { sequence, payload });
    if (sequence > 0) onProgress(progress);
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
    return this.#options.services.filter((service) => (this.#newest.get(service)?.sequence ?? -1) < sequence);
  }
}
