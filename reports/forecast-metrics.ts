/** Forecasts of the site against the truth that came: errors near and far, coverage of quantiles, skill against persistence. */
import { pinball, SampleBuffer } from '../numerics/statistics.ts';
import type { Table } from './record-reader.ts';

type Samples = Readonly<Record<string, Float64Array>>;

const HOUR_US = 3600e6;
const DAY_US = 24 * HOUR_US;
/** Steps with less than this share of the highest production are night and dusk: nobody can miss them. */
const DUSK = 0.01;

/** A forecast step: its mean stands for (startUs, endUs]. */
export interface ForecastStep {
  readonly issuedUs: number;
  readonly startUs: number;
  readonly endUs: number;
  readonly powerW: number;
  /** NaN where the forecast states no such quantile. */
  readonly quantile10W: number;
  readonly quantile90W: number;
}

export interface ForecastComparison {
  readonly samples: Samples;
  readonly kpis: Readonly<Record<string, number>>;
}

/** Scores site load and generation; what the record has no sample of is absent. */
export function compareForecasts(forecasts: Table, site: Table): ForecastComparison {
  const timeUs = site.number('timeUs');
  const load = judge(stepsOf(forecasts, 'site:load'), createMeans(timeUs, site.number('loadW')), -Infinity);
  const generationW = site.number('generationW');
  const dusk = DUSK * generationW.reduce((most, power) => Math.max(most, power), 0);
  const generation = judge(stepsOf(forecasts, 'site:generation'), createMeans(timeUs, generationW), dusk);
  return {
    samples: {
      'forecast.load.error': load.next,
      'forecast.generation.error': generation.next,
      'forecast.load.error.dayAhead': load.dayAhead,
      'forecast.generation.error.dayAhead': generation.dayAhead,
      'forecast.load.coverage': load.coverage,
      'forecast.generation.coverage': generation.coverage,
      'forecast.load.pinball': load.pinball,
      'forecast.generation.pinball': generation.pinball,
      'forecast.load.width': load.width,
      'forecast.generation.width': generation.width,
    },
    kpis: {
      ...whenKnown('forecastLoadSkill', load.skill),
      ...whenKnown('forecastGenerationSkill', generation.skill),
      ...whenKnown('forecastLoadSkillDayAhead', load.skillDayAhead),
      ...whenKnown('forecastGenerationSkillDayAhead', generation.skillDayAhead),
    },
  };
}

/** For each forecast step of a component: the value issued last before it began, in order of time. */
export function lastForecasts(forecasts: Table, component: string): readonly ForecastStep[] {
  return lastOfEach(stepsOf(forecasts, component));
}

function lastOfEach(steps: readonly ForecastStep[]): readonly ForecastStep[] {
  const last = new Map<number, ForecastStep>();
  for (const step of steps) {
    const known = last.get(step.endUs);
    if (step.issuedUs <= step.startUs && (known === undefined || known.issuedUs <= step.issuedUs)) {
      last.set(step.endUs, step);
    }
  }
  return [...last.values()].toSorted((x, y) => x.endUs - y.endUs);
}

/** All steps of a component in the order of the record. */
function stepsOf(forecasts: Table, component: string): readonly ForecastStep[] {
  const names = forecasts.text('component');
  const wanted = names.names.indexOf(component);
  const column = (name: string) => {
    const values = forecasts.number(name);
    return (row: number) => values[row] ?? Number.NaN;
  };
  const [issuedUs, endUs] = [column('issuedUs'), column('timeUs')];
  const [powerW, quantile10W, quantile90W] = [column('activePowerW'), column('quantile10W'), column('quantile90W')];
  const rows: number[] = [];
  for (let row = 0; row < forecasts.rows; row += 1) if (names.index[row] === wanted) rows.push(row);
  // Length of a step: the distance between two neighbours of one issue. NaN matches nothing.
  const second = rows.findIndex((row, index) => index > 0 && issuedUs(row) === issuedUs(rows[index - 1] ?? -1));
  const stepUs = second < 0 ? Number.NaN : endUs(rows[second] ?? -1) - endUs(rows[second - 1] ?? -1);
  return rows.map((row) => ({
    issuedUs: issuedUs(row),
    startUs: endUs(row) - stepUs,
    endUs: endUs(row),
    powerW: powerW(row),
    quantile10W: quantile10W(row),
    quantile90W: quantile90W(row),
  }));
}

