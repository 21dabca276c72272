/** Loads, generators and batteries as currents injected into the grid at given voltages. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument, Phase } from '../../grids/schema.ts';

/** W and var per phase at `2 * (element * phases + phase)`, in document order of each kind. */
export interface ElementPowers {
  readonly load: Float64Array;
  readonly generator: Float64Array;
  readonly battery: Float64Array;
}

/** Live elements: all of them, or those at buses whose voltage is solved for (no stiff source holds it). */
interface ElementGroup {
  /** Buses with an element of any kind, ascending. */
  readonly buses: Int32Array;
  /** Elements whose power depends on the voltage or that stand between phases. */
  readonly general: readonly GeneralElement[];
}

interface GeneralElement {
  readonly kind: keyof ElementPowers;
  readonly index: number;
  readonly bus: number;
  /** +1 produces, -1 consumes. */
  readonly sign: number;
  readonly delta: boolean;
  /** Shares of constant impedance, current and power. */
  readonly z: number;
  readonly i: number;
  readonly p: number;
}

export interface ElementModel {
  readonly free: ElementGroup;
  readonly all: ElementGroup;
  /** Fresh arrays with the document's powers; elements out of service have none, batteries are idle. */
  documentPowers(): ElementPowers;
  /** Sums constant-power wye elements into per-unit injections per bus and phase. */
  sumConstantPower(powers: ElementPowers, busPower: Float64Array): void;
  /** Sets `current` at the buses of a group to what its elements inject at the given voltages, all per unit. */
  inject(
    group: ElementGroup,
    powers: ElementPowers,
    busPower: Float64Array,
    voltage: Float64Array,
    current: Float64Array,
  ): void;
  /** Powers at the given voltages, W and var; zero at dead buses. */
  actualPowers(powers: ElementPowers, voltage: Float64Array, actual: ElementPowers): void;
}

/** An element as the document has it, with what the power flow adds. */
interface Placed extends GeneralElement {
  /** In service, at a bus that is alive. */
  readonly live: boolean;
  readonly constantPower: boolean;
}

const PHASES: readonly Phase[] = ['A', 'B', 'C'];
const SQRT3 = Math.sqrt(3);

export function createElementModel(grid: CompiledGrid): ElementModel {
  const { document, phases, basePowerVA } = grid;
  const placed = placeElements(grid);
  const held = new Set(grid.sources.filter((source) => source.y === undefined).map((source) => source.bus));
  const live = placed.filter((element) => element.live);
  // One flat list for the summation of every solve: where from, where to, and the sign over the base.
  const constant = live.filter((element) => element.constantPower);
  const summed = (['load', 'generator', 'battery'] as const).map((kind) => {
    const own = constant.filter((element) => element.kind === kind);
    return {
      kind,
      element: Int32Array.from(own, (element) => 2 * phases * element.index),
      bus: Int32Array.from(own, (element) => 2 * phases * element.bus),
      factor: (kind === 'load' ? -1 : 1) / basePowerVA,
    };
  });
  return {
    free: groupOf(live.filter((element) => !held.has(element.bus))),
    all: groupOf(live),
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
      injectConstantPower(group.buses, phases, busPower, voltage, current);
      for (const element of group.general) {
        injectGeneral(element, phases, basePowerVA, powers[element.kind], voltage, current);
      }
    },
    actualPowers: (powers, voltage, actual) => {
      for (const element of placed) {
        const stride = 2 * phases;
        const nominal = powers[element.kind];
        for (let k = 0; k < stride; k++) {
          const factor = element.live ? zipFactor(element, phases, voltage, k >> 1) : 0;
          actual[element.kind][element.index * stride + k] = nominal[element.index * stride + k]! * factor;
        }
      }
    },
  };
}

function groupOf(elements: readonly Placed[]): ElementGroup {
  return {
    buses: Int32Array.from(new Set(elements.map((element) => element.bus))).sort(),
    general: elements.filter((element) => !element.constantPower),
  };
}

