/** Ratings, taps and vector groups of pandapower's transformers, of versions 2 (`tap_phase_shifter`) and 3 (`tap_changer_type`). */
import type { GridDocumentInput } from '../../schema.ts';
import { clockFits, parseVectorGroup } from '../../vector-group.ts';
import type { Fields } from '../fields.ts';

type Transformer = NonNullable<GridDocumentInput['transformers']>[number];
type Tap = NonNullable<Transformer['tap']>;
type Side = 'from' | 'to';

/** Row of a table of tap positions: `voltage_ratio`, `angle_deg`, `vk_percent`, `vkr_percent`. */
export type TapTable = (characteristic: number, step: number) => Fields | undefined;

/** Everything but ends and state. */
export function transformerFields(
  fields: Fields,
  three: boolean,
  tapTable: TapTable,
  magnetisingUnit: number,
): Omit<Transformer, 'id' | 'from' | 'to'> {
  const shift = fields.numberOr('shift_degree', 0);
  const table = tabulatedTap(fields, tapTable);
  const tap = table === undefined ? tapOf(fields, '') : undefined;
  const tap2 = tapOf(fields, '2');
  const ratio = table?.ratio ?? 1;
  const high = fields.number('vn_hv_kv', { above: 0 }) * 1000;
  const low = fields.number('vn_lv_kv', { above: 0 }) * 1000;
  const vkPercent = table?.vkPercent ?? fields.number('vk_percent', { above: 0 });
  const vkrPercent = table?.vkrPercent ?? fields.number('vkr_percent', { atLeast: 0 });
  if (vkrPercent > vkPercent) fields.fault('vkr_percent', `vkr_percent ${vkrPercent} exceeds vk_percent ${vkPercent}`);
  for (const key of ['leakage_resistance_ratio_hv', 'leakage_reactance_ratio_hv']) {
    if (fields.numberOr(key, 0.5) !== 0.5) fields.note(key, 'leakage split other than half and half not carried over');
  }
  return {
    ratedPowerVA: fields.number('sn_mva', { above: 0, atMost: 1e5, hint: 'MVA: is it kVA for MVA?' }) * 1e6,
    ratedVoltageFromV: table?.side === 'from' ? high * ratio : high,
    ratedVoltageToV: table?.side === 'to' ? low * ratio : low,
    vkPercent,
    vkrPercent,
    ironLossW: fields.numberOr('pfe_kw', 0, { atLeast: 0 }) * 1000,
    noLoadCurrentPercent: fields.numberOr('i0_percent', 0),
    ...groupOf(fields, shift, table?.shiftDeg ?? 0, three),
    ...(tap !== undefined && { tap }),
    ...(tap2 !== undefined && { tap2 }),
    ...zeroSequence(fields, magnetisingUnit),
  };
}

type GeneralBranch = NonNullable<GridDocumentInput['generalBranches']>[number];

/**
 * A transformer whose short-circuit voltage is negative comes from a network reduction: its reactance has the sign of
 * that voltage. It is written as a pi circuit on the tapped low-voltage rating behind the ratio and shift of its taps.
 */
export function equivalentFields(fields: Fields, parallel: number): Omit<GeneralBranch, 'id' | 'from' | 'to'> {
  const [vk, vkr] = [fields.number('vk_percent') / 100, fields.number('vkr_percent') / 100];
  const ratedPowerVA = fields.number('sn_mva', { above: 0 }) * 1e6;
  const [high, low] = [fields.number('vn_hv_kv', { above: 0 }) * 1000, fields.number('vn_lv_kv', { above: 0 }) * 1000];
  let [ratio, shiftDeg, lowFactor] = [1, fields.numberOr('shift_degree', 0), 1];
  for (const tap of [tapOf(fields, ''), tapOf(fields, '2')]) {
    if (tap === undefined) continue;
    const { factor, angleDeg } = tapEffect(tap);
    ratio *= tap.side === 'from' ? factor : 1 / factor;
    shiftDeg += tap.side === 'from' ? angleDeg : -angleDeg;
    if (tap.side === 'to') lowFactor *= factor;
  }
  const base = (low * lowFactor) ** 2 / ratedPowerVA / parallel;
  const [noLoad, iron] = [fields.numberOr('i0_percent', 0) / 100, (fields.numberOr('pfe_kw', 0) * 1000) / ratedPowerVA];
  const magnetising = Math.sign(noLoad) * Math.sqrt(Math.max(0, noLoad ** 2 - iron ** 2));
  return {
    r1Ohm: vkr * base,
    x1Ohm: Math.sign(vk) * Math.sqrt(Math.max(0, vk ** 2 - vkr ** 2)) * base,
    ...(iron !== 0 && { g1S: iron / base }),
    ...(magnetising !== 0 && { b1S: -magnetising / base }),
    ...(ratio !== 1 && { ratio }),
    ...(shiftDeg !== 0 && { shiftDeg }),
    ratedVoltageFromV: high,
    ratedVoltageToV: low,
  };
}

