/** User names and passwords for brokers that a run does not start itself, from a file that stays out of the record. */
import { parse } from 'yaml';
import { z } from 'zod';
import { bySchema } from '../../grids/by-schema.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { readText } from '../../grids/read-text.ts';

const loginSchema = z.strictObject({ username: z.string().min(1), password: z.string() });

const credentialsSchema = z.strictObject({
  /** For every connection to the access layer's broker, and to the databus's. */
  bal: loginSchema.optional(),
  databus: loginSchema.optional(),
});

export type Credentials = z.infer<typeof credentialsSchema>;

/** Reads `file` (YAML or JSON); no file, no credentials. Throws InvalidInputError with every fault. */
export function readCredentials(file: string | undefined): Credentials {
  if (file === undefined) return {};
  const text = readText(file);
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new InvalidInputError([{ file, path: '', message: (error as Error).message }]);
  }
  return bySchema(credentialsSchema, document, { file });
}
