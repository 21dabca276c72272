/** Looks at every tick on the databus: time is moved by this run's harness and by nobody else. */
import { isDeepStrictEqual } from 'node:util';
import { type Tick, tickSchema } from '../../platform/contract/timing.ts';
import { topics } from '../../platform/contract/topics.ts';
import { readControl } from '../../platform/service/intake.ts';
import { ServiceFailure } from './options.ts';

export interface TickWatchOptions {
  readonly runId: string;
  readonly onViolation: (sentence: string) => void;
  /** Another run announces itself: the services are about to forget this one. */
  readonly onStranger: (failure: ServiceFailure) => void;
}

export class TickWatch {
  readonly #options: TickWatchOptions;
  /** Newest tick that was sent, by stream. */
  readonly #sent = new Map<string, Tick>();

  constructor(options: TickWatchOptions) {
    this.#options = options;
  }

  isTick(topic: string): boolean {
    return topic === topics.bridgedTick || topic === topics.directTick;
  }

  /** The harness is about to send this tick. */
  sent(tick: Tick): void {
    this.#sent.set(tick.stream, tick);
  }

  seen(payload: Uint8Array): void {
    const tick = readControl('#tick', tickSchema, payload);
    // Services ignore what is no tick, and ticks of others but for their announcement.
    if (tick === undefined) return;
    const { runId, stream, sequence } = tick;
    const { onViolation } = this.#options;
    if (runId === this.#options.runId) {
      const sent = this.#sent.get(stream);
      if (sent === undefined || sequence > sent.sequence) {
        onViolation(`a tick too early: somebody sent that of instant ${sequence} of the stream ${stream}`);
      } else if (sequence === sent.sequence && !isSame(tick, sent)) {
        onViolation(`another tick of instant ${sequence} of the stream ${stream} than ours: somebody sent it`);
      }
    } else if (sequence === 0) {
      const message = `another run (${runId}) announced itself on this databus: give each run a broker of its own`;
      this.#options.onStranger(new ServiceFailure('run', 'databus', message));
    }
  }
}

/** The same instant with the same counts; it may have been sent again for those who wait. */
function isSame(a: Tick, b: Tick): boolean {
  return a === b || isDeepStrictEqual({ ...a, forced: undefined }, { ...b, forced: undefined });
}
