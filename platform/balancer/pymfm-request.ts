/** The request of the Platone WP5 balancer (pymfm) as people send it: its shape, and every fault with its JSON path. */
import { z } from 'zod';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { describeIssues } from '../../grids/schema-problems.ts';
import { parseInstant } from '../contract/time.ts';
import { dayEndBoundary } from './pymfm-optimisation.ts';
import { type PymfmWindow, windowOf } from './pymfm-units.ts';

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
/** The same where a single battery has been put into a list. */
const listedSchema = requestSchema.extend({ battery_specs: batteriesSchema });

export type PymfmRequest = z.output<typeof requestSchema>;
export type PymfmBattery = z.output<typeof batterySchema>;
export type PymfmSample = NonNullable<PymfmRequest['generation_and_load']>['values'][number];

/** Checks a request. Throws `InvalidInputError` with every fault; `file` names where the request came from. */
export function parsePymfmRequest(value: unknown, file?: string): PymfmRequest {
  const parsed = requestSchema.safeParse(value);
  const specs = (value as { readonly battery_specs?: unknown } | null | undefined)?.battery_specs;
  const single = !Array.isArray(specs);
  // Faults of shape hide no others: what is sound beside them is checked as it stands.
  const { request, isSound } = parsed.success
    ? { request: parsed.data, isSound: () => true }
    : {
        request: { ...(value as PymfmRequest), battery_specs: (single ? [specs] : specs) as PymfmBattery[] },
        isSound: soundness(parsed.error),
      };
  const problems = [
    ...(parsed.success ? [] : shapeProblems(value, single)),
    ...contentProblems(request, isSound, single),
  ];
  if (problems.length > 0 || !parsed.success) {
    throw new InvalidInputError(problems.map((problem) => ({ ...(file === undefined ? {} : { file }), ...problem })));
  }
  return parsed.data;
}

/** Whether the value at `path` has the shape that it should have, as has all that it stands in. */
type IsSound = (...path: readonly PropertyKey[]) => boolean;

function soundness(error: z.ZodError): IsSound {
  // A key too many says nothing against the others.
  const faulty = error.issues.filter(({ code }) => code !== 'unrecognized_keys').map(({ path }) => path);
  return (...path) => !faulty.some((fault) => fault.every((step, depth) => path[depth] === step));
}

function shapeProblems(value: unknown, singleBattery: boolean): Problem[] {
  const isMap = typeof value === 'object' && value !== null && !Array.isArray(value);
  const wrapped =
    singleBattery && isMap && 'battery_specs' in value ? { ...value, battery_specs: [value.battery_specs] } : value;
  const issues = listedSchema.safeParse(wrapped).error?.issues ?? [];
  return describeIssues(listedSchema, wrapped, issues).map(({ path, message, hint, atKey }) => ({
    path: jsonPath(path, singleBattery),
    // What a caller writes without quotes arrives as a text of that name (see `rest/request-json.ts`).
    message: message.replace(/^"(NaN|-?Infinity)"/, '$1'),
    ...(hint !== undefined && { hint }),
    ...(atKey === true && { atKey }),
  }));
}

/** Faults that no shape shows: times that do not fit together, batteries that cannot be, parts missing for the mode. */
function contentProblems(request: PymfmRequest, isSound: IsSound, singleBattery: boolean): Problem[] {
  const problems: Problem[] = [];
  const report = (path: readonly PropertyKey[], message: string) => {
    problems.push({ path: jsonPath(path, singleBattery), message });
  };
  const logic = isSound('control_logic') ? request.control_logic : undefined;
  const mode = isSound('operation_mode') ? request.operation_mode : undefined;
  const batteries = isSound('battery_specs') ? request.battery_specs : [];
  if (logic === 'rule_based' && batteries.length > 1) {
    report(['battery_specs'], `rule_based takes one battery, not ${batteries.length}`);
  }
  for (const [index, battery] of batteries.entries()) checkBattery(battery, index, isSound, report);
  checkWindow(request, isSound, report);
  // pymfm optimises the schedule whatever the operation mode says.
  if (logic === 'optimization_based' || mode === 'scheduling') {
    const window = checkSeries(request, isSound, report) && problems.length === 0 ? windowOf(request) : undefined;
    if (window?.samples.length === 0) report(['uc_start'], 'no sample lies between uc_start and uc_end');
    else if (logic === 'optimization_based') checkOptimisation(request, window, isSound, report);
  } else if (logic === 'rule_based' && mode === 'near_real_time') {
    checkMeasurement(request, isSound, report);
  }
  return problems;
}

