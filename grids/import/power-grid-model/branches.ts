/** Lines, links, transformers and generic branches of power-grid-model in the native form. SI units throughout. */
import type { GridDocumentInput } from '../../schema.ts';
import type { GridDraft } from '../draft.ts';
import type { Fields } from '../fields.ts';
import type { Components } from './components.ts';
import { reducedMatrices } from './matrices.ts';

export interface Context {
  readonly components: Components;
  readonly draft: GridDraft;
  /** Three phases with unbalance, or the positive sequence alone. */
  readonly three: boolean;
}

/** power-grid-model gives impedances of whole lines and no lengths. */
const LENGTH_M = 1000;
/** Its default `system_frequency`. */
export const FREQUENCY_HZ = 50;
const OMEGA = 2 * Math.PI * FREQUENCY_HZ;

/** Ends and their switches; `inService` only where both are open. */
function endsOf(fields: Fields, id: string) {
  return {
    id,
    from: fields.reference('from_node'),
    to: fields.reference('to_node'),
    ...(!fields.flag('from_status', true) && { fromClosed: false }),
    ...(!fields.flag('to_status', true) && { toClosed: false }),
  };
}

export function addLines({ components, draft, three }: Context): void {
  for (const { id, fields } of components.of('line')) {
    const ends = endsOf(fields, id);
    const [c1, tan1] = [fields.numberOr('c1', 0), fields.numberOr('tan1', 0)];
    const [r1, x1] = [fields.number('r1'), fields.number('x1')];
    if (r1 === 0 && x1 === 0) fields.fault('x1', `line ${id} has no series impedance`, 'use a link');
    if (ends.from === ends.to && ends.from !== '') {
      addLoop(draft, fields, id, ends, OMEGA * c1 * tan1, OMEGA * c1);
      continue;
    }
    draft.assume('no lengths given: lines are written with 1 km', fields.origin);
    const rated = fields.optional('i_n');
    const zero =
      fields.has('r0') && fields.has('x0')
        ? { r0OhmPerKm: fields.number('r0'), x0OhmPerKm: fields.number('x0'), ...capacitance(fields, '0') }
        : {};
    if (three && !fields.has('r0'))
      fields.fault('r0', `line ${id} of a three-phase calculation needs r0, x0, c0 and tan0`);
    draft.add(
      'lines',
      {
        ...ends,
        lengthM: LENGTH_M,
        r1OhmPerKm: r1,
        x1OhmPerKm: x1,
        ...capacitance(fields, '1'),
        ...zero,
        ...(rated !== undefined && rated > 0 && { ratedCurrentA: rated }),
      },
      fields.origin,
    );
  }
}

/** Capacitance and the conductance that its loss tangent makes of it. */
function capacitance(fields: Fields, sequence: '0' | '1') {
  const c = fields.numberOr(`c${sequence}`, 0, { atLeast: 0 });
  const g = OMEGA * c * fields.numberOr(`tan${sequence}`, 0, { atLeast: 0 });
  if (sequence === '1') return { ...(c > 0 && { c1FPerKm: c }), ...(g > 0 && { g1SPerKm: g }) };
  return { c0FPerKm: c, ...(g > 0 && { g0SPerKm: g }) };
}

/** A line from a node to itself carries its charging only. */
function addLoop(
  draft: GridDraft,
  fields: Fields,
  id: string,
  ends: { from: string; fromClosed?: boolean; toClosed?: boolean },
  g1S: number,
  b1S: number,
): void {
  fields.note('to_node', 'lines from a node to itself are written as shunts of their charging');
  const closed = ends.fromClosed !== false && ends.toClosed !== false;
  if (closed) draft.add('shunts', { id: `line-${id}`, bus: ends.from, g1S, b1S }, fields.origin);
}

/** Lines by phase matrices; in a positive-sequence grid by the sequence impedance of the transposed line. */
export function addAsymmetricLines({ components, draft, three }: Context): void {
  for (const { id, fields } of components.of('asym_line')) {
    const ends = endsOf(fields, id);
    const rated = fields.optional('i_n');
    const common = { ...ends, lengthM: LENGTH_M, ...(rated !== undefined && rated > 0 && { ratedCurrentA: rated }) };
    const { r, x, c } = reducedMatrices(fields);
    draft.assume('no lengths given: lines are written with 1 km', fields.origin);
    if (three) {
      const matrices = { rOhmPerKm: r, xOhmPerKm: x, cFPerKm: c };
      draft.add('matrixLines', { ...common, phases: ['A', 'B', 'C'], ...matrices }, fields.origin);
      continue;
    }
    const [r1OhmPerKm, x1OhmPerKm, c1FPerKm] = [r, x, c].map(positiveSequence);
    draft.add(
      'lines',
      { ...common, r1OhmPerKm: r1OhmPerKm!, x1OhmPerKm: x1OhmPerKm!, c1FPerKm: c1FPerKm! },
      fields.origin,
    );
  }
}

