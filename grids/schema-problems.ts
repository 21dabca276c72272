/** What a zod schema has against a document, in words for the person who wrote it, with a did-you-mean. */
import { z } from 'zod';
import { closest, didYouMean } from '../numerics/edit-distance.ts';

/** A fault inside a document, before it is known where that was written. */
export interface SchemaFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string;
  /** The fault is with the key at the end of `path`, not with its value. */
  readonly atKey?: boolean;
  /** For an unknown key: the one that was meant. */
  readonly meant?: string;
}

type Issue = z.core.$ZodIssue;

/** Faults of `value` under `schema`, in the order of the document. A key that stands there misspelt is not missing as well. */
export function describeIssues(schema: z.ZodType, value: unknown, issues: readonly Issue[]): SchemaFault[] {
  if (issues.length === 0) return [];
  const shape = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  const faults = issues.flatMap((issue) => [
    ...describeIssue(shape, value, issue, []),
    ...(isOfNoKind(schema, issue) ? commonFaults(readingsOf(schema, value).map((reading) => reading.faults)) : []),
  ]);
  const misspelt = new Set(
    faults.flatMap(({ path, meant }) => (meant === undefined ? [] : JSON.stringify([...path.slice(0, -1), meant]))),
  );
  return faults.filter(({ path }) => valueAt(value, path) !== undefined || !misspelt.has(JSON.stringify(path)));
}

/** The fault of a key that is none of `known`. */
export function unknownKey(path: SchemaFault['path'], key: string, known: readonly string[]): SchemaFault {
  const fault = { path: [...path, key], message: `unknown key "${key}"`, atKey: true };
  if (/^\d+$/.test(key)) return { ...fault, hint: 'decimals have a point, as a comma begins the next entry' };
  const meant = closest(key, known);
  return meant === undefined ? fault : { ...fault, meant, hint: `did you mean "${meant}"?` };
}

function isOfNoKind(schema: z.ZodType, issue: Issue): schema is z.ZodDiscriminatedUnion {
  return schema instanceof z.ZodDiscriminatedUnion && issue.code === 'invalid_union' && issue.path.length === 1;
}

export interface Reading {
  /** The constant that says which member is meant. */
  readonly name: string;
  readonly faults: readonly SchemaFault[];
}

/** A map as each member of a union would read it, the one that it fits best first. */
export function readingsOf(union: z.ZodDiscriminatedUnion, value: unknown): Reading[] {
  const readings = union.options.flatMap((member) => {
    if (!(member instanceof z.ZodObject)) return [];
    const { [union.def.discriminator]: constant } = member.shape;
    const [name] = constant instanceof z.ZodLiteral ? [...constant.values].map(String) : [];
    if (name === undefined) return [];
    const read = { ...(value as object), [union.def.discriminator]: name };
    return [{ name, faults: describeIssues(member, read, member.safeParse(read).error?.issues ?? []) }];
  });
  return readings.toSorted((a, b) => a.faults.length - b.faults.length);
}

/** Of something that can be read in several ways: what is at fault whichever is meant, in the words of the first. */
export function commonFaults([first = [], ...others]: readonly (readonly SchemaFault[])[]): SchemaFault[] {
  const placesOf = (faults: readonly SchemaFault[]) => new Set(faults.map(({ path }) => JSON.stringify(path)));
  const places = others.map(placesOf);
  return first.filter(({ path }) => places.every((each) => each.has(JSON.stringify(path))));
}

function describeIssue(shape: unknown, root: unknown, issue: Issue, prefix: SchemaFault['path']): SchemaFault[] {
  const path = [...prefix, ...issue.path.map((step) => (typeof step === 'number' ? step : String(step)))];
  const value = shownAt(shape, root, path);
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => unknownKey(path, key, keysAt(shape, root, path)));
  }
  if (issue.code === 'invalid_union') return describeUnion(shape, root, issue, path);
  if (value === undefined && issue.code !== 'custom') {
    // Some fields say where else they may come from.
    const own = issue.message.startsWith('is missing') ? issue.message : 'missing';
    return [{ path, message: issue.code === 'invalid_value' ? `missing: ${choices(issue.values)}` : own }];
  }
  if (issue.code === 'invalid_value') {
    const names = issue.values.map(String);
    const message = `${show(value)} ${ownWords(issue) ?? `is not ${choices(issue.values)}`}`;
    return [{ path, message, ...hintFor(value, names) }];
  }
  // Refinements of ours may say what to do about it.
  const hint: unknown = issue.code === 'custom' ? issue.params?.['hint'] : undefined;
  return [{ path, message: describePlain(issue, value), ...(typeof hint === 'string' && { hint }) }];
}

