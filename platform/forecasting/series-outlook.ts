/** Forecast from a series that was given: a recorded day, or what another forecaster says about the site. */
import { parseInstant } from '../contract/time.ts';
import type { SeriesConfig } from './config.ts';
import type { OutlookSource, PowerOutlook } from './outlook.ts';

/** The site's values are shared out by annual energy and by peak power. Knows nothing outside the series. */
export function createSeriesOutlook(config: SeriesConfig): OutlookSource {
  const startUs = parseInstant(config.start);
  const energies = shares(config.customers.map(({ annualEnergyWh }) => annualEnergyWh));
  const peaks = shares(config.pvSystems.map(({ peakPowerW }) => peakPowerW));
  const outlook = (powerW: number): PowerOutlook => ({ powerW, sigmaW: config.relativeSigma * Math.abs(powerW) });
  return (fromUs, toUs) => {
    const load = meanOver(config.loadW, startUs, config.seriesStepUs, fromUs, toUs);
    const generation = meanOver(config.generationW, startUs, config.seriesStepUs, fromUs, toUs);
    if (load === undefined || generation === undefined) return undefined;
    return {
      load: outlook(load),
      generation: outlook(generation),
      customer: (index) => outlook(load * (energies[index] ?? 0)),
      system: (index) => outlook(generation * (peaks[index] ?? 0)),
    };
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
