/**
 * Consumers, machines, injections and shunts of CIM in the native form. In CIM every p and q of equipment counts what
 * flows from the node into the equipment: a generator has a negative p. MW and Mvar.
 */
import type { GridDocumentInput } from '../../schema.ts';
import type { CimModel, CimObject } from './model.ts';
import { inServiceOf, type Context } from './lines.ts';
import type { End } from './topology.ts';

type Load = NonNullable<GridDocumentInput['loads']>[number];
type Generator = NonNullable<GridDocumentInput['generators']>[number];

/** More than any element of any grid has, MW. */
const POWER = { atLeast: -1e5, atMost: 1e5, hint: 'MW and Mvar: is it W or kW?' };

interface Injection {
  readonly end: End;
  readonly inService: boolean;
  /** Into the equipment, W and var. */
  readonly activePowerW: number;
  readonly reactivePowerVar: number;
}

/** Power of a piece of equipment: of the situation (SSH), else of the solved flows (SV), else 0 with a note. */
function injectionOf(
  context: Context,
  equipment: CimObject,
  prefix: string,
  isReference = false,
): Injection | undefined {
  const { model, topology } = context;
  const [end] = topology.ends(equipment);
  if (end === undefined) {
    model.draft.note('equipment without a node not carried over', equipment.origin);
    return undefined;
  }
  const { fields } = equipment;
  const flow = model.referring(end.terminal, 'SvPowerFlow.Terminal')[0]?.fields;
  const of = (key: 'p' | 'q'): number => {
    const names = [
      `${prefix}.${key}`,
      `${prefix}.${key}fixed`,
      `${prefix}.${key === 'p' ? 'active' : 'reactive'}Power`,
    ];
    const own = names.map((name) => fields.optional(name, POWER)).find((found) => found !== undefined);
    const value = own ?? flow?.optional(`SvPowerFlow.${key}`, POWER);
    if (value === undefined && !isReference)
      fields.note(`${prefix}.${key}`, 'no power given, neither by SSH nor by SV: it counts as 0');
    return (value ?? 0) * 1e6;
  };
  const [activePowerW, reactivePowerVar] = [of('p'), of('q')];
  return { end, inService: inServiceOf(context, equipment) && end.connected, activePowerW, reactivePowerVar };
}

const off = (inService: boolean): { inService: false } | false => (inService ? false : { inService: false });

export function addLoads(context: Context): void {
  const { model } = context;
  for (const load of model.of('EnergyConsumer', 'ConformLoad', 'NonConformLoad', 'StationSupply')) {
    const found = injectionOf(context, load, 'EnergyConsumer');
    if (found === undefined) continue;
    const { end, inService, activePowerW, reactivePowerVar } = found;
    const element = {
      id: load.id,
      bus: end.bus,
      activePowerW,
      reactivePowerVar,
      ...zipOf(model, load),
      ...off(inService),
    };
    model.draft.add('loads', element, load.origin);
  }
  for (const machine of model.of('AsynchronousMachine')) addConsumer(context, machine, 'RotatingMachine');
  for (const converter of model.of('CsConverter', 'VsConverter')) {
    model.draft.note('converters are written as loads with the power of their AC side', converter.origin);
    addConsumer(context, converter, 'ACDCConverter');
  }
}

function addConsumer(context: Context, equipment: CimObject, prefix: string): void {
  const found = injectionOf(context, equipment, prefix);
  if (found === undefined) return;
  const { end, inService, activePowerW, reactivePowerVar } = found;
  const element = { id: equipment.id, bus: end.bus, activePowerW, reactivePowerVar, ...off(inService) };
  context.model.draft.add('loads', element, equipment.origin);
}

