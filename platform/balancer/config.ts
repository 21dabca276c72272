/** Configuration of the balancer service. SI units, discharge and import positive. */
import { z } from 'zod';
import { useCaseWishSchema } from '../contract/trigger.ts';
import type { BatteryModel } from './rules.ts';

const batterySchema = z
  .strictObject({
    /** Device id of the battery: where setpoints go and telemetry comes from. */
    device: z.string().min(1),
    ratedPowerW: z.number().positive(),
    capacityWh: z.number().positive(),
    socMin: z.number().min(0).max(1).default(0),
    socMax: z.number().min(0).max(1).default(1),
    chargeEfficiency: z.number().positive().max(1).default(1),
    dischargeEfficiency: z.number().positive().max(1).default(1),
    /** How fast its power changes: setpoints do not ask for more. Absent: at once, for all that the balancer cares. */
    rampWPerS: z.number().positive().optional(),
    /** False: it only ever charges from the community; a household's battery discharges into its own house. */
    mayDischarge: z.boolean().default(true),
  })
  .refine(({ socMin, socMax }) => socMin < socMax, { error: 'socMin is not below socMax', path: ['socMin'] });

const common = {
  site: z.string().min(1),
  streams: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  battery: batterySchema,
  /** Exchange with the grid to hold where no hold or package is under way, W, import positive: 0 is the virtual island. */
  targetW: z.number().default(0),
  /** Period of the setpoints. */
  everyUs: z.int().positive().default(10_000_000),
  /** How long the device holds a setpoint without a newer one. */
  validForPeriods: z.int().positive().max(3).default(3),
};

/** Components of the forecast that make up the net power. */
const forecastComponents = z
  .strictObject({
    load: z.string().min(1).default('site:load'),
    generation: z.string().min(1).default('site:generation'),
  })
  .default({ load: 'site:load', generation: 'site:generation' });

const nearRealTimeSchema = z.strictObject({
  mode: z.literal('near-real-time'),
  ...common,
  /** The use case to begin with; triggers change it. */
  begin: useCaseWishSchema.default({ useCase: 1 }),
  /**
   * Plans of the hours ahead, for packages of energy and household batteries: none, step by step, or by optimisation. A
   * plan is made anew when its time has come and whenever a trigger changes what lies ahead.
   */
  planning: z.enum(['none', 'rule', 'optimisation']).default('none'),
  planEveryUs: z.int().positive().default(900_000_000),
  planHorizonUs: z.int().positive().default(86_400_000_000),
  forecast: forecastComponents,
  /** Household batteries: they follow the plan, the battery above takes what is left. */
  households: z.array(batterySchema).default([]),
  /** Period of the setpoints for household batteries. */
  householdEveryUs: z.int().positive().default(900_000_000),
  /**
   * Without young enough measurements: `revert` sends no setpoint, so that the battery returns to its default; `plan`
   * sends the power that the plan has for it, and reverts where there is no plan.
   */
  fallback: z.enum(['revert', 'plan']).default('revert'),
  /** Where the exchange with the grid is measured. */
  breaker: z.strictObject({
    device: z.string().min(1),
    /** Component of the power readings, for example `branch:transformer:to`. */
    component: z.string().min(1),
    /** +1 where an import flows from the component's bus into its branch (`from` side), -1 where it comes out (`to` side). */
    importSign: z.union([z.literal(1), z.literal(-1)]),
  }),
  /** Share of the new value where the filter is on. See `net-power.ts`: 0.24 settles quickest over all skews and delays. */
  alpha: z.number().positive().max(0.3).default(0.24),
  filter: z.enum(['auto', 'always']).default('auto'),
  /** Measurements older than so many periods are not acted upon: see `fallback`. */
  staleAfterPeriods: z.int().positive().max(3).default(3),
});

const scheduleSchema = z.strictObject({
  mode: z.literal('schedule'),
  ...common,
  /** State of charge at the first instant; the battery's telemetry when absent. */
  initialSoc: z.number().min(0).max(1).optional(),
  forecast: forecastComponents,
});

export const balancerConfigSchema = z.discriminatedUnion('mode', [nearRealTimeSchema, scheduleSchema]);
export type NearRealTimeConfig = z.output<typeof nearRealTimeSchema>;
export type ScheduleConfig = z.output<typeof scheduleSchema>;
export type BalancerConfig = z.output<typeof balancerConfigSchema>;

export type BatteryConfig = BalancerConfig['battery'];

export function batteryModelOf(battery: BatteryConfig): BatteryModel {
  return {
    maxDischargeW: battery.mayDischarge ? battery.ratedPowerW : 0,
    maxChargeW: battery.ratedPowerW,
    capacityWh: battery.capacityWh,
    socMin: battery.socMin,
    socMax: battery.socMax,
    chargeEfficiency: battery.chargeEfficiency,
    dischargeEfficiency: battery.dischargeEfficiency,
  };
}
