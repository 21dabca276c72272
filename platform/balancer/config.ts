/** Configuration of the balancer service. SI units, discharge and import positive. */
import { z } from 'zod';
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
  })
  .refine(({ socMin, socMax }) => socMin < socMax, { error: 'socMin is not below socMax', path: ['socMin'] });

const common = {
  site: z.string().min(1),
  /** UC-DE-1, the virtual island; a target other than zero is what UC-DE-2 asks for. */
  useCase: z.literal(1).default(1),
  streams: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  battery: batterySchema,
  /** Exchange with the grid to hold, W, import positive: 0 is the virtual island of UC-DE-1. */
  targetW: z.number().default(0),
  /** Period of the setpoints. */
  everyUs: z.int().positive().default(10_000_000),
  /** How long the device holds a setpoint without a newer one. */
  validForPeriods: z.int().positive().default(3),
};

const nearRealTimeSchema = z.strictObject({
  mode: z.literal('near-real-time'),
  ...common,
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
  /** Measurements older than so many periods are not acted upon: no setpoint is sent, and the battery reverts. */
  staleAfterPeriods: z.int().positive().default(3),
});

const scheduleSchema = z.strictObject({
  mode: z.literal('schedule'),
  ...common,
  /** State of charge at the first instant; the battery's telemetry when absent. */
  initialSoc: z.number().min(0).max(1).optional(),
  /** Components of the forecast that make up the net power. */
  forecast: z
    .strictObject({
      load: z.string().min(1).default('site:load'),
      generation: z.string().min(1).default('site:generation'),
    })
    .default({ load: 'site:load', generation: 'site:generation' }),
});

export const balancerConfigSchema = z.discriminatedUnion('mode', [nearRealTimeSchema, scheduleSchema]);
export type NearRealTimeConfig = z.output<typeof nearRealTimeSchema>;
export type ScheduleConfig = z.output<typeof scheduleSchema>;
export type BalancerConfig = z.output<typeof balancerConfigSchema>;

export function batteryModelOf({ battery }: BalancerConfig): BatteryModel {
  return {
    maxDischargeW: battery.ratedPowerW,
    maxChargeW: battery.ratedPowerW,
    capacityWh: battery.capacityWh,
    socMin: battery.socMin,
    socMax: battery.socMax,
    chargeEfficiency: battery.chargeEfficiency,
    dischargeEfficiency: battery.dischargeEfficiency,
  };
}
