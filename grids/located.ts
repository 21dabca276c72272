/**
 * A YAML document as a tree that remembers where each node was written, so that a fault found after `extends:` and
 * `--set` were applied still points to the file, line and column that somebody can mend.
 */
import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type YAMLMap } from 'yaml';
import { InvalidInputError, type Problem } from './problem.ts';
import { readText } from './read-text.ts';
import { parseYaml } from './read-yaml.ts';

export interface Place {
  readonly file: string;
  /** 1-based; absent for values from the command line. */
  readonly line?: number;
  readonly column?: number;
}

export type Located =
  | { readonly kind: 'map'; readonly place: Place; readonly entries: ReadonlyMap<string, Entry> }
  | { readonly kind: 'list'; readonly place: Place; readonly items: readonly Located[] }
  | { readonly kind: 'value'; readonly place: Place; readonly value: unknown };

interface Entry {
  /** Where the key stands. */
  readonly place: Place;
  readonly node: Located;
}

export type Path = readonly (string | number)[];

/** More nodes than any file that people write has; a bomb of nested aliases stops here. */
const NODES_MAX = 200_000;
const DEPTH_MAX = 100;

export interface LocatedDocument {
  /** Undefined where faults leave open what is written. */
  readonly root: Located | undefined;
  readonly problems: readonly Problem[];
}

/** Reads YAML 1.2 `text` of `file`; of a key that is given twice the last counts. */
export function readLocated(file: string, text: string): LocatedDocument {
  const { document, lines, problems, isReadable } = parseYaml(file, text);
  const placeAtOffset = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  if (!isReadable) return { root: undefined, problems };
  if (document.contents === null) {
    return { root: undefined, problems: [{ file, path: '', line: 1, column: 1, message: 'is empty' }] };
  }
  const conversion: Conversion = { document, placeAtOffset, nodes: 0, problems: [] };
  try {
    const root = convert(document.contents, conversion, 0);
    const isKnown = conversion.problems.length === 0;
    return { root: isKnown ? root : undefined, problems: [...problems, ...conversion.problems] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { root: undefined, problems: [{ file, path: '', message: 'nests or repeats too many nodes' }] };
  }
}

/**
 * The tree of a file that must not be empty; faults that leave no doubt of what is written go to `problems`. Throws
 * InvalidInputError when it cannot be read or is no YAML.
 */
export function readLocatedFile(file: string, problems: Problem[]): Located {
  const read = readLocated(file, readText(file));
  if (read.root === undefined) throw new InvalidInputError(read.problems);
  problems.push(...read.problems);
  return read.root;
}

interface Conversion {
  readonly document: Document;
  readonly placeAtOffset: (offset: number) => Place;
  /** Converted so far, aliases counted as often as they are used. */
  nodes: number;
  readonly problems: Problem[];
}

/** Throws RangeError when the tree outgrows what people write. */
function convert(node: Node, conversion: Conversion, depth: number): Located {
  conversion.nodes += 1;
  if (conversion.nodes > NODES_MAX || depth > DEPTH_MAX) throw new RangeError('too many nodes');
  const place = conversion.placeAtOffset(node.range?.[0] ?? 0);
  if (isAlias(node)) {
    const target = node.resolve(conversion.document);
    if (target !== undefined) return convert(target, conversion, depth + 1);
    const message = `is no valid YAML: no anchor &${node.source} stands before its alias *${node.source}`;
    conversion.problems.push({ ...place, path: '', message });
    return { kind: 'value', place, value: null };
  }
  if (isMap(node)) return { kind: 'map', place, entries: convertEntries(node, conversion, depth) };
  if (isSeq(node)) {
    return { kind: 'list', place, items: node.items.map((item) => convert(item as Node, conversion, depth + 1)) };
  }
  return { kind: 'value', place, value: isScalar(node) ? node.value : null };
}

function convertEntries(map: YAMLMap, conversion: Conversion, depth: number): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const merged: Located[] = [];
  for (const pair of map.items) {
    const key = pair.key as Node;
    const value = pair.value as Node | null;
    const place = conversion.placeAtOffset(key.range?.[0] ?? 0);
    // `bridge:` with nothing behind it stands where its key stands.
    const empty = value === null || (isScalar(value) && value.value === null);
    const node: Located = empty ? { kind: 'value', place, value: null } : convert(value, conversion, depth + 1);
    const name = isScalar(key) ? String(key.value) : String(key);
    if (name === '<<' && node.kind !== 'value') merged.push(...(node.kind === 'list' ? node.items : [node]));
    else entries.set(name, { place, node });
  }
  // `<<: *anchor` gives the keys that the map does not have itself; of several the first.
  for (const each of merged) {
    if (each.kind !== 'map') continue;
    for (const [name, entry] of each.entries) if (!entries.has(name)) entries.set(name, entry);
  }
  return entries;
}