type Report = (path: readonly PropertyKey[], message: string) => void;

function checkBattery(battery: PymfmBattery, index: number, isSound: IsSound, report: Report): void {
  const at = (key: string) => ['battery_specs', index, key];
  if (!isSound(...at('min_SoC')) || !isSound(...at('max_SoC'))) return;
  const { min_SoC: min, max_SoC: max } = battery;
  if (min >= max) {
    report(at('min_SoC'), `${min} % is not below max_SoC, ${max} %`);
    return;
  }
  for (const key of ['initial_SoC', 'final_SoC'] as const) {
    const soc = isSound(...at(key)) ? battery[key] : undefined;
    if (soc != null && (soc < min || soc > max)) report(at(key), `${soc} % is outside ${min} % to ${max} %`);
  }
}

function checkWindow(request: PymfmRequest, isSound: IsSound, report: Report): void {
  const start = readInstant(request, ['uc_start'], isSound, report);
  const end = readInstant(request, ['uc_end'], isSound, report);
  if (start > end) report(['uc_end'], `${request.uc_end} is before uc_start, ${request.uc_start}`);
}

function checkMeasurement(request: PymfmRequest, isSound: IsSound, report: Report): void {
  if (!isSound('measurements_request')) return;
  if (request.measurements_request == null) {
    report(['measurements_request'], 'is missing: near_real_time needs it');
    return;
  }
  readInstant(request, ['measurements_request', 'timestamp'], isSound, report);
}

/** Samples: readable, in one zone, ascending by one step, and covering [uc_start, uc_end]. False where there is doubt. */
function checkSeries(request: PymfmRequest, isSound: IsSound, report: Report): boolean {
  const at = (index: number) => ['generation_and_load', 'values', index, 'timestamp'];
  if (!isSound('generation_and_load', 'values')) return false;
  const samples = request.generation_and_load?.values;
  if (samples === undefined) {
    report(['generation_and_load'], 'is missing: scheduling needs it');
    return false;
  }
  const times = samples.map((_, index) => readInstant(request, at(index), isSound, report));
  const readable = samples.filter((_, index) => !Number.isNaN(times[index]));
  const one = readable[0]?.timestamp ?? '';
  const step = (times[1] ?? Number.NaN) - (times[0] ?? Number.NaN);
  for (const [index, timeUs] of times.entries()) {
    if (Number.isNaN(timeUs)) continue;
    const timestamp = samples[index]?.timestamp ?? '';
    const distance = timeUs - (times[index - 1] ?? Number.NaN);
    if (zoneOf(timestamp) !== zoneOf(one)) report(at(index), `${timestamp} is in another zone than ${one}`);
    else if (distance <= 0) report(at(index), `${timestamp} does not come after the sample before it`);
    else if (step > 0 && distance > 0 && distance !== step) {
      report(at(index), `${timestamp} is ${distance / 1e6} s after the sample before it, the step is ${step / 1e6} s`);
    }
  }
  const start = instantOf(request, ['uc_start'], isSound);
  const end = instantOf(request, ['uc_end'], isSound);
  if ((times[0] ?? Number.NaN) > start) {
    report(at(0), `the series begins at ${samples[0]?.timestamp}, after uc_start, ${request.uc_start}`);
  }
  if ((times.at(-1) ?? Number.NaN) < end) {
    report(at(samples.length - 1), `the series ends at ${samples.at(-1)?.timestamp}, before uc_end, ${request.uc_end}`);
  }
  return readable.length === samples.length && !Number.isNaN(start) && !Number.isNaN(end);
}

