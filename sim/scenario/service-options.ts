/**
 * From a service's options as a scenario writes them (`every: 15min`) to the fields of its configuration
 * (`everyUs: 900000000`): a field's unit suffix says which quantity the scenario may write under the name without it.
 */
import { z } from 'zod';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { parseQuantity } from './quantity.ts';
import { commonFaults, describeIssues, type SchemaFault, unknownKey } from '../../grids/schema-problems.ts';

/** Longest first: `Wh` before `W`. */
const suffixes = [
  ['PerCent', 'share'],
  ['Share', 'share'],
  ['Rad', 'angle'],
  ['Wh', 'energy'],
  ['Hz', 'frequency'],
  ['Us', 'duration'],
  ['W', 'power'],
  ['M', 'length'],
] as const;

export interface ServiceOptions {
  /**
   * Fields of the service's configuration that the scenario sets, without those that are at fault; undefined where it cannot
   * be told of which kind the configuration is.
   */
  readonly config: Readonly<Record<string, unknown>> | undefined;
  readonly faults: readonly SchemaFault[];
}

/**
 * Reads `options` against `schema`. Fields that the options leave out are not missed: the harness fills in the site,
 * the grid and the like. `path` is where the options stand in the scenario; `others` are keys that may stand there too,
 * and were taken out before.
 */
export function readServiceOptions(
  schema: z.ZodType,
  options: Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
  others: readonly string[] = [],
): ServiceOptions {
  const member = memberFor(schema, options);
  if ('wanted' in member) {
    const { [member.key]: _unknown, ...rest } = options;
    const readings = member.schemas.map((each) => readServiceOptions(each, rest, path, others).faults);
    return { config: undefined, faults: [unknownMember(member, options, path), ...commonFaults(readings)] };
  }
  const fields = fieldsOf(member.schema);
  const faults: SchemaFault[] = [];
  const config: Record<string, unknown> = {};
  const writtenAs = new Map<string, string>();
  for (const [key, value] of Object.entries(options)) {
    const field = fieldFor(key, fields);
    if (field === undefined) {
      faults.push(unknownKey(path, key, [...fields.flatMap(namesOf), ...others]));
      continue;
    }
    writtenAs.set(field.name, key);
    if (field.quantity === undefined || field.name === key) {
      config[field.name] = value;
      continue;
    }
    const number =
      typeof value === 'string' || typeof value === 'number' ? parseQuantity(field.quantity, value) : undefined;
    if (typeof number === 'number') config[field.name] = number;
    else faults.push({ path: [...path, key], message: number ?? `is no ${field.quantity}: write for example "15min"` });
  }
  const checked = member.schema.safeParse(config);
  const issues = checked.success ? [] : checked.error.issues.filter(({ path: [first] }) => String(first) in config);
  for (const fault of describeIssues(member.schema, config, issues)) {
    const [first, ...rest] = fault.path;
    faults.push({ ...fault, path: [...path, writtenAs.get(String(first)) ?? String(first), ...rest] });
  }
  for (const {
    path: [first],
  } of issues)
    delete config[String(first)];
  return { config, faults };
}

type Member =
  | { readonly schema: z.ZodType }
  | { readonly key: string; readonly wanted: readonly string[]; readonly schemas: readonly z.ZodType[] };

/** Of a configuration that comes in kinds, the one that the options name, or the first; else the names that there are. */
function memberFor(schema: z.ZodType, options: Readonly<Record<string, unknown>>): Member {
  if (!(schema instanceof z.ZodDiscriminatedUnion)) return { schema };
  const key = schema.def.discriminator;
  const members = (schema.options as z.ZodType[]).map((each) => ({ schema: each, name: constantOf(each, key) }));
  const found = options[key] === undefined ? members[0] : members.find(({ name }) => name === options[key]);
  return found ?? { key, wanted: members.map(({ name }) => String(name)), schemas: members.map((each) => each.schema) };
}

function unknownMember(
  { key, wanted }: Extract<Member, { key: string }>,
  options: Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
): SchemaFault {
  const value = options[key];
  const hint = typeof value === 'string' ? didYouMean(value, wanted) : undefined;
  const message = `${JSON.stringify(value)} is not one of ${wanted.map((name) => `"${name}"`).join(', ')}`;
  return { path: [...path, key], message, ...(hint !== undefined && { hint }) };
}

function constantOf(schema: z.ZodType, key: string): unknown {
  const property = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' }).properties?.[key];
  return typeof property === 'object' ? property.const : undefined;
}

interface Field {
  readonly name: string;
  readonly quantity: (typeof suffixes)[number][1] | undefined;
  /** Name without the unit. */
  readonly short: string;
}

function fieldsOf(schema: z.ZodType): Field[] {
  const { properties } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return Object.keys(properties ?? {}).map((name) => {
    const suffix = suffixes.find(([ending]) => name.endsWith(ending) && name.length > ending.length);
    return { name, quantity: suffix?.[1], short: suffix === undefined ? name : name.slice(0, -suffix[0].length) };
  });
}

function fieldFor(key: string, fields: readonly Field[]): Field | undefined {
  return (
    fields.find(({ name }) => name === key) ??
    fields.find(({ short, quantity }) => quantity !== undefined && short === key)
  );
}

function namesOf({ name, short }: Field): string[] {
  return [short, name];
}
