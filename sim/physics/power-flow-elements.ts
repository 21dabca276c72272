/** Loads, generators and batteries as currents injected into the grid at given voltages. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument, Phase } from '../../grids/schema.ts';
import { stiffBuses } from './power-flow-stiff-buses.ts';

/** W and var per phase at `2 * (element * phases + phase)`, in document order of each kind. */
export interface ElementPowers {
  readonly load: Float64Array;
  readonly generator: Float64Array;
  readonly battery: Float64Array;
}

/** Live elements: all of them, or those at buses whose voltage is solved for (no stiff source holds it). */
export interface ElementGroup {
  /** Buses with an element of any kind, ascending. */
  readonly buses: Int32Array;
  /** Live bus-phases of these buses, `bus * phases + phase`, ascending. */
  readonly places: Int32Array;
  /** Parts of elements whose power depends on the voltage or that stand between phases. */
  readonly general: readonly GeneralPart[];
}

/** Shares of constant impedance, current and power of a nominal power. */
interface Shares {
  readonly z: number;
  readonly i: number;
  readonly p: number;
}

/** One phase of an element, to earth or to another phase. */
export interface GeneralPart {
  readonly kind: keyof ElementPowers;
  /** Where its nominal P and Q stand in the powers of its kind. */
  readonly own: number;
  /** Where the voltages of its two ends stand; `far` is -1 for earth. */
  readonly near: number;
  readonly far: number;
  /** +1 produces, -1 consumes. */
  readonly sign: number;
  /** Voltage between its ends at which the nominal power holds, per unit of the phase-to-ground base. */
  readonly nominal: number;
  readonly active: Shares;
  readonly reactive: Shares;
}

interface ConstantPower {
  readonly kind: keyof ElementPowers;
  readonly element: Int32Array;
  readonly bus: Int32Array;
  readonly factor: number;
}

export interface ElementModel {
  readonly free: ElementGroup;
  readonly all: ElementGroup;
  /** Fresh arrays with the document's powers; elements out of service have none, batteries are idle. */
  documentPowers(): ElementPowers;
  /** Constant-power wye elements: where each begins in the powers of its kind and in those of the buses, and the factor. */
  readonly constantPower: readonly ConstantPower[];
  /** Sums constant-power wye elements into per-unit injections per bus and phase. */
  sumConstantPower(powers: ElementPowers, busPower: Float64Array): void;
  /** Sets `current` at the places of a group to what its elements inject at the given voltages, all per unit. */
  inject(
    group: ElementGroup,
    powers: ElementPowers,
    busPower: Float64Array,
    voltage: Float64Array,
    current: Float64Array,
  ): void;
  /** Powers at the given voltages, W and var; zero where there is no voltage. */
  actualPowers(powers: ElementPowers, voltage: Float64Array, actual: ElementPowers): void;
}

/** An element as the document has it, with what the power flow adds. */
interface Placed {
  readonly kind: keyof ElementPowers;
  readonly index: number;
  readonly bus: number;
  /** In service, at a bus that is alive. */
  readonly live: boolean;
  readonly constantPower: boolean;
  /** Its live parts; those of constant power to earth serve the actual powers only. */
  readonly parts: readonly GeneralPart[];
}

const KINDS = ['load', 'generator', 'battery'] as const satisfies readonly (keyof ElementPowers)[];
const PHASES: readonly Phase[] = ['A', 'B', 'C'];
const SQRT3 = Math.sqrt(3);
const CONSTANT_POWER: Shares = { z: 0, i: 0, p: 1 };
const ADMITTANCE: Shares = { z: 1, i: 0, p: 0 };

