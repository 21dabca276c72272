/** What has to meet a schema: taken as the schema reads it, or refused with every fault. */
import type { z } from 'zod';
import { InvalidInputError } from './problem.ts';

/** Throws InvalidInputError with every fault, each at its path below `under`. */
export function bySchema<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  { file, under = [] }: { readonly file?: string; readonly under?: readonly string[] },
): z.output<Schema> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new InvalidInputError(
    parsed.error.issues.map(({ code, path, message }) => ({
      ...(file !== undefined && { file }),
      path: [...under, ...path.map(String)].join('.'),
      message: code === 'invalid_type' && at(value, path) === undefined ? 'is missing' : message,
    })),
  );
}

function at(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>((within, key) => (within as Record<PropertyKey, unknown> | undefined)?.[key], value);
}
