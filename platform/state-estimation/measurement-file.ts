/**
 * The native MEASUREMENTS file: `{ "measurements": [ { id, kind, at, phase?, value, sigma, unit? } ] }` and what holds for
 * all of them, every fault with its place.
 */
import { z } from 'zod';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { createSourceMap, formatPath, parseJson } from '../../grids/json-source.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { inFileOrder, InvalidInputError, type Problem } from '../../grids/problem.ts';
import { describeIssues } from '../../grids/schema-problems.ts';
import { tapChangers } from '../../grids/tap-changers.ts';
import type { EstimatorMeasurement, MeasuredPlace, ScalarKind, ScalarMeasurement } from './estimator.ts';
import { type PlacedMeasurement, sumFusedInjections } from './fused-injections.ts';
import { pairCurrents, pairVoltages } from './paired-phasors.ts';
import type { TapReading } from './tap-positions.ts';

const kinds = [
  'tapPosition',
  'voltageMagnitude',
  'voltageAngle',
  'activePower',
  'reactivePower',
  'currentMagnitude',
  'currentAngle',
] as const satisfies readonly (ScalarKind | 'tapPosition')[];

const number = z.number({
  error: ({ input }) =>
    Number.isNaN(input) ? 'is no number: leave the measurement out where its value is missing' : undefined,
});

const measurementSchema = z.strictObject({
  id: z.string().min(1),
  kind: z.enum(kinds),
  /** `bus:<id>`, `branch:<id>:from`, `branch:<id>:to`. */
  at: z.string().min(1),
  phase: z.enum(['A', 'B', 'C']).optional(),
  /** SI: V phase to ground, A, W, var, rad; powers of a positive-sequence grid are three-phase sums. */
  value: number,
  /** Standard deviation in the same unit. Infinity keeps a measurement in the file and out of the estimate. */
  sigma: number.positive({
    error:
      'is no sigma, a standard deviation and greater than 0: leave the measurement out, or write Infinity, where it is absent',
  }),
  /** Per unit of the grid's bases: nominal voltage and 1 MVA three-phase in the native form; angles stay in rad. */
  unit: z
    .literal('pu', { error: 'is no unit: write "pu", or leave it out for V (phase to ground), A, W, var and rad' })
    .optional(),
});
type Read = z.infer<typeof measurementSchema>;
type Written = Read & { readonly kind: ScalarKind };

/** The whole file. */
export const measurementFileSchema = z.strictObject({
  $schema: z.string().optional(),
  /** The grid document names everything that injects: a bus where nothing is connected injects nothing. */
  namesAllCustomers: z.boolean().optional(),
  /**
   * Errors of voltages: `polar`, of magnitude and angle each for itself (default), or `circular`, of a complex number, as
   * large across as along with the sigma of the magnitude. Then `<id>-angle` (by phase `<id>-angle-A`) is the angle of
   * the magnitude `<id>` (`<id>-A`).
   */
  voltageErrors: z.enum(['polar', 'circular']).optional(),
  measurements: z.array(measurementSchema),
});

/** As other programs write them where a value is missing. */
const NOT_A_NUMBER = /(?<=[:[,]\s*)(NaN|-?Infinity)(?=\s*[,\]}])/g;

/** What stands for them in the readable text. */
const standIns = new Map<unknown, number>([
  ['N', Number.NaN],
  ['finity', Infinity],
  ['nfinity', -Infinity],
]);

/** What a MEASUREMENTS file holds. */
export interface MeasurementFile {
  readonly measurements: EstimatorMeasurement[];
  /** Reported positions of tap changers: they belong to the grid, not to the equations. */
  readonly taps: readonly TapReading[];
  /** A bus where nothing is connected injects nothing, whatever else is known of the grid. */
  readonly namesAllCustomers: boolean;
}

/** The measurements of a file without its tap positions. */
export function parseMeasurements(text: string, grid: CompiledGrid, file?: string): EstimatorMeasurement[] {
  return parseMeasurementFile(text, grid, file).measurements;
}

