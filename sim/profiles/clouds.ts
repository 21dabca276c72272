/**
 * Clouds over a site: the clear-sky index of each PV system, by which its clear-sky irradiance is multiplied. A cloud
 * field common to the site and a local part of each roof drift as Ornstein-Uhlenbeck processes; where their sum falls
 * below a threshold a cloud covers the roof, with soft edges. The figures are our proposal. A sky stays as it is, or changes
 * whenever a front passes.
 */
import { randomStream } from '../../numerics/random.ts';
import { OrnsteinUhlenbeck } from './ornstein-uhlenbeck.ts';

type Sky = 'clear' | 'fair' | 'broken' | 'overcast';
/** `changing`: fronts pass, each brings one of the skies. */
export type CloudCover = Sky | 'changing';

interface CloudRegime {
  /** Clear-sky index between the clouds and under them. */
  readonly open: number;
  readonly covered: number;
  /** Threshold of the standard normal field below which it is cloudy. */
  readonly threshold: number;
}

/** Shares of cloudy time: clear 2 %, fair 34 %, broken 60 %, overcast 97 %. */
const regimes: Readonly<Record<Sky, CloudRegime>> = {
  clear: { open: 1, covered: 0.85, threshold: -2.05 },
  fair: { open: 0.98, covered: 0.45, threshold: -0.41 },
  broken: { open: 0.97, covered: 0.35, threshold: 0.25 },
  overcast: { open: 0.6, covered: 0.24, threshold: 1.88 },
};
/**
 * Skies that fronts bring, and how often. Daily means of the clear-sky index then have a mean of 0.58, a standard deviation
 * of 0.25, and correlate by 0.3 from one day to the next, as measured series do: the Markov matrices of R. Aguiar, M.
 * Collares-Pereira and J. P. Conde, Solar Energy 40 (1988) 269-279, give 0.29 to 0.31 where the mean clearness index is
 * that of north Germany's summer half-year (0.35 to 0.45), with a standard deviation of 0.23 in the clear-sky index. V. A.
 * Graham, K. G. T. Hollands and T. E. Unny, same volume, 83-92, describe the days by such a first-order process too.
 */
const FRONTS: readonly (readonly [Sky, number])[] = [
  ['overcast', 0.35],
  ['broken', 0.3],
  ['fair', 0.2],
  ['clear', 0.15],
];
/** Mean time between two fronts. They pass at random: each hour is as likely as any other. */
const FRONT_US = 18 * 3600e6;
/** Every front brings air hazier or clearer by up to so much of the light, and clouds thicker or thinner by up to so much. */
const HAZE = 0.05;
const THICKNESS = 0.5;
/** Softness of a cloud's edge in standard deviations of the field. */
const EDGE = 0.2;
const SITE_TAU_US = 10 * 60e6;
const LOCAL_TAU_US = 2 * 60e6;
/** Share of the field's variance that the whole site has in common. */
const SITE_SHARE = 0.6;

export interface Clouds {
  /** Clear-sky index of each system at `timeUs`, in their order; to be asked in time order. Reused between calls. */
  at(timeUs: number): Float64Array;
}

/** `systems` are ids; adding one changes no other's clouds. */
export function createClouds(cover: CloudCover, systems: readonly string[], seed: string): Clouds {
  const site = new OrnsteinUhlenbeck(randomStream(seed, ['clouds', 'site']), SITE_TAU_US);
  const locals = systems.map((id) => new OrnsteinUhlenbeck(randomStream(seed, ['clouds', 'local', id]), LOCAL_TAU_US));
  const regimeAt = createRegimes(cover, seed);
  const index = new Float64Array(systems.length);
  const siteWeight = Math.sqrt(SITE_SHARE);
  const localWeight = Math.sqrt(1 - SITE_SHARE);
  return {
    at(timeUs) {
      const common = siteWeight * site.at(timeUs);
      const regime = regimeAt(timeUs);
      locals.forEach((local, i) => {
        index[i] = clearSkyIndex(regime, common + localWeight * local.at(timeUs));
      });
      return index;
    },
  };
}

/** The regime of an instant; to be asked in time order. */
function createRegimes(cover: CloudCover, seed: string): (timeUs: number) => CloudRegime {
  if (cover !== 'changing') return () => regimes[cover];
  const draws = randomStream(seed, ['clouds', 'fronts']);
  let regime: CloudRegime = regimes.overcast;
  let untilUs = Number.NaN;
  return (timeUs) => {
    if (Number.isNaN(untilUs)) untilUs = timeUs;
    while (timeUs >= untilUs) {
      const { open, covered, threshold } = regimes[skyOf(draws.uniform())];
      const vary = (by: number) => 1 + by * (2 * draws.uniform() - 1);
      regime = { open: open * vary(HAZE), covered: covered * vary(THICKNESS), threshold };
      // Times between events of a Poisson process are exponential: by inversion.
      untilUs -= FRONT_US * Math.log(1 - draws.uniform());
    }
    return regime;
  };
}

/** The sky whose part of [0, 1) this is. */
function skyOf(uniform: number): Sky {
  let below = 0;
  for (const [sky, share] of FRONTS) {
    below += share;
    if (uniform < below) return sky;
  }
  return 'clear';
}

/** From open to covered as the field sinks through the threshold (logistic edge). */
function clearSkyIndex({ open, covered, threshold }: CloudRegime, field: number): number {
  return open - (open - covered) / (1 + Math.exp((field - threshold) / EDGE));
}

/** Mean clear-sky index: of a regime the index over the standard normal density, by the midpoint rule. */
export function meanClearSkyIndex(cover: CloudCover): number {
  // The index is linear in the light between the clouds and under them: what varies about a mean gives that of the mean.
  if (cover === 'changing') return FRONTS.reduce((mean, [sky, share]) => mean + share * meanClearSkyIndex(sky), 0);
  const step = 0.01;
  let sum = 0;
  for (let z = -6 + step / 2; z < 6; z += step) sum += clearSkyIndex(regimes[cover], z) * Math.exp(-0.5 * z * z);
  return (sum * step) / Math.sqrt(2 * Math.PI);
}