/** What a tap changer makes of the voltage of its side: a factor and an angle, positive = the far side lags. */
function tapEffect(tap: Tap): { factor: number; angleDeg: number } {
  const steps = tap.position - (tap.neutral ?? 0);
  const percent = (steps * (tap.stepPercent ?? 0)) / 100;
  if (tap.kind === 'ideal') return { factor: 1, angleDeg: steps * (tap.stepDeg ?? 0) };
  if (tap.kind === 'symmetrical') return { factor: 1, angleDeg: (2 * Math.asin(percent / 2) * 180) / Math.PI };
  const angle = ((tap.angleDeg ?? 0) * Math.PI) / 180;
  const [re, im] = [1 + percent * Math.cos(angle), percent * Math.sin(angle)];
  return { factor: Math.hypot(re, im), angleDeg: (Math.atan2(im, re) * 180) / Math.PI };
}

interface Group {
  readonly vectorGroup: string;
  readonly extraShiftDeg?: number;
}

/** The vector group whose clock number is nearest to the shift; what is left stands beside it. */
function groupOf(fields: Fields, shiftDeg: number, tapShiftDeg: number, three: boolean): Group {
  const given = fields.text('vector_group');
  const windings = given === undefined ? undefined : /^(YN|ZN|D|Y|Z)(yn|zn|d|y|z)\d*$/i.exec(given);
  if (given !== undefined && windings === null) {
    fields.fault('vector_group', `"${given}" is no vector group such as Dyn`);
    return { vectorGroup: 'Yy0' };
  }
  if (windings === undefined || windings === null) {
    if (three) fields.fault('vector_group', 'a transformer of a three-phase calculation needs a vector_group');
    else
      fields.note(
        'vector_group',
        'no vector group given: Yy0 with the phase shift beside it; the positive sequence does not depend on it',
      );
    return withShift('Yy0', shiftDeg + tapShiftDeg);
  }
  const name = `${windings[1]!.toUpperCase()}${windings[2]!.toLowerCase()}`;
  const turn = ((shiftDeg % 360) + 360) % 360;
  const clocks = Array.from({ length: 12 }, (_, clock) => clock).filter((clock) =>
    clockFits(parseVectorGroup(`${name}${clock}`)),
  );
  const distance = (clock: number): number => Math.abs(((turn - 30 * clock + 540) % 360) - 180);
  const clock = clocks.toSorted((a, b) => distance(a) - distance(b) || a - b)[0]!;
  const rest = ((turn - 30 * clock + 540) % 360) - 180;
  return withShift(`${name}${clock}`, rest + tapShiftDeg);
}

function withShift(vectorGroup: string, extraShiftDeg: number): Group {
  return extraShiftDeg === 0 ? { vectorGroup } : { vectorGroup, extraShiftDeg };
}

/** Position, step and kind of the tap changer, at a known side; undefined where there is none or it has no effect. */
export function tapOf(fields: Fields, number: '' | '2', at?: Side): (Tap & { side: Side }) | undefined {
  const key = (name: string): string => `tap${number}_${name}`;
  const side = at ?? sideOf(fields, key('side'));
  const position = fields.optional(key('pos'));
  const neutral = fields.optional(key('neutral'));
  const percent = fields.numberOr(key('step_percent'), 0);
  const degree = fields.numberOr(key('step_degree'), 0);
  const kind = kindOf(fields, number, percent, degree);
  if (side === undefined || kind === undefined || (percent === 0 && degree === 0)) return undefined;
  // Without a position or a neutral one pandapower computes no effect.
  if (position === undefined || neutral === undefined) return undefined;
  const limits = ['min', 'max'].map((limit) => fields.optional(key(limit)));
  const whole = [position, neutral, ...limits].every((value) => value === undefined || Number.isInteger(value));
  const steps =
    kind === 'ideal'
      ? { stepDeg: degree }
      : { stepPercent: percent, ...(kind === 'ratio' && degree !== 0 && { angleDeg: degree }) };
  if (!whole) {
    fields.note(key('pos'), 'tap positions that are no whole numbers: written as one step of the same effect');
    const factor = position - neutral;
    const step = Object.fromEntries(
      Object.entries(steps).map(([name, value]) => [name, name === 'angleDeg' ? value : value * factor]),
    );
    return { side, kind, position: 1, neutral: 0, ...step };
  }
  const [min, max] = limits;
  return {
    side,
    kind,
    position,
    neutral,
    ...steps,
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
  };
}