/** Response to voltage: shares, or exponents that shares can say. */
function zipOf(model: CimModel, load: CimObject): Pick<Load, 'zip' | 'zipReactive'> {
  const response = model.target(load, 'EnergyConsumer.LoadResponse');
  if (response === undefined) return {};
  const { fields } = response;
  const key = (name: string): string => `LoadResponseCharacteristic.${name}`;
  const exponential = fields.flag(key('exponentModel'), false);
  const shares = (part: 'p' | 'q') => {
    if (!exponential) {
      const [z, i] = [
        fields.numberOr(key(`${part}ConstantImpedance`), 0),
        fields.numberOr(key(`${part}ConstantCurrent`), 0),
      ];
      return { constantImpedance: z, constantCurrent: i, constantPower: 1 - z - i };
    }
    const exponent = fields.numberOr(key(`${part}VoltageExponent`), 0);
    if (![0, 1, 2].includes(exponent)) {
      fields.note(
        key(`${part}VoltageExponent`),
        'voltage exponents other than 0, 1 and 2: such loads count as constant power',
      );
    }
    const share = (of: number): number => (exponent === of ? 1 : 0);
    return { constantImpedance: share(2), constantCurrent: share(1), constantPower: 1 - share(2) - share(1) };
  };
  const [zip, reactive] = [shares('p'), shares('q')];
  const same = zip.constantImpedance === reactive.constantImpedance && zip.constantCurrent === reactive.constantCurrent;
  if (same && zip.constantPower === 1) return {};
  return same ? { zip } : { zip, zipReactive: reactive };
}

interface Source {
  readonly equipment: CimObject;
  readonly prefix: string;
  /** Among the sources, the smallest positive number holds the angle; 0 for none. */
  readonly priority: number;
}

/** Machines, network injections and equivalents: the first holds voltage and angle, others their voltage or nothing. */
export function addSources(context: Context): void {
  const { model } = context;
  const all: Source[] = [
    ...model.of('ExternalNetworkInjection').map((equipment) => {
      const priority = equipment.fields.numberOr('ExternalNetworkInjection.referencePriority', 0);
      return { equipment, prefix: 'ExternalNetworkInjection', priority };
    }),
    ...model.of('SynchronousMachine').map((equipment) => {
      const priority = equipment.fields.numberOr('SynchronousMachine.referencePriority', 0);
      return { equipment, prefix: 'RotatingMachine', priority };
    }),
    ...model.of('EnergySource').map((equipment) => ({ equipment, prefix: 'EnergySource', priority: 0 })),
    ...model
      .of('PowerElectronicsConnection')
      .map((equipment) => ({ equipment, prefix: 'PowerElectronicsConnection', priority: 0 })),
    ...model.of('EquivalentInjection').map((equipment) => ({ equipment, prefix: 'EquivalentInjection', priority: 0 })),
    ...model
      .of('StaticVarCompensator')
      .map((equipment) => ({ equipment, prefix: 'StaticVarCompensator', priority: 0 })),
  ];
  const references = chooseReferences(context, all);
  // References first: a node has one holder of its voltage.
  const ordered = [
    ...all.filter(({ equipment }) => references.has(equipment.id)),
    ...all.filter(({ equipment }) => !references.has(equipment.id)),
  ];
  for (const source of ordered) addSource(context, source, references.has(source.equipment.id));
}

/** Classes that can hold an angle where the model names no reference, best first. */
const referenceClasses = ['ExternalNetworkInjection', 'EnergySource', 'SynchronousMachine', 'EquivalentInjection'];

/**
 * In each island: the sources in service with the smallest reference priority, else those at the reference node of a
 * topological island, else the first network injection, else the first machine.
 */
function chooseReferences(context: Context, all: readonly Source[]): ReadonlySet<string> {
  const { model, topology, islands } = context;
  const byIsland = new Map<string, Source[]>();
  for (const source of all) {
    const end = topology.ends(source.equipment)[0];
    if (end?.connected !== true || !inServiceOf(context, source.equipment)) continue;
    const island = islands.rootOf(end.bus);
    const those = byIsland.get(island) ?? [];
    byIsland.set(island, those);
    those.push(source);
  }
  const angleNodes = model
    .of('TopologicalIsland')
    .map((island) => model.target(island, 'TopologicalIsland.AngleRefTopologicalNode'));
  const named = new Set(angleNodes.flatMap((node) => node?.id ?? []));
  const chosen = new Set<string>();
  for (const live of byIsland.values()) {
    const priorities = live.map(({ priority }) => priority).filter((priority) => priority > 0);
    const first = Math.min(...priorities);
    const byPriority = live.filter(({ priority }) => priority === first);
    const byNode = live.filter(({ equipment }) => named.has(topology.ends(equipment)[0]!.bus));
    const given = priorities.length > 0 ? byPriority : byNode;
    for (const { equipment } of given) chosen.add(equipment.id);
    if (given.length > 0) continue;
    const [fallback] = referenceClasses.flatMap((name) => live.filter(({ equipment }) => equipment.className === name));
    if (fallback === undefined) continue;
    model.draft.assume(
      'no reference for the angle given: the first network injection or machine of the island holds it',
      fallback.equipment.origin,
    );
    chosen.add(fallback.equipment.id);
  }
  return chosen;
}

