/** Lines, transformers, impedances and switches of a pandapower net in the native form. */
import type { GridDraft } from '../draft.ts';
import type { Fields } from '../fields.ts';
import type { PandapowerFile, Row } from './frames.ts';
import { equivalentFields, magnetisingUnitOf, transformerFields, type TapTable } from './transformer.ts';

/** What the mapping of every table needs. */
export interface Context {
  readonly file: PandapowerFile;
  readonly draft: GridDraft;
  /** Three phases with unbalance, or the positive sequence alone. */
  readonly three: boolean;
  readonly frequencyHz: number;
  /** Nominal line-to-line voltage by bus, V. */
  readonly nominalVoltageV: ReadonlyMap<string, number>;
}

/** Terminals of branches that an open switch parts from their bus: `l:3:12` is line 3 at bus 12. */
export type OpenEnds = ReadonlySet<string>;

/** pandapower's `switch_rx_ratio`: R/X of a switch that has an impedance. */
const SWITCH_RX = 2;

/** Bus-bus switches as switches, those with an impedance as branches; returns the open ends of other branches. */
export function addSwitches({ file, draft }: Context, onClosed: (from: string, to: string) => void): OpenEnds {
  const open = new Set<string>();
  for (const { index, fields } of file.table('switch').rows) {
    const [bus, element] = [fields.reference('bus'), fields.reference('element')];
    const closed = fields.flag('closed', true);
    const et = fields.text('et');
    if (et === 'l' || et === 't' || et === 't3') {
      if (!closed) open.add(`${et}:${element}:${bus}`);
      checkSwitchEnd(file, et, element, bus, fields);
    } else if (et === 'b') {
      const ohm = fields.numberOr('z_ohm', 0, { atLeast: 0 });
      const ends = { id: `switch-${index}`, from: bus, to: element };
      if (ohm > 0) {
        const x1Ohm = ohm / Math.hypot(1, SWITCH_RX);
        draft.add('generalBranches', { ...ends, r1Ohm: SWITCH_RX * x1Ohm, x1Ohm, inService: closed }, fields.origin);
      } else {
        draft.add('switches', { ...ends, closed }, fields.origin);
        if (closed) onClosed(bus, element);
      }
    } else fields.fault('et', `et of switch ${index} must be b, l, t or t3, found ${JSON.stringify(et ?? null)}`);
  }
  return open;
}

const switchTables = { l: 'line', t: 'trafo', t3: 'trafo3w' } as const;
const switchSides = {
  l: ['from_bus', 'to_bus'],
  t: ['hv_bus', 'lv_bus'],
  t3: ['hv_bus', 'mv_bus', 'lv_bus'],
} as const;

/** A switch at a branch stands at one of its ends. */
function checkSwitchEnd(
  file: PandapowerFile,
  et: 'l' | 't' | 't3',
  element: string,
  bus: string,
  fields: Fields,
): void {
  const table = switchTables[et];
  const branch = file.row(table, element);
  if (branch === undefined)
    return fields.fault('element', `the switch stands at ${table} ${element}, which does not exist`);
  const ends = switchSides[et].map((side) => branch.fields.reference(side));
  if (ends.includes(bus)) return;
  fields.fault(
    'bus',
    `the switch stands between bus ${bus} and ${table} ${element}, which ends at ${ends.join(' and ')}`,
  );
}

