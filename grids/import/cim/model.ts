/** CIM objects as a reader of grids wants them: by class, with typed properties, and with what refers to them. */
import type { GridDraft, Origin } from '../draft.ts';
import { createFields, type Fields } from '../fields.ts';
import type { RdfObject, RdfPlace } from './rdf.ts';

export interface CimObject {
  readonly id: string;
  readonly className: string;
  /** IdentifiedObject.name. */
  readonly name: string | undefined;
  /** Texts as numbers, flags or texts; references stand apart. */
  readonly fields: Fields;
  readonly origin: Origin;
}

export interface CimModel {
  readonly draft: GridDraft;
  get(id: string): CimObject | undefined;
  /** Objects of any of the classes, in the order of the files. */
  of(...classNames: readonly string[]): readonly CimObject[];
  /** The object that a property refers to. A reference that leads nowhere is a fault; no property at all is none. */
  target(object: CimObject, property: string): CimObject | undefined;
  /** Whether a property refers to something that stands in none of the files; told already. */
  isMissing(object: CimObject, property: string): boolean;
  /** The last part of an enumeration value, for example `D` of `WindingConnection.D`. */
  choice(object: CimObject, property: string): string | undefined;
  /** Objects whose `property` refers to this one. */
  referring(object: CimObject, property: string): readonly CimObject[];
  /** Number of objects by class. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Plain numbers; anything else stays a text, for the fields to complain about. */
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;

function valueOf(text: string): unknown {
  if (NUMBER.test(text)) return Number(text);
  if (text === 'true' || text === 'false') return text === 'true';
  return text === '' ? null : text;
}

export function createModel(rdf: ReadonlyMap<string, RdfObject>, draft: GridDraft): CimModel {
  const objects = new Map<string, CimObject>();
  const byClass = new Map<string, CimObject[]>();
  const referrers = new Map<string, Map<string, CimObject[]>>();
  for (const source of rdf.values()) {
    const object = createObject(source, draft);
    objects.set(source.id, object);
    const list = byClass.get(source.className) ?? [];
    byClass.set(source.className, list);
    list.push(object);
    for (const [name, properties] of source.properties) {
      for (const { isReference, text } of properties) {
        if (!isReference) continue;
        const of = referrers.get(name) ?? new Map<string, CimObject[]>();
        referrers.set(name, of);
        const those = of.get(text) ?? [];
        of.set(text, those);
        those.push(object);
      }
    }
  }
  const missing = new Set<string>();
  const reference = (object: CimObject, property: string) =>
    rdf
      .get(object.id)!
      .properties.get(property)
      ?.find((one) => one.isReference);
  return {
    draft,
    get: (id) => objects.get(id),
    of: (...names) => names.flatMap((name) => byClass.get(name) ?? []),
    target: (object, property) => {
      const found = reference(object, property);
      if (found === undefined) return undefined;
      const target = objects.get(found.text);
      // Much may refer to one object that is missing: it is told once.
      if (target === undefined && !missing.has(found.text)) {
        missing.add(found.text);
        const message = `${object.className} "${object.id}" refers to "${found.text}", which stands in none of the files`;
        draft.fault(
          message,
          { ...found.place, path: `${object.id}.${property}` },
          'is a file of the model missing, for example the boundary set?',
        );
      }
      return target;
    },
    isMissing: (object, property) => {
      const found = reference(object, property);
      return found !== undefined && !objects.has(found.text);
    },
    choice: (object, property) => {
      const found = reference(object, property);
      return found === undefined ? undefined : found.text.slice(found.text.lastIndexOf('.') + 1);
    },
    referring: (object, property) => referrers.get(property)?.get(object.id) ?? [],
    counts: new Map([...byClass].map(([name, list]) => [name, list.length])),
  };
}

function createObject({ id, className, place, properties }: RdfObject, draft: GridDraft): CimObject {
  const values: Record<string, unknown> = {};
  const places = new Map<string, RdfPlace>();
  for (const [name, [first]] of properties) {
    if (first === undefined || first.isReference) continue;
    values[name] = valueOf(first.text);
    places.set(name, first.place);
  }
  const origin: Origin = { ...place, path: id };
  const title = values['IdentifiedObject.name'];
  return {
    id,
    className,
    name: typeof title === 'string' || typeof title === 'number' ? String(title) : undefined,
    fields: createFields(values, `${className} "${id}"`, origin, draft, undefined, (key) => places.get(key)),
    origin,
  };
}
