/** Fields of one element of a table: numbers, flags and references, every fault told with the element's place. */
import type { GridDraft, Origin } from './draft.ts';

interface Range {
  /** The value must be greater than this. */
  readonly above?: number;
  readonly atLeast?: number;
  readonly atMost?: number;
  /** Said when the value is out of range, for example `is it m for km?`. */
  readonly hint?: string;
}

export interface Fields {
  readonly origin: Origin;
  /** Whether the field holds something: neither absent, null nor NaN. */
  has(key: string): boolean;
  /** Whether the source has such a field at all, empty or not. */
  knows(key: string): boolean;
  /** The value as it stands. */
  raw(key: string): unknown;
  /** A finite number. NaN after a fault was told. */
  number(key: string, range?: Range): number;
  numberOr(key: string, fallback: number, range?: Range): number;
  /** The number, or undefined where the field is empty. */
  optional(key: string, range?: Range): number | undefined;
  /** A number that may be infinite, which counts as absent. */
  limit(key: string): number | undefined;
  /** A list of three finite numbers. NaN after a fault was told. */
  triple(key: string): readonly [number, number, number];
  flag(key: string, fallback: boolean): boolean;
  /** A number or text that names an element, as text. Empty after a fault was told. */
  reference(key: string): string;
  text(key: string): string | undefined;
  fault(key: string, message: string, hint?: string): void;
  note(key: string, message: string): void;
}

/** `owner` names the element in sentences, for example `line 3`; `read` gathers the keys that somebody asked for,
`placeOf` knows where a single field stands. */
export function createFields(
  values: Readonly<Record<string, unknown>>,
  owner: string,
  origin: Origin,
  draft: GridDraft,
  read?: Set<string>,
  placeOf?: (key: string) => Partial<Origin> | undefined,
): Fields {
  const at = (key: string): Origin => ({ ...origin, path: `${origin.path}.${key}`, ...placeOf?.(key) });
  const fault = (key: string, message: string, hint?: string) => draft.fault(message, at(key), hint);
  const valueOf = (key: string): unknown => {
    read?.add(key);
    return Object.hasOwn(values, key) ? values[key] : undefined;
  };
  const has = (key: string): boolean => {
    const value = valueOf(key);
    return value !== undefined && value !== null && !(typeof value === 'number' && Number.isNaN(value));
  };
  const number = (key: string, range: Range = {}): number => {
    const value = valueOf(key);
    if (!has(key)) {
      fault(key, `${key} of ${owner} is missing`);
      return Number.NaN;
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      fault(key, `${key} of ${owner} is no finite number, found ${show(value)}`);
      return Number.NaN;
    }
    const wish = outside(value, range);
    if (wish !== undefined) fault(key, `${key} of ${owner} must be ${wish}, found ${value}`, range.hint);
    return value;
  };
  const optional = (key: string, range?: Range) => (has(key) ? number(key, range) : undefined);
  return {
    origin,
    has,
    raw: valueOf,
    knows: (key) => Object.hasOwn(values, key),
    number,
    optional,
    numberOr: (key, fallback, range) => optional(key, range) ?? fallback,
    limit: (key) => (Math.abs(Number(valueOf(key))) === Infinity ? undefined : optional(key)),
    triple: (key) => {
      const value = valueOf(key);
      const [a, b, c, ...rest]: readonly unknown[] = Array.isArray(value) ? value : [];
      const finite = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one);
      if (finite(a) && finite(b) && finite(c) && rest.length === 0) return [a, b, c];
      fault(key, `${key} of ${owner} must be a list of three numbers, found ${show(value)}`);
      return [Number.NaN, Number.NaN, Number.NaN];
    },
    flag: (key, fallback) => {
      const value = valueOf(key);
      if (!has(key)) return fallback;
      if (typeof value === 'boolean') return value;
      if (value === 0 || value === 1) return value === 1;
      fault(key, `${key} of ${owner} is neither true nor false, found ${show(value)}`);
      return fallback;
    },
    reference: (key) => {
      const value = valueOf(key);
      if (typeof value === 'string' && value !== '') return value;
      if (typeof value === 'number' && Number.isInteger(value)) return String(value);
      fault(
        key,
        has(key) ? `${key} of ${owner} names no element, found ${show(value)}` : `${key} of ${owner} is missing`,
      );
      return '';
    },
    text: (key) => {
      const value = valueOf(key);
      return typeof value === 'string' && value !== '' ? value : undefined;
    },
    fault,
    note: (key, message) => draft.note(message, at(key)),
  };
}

function outside(value: number, { above, atLeast, atMost }: Range): string | undefined {
  if (above !== undefined && !(value > above)) return `above ${above}`;
  if (atLeast !== undefined && !(value >= atLeast)) return `at least ${atLeast}`;
  if (atMost !== undefined && !(value <= atMost)) return `at most ${atMost}`;
  return undefined;
}

/** A value as people would recognise it, cut to a line. */
function show(value: unknown): string {
  const text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? typeof value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
