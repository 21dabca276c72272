/** The native grid document: what a grid is, as data. SI units, ids in kebab-case, every fault reported by `validate.ts`. */
import { z } from 'zod';

const id = z.string().min(1);
const positive = z.number().positive();
const nonNegative = z.number().nonnegative();

const phaseSchema = z.enum(['A', 'B', 'C']);

/** A power per phase or, in a positive-sequence grid or for a balanced element, the three-phase sum. */
const perPhase = z.strictObject({ A: z.number(), B: z.number(), C: z.number() }).partial();
const power = z.union([z.number(), perPhase]);

/**
 * How an element is connected: wye to ground, delta, a single phase to ground, or between two phases. Powers per phase
 * of a delta mean its branches AB, BC and CA.
 */
const connection = z.enum(['wye', 'delta', 'A', 'B', 'C', 'AB', 'BC', 'CA']);

/** Phases that a conductor bundle or unit has, in the order of its matrices. */
const phaseList = z.array(phaseSchema).min(1).max(3);

/** Rows of a real matrix, one row and column a phase. */
const matrix = z.array(z.array(z.number()).min(1)).min(1);

/** What stands between a star point and earth, ohm; counts three times in the zero sequence. */
const earthing = z.strictObject({ rOhm: nonNegative.default(0), xOhm: z.number().default(0) });

const busSchema = z.strictObject({
  id,
  /** Nominal line-to-line voltage, V. */
  nominalVoltageV: positive,
  name: z.string().optional(),
  /** Phases that exist at this bus of a three-phase grid; absent means all. */
  phases: phaseList.optional(),
  inService: z.boolean().default(true),
  /** Where an iteration begins, of the positive sequence: picks a solution where there are several. */
  start: z.strictObject({ voltagePu: positive, angleDeg: z.number() }).optional(),
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

/**
 * A line or cable by phase matrices, which may lack phases and whose phases may be coupled unlike. Three-phase grids only.
 */
const matrixLineSchema = z.strictObject({
  id,
  from: id,
  to: id,
  lengthM: positive,
  phases: phaseList,
  /** Symmetric matrices per km, one row and column a phase in the order of `phases`: series impedance, shunt admittance. */
  rOhmPerKm: matrix,
  xOhmPerKm: matrix,
  cFPerKm: matrix.optional(),
  gSPerKm: matrix.optional(),
  ratedCurrentA: positive.optional(),
  parallel: z.int().positive().default(1),
  fromClosed: z.boolean().default(true),
  toClosed: z.boolean().default(true),
  inService: z.boolean().default(true),
});

/**
 * A pi circuit behind an ideal transformer on its from side, as in MATPOWER's branch table: v_from = ratio exp(j shift)
 * v_inside, with voltages relative to `ratedVoltageFromV` and `ratedVoltageToV` (nominal voltages of the buses when
 * absent). Impedances are ohm and siemens on the to side. Any sign is allowed: these come from network reductions.
 */
const generalBranchSchema = z.strictObject({
  id,
  from: id,
  to: id,
  r1Ohm: z.number(),
  x1Ohm: z.number(),
  /** Shunt admittance of both ends together. */
  g1S: z.number().default(0),
  b1S: z.number().default(0),
  /** Zero sequence; absent means as in the positive one. */
  r0Ohm: z.number().optional(),
  x0Ohm: z.number().optional(),
  g0S: z.number().optional(),
  b0S: z.number().optional(),
  ratio: positive.default(1),
  /** Positive = the to side lags. */
  shiftDeg: z.number().default(0),
  ratedVoltageFromV: positive.optional(),
  ratedVoltageToV: positive.optional(),
  ratedCurrentA: positive.optional(),
  fromClosed: z.boolean().default(true),
  toClosed: z.boolean().default(true),
  inService: z.boolean().default(true),
});

/**
 * A branch by its primitive admittance matrix, S, against earth: currents into the terminals in the order from phases,
 * to phases. What no other list can say, for example a transformer as OpenDSS has it. Three-phase grids only.
 */
const admittanceBranchSchema = z.strictObject({
  id,
  from: id,
  to: id,
  fromPhases: phaseList,
  toPhases: phaseList,
  gS: matrix,
  bS: matrix,
  inService: z.boolean().default(true),
});

/** IEC 60076 vector group with its clock number, for example `Dyn5`; upper case is the winding of the from side. */
export const vectorGroupPattern = /^(D|Y|YN|Z|ZN)(d|y|yn|z|zn)(\d{1,2})$/;

/** The same of three windings, `YNyn0d11`: each clock number against the high-voltage winding. */
export const threeWindingGroupPattern = /^(D|Y|YN|Z|ZN)(d|y|yn|z|zn)(\d{1,2})(d|y|yn|z|zn)(\d{1,2})$/;

const tapFields = {
  position: z.int(),
  neutral: z.int().default(0),
  /** Change of the rated voltage of its side by a step, %. */
  stepPercent: z.number().default(0),
  /**
   * `ratio`: each step adds stepPercent at `angleDeg` to the voltage of the side (90 = quadrature booster);
   * `symmetrical`: turns by 2 asin(n stepPercent / 200) and keeps the magnitude; `ideal`: turns by n stepDeg.
   */
  kind: z.enum(['ratio', 'symmetrical', 'ideal']).default('ratio'),
  angleDeg: z.number().default(0),
  stepDeg: z.number().default(0),
  min: z.int().optional(),
  max: z.int().optional(),
} as const;

/** Automatic tap control: steps until the voltage at the controlled side, line drop compensated, lies in its band. */
const tapControl = z.strictObject({
  /** Side whose bus is held. */
  side: z.enum(['from', 'to']),
  /** Line-to-line voltage to hold and the width of the whole band about it, V. */
  voltageV: positive,
  bandV: positive,
  /** Line drop compensation: holds the voltage behind this impedance, ohm per phase. */
  lineDropROhm: z.number().default(0),
  lineDropXOhm: z.number().default(0),
});

/** Short-circuit values at an end of the tap range; between it and the neutral position they change linearly. */
const shortCircuitAtEnd = z.strictObject({ vkPercent: positive, vkrPercent: nonNegative });

const tapSchema = z.strictObject({
  side: z.enum(['from', 'to']).default('from'),
  ...tapFields,
  /** Where the short-circuit values of the unit, which are those of the neutral position, depend on the tap. */
  atMin: shortCircuitAtEnd.optional(),
  atMax: shortCircuitAtEnd.optional(),
  /** A bank of single-phase regulators (YNyn0): the position of each phase that differs from `position`. */
  phasePositions: z.strictObject({ A: z.int(), B: z.int(), C: z.int() }).partial().optional(),
  control: tapControl.optional(),
});

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
  tap: tapSchema.optional(),
  /** A second tap changer on the same unit, of either side. */
  tap2: tapSchema.omit({ control: true, phasePositions: true }).optional(),
  /** Extra phase shift of the LV side against the HV side beyond the clock number, degrees, positive = LV lags. */
  extraShiftDeg: z.number().default(0),
  /** A bank of single-phase units (YNyn0) on these phases only; ratings are those of all its units together. */
  phases: phaseList.optional(),
  /** Between the star points and earth; without, a star or zigzag with `n` is earthed solidly. */
  earthingFrom: earthing.optional(),
  earthingTo: earthing.optional(),
  /** Zero-sequence short-circuit and magnetising data; absent means as in the positive sequence with an infinite core. */
  zeroSequence: z
    .strictObject({
      vkPercent: positive,
      vkrPercent: nonNegative,
      /** Magnetising impedance over short-circuit impedance, its R/X, and the share of the leakage on the HV side. */
      magnetisingRatio: positive.optional(),
      magnetisingRX: nonNegative.optional(),
      hvShare: z.number().min(0).max(1).optional(),
      /** The magnetising branch by a no-load test in the zero sequence instead. */
      noLoadCurrentPercent: z.number().optional(),
      ironLossW: nonNegative.optional(),
    })
    .optional(),
  parallel: z.int().positive().default(1),
  fromClosed: z.boolean().default(true),
  toClosed: z.boolean().default(true),
  inService: z.boolean().default(true),
});