/** `over` on top of `base`: maps merge key by key, lists and values replace. */
export function mergeLocated(base: Located, over: Located): Located {
  if (base.kind !== 'map' || over.kind !== 'map') return over;
  const entries = new Map(base.entries);
  for (const [key, entry] of over.entries) {
    const below = entries.get(key);
    entries.set(key, below === undefined ? entry : { place: entry.place, node: mergeLocated(below.node, entry.node) });
  }
  return { kind: 'map', place: over.place, entries };
}

/** The tree without the key `key` of its root. */
export function withoutKey(root: Located, key: string): Located {
  if (root.kind !== 'map') return root;
  const entries = new Map(root.entries);
  entries.delete(key);
  return { ...root, entries };
}

/**
 * The tree with `node` at `path`. What is missing on the way is made; a list takes an existing index or the next one.
 * Answers with a sentence when the path does not fit the tree.
 */
export function setLocated(root: Located, path: Path, node: Located, done = 0): Located | string {
  const step = path[done];
  if (step === undefined) return node;
  const here = path.slice(0, done).join('.') || 'the scenario';
  if (root.kind === 'list') {
    const index = Number(step);
    if (!Number.isInteger(index) || index < 0 || index > root.items.length) {
      return `${here} is a list of ${root.items.length}: "${step}" is none of its indices`;
    }
    const below = setLocated(root.items[index] ?? nothingYet(node.place, path[done + 1]), path, node, done + 1);
    if (typeof below === 'string') return below;
    return { ...root, items: root.items.toSpliced(index, 1, below) };
  }
  // `bridge:` without a value and `balancer: false` become maps when something is set below them.
  const entries = new Map(root.kind === 'map' ? root.entries : []);
  if (root.kind === 'value' && root.value !== null && root.value !== false && root.value !== true) {
    return `${here} is a single value: nothing can be set below it`;
  }
  const key = String(step);
  const below = setLocated(entries.get(key)?.node ?? nothingYet(node.place, path[done + 1]), path, node, done + 1);
  if (typeof below === 'string') return below;
  entries.set(key, { place: node.place, node: below });
  return { kind: 'map', place: root.place, entries };
}

/** The plain value of a tree. */
export function plainValue(node: Located): unknown {
  if (node.kind === 'list') return node.items.map(plainValue);
  if (node.kind === 'value') return node.value;
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, plainValue(entry.node)]));
}

/** The node at `path`, if there is one. */
export function nodeAt(root: Located, path: Path): Located | undefined {
  let node: Located | undefined = root;
  for (const step of path) {
    if (node?.kind === 'map') node = node.entries.get(String(step))?.node;
    else if (node?.kind === 'list') node = node.items[Number(step)];
    else return undefined;
  }
  return node;
}

/** Where the value at `path` was written, or its nearest ancestor that was. `key` asks for the key instead. */
export function placeAt(root: Located, path: Path, what: 'value' | 'key' = 'value'): Place {
  if (what === 'key') {
    const parent = nodeAt(root, path.slice(0, -1));
    const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
    if (entry !== undefined) return entry.place;
  }
  for (let length = path.length; length > 0; length -= 1) {
    const node = nodeAt(root, path.slice(0, length));
    if (node !== undefined) return node.place;
  }
  return root.place;
}

/** What `step` can be set in: the first entry of a list, or a key. */
function nothingYet(place: Place, step: Path[number] | undefined): Located {
  return String(step) === '0' ? { kind: 'list', place, items: [] } : { kind: 'map', place, entries: new Map() };
}
