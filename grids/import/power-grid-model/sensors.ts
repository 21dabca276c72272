/**
 * The sensors of power-grid-model in the native form. A symmetric voltage is line to line, an asymmetric one phase to
 * ground; a symmetric power is the sum of three phases. Loads and shunts count consumption, sources and generators
 * production, branches what flows into them, nodes what is injected (power-grid-model, "Measured terminal type").
 */
import type { Origin } from '../draft.ts';
import type { Fields } from '../fields.ts';
import type { ImportedMeasurement } from '../imported-grid.ts';
import type { Component } from './components.ts';
import type { Context } from './branches.ts';

type Phase = 'A' | 'B' | 'C';
const PHASES: readonly Phase[] = ['A', 'B', 'C'];
const TURN = (2 * Math.PI) / 3;

/** So uncertain that it says nothing, and that its square leaves the range of numbers. */
const ABSENT_SIGMA = 1e100;

/** A value, of the three phases together or of each. */
type Reading = number | readonly [number, number, number];

export function addSensors(context: Context): void {
  for (const kind of ['sym_voltage_sensor', 'asym_voltage_sensor'] as const) {
    for (const sensor of context.components.of(kind)) addVoltage(context, sensor);
  }
  const present = appliancesByNode(context);
  const appliances: AppliancePower[] = [];
  for (const kind of ['sym_power_sensor', 'asym_power_sensor'] as const) {
    for (const sensor of context.components.of(kind)) {
      const power = readPower(context, sensor);
      if (power !== undefined && place(context, sensor, power, { aside: appliances, present }))
        addPower(context, sensor.id, power, sensor.fields.origin);
    }
  }
  addInjections(context, appliances, present);
  for (const kind of ['sym_current_sensor', 'asym_current_sensor'] as const) {
    for (const sensor of context.components.of(kind)) addCurrent(context, sensor);
  }
}

/** A finite sigma above zero, or undefined for a measurement that says nothing. NaN after a fault was told. */
function sigmaOf(fields: Fields, key: string): number | undefined {
  const sigma = fields.limit(key);
  if (sigma === undefined && fields.has(key)) return undefined;
  const value = fields.number(key, { above: 0, hint: 'a standard deviation is greater than 0' });
  if (value < ABSENT_SIGMA || Number.isNaN(value)) return value;
  fields.note(key, 'measurements without weight (infinite sigma) left out');
  return undefined;
}

/** One measurement for each phase of a three-phase grid, or one. */
function measure(
  { draft, three }: Pick<Context, 'draft' | 'three'>,
  id: string,
  kind: ImportedMeasurement['kind'],
  at: string,
  reading: Reading,
  sigma: number,
  origin: Origin,
): void {
  const base = { kind, at, sigma };
  if (typeof reading === 'number') draft.measure({ id, ...base, value: reading }, origin);
  else if (three)
    PHASES.forEach((phase, k) => draft.measure({ id: `${id}-${phase}`, ...base, phase, value: reading[k]! }, origin));
}

