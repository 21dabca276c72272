/**
 * Canonical JSON after RFC 8785 (JCS): the one byte sequence of a JSON value that hashes and signatures are made over.
 * Strings and numbers as ECMAScript's JSON.stringify writes them, members sorted by UTF-16 code units, no white space.
 */

/** The value has no canonical form: NaN, an infinity, a lone surrogate, or something that JSON does not know. */
export class CanonicalJsonError extends Error {
  override readonly name = 'CanonicalJsonError';
}

/**
 * Writes `value` in canonical form. Members that are `undefined` are left out, as JSON.stringify does.
 * Throws CanonicalJsonError for values outside I-JSON (RFC 7493) and for cycles, by way of their depth.
 */
export function canonicalJson(value: unknown): string {
  const sorted = sortMembers(value, 0);
  return sorted === UNUSUAL ? write(value, 0) : JSON.stringify(sorted);
}

/** Object members keep their order in JavaScript unless their names look like array indices: those are written by hand. */
const UNUSUAL = Symbol('unusual');

/**
 * The same value with the members of every object in canonical order, so that the engine's own JSON.stringify, several
 * times faster than ours, writes the canonical form. What is in order already is handed back as it is.
 */
function sortMembers(value: unknown, depth: number): unknown {
  if (typeof value === 'number') {
    if (!Number.isFinite(value)) throw new CanonicalJsonError(`${value} has no canonical form`);
    return value;
  }
  if (typeof value === 'string') {
    if (!value.isWellFormed()) throw new CanonicalJsonError('a string holds a lone surrogate');
    return value;
  }
  if (typeof value !== 'object' || value === null || depth === DEPTH_MAX) {
    return typeof value === 'boolean' || value === null ? value : UNUSUAL;
  }
  return Array.isArray(value) ? sortItems(value, depth + 1) : sortObject(value as JsonObject, depth + 1);
}

function sortItems(items: readonly unknown[], depth: number): unknown {
  let copy: unknown[] | undefined;
  for (let index = 0; index < items.length; index++) {
    const sorted = sortMembers(items[index], depth);
    if (sorted === UNUSUAL) return UNUSUAL;
    if (sorted === items[index]) continue;
    copy ??= items.slice();
    copy[index] = sorted;
  }
  return copy ?? items;
}

function sortObject(object: JsonObject, depth: number): unknown {
  const keys = Object.keys(object);
  let copy: Record<string, unknown> | undefined;
  if (!isKnown(keys)) {
    if (!keys.every(isOrdinary)) return UNUSUAL;
    if (isSorted(keys)) known[keys.length] = keys;
    else {
      keys.sort();
      copy = {};
    }
  }
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] as string;
    const member = object[key];
    const sorted = member === undefined ? undefined : sortMembers(member, depth);
    if (sorted === UNUSUAL) return UNUSUAL;
    // Most messages are in order throughout: they are handed back, not copied.
    if (copy === undefined && sorted !== member) copy = firstMembers(object, keys, index);
    if (copy !== undefined) copy[key] = sorted;
  }
  return copy ?? object;
}

function firstMembers(object: JsonObject, keys: readonly string[], count: number): Record<string, unknown> {
  const copy: Record<string, unknown> = {};
  for (let index = 0; index < count; index++) copy[keys[index] as string] = object[keys[index] as string];
  return copy;
}

/** Ordinary names in canonical order, the latest list of each length: most objects of a message are of one make. */
const known: (readonly string[] | undefined)[] = [];

function isKnown(keys: readonly string[]): boolean {
  const latest = known[keys.length];
  if (latest === undefined) return false;
  for (let index = 0; index < keys.length; index++) if (keys[index] !== latest[index]) return false;
  return true;
}

/** A letter first: no array index, not `__proto__`; plain ASCII throughout. */
const ORDINARY_NAME = /^[A-Za-z][\x20-\x7e]*$/;

/** Messages use the same few names again and again; names of strangers beyond so many are looked at each time. */
const ordinary = new Set<string>();
const ORDINARY_MAX = 1000;

function isOrdinary(name: string): boolean {
  if (ordinary.has(name)) return true;
  if (!ORDINARY_NAME.test(name)) return false;
  if (ordinary.size < ORDINARY_MAX) ordinary.add(name);
  return true;
}

/** Far beyond any message, well before the stack ends. */
const DEPTH_MAX = 256;

function write(value: unknown, depth: number): string {
  switch (typeof value) {
    case 'number':
      if (!Number.isFinite(value)) throw new CanonicalJsonError(`${value} has no canonical form`);
      // ECMAScript's Number::toString is what RFC 8785 prescribes; it writes -0 as 0.
      return `${value}`;
    case 'string':
      return quote(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depth === DEPTH_MAX) throw new CanonicalJsonError(`nested deeper than ${DEPTH_MAX} levels`);
      return Array.isArray(value) ? writeArray(value, depth + 1) : writeObject(value as JsonObject, depth + 1);
    default:
      throw new CanonicalJsonError(`${typeof value} is no JSON value`);
  }
}

type JsonObject = Readonly<Record<string, unknown>>;

function writeArray(items: readonly unknown[], depth: number): string {
  let text = '[';
  for (let index = 0; index < items.length; index++) {
    if (index > 0) text += ',';
    text += write(items[index], depth);
  }
  return `${text}]`;
}

function writeObject(object: JsonObject, depth: number): string {
  // Array.prototype.sort without comparator orders by UTF-16 code units, the order that RFC 8785 asks for. Most
  // messages arrive in that order already, and comparing neighbours is cheaper than sorting.
  const keys = Object.keys(object);
  if (!isSorted(keys)) keys.sort();
  let text = '{';
  for (const key of keys) {
    const member = object[key];
    if (member === undefined) continue;
    text += `${text.length > 1 ? ',' : ''}${quote(key)}:${write(member, depth)}`;
  }
  return `${text}}`;
}

function isSorted(keys: readonly string[]): boolean {
  for (let index = 1; index < keys.length; index++) {
    if ((keys[index - 1] as string) > (keys[index] as string)) return false;
  }
  return true;
}

/** Printable ASCII without quotation mark and backslash stands for itself. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** In Unicode mode a paired surrogate is part of its code point, so this finds lone ones only. */
const LONE_SURROGATE = /\p{Surrogate}/u;

function quote(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  if (LONE_SURROGATE.test(text)) throw new CanonicalJsonError('a string holds a lone surrogate');
  return JSON.stringify(text);
}