/** A union's own words where it has some; else those of the member that fits best. */
function describeUnion(
  shape: unknown,
  root: unknown,
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: SchemaFault['path'],
): SchemaFault[] {
  const value = valueAt(root, path);
  const discriminator = 'discriminator' in issue ? String(issue.discriminator) : undefined;
  if (discriminator !== undefined) {
    const allowed = alternatives(
      shape,
      root,
      path.slice(0, path.at(-1) === discriminator ? -1 : undefined),
      discriminator,
    );
    const found = path.at(-1) === discriminator ? value : valueAt(root, [...path, discriminator]);
    const at = path.at(-1) === discriminator ? path : [...path, discriminator];
    if (found === undefined) return [{ path: at, message: `missing: ${choices(allowed)}` }];
    return [{ path: at, message: `${show(found)} is not ${choices(allowed)}`, ...hintFor(found, allowed) }];
  }
  if (value === undefined) return [{ path, message: 'missing' }];
  if (issue.message !== 'Invalid input') return [{ path, message: `${show(value)} ${issue.message}` }];
  // The member whose kind of value this is (a map for a map) knows best what is wrong inside; of several the one that
  // knows most of its keys, then the one that misses least.
  const fitting = issue.errors
    .filter((issues) => !issues.some(({ code, path: inner }) => code === 'invalid_type' && inner.length === 0))
    .toSorted((a, b) => strangeKeys(a) - strangeKeys(b) || a.length - b.length)[0];
  if (fitting !== undefined && fitting.some(({ code, path: inner }) => code !== 'invalid_value' || inner.length > 0)) {
    return fitting.flatMap((inner) => describeIssue(shape, root, inner, path));
  }
  const values = issue.errors.flatMap((issues) =>
    issues.flatMap((inner) => (inner.code === 'invalid_value' ? inner.values : [])),
  );
  const types = issue.errors.flatMap((issues) =>
    issues.flatMap((inner) => (inner.code === 'invalid_type' ? [inner.expected] : [])),
  );
  const wanted = [...values.map((each) => show(each)), ...types.map((type) => TYPES[type] ?? type)];
  return [
    {
      path,
      message: wanted.length === 0 ? `${show(value)} is not valid` : `${show(value)} is not ${orList(wanted)}`,
      ...hintFor(value, values.map(String)),
    },
  ];
}

function strangeKeys(issues: readonly Issue[]): number {
  return issues.reduce((sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 0), 0);
}

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map of keys and values',
  record: 'a map of keys and values',
};

/** What the schema says itself, to go behind the value; those who say that something is missing mean another case. */
function ownWords({ message }: Issue): string | undefined {
  return /^(Invalid|Too|Unrecognized|is missing)/.test(message) ? undefined : message;
}

function describePlain(issue: Issue, value: unknown): string {
  const own = ownWords(issue);
  if (issue.code === 'custom') return issue.message;
  if (own !== undefined) return Array.isArray(value) ? own : `${show(value)} ${own}`;
  switch (issue.code) {
    case 'invalid_type': {
      return `${show(value)} is not ${TYPES[issue.expected] ?? issue.expected}`;
    }
    case 'too_small': {
      if (issue.origin === 'array') return `needs at least ${issue.minimum} entry`;
      if (issue.origin === 'string') return 'must not be empty';
      return `${show(value)} is not ${issue.inclusive === false ? 'above' : 'at least'} ${issue.minimum}`;
    }
    case 'too_big': {
      return `${show(value)} is not ${issue.inclusive === false ? 'below' : 'at most'} ${issue.maximum}`;
    }
    case 'invalid_format': {
      return issue.format === 'datetime'
        ? `${show(value)} is no instant: write ISO 8601 with its zone, for example "2021-04-01T00:00:00+02:00"`
        : `${show(value)} has the wrong form`;
    }
    default: {
      return issue.message;
    }
  }
}

