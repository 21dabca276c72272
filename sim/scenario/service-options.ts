/**
 * From a service's options as a scenario writes them (`every: 15min`) to the fields of its configuration
 * (`everyUs: 900000000`): a field's unit suffix says which quantity the scenario may write under the name without it.
 */
import { z } from 'zod';
import { didYouMean } from '../../numerics/edit-distance.ts';
import { parseQuantity } from './quantity.ts';
import { describeIssues, type SchemaFault } from './schema-problems.ts';

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
  /** Fields of the service's configuration that the scenario sets. */
  readonly config: Readonly<Record<string, unknown>>;
  readonly faults: readonly SchemaFault[];
}

/**
 * Reads `options` against `schema`. Fields that the options leave out are not missed: the harness fills in the site,
 * the grid and the like. `path` is where the options stand in the scenario.
 */
export function readServiceOptions(
  schema: z.ZodType,
  options: Readonly<Record<string, unknown>>,
  path: readonly (string | number)[],
): ServiceOptions {
  const fields = fieldsOf(schema);
  const faults: SchemaFault[] = [];
  const config: Record<string, unknown> = {};
  const writtenAs = new Map<string, string>();
  for (const [key, value] of Object.entries(options)) {
    const field = fieldFor(key, fields);
    if (field === undefined) {
      const hint = didYouMean(key, fields.flatMap(namesOf));
      faults.push({
        path: [...path, key],
        message: `unknown key "${key}"`,
        atKey: true,
        ...(hint !== undefined && { hint }),
      });
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
  const checked = schema.safeParse(config);
  const issues = checked.success ? [] : checked.error.issues.filter(({ path: [first] }) => String(first) in config);
  for (const fault of describeIssues(schema, config, issues)) {
    const [first, ...rest] = fault.path;
    faults.push({ ...fault, path: [...path, writtenAs.get(String(first)) ?? String(first), ...rest] });
  }
  return { config, faults };
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
