/** JSON text with places: parses it, finds duplicate keys, and tells line and column of any path in it. */
import type { Problem } from './problem.ts';

export type JsonPath = readonly (string | number)[];

/** `lines[3].lengthM` of ['lines', 3, 'lengthM']; keys that are no identifiers are quoted. */
export function formatPath(path: JsonPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_$][\w$]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** The inverse of `formatPath`. */
export function parsePath(text: string): JsonPath {
  const parts: (string | number)[] = [];
  for (const match of text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([A-Za-z_$][\w$]*)/g)) {
    if (match[1] !== undefined) parts.push(Number(match[1]));
    else if (match[2] !== undefined) parts.push(JSON.parse(match[2]) as string);
    else parts.push(match[3]!);
  }
  return parts;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** Places in a valid JSON text; containers are indexed one by one as questions lead into them. */
export interface SourceMap {
  /** Where the value at `path` stands, or its key with `key`; the nearest thing above it when it is missing. */
  place(path: JsonPath, key?: boolean): Place | undefined;
}

/** Offsets of what a container holds: by key (the last of a key given twice, as in JSON.parse) or by number. */
interface Container {
  readonly keys: ReadonlyMap<string, { readonly key: number; readonly value: number }>;
  readonly items: readonly number[];
}

export function createSourceMap(text: string): SourceMap {
  const containers = new Map<number, Container>();
  const placeAt = createPlaces(text);
  const containerAt = (offset: number): Container => {
    let found = containers.get(offset);
    if (found === undefined) containers.set(offset, (found = indexContainer(text, offset)));
    return found;
  };
  return {
    place: (path, key = false) => {
      const start = skipSpace(text, 0);
      if (start >= text.length) return undefined;
      let offset = start;
      for (const [depth, part] of path.entries()) {
        const { keys, items } = containerAt(offset);
        const member = keys.get(String(part));
        const next = typeof part === 'number' && member === undefined ? items[part] : member?.value;
        if (next === undefined) break;
        if (key && depth === path.length - 1 && member !== undefined) return placeAt(member.key);
        offset = next;
      }
      return placeAt(offset);
    },
  };
}

/** Line and column of any offset; the lines are counted once. */
export function createPlaces(text: string): (offset: number) => Place {
  let starts: number[] | undefined;
  return (offset) => {
    if (starts === undefined) {
      starts = [0];
      for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) starts.push(at + 1);
    }
    let [low, high] = [0, starts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: offset - starts[low]! + 1 };
  };
}

/** Line and column, from 1, of an offset. */
function placeOf(text: string, offset: number): Place {
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { line, column: offset - start + 1 };
}

function skipSpace(text: string, from: number): number {
  let at = from;
  while (at < text.length && ' \t\r\n\uFEFF'.includes(text.charAt(at))) at++;
  return at;
}

/** End of the string that opens at `from`; the end of the text when nothing closes it. */
function endOfString(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

/** End of the value that begins at `from` in a valid JSON text. */
function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; at++) {
    const c = text.charAt(at);
    if (c === '"') {
      at = endOfString(text, at) - 1;
      if (depth === 0) return at + 1;
    } else if (c === '{' || c === '[') depth++;
    else if (c === '}' || c === ']') {
      depth--;
      if (depth === 0) return at + 1;
      if (depth < 0) return at;
    } else if (depth === 0 && c === ',') return at;
  }
  return text.length;
}

function indexContainer(text: string, offset: number): Container {
  const keys = new Map<string, { key: number; value: number }>();
  const items: number[] = [];
  const kind = text.charAt(offset);
  if (kind !== '{' && kind !== '[') return { keys, items };
  let at = skipSpace(text, offset + 1);
  while (at < text.length && text.charAt(at) !== '}' && text.charAt(at) !== ']') {
    if (kind === '{') {
      const end = endOfString(text, at);
      const value = skipSpace(text, skipSpace(text, end) + 1);
      keys.set(JSON.parse(text.slice(at, end)) as string, { key: at, value });
      at = value;
    } else items.push(at);
    at = skipSpace(text, endOfValue(text, at));
    if (text.charAt(at) === ',') at = skipSpace(text, at + 1);
  }
  return { keys, items };
}

/** Deeper than any file of grids or measurements; what reads the value may then recurse without care. */
const MAX_DEPTH = 200;

interface JsonText {
  /** Undefined where the text is no JSON; of a key given twice the last counts. */
  readonly value: unknown;
  /** Faults of syntax; a key given twice is one although JSON.parse lets it pass. */
  readonly problems: readonly Problem[];
}

