/** Lines, series compensators, equivalent branches and switches of CIM in the native form. Ohm, siemens and km in CIM. */
import type { GridDocumentInput } from '../../schema.ts';
import type { Nodes } from '../nodes.ts';
import type { CimModel, CimObject } from './model.ts';
import type { End, Topology } from './topology.ts';

export interface Context {
  readonly model: CimModel;
  readonly topology: Topology;
  readonly frequencyHz: number;
  /** Buses that are one node by closed switches. */
  readonly nodes: Nodes;
  /** Buses that branches and switches in service join. */
  readonly islands: Nodes;
}

/** Whether equipment takes part: said by the equipment, or by the state variables. */
export function inServiceOf({ model }: Pick<Context, 'model'>, equipment: CimObject): boolean {
  const status = model.referring(equipment, 'SvStatus.ConductingEquipment')[0];
  const solved = status?.fields.flag('SvStatus.inService', true) ?? true;
  return solved && equipment.fields.flag('Equipment.inService', true);
}

/** Two ends of a branch; undefined after a fault, or after a note where it hangs in the air. */
export function twoEnds({ model, topology }: Context, equipment: CimObject): readonly [End, End] | undefined {
  const [from, to, ...more] = topology.ends(equipment);
  if (from !== undefined && to !== undefined && more.length === 0) return [from, to];
  const terminals = model.referring(equipment, 'Terminal.ConductingEquipment').length;
  const { className, id, origin } = equipment;
  if (terminals !== 2) model.draft.fault(`${className} "${id}" has ${terminals} terminals instead of 2`, origin);
  else model.draft.note('branches without a node at an end not carried over', origin);
  return undefined;
}

export function endFields({ islands }: Context, [from, to]: readonly [End, End], id: string, inService: boolean) {
  if (inService && from.connected && to.connected) islands.join(from.bus, to.bus);
  return {
    id,
    from: from.bus,
    to: to.bus,
    ...(!from.connected && { fromClosed: false }),
    ...(!to.connected && { toClosed: false }),
    ...(!inService && { inService: false }),
  };
}

type Line = NonNullable<GridDocumentInput['lines']>[number];

export function addLines(context: Context): void {
  const { model, topology, frequencyHz } = context;
  for (const line of model.of('ACLineSegment')) {
    const ends = twoEnds(context, line);
    if (ends === undefined) continue;
    const { fields, origin } = line;
    const [r, x] = [fields.number('ACLineSegment.r'), fields.number('ACLineSegment.x')];
    const [b, g] = [fields.numberOr('ACLineSegment.bch', 0), fields.numberOr('ACLineSegment.gch', 0)];
    const common = endFields(context, ends, line.id, inServiceOf(context, line));
    if (common.from === common.to) {
      model.draft.note('branches with both ends at one node not carried over', origin);
      continue;
    }
    if (r === 0 && x === 0)
      fields.fault('ACLineSegment.x', `line "${line.id}" has no series impedance`, 'use a closed switch');
    const rated = currentLimit(context, line);
    const [from, to] = [topology.nominalVoltageV(common.from), topology.nominalVoltageV(common.to)];
    if (r < 0 || b < 0 || g < 0 || Math.abs(from - to) > 0.1 * Math.max(from, to)) {
      const admittance = { ...(g !== 0 && { g1S: g }), ...(b !== 0 && { b1S: b }) };
      // A line does not transform: its ends have one rated voltage, whatever the nodes are called.
      const rating = { ratedVoltageFromV: to, ratedVoltageToV: to };
      model.draft.add('generalBranches', { ...common, r1Ohm: r, x1Ohm: x, ...admittance, ...rating, ...rated }, origin);
      continue;
    }
    const km = lengthOf(line, context);
    const perFarad = 1 / (2 * Math.PI * frequencyHz * km);
    const element: Line = {
      ...common,
      lengthM: km * 1000,
      r1OhmPerKm: r / km,
      x1OhmPerKm: x / km,
      ...(b > 0 && { c1FPerKm: b * perFarad }),
      ...(g > 0 && { g1SPerKm: g / km }),
      ...zeroSequence(line, km, perFarad),
      ...rated,
    };
    model.draft.add('lines', element, origin);
  }
}

function lengthOf({ fields, origin }: CimObject, { model }: Context): number {
  const km = fields.optional('Conductor.length', { above: 0, atMost: 5000, hint: 'kilometres: is it m for km?' });
  if (km !== undefined) return km;
  model.draft.assume('no length given: such lines are written with 1 km', origin);
  return 1;
}

