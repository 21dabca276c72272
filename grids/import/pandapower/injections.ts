/**
 * Loads, generators, shunts and external grids of a pandapower net in the native form. pandapower: loads, motors, wards,
 * shunts and storages consume positive; sgen and gen produce positive.
 */
import type { GridDocumentInput } from '../../schema.ts';
import type { Fields } from '../fields.ts';
import type { Nodes } from '../nodes.ts';
import type { Context } from './branches.ts';

/** More than any element of any grid has, MW. */
const POWER = { atLeast: -1e5, atMost: 1e5, hint: 'MW and Mvar: is it W or kW?' };

/** IEC 60909 voltage factor that pandapower puts into the source impedance: z = 1.1 U^2 / S_sc. */
const C_MAX = 1.1;

function scaled(fields: Fields, key: string): number {
  return fields.number(key, POWER) * 1e6 * fields.numberOr('scaling', 1);
}

const outOfService = (fields: Fields): { inService: false } | false =>
  fields.flag('in_service', true) ? false : { inService: false };

type Load = NonNullable<GridDocumentInput['loads']>[number];
type Shares = NonNullable<Load['zip']>;

/** Shares of constant impedance and current: one pair in version 2, one for each of P and Q in version 3. */
function zipOf(fields: Fields): Pick<Load, 'zip' | 'zipReactive'> {
  const shares = (z: string, i: string): Shares => {
    const [impedance, current] = [fields.numberOr(z, 0) / 100, fields.numberOr(i, 0) / 100];
    return { constantImpedance: impedance, constantCurrent: current, constantPower: 1 - impedance - current };
  };
  if (!fields.knows('const_z_p_percent')) {
    const zip = shares('const_z_percent', 'const_i_percent');
    return zip.constantPower === 1 ? {} : { zip };
  }
  const zip = shares('const_z_p_percent', 'const_i_p_percent');
  const reactive = shares('const_z_q_percent', 'const_i_q_percent');
  const same = zip.constantImpedance === reactive.constantImpedance && zip.constantCurrent === reactive.constantCurrent;
  if (same && zip.constantPower === 1) return {};
  return same ? { zip } : { zip, zipReactive: reactive };
}

/** Powers of the three phases, or their sum where only the positive sequence is computed. */
function asymmetricPowers(fields: Fields, three: boolean): Pick<Load, 'activePowerW' | 'reactivePowerVar'> {
  const of = (quantity: 'p' | 'q') => {
    const unit = quantity === 'p' ? 'mw' : 'mvar';
    const [A, B, C] = ['a', 'b', 'c'].map((phase) => scaled(fields, `${quantity}_${phase}_${unit}`));
    return three ? { A: A!, B: B!, C: C! } : A! + B! + C!;
  };
  return { activePowerW: of('p'), reactivePowerVar: of('q') };
}

export function addLoads({ file, draft, three }: Context): void {
  for (const { index, fields } of file.table('load').rows) {
    const powers = { activePowerW: scaled(fields, 'p_mw'), reactivePowerVar: scaled(fields, 'q_mvar') };
    const connection = three && fields.text('type') === 'delta' ? ({ connection: 'delta' } as const) : {};
    const load = { id: `load-${index}`, bus: fields.reference('bus'), ...connection, ...powers, ...zipOf(fields) };
    draft.add('loads', { ...load, ...outOfService(fields) }, fields.origin);
  }
  for (const { index, fields } of file.table('asymmetric_load').rows) {
    if (!three)
      fields.note(
        'p_a_mw',
        'unbalanced loads are written as the sum of their phases: the zero sequence of the grid is not whole',
      );
    const connection = three && fields.text('type') === 'delta' ? ({ connection: 'delta' } as const) : {};
    const load = { id: `asymmetric-load-${index}`, bus: fields.reference('bus'), ...connection };
    draft.add('loads', { ...load, ...asymmetricPowers(fields, three), ...outOfService(fields) }, fields.origin);
  }
  for (const { index, fields } of file.table('motor').rows) {
    const mechanical = fields.number('pn_mech_mw', POWER) * 1e6 * (fields.numberOr('loading_percent', 100) / 100);
    const activePowerW =
      (mechanical * fields.numberOr('scaling', 1)) /
      (fields.number('efficiency_percent', { above: 0, atMost: 100 }) / 100);
    const cosPhi = fields.number('cos_phi', { above: 0, atMost: 1 });
    const powers = { activePowerW, reactivePowerVar: activePowerW * Math.sqrt(1 / cosPhi ** 2 - 1) };
    draft.add(
      'loads',
      { id: `motor-${index}`, bus: fields.reference('bus'), ...powers, ...outOfService(fields) },
      fields.origin,
    );
  }
  for (const { index, fields } of file.table('storage').rows) {
    fields.note(
      'p_mw',
      'storages are written as loads with their present power; energy and state of charge not carried over',
    );
    const powers = {
      activePowerW: scaled(fields, 'p_mw'),
      reactivePowerVar: fields.has('q_mvar') ? scaled(fields, 'q_mvar') : 0,
    };
    draft.add(
      'loads',
      { id: `storage-${index}`, bus: fields.reference('bus'), ...powers, ...outOfService(fields) },
      fields.origin,
    );
  }
}

