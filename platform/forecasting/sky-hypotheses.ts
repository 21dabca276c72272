/**
 * How changeable the sky is just now is not known beforehand: there are settled weeks and unsettled hours, even grey skies
 * and broken ones. So the site is followed under several assumptions at once, and each is believed as far as it foretold
 * what then came (a bank of Kalman filters weighted by likelihood: D. T. Magill, IEEE Trans. Automatic Control 10, 1965).
 */
import type { ModelConfig } from './config.ts';
import { createSiteState, type SiteState } from './site-state.ts';

/** Memory of the weather, in that of the configuration, while it lasts: steady, drifting slowly, unsettled. */
const WEATHER_MEMORIES = [3, 1, 0.1];
/** Spread of the passing clouds, in that of the configuration: clear or dull, even skies, light clouds, broken ones. */
const CLOUD_SPREADS = [0.1, 0.4, 1, 1.6];
/** Every assumption keeps this share of the likeliest one's belief, so that it can come back when the weather turns. */
const LEAST_BELIEF = 0.002;

export interface SkyHypothesis {
  readonly state: SiteState;
  /** Sigmas of the clearness: weather of the hour or day, and passing clouds. */
  readonly weather: number;
  readonly clouds: number;
  /** Adds up to 1 over all. */
  belief: number;
}

export interface SkyHypotheses {
  readonly all: readonly SkyHypothesis[];
  advance(byUs: number): void;
  /** Judges by the logarithms of how likely each one found what came, in their order. */
  judge(logDensities: readonly number[]): void;
}

export function createSkyHypotheses({ memory, clearness }: Pick<ModelConfig, 'memory' | 'clearness'>): SkyHypotheses {
  const { loadLevelUs, loadChanceUs, weatherUs, cloudsUs, changeUs } = memory;
  const { sigma, cloudShare } = clearness;
  const all = WEATHER_MEMORIES.flatMap((memoryShare) =>
    CLOUD_SPREADS.map((spread): SkyHypothesis => ({
      state: createSiteState([loadLevelUs, loadChanceUs, memoryShare * weatherUs, cloudsUs]),
      weather: sigma * Math.sqrt(1 - cloudShare),
      clouds: spread * sigma * Math.sqrt(cloudShare),
      belief: 1 / (WEATHER_MEMORIES.length * CLOUD_SPREADS.length),
    })),
  );
  const logs = all.map(() => 0);

  /** The likeliest has the logarithm 0. */
  function weigh(): void {
    const shares = logs.map(Math.exp);
    const total = shares.reduce((sum, share) => sum + share, 0);
    for (const [index, hypothesis] of all.entries()) hypothesis.belief = (shares[index] ?? 0) / total;
  }

  return {
    all,
    advance(byUs) {
      // What was foretold well or badly counts as long as the weather does.
      const kept = Math.exp(-Math.max(0, byUs) / changeUs);
      for (const [index, { state }] of all.entries()) {
        state.advance(byUs);
        logs[index] = kept * (logs[index] ?? 0);
      }
      weigh();
    },
    judge(logDensities) {
      const sums = logs.map((log, index) => log + (logDensities[index] ?? 0));
      const highest = Math.max(...sums);
      for (const [index, sum] of sums.entries()) logs[index] = Math.max(sum - highest, Math.log(LEAST_BELIEF));
      weigh();
    },
  };
}