/** `asAdmittances`: every element draws the power of its nominal admittance, whatever its ZIP shares. */
export function createElementModel(grid: CompiledGrid, asAdmittances = false): ElementModel {
  const { document, phases, basePowerVA } = grid;
  const placed = placeElements(grid, asAdmittances);
  const held = stiffBuses(grid);
  const live = placed.filter((element) => element.live);
  // One flat list for the summation of every solve: where from, where to, and the sign over the base.
  const constant = live.filter((element) => element.constantPower);
  const summed = KINDS.map((kind) => {
    const own = constant.filter((element) => element.kind === kind);
    return {
      kind,
      element: Int32Array.from(own, (element) => 2 * phases * element.index),
      bus: Int32Array.from(own, (element) => 2 * phases * element.bus),
      factor: (kind === 'load' ? -1 : 1) / basePowerVA,
    };
  });
  const all = groupOf(grid, live);
  const unchanged = KINDS.map((kind) => unchangedParts(kind, constant));
  return {
    free: groupOf(
      grid,
      live.filter((element) => !held.has(element.bus)),
    ),
    all,
    constantPower: summed,
    documentPowers: () => documentPowers(document, phases),
    sumConstantPower: (powers, busPower) => {
      busPower.fill(0);
      for (const { kind, element, bus, factor } of summed) {
        const source = powers[kind];
        for (let e = 0; e < element.length; e++) {
          const at = element[e]!;
          const to = bus[e]!;
          for (let k = 0; k < 2 * phases; k++) busPower[to + k]! += factor * source[at + k]!;
        }
      }
    },
    inject: (group, powers, busPower, voltage, current) => {
      injectConstantPower(group.places, busPower, voltage, current);
      for (const part of group.general) injectPart(part, basePowerVA, powers[part.kind], voltage, current);
    },
    actualPowers: (powers, voltage, actual) => {
      for (const { kind, own, near } of unchanged) {
        const [from, to] = [powers[kind], actual[kind].fill(0)];
        for (let k = 0; k < own.length; k++) {
          const at = own[k]!;
          // Without a solution there are no voltages, and nobody knows the powers.
          const known = !Number.isNaN(voltage[near[k]!]!);
          to[at] = known ? from[at]! : Number.NaN;
          to[at + 1] = known ? from[at + 1]! : Number.NaN;
        }
      }
      for (const part of all.general) {
        const u = voltageOver(part, voltage);
        actual[part.kind][part.own] = powers[part.kind][part.own]! * shareAt(part.active, u);
        actual[part.kind][part.own + 1] = powers[part.kind][part.own + 1]! * shareAt(part.reactive, u);
      }
    },
  };
}

/** Where constant powers and the voltages that they stand at are; their nominal powers are what they draw. */
function unchangedParts(kind: keyof ElementPowers, elements: readonly Placed[]) {
  const parts = elements.filter((element) => element.kind === kind).flatMap((element) => element.parts);
  return {
    kind,
    own: Int32Array.from(parts, ({ own }) => own),
    near: Int32Array.from(parts, ({ near }) => near),
  };
}

function groupOf(grid: CompiledGrid, elements: readonly Placed[]): ElementGroup {
  const { phases, energisedPhases } = grid;
  const buses = Int32Array.from(new Set(elements.map((element) => element.bus))).sort();
  const places: number[] = [];
  for (const bus of buses) {
    for (let k = bus * phases; k < (bus + 1) * phases; k++) if (energisedPhases[k] === 1) places.push(k);
  }
  const general = elements.filter((element) => !element.constantPower).flatMap((element) => element.parts);
  return { buses, places: Int32Array.from(places), general };
}

type Item = GridDocument['loads'][number] | GridDocument['generators'][number] | GridDocument['batteries'][number];

function placeElements(grid: CompiledGrid, asAdmittances: boolean): Placed[] {
  const { document, busIndex, energised } = grid;
  const inService = new Map(document.buses.map((bus) => [bus.id, bus.inService]));
  const place = (kind: keyof ElementPowers, index: number, item: Item): Placed => {
    const bus = busIndex.get(item.bus);
    if (bus === undefined) throw new Error(`${kind} ${index} stands at bus ${item.bus}, which the grid does not have`);
    const live = item.inService && inService.get(item.bus) === true && energised[bus] === 1;
    const given = live ? partsOf(grid, kind, index, item, bus) : [];
    const parts = asAdmittances ? given.map((part) => ({ ...part, active: ADMITTANCE, reactive: ADMITTANCE })) : given;
    const constantPower = parts.every(
      ({ far, active, reactive }) => far < 0 && isConstantPower(active) && isConstantPower(reactive),
    );
    return { kind, index, bus, live, constantPower, parts };
  };
  return [
    ...document.loads.map((item, i) => place('load', i, item)),
    ...document.generators.map((item, i) => place('generator', i, item)),
    ...document.batteries.map((item, i) => place('battery', i, item)),
  ];
}

function isConstantPower({ z, i }: Shares): boolean {
  return z === 0 && i === 0;
}

/** The parts of an element whose ends are alive. In a positive-sequence grid wye and delta are the same. */
function partsOf(grid: CompiledGrid, kind: keyof ElementPowers, index: number, item: Item, bus: number): GeneralPart[] {
  const { phases, energisedPhases, baseVoltageV } = grid;
  const between = phases === 3 && (item.connection === 'delta' || item.connection.length === 2);
  const active = 'zip' in item ? sharesOf(item.zip) : CONSTANT_POWER;
  const reactive = 'zipReactive' in item && item.zipReactive !== undefined ? sharesOf(item.zipReactive) : active;
  const rated = 'ratedVoltageV' in item ? item.ratedVoltageV : undefined;
  const nominal = (between ? SQRT3 : 1) * (rated === undefined ? 1 : rated / (baseVoltageV[bus]! * SQRT3));
  const parts: GeneralPart[] = [];
  for (let phase = 0; phase < phases; phase++) {
    const near = bus * phases + phase;
    const far = bus * phases + farPhase(phase);
    if (energisedPhases[near] === 0 || (between && energisedPhases[far] === 0)) continue;
    const own = 2 * (index * phases + phase);
    const sign = kind === 'load' ? -1 : 1;
    parts.push({ kind, own, near: 2 * near, far: between ? 2 * far : -1, sign, nominal, active, reactive });
  }
  return parts;
}