const windingSchema = z.strictObject({
  bus: id,
  ratedPowerVA: positive,
  /** Line to line. */
  ratedVoltageV: positive,
  tap: z.strictObject(tapFields).optional(),
  earthing: earthing.optional(),
  closed: z.boolean().default(true),
});

/** Short-circuit test of two windings, % of the smaller of their two rated powers. */
const shortCircuitPair = z.strictObject({ vkPercent: positive, vkrPercent: nonNegative });

/** Three windings as a star of three leakages about a star point that only the compiled grid has. */
const threeWindingSchema = z.strictObject({
  id,
  high: windingSchema,
  medium: windingSchema,
  low: windingSchema,
  highMedium: shortCircuitPair,
  mediumLow: shortCircuitPair,
  highLow: shortCircuitPair,
  /** No-load test from the high-voltage winding, % of its rated power. */
  ironLossW: nonNegative.default(0),
  noLoadCurrentPercent: z.number().default(0),
  vectorGroup: z.string().regex(threeWindingGroupPattern, 'is no IEC 60076 vector group such as YNyn0d11'),
  /** Each leg as a T or pi circuit; it matters for the leg that carries the magnetising branch. */
  model: z.enum(['t', 'pi']).default('t'),
  /** Where the magnetising branch stands. */
  magnetisingAt: z.enum(['high', 'medium', 'low', 'star']).default('high'),
  /** Extra phase shifts beyond the clock numbers, degrees, positive = lags the high side. */
  extraShiftMediumDeg: z.number().default(0),
  extraShiftLowDeg: z.number().default(0),
  /** Zero-sequence short-circuit tests; absent means as in the positive sequence. */
  zeroSequence: z
    .strictObject({ highMedium: shortCircuitPair, mediumLow: shortCircuitPair, highLow: shortCircuitPair })
    .optional(),
  inService: z.boolean().default(true),
});

