/**
 * What pymfm's own HTTP service says otherwise than its files do (`src/service` and `src/pymfm/control` of its repository,
 * versions after October 2023): its later requests have other names and states of charge from 0 to 1, and its answers are
 * schedules with one object per battery.
 */
import type { Problem } from '../../grids/problem.ts';
import type { PymfmAnswer } from './pymfm.ts';

type Json = Readonly<Record<string, unknown>>;

/** Names of later versions, and those of the files. */
const namesOfFiles: Readonly<Record<string, string>> = {
  P_available_kW: 'P_gen_kW',
  P_required_kW: 'P_load_kW',
  control_start: 'uc_start',
  control_end: 'uc_end',
};
/** When and how often that service works on a job; here it is worked out once, at once. */
const ITS_OWN_BUSINESS: ReadonlySet<string> = new Set(['job_start', 'job_end', 'repeat_seconds', 'delta_T_h']);
const STATES_OF_CHARGE: ReadonlySet<string> = new Set(['initial_SoC', 'final_SoC', 'min_SoC', 'max_SoC']);

/** A request in the form of pymfm's files; those in that form already, and what is none, stay as they are. */
export function requestOfService(body: unknown): unknown {
  if (!isLater(body)) return body;
  const { generation_and_load: series, battery_specs: batteries, ...rest } = inNamesOfFiles(body);
  const { values, ...how } = inNamesOfFiles(series as Json);
  const samples = (values as readonly Json[]).map((sample) => (isObject(sample) ? inNamesOfFiles(sample) : sample));
  const inPercent = (battery: unknown) => (isObject(battery) ? percentages(battery) : battery);
  return {
    // Where no window is named it is all of the series.
    uc_start: samples[0]?.['timestamp'],
    uc_end: samples.at(-1)?.['timestamp'],
    ...rest,
    generation_and_load: { ...how, values: samples },
    battery_specs: Array.isArray(batteries) ? batteries.map(inPercent) : inPercent(batteries),
  };
}

/** Faults of a request that was read so, at the names that its sender knows. */
export function faultsOfService(body: unknown, faults: readonly Problem[]): readonly Problem[] {
  if (!isLater(body)) return faults;
  const names = Object.entries(namesOfFiles).filter(([later]) => later.startsWith('P_') || later in body);
  return faults.map((fault) => ({
    ...fault,
    path: names.reduce((path, [later, ofFiles]) => path.replace(ofFiles, later), fault.path),
  }));
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isLater(body: unknown): body is Json {
  const series = isObject(body) ? body['generation_and_load'] : undefined;
  const values = isObject(series) ? series['values'] : undefined;
  const [first] = Array.isArray(values) ? (values as readonly unknown[]) : [];
  return isObject(first) && ('P_available_kW' in first || 'P_required_kW' in first);
}

function inNamesOfFiles(object: Json): Json {
  const kept = Object.entries(object).filter(([key, value]) => !ITS_OWN_BUSINESS.has(key) && value !== null);
  return Object.fromEntries(kept.map(([key, value]) => [namesOfFiles[key] ?? key, value]));
}

function percentages(battery: Json): Json {
  const scaled = Object.entries(battery).map(([key, value]) => [
    key,
    STATES_OF_CHARGE.has(key) && typeof value === 'number' ? 100 * value : value,
  ]);
  return Object.fromEntries(scaled) as Json;
}

/** A step of a schedule: states of charge from 0 to 1, powers in kW, charging and importing positive. */
interface ServiceStep {
  readonly time: unknown;
  readonly SoC_bat: Readonly<Record<string, number>>;
  readonly P_bat_kW: Readonly<Record<string, number>>;
  /** After curtailment; null where nothing was optimised. */
  readonly P_PV_kW: number | null;
  readonly P_net_before_kW: number;
  readonly P_net_after_kW: number;
}

export interface ServiceResult {
  readonly id: string;
  readonly version: string;
  /** Highest import and export, kW; null where nothing was optimised. */
  readonly peak_imp: number | null;
  readonly peak_exp: number | null;
  readonly schedule: readonly ServiceStep[];
}

/** The result of a job, or why there is none. */
export function resultOfService(answer: PymfmAnswer): { readonly result: ServiceResult } | { readonly failed: string } {
  if ('explanation' in answer) return { failed: answer.explanation };
  const head = { id: answer.id, version: 'platone-twin' };
  if (answer.operation_mode === 'near_real_time') {
    const { timestamp: time, P_net_meas_kW: before, P_net_after_kW: after } = answer;
    const [soc, power] = [answer['SoC_bat_%'] / 100, answer.P_bat_kW];
    const step = {
      SoC_bat: { bat_1: soc },
      P_bat_kW: { bat_1: power },
      P_net_before_kW: before,
      P_net_after_kW: after,
    };
    return { result: { ...head, peak_imp: null, peak_exp: null, schedule: [{ time, ...step, P_PV_kW: null }] } };
  }
  const schedule = answer.results.map(stepOf);
  const isOptimised = answer.control_logic === 'optimization_based';
  const highest = (sign: number) => Math.max(0, ...schedule.map(({ P_net_after_kW: after }) => sign * after));
  const peaks = isOptimised ? [highest(1), highest(-1)] : [];
  return { result: { ...head, peak_imp: peaks[0] ?? null, peak_exp: peaks[1] ?? null, schedule } };
}

function stepOf(row: Readonly<Record<string, number | string | null>>): ServiceStep {
  const names = Object.keys(row).flatMap((key) => /^SoC_(.+)_%$/.exec(key)?.[1] ?? []);
  const each = (value: (name: string) => number) => Object.fromEntries(names.map((name) => [name, value(name)]));
  return {
    time: row['timestamp'],
    SoC_bat: each((name) => Number(row[`SoC_${name}_%`]) / 100),
    P_bat_kW: each((name) => Number(row[`P_${name}_kW`])),
    P_PV_kW: row['P_PV_controlled_kW'] === undefined ? null : Number(row['P_PV_controlled_kW']),
    P_net_before_kW: Number(row['P_net_before_kW']),
    P_net_after_kW: Number(row['P_net_after_kW']),
  };
}
