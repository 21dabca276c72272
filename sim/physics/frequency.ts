/**
 * System frequency as a seeded process: load noise, correlated over a minute, smoothed by inertia and primary control.
 *
 *   dy = -y / T1 dt + noise,   dx/dt = (y - x) / T2,   f = f0 + x,   ROCOF = (y - x) / T2,   angle = integral of 2 pi x
 *
 * with T1 = 60 s and T2 = 5 s: sigma 20 mHz as in continental Europe, ROCOF sigma about 1.2 mHz/s. Our proposal.
 */
import { randomStream } from '../../numerics/random.ts';

const NOISE_TAU_S = 60;
const INERTIA_TAU_S = 5;
/** The noise moves at these instants only, counted from the start: the path does not depend on the caller's step. */
const NODE_US = 100e3;

interface FrequencyState {
  readonly frequencyHz: number;
  readonly rocofHzPerS: number;
  /** Integral of 2 pi (f - nominal) since the start, rad, not wrapped. */
  readonly systemAngleRad: number;
}

export interface FrequencyProcess {
  /** State at `timeUs`, not before the start; to be asked in time order. */
  at(timeUs: number): FrequencyState;
}

/** `sigmaHz` = 0 gives exactly `nominalHz` for ever. */
export function createFrequency(options: {
  readonly seed: string;
  readonly startUs: number;
  readonly sigmaHz: number;
  readonly nominalHz: number;
}): FrequencyProcess {
  const { startUs, sigmaHz, nominalHz } = options;
  const stream = randomStream(options.seed, ['frequency']);
  const decay = Math.exp(-NODE_US / 1e6 / NOISE_TAU_S);
  // Var(x) = Var(y) T1 / (T1 + T2): choose Var(y) such that x has the sigma asked for. Cov(x, y) = Var(x).
  const noiseSigma = sigmaHz * Math.sqrt((NOISE_TAU_S + INERTIA_TAU_S) / NOISE_TAU_S);
  const kick = noiseSigma * Math.sqrt(1 - decay * decay);
  let x = sigmaHz * stream.normal();
  let y = x + Math.sqrt(noiseSigma * noiseSigma - sigmaHz * sigmaHz) * stream.normal();
  let angle = 0;
  let node = 0;

  /** Exact over `seconds` with y held: x relaxes towards y, the angle is the integral of that. */
  function relax(seconds: number): { x: number; angle: number } {
    const rest = Math.exp(-seconds / INERTIA_TAU_S);
    const difference = x - y;
    return {
      x: y + difference * rest,
      angle: angle + 2 * Math.PI * (y * seconds + difference * INERTIA_TAU_S * (1 - rest)),
    };
  }

  return {
    at(timeUs) {
      const elapsedUs = timeUs - startUs;
      if (elapsedUs < node * NODE_US)
        throw new RangeError('the frequency process was asked for a time that has passed');
      while ((node + 1) * NODE_US <= elapsedUs) {
        ({ x, angle } = relax(NODE_US / 1e6));
        y = decay * y + kick * stream.normal();
        node += 1;
      }
      const now = relax((elapsedUs - node * NODE_US) / 1e6);
      return {
        frequencyHz: nominalHz + now.x,
        rocofHzPerS: (y - now.x) / INERTIA_TAU_S,
        systemAngleRad: now.angle,
      };
    },
  };
}
