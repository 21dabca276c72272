/** User names and passwords for brokers that a run does not start itself, from a file that stays out of the record. */
import { z } from 'zod';
import { fileBySchema } from '../../grids/by-schema.ts';

const loginSchema = z.strictObject({ username: z.string().min(1), password: z.string() });

const credentialsSchema = z.strictObject({
  /** For every connection to the access layer's broker, and to the databus's. */
  bal: loginSchema.optional(),
  databus: loginSchema.optional(),
});

export type Credentials = z.infer<typeof credentialsSchema>;

/** Reads `file` (YAML or JSON); no file, no credentials. Throws InvalidInputError with every fault. */
export function readCredentials(file: string | undefined): Credentials {
  return file === undefined ? {} : fileBySchema(credentialsSchema, file);
}