/** Mean of the self terms less the mean of the mutual terms. */
function positiveSequence(matrix: readonly (readonly number[])[]): number {
  const self = matrix.reduce((sum, row, i) => sum + row[i]!, 0) / 3;
  const all = matrix.reduce((sum, row) => sum + row.reduce((part, value) => part + value, 0), 0);
  return self - (all - 3 * self) / 6;
}

/** Links are switches: closed only where both ends are. */
export function addLinks({ components, draft }: Context): void {
  for (const { id, fields } of components.of('link')) {
    const { from, to, fromClosed = true, toClosed = true } = endsOf(fields, id);
    draft.add('switches', { id, from, to, closed: fromClosed && toClosed }, fields.origin);
  }
}

/** A pi circuit on the to side behind an ideal transformer of ratio k and angle theta. */
export function addGenericBranches({ components, draft }: Context): void {
  for (const { id, fields } of components.of('generic_branch')) {
    const theta = fields.numberOr('theta', 0);
    const ratio = fields.numberOr('k', 1, { above: 0 });
    const [g, b] = [fields.numberOr('g1', 0), fields.numberOr('b1', 0)];
    draft.add(
      'generalBranches',
      {
        ...endsOf(fields, id),
        r1Ohm: fields.number('r1'),
        x1Ohm: fields.number('x1'),
        ...(g !== 0 && { g1S: g }),
        ...(b !== 0 && { b1S: b }),
        ...(ratio !== 1 && { ratio }),
        ...(theta !== 0 && { shiftDeg: (theta * 180) / Math.PI }),
      },
      fields.origin,
    );
  }
}

type Transformer = NonNullable<GridDocumentInput['transformers']>[number];
type ThreeWinding = NonNullable<GridDocumentInput['threeWindingTransformers']>[number];

/** `WindingType` of power-grid-model. */
const windings = ['Y', 'YN', 'D', 'Z', 'ZN'] as const;

function windingOf(fields: Fields, key: string): string {
  const code = fields.number(key, { atLeast: 0, atMost: 4 });
  const winding = windings[code];
  if (winding === undefined && Number.isFinite(code))
    fields.fault(key, `${key} must be a winding type from 0 to 4, found ${code}`);
  return winding ?? 'Y';
}

/** Clock numbers run round the dial: -1 is 11. */
function clockOf(fields: Fields, key: string): number {
  const clock = fields.number(key, { atLeast: -12, atMost: 12 });
  return Number.isInteger(clock) ? ((clock % 12) + 12) % 12 : 0;
}

/**
 * Each step moves the rated voltage of the side by `tap_size`, upwards where tap_max is above tap_min.
 */
function tapOf(fields: Fields, ratedVoltageV: number) {
  const [first, last] = [fields.numberOr('tap_min', 0), fields.numberOr('tap_max', 0)];
  const size = fields.numberOr('tap_size', 0);
  const neutral = fields.numberOr('tap_nom', 0);
  const position = fields.numberOr('tap_pos', neutral);
  if (size === 0 || !(ratedVoltageV > 0)) return undefined;
  const [min, max] = [Math.min(first, last), Math.max(first, last)];
  // As power-grid-model does, a position beyond the range is taken back into it.
  const held = Math.min(Math.max(position, min), max);
  if (held !== position) fields.note('tap_pos', 'tap positions beyond their range: the end of the range is taken');
  const direction = last >= first ? 1 : -1;
  return { position: held, neutral, min, max, stepPercent: (direction * 100 * size) / ratedVoltageV };
}

/** Short-circuit voltage or loss at the present tap, linear between its values at tap_min, tap_nom and tap_max. */
function atTap(fields: Fields, key: string): number {
  const nominal = fields.number(key);
  const [first, last] = [fields.numberOr('tap_min', 0), fields.numberOr('tap_max', 0)];
  const [neutral, size] = [fields.numberOr('tap_nom', 0), fields.numberOr('tap_size', 0)];
  const position = fields.numberOr('tap_pos', neutral);
  if (size === 0 || position === neutral) return nominal;
  const towardsLast = Math.sign(position - neutral) === Math.sign(last - neutral);
  const [end, bound] = towardsLast ? [last, `${key}_max`] : [first, `${key}_min`];
  const value = fields.optional(bound);
  if (value === undefined || end === neutral) return nominal;
  return nominal + ((value - nominal) * (position - neutral)) / (end - neutral);
}

