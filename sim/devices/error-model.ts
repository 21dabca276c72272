/**
 * How an accuracy class becomes an error and a sigma, in one place.
 *
 * A class states a limit a that no specimen may exceed, and nothing about the spread within. So every specimen's own
 * error is drawn once, uniform in [-a, a], and the sigma that a device states for it is a / sqrt(3): the standard
 * uncertainty of a rectangular distribution (JCGM 100:2008, 4.3.7). Errors that change from message to message are normal
 * with the sigma given. Sigmas of independent contributions add in squares.
 */
import type { RandomStream } from '../../numerics/random.ts';

/** Standard uncertainty of a class limit. */
export function limitSigma(limit: number): number {
  return limit / Math.sqrt(3);
}

/** A specimen's share of a class limit, uniform in [-1, 1). */
export function drawSpecimen(stream: RandomStream): number {
  return 2 * stream.uniform() - 1;
}

/** Square root of the sum of squares. */
export function combineSigmas(...sigmas: readonly number[]): number {
  return Math.hypot(...sigmas);
}

/** Standard uncertainty of rounding to a resolution. */
export function resolutionSigma(resolution: number): number {
  return resolution / Math.sqrt(12);
}

const MINUTE_RAD = Math.PI / 180 / 60;

export interface TransformerLimits {
  /** Relative ratio error and phase displacement, rad; both two-sided. */
  readonly ratio: number;
  readonly angleRad: number;
}

/** Limits at 5, 20 and 100 % of rated current. */
type AlongLoading = readonly [number, number, number];

interface ClassRow<Limit> {
  readonly class: number;
  readonly ratioPercent: Limit;
  readonly minutes: Limit;
}
type Table<Limit> = readonly [ClassRow<Limit>, ...ClassRow<Limit>[]];

/** IEC 61869-3, table 301: measuring voltage transformers between 80 and 120 % of rated voltage; class, %, minutes. */
const voltageTransformerTable: Table<number> = [
  { class: 0.1, ratioPercent: 0.1, minutes: 5 },
  { class: 0.2, ratioPercent: 0.2, minutes: 10 },
  { class: 0.5, ratioPercent: 0.5, minutes: 20 },
  { class: 1, ratioPercent: 1, minutes: 40 },
];

/** IEC 61869-2, table 201: measuring current transformers at 5, 20 and 100 to 120 % of rated current; class, %, minutes. */
const currentTransformerTable: Table<AlongLoading> = [
  { class: 0.1, ratioPercent: [0.4, 0.2, 0.1], minutes: [15, 8, 5] },
  { class: 0.2, ratioPercent: [0.75, 0.35, 0.2], minutes: [30, 15, 10] },
  { class: 0.5, ratioPercent: [1.5, 0.75, 0.5], minutes: [90, 45, 30] },
  { class: 1, ratioPercent: [3, 1.5, 1], minutes: [180, 90, 60] },
];

/** Limits of a voltage transformer; class 0 is none at all. Classes between are scaled from the next standard one below. */
export function voltageTransformerLimits(accuracyClass: number): TransformerLimits {
  const { row, scale } = nearestClass(voltageTransformerTable, accuracyClass);
  return { ratio: (scale * row.ratioPercent) / 100, angleRad: scale * row.minutes * MINUTE_RAD };
}

/**
 * Limits of a current transformer at `loading` = current over rated primary current. The standard names points; between
 * them the limits run straight over the logarithms. Below 5 % it promises nothing: the slope of the lowest stretch goes
 * on, down to 1 % of rated current.
 */
export function currentTransformerLimits(accuracyClass: number, loading: number): TransformerLimits {
  const { row, scale } = nearestClass(currentTransformerTable, accuracyClass);
  return {
    ratio: (scale * alongLoading(row.ratioPercent, loading)) / 100,
    angleRad: scale * alongLoading(row.minutes, loading) * MINUTE_RAD,
  };
}

function nearestClass<Limit>(
  table: Table<Limit>,
  accuracyClass: number,
): { readonly row: ClassRow<Limit>; readonly scale: number } {
  const [first] = table;
  const row = table.findLast((candidate) => candidate.class <= accuracyClass) ?? first;
  return { row, scale: accuracyClass / row.class };
}

/** Piecewise power law through the limits at 5, 20 and 100 % loading; constant above. */
function alongLoading([at5, at20, at100]: AlongLoading, loading: number): number {
  const l = Math.min(1, Math.max(0.01, loading));
  return l < 0.2
    ? at5 * (l / 0.05) ** (Math.log(at20 / at5) / Math.log(4))
    : at20 * (l / 0.2) ** (Math.log(at100 / at20) / Math.log(5));
}

/** Limits of EN 50470-3 for active energy at unity power factor between transitional and maximum current, relative. */
export const meterClassLimits = { A: 0.02, B: 0.01, C: 0.005 } as const;

/** What a device states of its errors, for the run's manifest. */
export interface ErrorModel {
  readonly summary: string;
  /** Figures in SI units, by name. */
  readonly figures: Readonly<Record<string, number | string>>;
}
