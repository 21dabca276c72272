/** A forecast that is wrong by a stated amount, for scenarios that ask what a bad forecast costs. */
import type { Forecaster } from './forecaster.ts';
import type { PowerOutlook, SiteOutlook } from './outlook.ts';

export interface StatedError {
  /** Added to the load and the generation, relative: 0.3 is a forecast that is 30 % too high. At least -1. */
  readonly loadErrorShare: number;
  readonly generationErrorShare: number;
  /** What is forecast for an instant is said of one so much later: the peak comes late; negative comes early. */
  readonly lateUs: number;
}

/** `forecaster`, its answers shifted and scaled, spread and quantiles with them: it does not know that it is wrong. */
export function wrongOnPurpose(forecaster: Forecaster, error: StatedError): Forecaster {
  const { loadErrorShare, generationErrorShare, lateUs } = error;
  if (loadErrorShare === 0 && generationErrorShare === 0 && lateUs === 0) return forecaster;
  const [load, generation] = [1 + loadErrorShare, 1 + generationErrorShare];
  return {
    name: forecaster.name,
    observe: (observation) => forecaster.observe(observation),
    weather: (report) => forecaster.weather(report),
    outlook(fromUs, toUs) {
      const right = forecaster.outlook(fromUs - lateUs, toUs - lateUs);
      if (right === undefined) return undefined;
      return {
        load: scaledSite(right.load, load),
        generation: scaledSite(right.generation, generation),
        customer: (index) => scaled(right.customer(index), load),
        system: (index) => scaled(right.system(index), generation),
      };
    },
  };
}

function scaled({ powerW, sigmaW }: PowerOutlook, factor: number): PowerOutlook {
  return { powerW: factor * powerW, sigmaW: factor * sigmaW };
}

function scaledSite(outlook: SiteOutlook, factor: number): SiteOutlook {
  return { ...scaled(outlook, factor), quantileW: (probability) => factor * outlook.quantileW(probability) };
}