/** Short-circuit voltage and its resistive part, %; where the losses alone exceed it, the reactance counts as none. */
function shortCircuit(fields: Fields, uk: string, pk: string, ratedPowerVA: number) {
  const [voltage, resistive] = [100 * atTap(fields, uk), (100 * atTap(fields, pk)) / ratedPowerVA];
  if (!(voltage > 0)) fields.fault(uk, `${uk} must be above 0`);
  if (resistive > voltage) fields.note(pk, `${pk} exceeds what ${uk} allows: the reactance is taken as 0`);
  return { vkPercent: Math.max(voltage, resistive), vkrPercent: resistive };
}

/** Short-circuit values of the neutral tap, or of the tap that a suffix names. */
function shortCircuitValues(fields: Fields, ratedPowerVA: number, suffix: '' | '_min' | '_max') {
  const [uk, pk] = [fields.number('uk'), fields.number('pk')];
  const voltage = 100 * (suffix === '' ? uk : fields.numberOr(`uk${suffix}`, uk));
  const resistive = (100 * (suffix === '' ? pk : fields.numberOr(`pk${suffix}`, pk))) / ratedPowerVA;
  return { vkPercent: Math.max(voltage, resistive), vkrPercent: resistive };
}

/** Short-circuit values at both ends of the tap range, where they differ from those of the neutral tap. */
function shortCircuitAtEnds(fields: Fields, ratedPowerVA: number) {
  const given = ['uk_min', 'uk_max', 'pk_min', 'pk_max'].some((key) => fields.optional(key) !== undefined);
  if (!given) return {};
  const upwards = fields.numberOr('tap_max', 0) >= fields.numberOr('tap_min', 0);
  const [first, last] = (['_min', '_max'] as const).map((suffix) => shortCircuitValues(fields, ratedPowerVA, suffix));
  return upwards ? { atMin: first!, atMax: last! } : { atMin: last!, atMax: first! };
}

/** Of a winding's neutral; a winding without one has nothing to be earthed. */
function earthing(fields: Fields, side: string, winding: string | undefined) {
  const [r, x] = [fields.numberOr(`r_grounding_${side}`, 0), fields.numberOr(`x_grounding_${side}`, 0)];
  if (r === 0 && x === 0) return undefined;
  if (winding?.endsWith('N') === true) return { rOhm: r, xOhm: x };
  fields.note(
    `${r === 0 ? 'x' : 'r'}_grounding_${side}`,
    'earthing impedances of windings without a neutral have no effect and are left out',
  );
  return undefined;
}

export function addTransformers(context: Context): void {
  const { components, draft } = context;
  const controls = tapControls(context);
  for (const { id, fields } of components.of('transformer')) {
    const [high, low] = [fields.number('u1', { above: 0 }), fields.number('u2', { above: 0 })];
    const rated = fields.number('sn', { above: 0 });
    const side = fields.numberOr('tap_side', 0) === 1 ? 'to' : 'from';
    const tap = tapOf(fields, side === 'from' ? high : low);
    const control = controls.get(id);
    if (control !== undefined && tap === undefined)
      draft.note('regulators of transformers without taps not carried over', fields.origin);
    const [fromWinding, toWinding] = [windingOf(fields, 'winding_from'), windingOf(fields, 'winding_to')];
    const short = shortCircuit(fields, 'uk', 'pk', rated);
    const ends = tap === undefined ? {} : shortCircuitAtEnds(fields, rated);
    const neutral = Object.keys(ends).length === 0 ? short : shortCircuitValues(fields, rated, '');
    const [i0, p0] = [fields.number('i0', { atLeast: 0 }), fields.number('p0', { atLeast: 0 })];
    const [fromEarth, toEarth] = [earthing(fields, 'from', fromWinding), earthing(fields, 'to', toWinding)];
    const zeroSequence: NonNullable<Transformer['zeroSequence']> = {
      ...short,
      noLoadCurrentPercent: 100 * fields.numberOr('i0_zero_sequence', i0),
      ironLossW: fields.numberOr('p0_zero_sequence', p0),
    };
    draft.add(
      'transformers',
      {
        ...endsOf(fields, id),
        ratedPowerVA: rated,
        ratedVoltageFromV: high,
        ratedVoltageToV: low,
        ...neutral,
        ironLossW: p0,
        noLoadCurrentPercent: 100 * i0,
        vectorGroup: `${fromWinding}${toWinding.toLowerCase()}${clockOf(fields, 'clock')}`,
        model: 'pi',
        ...(tap !== undefined && { tap: { side, ...tap, ...ends, ...(control !== undefined && { control }) } }),
        ...(fromEarth !== undefined && { earthingFrom: fromEarth }),
        ...(toEarth !== undefined && { earthingTo: toEarth }),
        ...(context.three && { zeroSequence }),
      },
      fields.origin,
    );
  }
}

type Control = NonNullable<NonNullable<Transformer['tap']>['control']>;

