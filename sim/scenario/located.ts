/**
 * A YAML document as a tree that remembers where each node was written, so that a fault found after `extends:` and
 * `--set` were applied still points to the file, line and column that somebody can mend.
 */
import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import type { Problem } from '../../grids/problem.ts';

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

/** More nodes than any scenario has; a bomb of nested aliases stops here. */
const NODES_MAX = 200_000;

export interface LocatedDocument {
  readonly root: Located | undefined;
  readonly problems: readonly Problem[];
}

/** Reads YAML 1.2 `text` of `file`. Syntax faults come back as problems, with no root. */
export function readLocated(file: string, text: string): LocatedDocument {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const problems = document.errors.map((error): Problem => {
    const { line, col } = lines.linePos(error.pos[0]);
    return { file, path: '', line, column: col, message: `is no valid YAML: ${oneLine(error.message)}` };
  });
  if (problems.length > 0) return { root: undefined, problems };
  if (document.contents === null) {
    return { root: undefined, problems: [{ file, path: '', line: 1, column: 1, message: 'is empty' }] };
  }
  let nodes = 0;
  const placeOf = (node: Node): Place => {
    const { line, col } = lines.linePos(node.range?.[0] ?? 0);
    return { file, line, column: col };
  };
  const convert = (node: Node, depth: number): Located => {
    nodes += 1;
    if (nodes > NODES_MAX || depth > 100) throw new RangeError('too many nodes');
    const place = placeOf(node);
    if (isAlias(node)) {
      const target = node.resolve(document);
      return target === undefined ? { kind: 'value', place, value: null } : convert(target, depth + 1);
    }
    if (isMap(node)) {
      const entries = new Map<string, Entry>();
      for (const { key, value } of node.items) {
        const keyNode = key as Node;
        const name = isScalar(keyNode) ? String(keyNode.value) : String(keyNode);
        const keyPlace = placeOf(keyNode);
        const child: Located =
          value === null
            ? { kind: 'value', place: keyPlace, value: null }
            : isScalar(value) && value.value === null
              ? { kind: 'value', place: keyPlace, value: null }
              : convert(value as Node, depth + 1);
        entries.set(name, { place: keyPlace, node: child });
      }
      return { kind: 'map', place, entries };
    }
    if (isSeq(node)) {
      return { kind: 'list', place, items: node.items.map((item) => convert(item as Node, depth + 1)) };
    }
    return { kind: 'value', place, value: isScalar(node) ? node.value : null };
  };
  try {
    return { root: convert(document.contents, 0), problems: [] };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { root: undefined, problems: [{ file, path: '', message: 'nests or repeats too many nodes' }] };
  }
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
 * The tree with `node` at `path`. Missing maps on the way are made; a list takes an existing index or the next one.
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
    const below = setLocated(root.items[index] ?? emptyMap(node.place), path, node, done + 1);
    if (typeof below === 'string') return below;
    return { ...root, items: root.items.toSpliced(index, 1, below) };
  }
  // `bridge:` without a value and `balancer: false` become maps when something is set below them.
  const entries = new Map(root.kind === 'map' ? root.entries : []);
  if (root.kind === 'value' && root.value !== null && root.value !== false && root.value !== true) {
    return `${here} is a single value: nothing can be set below it`;
  }
  const key = String(step);
  const below = setLocated(entries.get(key)?.node ?? emptyMap(node.place), path, node, done + 1);
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

function emptyMap(place: Place): Located {
  return { kind: 'map', place, entries: new Map() };
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}
