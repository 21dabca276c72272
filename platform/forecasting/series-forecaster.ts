/** Forecast from a series that was given: a recorded day, or what another forecaster says about the site. */
import { parseInstant } from '../contract/time.ts';
import type { SeriesConfig } from './config.ts';
import { normalQuantile } from './distribution.ts';
import type { Forecaster } from './forecaster.ts';
import type { PowerOutlook, SiteOutlook } from './outlook.ts';

/** The site's values are shared out by annual energy and by peak power. Knows nothing outside the series. */
export function createSeriesForecaster(config: SeriesConfig): Forecaster {
  const startUs = parseInstant(config.start);
  const energies = shares(config.customers.map(({ annualEnergyWh }) => annualEnergyWh));
  const peaks = shares(config.pvSystems.map(({ peakPowerW }) => peakPowerW));
  const outlook = (powerW: number): PowerOutlook => ({ powerW, sigmaW: config.relativeSigma * Math.abs(powerW) });
  const siteOutlook = (powerW: number): SiteOutlook => {
    const { sigmaW } = outlook(powerW);
    return {
      powerW,
      sigmaW,
      // Powers are not negative; an exact series has all its quantiles in one place.
      quantileW: (probability) => Math.max(Math.min(0, powerW), powerW + sigmaW * normalQuantile(probability)),
    };
  };
  return {
    name: 'series',
    // Whoever made the series has seen what there was to see.
    observe() {},
    weather() {},
    outlook(fromUs, toUs) {
      const load = meanOver(config.loadW, startUs, config.seriesStepUs, fromUs, toUs);
      const generation = meanOver(config.generationW, startUs, config.seriesStepUs, fromUs, toUs);
      if (load === undefined || generation === undefined) return undefined;
      return {
        load: siteOutlook(load),
        generation: siteOutlook(generation),
        customer: (index) => outlook(load * (energies[index] ?? 0)),
        system: (index) => outlook(generation * (peaks[index] ?? 0)),
      };
    },
  };
}

/** Mean over (fromUs, toUs] of interval means; undefined when the interval is not within the series. */
function meanOver(
  values: readonly number[],
  startUs: number,
  stepUs: number,
  fromUs: number,
  toUs: number,
): number | undefined {
  if (fromUs < startUs || toUs > startUs + values.length * stepUs) return undefined;
  let sum = 0;
  for (let index = Math.floor((fromUs - startUs) / stepUs); startUs + index * stepUs < toUs; index++) {
    const beginUs = Math.max(fromUs, startUs + index * stepUs);
    const endUs = Math.min(toUs, startUs + (index + 1) * stepUs);
    // A step of the forecast that is one of the series keeps its very value.
    if (beginUs === fromUs && endUs === toUs) return values[index];
    sum += (values[index] ?? 0) * (endUs - beginUs);
  }
  return sum / (toUs - fromUs);
}

function shares(sizes: readonly number[]): number[] {
  const sum = sizes.reduce((total, size) => total + size, 0);
  return sizes.map((size) => size / sum);
}