export function addShunts({ file, draft }: Context): void {
  for (const { index, fields } of file.table('shunt').rows) {
    const steps = fields.numberOr('step', 1);
    const ratedVoltageV = fields.optional('vn_kv', { above: 0 });
    const element = {
      id: `shunt-${index}`,
      bus: fields.reference('bus'),
      activePowerW: fields.number('p_mw', POWER) * 1e6 * steps,
      reactivePowerVar: fields.number('q_mvar', POWER) * 1e6 * steps,
      ...(ratedVoltageV !== undefined && { ratedVoltageV: ratedVoltageV * 1000 }),
    };
    draft.add('shunts', { ...element, ...outOfService(fields) }, fields.origin);
  }
}

/** Wards: constant power and constant impedance; an extended one has a voltage source behind an impedance besides. */
export function addWards({ file, draft, nominalVoltageV }: Context): void {
  for (const table of ['ward', 'xward'] as const) {
    for (const { index, fields } of file.table(table).rows) {
      const [id, bus, state] = [`${table}-${index}`, fields.reference('bus'), outOfService(fields)];
      const [p, q] = [fields.number('ps_mw', POWER), fields.number('qs_mvar', POWER)];
      const [pz, qz] = [fields.number('pz_mw', POWER), fields.number('qz_mvar', POWER)];
      const constant = { activePowerW: p * 1e6, reactivePowerVar: q * 1e6 };
      draft.add('loads', { id, bus, ...constant, ...state }, fields.origin);
      if (pz !== 0 || qz !== 0) {
        draft.add('shunts', { id, bus, activePowerW: pz * 1e6, reactivePowerVar: qz * 1e6, ...state }, fields.origin);
      }
      if (table === 'ward') continue;
      fields.note('vm_pu', 'extended wards are written with an inner bus of their own');
      const voltage = nominalVoltageV.get(bus) ?? Number.NaN;
      const branch = { id, from: bus, to: id, r1Ohm: fields.number('r_ohm'), x1Ohm: fields.number('x_ohm') };
      draft.add('buses', { id, nominalVoltageV: voltage }, fields.origin);
      draft.add('generalBranches', { ...branch, ...state }, fields.origin);
      const control = { voltagePu: fields.number('vm_pu', { above: 0 }), enforceLimits: false };
      draft.add('generators', { id, bus: id, voltageControl: control, ...state }, fields.origin);
    }
  }
}

/** Stiff in the balanced calculation; behind the short-circuit impedance in negative and zero sequence otherwise. */
export function addExternalGrids({ file, draft, three }: Context, nodes: Nodes): void {
  for (const { index, fields } of file.table('ext_grid').rows) {
    const [bus, inService] = [fields.reference('bus'), fields.flag('in_service', true)];
    if (inService && !nodes.claim(bus)) {
      fields.note('bus', 'a second external grid at one node is left out: the first one holds the voltage');
      continue;
    }
    const short = fields.optional('s_sc_max_mva', { above: 0 });
    draft.add(
      'externalGrids',
      {
        id: `ext-grid-${index}`,
        bus,
        voltagePu: fields.numberOr('vm_pu', 1, { above: 0 }),
        angleDeg: fields.numberOr('va_degree', 0),
        ...(three &&
          short !== undefined && {
            shortCircuitPowerVA: (short * 1e6) / C_MAX,
            shortCircuitRX: fields.number('rx_max', { atLeast: 0 }),
            zeroSequenceRatio: fields.number('x0x_max', { above: 0 }),
            ...(fields.has('r0x0_max') && { zeroSequenceRX: fields.number('r0x0_max', { atLeast: 0 }) }),
            stiffPositiveSequence: true,
          }),
        ...(!inService && { inService }),
      },
      fields.origin,
    );
  }
}

