/** The native grid document: what a grid is, as data. SI units, ids in kebab-case, every fault reported by `validate.ts`. */
import { z } from 'zod';

const id = z.string().min(1);
const positive = z.number().positive();
const nonNegative = z.number().nonnegative();

const phaseSchema = z.enum(['A', 'B', 'C']);

/** A power per phase or, in a positive-sequence grid or for a balanced element, the three-phase sum. */
const perPhase = z.strictObject({ A: z.number(), B: z.number(), C: z.number() }).partial();
const power = z.union([z.number(), perPhase]);

/** How an element is connected: wye to ground, delta, or a single phase to neutral. */
const connection = z.enum(['wye', 'delta', 'A', 'B', 'C']);

const busSchema = z.strictObject({
  id,
  /** Nominal line-to-line voltage, V. */
  nominalVoltageV: positive,
  name: z.string().optional(),
  inService: z.boolean().default(true),
  /** Place on the one-line diagram, arbitrary units, y downwards. */
  position: z.strictObject({ x: z.number(), y: z.number() }).optional(),
});

const lineSchema = z.strictObject({
  id,
  from: id,
  to: id,
  lengthM: positive,
  /** Positive-sequence series impedance and shunt admittance per km. */
  r1OhmPerKm: nonNegative,
  x1OhmPerKm: z.number(),
  c1FPerKm: nonNegative.default(0),
  g1SPerKm: nonNegative.default(0),
  /** Zero sequence; needed in a three-phase grid. */
  r0OhmPerKm: nonNegative.optional(),
  x0OhmPerKm: z.number().optional(),
  c0FPerKm: nonNegative.optional(),
  g0SPerKm: nonNegative.optional(),
  ratedCurrentA: positive.optional(),
  parallel: z.int().positive().default(1),
  /** An open end leaves the line charging from the other end. */
  fromClosed: z.boolean().default(true),
  toClosed: z.boolean().default(true),
  inService: z.boolean().default(true),
});

/** IEC 60076 vector group with its clock number, for example `Dyn5`; upper case is the high-voltage winding. */
export const vectorGroupPattern = /^(D|Y|YN|Z|ZN)(d|y|yn|z|zn)(\d{1,2})$/;

const transformerSchema = z.strictObject({
  id,
  /** High-voltage side. */
  from: id,
  /** Low-voltage side. */
  to: id,
  ratedPowerVA: positive,
  /** Rated line-to-line voltages, V. */
  ratedVoltageFromV: positive,
  ratedVoltageToV: positive,
  /** Short-circuit voltage and its resistive part, %. */
  vkPercent: positive,
  vkrPercent: nonNegative,
  ironLossW: nonNegative.default(0),
  /** Negative for a capacitive no-load current, which some sources make of line charging in a transformer. */
  noLoadCurrentPercent: z.number().default(0),
  vectorGroup: z.string().regex(vectorGroupPattern, 'is no IEC 60076 vector group such as Dyn5'),
  /** Where the magnetising branch stands: `t` in the middle of the series impedance, `pi` half at each end. */
  model: z.enum(['t', 'pi']).default('t'),
  tap: z
    .strictObject({
      side: z.enum(['from', 'to']).default('from'),
      position: z.int(),
      neutral: z.int().default(0),
      stepPercent: z.number(),
      min: z.int().optional(),
      max: z.int().optional(),
    })
    .optional(),
  /** Extra phase shift of the LV side against the HV side beyond the clock number, degrees, positive = LV lags. */
  extraShiftDeg: z.number().default(0),
  /** Zero-sequence short-circuit and magnetising data; absent means as in the positive sequence with an infinite core. */
  zeroSequence: z
    .strictObject({
      vkPercent: positive,
      vkrPercent: nonNegative,
      /** Magnetising impedance over short-circuit impedance, its R/X, and the share of the leakage on the HV side. */
      magnetisingRatio: positive.optional(),
      magnetisingRX: nonNegative.optional(),
      hvShare: z.number().min(0).max(1).optional(),
    })
    .optional(),
  parallel: z.int().positive().default(1),
  fromClosed: z.boolean().default(true),
  toClosed: z.boolean().default(true),
  inService: z.boolean().default(true),
});

