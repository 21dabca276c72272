/** What has to meet a schema: taken as the schema reads it, or refused with every fault. */
import type { z } from 'zod';
import { type Located, placeAt, plainValue, readLocatedFile } from './located.ts';
import { allFaults, inFileOrder, InvalidInputError, type Problem } from './problem.ts';
import { describeIssues } from './schema-problems.ts';

/** Where a value comes from: its file, and the file's tree where faults are to be given line and column. */
export interface Origin {
  readonly file?: string;
  readonly written?: Located;
  /** Where in the file it stands. */
  readonly under?: readonly string[];
}

export type WrittenFile = Required<Pick<Origin, 'file' | 'written'>>;

/** Throws InvalidInputError with every fault, each at its path below `under`. */
export function bySchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { file, written, under = [] }: Origin,
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = describeIssues(schema, value, parsed.error.issues).map(
    ({ path: below, message, hint, atKey }): Problem => {
      const path = [...under, ...below];
      return {
        ...(file !== undefined && { file }),
        ...(written !== undefined && placeAt(written, path, atKey === true ? 'key' : 'value')),
        path: path.join('.'),
        message,
        ...(hint !== undefined && { hint }),
      };
    },
  );
  throw new InvalidInputError(inFileOrder(problems));
}

/** What a YAML or JSON file says. Throws the same, and where it cannot be read. */
export function fileBySchema<Schema extends z.ZodType>(schema: Schema, file: string): z.output<Schema> {
  return allFaults((problems) => {
    const written = readLocatedFile(file, problems);
    return bySchema(schema, plainValue(written), { file, written });
  });
}
