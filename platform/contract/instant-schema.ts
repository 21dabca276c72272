/** An instant as messages and configurations write it: text that `parseInstant` can read. */
import { z } from 'zod';
import { parseInstant } from './time.ts';

/** True for ISO 8601 with a zone and at most six decimals, of a day and time that exist. */
export function isInstant(text: string): boolean {
  return Number.isFinite(parseInstant(text));
}

/** In JSON Schema it is a `date-time`, which says nearly the same. */
export const instantSchema = z
  .string()
  .refine(isInstant, { error: 'is no instant: write ISO 8601 with a zone, for example 2021-04-01T12:00:00+02:00' })
  .meta({ format: 'date-time' });
