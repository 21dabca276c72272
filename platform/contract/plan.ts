/** The balancer's plan: what it means to exchange with the grid, and what each battery has to do for it, step by step. */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

export const planSchema = z.object({
  schema: z.literal('platone.plan/1'),
  issuer: z.string().min(1),
  /** Instant of issue. */
  timestamp: instantSchema,
  sequence: z.int().nonnegative(),
  /** The use case that it serves. */
  useCase: z.int().min(0).max(4),
  /** How it was made: step by step, or by optimisation. */
  method: z.enum(['rule', 'optimisation']),
  /** `infeasible`: not all that was asked for is possible; `clashes` names why, and the plan comes as near as it can. */
  status: z.enum(['feasible', 'infeasible']),
  clashes: z.array(z.string()),
  /** Start of the first step; all series have one value per step, its mean. */
  start: instantSchema,
  stepUs: z.int().positive(),
  /** Forecast that it rests on, W: consumption positive, generation positive. */
  loadW: z.array(z.number()),
  generationW: z.array(z.number()),
  /** Planned exchange with the grid, W, import positive. */
  exchangeW: z.array(z.number()),
  batteries: z.array(
    z.object({
      device: z.string().min(1),
      /** Discharge positive, W. */
      activePowerW: z.array(z.number()),
      /** At the end of each step, 0..1. */
      stateOfCharge: z.array(z.number()),
    }),
  ),
  /** Holds and packages ahead; `exchangeW` import positive. */
  windows: z.array(
    z.object({
      kind: z.enum(['hold', 'import-package', 'export-package']),
      start: instantSchema,
      end: instantSchema,
      exchangeW: z.number(),
    }),
  ),
});
export type Plan = z.infer<typeof planSchema>;