/** What nobody should read over a shoulder, or in a log. */
const SECRETS = ['password', 'token'];
const HIDDEN = Symbol('hidden');

/** The value at `path` for showing it; a text in the place of a map with secrets may be one of them. */
function shownAt(shape: unknown, root: unknown, path: SchemaFault['path']): unknown {
  const value = valueAt(root, path);
  const isSecret =
    SECRETS.includes(String(path.at(-1))) ||
    (typeof value === 'string' && SECRETS.some((name) => hasKey(schemasAt(shape as JsonSchema, root, path), name)));
  return value !== undefined && isSecret ? HIDDEN : value;
}

/** Whether one of the schemas, or one within it, knows a key of this name. */
function hasKey(schemas: readonly JsonSchema[], name: string): boolean {
  return schemas.some(
    ({ properties = {} }) => Object.hasOwn(properties, name) || hasKey(Object.values(properties), name),
  );
}

function valueAt(root: unknown, path: SchemaFault['path']): unknown {
  let value = root;
  for (const step of path) {
    // What every object inherits was not written.
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Readonly<Record<string | number, unknown>>)[step];
  }
  return value;
}

interface JsonSchema {
  readonly $ref?: string;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | boolean;
  readonly propertyNames?: { readonly enum?: readonly string[] };
  readonly items?: JsonSchema;
  readonly anyOf?: readonly JsonSchema[];
  readonly oneOf?: readonly JsonSchema[];
  readonly allOf?: readonly JsonSchema[];
  readonly const?: unknown;
}

/** Keys that `shape` knows at `path`; of a union, those of the members whose constants fit the value. */
function keysAt(shape: unknown, root: unknown, path: SchemaFault['path']): string[] {
  return schemasAt(shape as JsonSchema, root, path).flatMap(({ properties = {}, propertyNames }) => [
    ...Object.keys(properties),
    ...(propertyNames?.enum ?? []),
  ]);
}

/** Constants that `shape` allows for the property `name` at `path`. */
function alternatives(shape: unknown, root: unknown, path: SchemaFault['path'], name: string): string[] {
  const schemas = schemasAt(shape as JsonSchema, root, path, 'all');
  return schemas.flatMap(({ properties }) => {
    const constant = properties?.[name]?.const;
    return typeof constant === 'string' ? [constant] : [];
  });
}

function schemasAt(
  schema: JsonSchema,
  value: unknown,
  path: SchemaFault['path'],
  members: 'fitting' | 'all' = 'fitting',
): JsonSchema[] {
  const union = schema.anyOf ?? schema.oneOf ?? schema.allOf;
  if (union !== undefined) {
    const wanted =
      members === 'all' && path.length === 0 ? union : union.filter((member) => constantsFit(member, value));
    return wanted.flatMap((member) => schemasAt(member, value, path, members));
  }
  const [step, ...rest] = path;
  if (step === undefined) return [schema];
  const additional = typeof schema.additionalProperties === 'object' ? schema.additionalProperties : undefined;
  const below = typeof step === 'number' ? schema.items : (schema.properties?.[step] ?? additional);
  return below === undefined ? [] : schemasAt(below, valueAt(value, [step]), rest, members);
}

function constantsFit(schema: JsonSchema, value: unknown): boolean {
  return Object.entries(schema.properties ?? {}).every(
    ([name, { const: constant }]) => constant === undefined || valueAt(value, [name]) === constant,
  );
}

function hintFor(word: unknown, candidates: readonly string[]): { readonly hint?: string } {
  const hint = typeof word === 'string' ? didYouMean(word, candidates) : undefined;
  return hint === undefined ? {} : { hint };
}

function choices(values: readonly unknown[]): string {
  return values.length === 1 ? show(values[0]) : `one of ${values.map((value) => show(value)).join(', ')}`;
}

function orList(words: readonly string[]): string {
  const unique = [...new Set(words)];
  return unique.length === 1 ? (unique[0] ?? '') : `${unique.slice(0, -1).join(', ')} or ${unique.at(-1)}`;
}

/** A value as it would stand in a sentence; long and nested ones by their kind. */
function show(value: unknown): string {
  if (value === null) return 'an empty value';
  if (value === HIDDEN) return 'what is given';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a map of keys and values';
  if (typeof value === 'number') return String(value);
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}..."` : text;
}