export function parseJson(text: string): JsonText {
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    const message = `is nested deeper than ${MAX_DEPTH} levels`;
    return { value: undefined, problems: [{ path: '', message, ...placeOf(text, deep) }] };
  }
  try {
    const value: unknown = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
    return { value, problems: findDuplicateKeys(text) };
  } catch (error) {
    return { value: undefined, problems: [syntaxProblem(text, error)] };
  }
}

/** Where brackets outside strings open more than MAX_DEPTH levels. */
function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const c = text.charCodeAt(at);
    if (c === QUOTE) at = endOfString(text, at) - 1;
    else if (c === OPEN_BRACE || c === OPEN_BRACKET) {
      depth++;
      if (depth > MAX_DEPTH) return at;
    } else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) depth--;
  }
  return undefined;
}

const [QUOTE, OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x22, 0x7b, 0x7d, 0x5b, 0x5d];

/** V8 names the offset of most faults; where it quotes the text instead, our own scan finds the place. */
function syntaxProblem(text: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  const bom = text.startsWith('\uFEFF') ? 1 : 0;
  const named = /position (\d+)/.exec(reason)?.[1];
  const offset = named === undefined ? faultOffset(text) : Number(named) + bom;
  const what = reason
    .replace(/,? ?(in JSON )?at position \d+.*$/s, '')
    .replace(/, (?:\.\.\.)?".*is not valid JSON$/s, '');
  const message = `is not valid JSON: ${what}`;
  return { path: '', message, ...placeOf(text, offset) };
}

/** A JSON token that is no string: punctuation, a number or a word. */
const TOKEN = /[{}[\],:]|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.])|true|false|null/y;

/** The token at an offset; undefined where JSON has none. A string is taken as one, whatever stands in it. */
function tokenAt(text: string, at: number): string | undefined {
  if (text.charAt(at) === '"') {
    const token = text.slice(at, endOfString(text, at));
    return token.length > 1 && token.endsWith('"') && !/[\n\r\t]/.test(token) ? token : undefined;
  }
  TOKEN.lastIndex = at;
  return TOKEN.exec(text)?.[0];
}

/** Offset of the first token that JSON does not allow where it stands; the end of the text when it is cut off. */
function faultOffset(text: string): number {
  const stack: string[] = [];
  /** What may come next: a value, a value or the end of an empty array, a key, a key or `}`, a colon, a comma or end. */
  let wanted: 'value' | 'first-item' | 'key' | 'first-key' | 'colon' | 'next' = 'value';
  let at = skipSpace(text, 0);
  while (at < text.length) {
    const token = tokenAt(text, at);
    if (token === undefined) return at;
    const open = stack.at(-1);
    if (wanted === 'colon' ? token === ':' : (wanted === 'key' || wanted === 'first-key') && token.startsWith('"')) {
      wanted = wanted === 'colon' ? 'value' : 'colon';
    } else if (wanted === 'next' && token === ',' && open !== undefined) wanted = open === '{' ? 'key' : 'value';
    else if ((wanted === 'next' || wanted === 'first-key') && token === '}' && open === '{') {
      stack.pop();
      wanted = 'next';
    } else if ((wanted === 'next' || wanted === 'first-item') && token === ']' && open === '[') {
      stack.pop();
      wanted = 'next';
    } else if ((wanted === 'value' || wanted === 'first-item') && !/^[}\],:]$/.test(token)) {
      if (token === '{' || token === '[') stack.push(token);
      wanted = token === '{' ? 'first-key' : token === '[' ? 'first-item' : 'next';
    } else return at;
    at = skipSpace(text, at + token.length);
  }
  return text.length;
}

/** A text in which more keys are given twice is damaged beyond listing. */
const MAX_DUPLICATES = 100;

/** One pass over a valid JSON text with the set of keys of each open object on a stack. */
function findDuplicateKeys(text: string): Problem[] {
  const problems: Problem[] = [];
  const stack: (Set<string> | undefined)[] = [];
  const placeAt = createPlaces(text);
  for (let at = 0; at < text.length && problems.length < MAX_DUPLICATES; at++) {
    const c = text.charCodeAt(at);
    if (c === OPEN_BRACE) stack.push(new Set());
    else if (c === OPEN_BRACKET) stack.push(undefined);
    else if (c === CLOSE_BRACE || c === CLOSE_BRACKET) stack.pop();
    if (c !== QUOTE) continue;
    const end = endOfString(text, at);
    const keys = stack.at(-1);
    if (keys !== undefined && text.charAt(skipSpace(text, end)) === ':') {
      const name = JSON.parse(text.slice(at, end)) as string;
      if (keys.has(name)) {
        problems.push({ path: name, ...placeAt(at), message: `key "${name}" is given twice in one object` });
      }
      keys.add(name);
    }
    at = end - 1;
  }
  return problems;
}