function addSource(context: Context, { equipment, prefix }: Source, isReference: boolean): void {
  const { model, nodes } = context;
  const { id, origin } = equipment;
  const found = injectionOf(context, equipment, prefix, isReference);
  if (found === undefined) return;
  const { end, inService } = found;
  const state = solvedVoltage(context, end.bus);
  const target = targetVoltage(context, equipment, end);
  if (isReference && inService && nodes.claim(end.bus)) {
    const voltagePu = state?.voltagePu ?? target ?? 1;
    if (state === undefined && target === undefined)
      model.draft.assume('no voltage of the reference given: 1 pu', origin);
    const angleDeg = state?.angleDeg ?? 0;
    const reference = { id, bus: end.bus, voltagePu, ...(angleDeg !== 0 && { angleDeg }) };
    model.draft.add('externalGrids', { ...reference, ...shortCircuit(equipment, context, end) }, origin);
    return;
  }
  const holds = inService && target !== undefined && nodes.claim(end.bus);
  const element: Generator = {
    id,
    bus: end.bus,
    ...kindOf(model, equipment),
    // From into the equipment to produced.
    activePowerW: 0 - found.activePowerW,
    reactivePowerVar: 0 - found.reactivePowerVar,
    ...(holds && { voltageControl: { voltagePu: target, ...reactiveLimits(equipment, prefix) } }),
    ...off(inService),
  };
  model.draft.add('generators', element, origin);
}

/** Voltage of a node in the state variables. kV and degrees in CIM. */
function solvedVoltage({ model, topology }: Context, bus: string): { voltagePu: number; angleDeg: number } | undefined {
  const node = model.get(bus);
  const state = node === undefined ? undefined : model.referring(node, 'SvVoltage.TopologicalNode')[0];
  const volts = state?.fields.optional('SvVoltage.v');
  if (state === undefined || volts === undefined || !(volts > 0)) return undefined;
  return {
    voltagePu: (volts * 1000) / topology.nominalVoltageV(bus),
    angleDeg: state.fields.numberOr('SvVoltage.angle', 0),
  };
}

/** What voltage equipment holds, per unit of its node; undefined where it holds none. */
function targetVoltage(context: Context, equipment: CimObject, end: End): number | undefined {
  const { model, topology } = context;
  const { fields } = equipment;
  const nominal = topology.nominalVoltageV(end.bus);
  if (equipment.className === 'EquivalentInjection') {
    const kilovolts = fields.optional('EquivalentInjection.regulationTarget');
    const regulates = fields.flag('EquivalentInjection.regulationStatus', false);
    return regulates && kilovolts !== undefined ? (kilovolts * 1000) / nominal : undefined;
  }
  if (equipment.className === 'EnergySource') {
    const magnitude = fields.optional('EnergySource.voltageMagnitude', { above: 0 });
    return magnitude === undefined ? undefined : (magnitude * 1000) / nominal;
  }
  const control = model.target(equipment, 'RegulatingCondEq.RegulatingControl');
  if (control === undefined || !fields.flag('RegulatingCondEq.controlEnabled', false)) return undefined;
  if (!control.fields.flag('RegulatingControl.enabled', false)) return undefined;
  if (model.choice(control, 'RegulatingControl.mode') !== 'voltage') return undefined;
  const factor = model.choice(control, 'RegulatingControl.targetValueUnitMultiplier') === 'none' ? 1 : 1000;
  const volts = control.fields.number('RegulatingControl.targetValue', { above: 0 }) * factor;
  const terminal = model.target(control, 'RegulatingControl.Terminal');
  const held = terminal === undefined ? end : (topology.endOf(terminal) ?? end);
  if (held.bus === end.bus) return volts / nominal;
  model.draft.note(
    'voltage control of another node: the equipment holds its own solved voltage instead',
    equipment.origin,
  );
  return solvedVoltage(context, end.bus)?.voltagePu ?? volts / topology.nominalVoltageV(held.bus);
}