function addVoltage(context: Context, { id, kind, fields }: Component): void {
  const node = fields.reference('measured_object');
  if (context.components.byId(node)?.kind !== 'node') {
    fields.fault('measured_object', `${kind} ${id} measures ${node}, which is no node`);
    return;
  }
  const sigma = sigmaOf(fields, 'u_sigma');
  const asymmetric = kind.startsWith('asym');
  const magnitudes: Reading = asymmetric ? fields.triple('u_measured') : fields.number('u_measured', { above: 0 });
  if (sigma === undefined) return;
  const at = `bus:${node}`;
  const origin = fields.origin;
  const rated = context.components.byId(node)!.fields.number('u_rated') / Math.sqrt(3);
  const phaseSigma = asymmetric ? sigma : sigma / Math.sqrt(3);
  // The error of a phasor is as large across as along: over the rated voltage that is its angle.
  const angleSigma = phaseSigma / rated;
  const hasAngle = fields.has('u_angle_measured');
  const angles: Reading | undefined = !hasAngle
    ? undefined
    : asymmetric
      ? fields.triple('u_angle_measured')
      : fields.number('u_angle_measured');
  if (context.three) {
    const u = typeof magnitudes === 'number' ? PHASES.map(() => magnitudes / Math.sqrt(3)) : magnitudes;
    measure(context, id, 'voltageMagnitude', at, triple(u), phaseSigma, origin);
    if (angles === undefined) return;
    const turned = typeof angles === 'number' ? PHASES.map((_, k) => angles - k * TURN) : angles;
    measure(context, `${id}-angle`, 'voltageAngle', at, triple(turned), angleSigma, origin);
    return;
  }
  if (typeof magnitudes === 'number') {
    measure(context, id, 'voltageMagnitude', at, magnitudes / Math.sqrt(3), phaseSigma, origin);
    if (typeof angles === 'number') measure(context, `${id}-angle`, 'voltageAngle', at, angles, angleSigma, origin);
    return;
  }
  // The positive sequence of three phases; without angles they are taken to be a third of a turn apart.
  const phasor = [0, 0];
  magnitudes.forEach((u, k) => {
    const angle = typeof angles === 'object' ? angles[k]! + k * TURN : 0;
    phasor[0]! += (u * Math.cos(angle)) / 3;
    phasor[1]! += (u * Math.sin(angle)) / 3;
  });
  const share = 1 / Math.sqrt(3);
  measure(context, id, 'voltageMagnitude', at, Math.hypot(phasor[0]!, phasor[1]!), phaseSigma * share, origin);
  if (hasAngle)
    measure(context, `${id}-angle`, 'voltageAngle', at, Math.atan2(phasor[1]!, phasor[0]!), angleSigma * share, origin);
}

function triple(values: readonly number[]): readonly [number, number, number] {
  return [values[0]!, values[1]!, values[2]!];
}

interface Power {
  /** `bus:<id>` or `branch:<id>:<end>`. */
  at: string;
  readonly p: Reading;
  readonly q: Reading;
  /** Of what `p` and `q` hold; undefined where that part has no weight. */
  readonly pSigma: number | undefined;
  readonly qSigma: number | undefined;
}

/** Power and sigma as they stand, in the form that the grid computes with. */
function readPower(context: Context, { kind, fields }: Component): Power | undefined {
  const asymmetric = kind.startsWith('asym');
  const reading = (key: string): Reading => (asymmetric ? fields.triple(key) : fields.number(key));
  const [p, q] = [reading('p_measured'), reading('q_measured')];
  // power_sigma is that of the complex power: its two parts have half of the variance each.
  const both = fields.has('power_sigma') ? sigmaOf(fields, 'power_sigma') : undefined;
  const part = (key: string): number | undefined => {
    if (fields.has(key))
      return asymmetric && Array.isArray(fields.raw(key)) ? Math.max(...fields.triple(key)) : sigmaOf(fields, key);
    if (!fields.has('power_sigma')) fields.fault('power_sigma', `power_sigma or ${key} is missing`);
    return both === undefined ? undefined : both / Math.SQRT2;
  };
  const [pSigma, qSigma] = [part('p_sigma'), part('q_sigma')];
  if (pSigma === undefined && qSigma === undefined) return undefined;
  const power: Power = { at: '', p, q, pSigma, qSigma };
  if (asymmetric === context.three) return power;
  return asymmetric ? summed(power) : thirds(power);
}

/** Three phases as their sum; independent errors add up by their squares. */
function summed({ at, p, q, pSigma, qSigma }: Power): Power {
  const sum = (reading: Reading): number =>
    typeof reading === 'number' ? reading : reading[0] + reading[1] + reading[2];
  const wider = (sigma: number | undefined) => (sigma === undefined ? undefined : sigma * Math.sqrt(3));
  return { at, p: sum(p), q: sum(q), pSigma: wider(pSigma), qSigma: wider(qSigma) };
}

/** The power of three phases as power-grid-model takes it in an asymmetric calculation: a third in each. */
function thirds({ at, p, q, pSigma, qSigma }: Power): Power {
  const third = (reading: Reading): Reading =>
    typeof reading === 'number' ? triple(PHASES.map(() => reading / 3)) : reading;
  const narrower = (sigma: number | undefined) => (sigma === undefined ? undefined : sigma / 3);
  return { at, p: third(p), q: third(q), pSigma: narrower(pSigma), qSigma: narrower(qSigma) };
}

