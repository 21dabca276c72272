/** Standard Ornstein-Uhlenbeck process: stationary normal with unit variance and correlation exp(-|t| / tau). */
import type { RandomStream } from '../../numerics/random.ts';

export interface OrnsteinUhlenbeck {
  /** Value at `timeUs`, exact in distribution for any step; to be asked in time order. */
  at(timeUs: number): number;
}

export function createOrnsteinUhlenbeck(stream: RandomStream, tauUs: number): OrnsteinUhlenbeck {
  let lastUs = Number.NaN;
  let value = 0;
  let stepUs = Number.NaN;
  let decay = 0;
  let spread = 1;
  return {
    at(timeUs) {
      if (Number.isNaN(lastUs)) value = stream.normal();
      else if (timeUs > lastUs) {
        if (timeUs - lastUs !== stepUs) {
          stepUs = timeUs - lastUs;
          decay = Math.exp(-stepUs / tauUs);
          spread = Math.sqrt(1 - decay * decay);
        }
        // x(t + h) = x(t) exp(-h / tau) + sqrt(1 - exp(-2 h / tau)) n: the process's exact transition.
        value = decay * value + spread * stream.normal();
      }
      lastUs = timeUs;
      return value;
    },
  };
}
