/**
 * Clouds over a site: the clear-sky index of each PV system, by which its clear-sky irradiance is multiplied. A cloud
 * field common to the site and a local part of each roof drift as Ornstein-Uhlenbeck processes; where their sum falls
 * below a threshold a cloud covers the roof, with soft edges. The figures are our proposal.
 */
import { randomStream } from '../../numerics/random.ts';
import { OrnsteinUhlenbeck } from './ornstein-uhlenbeck.ts';

export type CloudCover = 'clear' | 'fair' | 'broken' | 'overcast';

interface CloudRegime {
  /** Clear-sky index between the clouds and under them. */
  readonly open: number;
  readonly covered: number;
  /** Threshold of the standard normal field below which it is cloudy. */
  readonly threshold: number;
}

/** Shares of cloudy time: clear 2 %, fair 34 %, broken 60 %, overcast 97 %. */
const regimes: Readonly<Record<CloudCover, CloudRegime>> = {
  clear: { open: 1, covered: 0.85, threshold: -2.05 },
  fair: { open: 0.98, covered: 0.45, threshold: -0.41 },
  broken: { open: 0.97, covered: 0.35, threshold: 0.25 },
  overcast: { open: 0.6, covered: 0.24, threshold: 1.88 },
};
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
  const index = new Float64Array(systems.length);
  const siteWeight = Math.sqrt(SITE_SHARE);
  const localWeight = Math.sqrt(1 - SITE_SHARE);
  return {
    at(timeUs) {
      const common = siteWeight * site.at(timeUs);
      locals.forEach((local, i) => {
        index[i] = clearSkyIndex(regimes[cover], common + localWeight * local.at(timeUs));
      });
      return index;
    },
  };
}

/** From open to covered as the field sinks through the threshold (logistic edge). */
function clearSkyIndex({ open, covered, threshold }: CloudRegime, field: number): number {
  return open - (open - covered) / (1 + Math.exp((field - threshold) / EDGE));
}

/** Mean clear-sky index of a regime: the index over the standard normal density, by the midpoint rule. */
export function meanClearSkyIndex(cover: CloudCover): number {
  const step = 0.01;
  let sum = 0;
  for (let z = -6 + step / 2; z < 6; z += step) sum += clearSkyIndex(regimes[cover], z) * Math.exp(-0.5 * z * z);
  return (sum * step) / Math.sqrt(2 * Math.PI);
}