interface AppliancePower {
  readonly sensor: Component;
  readonly appliance: Component;
  readonly node: string;
  readonly power: Power;
  /** 1 for what produces, -1 for what consumes. */
  readonly sign: 1 | -1;
}

const branchEnds: Readonly<Record<number, 'from' | 'to'>> = { 0: 'from', 1: 'to' };
const legs: Readonly<Record<number, string>> = { 6: 'high', 7: 'medium', 8: 'low' };
/** Kinds of appliances by `MeasuredTerminalType`, and whether they count what they produce. */
const appliances: Readonly<Record<number, readonly [kinds: RegExp, sign: 1 | -1]>> = {
  2: [/^source$/, 1],
  4: [/^a?sym_load$/, -1],
  5: [/^a?sym_gen$/, 1],
};
const NODE = 9;
const SHUNT = 3;

/** Gives the measurement its place; false where it is put aside with the appliances of a node, or left out. */
function place(
  { components, draft }: Context,
  sensor: Component,
  power: Power,
  { aside, present }: { aside: AppliancePower[]; readonly present: ReadonlyMap<string, ReadonlySet<string>> },
): boolean {
  const { fields, id } = sensor;
  const object = fields.reference('measured_object');
  const measured = components.byId(object);
  const type = fields.number('measured_terminal_type');
  if (measured === undefined) {
    fields.fault('measured_object', `sensor ${id} measures ${object}, which does not exist`);
    return false;
  }
  const wrong = (): false => {
    fields.fault('measured_terminal_type', `measured_terminal_type ${type} does not fit ${measured.kind} ${object}`);
    return false;
  };
  if (type === 0 || type === 1) {
    if (measured.kind === 'link') {
      draft.note('power flows through links left out: a link is a switch without impedance', fields.origin);
      return false;
    }
    if (!/^(line|asym_line|transformer|generic_branch)$/.test(measured.kind)) return wrong();
    power.at = `branch:${object}:${branchEnds[type]!}`;
    return true;
  }
  if (type >= 6 && type <= 8) {
    if (measured.kind !== 'three_winding_transformer') return wrong();
    power.at = `branch:${object}:${legs[type]!}:from`;
    return true;
  }
  if (type === NODE) {
    if (measured.kind !== 'node') return wrong();
    if (!present.has(object)) {
      draft.note('injections of nodes without appliances left out: they are zero', fields.origin);
      return false;
    }
    power.at = `bus:${object}`;
    return true;
  }
  if (type === SHUNT) {
    if (measured.kind !== 'shunt') return wrong();
    draft.note('powers of shunts left out: they follow from the voltage', fields.origin);
    return false;
  }
  const found = appliances[type];
  if (found === undefined || !found[0].test(measured.kind)) return wrong();
  aside.push({ sensor, appliance: measured, node: measured.fields.reference('node'), power, sign: found[1] });
  return false;
}

const applianceKinds = ['source', 'sym_load', 'asym_load', 'sym_gen', 'asym_gen'] as const;

/** Ids of the appliances in service, by node. */
function appliancesByNode({ components }: Context): ReadonlyMap<string, ReadonlySet<string>> {
  const present = new Map<string, Set<string>>();
  for (const kind of applianceKinds) {
    for (const { id, fields } of components.of(kind)) {
      if (!fields.flag('status', true)) continue;
      const node = fields.reference('node');
      const at = present.get(node) ?? new Set<string>();
      present.set(node, at.add(id));
    }
  }
  return present;
}

function addPower(context: Context, id: string, { at, p, q, pSigma, qSigma }: Power, origin: Origin): void {
  if (pSigma !== undefined) measure(context, `${id}-p`, 'activePower', at, p, pSigma, origin);
  if (qSigma !== undefined) measure(context, `${id}-q`, 'reactivePower', at, q, qSigma, origin);
}

/**
 * The native form knows the injection of a bus: the powers of its appliances together. It is known where each appliance
 * in service is measured; redundant sensors of one appliance are averaged by their weights.
 */
