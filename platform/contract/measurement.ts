/**
 * The device message: SOGNO's `{device, timestamp, readings}`, extended explicitly by a schema version,
 * a sequence number, the interval that the readings stand for, quality and certification.
 */
import { z } from 'zod';
import { certificationSchema } from './certification.ts';
import { instantSchema } from './instant-schema.ts';

/** SOGNO's measurands first, then our extensions. Unit of each: see `measurandUnits`. */
export const measurandUnits = {
  voltmagnitude: 'V',
  voltangle: 'rad',
  currmagnitude: 'A',
  currangle: 'rad',
  activepower: 'W',
  reactivepower: 'var',
  apparentpower: 'VA',
  frequency: 'Hz',
  rocof: 'Hz/s',
  /** Apparent power as the sum of the phases' magnitudes; `apparentpower` with phase `total` is the vector one. */
  apparentpowerarithmetic: 'VA',
  /** P over vector S. */
  powerfactor: '1',
  /** Registers, OBIS 1.8.0 and 2.8.0 with phase `total`: energy taken from and fed into the grid. */
  energyimport: 'Wh',
  energyexport: 'Wh',
  stateofcharge: '1',
  energystored: 'Wh',
  /** Of the air, 2 m above ground, with phase `total`. */
  airtemperature: 'C',
} as const;

export const measurandSchema = z.enum(Object.keys(measurandUnits) as (keyof typeof measurandUnits)[]);
export type Measurand = z.infer<typeof measurandSchema>;

/** A, B, C as in SOGNO; `total` for three-phase sums, `positive|negative|zero` for sequence components. */
export const readingPhaseSchema = z.enum(['A', 'B', 'C', 'total', 'positive', 'negative', 'zero']);
export type ReadingPhase = z.infer<typeof readingPhaseSchema>;

export const readingSchema = z.object({
  /** Address of the measured place: `bus:<id>`, `branch:<id>:from|to`, `battery:<id>`, `load:<id>`, `site:air`. */
  component: z.string().min(1),
  measurand: measurandSchema,
  phase: readingPhaseSchema,
  /** Finite number in the measurand's unit; angles in rad against the system's 50 Hz reference. */
  data: z.number(),
  /** Standard uncertainty in the same unit, where the sender states one. */
  sigma: z.number().positive().optional(),
  /** OBIS code of a meter's register or value. */
  obis: z.string().optional(),
});
export type Reading = z.infer<typeof readingSchema>;

/** What a controllable device's backend says of the setpoint that it took last: the acknowledgement, with its telemetry. */
export const commandStateSchema = z.object({
  /** Of the newest setpoint that reached the backend: its instant and sequence. */
  timestamp: instantSchema,
  sequence: z.int().nonnegative(),
  /** What the device makes of it, W, discharging and injecting positive. */
  activePowerW: z.number(),
  /**
   * `accepted`: will be obeyed as it stands; `limited`: clipped to what the device can do; `refused`: its sender may
   * not command this device, the one before stays in force; `expired`: it has run out, the default is in force.
   */
  status: z.enum(['accepted', 'limited', 'refused', 'expired']),
});
export type CommandState = z.infer<typeof commandStateSchema>;

/** What a weather service expects at the site: means of steps from `start` on. */
export const weatherOutlookSchema = z.object({
  start: instantSchema,
  stepUs: z.int().positive(),
  airTemperatureC: z.array(z.number()).min(1),
});
export type WeatherOutlook = z.infer<typeof weatherOutlookSchema>;

export const measurementSchema = z.object({
  schema: z.literal('platone.measurement/1'),
  device: z.string().min(1),
  /** Instant that the readings describe: ISO 8601 with zone; the end of `interval` where there is one. */
  timestamp: instantSchema,
  /** Counts up by one per device and message, from 0. */
  sequence: z.int().nonnegative(),
  /** Averages and energies stand for this interval; absent for instantaneous values. */
  interval: z.object({ start: instantSchema, end: instantSchema }).optional(),
  /** +1: positive power flows from the named bus side into the branch or load; -1: the channel is wired the other way. */
  positiveDirection: z.union([z.literal(1), z.literal(-1)]).optional(),
  readings: z.array(readingSchema).min(1),
  /** Flags after IEEE C37.118.2 STAT and meter status words. */
  quality: z
    .object({
      valid: z.boolean(),
      synchronised: z.boolean().optional(),
      /** Estimated time error, us. */
      timeErrorUs: z.number().nonnegative().optional(),
    })
    .optional(),
  certification: certificationSchema.optional(),
  /** Of controllable devices, once a setpoint has reached them. */
  command: commandStateSchema.optional(),
  /** Of weather stations that pass on what a weather service expects. */
  outlook: weatherOutlookSchema.optional(),
});
export type Measurement = z.infer<typeof measurementSchema>;