function sideOf(fields: Fields, key: string): Side | undefined {
  const side = fields.text(key);
  if (side === 'hv') return 'from';
  if (side === 'lv') return 'to';
  if (side !== undefined && side !== 'mv') fields.fault(key, `${key} must be hv or lv, found "${side}"`);
  return undefined;
}

/**
 * pandapower 3 names the kind and ignores taps without one; pandapower 2 has a flag for ideal phase shifters. An ideal
 * one turns by steps of degrees, or by percent as a symmetrical phase shifter does; "Symmetrical" is computed as "Ratio".
 */
function kindOf(fields: Fields, number: '' | '2', percent: number, degree: number): Tap['kind'] | undefined {
  const key = `tap${number}_changer_type`;
  const ideal = degree === 0 && percent !== 0 ? 'symmetrical' : 'ideal';
  if (!fields.knows(key)) return fields.flag(`tap${number}_phase_shifter`, false) ? ideal : 'ratio';
  const type = fields.text(key);
  if (type === 'Ideal') return ideal;
  if (type === 'Ratio' || type === 'Symmetrical') return 'ratio';
  if (type !== undefined && type !== 'Tabular')
    fields.fault(key, `${key} must be Ratio, Symmetrical, Ideal or Tabular, found "${type}"`);
  return undefined;
}

interface TabulatedTap {
  readonly side: Side;
  readonly ratio: number;
  readonly shiftDeg: number;
  readonly vkPercent?: number | undefined;
  readonly vkrPercent?: number | undefined;
}

/** The effect of the present position of a tap changer that is described by a table. */
function tabulatedTap(fields: Fields, tapTable: TapTable): TabulatedTap | undefined {
  if (!fields.flag('tap_dependency_table', false)) return undefined;
  const side = sideOf(fields, 'tap_side');
  const position = fields.number('tap_pos');
  const row = tapTable(fields.number('id_characteristic_table'), position);
  if (side === undefined) return undefined;
  if (row === undefined) {
    fields.fault('id_characteristic_table', `trafo_characteristic_table has no row for tap position ${position}`);
    return undefined;
  }
  fields.note('tap_dependency_table', 'tap tables: only the present position is carried over');
  const angle = row.numberOr('angle_deg', 0);
  return {
    side,
    ratio: row.numberOr('voltage_ratio', 1, { above: 0 }),
    shiftDeg: side === 'from' ? angle : -angle,
    vkPercent: row.optional('vk_percent', { above: 0 }),
    vkrPercent: row.optional('vkr_percent', { atLeast: 0 }),
  };
}

/**
 * Of `mag0_percent`, the magnetising over the short-circuit impedance: up to pandapower 3.3 a ratio in spite of its name,
 * since 3.4 a percentage (the voltages of one network and its results stay, its numbers are a hundred times as large).
 */
export function magnetisingUnitOf(version: unknown): number {
  const [major = 0, minor = 0] = typeof version === 'string' ? version.split('.').map(Number) : [];
  return major > 3 || (major === 3 && minor >= 4) ? 0.01 : 1;
}

function zeroSequence(fields: Fields, magnetisingUnit: number): Pick<Transformer, 'zeroSequence'> {
  if (!fields.has('vk0_percent')) return {};
  const ratio = fields.optional('mag0_percent', { atLeast: 0 });
  return {
    zeroSequence: {
      vkPercent: fields.number('vk0_percent', { above: 0 }),
      vkrPercent: fields.numberOr('vkr0_percent', 0, { atLeast: 0 }),
      ...(ratio !== undefined && ratio > 0 && { magnetisingRatio: ratio * magnetisingUnit }),
      ...(fields.has('mag0_rx') && { magnetisingRX: fields.number('mag0_rx', { atLeast: 0 }) }),
      ...(fields.has('si0_hv_partial') && { hvShare: fields.number('si0_hv_partial', { atLeast: 0, atMost: 1 }) }),
    },
  };
}
