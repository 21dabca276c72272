/** The request of the Platone WP5 balancer (pymfm) as people send it: its shape, and every fault with its JSON path. */
import { z } from 'zod';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { parseInstant } from '../contract/time.ts';
import { dayEndBoundary } from './pymfm-optimisation.ts';
import { windowOf } from './pymfm-units.ts';

const percent = z.number().min(0).max(100);
const positive = z.number().positive();
const efficiency = z.number().positive().max(1);
const timestamp = z.string();

const batterySchema = z.strictObject({
  id: z.string().min(1).optional(),
  bat_type: z.enum(['cbes', 'hbes']),
  initial_SoC: percent,
  final_SoC: percent.nullish(),
  P_dis_max_kW: z.number().nonnegative(),
  P_ch_max_kW: z.number().nonnegative(),
  min_SoC: percent,
  max_SoC: percent,
  bat_capacity_kWh: positive,
  ch_efficiency: efficiency.default(1),
  dis_efficiency: efficiency.default(1),
});

/** The list that a single battery is wrapped into. */
export const batteriesSchema = z.array(batterySchema).min(1);

export const requestSchema = z.strictObject({
  id: z.string().min(1),
  application: z.string().optional(),
  control_logic: z.enum(['rule_based', 'optimization_based']),
  operation_mode: z.enum(['near_real_time', 'scheduling']),
  uc_start: timestamp,
  uc_end: timestamp,
  generation_and_load: z
    .strictObject({
      pv_curtailment: z.boolean().nullish(),
      values: z
        .array(z.strictObject({ timestamp, P_gen_kW: z.number(), P_load_kW: z.number() }))
        .min(2, 'needs at least two samples, their distance is the step'),
    })
    .nullish(),
  measurements_request: z
    .strictObject({ timestamp, P_req_kW: z.number().nullish(), delta_T_h: positive, P_net_meas_kW: z.number() })
    .nullish(),
  // Read by optimisation only; the rules ignore them, as pymfm does.
  day_end: timestamp.nullish(),
  bulk: z.strictObject({ bulk_start: timestamp, bulk_end: timestamp, bulk_energy_kWh: z.number() }).nullish(),
  P_net_after_kW_limitation: z
    .array(z.strictObject({ timestamp, upper_bound: z.number().nullish(), lower_bound: z.number().nullish() }))
    .nullish(),
  /** One battery, or a list of them. */
  battery_specs: z.preprocess((specs) => (Array.isArray(specs) ? specs : [specs]), batteriesSchema),
});

export type PymfmRequest = z.output<typeof requestSchema>;
export type PymfmBattery = z.output<typeof batterySchema>;
export type PymfmSample = NonNullable<PymfmRequest['generation_and_load']>['values'][number];

/** Checks a request. Throws `InvalidInputError` with every fault; `file` names where the request came from. */
export function parsePymfmRequest(value: unknown, file?: string): PymfmRequest {
  const parsed = requestSchema.safeParse(value);
  const single = !Array.isArray((value as { battery_specs?: unknown } | null)?.battery_specs);
  const problems = parsed.success ? contentProblems(parsed.data, single) : shapeProblems(parsed.error, value, single);
  if (problems.length > 0 || !parsed.success) {
    throw new InvalidInputError(problems.map((problem) => ({ ...(file === undefined ? {} : { file }), ...problem })));
  }
  return parsed.data;
}

function shapeProblems(error: z.ZodError, value: unknown, singleBattery: boolean): Problem[] {
  return error.issues.flatMap((issue): Problem[] => {
    const path = jsonPath(issue.path, singleBattery);
    if (issue.code !== 'unrecognized_keys') {
      const missing = issue.code === 'invalid_type' && valueAt(value, issue.path, singleBattery) === undefined;
      return [{ path, message: missing ? 'is missing' : lowerFirst(issue.message) }];
    }
    return issue.keys.map((key) => {
      const hint = didYouMean(key, knownKeys(issue.path));
      return {
        path: path === '' ? key : `${path}.${key}`,
        message: `unknown key "${key}"`,
        ...(hint === undefined ? {} : { hint }),
      };
    });
  });
}

