/** What is left of a scenario without its faults of form, so that all else can be checked in the same go. */
import type { SchemaFault } from './schema-problems.ts';
import { eventSchema, type Scenario, scenarioSchema } from './schema.ts';

export interface SoundPart {
  readonly scenario: Scenario;
  /** Where each event that is left stood in the document. */
  readonly eventPlaces: readonly number[];
}

/** Values that no further check looks at. */
const standIns: Readonly<Record<string, unknown>> = { schema: 1, name: 'unnamed', site: 'unnamed', seed: 'unnamed' };

type Tree = Record<string | number, unknown>;

/**
 * The scenario `value` without its unknown keys and without what is wrong in its events, which go as a whole where they
 * make no sense without it. Undefined where a fault stands elsewhere: then what follows from it cannot be told from
 * faults of its own.
 */
export function soundPart(value: unknown, faults: readonly SchemaFault[]): SoundPart | undefined {
  const tree = structuredClone(value) as Tree;
  for (const { path, atKey } of faults) {
    const [first = ''] = path;
    if (path.length === 1 && Object.hasOwn(standIns, first)) tree[first] = standIns[first];
    else if (atKey === true || first === 'events') remove(tree, path);
    else return undefined;
  }
  const events = Array.isArray(tree.events) ? tree.events : [];
  const eventPlaces = [...events.keys()].filter((index) => eventSchema.safeParse(events[index]).success);
  const parsed = scenarioSchema.safeParse({ ...tree, events: eventPlaces.map((index) => events[index] as unknown) });
  return parsed.success ? { scenario: parsed.data, eventPlaces } : undefined;
}

function remove(tree: Tree, path: SchemaFault['path']): void {
  let node: unknown = tree;
  for (const step of path.slice(0, -1))
    node = typeof node === 'object' && node !== null ? (node as Tree)[step] : undefined;
  const last = path.at(-1);
  if (typeof node !== 'object' || node === null || last === undefined) return;
  // An entry of a list leaves a hole, so that the others keep their places.
  delete (node as Tree)[last];
}
