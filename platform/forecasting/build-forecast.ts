/** Writes a forecast message: site sums over the horizon, single customers and systems over the next few steps. */
import type { Forecast } from '../contract/forecast.ts';
import { formatInstant } from '../contract/time.ts';
import type { ForecastingConfig } from './config.ts';
import type { Forecaster } from './forecaster.ts';
import type { PowerOutlook, SiteOutlook, StepOutlook } from './outlook.ts';

type Series = Forecast['series'][number];

/**
 * The forecast issued at `timeUs`; its first step is the one `pastSteps` before that which holds the instant. Where the
 * source ends, the series end; undefined when it knows nothing from the instant on.
 */
export function buildForecast(config: ForecastingConfig, forecaster: Forecaster, timeUs: number): Forecast | undefined {
  const { stepUs, quantiles } = config;
  const currentUs = Math.floor(timeUs / stepUs) * stepUs;
  const ahead = knownSteps(forecaster, currentUs, stepUs, Math.ceil(config.horizonUs / stepUs));
  if (ahead.length === 0) return undefined;
  const past = knownStepsBefore(forecaster, currentUs, stepUs, config.pastSteps);
  const steps = [...past, ...ahead];
  const detailed = steps.slice(0, past.length + config.detailSteps);
  const series: Series[] = [
    siteSeriesOf('site:load', steps, quantiles, (step) => step.load),
    siteSeriesOf('site:generation', steps, quantiles, (step) => step.generation),
  ];
  if (detailed.length > 0) {
    for (const [index, { id, powerFactor }] of config.customers.entries()) {
      const load = seriesOf(`load:${id}`, detailed, (step) => step.customer(index));
      // Q = P tan(arccos pf), inductive.
      const tanPhi = Math.sqrt(1 / powerFactor ** 2 - 1);
      series.push({ ...load, reactivePowerVar: load.activePowerW.map((power) => milli(power * tanPhi)) });
    }
    for (const [index, { id }] of config.pvSystems.entries()) {
      series.push(seriesOf(`generator:${id}`, detailed, (step) => step.system(index)));
    }
  }
  return {
    schema: 'platone.forecast/1',
    issuer: 'forecasting',
    timestamp: formatInstant(timeUs),
    start: formatInstant(currentUs - past.length * stepUs),
    stepUs,
    series,
  };
}

/** Steps from `startUs` on until the source ends. */
function knownSteps(forecaster: Forecaster, startUs: number, stepUs: number, count: number): StepOutlook[] {
  const steps: StepOutlook[] = [];
  for (let index = 0; index < count; index++) {
    const step = forecaster.outlook(startUs + index * stepUs, startUs + (index + 1) * stepUs);
    if (step === undefined) break;
    steps.push(step);
  }
  return steps;
}

/** The steps just before `endUs`, in order, as far back as the source knows them. */
function knownStepsBefore(forecaster: Forecaster, endUs: number, stepUs: number, count: number): StepOutlook[] {
  const steps: StepOutlook[] = [];
  for (let index = 1; index <= count; index++) {
    const step = forecaster.outlook(endUs - index * stepUs, endUs - (index - 1) * stepUs);
    if (step === undefined) break;
    steps.unshift(step);
  }
  return steps;
}

function seriesOf(component: string, steps: readonly StepOutlook[], of: (step: StepOutlook) => PowerOutlook): Series {
  const outlooks = steps.map(of);
  return {
    component,
    activePowerW: outlooks.map(({ powerW }) => milli(powerW)),
    activePowerSigmaW: outlooks.map(({ sigmaW }) => milli(sigmaW)),
  };
}

/** A sum with its distribution. */
function siteSeriesOf(
  component: string,
  steps: readonly StepOutlook[],
  probabilities: readonly number[],
  of: (step: StepOutlook) => SiteOutlook,
): Series {
  const series = seriesOf(component, steps, of);
  if (probabilities.length === 0) return series;
  const quantiles = probabilities
    .toSorted((a, b) => a - b)
    .map((probability) => ({
      probability,
      activePowerW: steps.map((step) => milli(of(step).quantileW(probability))),
    }));
  return { ...series, quantiles };
}

/** To a thousandth of a watt: more digits would only make the message longer. */
function milli(value: number): number {
  return Math.round(value * 1000) / 1000;
}