/** Faults that no shape shows: times that do not fit together, batteries that cannot be, parts missing for the mode. */
function contentProblems(request: PymfmRequest, singleBattery: boolean): Problem[] {
  const problems: Problem[] = [];
  const report = (path: readonly PropertyKey[], message: string, hint?: string) => {
    problems.push({ path: jsonPath(path, singleBattery), message, ...(hint === undefined ? {} : { hint }) });
  };
  const optimised = request.control_logic === 'optimization_based';
  if (!optimised && request.battery_specs.length > 1) {
    report(['battery_specs'], `rule_based takes one battery, not ${request.battery_specs.length}`);
  }
  for (const [index, battery] of request.battery_specs.entries()) checkBattery(battery, index, report);
  checkWindow(request, report);
  // pymfm optimises the schedule whatever the operation mode says.
  if (optimised || request.operation_mode === 'scheduling') {
    checkSeries(request, report);
    if (problems.length === 0 && windowOf(request).samples.length === 0) {
      report(['uc_start'], 'no sample lies between uc_start and uc_end');
    }
  } else if (request.measurements_request == null)
    report(['measurements_request'], 'is missing: near_real_time needs it');
  else if (Number.isNaN(parseInstant(request.measurements_request.timestamp))) {
    report(['measurements_request', 'timestamp'], noInstant(request.measurements_request.timestamp));
  }
  if (optimised && problems.length === 0) checkOptimisation(request, report);
  return problems;
}

type Report = (path: readonly PropertyKey[], message: string, hint?: string) => void;

function checkBattery(battery: PymfmBattery, index: number, report: Report): void {
  const { min_SoC: min, max_SoC: max, initial_SoC: initial, final_SoC: final } = battery;
  const at = (key: string) => ['battery_specs', index, key];
  if (min >= max) report(at('min_SoC'), `${min} % is not below max_SoC, ${max} %`);
  else if (initial < min || initial > max) report(at('initial_SoC'), `${initial} % is outside ${min} % to ${max} %`);
  if (final != null && min < max && (final < min || final > max)) {
    report(at('final_SoC'), `${final} % is outside ${min} % to ${max} %`);
  }
}

function checkWindow(request: PymfmRequest, report: Report): void {
  const start = parseInstant(request.uc_start);
  const end = parseInstant(request.uc_end);
  if (Number.isNaN(start)) report(['uc_start'], noInstant(request.uc_start));
  if (Number.isNaN(end)) report(['uc_end'], noInstant(request.uc_end));
  if (start > end) report(['uc_end'], `${request.uc_end} is before uc_start, ${request.uc_start}`);
}

/** Samples: readable, in one zone, ascending by one step, and covering [uc_start, uc_end]. */
function checkSeries(request: PymfmRequest, report: Report): void {
  const samples = request.generation_and_load?.values;
  if (samples === undefined) {
    report(['generation_and_load'], 'is missing: scheduling needs it');
    return;
  }
  const at = (index: number) => ['generation_and_load', 'values', index, 'timestamp'];
  const times = samples.map((sample) => parseInstant(sample.timestamp));
  const zone = zoneOf(samples[0]?.timestamp ?? '');
  const step = (times[1] ?? Number.NaN) - (times[0] ?? Number.NaN);
  for (const [index, sample] of samples.entries()) {
    const distance = (times[index] ?? Number.NaN) - (times[index - 1] ?? Number.NaN);
    if (Number.isNaN(times[index])) report(at(index), noInstant(sample.timestamp));
    else if (zoneOf(sample.timestamp) !== zone) {
      report(at(index), `${sample.timestamp} is in another zone than the first sample (${zone})`);
    } else if (distance <= 0) report(at(index), `${sample.timestamp} does not come after the sample before it`);
    else if (step > 0 && distance > 0 && distance !== step) {
      report(
        at(index),
        `${sample.timestamp} is ${distance / 1e6} s after the sample before it, the step is ${step / 1e6} s`,
      );
    }
  }
  const first = samples[0]?.timestamp ?? '';
  const last = samples.at(-1)?.timestamp ?? '';
  if (parseInstant(first) > parseInstant(request.uc_start)) {
    report(at(0), `the series begins at ${first}, after uc_start, ${request.uc_start}`);
  }
  if (parseInstant(last) < parseInstant(request.uc_end)) {
    report(at(samples.length - 1), `the series ends at ${last}, before uc_end, ${request.uc_end}`);
  }
}

