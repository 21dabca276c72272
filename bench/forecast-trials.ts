/**
 * Forecasts against worlds: the profiles and the weather of a scenario, meters and a thermometer as the scenario has them
 * but without the meters' errors, and the forecaster that its platform would have. No grid and no brokers, so that many
 * days take seconds.
 *
 * Quantiles can be right only over skies in the proportion in which they come, and only as far as a forecast could know
 * which one it is: sorted by what came, the best forecast looks too sure or not sure enough (S. Lerch et al., "Forecaster's
 * dilemma", Statistical Science 32 (2017) 106-127). So trials are sorted by what had been seen when they were issued.
 */
import type { ModelConfig } from '../platform/forecasting/config.ts';
import type { MeteredPower } from '../platform/forecasting/forecaster.ts';
import { createModelForecaster } from '../platform/forecasting/model-forecaster.ts';
import { createSiteModel, type SiteStep } from '../platform/forecasting/site-model.ts';
import type { SiteOutlook } from '../platform/forecasting/outlook.ts';
import { weatherReports } from '../platform/forecasting/weather-reports.ts';
import { pinball, quantile } from '../numerics/statistics.ts';
import type { DeviceMessage } from '../sim/devices/device.ts';
import type { Truth } from '../sim/physics/truth.ts';
import { phaseCount } from '../sim/profiles/phase-power.ts';
import { prepareRun, type Preparation } from '../sim/run/prepare.ts';

const QUARTER_US = 900e6;
const STEP_US = 60e6;
const HOUR_US = 3600e6;
const DAY_QUARTERS = 96;
/** A forecast is issued so often, in quarter hours. */
const ISSUE_QUARTERS = 2;
/** Steps in which a clear sky would give less than this share of the peak power are night and dusk: nobody can miss them. */
const DUSK = 0.02;
/** Equally likely values that load and generation are taken apart into for their sum. */
const PARTS = 24;

export const probabilities = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95] as const;

/** How far ahead a step begins: the next hour, the next six, the rest of the day. */
export const leads = ['0-1 h', '1-6 h', '6-24 h'] as const;
type Lead = (typeof leads)[number];

/** Sums over steps of one lead; pinball loss as the mean over `probabilities`. */
export interface Tally extends Loss {
  /** Steps whose truth came below each quantile of `probabilities`. */
  readonly below: number[];
  /** Width from the 10 % to the 90 % quantile, W. */
  widthW: number;
  /** Over the steps of which the truth a day earlier is known, taken as a forecast: the day's own losses, and ours. */
  readonly dayBefore: Loss;
  readonly compared: Loss;
}

interface Loss {
  count: number;
  pinballW: number;
  squareW2: number;
}

/** `net`: load less generation, what the village draws from the grid. It and generation are judged by daylight. */
export const quantities = ['load', 'generation', 'net'] as const;
export type Tallies = Record<(typeof quantities)[number], Record<Lead, Tally>>;

/** Mean clear-sky index of the 24 h before a forecast was issued: up to 0.4, between, from 0.75 on. */
export type SkyBefore = 'grey' | 'mixed' | 'bright';

export interface Trial {
  readonly scenarioFile: string;
  readonly seed: string;
  readonly set?: readonly string[];
  readonly days: number;
}

/** One step of a forecast: quarter hours from the start of the trial to the issue, and from there to the step. */
export interface TrialStep {
  readonly issued: number;
  readonly ahead: number;
  /** Undefined: less than a day had been seen. */
  readonly sky: SkyBefore | undefined;
}

