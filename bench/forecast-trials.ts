/**
 * Forecasts against worlds: the profiles and the weather of a scenario, meters and a thermometer as the scenario has them
 * but without the meters' errors, and the forecaster that its platform would have. No grid and no brokers, so that many
 * days take seconds.
 */
import type { ModelConfig } from '../platform/forecasting/config.ts';
import type { MeteredPower } from '../platform/forecasting/forecaster.ts';
import { createModelForecaster } from '../platform/forecasting/model-forecaster.ts';
import type { SiteOutlook } from '../platform/forecasting/outlook.ts';
import { weatherReports } from '../platform/forecasting/weather-reports.ts';
import { pinball } from '../numerics/statistics.ts';
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
/** Steps whose 90 % quantile is below this share of the highest generation are night and dusk: nobody can miss them. */
const DUSK = 0.01;

export const probabilities = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95] as const;

/** How far ahead a step begins: the next hour, the next six, the rest of the day. */
export const leads = ['0-1 h', '1-6 h', '6-24 h'] as const;
type Lead = (typeof leads)[number];

/** Sums over steps of one lead. */
export interface Tally {
  count: number;
  /** Steps whose truth came below each quantile of `probabilities`. */
  readonly below: number[];
  /** Pinball loss, summed over `probabilities`' mean, W. */
  pinballW: number;
  /** Width from the 10 % to the 90 % quantile, W. */
  widthW: number;
  squareW2: number;
  /** Of the truth a day earlier as a forecast, and the count of those. */
  persistenceW2: number;
  persistenceCount: number;
  /** The forecast's squares over the same steps. */
  comparedW2: number;
}

export type Tallies = Record<'load' | 'generation', Record<Lead, Tally>>;

export interface Trial {
  readonly scenarioFile: string;
  readonly seed: string;
  readonly set?: readonly string[];
  readonly days: number;
}

/** Plays the days and adds what came of the forecasts to each of `into`. */
export async function runForecastTrial(trial: Trial, into: readonly Tallies[]): Promise<void> {
  const { scenarioFile, seed, set = [], days } = trial;
  const preparation = await prepareRun({ scenarioFile, seed, set: [...set], service: {} });
  const config = (await preparation.services('series')).find(({ name }) => name === 'forecasting')
    ?.config as ModelConfig;
  const quarters = playWorld(preparation, config, days);
  const forecaster = createModelForecaster(config);
  const { startUs } = preparation.schedule;
  const dusk = DUSK * quarters.reduce((most, { generationW }) => Math.max(most, generationW), 0);
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
    for (let ahead = 0; ahead < DAY_QUARTERS; ahead += 1) {
      const came = quarters[now + ahead];
      if (came === undefined) break;
      const before = quarters[now + ahead - DAY_QUARTERS];
      const stepUs = nowUs + ahead * QUARTER_US;
      const outlook = forecaster.outlook(stepUs, stepUs + QUARTER_US);
      if (outlook === undefined) throw new Error('the model knows every day');
      const { load, generation } = outlook;
      const lead = leadOf(ahead * QUARTER_US);
      for (const tallies of into) add(tallies.load[lead], load, came.loadW, before?.loadW);
      if (generation.quantileW(0.9) <= dusk) continue;
      for (const tallies of into) add(tallies.generation[lead], generation, came.generationW, before?.generationW);
    }
  }
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

function add(tally: Tally, outlook: SiteOutlook, cameW: number, dayBeforeW: number | undefined): void {
  tally.count += 1;
  for (const [index, probability] of probabilities.entries()) {
    const quantileW = outlook.quantileW(probability);
    if (cameW < quantileW) tally.below[index]! += 1;
    tally.pinballW += pinball(probability, quantileW, cameW) / probabilities.length;
  }
  tally.widthW += outlook.quantileW(0.9) - outlook.quantileW(0.1);
  const square = (outlook.powerW - cameW) ** 2;
  tally.squareW2 += square;
  if (dayBeforeW === undefined) return;
  tally.persistenceCount += 1;
  tally.persistenceW2 += (dayBeforeW - cameW) ** 2;
  tally.comparedW2 += square;
}

/** Nothing counted yet. */
export function emptyTallies(): Tallies {
  const tally = (): Tally => ({
    count: 0,
    below: probabilities.map(() => 0),
    pinballW: 0,
    widthW: 0,
    squareW2: 0,
    persistenceW2: 0,
    persistenceCount: 0,
    comparedW2: 0,
  });
  const each = () => ({ '0-1 h': tally(), '1-6 h': tally(), '6-24 h': tally() });
  return { load: each(), generation: each() };
}