function zeroSequence({ fields }: CimObject, km: number, perFarad: number): Partial<Line> {
  const [r0, x0] = [fields.optional('ACLineSegment.r0'), fields.optional('ACLineSegment.x0')];
  if (r0 === undefined || x0 === undefined || r0 < 0 || (r0 === 0 && x0 === 0)) return {};
  const b0 = Math.max(0, fields.numberOr('ACLineSegment.b0ch', 0));
  const g0 = Math.max(0, fields.numberOr('ACLineSegment.g0ch', 0));
  return {
    r0OhmPerKm: r0 / km,
    x0OhmPerKm: x0 / km,
    c0FPerKm: b0 * perFarad,
    ...(g0 > 0 && { g0SPerKm: g0 / km }),
  };
}

/** The smallest permanent current limit of the equipment or its terminals; zero stands for none. */
function currentLimit({ model }: Context, equipment: CimObject): { ratedCurrentA?: number } {
  const terminals = model.referring(equipment, 'Terminal.ConductingEquipment');
  const sets = new Set([
    ...model.referring(equipment, 'OperationalLimitSet.Equipment'),
    ...terminals.flatMap((terminal) => model.referring(terminal, 'OperationalLimitSet.Terminal')),
  ]);
  const amperes = [...sets]
    .flatMap((set) => model.referring(set, 'OperationalLimit.OperationalLimitSet'))
    .filter((limit) => limit.className === 'CurrentLimit' && isPermanent(model, limit))
    .flatMap(({ fields }) => fields.optional('CurrentLimit.normalValue') ?? fields.optional('CurrentLimit.value') ?? [])
    .filter((value) => value > 0);
  return amperes.length === 0 ? {} : { ratedCurrentA: Math.min(...amperes) };
}

function isPermanent(model: CimModel, limit: CimObject): boolean {
  const type = model.target(limit, 'OperationalLimit.OperationalLimitType');
  if (type === undefined) return true;
  const kind = ['OperationalLimitType.limitType', 'OperationalLimitType.kind'].map((key) => model.choice(type, key));
  return (
    kind.includes('patl') ||
    /patl/i.test(type.name ?? '') ||
    type.fields.flag('OperationalLimitType.isInfiniteDuration', false)
  );
}

export function addSeriesBranches(context: Context): void {
  const { model, topology } = context;
  for (const branch of model.of('SeriesCompensator', 'EquivalentBranch')) {
    const ends = twoEnds(context, branch);
    if (ends === undefined) continue;
    const { fields, origin, className } = branch;
    const [r, x] = [fields.number(`${className}.r`), fields.number(`${className}.x`)];
    if (className === 'EquivalentBranch') {
      const [r21, x21] = [fields.numberOr('EquivalentBranch.r21', r), fields.numberOr('EquivalentBranch.x21', x)];
      if (r21 !== r || x21 !== x)
        fields.note('EquivalentBranch.r21', 'impedances that differ by direction: both directions take the first');
    }
    if (r === 0 && x === 0)
      fields.fault(`${className}.x`, `${className} "${branch.id}" has no impedance`, 'use a closed switch');
    const common = endFields(context, ends, branch.id, inServiceOf(context, branch));
    if (common.from === common.to) {
      model.draft.note('branches with both ends at one node not carried over', origin);
      continue;
    }
    const rating = topology.nominalVoltageV(common.to);
    const rated = { ratedVoltageFromV: rating, ratedVoltageToV: rating };
    model.draft.add('generalBranches', { ...common, r1Ohm: r, x1Ohm: x, ...rated }, origin);
  }
}

const switchClasses = [
  'Switch',
  'Breaker',
  'Disconnector',
  'LoadBreakSwitch',
  'ProtectedSwitch',
  'Fuse',
  'Jumper',
  'Sectionaliser',
  'Recloser',
  'DisconnectingCircuitBreaker',
  'Cut',
];

/** Switches between two nodes; within one topological node they are closed and gone already. */
export function addSwitches(context: Context): void {
  const { model } = context;
  for (const item of model.of(...switchClasses)) {
    const [from, to] = context.topology.ends(item);
    if (from === undefined || to === undefined || from.bus === to.bus) continue;
    const { fields, origin } = item;
    const open = fields.flag('Switch.open', fields.flag('Switch.normalOpen', false));
    const closed = !open && from.connected && to.connected && inServiceOf(context, item);
    model.draft.add('switches', { id: item.id, from: from.bus, to: to.bus, closed }, origin);
    if (!closed) continue;
    context.nodes.join(from.bus, to.bus);
    context.islands.join(from.bus, to.bus);
  }
}
