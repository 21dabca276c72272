/** The state estimator's answer for one instant or interval. "Not observable" and "diverged" are answers too. */
import { z } from 'zod';
import { instantSchema } from './instant-schema.ts';

/** One value per phase: three, or one in a positive-sequence grid; null where a phase is dead or unobserved. */
const perPhase = z.array(z.number().nullable());

/** Features of a grid that an estimator may find to be otherwise than it was told. */
const modelFeatureSchema = z.enum(['lineClosed', 'transformerClosed', 'switchClosed', 'tapPosition', 'meterPhases']);
export type ModelFeature = z.infer<typeof modelFeatureSchema>;

export const estimateSchema = z.object({
  schema: z.literal('platone.estimate/1'),
  estimator: z.string().min(1),
  /** Instant that the estimate describes (the end of `interval`). */
  timestamp: instantSchema,
  interval: z.object({ start: instantSchema, end: instantSchema }).optional(),
  status: z.enum(['converged', 'not-observable', 'diverged', 'no-measurements']),
  iterations: z.int().nonnegative(),
  /** How it was computed, where the estimator chooses by the structure of grid and measurements. */
  method: z.string().min(1).optional(),
  buses: z.array(
    z.object({
      id: z.string(),
      /** Phase to ground, V. */
      voltageMagnitudeV: perPhase,
      /** Relative to phase A of the reference bus, rad. */
      voltageAngleRad: perPhase,
      voltageMagnitudeSigmaV: perPhase,
      voltageAngleSigmaRad: perPhase,
    }),
  ),
  branches: z.array(
    z.object({
      id: z.string(),
      /** Into the branch at each end, W and var per phase; in a positive-sequence grid the sum of the three phases. */
      activePowerFromW: perPhase,
      reactivePowerFromVar: perPhase,
      activePowerToW: perPhase,
      reactivePowerToVar: perPhase,
      currentFromA: perPhase,
      currentToA: perPhase,
    }),
  ),
  referenceBus: z.string().optional(),
  objective: z.number().optional(),
  degreesOfFreedom: z.int().optional(),
  chiSquareLimit: z.number().optional(),
  suspects: z
    .array(
      z.object({
        measurement: z.string(),
        normalisedResidual: z.number(),
        /** Others that check it and that nothing else checks: which of them all is wrong the residuals cannot say. */
        indistinguishableFrom: z.array(z.string()).min(1).optional(),
      }),
    )
    .optional(),
  unobservedBuses: z.array(z.string()).optional(),
  /**
   * What of the grid on paper is known to be wrong by now: a switch, a tap position, the phases of a meter; with the sum
   * of objective differences that says so, and of how many estimates. The estimates themselves keep to the paper.
   */
  modelFindings: z
    .array(
      z.object({
        kind: z.enum(['switch', 'tap', 'phase']),
        element: z.string(),
        says: z.string(),
        /**
         * What would be so in the field, by the id of line, transformer or switch, or the bus of a meter: closed or not, a
         * position, or on which phases it really is what the meter calls A, B and C (`ACB`).
         */
        inField: z
          .array(
            z.object({
              feature: modelFeatureSchema,
              id: z.string(),
              value: z.union([z.boolean(), z.number(), z.string()]),
            }),
          )
          .min(1),
        evidence: z.number(),
        estimates: z.int().positive(),
      }),
    )
    .optional(),
  /** What went into the estimate: how many values of each source, with their age (us) and sigma relative to base. */
  inventory: z.array(
    z.object({
      source: z.string(),
      kind: z.string(),
      count: z.int().nonnegative(),
      ageUsMax: z.number().nonnegative(),
      sigmaRelativeMedian: z.number().nonnegative(),
    }),
  ),
});
export type Estimate = z.infer<typeof estimateSchema>;
