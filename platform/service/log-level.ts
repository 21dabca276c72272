/** How much a service in the field writes to its log. */
import { z } from 'zod';

export const logLevelSchema = z.enum(['error', 'warn', 'info']).default('info');
export type LogLevel = z.output<typeof logLevelSchema>;
