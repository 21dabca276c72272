/**
 * Named random streams: every consumer of chance owns one, derived from the run's seed and its own path alone, so that
 * adding, removing or reordering consumers never changes what another one draws.
 */
import seedrandom from 'seedrandom';

export interface RandomStream {
  /** Uniform in [0, 1), 32 bits of resolution. */
  readonly uniform: () => number;
  /** Standard normal: mean 0, variance 1. */
  readonly normal: () => number;
}

/** Part of every key: raise it when the derivation changes, because then every seeded result changes. */
const KEY_VERSION = 'twin-random/1';

/**
 * The stream that belongs to `path` under `seed`. Equal arguments give equal streams; the parts are length-prefixed, so
 * `['a', 'bc']` and `['ab', 'c']` differ. Alea: J. Baagoe, multiply-with-carry, period about 2^116.
 */
export function randomStream(seed: string, path: readonly string[]): RandomStream {
  const next = seedrandom.alea(streamKey(seed, path));
  // Alea's seeding mixes the last characters of a key least; the first outputs show it, the later ones do not.
  for (let i = 0; i < WARM_UP; i += 1) next();
  let spare = Number.NaN;

  /** Marsaglia's polar method: two uniforms in the unit disc give two independent normals, without trigonometry. */
  function normal(): number {
    if (!Number.isNaN(spare)) {
      const value = spare;
      spare = Number.NaN;
      return value;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * next() - 1;
      v = 2 * next() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const factor = Math.sqrt((-2 * Math.log(s)) / s);
    spare = v * factor;
    return u * factor;
  }

  return { uniform: next, normal };
}

const WARM_UP = 8;

/** `twin-random/1 4:seed 2 3:pmu 5:clock`: no two (seed, path) pairs share a key. */
function streamKey(seed: string, path: readonly string[]): string {
  const parts = path.map((part) => `${part.length}:${part}`);
  return [KEY_VERSION, `${seed.length}:${seed}`, path.length, ...parts].join(' ');
}
