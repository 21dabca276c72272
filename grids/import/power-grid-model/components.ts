/** The components of a power-grid-model JSON file (serialisation version 1.0): rows as objects or, compactly, as lists. */
import { createSourceMap, parseJson } from '../../json-source.ts';
import { InvalidInputError, type Problem } from '../../problem.ts';
import type { GridDraft, Origin } from '../draft.ts';
import { createFields, type Fields } from '../fields.ts';

export interface Component {
  readonly id: string;
  readonly kind: string;
  readonly fields: Fields;
}

export interface Components {
  readonly origin: Origin;
  /** The components of one kind, in order. */
  of(kind: string): readonly Component[];
  /** Any component by its id, which is unique over all kinds. */
  byId(id: string): Component | undefined;
  readonly kinds: readonly string[];
  /** Attributes of a kind that hold something and that nobody has asked for. */
  unread(kind: string): readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Text that stands for numbers which JSON does not have. */
const infinities: Readonly<Record<string, number>> = { inf: Infinity, '+inf': Infinity, '-inf': -Infinity };

/** A text that is no JSON or no input data set throws InvalidInputError at once. */
export function readComponents(text: string, file: string, draft: GridDraft): Components {
  const fail = (problems: readonly Problem[]): never => {
    throw new InvalidInputError(problems.map((problem) => ({ file, ...problem })));
  };
  const parsed = parseJson(text);
  if (parsed.problems.length > 0) return fail(parsed.problems);
  const root = parsed.value;
  const source = createSourceMap(text);
  if (!isObject(root)) return fail([{ path: '', message: 'is no power-grid-model data set' }]);
  const wrong = notInput(root);
  if (wrong !== undefined) return fail([{ ...wrong, ...source.place([wrong.path]) }]);
  const data = root['data'];
  if (!isObject(data))
    return fail([
      { path: 'data', message: 'data must hold a list for each kind of component', ...source.place(['data']) },
    ]);

  const attributes = isObject(root['attributes']) ? root['attributes'] : {};
  const lists = new Map<string, Component[]>();
  const read = new Map<string, Set<string>>();
  const filled = new Map<string, Set<string>>();
  const ids = new Map<string, Component>();
  for (const [kind, rows] of Object.entries(data)) {
    const list: Component[] = [];
    lists.set(kind, list);
    const [asked, present] = [new Set<string>(['id']), new Set<string>()];
    read.set(kind, asked);
    filled.set(kind, present);
    if (!Array.isArray(rows)) {
      draft.fault(`${kind} must be a list of components`, {
        file,
        path: `data.${kind}`,
        ...source.place(['data', kind]),
      });
      continue;
    }
    const names = Array.isArray(attributes[kind]) ? attributes[kind].map(String) : undefined;
    rows.forEach((row: unknown, i) => {
      const origin = { file, path: `data.${kind}[${i}]`, ...source.place(['data', kind, i]) };
      const values = valuesOf(row, names);
      if (typeof values === 'string') return draft.fault(`a ${kind} ${values}`, origin);
      for (const [name, value] of Object.entries(values)) if (value !== null) present.add(name);
      const id = values['id'];
      if (typeof id !== 'number' || !Number.isInteger(id)) {
        return draft.fault(`a ${kind} needs an id that is a whole number, found ${JSON.stringify(id ?? null)}`, origin);
      }
      const component = { id: String(id), kind, fields: createFields(values, `${kind} ${id}`, origin, draft, asked) };
      const earlier = ids.get(component.id);
      if (earlier !== undefined) draft.fault(`id ${id} is taken by ${earlier.fields.origin.path}`, origin);
      ids.set(component.id, component);
      list.push(component);
    });
  }
  return {
    origin: { file, path: '' },
    of: (kind) => lists.get(kind) ?? [],
    byId: (id) => ids.get(id),
    kinds: [...lists.keys()],
    unread: (kind) => [...(filled.get(kind) ?? [])].filter((name) => read.get(kind)?.has(name) !== true),
  };
}

/** Why a data set is no single input. */
function notInput(root: Json): { path: string; message: string } | undefined {
  if (root['is_batch'] === true) return { path: 'is_batch', message: 'is a batch of updates or results, not one grid' };
  const type = root['type'] ?? 'input';
  if (type !== 'input')
    return { path: 'type', message: `is ${JSON.stringify(type)}: only the type "input" describes a grid` };
  const version = root['version'];
  if (version !== undefined && !(typeof version === 'string' && /^1(\.|$)/.test(version))) {
    return { path: 'version', message: `is ${JSON.stringify(version)}: version 1.0 is known` };
  }
  return undefined;
}

/** The attributes of a row, or what is wrong with it. */
function valuesOf(row: unknown, names: readonly string[] | undefined): Json | string {
  let values: Json;
  if (isObject(row)) values = row;
  else if (!Array.isArray(row)) return 'is neither an object nor a list of values';
  else if (names === undefined) return 'is a list of values, but attributes does not name them';
  else if (row.length !== names.length) return `has ${row.length} values for ${names.length} attributes`;
  else values = Object.fromEntries(names.map((name, i) => [name, row[i] as unknown]));
  const numbers = Object.entries(values).filter(([, value]) => typeof value === 'string' && value in infinities);
  return { ...values, ...Object.fromEntries(numbers.map(([name, value]) => [name, infinities[String(value)]])) };
}