/** Reads the text of a MEASUREMENTS file against its grid. Throws InvalidInputError with all faults. */
export function parseMeasurementFile(text: string, grid: CompiledGrid, file?: string): MeasurementFile {
  const named = file === undefined ? {} : { file };
  const fail = (problems: readonly Problem[]): never => {
    throw new InvalidInputError(problems.map((problem) => ({ ...named, ...problem })));
  };
  // Numbers that JSON does not have become text of the same length: refused in their place instead of failing the file.
  const readable = text.replaceAll(NOT_A_NUMBER, (word) => `"${word.slice(2)}"`);
  const parsed = parseJson(readable);
  if (parsed.value === undefined) return fail(parsed.problems);
  const source = createSourceMap(readable);
  const { document, rows, absent } = withNumbers(parsed.value);
  const whole = measurementFileSchema.safeParse(document);
  const ofForm = describeIssues(measurementFileSchema, document, whole.error?.issues ?? []);
  const problems: Problem[] = [
    ...parsed.problems,
    ...ofForm.map(({ path, atKey, message, hint }) => ({
      path: formatPath(path),
      ...source.place(path, atKey),
      message,
      ...(hint !== undefined && { hint }),
    })),
  ];
  const measurements: PlacedMeasurement[] = [];
  const taps: TapReading[] = [];
  const places = new Map<string, number>();
  rows.forEach((value, i) => {
    const path = ['measurements', i];
    const read = measurementSchema.safeParse(value);
    const report = (key: string, message: string, hint?: string) =>
      problems.push({
        path: formatPath([...path, key]),
        ...source.place([...path, key]),
        message,
        ...(hint !== undefined && { hint }),
      });
    const id = textOf(value, 'id');
    const first = id === undefined ? undefined : places.get(id);
    if (first !== undefined) report('id', `id "${id}" is taken by measurements[${first}]`);
    else if (id !== undefined) places.set(id, i);
    if (!read.success) {
      checkRest(value, read.error.issues, grid, report);
      return;
    }
    if (read.data.kind === 'tapPosition') {
      const tap = toTapReading(read.data, grid, report);
      if (tap !== undefined && !absent.has(i)) taps.push(tap);
      return;
    }
    const measurement = toMeasurement({ ...read.data, kind: read.data.kind }, grid, report);
    const busId = /^bus:(.+)$/.exec(read.data.at)?.[1];
    if (measurement === undefined) return;
    measurements.push({ measurement: absent.has(i) ? { ...measurement, sigma: Infinity } : measurement, busId });
  });
  if (!whole.success || problems.length > 0) return fail(inFileOrder(problems));
  const { namesAllCustomers = false, voltageErrors } = whole.data;
  const summed = pairCurrents(sumFusedInjections(grid, measurements));
  return { measurements: voltageErrors === 'circular' ? pairVoltages(summed) : summed, taps, namesAllCustomers };
}

interface Document {
  readonly document: unknown;
  /** The measurements in it, also of a file with faults of form. */
  readonly rows: readonly unknown[];
  /** Which of them have an infinite sigma, in whose place stands one that the schema takes. */
  readonly absent: ReadonlySet<number>;
}

/** A file whose numbers are again what was written. */
function withNumbers(file: unknown): Document {
  const absent = new Set<number>();
  const written = isMap(file) ? file['measurements'] : undefined;
  if (!isMap(file) || !Array.isArray(written)) return { document: file, rows: [], absent };
  const rows = written.map((row: unknown, i) => {
    if (!isMap(row)) return row;
    const numbers = Object.entries(row).flatMap(([key, text]) => {
      const number = key === 'value' || key === 'sigma' ? standIns.get(text) : undefined;
      return number === undefined ? [] : [[key, number] as const];
    });
    if (numbers.length === 0) return row;
    const back = { ...row, ...Object.fromEntries(numbers) };
    if (back['sigma'] !== Infinity) return back;
    absent.add(i);
    return { ...back, sigma: 1 };
  });
  return { document: { ...file, measurements: rows }, rows, absent };
}

