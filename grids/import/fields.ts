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

/**
 * `owner` names the element in sentences, for example `line 3`; `read` gathers the keys that somebody asked for,
 * `placeOf` knows where a single field stands.
 */
export function createFields(
  values: Readonly<Record<string, unknown>>,
  owner: string,
  origin: Origin,
  draft: GridDraft,
  read?: Set<string>,
  placeOf?: PlaceOf,
): Fields {
  return new ElementFields(values, owner, origin, draft, read, placeOf);
}

type PlaceOf = (key: string) => Partial<Origin> | undefined;

/** A class, because a large file has hundreds of thousands of elements, and closures of each would fill the memory. */
class ElementFields implements Fields {
  readonly origin: Origin;
  readonly #values: Readonly<Record<string, unknown>>;
  readonly #owner: string;
  readonly #draft: GridDraft;
  readonly #read: Set<string> | undefined;
  readonly #placeOf: PlaceOf | undefined;

  constructor(
    values: Readonly<Record<string, unknown>>,
    owner: string,
    origin: Origin,
    draft: GridDraft,
    read: Set<string> | undefined,
    placeOf: PlaceOf | undefined,
  ) {
    this.origin = origin;
    this.#values = values;
    this.#owner = owner;
    this.#draft = draft;
    this.#read = read;
    this.#placeOf = placeOf;
  }

  #at(key: string): Origin {
    return { ...this.origin, path: `${this.origin.path}.${key}`, ...this.#placeOf?.(key) };
  }

  fault(key: string, message: string, hint?: string): void {
    this.#draft.fault(message, this.#at(key), hint);
  }

  note(key: string, message: string): void {
    this.#draft.note(message, this.#at(key));
  }

  raw(key: string): unknown {
    this.#read?.add(key);
    return Object.hasOwn(this.#values, key) ? this.#values[key] : undefined;
  }

  knows(key: string): boolean {
    return Object.hasOwn(this.#values, key);
  }

  has(key: string): boolean {
    const value = this.raw(key);
    return value !== undefined && value !== null && !(typeof value === 'number' && Number.isNaN(value));
  }

  number(key: string, range: Range = {}): number {
    const value = this.raw(key);
    if (!this.has(key)) {
      this.fault(key, `${key} of ${this.#owner} is missing`);
      return Number.NaN;
    }
    if (typeof value !== 'number' || !Number.isFinite(value)) {
      this.fault(key, `${key} of ${this.#owner} is no finite number, found ${show(value)}`);
      return Number.NaN;
    }
    const wish = outside(value, range);
    if (wish !== undefined) this.fault(key, `${key} of ${this.#owner} must be ${wish}, found ${value}`, range.hint);
    return value;
  }

  optional(key: string, range?: Range): number | undefined {
    return this.has(key) ? this.number(key, range) : undefined;
  }

  numberOr(key: string, fallback: number, range?: Range): number {
    return this.optional(key, range) ?? fallback;
  }

  limit(key: string): number | undefined {
    return Math.abs(Number(this.raw(key))) === Infinity ? undefined : this.optional(key);
  }

  triple(key: string): readonly [number, number, number] {
    const value = this.raw(key);
    const [a, b, c, ...rest]: readonly unknown[] = Array.isArray(value) ? value : [];
    const finite = (one: unknown): one is number => typeof one === 'number' && Number.isFinite(one);
    if (finite(a) && finite(b) && finite(c) && rest.length === 0) return [a, b, c];
    this.fault(key, `${key} of ${this.#owner} must be a list of three numbers, found ${show(value)}`);
    return [Number.NaN, Number.NaN, Number.NaN];
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.raw(key);
    if (!this.has(key)) return fallback;
    if (typeof value === 'boolean') return value;
    if (value === 0 || value === 1) return value === 1;
    this.fault(key, `${key} of ${this.#owner} is neither true nor false, found ${show(value)}`);
    return fallback;
  }

  reference(key: string): string {
    const value = this.raw(key);
    if (typeof value === 'string' && value !== '') return value;
    if (typeof value === 'number' && Number.isInteger(value)) return String(value);
    const wrong = this.has(key) ? `names no element, found ${show(value)}` : 'is missing';
    this.fault(key, `${key} of ${this.#owner} ${wrong}`);
    return '';
  }

  text(key: string): string | undefined {
    const value = this.raw(key);
    return typeof value === 'string' && value !== '' ? value : undefined;
  }
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