/** Plays the days and adds what came of each step to all that `into` names for it. */
export async function runForecastTrial(trial: Trial, into: (step: TrialStep) => readonly Tallies[]): Promise<void> {
  const { scenarioFile, seed, set = [], days } = trial;
  const preparation = await prepareRun({ scenarioFile, seed, set: [...set], service: {} });
  const config = (await preparation.services('series')).find(({ name }) => name === 'forecasting')
    ?.config as ModelConfig;
  const quarters = playWorld(preparation, config, days);
  const forecaster = createModelForecaster(config);
  const { startUs } = preparation.schedule;
  const dusk = DUSK * config.pvSystems.reduce((sum, { peakPowerW }) => sum + peakPowerW, 0);
  const sun = createSiteModel({ ...config, horizonUs: days * DAY_QUARTERS * QUARTER_US });
  const clearW = quarters.map((_, index) => clearSkyPower(sun.step(...quarterAt(startUs, index))));
  const stations = preparation.park.devices.filter(({ kind }) => kind === 'weather-station');
  for (let now = 0; now < quarters.length; now += 1) {
    const nowUs = startUs + now * QUARTER_US;
    // A weather station sees nothing of the grid.
    const messages = stations.flatMap((station) => station.sample({ timeUs: nowUs } as Truth));
    for (const report of weatherReports(messages.map(inputOf))) forecaster.weather(report);
    const last = quarters[now - 1];
    if (last !== undefined) {
      forecaster.observe({ fromUs: nowUs - QUARTER_US, toUs: nowUs, connections: last.connections });
    }
    if (now % ISSUE_QUARTERS > 0) continue;
    const sky = skyBefore(quarters, clearW, now);
    for (let ahead = 0; ahead < DAY_QUARTERS; ahead += 1) {
      const came = quarters[now + ahead];
      if (came === undefined) break;
      const sums = into({ issued: now, ahead, sky });
      if (sums.length === 0) continue;
      const before = quarters[now + ahead - DAY_QUARTERS];
      const outlook = forecaster.outlook(...quarterAt(startUs, now + ahead));
      if (outlook === undefined) throw new Error('the model knows every day');
      const { load, generation } = outlook;
      const lead = leadOf(ahead * QUARTER_US);
      addTo(sums, 'load', lead, scoreOf(load, came.loadW, before?.loadW));
      if ((clearW[now + ahead] ?? 0) <= dusk) continue;
      addTo(sums, 'generation', lead, scoreOf(generation, came.generationW, before?.generationW));
      addTo(sums, 'net', lead, scoreOf(netOf(load, generation), netW(came), before && netW(before)));
    }
  }
}

function quarterAt(startUs: number, index: number): readonly [number, number] {
  return [startUs + index * QUARTER_US, startUs + (index + 1) * QUARTER_US];
}

/** What a sky without clouds gives. */
function clearSkyPower({ siteLinear, siteQuadratic }: SiteStep): number {
  return siteLinear - siteQuadratic;
}

function skyBefore(quarters: readonly Quarter[], clearW: readonly number[], now: number): SkyBefore | undefined {
  if (now < DAY_QUARTERS) return undefined;
  const day = (of: (index: number) => number) =>
    Array.from({ length: DAY_QUARTERS }, (_, back) => of(now - 1 - back)).reduce((total, value) => total + value, 0);
  const index = day((at) => quarters[at]?.generationW ?? 0) / day((at) => clearW[at] ?? 0);
  if (index <= 0.4) return 'grey';
  return index < 0.75 ? 'mixed' : 'bright';
}

function netW({ loadW, generationW }: Quarter): number {
  return loadW - generationW;
}

/** Load less generation, as if neither told anything of the other: every part of one with every part of the other. */
function netOf(load: SiteOutlook, generation: SiteOutlook): SiteOutlook {
  const parts = Array.from({ length: PARTS }, (_, part) => (part + 0.5) / PARTS);
  const generationW = parts.map((probability) => generation.quantileW(probability));
  const sums = new Float64Array(PARTS * PARTS);
  for (const [i, probability] of parts.entries()) {
    const loadW = load.quantileW(probability);
    for (let j = 0; j < PARTS; j += 1) sums[PARTS * i + j] = loadW - (generationW[j] ?? Number.NaN);
  }
  sums.sort();
  return {
    powerW: load.powerW - generation.powerW,
    sigmaW: Math.hypot(load.sigmaW, generation.sigmaW),
    quantileW: (probability) => quantile(sums, probability),
  };
}

interface Quarter {
  readonly loadW: number;
  readonly generationW: number;
  readonly connections: readonly MeteredPower[];
}

/** Means of quarter hours, of the whole site and behind each meter that the platform knows. */
function playWorld(
  { profiles, loaded: { grid }, schedule }: Preparation,
  config: ModelConfig,
  days: number,
): Quarter[] {
  const phases = phaseCount(grid);
  const loads = createMeans(grid.loads.length, phases);
  const generators = createMeans(grid.generators.length, phases);
  const loadIndex = new Map(grid.loads.map(({ id }, index) => [id, index]));
  const generatorIndex = new Map(grid.generators.map(({ id }, index) => [id, index]));
  const customerIndex = new Map(config.customers.map(({ id }, index) => [id, index]));
  const systemIndex = new Map(config.pvSystems.map(({ id }, index) => [id, index]));
  const out = { loadPower: loads.now, generatorPower: generators.now };
  profiles.at(schedule.startUs, schedule.startUs, out);
  return Array.from({ length: days * DAY_QUARTERS }, (_, quarter) => {
    const fromUs = schedule.startUs + quarter * QUARTER_US;
    for (let atUs = fromUs; atUs < fromUs + QUARTER_US; atUs += STEP_US) {
      profiles.at(atUs + STEP_US, atUs, out);
      loads.add();
      generators.add();
    }
    const [loadW, generationW] = [loads.take(), generators.take()];
    const connections = config.meters.map(({ customers, pvSystems }) => ({
      netW: sumAt(loadW, customers, loadIndex) - sumAt(generationW, pvSystems, generatorIndex),
      customers: customers.flatMap((id) => customerIndex.get(id) ?? []),
      systems: pvSystems.flatMap((id) => systemIndex.get(id) ?? []),
    }));
    return { loadW: sum(loadW), generationW: sum(generationW), connections };
  });
}