function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function textOf(row: unknown, key: 'id' | 'kind' | 'at'): string | undefined {
  const value = isMap(row) ? row[key] : undefined;
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** What can be told of a row besides its faults of form: a field that has one gives way to a harmless value. */
function checkRest(row: unknown, issues: readonly z.core.$ZodIssue[], grid: CompiledGrid, report: Report): void {
  const at = textOf(row, 'at');
  if (at === undefined) return;
  const faulty = new Set(issues.map(({ path }) => path[0]));
  // Of a wrong unit no value can be doubted.
  if (faulty.has('unit')) faulty.add('value');
  const harmless = { id: at, value: 0, sigma: 1, unit: undefined, phase: grid.phases === 3 ? 'A' : undefined };
  const replaced = Object.entries(harmless).filter(([key]) => faulty.has(key));
  const read = measurementSchema.strip().safeParse({ ...(row as object), ...Object.fromEntries(replaced) });
  const tell: Report = (key, ...words) => {
    if (!faulty.has(key)) report(key, ...words);
  };
  if (!read.success) resolve(at, grid, report);
  else if (read.data.kind === 'tapPosition') toTapReading(read.data, grid, tell);
  else toMeasurement({ ...read.data, kind: read.data.kind }, grid, tell);
}

type Report = (key: string, message: string, hint?: string) => void;

/**
 * A position stands at a tap changer, `branch:<id>` as in `tapChangers`, in whole steps; the id of the transformer will do
 * where it has only one.
 */
function toTapReading(
  { at, value, sigma, unit, phase }: Read,
  grid: CompiledGrid,
  report: Report,
): TapReading | undefined {
  const id = /^branch:(.+?)(?::(?:from|to))?$/.exec(at)?.[1];
  const all = tapChangers(grid.document);
  const ofTransformer = all.filter(({ transformer }) => transformer === id);
  const changer = all.find((one) => one.id === id) ?? (ofTransformer.length === 1 ? ofTransformer[0] : undefined);
  if (changer === undefined) {
    const names = all.map((one) => one.id);
    const several = ofTransformer.map((one) => `branch:${one.id}`).join(' or ');
    const hint = several === '' ? (didYouMean(id ?? at, names) ?? 'write branch:<id>') : `write ${several}`;
    report('at', `"${at}" is no ${several === '' ? 'transformer with a' : 'single'} tap changer`, hint);
    return undefined;
  }
  const { min = -Infinity, max = Infinity } = changer.tap;
  if (unit !== undefined) report('unit', 'a tap position has no unit', 'leave "unit" out');
  else if (phase !== undefined) report('phase', 'a tap position stands for all phases', 'leave "phase" out');
  else if (value < min || value > max)
    report('value', `position ${value} is outside ${min} to ${max} of ${changer.id}`);
  else return { transformer: changer.id, position: value, sigma };
  return undefined;
}

function toMeasurement(written: Written, grid: CompiledGrid, report: Report): ScalarMeasurement | undefined {
  const place = resolve(written.at, grid, report);
  if (place === undefined) return undefined;
  const { kind } = written;
  const isPower = kind === 'activePower' || kind === 'reactivePower';
  if (kind.startsWith('voltage') && place.at !== 'bus') {
    report('at', `a ${kind} stands at a bus, found "${written.at}"`, 'write bus:<id>');
    return undefined;
  }
  if (kind.startsWith('current') && place.at === 'bus') {
    report('at', `a ${kind} stands at a branch end, found "${written.at}"`, 'write branch:<id>:from or branch:<id>:to');
    return undefined;
  }
  if (grid.phases === 3 && written.phase === undefined && !isPower) {
    report('id', `${kind} "${written.id}" of a three-phase grid names no phase`, 'add "phase": "A", "B" or "C"');
    return undefined;
  }
  if (grid.phases === 1 && written.phase !== undefined) {
    report('phase', `phase ${written.phase} in a positive-sequence grid`, 'leave "phase" out');
    return undefined;
  }
  const phase = grid.phases === 1 ? 0 : written.phase === undefined ? 'sum' : 'ABC'.indexOf(written.phase);
  const base = baseOf(written, place, grid, phase);
  const doubt = doubtfulUnit(written, base);
  if (doubt !== undefined) {
    report('value', ...doubt);
    return undefined;
  }
  return { id: written.id, kind, place, phase, value: written.value / base, sigma: written.sigma / base };
}

/** What one of the written unit is divided by to be per unit of the estimator's per-phase bases. */
function baseOf(written: Written, place: MeasuredPlace, grid: CompiledGrid, phase: number | 'sum'): number {
  const branch = place.at === 'bus' ? undefined : grid.branches[place.branch]!;
  const bus = place.at === 'bus' ? place.bus : branch![place.at];
  const perUnit = written.unit === 'pu';
  switch (written.kind) {
    case 'voltageMagnitude':
      return perUnit ? 1 : grid.baseVoltageV[bus]!;
    case 'currentMagnitude':
      return perUnit ? 1 : grid.basePowerVA / grid.baseVoltageV[bus]!;
    case 'voltageAngle':
    case 'currentAngle':
      return 1;
    default: {
      // A sum of three phases is on three times the phase base; a positive-sequence grid computes with a third of it.
      if (perUnit) return phase === 'sum' ? 1 / 3 : 1;
      return grid.phases === 1 ? 3 * grid.basePowerVA : grid.basePowerVA;
    }
  }
}

/** Values that no grid in operation has, but the same number in another unit would. */
function doubtfulUnit({ kind, value, unit }: Written, base: number): [message: string, hint: string] | undefined {
  if (kind === 'voltageAngle' || kind === 'currentAngle') {
    return Math.abs(value) > 4 * Math.PI
      ? [`an angle of ${value} rad`, 'is it in degrees? Angles are in rad']
      : undefined;
  }
  if (kind !== 'voltageMagnitude' || value === 0) return undefined;
  const perUnit = value / base;
  const found = unit === 'pu' ? `${value} pu` : `${value} V where ${base.toFixed(1)} V is nominal, phase to ground`;
  if (perUnit < 0) return [`a voltage magnitude of ${found}`, 'a magnitude is not negative'];
  if (perUnit > 1.6 && perUnit < 1.85 && unit !== 'pu') {
    return [`a voltage of ${found}`, 'is it line to line? Divide by the square root of 3'];
  }
  if (perUnit < 0.05 || perUnit > 5) {
    return [
      `a voltage of ${found}`,
      unit === 'pu' ? 'is it in volts? Leave "unit" out' : 'is it per unit ("unit": "pu") or in kV?',
    ];
  }
  return undefined;
}

function resolve(at: string, grid: CompiledGrid, report: Report): MeasuredPlace | undefined {
  const bus = /^bus:(.+)$/.exec(at)?.[1];
  if (bus !== undefined) {
    const index = grid.busIndex.get(bus);
    if (index !== undefined) return { at: 'bus', bus: index };
    report('at', `the grid has no bus "${bus}"`, didYouMean(bus, grid.busIndex.keys()));
    return undefined;
  }
  const [, branch, end] = /^branch:(.+):(from|to)$/.exec(at) ?? [];
  if (branch === undefined) {
    report('at', `"${at}" is no place`, 'write bus:<id>, branch:<id>:from or branch:<id>:to');
    return undefined;
  }
  const index = grid.branchIndex.get(branch);
  if (index !== undefined) return { at: end === 'from' ? 'from' : 'to', branch: index };
  report('at', `the grid has no branch "${branch}"`, didYouMean(branch, grid.branchIndex.keys()));
  return undefined;
}