function addInjections(
  context: Context,
  all: readonly AppliancePower[],
  present: ReadonlyMap<string, ReadonlySet<string>>,
): void {
  const { draft } = context;
  const byNode = new Map<string, AppliancePower[]>();
  for (const one of all) {
    const at = byNode.get(one.node);
    if (at === undefined) byNode.set(one.node, [one]);
    else at.push(one);
  }
  for (const [node, measured] of byNode) {
    // What is out of service injects nothing, whatever a sensor says.
    const live = measured.filter(({ appliance }) => present.get(node)?.has(appliance.id) === true);
    const known = new Set(live.map(({ appliance }) => appliance.id));
    const missing = [...(present.get(node) ?? [])].filter((id) => !known.has(id));
    if (live.length === 0) continue;
    if (missing.length > 0) {
      for (const { sensor } of live) {
        draft.note('powers of appliances left out where another one at the node is not measured', sensor.fields.origin);
      }
      continue;
    }
    const at = `bus:${node}`;
    const id = live.map(({ sensor }) => sensor.id).join('+');
    const origin = live[0]!.sensor.fields.origin;
    for (const [part, kind] of [
      ['p', 'activePower'],
      ['q', 'reactivePower'],
    ] as const) {
      const total = totalOf(live, part);
      if (total !== undefined) measure(context, `${id}-${part}`, kind, at, total.value, total.sigma, origin);
    }
  }
}

/** Sum over the appliances of the weighted means of their sensors; undefined where one of them has no weight. */
function totalOf(live: readonly AppliancePower[], part: 'p' | 'q'): { value: Reading; sigma: number } | undefined {
  const byAppliance = new Map<string, AppliancePower[]>();
  for (const one of live) byAppliance.set(one.appliance.id, [...(byAppliance.get(one.appliance.id) ?? []), one]);
  const value = [0, 0, 0];
  let variance = 0;
  for (const sensors of byAppliance.values()) {
    let weights = 0;
    const mean = [0, 0, 0];
    for (const { power, sign } of sensors) {
      const reading = power[part];
      const sigma = part === 'p' ? power.pSigma : power.qSigma;
      if (sigma === undefined) continue;
      const weight = 1 / sigma ** 2;
      weights += weight;
      for (let k = 0; k < 3; k++) mean[k]! += sign * weight * (typeof reading === 'number' ? reading : reading[k]!);
    }
    if (weights === 0) return undefined;
    for (let k = 0; k < 3; k++) value[k]! += mean[k]! / weights;
    variance += 1 / weights;
  }
  const perPhase = typeof live[0]!.power[part] !== 'number';
  return { value: perPhase ? triple(value) : value[0]!, sigma: Math.sqrt(variance) };
}

function addCurrent(context: Context, { id, kind, fields }: Component): void {
  const object = fields.reference('measured_object');
  const measured = context.components.byId(object);
  const type = fields.number('measured_terminal_type');
  const end = legs[type] === undefined ? branchEnds[type] : `${legs[type]}:from`;
  const branch = /^(line|asym_line|transformer|generic_branch|three_winding_transformer)$/.test(measured?.kind ?? '');
  if (end === undefined || !branch) {
    fields.fault('measured_object', `${kind} ${id} measures ${object}, which is no end of a branch`);
    return;
  }
  const asymmetric = kind.startsWith('asym');
  const reading = (key: string): Reading => (asymmetric ? fields.triple(key) : fields.number(key));
  const at = `branch:${object}:${end}`;
  const sigma = sigmaOf(fields, 'i_sigma');
  const magnitude = reading('i_measured');
  const each = (values: Reading, turn: number): Reading =>
    typeof values === 'number' && context.three ? triple(PHASES.map((_, k) => values - k * turn)) : values;
  if (asymmetric && !context.three) {
    fields.note('i_measured', 'currents per phase left out of a positive-sequence grid');
    return;
  }
  if (sigma !== undefined) measure(context, id, 'currentMagnitude', at, each(magnitude, 0), sigma, fields.origin);
  if (!fields.has('i_angle_measured')) return;
  if (fields.numberOr('angle_measurement_type', 0) !== 1) {
    fields.note('i_angle_measured', 'current angles against the local voltage left out');
    return;
  }
  const angleSigma = sigmaOf(fields, 'i_angle_sigma');
  if (angleSigma === undefined) return;
  measure(
    context,
    `${id}-angle`,
    'currentAngle',
    at,
    each(reading('i_angle_measured'), TURN),
    angleSigma,
    fields.origin,
  );
}