export function addLines(context: Context, open: OpenEnds): void {
  const loose = hasLooseEnds(context);
  for (const { index, fields } of context.file.table('line').rows) {
    const [from, to] = [fields.reference('from_bus'), fields.reference('to_bus')];
    const lengthKm = fields.number('length_km', { above: 0, atMost: 5000, hint: 'kilometres: is it m for km?' });
    const parallel = fields.numberOr('parallel', 1, { atLeast: 1 });
    const derating = fields.numberOr('df', 1, { above: 0 });
    const rated = fields.optional('max_i_ka', { atLeast: 0 });
    const [r, x] = [fields.number('r_ohm_per_km'), fields.number('x_ohm_per_km')];
    const [c, g] = [fields.numberOr('c_nf_per_km', 0) * 1e-9, fields.numberOr('g_us_per_km', 0) * 1e-6];
    if (r === 0 && x === 0)
      fields.fault('x_ohm_per_km', `line ${index} has no series impedance`, 'use a bus-bus switch');
    const inService = fields.flag('in_service', true);
    const closed = { from: !open.has(`l:${index}:${from}`), to: !open.has(`l:${index}:${to}`) };
    const oneOpen = inService && closed.from !== closed.to;
    const ends = {
      id: `line-${index}`,
      ...(loose && oneOpen
        ? looseEnd(context, fields, index, { from, to }, closed.from ? 'to' : 'from')
        : { from, to, ...(!closed.from && { fromClosed: false }), ...(!closed.to && { toClosed: false }) }),
      ...(rated !== undefined && rated > 0 && { ratedCurrentA: rated * 1000 * derating }),
      ...(!inService && { inService }),
    };
    if (r < 0 || c < 0 || g < 0) {
      // No line of this world, but the end of a network reduction.
      const km = lengthKm / parallel;
      const shunt = { g1S: g * lengthKm * parallel, b1S: 2 * Math.PI * context.frequencyHz * c * lengthKm * parallel };
      context.draft.add('generalBranches', { ...ends, r1Ohm: r * km, x1Ohm: x * km, ...shunt }, fields.origin);
      continue;
    }
    context.draft.add(
      'lines',
      {
        ...ends,
        lengthM: lengthKm * 1000,
        r1OhmPerKm: r,
        x1OhmPerKm: x,
        ...(c > 0 && { c1FPerKm: c }),
        ...(g > 0 && { g1SPerKm: g }),
        ...zeroSequenceOfLine(fields),
        ...(parallel !== 1 && { parallel }),
      },
      fields.origin,
    );
  }
}

/** Files with measurements, written by pandapower 2. */
function hasLooseEnds({ file }: Context): boolean {
  const version = file.values.get('version');
  return typeof version === 'string' && version.startsWith('2.') && file.table('measurement').rows.length > 0;
}

/**
 * The estimator of pandapower 2 keeps the open end of a line as a node of its own and knows of its zero injection no
 * more than a pseudo-measurement with a sigma of `sn_mva` (since version 3 with 1e-6 of that). Estimates agree with
 * those of the version that wrote the file only with the same loose end; a power flow is not touched by it.
 */
function looseEnd(
  { file, draft, nominalVoltageV }: Context,
  fields: Fields,
  index: string,
  ends: { readonly from: string; readonly to: string },
  end: 'from' | 'to',
): { from: string; to: string } {
  const id = `line-${index}-open`;
  const base = file.values.get('sn_mva');
  const sigma = (typeof base === 'number' && base > 0 ? base : 1) * 1e6;
  fields.note(
    end,
    'open ends of lines are nodes whose zero injection has a sigma of sn_mva, as the estimator of pandapower 2 has them',
  );
  draft.add('buses', { id, nominalVoltageV: nominalVoltageV.get(ends[end]) ?? Number.NaN }, fields.origin);
  for (const [kind, letter] of [
    ['activePower', 'p'],
    ['reactivePower', 'q'],
  ] as const) {
    draft.measure({ id: `${id}-${letter}`, kind, at: `bus:${id}`, value: 0, sigma }, fields.origin);
  }
  return { ...ends, [end]: id };
}

function zeroSequenceOfLine(fields: Fields) {
  if (!fields.has('r0_ohm_per_km') || !fields.has('x0_ohm_per_km')) return {};
  return {
    r0OhmPerKm: fields.number('r0_ohm_per_km', { atLeast: 0 }),
    x0OhmPerKm: fields.number('x0_ohm_per_km'),
    c0FPerKm: fields.numberOr('c0_nf_per_km', 0, { atLeast: 0 }) * 1e-9,
    ...(fields.has('g0_us_per_km') && { g0SPerKm: fields.number('g0_us_per_km', { atLeast: 0 }) * 1e-6 }),
  };
}