/** Bus-to-bus switch: closed fuses the two buses, open separates them. */
const switchSchema = z.strictObject({ id, from: id, to: id, closed: z.boolean() });

/** Consumption positive; inductive positive. ZIP shares at nominal voltage add up to 1 (default: constant power). */
const loadSchema = z.strictObject({
  id,
  bus: id,
  connection: connection.default('wye'),
  activePowerW: power.default(0),
  reactivePowerVar: power.default(0),
  zip: z
    .strictObject({ constantImpedance: z.number(), constantCurrent: z.number(), constantPower: z.number() })
    .optional(),
  /** Annual energy of a metered customer, Wh; profiles and forecasts scale with it. */
  annualEnergyWh: positive.optional(),
  inService: z.boolean().default(true),
});

/** Production positive; injected reactive power positive. */
const generatorSchema = z.strictObject({
  id,
  bus: id,
  kind: z.enum(['pv', 'wind', 'other']).default('other'),
  connection: connection.default('wye'),
  activePowerW: power.default(0),
  reactivePowerVar: power.default(0),
  /** Rated (PV: peak) power, W. */
  ratedPowerW: positive.optional(),
  /** PV plane: tilt from horizontal, azimuth clockwise from north, degrees. */
  tiltDeg: z.number().min(0).max(90).optional(),
  azimuthDeg: z.number().min(0).max(360).optional(),
  inService: z.boolean().default(true),
});

/** Discharge positive. The state of charge and the control belong to the device, not to the grid. */
const batterySchema = z.strictObject({
  id,
  bus: id,
  connection: connection.default('wye'),
  ratedPowerW: positive,
  capacityWh: positive,
  inService: z.boolean().default(true),
});

const shuntSchema = z.strictObject({
  id,
  bus: id,
  /** Three-phase consumption at nominal voltage: active positive, inductive positive, capacitor negative. */
  activePowerW: z.number().default(0),
  reactivePowerVar: z.number().default(0),
  inService: z.boolean().default(true),
});

const externalGridSchema = z.strictObject({
  id,
  bus: id,
  voltagePu: positive.default(1),
  angleDeg: z.number().default(0),
  /** Short-circuit power and R/X of the source impedance; absent means a stiff source. */
  shortCircuitPowerVA: positive.optional(),
  shortCircuitRX: nonNegative.optional(),
  /** Zero-sequence impedance over positive-sequence impedance. */
  zeroSequenceRatio: nonNegative.optional(),
  inService: z.boolean().default(true),
});

export const gridDocumentSchema = z.strictObject({
  $schema: z.string().optional(),
  schema: z.literal(1),
  name: z.string().min(1),
  description: z.string().optional(),
  /** What is proposed here for want of published facts, a sentence each; reports print them. */
  assumptions: z.array(z.string()).default([]),
  /** `three` = phases A, B, C with unbalance; `positive-sequence` = balanced single-phase equivalent. */
  representation: z.enum(['three', 'positive-sequence']),
  frequencyHz: positive.default(50),
  location: z
    .strictObject({ latitudeDeg: z.number().min(-90).max(90), longitudeDeg: z.number().min(-180).max(180) })
    .optional(),
  buses: z.array(busSchema).min(1),
  lines: z.array(lineSchema).default([]),
  transformers: z.array(transformerSchema).default([]),
  switches: z.array(switchSchema).default([]),
  loads: z.array(loadSchema).default([]),
  generators: z.array(generatorSchema).default([]),
  batteries: z.array(batterySchema).default([]),
  shunts: z.array(shuntSchema).default([]),
  externalGrids: z.array(externalGridSchema).default([]),
});

/** A grid document with every default filled in. */
export type GridDocument = z.infer<typeof gridDocumentSchema>;
/** A grid document as somebody writes it. */
export type GridDocumentInput = z.input<typeof gridDocumentSchema>;
export type GridLine = z.infer<typeof lineSchema>;
export type GridTransformer = z.infer<typeof transformerSchema>;
export type GridLoad = z.infer<typeof loadSchema>;
export type GridGenerator = z.infer<typeof generatorSchema>;
export type GridBattery = z.infer<typeof batterySchema>;
export type GridExternalGrid = z.infer<typeof externalGridSchema>;
export type Phase = z.infer<typeof phaseSchema>;
