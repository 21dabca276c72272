/** Ids that are unique and references that lead somewhere, in any value that may be a grid document. */
import { didYouMean } from '../numerics/edit-distance.ts';
import type { Problem } from './problem.ts';
import type { Report } from './validate.ts';

/** What `validateReferences` reads of an element: any part of it may be missing or of the wrong type. */
type Loose = Readonly<Record<string, unknown>>;

function looseValue(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Loose)[key] : undefined;
}

/** The elements of one list of a value that may be a grid document. */
function looseList(value: unknown, list: string): readonly Loose[] {
  const found: unknown = typeof value === 'object' && value !== null ? (value as Loose)[list] : undefined;
  if (!Array.isArray(found)) return [];
  return found.map((item: unknown) => (typeof item === 'object' && item !== null ? (item as Loose) : {}));
}

const BRANCH_LISTS = [
  'lines',
  'transformers',
  'threeWindingTransformers',
  'matrixLines',
  'generalBranches',
  'admittanceBranches',
] as const;

/** Kinds whose ids must differ among themselves, and the lists that hold them. */
const KINDS: readonly (readonly [kind: string, lists: readonly string[]])[] = [
  ['bus', ['buses']],
  ['branch', BRANCH_LISTS],
  ['switch', ['switches']],
  ['load', ['loads']],
  ['generator', ['generators']],
  ['battery', ['batteries']],
  ['shunt', ['shunts']],
  ['external grid', ['externalGrids']],
];

/** What each list calls its elements, and which of their keys name buses. */
const REFERENCES: readonly (readonly [list: string, kind: string, keys: readonly string[]])[] = [
  ['lines', 'line', ['from', 'to']],
  ['transformers', 'transformer', ['from', 'to']],
  ['matrixLines', 'matrix line', ['from', 'to']],
  ['generalBranches', 'general branch', ['from', 'to']],
  ['admittanceBranches', 'admittance branch', ['from', 'to']],
  ['threeWindingTransformers', 'three-winding transformer', ['high.bus', 'medium.bus', 'low.bus']],
  ['switches', 'switch', ['from', 'to']],
  ['loads', 'load', ['bus']],
  ['generators', 'generator', ['bus']],
  ['batteries', 'battery', ['bus']],
  ['shunts', 'shunt', ['bus']],
  ['externalGrids', 'external grid', ['bus']],
];

/** Ids of the buses that the element `item` of `list` names. */
export function busesOf(list: string, item: unknown): string[] {
  const keys = REFERENCES.find(([name]) => name === list)?.[2] ?? [];
  return keys.flatMap((key) => {
    const bus = busAt(item, key);
    return typeof bus === 'string' ? [bus] : [];
  });
}

function busAt(item: unknown, key: string): unknown {
  return key.split('.').reduce<unknown>((at, part) => looseValue(at, part), item);
}

/** Faults of ids and references; works on any value, so that they show beside faults of the schema. */
export function validateReferences(value: unknown): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, message, hint) => problems.push({ path, message, ...(hint !== undefined && { hint }) });
  for (const [kind, lists] of KINDS) {
    const first = new Map<unknown, string>();
    for (const list of lists) {
      looseList(value, list).forEach(({ id }, i) => {
        const path = `${list}[${i}]`;
        const earlier = first.get(id);
        if (typeof id !== 'string') return;
        if (earlier === undefined) first.set(id, path);
        else report(`${path}.id`, `${kind} id "${id}" is used before, at ${earlier}`);
      });
    }
  }
  const ids = looseList(value, 'buses').map(({ id }) => id);
  const buses = new Set(ids.flatMap((id) => (typeof id === 'string' ? [id] : [])));
  for (const [list, kind, keys] of REFERENCES) {
    looseList(value, list).forEach((item, i) => {
      const owner = typeof item['id'] === 'string' ? `${kind} "${item['id']}"` : `a ${kind}`;
      for (const key of keys) {
        const bus = busAt(item, key);
        // Where no bus is known, or one has no id that can be read, that is the fault.
        if (typeof bus !== 'string' || buses.has(bus) || buses.size === 0) continue;
        if (!ids.every((id) => typeof id === 'string')) continue;
        report(`${list}[${i}].${key}`, `${owner} refers to bus "${bus}", which does not exist`, didYouMean(bus, buses));
      }
      if (typeof item['from'] === 'string' && item['from'] === item['to']) {
        report(`${list}[${i}].to`, `${owner} has both ends at bus "${item['from']}"`);
      }
    });
  }
  return problems;
}
