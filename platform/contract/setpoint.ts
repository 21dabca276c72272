/** A setpoint for a controllable device. Discharging and injecting positive. */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

export const setpointSchema = z.object({
  schema: z.literal('platone.setpoint/1'),
  device: z.string().min(1),
  /** Instant whose measurements it answers. */
  timestamp: instantSchema,
  sequence: z.int().nonnegative(),
  activePowerW: z.number(),
  reactivePowerVar: z.number().optional(),
  /** The device returns to its default when no newer setpoint came within this time. */
  validForUs: z.int().positive(),
  issuer: z.string().min(1),
});
export type Setpoint = z.infer<typeof setpointSchema>;
