/** Sources, loads, generators and shunts of power-grid-model in the native form: loads consume, generators produce. */
import type { GridDocumentInput } from '../../schema.ts';
import type { Fields } from '../fields.ts';
import type { Context } from './branches.ts';

type Power = number | { A: number; B: number; C: number };
type Shares = NonNullable<NonNullable<GridDocumentInput['loads']>[number]['zip']>;

/** Defaults of power-grid-model's source. */
const SOURCE = { sk: 1e10, rx: 0.1, z01: 1 };

const outOfService = (fields: Fields): { inService: false } | false =>
  fields.flag('status', true) ? false : { inService: false };

export function addSources({ components, draft }: Context): void {
  for (const { id, fields } of components.of('source')) {
    draft.add(
      'externalGrids',
      {
        id,
        bus: fields.reference('node'),
        voltagePu: fields.numberOr('u_ref', 1, { above: 0, atMost: 5, hint: 'per unit: is it V?' }),
        angleDeg: (fields.numberOr('u_ref_angle', 0) * 180) / Math.PI,
        shortCircuitPowerVA: fields.numberOr('sk', SOURCE.sk, { above: 0 }),
        shortCircuitRX: fields.numberOr('rx_ratio', SOURCE.rx, { atLeast: 0 }),
        zeroSequenceRatio: fields.numberOr('z01_ratio', SOURCE.z01, { above: 0 }),
        ...outOfService(fields),
      },
      fields.origin,
    );
  }
}

/** `LoadGenType`: constant power, impedance or current. */
function zipOf(fields: Fields): { zip?: Shares } {
  const none = { constantImpedance: 0, constantCurrent: 0, constantPower: 0 };
  const type = fields.numberOr('type', 0);
  if (type === 1) return { zip: { ...none, constantImpedance: 1 } };
  if (type === 2) return { zip: { ...none, constantCurrent: 1 } };
  if (type !== 0) fields.note('type', 'loads and generators of an unknown type count as constant power');
  return {};
}

/** A power of three phases: the sum, or a list of three. */
function powerOf(fields: Fields, key: string, asymmetric: boolean, three: boolean): Power {
  if (!fields.has(key)) {
    fields.note(key, 'powers that are not specified count as 0');
    return 0;
  }
  if (!asymmetric) return fields.number(key);
  const [A, B, C] = fields.triple(key);
  if (!three && (A !== B || B !== C)) fields.note(key, 'unlike powers of the phases are written as their sum');
  return three ? { A, B, C } : A + B + C;
}

const negative = (power: Power): Power =>
  typeof power === 'number' ? 0 - power : { A: 0 - power.A, B: 0 - power.B, C: 0 - power.C };

export function addLoadsAndGenerators(context: Context): void {
  const { components, draft, three } = context;
  const controls = voltageControls(context);
  for (const kind of ['sym_load', 'asym_load', 'sym_gen', 'asym_gen'] as const) {
    for (const { id, fields } of components.of(kind)) {
      const asymmetric = kind.startsWith('asym');
      const power = (key: string): Power => powerOf(fields, key, asymmetric, three);
      const [activePowerW, reactivePowerVar] = [power('p_specified'), power('q_specified')];
      const control = controls.get(id);
      const common = { id, bus: fields.reference('node'), ...outOfService(fields) };
      if (kind.endsWith('gen')) {
        const voltageControl = control === undefined ? {} : { voltageControl: control };
        draft.add(
          'generators',
          { ...common, activePowerW, reactivePowerVar, ...zipOf(fields), ...voltageControl },
          fields.origin,
        );
      } else if (control === undefined) {
        draft.add('loads', { ...common, activePowerW, reactivePowerVar, ...zipOf(fields) }, fields.origin);
      } else {
        fields.note('node', 'loads that hold a voltage are written as generators of negative power');
        const powers = { activePowerW: negative(activePowerW), reactivePowerVar: negative(reactivePowerVar) };
        draft.add('generators', { ...common, ...powers, ...zipOf(fields), voltageControl: control }, fields.origin);
      }
    }
  }
}

type Control = NonNullable<NonNullable<GridDocumentInput['generators']>[number]['voltageControl']>;

/** Voltage regulators, by the load or generator that they regulate. */
function voltageControls({ components }: Context): ReadonlyMap<string, Control> {
  const controls = new Map<string, Control>();
  for (const { fields } of components.of('voltage_regulator')) {
    const appliance = fields.reference('regulated_object');
    const kind = components.byId(appliance)?.kind ?? '';
    if (!/^a?sym_(load|gen)$/.test(kind)) {
      fields.fault('regulated_object', `the regulator regulates ${appliance}, which is neither a load nor a generator`);
    }
    if (!fields.flag('status', true)) continue;
    const [min, max] = [fields.limit('q_min'), fields.limit('q_max')];
    controls.set(appliance, {
      voltagePu: fields.number('u_ref', { above: 0, atMost: 5 }),
      holds: 'each-phase',
      ...(min !== undefined && { minReactivePowerVar: min }),
      ...(max !== undefined && { maxReactivePowerVar: max }),
    });
  }
  return controls;
}

export function addShunts({ components, draft, three }: Context): void {
  for (const { id, fields } of components.of('shunt')) {
    const zero =
      three && fields.has('g0') && fields.has('b0') ? { g0S: fields.number('g0'), b0S: fields.number('b0') } : {};
    draft.add(
      'shunts',
      {
        id,
        bus: fields.reference('node'),
        g1S: fields.number('g1'),
        b1S: fields.number('b1'),
        ...zero,
        ...outOfService(fields),
      },
      fields.origin,
    );
  }
}