export function addTransformers(context: Context, open: OpenEnds): void {
  const tapTable = readTapTable(context);
  const magnetisingUnit = magnetisingUnitOf(context.file.values.get('version'));
  for (const { index, fields } of context.file.table('trafo').rows) {
    const [from, to] = [fields.reference('hv_bus'), fields.reference('lv_bus')];
    const parallel = fields.numberOr('parallel', 1, { atLeast: 1 });
    if (fields.numberOr('df', 1) !== 1) fields.note('df', 'derating of transformers not carried over');
    const common = {
      id: `trafo-${index}`,
      from,
      to,
      ...(open.has(`t:${index}:${from}`) && { fromClosed: false }),
      ...(open.has(`t:${index}:${to}`) && { toClosed: false }),
      ...(!fields.flag('in_service', true) && { inService: false }),
    };
    if (fields.numberOr('vk_percent', 0) < 0) {
      fields.note('vk_percent', 'transformers of negative short-circuit voltage are written as general branches');
      context.draft.add('generalBranches', { ...common, ...equivalentFields(fields, parallel) }, fields.origin);
      continue;
    }
    const unit = transformerFields(fields, context.three, tapTable, magnetisingUnit);
    context.draft.add('transformers', { ...common, ...unit, ...(parallel !== 1 && { parallel }) }, fields.origin);
  }
}

/** Rows of `trafo_characteristic_table`, by characteristic and step. */
function readTapTable({ file }: Context): TapTable {
  const rows = new Map<string, Row>();
  for (const row of file.table('trafo_characteristic_table').rows) {
    rows.set(`${row.fields.number('id_characteristic')}:${row.fields.number('step')}`, row);
  }
  return (characteristic, step) => rows.get(`${characteristic}:${step}`)?.fields;
}

/** Impedances between buses: per unit on their own power and the nominal voltages. */
export function addImpedances({ file, draft, nominalVoltageV }: Context): void {
  for (const { index, fields } of file.table('impedance').rows) {
    const [from, to] = [fields.reference('from_bus'), fields.reference('to_bus')];
    const base = (nominalVoltageV.get(to) ?? Number.NaN) ** 2 / (fields.number('sn_mva', { above: 0 }) * 1e6);
    const pair = (key: string): number => {
      const [forth, back] = [fields.number(`${key}ft_pu`), fields.number(`${key}tf_pu`)];
      if (forth !== back)
        fields.note(`${key}tf_pu`, 'impedances that differ by direction: both directions take the first');
      return forth;
    };
    const shunt = (key: 'g' | 'b'): number => fields.numberOr(`${key}f_pu`, 0) + fields.numberOr(`${key}t_pu`, 0);
    if (
      fields.numberOr('gf_pu', 0) !== fields.numberOr('gt_pu', 0) ||
      fields.numberOr('bf_pu', 0) !== fields.numberOr('bt_pu', 0)
    ) {
      fields.note('bf_pu', 'shunts of an impedance that differ at its ends: each end takes half of their sum');
    }
    const [r, x] = [pair('r'), pair('x')];
    if (r === 0 && x === 0) fields.fault('xft_pu', `impedance ${index} is zero`, 'use a bus-bus switch');
    const [g, b] = [shunt('g'), shunt('b')];
    draft.add(
      'generalBranches',
      {
        id: `impedance-${index}`,
        from,
        to,
        r1Ohm: r * base,
        x1Ohm: x * base,
        ...(g !== 0 && { g1S: g / base }),
        ...(b !== 0 && { b1S: b / base }),
        ...(!fields.flag('in_service', true) && { inService: false }),
      },
      fields.origin,
    );
  }
}