/** Automatic tap regulators, by the transformer that they regulate. */
function tapControls({ components, draft }: Context): ReadonlyMap<string, Control> {
  const controls = new Map<string, Control>();
  for (const { fields } of components.of('transformer_tap_regulator')) {
    const unit = fields.reference('regulated_object');
    const kind = components.byId(unit)?.kind;
    if (kind === 'three_winding_transformer') {
      draft.note('tap regulators of three-winding transformers not carried over', fields.origin);
    } else if (kind !== 'transformer') {
      fields.fault('regulated_object', `the regulator regulates ${unit}, which is no transformer`);
    } else if (fields.flag('status', true)) {
      controls.set(unit, {
        side: fields.numberOr('control_side', 0) === 1 ? 'to' : 'from',
        voltageV: fields.number('u_set', { above: 0 }),
        bandV: fields.number('u_band', { above: 0 }),
        lineDropROhm: fields.numberOr('line_drop_compensation_r', 0),
        lineDropXOhm: fields.numberOr('line_drop_compensation_x', 0),
      });
    }
  }
  return controls;
}

/**
 * power-grid-model splits the short-circuit voltages of the three tests, and their losses, into those of three legs and
 * takes each leg's reactance from its own two; the tests that give the same legs are written. Per unit on `sn_1`.
 */
function pairsOf(fields: Fields, power: readonly number[]) {
  const [base] = power as [number, number, number];
  const smaller = (a: number, b: number): number => Math.min(power[a - 1]!, power[b - 1]!);
  const test = (a: 1 | 2 | 3, b: 1 | 2 | 3) => {
    const { vkPercent, vkrPercent } = shortCircuit(fields, `uk_${a}${b}`, `pk_${a}${b}`, smaller(a, b));
    return { uk: (vkPercent * base) / smaller(a, b), r: (vkrPercent * base) / smaller(a, b) };
  };
  const tests = { t12: test(1, 2), t13: test(1, 3), t23: test(2, 3) };
  const leg = (near: { uk: number; r: number }, other: { uk: number; r: number }, far: { uk: number; r: number }) => {
    const [uk, r] = [(near.uk + other.uk - far.uk) / 2, (near.r + other.r - far.r) / 2];
    return { r, x: Math.sign(uk) * Math.sqrt(Math.max(0, uk ** 2 - r ** 2)) };
  };
  const legs = [
    leg(tests.t12, tests.t13, tests.t23),
    leg(tests.t12, tests.t23, tests.t13),
    leg(tests.t13, tests.t23, tests.t12),
  ];
  return (a: 1 | 2 | 3, b: 1 | 2 | 3) => {
    const [r, x] = [legs[a - 1]!.r + legs[b - 1]!.r, legs[a - 1]!.x + legs[b - 1]!.x];
    const share = smaller(a, b) / base;
    return { vkPercent: Math.hypot(r, x) * share, vkrPercent: Math.max(0, r) * share };
  };
}

export function addThreeWindingTransformers({ components, draft }: Context): void {
  for (const { id, fields } of components.of('three_winding_transformer')) {
    const power = [1, 2, 3].map((n) => fields.number(`sn_${n}`, { above: 0 }));
    const tapSide = fields.numberOr('tap_side', 0);
    const group = [1, 2, 3].map((n) => windingOf(fields, `winding_${n}`));
    const winding = (n: 1 | 2 | 3): ThreeWinding['high'] => {
      const ratedVoltageV = fields.number(`u${n}`, { above: 0 });
      const tap = tapSide === n - 1 ? tapOf(fields, ratedVoltageV) : undefined;
      const earth = earthing(fields, String(n), group[n - 1]);
      return {
        bus: fields.reference(`node_${n}`),
        ratedPowerVA: power[n - 1]!,
        ratedVoltageV,
        ...(tap !== undefined && { tap }),
        ...(earth !== undefined && { earthing: earth }),
        ...(!fields.flag(`status_${n}`, true) && { closed: false }),
      };
    };
    const pair = pairsOf(fields, power);
    const [first, second, third] = group;
    const clocks = [clockOf(fields, 'clock_12'), clockOf(fields, 'clock_13')];
    draft.add(
      'threeWindingTransformers',
      {
        id,
        high: winding(1),
        medium: winding(2),
        low: winding(3),
        highMedium: pair(1, 2),
        mediumLow: pair(2, 3),
        highLow: pair(1, 3),
        ironLossW: fields.number('p0', { atLeast: 0 }),
        noLoadCurrentPercent: 100 * fields.number('i0', { atLeast: 0 }),
        vectorGroup: `${first!}${second!.toLowerCase()}${clocks[0]}${third!.toLowerCase()}${clocks[1]}`,
        model: 'pi',
      },
      fields.origin,
    );
  }
}
