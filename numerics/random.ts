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

  return new Stream(next);
}

/** A class, because the engine keeps numbers in fields in place, while those that closures hold are made anew each time. */
class Stream implements RandomStream {
  readonly uniform: () => number;
  readonly normal = (): number => this.#drawNormal();
  #spare = Number.NaN;

  constructor(next: () => number) {
    this.uniform = next;
  }

  /** Marsaglia's polar method: two uniforms in the unit disc give two independent normals, without trigonometry. */
  #drawNormal(): number {
    if (!Number.isNaN(this.#spare)) {
      const value = this.#spare;
      this.#spare = Number.NaN;
      return value;
    }
    let u: number;
    let v: number;
    let s: number;
    do {
      u = 2 * this.uniform() - 1;
      v = 2 * this.uniform() - 1;
      s = u * u + v * v;
    } while (s >= 1 || s === 0);
    const factor = Math.sqrt((-2 * Math.log(s)) / s);
    this.#spare = v * factor;
    return u * factor;
  }
}

const WARM_UP = 8;

/** `twin-random/1 4:seed 2 3:pmu 5:clock`: no two (seed, path) pairs share a key. */
function streamKey(seed: string, path: readonly string[]): string {
  const parts = path.map((part) => `${part.length}:${part}`);
  return [KEY_VERSION, `${seed.length}:${seed}`, path.length, ...parts].join(' ');
}