const kinds: Readonly<Record<string, 'pv' | 'wind'>> = { pv: 'pv', wp: 'wind', wind: 'wind' };

export function addGenerators(context: Context, nodes: Nodes): void {
  const { file, draft, three } = context;
  for (const { index, fields } of file.table('gen').rows) {
    const [id, bus, inService] = [`gen-${index}`, fields.reference('bus'), fields.flag('in_service', true)];
    const voltagePu = fields.number('vm_pu', { above: 0 });
    const slack = fields.flag('slack', false);
    const element = { id, bus, activePowerW: scaled(fields, 'p_mw'), ...outOfService(fields) };
    if (inService && !nodes.claim(bus)) {
      fields.note(
        'bus',
        'generators beside another one that holds the voltage of their node produce no reactive power here',
      );
      draft.add('generators', element, fields.origin);
    } else if (slack) {
      draft.add('externalGrids', { id, bus, voltagePu, ...outOfService(fields) }, fields.origin);
    } else {
      const limits = reactiveLimits(fields, 'min_q_mvar', 'max_q_mvar');
      draft.add('generators', { ...element, voltageControl: { voltagePu, ...limits } }, fields.origin);
    }
  }
  for (const { index, fields } of file.table('sgen').rows) {
    const kind = kinds[(fields.text('type') ?? '').toLowerCase()];
    const rated = fields.optional('sn_mva');
    const element = {
      id: `sgen-${index}`,
      bus: fields.reference('bus'),
      ...(kind !== undefined && { kind }),
      activePowerW: scaled(fields, 'p_mw'),
      reactivePowerVar: fields.has('q_mvar') ? scaled(fields, 'q_mvar') : 0,
      ...(rated !== undefined && rated > 0 && { ratedPowerW: rated * 1e6 }),
    };
    draft.add('generators', { ...element, ...outOfService(fields) }, fields.origin);
  }
  for (const { index, fields } of file.table('asymmetric_sgen').rows) {
    if (!three)
      fields.note(
        'p_a_mw',
        'unbalanced generators are written as the sum of their phases: the zero sequence of the grid is not whole',
      );
    const element = {
      id: `asymmetric-sgen-${index}`,
      bus: fields.reference('bus'),
      ...asymmetricPowers(fields, three),
    };
    draft.add('generators', { ...element, ...outOfService(fields) }, fields.origin);
  }
  addDcLines(context, nodes);
}

/** pandapower does not keep the limits unless told to. */
function reactiveLimits(fields: Fields, min: string, max: string) {
  const [least, most] = [fields.optional(min), fields.optional(max)];
  return {
    ...(least !== undefined && { minReactivePowerVar: least * 1e6 }),
    ...(most !== undefined && { maxReactivePowerVar: most * 1e6 }),
    enforceLimits: false,
  };
}

/** A DC line takes power at one end and gives it, less its losses, at the other; both ends hold their voltage. */
function addDcLines({ file, draft }: Context, nodes: Nodes): void {
  for (const { index, fields } of file.table('dcline').rows) {
    const power = fields.number('p_mw', POWER);
    const received = Math.abs(power) * (1 - fields.numberOr('loss_percent', 0) / 100) - fields.numberOr('loss_mw', 0);
    const [from, to] = power > 0 ? [-power, received] : [received, power];
    for (const [end, megawatts] of [
      ['from', from],
      ['to', to],
    ] as const) {
      const bus = fields.reference(`${end}_bus`);
      const inService = fields.flag('in_service', true);
      const voltagePu = fields.number(`vm_${end}_pu`, { above: 0 });
      const limits = reactiveLimits(fields, `min_q_${end}_mvar`, `max_q_${end}_mvar`);
      const holds = !inService || nodes.claim(bus);
      draft.add(
        'generators',
        {
          id: `dcline-${index}-${end}`,
          bus,
          activePowerW: megawatts * 1e6,
          ...(holds && { voltageControl: { voltagePu, ...limits } }),
          ...(!inService && { inService }),
        },
        fields.origin,
      );
    }
  }
}