/** Limits are kept: a machine that the source shows at its limit has let the voltage go. */
function reactiveLimits({ fields }: CimObject, prefix: string) {
  const key = prefix === 'RotatingMachine' ? 'SynchronousMachine' : prefix;
  const [min, max] = [fields.optional(`${key}.minQ`), fields.optional(`${key}.maxQ`)];
  const sound = min === undefined || max === undefined || min < max;
  return {
    ...(sound && min !== undefined && { minReactivePowerVar: min * 1e6 }),
    ...(sound && max !== undefined && { maxReactivePowerVar: max * 1e6 }),
    enforceLimits: false,
  };
}

function kindOf(model: CimModel, equipment: CimObject): { kind?: 'pv' | 'wind' } {
  const unit =
    model.target(equipment, 'RotatingMachine.GeneratingUnit') ??
    model.referring(equipment, 'PowerElectronicsUnit.PowerElectronicsConnection')[0];
  if (unit === undefined) return {};
  if (/Solar|Photo/.test(unit.className)) return { kind: 'pv' };
  return /Wind/.test(unit.className) ? { kind: 'wind' } : {};
}

/** Short-circuit power of a network injection from its current; it counts beside the held positive sequence. */
function shortCircuit({ fields }: CimObject, { topology }: Context, end: End) {
  const key = (name: string): string => `ExternalNetworkInjection.${name}`;
  const ampere = fields.optional(key('maxInitialSymShCCurrent')) ?? 0;
  if (!(ampere > 0)) return {};
  const rx = fields.optional(key('maxR1ToX1Ratio')) ?? 0;
  const ratio = fields.optional(key('maxZ0ToZ1Ratio')) ?? 0;
  return {
    shortCircuitPowerVA: Math.sqrt(3) * topology.nominalVoltageV(end.bus) * ampere,
    ...(rx > 0 && { shortCircuitRX: rx }),
    ...(ratio > 0 && { zeroSequenceRatio: ratio }),
    stiffPositiveSequence: true,
  };
}

export function addShunts(context: Context): void {
  const { model, topology } = context;
  for (const shunt of model.of('LinearShuntCompensator', 'NonlinearShuntCompensator', 'EquivalentShunt')) {
    const [end] = topology.ends(shunt);
    if (end === undefined) {
      model.draft.note('equipment without a node not carried over', shunt.origin);
      continue;
    }
    const admittance = shunt.className === 'NonlinearShuntCompensator' ? nonlinear(model, shunt) : linear(model, shunt);
    const inService = inServiceOf(context, shunt) && end.connected;
    model.draft.add('shunts', { id: shunt.id, bus: end.bus, ...admittance, ...off(inService) }, shunt.origin);
  }
}

/** Sections in force: solved, of the situation, or normal. */
function sectionsOf(model: CimModel, shunt: CimObject): number {
  const solved = model.referring(shunt, 'SvShuntCompensatorSections.ShuntCompensator')[0]?.fields;
  return (
    solved?.optional('SvShuntCompensatorSections.sections') ??
    shunt.fields.optional('ShuntCompensator.sections') ??
    shunt.fields.numberOr('ShuntCompensator.normalSections', 1)
  );
}

function linear(model: CimModel, shunt: CimObject) {
  const { fields } = shunt;
  if (shunt.className === 'EquivalentShunt') {
    return { g1S: fields.numberOr('EquivalentShunt.g', 0), b1S: fields.number('EquivalentShunt.b') };
  }
  const sections = sectionsOf(model, shunt);
  const key = (name: string): string => `LinearShuntCompensator.${name}PerSection`;
  return { g1S: fields.numberOr(key('g'), 0) * sections, b1S: fields.number(key('b')) * sections };
}

/** Each section has a row of its own; those up to the number in force are on. */
function nonlinear(model: CimModel, shunt: CimObject) {
  const sections = sectionsOf(model, shunt);
  const key = (name: string): string => `NonlinearShuntCompensatorPoint.${name}`;
  const points = model
    .referring(shunt, key('NonlinearShuntCompensator'))
    .filter(({ fields }) => fields.number(key('sectionNumber')) <= sections);
  const sum = (name: 'g' | 'b'): number =>
    points.reduce((total, { fields }) => total + fields.numberOr(key(name), 0), 0);
  return { g1S: sum('g'), b1S: sum('b') };
}