/** Bus-to-bus switch: closed fuses the two buses, open separates them. */
const switchSchema = z.strictObject({ id, from: id, to: id, closed: z.boolean() });

const zipShares = z.strictObject({
  constantImpedance: z.number(),
  constantCurrent: z.number(),
  constantPower: z.number(),
});

/** Consumption positive; inductive positive. ZIP shares at nominal voltage add up to 1 (default: constant power). */
const loadSchema = z.strictObject({
  id,
  bus: id,
  connection: connection.default('wye'),
  activePowerW: power.default(0),
  reactivePowerVar: power.default(0),
  zip: zipShares.optional(),
  /** Shares of the reactive power where they differ from those of the active power. */
  zipReactive: zipShares.optional(),
  /** Line-to-line voltage at which the powers hold, V; absent means the nominal voltage of the bus. */
  ratedVoltageV: positive.optional(),
  /** Annual energy of a metered customer, Wh; profiles and forecasts scale with it. */
  annualEnergyWh: positive.optional(),
  inService: z.boolean().default(true),
});

/** Holds the voltage magnitude of its bus by its reactive power. */
const voltageControl = z.strictObject({
  voltagePu: positive,
  /** What is held in a three-phase grid: the positive sequence, by equal reactive powers, or each phase by its own. */
  holds: z.enum(['positive-sequence', 'each-phase']).default('positive-sequence'),
  /** Reactive limits, three-phase, injected positive; at a limit the voltage is let go. Absent means without. */
  minReactivePowerVar: z.number().optional(),
  maxReactivePowerVar: z.number().optional(),
  /** False: the limits are known but not kept, the default of MATPOWER and pandapower. */
  enforceLimits: z.boolean().default(true),
});

/** Production positive; injected reactive power positive. */
const generatorSchema = z.strictObject({
  id,
  bus: id,
  kind: z.enum(['pv', 'wind', 'other']).default('other'),
  connection: connection.default('wye'),
  activePowerW: power.default(0),
  reactivePowerVar: power.default(0),
  /** With it `reactivePowerVar` is an answer, not an input. */
  voltageControl: voltageControl.optional(),
  zip: zipShares.optional(),
  zipReactive: zipShares.optional(),
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
  connection: connection.default('wye'),
  /** Consumption at nominal voltage, the sum or per phase: active positive, inductive positive, capacitor negative. */
  activePowerW: power.default(0),
  reactivePowerVar: power.default(0),
  /** Line-to-line voltage at which the powers hold, V; absent means the nominal voltage of the bus. */
  ratedVoltageV: positive.optional(),
  /** Admittance to earth per phase besides, S; capacitors have a positive b. Zero sequence absent = as the positive. */
  g1S: z.number().default(0),
  b1S: z.number().default(0),
  g0S: z.number().optional(),
  b0S: z.number().optional(),
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
  /** Zero-sequence impedance over positive-sequence impedance (magnitudes), and its R/X when it differs. */
  zeroSequenceRatio: nonNegative.optional(),
  zeroSequenceRX: nonNegative.optional(),
  /** The positive sequence is held at the terminals; the impedance counts in the other two only (as pandapower does). */
  stiffPositiveSequence: z.boolean().default(false),
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
  threeWindingTransformers: z.array(threeWindingSchema).default([]),
  matrixLines: z.array(matrixLineSchema).default([]),
  generalBranches: z.array(generalBranchSchema).default([]),
  admittanceBranches: z.array(admittanceBranchSchema).default([]),
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
export type GridTap = z.infer<typeof tapSchema>;
export type GridThreeWinding = z.infer<typeof threeWindingSchema>;
export type GridMatrixLine = z.infer<typeof matrixLineSchema>;
export type GridGeneralBranch = z.infer<typeof generalBranchSchema>;
export type GridAdmittanceBranch = z.infer<typeof admittanceBranchSchema>;
export type GridShunt = z.infer<typeof shuntSchema>;
export type GridLoad = z.infer<typeof loadSchema>;
export type GridGenerator = z.infer<typeof generatorSchema>;
export type GridBattery = z.infer<typeof batterySchema>;
export type GridExternalGrid = z.infer<typeof externalGridSchema>;
export type Phase = z.infer<typeof phaseSchema>;