/** Ids, bounds, package and end of the day of an optimisation whose series and window are sound. */
function checkOptimisation(request: PymfmRequest, report: Report): void {
  const ids = request.battery_specs.map(({ id }) => id);
  for (const [index, id] of ids.entries()) {
    if (id !== undefined && ids.indexOf(id) !== index) {
      report(['battery_specs', index, 'id'], `"${id}" is the id of another battery, too`);
    }
  }
  const { timesUs, stepUs } = windowOf(request);
  checkLimits(request, timesUs[0] as number, stepUs, report);
  checkBulk(request, timesUs, report);
  const households = request.battery_specs.some(({ bat_type: type }) => type === 'hbes');
  const final = request.battery_specs.some(({ final_SoC: soc }) => soc != null);
  if (!households || !final) return;
  const boundary = dayEndBoundary(request);
  if (Number.isNaN(boundary)) report(['day_end'], noInstant(request.day_end ?? ''));
  else if (boundary < 0 || boundary > timesUs.length) {
    const what = request.day_end ?? 'the sunset in Berlin, which stands in for it,';
    report(['day_end'], `${what} is not between uc_start and uc_end, where household batteries have to be full`);
  } else if (!Number.isInteger(boundary)) {
    report(['day_end'], `${request.day_end} is the time of no sample`);
  }
}

function checkLimits(request: PymfmRequest, firstUs: number, stepUs: number, report: Report): void {
  const seen = new Set<number>();
  for (const [index, limit] of (request.P_net_after_kW_limitation ?? []).entries()) {
    const at = (key: string) => ['P_net_after_kW_limitation', index, key];
    const timeUs = parseInstant(limit.timestamp);
    if (Number.isNaN(timeUs)) report(at('timestamp'), noInstant(limit.timestamp));
    else if ((timeUs - firstUs) % stepUs !== 0) report(at('timestamp'), `${limit.timestamp} is the time of no sample`);
    else if (seen.has(timeUs)) report(at('timestamp'), `${limit.timestamp} has a limit already`);
    seen.add(timeUs);
    const { lower_bound: lower, upper_bound: upper } = limit;
    if (lower != null && upper != null && lower > upper) {
      report(at('lower_bound'), `${lower} kW is above upper_bound, ${upper} kW`);
    }
  }
}

function checkBulk({ bulk }: PymfmRequest, timesUs: readonly number[], report: Report): void {
  if (bulk == null) return;
  const startUs = parseInstant(bulk.bulk_start);
  const endUs = parseInstant(bulk.bulk_end);
  if (Number.isNaN(startUs)) report(['bulk', 'bulk_start'], noInstant(bulk.bulk_start));
  if (Number.isNaN(endUs)) report(['bulk', 'bulk_end'], noInstant(bulk.bulk_end));
  if (startUs > endUs) report(['bulk', 'bulk_end'], `${bulk.bulk_end} is before bulk_start, ${bulk.bulk_start}`);
  else if (startUs < (timesUs[0] as number)) report(['bulk', 'bulk_start'], `${bulk.bulk_start} is before uc_start`);
  else if (endUs > (timesUs.at(-1) as number)) report(['bulk', 'bulk_end'], `${bulk.bulk_end} is after uc_end`);
  else if (!timesUs.some((timeUs) => timeUs >= startUs && timeUs <= endUs)) {
    report(['bulk', 'bulk_start'], 'no sample lies between bulk_start and bulk_end');
  }
}

function noInstant(text: string): string {
  return `"${text}" is no instant: write ISO 8601 with a zone, for example 2021-04-01T00:00:00Z`;
}

/** `+00:00` and `Z` are one zone. */
function zoneOf(text: string): string {
  const zone = /(Z|[+-]\d{2}:\d{2})$/.exec(text)?.[1] ?? '';
  return zone === '+00:00' ? 'Z' : zone;
}

/** `generation_and_load.values[3].timestamp`; a single battery is addressed without the index that it was given here. */
function jsonPath(path: readonly PropertyKey[], singleBattery: boolean): string {
  return written(path, singleBattery).reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

function written(path: readonly PropertyKey[], singleBattery: boolean): PropertyKey[] {
  return path.filter((_, index) => !(singleBattery && index === 1 && path[0] === 'battery_specs'));
}

function valueAt(value: unknown, path: readonly PropertyKey[], singleBattery: boolean): unknown {
  return written(path, singleBattery).reduce<unknown>(
    (inner, part) => (inner as Record<PropertyKey, unknown> | null | undefined)?.[part],
    value,
  );
}

/** Keys that an object at `path` may have, for the did-you-mean. */
function knownKeys(path: readonly PropertyKey[]): string[] {
  if (path[0] === 'battery_specs') return Object.keys(batterySchema.shape);
  if (path.length === 0) return Object.keys(requestSchema.shape);
  return ['timestamp', 'P_gen_kW', 'P_load_kW', 'pv_curtailment', 'values', 'P_req_kW', 'delta_T_h', 'P_net_meas_kW'];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
