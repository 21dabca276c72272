/** A forecast: mean, standard deviation and, for the sums, quantiles of power per component and step. Consumption positive for loads, production positive for generators. */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

export const forecastSchema = z.object({
  schema: z.literal('platone.forecast/1'),
  issuer: z.string().min(1),
  /** Instant of issue. */
  timestamp: instantSchema,
  /** Start of the first step. */
  start: instantSchema,
  stepUs: z.int().positive(),
  series: z.array(
    z.object({
      /** `load:<id>`, `generator:<id>`, or `site:load`, `site:generation` for the sums. */
      component: z.string().min(1),
      /** Interval means, W, one per step. */
      activePowerW: z.array(z.number()),
      activePowerSigmaW: z.array(z.number().nonnegative()),
      reactivePowerVar: z.array(z.number()).optional(),
      /** The interval mean stays below `activePowerW` with this probability; in ascending order of it. */
      quantiles: z
        .array(z.object({ probability: z.number().gt(0).lt(1), activePowerW: z.array(z.number()) }))
        .optional(),
    }),
  ),
});
export type Forecast = z.infer<typeof forecastSchema>;