function placeElements(grid: CompiledGrid): Placed[] {
  const { document, busIndex, energised } = grid;
  const inService = new Map(document.buses.map((bus) => [bus.id, bus.inService]));
  const place = (
    kind: keyof ElementPowers,
    index: number,
    item: { bus: string; inService: boolean; connection: string },
    zip = { constantImpedance: 0, constantCurrent: 0, constantPower: 1 },
  ): Placed => {
    const bus = busIndex.get(item.bus);
    if (bus === undefined) throw new Error(`${kind} ${index} stands at bus ${item.bus}, which the grid does not have`);
    // In a positive-sequence grid wye and delta are the same.
    const delta = item.connection === 'delta' && grid.phases === 3;
    return {
      kind,
      index,
      bus,
      sign: kind === 'load' ? -1 : 1,
      delta,
      z: zip.constantImpedance,
      i: zip.constantCurrent,
      p: zip.constantPower,
      live: item.inService && inService.get(item.bus) === true && energised[bus] === 1,
      constantPower: !delta && zip.constantImpedance === 0 && zip.constantCurrent === 0,
    };
  };
  return [
    ...document.loads.map((item, i) => place('load', i, item, item.zip)),
    ...document.generators.map((item, i) => place('generator', i, item)),
    ...document.batteries.map((item, i) => place('battery', i, item)),
  ];
}

type DocumentPower = GridDocument['loads'][number]['activePowerW'];

/** Power of one phase: a sum is shared by three phases, or belongs to the one phase of a single-phase element. */
function phasePower(power: DocumentPower, connection: string, phases: 1 | 3, phase: number): number {
  if (phases === 1) {
    return (typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0)) / 3;
  }
  const name = PHASES[phase]!;
  const single = connection !== 'wye' && connection !== 'delta';
  if (single && connection !== name) return 0;
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
  buses: Int32Array,
  phases: number,
  busPower: Float64Array,
  voltage: Float64Array,
  current: Float64Array,
): void {
  for (let b = 0; b < buses.length; b++) {
    const start = 2 * phases * buses[b]!;
    const end = start + 2 * phases;
    for (let at = start; at < end; at += 2) {
      const re = voltage[at]!;
      const im = voltage[at + 1]!;
      const p = busPower[at]!;
      const q = busPower[at + 1]!;
      const d = 1 / (re * re + im * im);
      current[at] = (p * re + q * im) * d;
      current[at + 1] = (p * im - q * re) * d;
    }
  }
}

/** Index of the phase that a delta branch leads to: AB, BC, CA. */
function farPhase(phase: number): number {
  return (phase + 1) % 3;
}

/** Share of the nominal power at the given voltage: z u^2 + i u + p with u over the nominal voltage. */
function zipFactor(element: GeneralElement, phases: number, voltage: Float64Array, phase: number): number {
  const near = 2 * (element.bus * phases + phase);
  let re = voltage[near]!;
  let im = voltage[near + 1]!;
  let nominal = 1;
  if (element.delta) {
    const far = 2 * (element.bus * phases + farPhase(phase));
    re -= voltage[far]!;
    im -= voltage[far + 1]!;
    nominal = SQRT3;
  }
  const u = Math.sqrt(re * re + im * im) / nominal;
  return element.z * u * u + element.i * u + element.p;
}

/** One ZIP element, to ground or between phases: the current of a delta branch leaves at its far phase. */
function injectGeneral(
  element: GeneralElement,
  phases: number,
  basePowerVA: number,
  power: Float64Array,
  voltage: Float64Array,
  current: Float64Array,
): void {
  for (let phase = 0; phase < phases; phase++) {
    const own = 2 * (element.index * phases + phase);
    if (power[own] === 0 && power[own + 1] === 0) continue;
    const factor = (element.sign * zipFactor(element, phases, voltage, phase)) / basePowerVA;
    const p = power[own]! * factor;
    const q = power[own + 1]! * factor;
    const near = 2 * (element.bus * phases + phase);
    const far = 2 * (element.bus * phases + farPhase(phase));
    const re = element.delta ? voltage[near]! - voltage[far]! : voltage[near]!;
    const im = element.delta ? voltage[near + 1]! - voltage[far + 1]! : voltage[near + 1]!;
    const d = re * re + im * im;
    const ir = (p * re + q * im) / d;
    const ii = (p * im - q * re) / d;
    current[near]! += ir;
    current[near + 1]! += ii;
    if (!element.delta) continue;
    current[far]! -= ir;
    current[far + 1]! -= ii;
  }
}
