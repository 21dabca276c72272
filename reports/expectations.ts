/**
 * Expectations: `<quantity> <comparison> <number> [unit]`, for example `estimate.voltage.error.p95 < 0.5 %`. They are
 * parsed and checked before the run, and fail closed: a quantity without samples never passes.
 *
 * Quantities are those of the metrics catalogue. A unit must be that of the quantity or one that converts into it;
 * pure numbers (counts, cycles) take none, and zero is the same in every unit.
 */
import { didYouMean } from '../numerics/edit-distance.ts';
import { listQuantities, quantityUnit } from './quantities.ts';

const comparisons = {
  '<': (observed: number, bound: number) => observed < bound,
  '<=': (observed: number, bound: number) => observed <= bound,
  '>': (observed: number, bound: number) => observed > bound,
  '>=': (observed: number, bound: number) => observed >= bound,
  '==': (observed: number, bound: number) => observed === bound,
  '!=': (observed: number, bound: number) => observed !== bound,
} as const;

type Comparison = keyof typeof comparisons;

/** Units that convert into one another, each with its size in the family's first unit. */
const families: readonly Readonly<Record<string, number>>[] = [
  { '%': 1 },
  { W: 1, kW: 1e3, MW: 1e6 },
  { Wh: 1, kWh: 1e3, MWh: 1e6 },
  { us: 1, ms: 1e3, s: 1e6, min: 60e6, h: 3600e6 },
  { mrad: 1, rad: 1e3, deg: (1e3 * Math.PI) / 180 },
  { mHz: 1, Hz: 1e3 },
  { V: 1, kV: 1e3 },
  { A: 1, kA: 1e3 },
];

export interface Expectation {
  readonly text: string;
  /** Name in the catalogue, for example `estimate.voltage.error.p95`. */
  readonly quantity: string;
  readonly comparison: Comparison;
  /** In the quantity's own unit. */
  readonly bound: number;
  readonly unit: string;
}

export interface ExpectationResult {
  readonly text: string;
  /** In the quantity's own unit; null when there was no sample. */
  readonly observed: number | null;
  readonly unit: string;
  readonly pass: boolean;
}

/** A text that is no expectation: wrong grammar, unknown quantity, unit that does not fit. */
export class ExpectationError extends Error {
  override readonly name = 'ExpectationError';
  /** 1-based column in the text. */
  readonly column: number;
  readonly hint: string | undefined;

  constructor(column: number, message: string, hint?: string) {
    super(message);
    this.column = column;
    this.hint = hint;
  }
}

/** Latency hops have `>` between letters in their names; before a number it compares. */
const QUANTITY = /\s*([A-Za-z][\w.]*(?:>[A-Za-z][\w.]*)*)/y;
const COMPARISON = /\s*([<>=!≤≥]+)/y;
const NUMBER = /\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y;
const UNIT = /\s*([A-Za-z%]+)/y;

const EXAMPLE = 'write for example "estimate.voltage.error.p95 < 0.5 %"';

/** Reads one expectation; throws `ExpectationError` with the column of what is wrong. */
export function parseExpectation(text: string): Expectation {
  const scanner = new Scanner(text);
  const quantity = scanner.take(QUANTITY) ?? scanner.fail('expected the name of a metric, KPI or counter', EXAMPLE);
  const unit = quantityUnit(quantity.text) ?? failUnknownQuantity(quantity);
  const comparison = parseComparison(scanner);
  const number = scanner.take(NUMBER) ?? scanner.fail('expected a number', EXAMPLE);
  const written = scanner.take(UNIT);
  scanner.expectEnd();
  const factor = unitFactor(quantity.text, unit, number, written);
  return { text: text.trim(), quantity: quantity.text, comparison, bound: Number(number.text) * factor, unit };
}

/**
 * Holds `expectation` against what was observed. `lookup` answers a quantity's value in its own unit, undefined when
 * there was no sample: then, and for NaN, the expectation fails.
 */
export function evaluateExpectation(
  expectation: Expectation,
  lookup: (quantity: string) => number | undefined,
): ExpectationResult {
  const { text, quantity, comparison, bound, unit } = expectation;
  const value = lookup(quantity);
  const observed = value === undefined || Number.isNaN(value) ? null : value;
  return { text, observed, unit, pass: observed !== null && comparisons[comparison](observed, bound) };
}

interface Token {
  readonly text: string;
  readonly column: number;
}

class Scanner {
  readonly #text: string;
  #position = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The next token where `pattern` (sticky, group 1) matches; undefined, and no step forward, where it does not. */
  take(pattern: RegExp): Token | undefined {
    pattern.lastIndex = this.#position;
    const found = pattern.exec(this.#text)?.[1];
    if (found === undefined) return undefined;
    this.#position = pattern.lastIndex;
    return { text: found, column: this.#position - found.length + 1 };
  }

  fail(message: string, hint?: string): never {
    const rest = this.#text.slice(this.#position);
    const column = this.#position + (rest.length - rest.trimStart().length) + 1;
    const found = rest.trim();
    throw new ExpectationError(column, `${message}, found ${found === '' ? 'the end' : `"${found}"`}`, hint);
  }

  expectEnd(): void {
    if (this.#text.slice(this.#position).trim() !== '') this.fail('expected the end');
  }
}

function parseComparison(scanner: Scanner): Comparison {
  const token = scanner.take(COMPARISON) ?? scanner.fail('expected a comparison', 'one of < <= > >= == !=');
  if (token.text in comparisons) return token.text as Comparison;
  const meant = { '=': '==', '=<': '<=', '=>': '>=', '≤': '<=', '≥': '>=', '===': '==' }[token.text];
  const hint = meant === undefined ? 'one of < <= > >= == !=' : `did you mean "${meant}"?`;
  throw new ExpectationError(token.column, `"${token.text}" is no comparison`, hint);
}

function failUnknownQuantity(token: Token): never {
  const names = listQuantities().map(({ name }) => name);
  const longer = names.filter((name) => name.startsWith(`${token.text}.`)).slice(0, 3);
  const hint =
    didYouMean(token.text, names) ??
    (longer.length > 0 ? `names that begin so: ${longer.join(', ')}` : 'README.md lists metrics, KPIs and counters');
  throw new ExpectationError(token.column, `"${token.text}" is no metric, KPI or counter`, hint);
}

/** What to multiply the written number by to get the quantity's own unit. */
function unitFactor(quantity: string, unit: string, number: Token, written: Token | undefined): number {
  if (unit === '1') {
    if (written === undefined) return 1;
    throw new ExpectationError(written.column, `${quantity} is a pure number, without the unit "${written.text}"`);
  }
  const family = families.find((candidate) => unit in candidate) ?? { [unit]: 1 };
  const own = family[unit] ?? 1;
  if (written === undefined) {
    if (Number(number.text) === 0) return 1;
    throw new ExpectationError(
      number.column + number.text.length,
      `${quantity} needs a unit`,
      `write "${number.text} ${unit}"`,
    );
  }
  const factor = family[written.text];
  if (factor !== undefined) return factor / own;
  const units = Object.keys(family).join(', ');
  throw new ExpectationError(
    written.column,
    `${quantity} is in ${unit}, which "${written.text}" does not convert into`,
    `units: ${units}`,
  );
}