interface Judgement {
  readonly next: Float64Array;
  readonly dayAhead: Float64Array;
  readonly coverage: Float64Array;
  readonly pinball: Float64Array;
  readonly width: Float64Array;
  readonly skill: number;
  readonly skillDayAhead: number;
}

type Means = (startUs: number, endUs: number) => number;

/** `least`: steps whose 90 % quantile is below prove nothing about quantiles. */
function judge(steps: readonly ForecastStep[], truth: Means, least: number): Judgement {
  const next = new SampleBuffer();
  for (const step of lastOfEach(steps)) push(next, step.powerW - truth(step.startUs, step.endUs));
  const dayAhead = new SampleBuffer();
  const coverage = new SampleBuffer();
  const losses = new SampleBuffer();
  const width = new SampleBuffer();
  const hour = createSkill();
  const day = createSkill();
  for (const { issuedUs, startUs, endUs, powerW, quantile10W, quantile90W } of steps) {
    const leadUs = startUs - issuedUs;
    const came = truth(startUs, endUs);
    // What is said of the past is no forecast, what the record does not reach cannot be judged.
    if (leadUs < 0 || leadUs >= DAY_US || Number.isNaN(came)) continue;
    if (leadUs >= HOUR_US) dayAhead.push(powerW - came);
    if (quantile90W > least) {
      coverage.push(came >= quantile10W && came <= quantile90W ? 100 : 0);
      losses.push((pinball(0.1, quantile10W, came) + pinball(0.9, quantile90W, came)) / 2);
      width.push(quantile90W - quantile10W);
    }
    // The last whole step before the issue, held.
    if (leadUs < HOUR_US) hour.add(powerW, truth(issuedUs - (endUs - startUs), issuedUs), came);
    day.add(powerW, truth(startUs - DAY_US, endUs - DAY_US), came);
  }
  return {
    next: next.values(),
    dayAhead: dayAhead.values(),
    coverage: coverage.values(),
    pinball: losses.values(),
    width: width.values(),
    skill: hour.skill(),
    skillDayAhead: day.skill(),
  };
}

function push(samples: SampleBuffer, value: number): void {
  if (Number.isFinite(value)) samples.push(value);
}

/** 1 - rmse(forecast) / rmse(reference), %, over the steps that both speak of; NaN without any, or if nothing changed. */
function createSkill() {
  let forecast = 0;
  let reference = 0;
  return {
    add(forecastW: number, referenceW: number, cameW: number): void {
      if (Number.isNaN(referenceW)) return;
      forecast += (forecastW - cameW) ** 2;
      reference += (referenceW - cameW) ** 2;
    },
    skill: () => (reference > 0 ? 100 * (1 - Math.sqrt(forecast / reference)) : Number.NaN),
  };
}

/** Means of a step series over (startUs, endUs]; NaN where the record does not resolve both ends. */
function createMeans(timeUs: Float64Array, values: Float64Array): Means {
  const energy = new Float64Array(timeUs.length);
  for (let k = 1; k < timeUs.length; k += 1) {
    const before = energy[k - 1] ?? 0;
    energy[k] = before + (values[k] ?? Number.NaN) * ((timeUs[k] ?? Number.NaN) - (timeUs[k - 1] ?? Number.NaN));
  }
  const places = new Map<number, number>();
  timeUs.forEach((time, k) => places.set(time, k));
  return (startUs, endUs) => {
    const [start, end] = [places.get(startUs), places.get(endUs)];
    if (start === undefined || end === undefined || end <= start) return Number.NaN;
    return ((energy[end] ?? Number.NaN) - (energy[start] ?? Number.NaN)) / (endUs - startUs);
  };
}

function whenKnown(name: string, value: number): Readonly<Record<string, number>> {
  return Number.isFinite(value) ? { [name]: value } : {};
}
