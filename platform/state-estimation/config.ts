/** What the state-estimation service is told: the grid, the devices that measure it, and what is assumed where none does. */
import { z } from 'zod';
import { parsePath } from '../../grids/json-source.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { validateReferences } from '../../grids/validate-references.ts';
import { validateGrid } from '../../grids/validate.ts';

const positive = z.number().positive();

/** One measuring device of the site and what is known of its accuracy. */
const meterSchema = z.strictObject({
  /** Device id, as in its messages. */
  device: z.string().min(1),
  kind: z.enum(['pmu', 'smart-meter']),
  /** `bus:<id>`, `load:<id>` (the connection point of that load), `branch:<id>:from|to`. */
  at: z.string().min(1),
  /** MID class of a meter (EN 50470-3); used where a message states no sigma. */
  accuracyClass: z.enum(['A', 'B', 'C']).optional(),
  /** Classes of a PMU's instrument transformers (IEC 61869); used where a message states no sigma. 0 = none. */
  voltageTransformerClass: z.number().nonnegative().optional(),
  currentTransformerClass: z.number().nonnegative().optional(),
});
export type Meter = z.infer<typeof meterSchema>;

/** Knowledge that no device measures. Sigmas are standard deviations. */
const assumptionsSchema = z.strictObject({
  /** Unbalance of the voltages behind an external grid, per unit of nominal, each of zero and negative sequence. */
  sourceUnbalancePu: positive.default(0.003),
  /** The source bus is near nominal voltage; used only while no voltage at all is measured. */
  sourceVoltagePu: positive.default(0.03),
  /** A forecast house splits its power over the phases like the grid document, wrong by this share of its power. */
  phaseSplit: z.number().nonnegative().default(0.4),
  /** Reactive power that nobody measures or forecasts: share of active power, and its uncertainty. */
  reactiveShare: z.number().default(0.33),
  reactiveShareSigma: positive.default(0.2),
  /** Least uncertainty of a pseudo-measurement, W per phase. */
  pseudoSigmaW: positive.default(150),
  /** Without a forecast: spread of a customer's power about its annual mean, in multiples of the mean. */
  loadSpread: positive.default(1.5),
  /** Without a forecast: mean and spread of a generator's output, shares of its rated power. */
  generationMean: z.number().min(0).max(1).default(0.15),
  generationSpread: positive.default(0.3),
  /** Forecasts of all PV plants err together by what the site's forecast states of itself; else each for itself. */
  correlatedWeather: z.boolean().default(false),
  /** How fast a power wanders off after it was measured: W per phase and square root of an hour. */
  driftWPerSqrtHour: positive.default(800),
  /** The same for voltages, per unit. */
  driftPuPerSqrtHour: positive.default(0.01),
});
export type Assumptions = z.infer<typeof assumptionsSchema>;

/** A grid that can be computed with: its references lead somewhere, and its elements fit together. */
const soundGridSchema = gridDocumentSchema.superRefine((grid, context) => {
  const ofReferences = validateReferences(grid);
  const problems = ofReferences.length > 0 ? ofReferences : validateGrid(grid, true);
  for (const { path, message, hint } of problems) {
    context.addIssue({ code: 'custom', path: [...parsePath(path)], message, params: { hint } });
  }
});

export const stateEstimationConfigSchema = z.strictObject({
  site: z.string().min(1),
  runId: z.string().optional(),
  /** The platform's own copy of the grid; a scenario may have made it wrong on purpose. */
  grid: soundGridSchema,
  /** Estimates are made at instants that are multiples of this after the start. */
  everyUs: z.int().positive().default(900_000_000),
  /** The start, us since the epoch; the service's first instant when absent. */
  startUs: z.int().optional(),
  meters: z.array(meterSchema).default([]),
  /** Roads that measurements come on. */
  routes: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  /** Fill missing and absent meters from the forecast. */
  useForecast: z.boolean().default(true),
  /** Standard deviations with every n-th estimate; 0 = never. */
  sigmasEveryCount: z.int().nonnegative().default(1),
  /**
   * Remembers between estimates how far each customer was from its forecast, fading with this time constant. For sites
   * where few customers report, and seldom.
   */
  tracking: z.strictObject({ timeConstantUs: positive }).optional(),
  /** Watch whether switches, taps and the phases of meters can be as on paper, and name what cannot. */
  modelWatch: z.boolean().default(false),
  assumptions: assumptionsSchema.prefault({}),
});
export type StateEstimationConfig = z.infer<typeof stateEstimationConfigSchema>;