/** Ids, bounds, package and end of the day of an optimisation; against its samples where series and window are sound. */
function checkOptimisation(
  request: PymfmRequest,
  window: PymfmWindow | undefined,
  isSound: IsSound,
  report: Report,
): void {
  const batteries = isSound('battery_specs') ? request.battery_specs : [];
  const ids = batteries.map((battery, index) => (isSound('battery_specs', index, 'id') ? battery.id : undefined));
  for (const [index, id] of ids.entries()) {
    if (id !== undefined && ids.indexOf(id) !== index) {
      report(['battery_specs', index, 'id'], `"${id}" is the id of another battery, too`);
    }
  }
  checkLimits(request, window, isSound, report);
  checkBulk(request, window?.timesUs, isSound, report);
  const households = batteries.some((battery, i) => isSound('battery_specs', i) && battery.bat_type === 'hbes');
  const final = batteries.some((battery, i) => isSound('battery_specs', i) && battery.final_SoC != null);
  if (households && final) checkDayEnd(request, window, isSound, report);
}

function checkDayEnd(request: PymfmRequest, window: PymfmWindow | undefined, isSound: IsSound, report: Report): void {
  if (request.day_end != null && Number.isNaN(readInstant(request, ['day_end'], isSound, report))) return;
  if (window === undefined) return;
  const boundary = dayEndBoundary(request);
  if (boundary < 0 || boundary > window.timesUs.length) {
    const what = request.day_end ?? 'the sunset in Berlin, which stands in for it,';
    report(['day_end'], `${what} is not between uc_start and uc_end, where household batteries have to be full`);
  } else if (!Number.isInteger(boundary)) {
    report(['day_end'], `${request.day_end} is the time of no sample`);
  }
}

function checkLimits(request: PymfmRequest, window: PymfmWindow | undefined, isSound: IsSound, report: Report): void {
  if (!isSound('P_net_after_kW_limitation')) return;
  const seen = new Set<number>();
  for (const [index, limit] of (request.P_net_after_kW_limitation ?? []).entries()) {
    const at = (key: string) => ['P_net_after_kW_limitation', index, key];
    const timeUs = readInstant(request, at('timestamp'), isSound, report);
    const isOff = window !== undefined && (timeUs - (window.timesUs[0] as number)) % window.stepUs !== 0;
    if (!Number.isNaN(timeUs)) {
      if (isOff) report(at('timestamp'), `${limit.timestamp} is the time of no sample`);
      else if (seen.has(timeUs)) report(at('timestamp'), `${limit.timestamp} has a limit already`);
      seen.add(timeUs);
    }
    if (!isSound(...at('lower_bound')) || !isSound(...at('upper_bound'))) continue;
    const { lower_bound: lower, upper_bound: upper } = limit;
    if (lower != null && upper != null && lower > upper) {
      report(at('lower_bound'), `${lower} kW is above upper_bound, ${upper} kW`);
    }
  }
}

function checkBulk(
  request: PymfmRequest,
  timesUs: readonly number[] | undefined,
  isSound: IsSound,
  report: Report,
): void {
  const { bulk } = request;
  if (bulk == null || !isSound('bulk')) return;
  const startUs = readInstant(request, ['bulk', 'bulk_start'], isSound, report);
  const endUs = readInstant(request, ['bulk', 'bulk_end'], isSound, report);
  if (startUs > endUs) report(['bulk', 'bulk_end'], `${bulk.bulk_end} is before bulk_start, ${bulk.bulk_start}`);
  else if (timesUs === undefined) return;
  else if (startUs < (timesUs[0] as number)) report(['bulk', 'bulk_start'], `${bulk.bulk_start} is before uc_start`);
  else if (endUs > (timesUs.at(-1) as number)) report(['bulk', 'bulk_end'], `${bulk.bulk_end} is after uc_end`);
  else if (!Number.isNaN(startUs + endUs) && !timesUs.some((timeUs) => timeUs >= startUs && timeUs <= endUs)) {
    report(['bulk', 'bulk_start'], 'no sample lies between bulk_start and bulk_end');
  }
}

/** The instant written at `path`, us; NaN where there is no text. */
function instantOf(request: PymfmRequest, path: readonly PropertyKey[], isSound: IsSound): number {
  return isSound(...path) ? parseInstant(String(valueAt(request, path, false))) : Number.NaN;
}

/** The same, and a text that is no instant is reported. */
function readInstant(request: PymfmRequest, path: readonly PropertyKey[], isSound: IsSound, report: Report): number {
  const timeUs = instantOf(request, path, isSound);
  if (Number.isNaN(timeUs) && isSound(...path)) report(path, noInstant(String(valueAt(request, path, false))));
  return timeUs;
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
