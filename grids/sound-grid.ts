/** What is left of a grid document without its elements at fault, so that all else can be checked in the same go. */
import { parsePath } from './json-source.ts';
import type { Problem } from './problem.ts';
import type { SchemaFault } from './schema-problems.ts';
import { type GridDocument, gridDocumentSchema } from './schema.ts';
import { busesOf } from './validate-references.ts';

interface SoundGrid {
  readonly document: GridDocument;
  /** Nothing that could be a source is left out. */
  readonly hasAllSources: boolean;
  /** A path of the document as it stands in the whole one. */
  readonly original: (path: string) => string;
}

type Root = Readonly<Record<string, unknown>>;

/**
 * `value` without unknown keys, without elements that have faults of form or reference, and without those that stand at
 * buses left out. Undefined where too little is left.
 */
export function soundGrid(
  value: unknown,
  ofForm: readonly SchemaFault[],
  ofReferences: readonly Problem[],
): SoundGrid | undefined {
  if (!isMap(value)) return undefined;
  const known = withoutKeys(value, ofForm);
  const issues = gridDocumentSchema.safeParse(known).error?.issues ?? [];
  const faulty = [...issues.map(({ path }) => path), ...ofReferences.map(({ path }) => parsePath(path))];
  const elements = new Set(faulty.map(([list, index]) => `${String(list)} ${String(index)}`));
  const fields = new Set(faulty.flatMap(([field, index]) => (typeof index === 'number' ? [] : String(field))));
  // What an element may be depends on it.
  if (fields.has('representation')) return undefined;
  const kept = new Map<string, number[]>();
  const keep = (list: string, isSound: (item: unknown, index: number) => boolean) => {
    const items: readonly unknown[] = Array.isArray(known[list]) ? known[list] : [];
    kept.set(
      list,
      items.flatMap((item, index) => (isSound(item, index) ? index : [])),
    );
    return (kept.get(list) ?? []).map((index) => items[index]);
  };
  const buses = keep('buses', (_, index) => !elements.has(`buses ${index}`));
  const ids = new Set(buses.map((bus) => (isMap(bus) ? bus['id'] : undefined)));
  const lists = Object.keys(known).filter((key) => key !== 'buses' && Array.isArray(known[key]));
  const others = lists.map((list) => {
    const isSound = (item: unknown, index: number) =>
      !elements.has(`${list} ${index}`) && busesOf(list, item).every((bus) => ids.has(bus));
    return [list, keep(list, isSound)] as const;
  });
  const rest = Object.fromEntries(Object.entries(known).filter(([key]) => !fields.has(key)));
  const root = { ...rest, schema: 1, name: 'unnamed', ...Object.fromEntries(others), buses };
  const { data } = gridDocumentSchema.safeParse(root);
  if (data === undefined) return undefined;
  const original = (path: string) =>
    path.replace(/^(\w+)\[(\d+)\]/, (_, list: string, index: string) => `${list}[${kept.get(list)?.[Number(index)]}]`);
  const hasAllSources =
    faulty.every(([list]) => list !== 'externalGrids' && list !== 'buses') &&
    ofForm.every(({ meant }) => meant !== 'externalGrids');
  return { document: data, hasAllSources, original };
}

/** A copy of `value` without its unknown keys. */
function withoutKeys(value: Root, faults: readonly SchemaFault[]): Root {
  const copy = structuredClone(value);
  for (const { path, atKey } of faults) {
    const owner = path.slice(0, -1).reduce<unknown>((at, step) => (at as Root)[step], copy);
    if (atKey === true) delete (owner as Record<string, unknown>)[String(path.at(-1))];
  }
  return copy;
}

function isMap(value: unknown): value is Root {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