function sharesOf(zip: GridDocument['loads'][number]['zip']): Shares {
  return zip === undefined
    ? CONSTANT_POWER
    : { z: zip.constantImpedance, i: zip.constantCurrent, p: zip.constantPower };
}

type DocumentPower = GridDocument['loads'][number]['activePowerW'];

/** Power of one phase: a sum is shared by three phases, or belongs to the one phase or pair that the element has. */
function phasePower(power: DocumentPower, connection: string, phases: 1 | 3, phase: number): number {
  if (phases === 1) {
    return (typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0)) / 3;
  }
  const name = PHASES[phase]!;
  const single = connection !== 'wye' && connection !== 'delta';
  if (single && connection[0] !== name) return 0;
  if (typeof power !== 'number') return power[name] ?? 0;
  return single ? power : power / 3;
}

function documentPowers(document: GridDocument, phases: 1 | 3): ElementPowers {
  const spread = (items: GridDocument['loads'] | GridDocument['generators']): Float64Array => {
    const powers = new Float64Array(2 * phases * items.length);
    items.forEach((item, e) => {
      if (!item.inService) return;
      for (let phase = 0; phase < phases; phase++) {
        const at = 2 * (e * phases + phase);
        powers[at] = phasePower(item.activePowerW, item.connection, phases, phase);
        powers[at + 1] = phasePower(item.reactivePowerVar, item.connection, phases, phase);
      }
    });
    return powers;
  };
  return {
    load: spread(document.loads),
    generator: spread(document.generators),
    battery: new Float64Array(2 * phases * document.batteries.length),
  };
}

/** i = conj(s / v) = (P - jQ) v / |v|^2 for the summed constant powers. */
function injectConstantPower(
  places: Int32Array,
  busPower: Float64Array,
  voltage: Float64Array,
  current: Float64Array,
): void {
  for (let k = 0; k < places.length; k++) {
    const at = 2 * places[k]!;
    const re = voltage[at]!;
    const im = voltage[at + 1]!;
    const p = busPower[at]!;
    const q = busPower[at + 1]!;
    const d = 1 / (re * re + im * im);
    current[at] = (p * re + q * im) * d;
    current[at + 1] = (p * im - q * re) * d;
  }
}

/** Index of the phase that a delta branch leads to: AB, BC, CA. */
function farPhase(phase: number): number {
  return (phase + 1) % 3;
}

/** Magnitude of the voltage over a part, relative to the one at which its nominal power holds. */
function voltageOver({ near, far, nominal }: GeneralPart, voltage: Float64Array): number {
  const re = voltage[near]! - (far < 0 ? 0 : voltage[far]!);
  const im = voltage[near + 1]! - (far < 0 ? 0 : voltage[far + 1]!);
  return Math.sqrt(re * re + im * im) / nominal;
}

/** Share of the nominal power at a relative voltage: z u^2 + i u + p. */
function shareAt({ z, i, p }: Shares, u: number): number {
  return z * u * u + i * u + p;
}

/** One part, to earth or between phases: the current of a delta branch leaves at its far phase. */
export function injectPart(
  part: GeneralPart,
  basePowerVA: number,
  power: Float64Array,
  voltage: Float64Array,
  current: Float64Array,
): void {
  const { own, near, far, sign, nominal } = part;
  if (power[own] === 0 && power[own + 1] === 0) return;
  const re = voltage[near]! - (far < 0 ? 0 : voltage[far]!);
  const im = voltage[near + 1]! - (far < 0 ? 0 : voltage[far + 1]!);
  const d = re * re + im * im;
  const u = Math.sqrt(d) / nominal;
  const p = power[own]! * ((sign * shareAt(part.active, u)) / basePowerVA);
  const q = power[own + 1]! * ((sign * shareAt(part.reactive, u)) / basePowerVA);
  const ir = (p * re + q * im) / d;
  const ii = (p * im - q * re) / d;
  current[near]! += ir;
  current[near + 1]! += ii;
  if (far < 0) return;
  current[far]! -= ir;
  current[far + 1]! -= ii;
}