/** Adds up an array of powers per element and phase, and answers with the three-phase mean of each element. */
function createMeans(elements: number, phases: 1 | 3) {
  const now = new Float64Array(2 * phases * elements);
  let sums = new Float64Array(elements);
  let steps = 0;
  return {
    now,
    add() {
      for (let at = 0; at < now.length; at += 2) sums[Math.floor(at / (2 * phases))]! += now[at]!;
      steps += 1;
    },
    take() {
      const means = sums.map((power) => (power * 3) / phases / steps);
      sums = new Float64Array(elements);
      steps = 0;
      return means;
    },
  };
}

function sumAt(powers: Float64Array, ids: readonly string[], index: ReadonlyMap<string, number>): number {
  return ids.reduce((total, id) => total + (powers[index.get(id) ?? -1] ?? 0), 0);
}

function sum(values: Float64Array): number {
  return values.reduce((total, value) => total + value, 0);
}

function inputOf({ kind, device, measurement, measuredUs }: DeviceMessage) {
  return { topic: device, kind, message: measurement, taggedUs: measuredUs, late: false };
}

function leadOf(aheadUs: number): Lead {
  if (aheadUs < HOUR_US) return '0-1 h';
  return aheadUs < 6 * HOUR_US ? '1-6 h' : '6-24 h';
}

/** What came of one step of a forecast. */
interface Score {
  readonly below: readonly boolean[];
  readonly widthW: number;
  readonly pinballW: number;
  readonly squareW2: number;
  readonly dayBefore: { readonly pinballW: number; readonly squareW2: number } | undefined;
}

function scoreOf(outlook: SiteOutlook, cameW: number, dayBeforeW: number | undefined): Score {
  const quantilesW = probabilities.map((probability) => outlook.quantileW(probability));
  return {
    below: quantilesW.map((quantileW) => cameW < quantileW),
    widthW: outlook.quantileW(0.9) - outlook.quantileW(0.1),
    pinballW: meanPinball((index) => quantilesW[index] ?? Number.NaN, cameW),
    squareW2: (outlook.powerW - cameW) ** 2,
    dayBefore:
      dayBeforeW === undefined
        ? undefined
        : { pinballW: meanPinball(() => dayBeforeW, cameW), squareW2: (dayBeforeW - cameW) ** 2 },
  };
}

function meanPinball(quantileW: (index: number) => number, cameW: number): number {
  return probabilities.reduce((sum, p, index) => sum + pinball(p, quantileW(index), cameW), 0) / probabilities.length;
}

function addTo(sums: readonly Tallies[], what: keyof Tallies, lead: Lead, score: Score): void {
  for (const tallies of sums) {
    const tally = tallies[what][lead];
    for (const [index, below] of score.below.entries()) if (below) tally.below[index]! += 1;
    tally.widthW += score.widthW;
    addLoss(tally, score);
    if (score.dayBefore === undefined) continue;
    addLoss(tally.dayBefore, score.dayBefore);
    addLoss(tally.compared, score);
  }
}

function addLoss(to: Loss, { pinballW, squareW2 }: Pick<Score, 'pinballW' | 'squareW2'>): void {
  to.count += 1;
  to.pinballW += pinballW;
  to.squareW2 += squareW2;
}

/** Nothing counted yet. */
export function emptyTallies(): Tallies {
  const loss = (): Loss => ({ count: 0, pinballW: 0, squareW2: 0 });
  const tally = (): Tally => ({
    ...loss(),
    below: probabilities.map(() => 0),
    widthW: 0,
    dayBefore: loss(),
    compared: loss(),
  });
  const each = () => ({ '0-1 h': tally(), '1-6 h': tally(), '6-24 h': tally() });
  return { load: each(), generation: each(), net: each() };
}
