/**
 * Power transformers of CIM in the native form. CIM gives each end its impedance in ohm at the end's rated voltage, as
 * the legs of a star; the native form wants the short-circuit tests between pairs of windings.
 */
import type { GridDocumentInput } from '../../schema.ts';
import { clockFits, parseVectorGroup } from '../../vector-group.ts';
import type { CimModel, CimObject } from './model.ts';
import { endFields, inServiceOf, type Context } from './lines.ts';
import type { End } from './topology.ts';

type Transformer = NonNullable<GridDocumentInput['transformers']>[number];
type Tap = NonNullable<Transformer['tap']>;
type ThreeWinding = NonNullable<GridDocumentInput['threeWindingTransformers']>[number];

interface Winding {
  readonly object: CimObject;
  readonly end: End;
  readonly ratedVoltageV: number;
  /** NaN where none is given. */
  readonly ratedPowerVA: number;
  /** Series impedance at this winding's voltage, ohm, and shunt admittance, S. */
  readonly r: number;
  readonly x: number;
  readonly g: number;
  readonly b: number;
  /** For example `YN`. */
  readonly connection: string | undefined;
  readonly clock: number;
  readonly taps: readonly Omit<Tap, 'side'>[];
}

export function addTransformers(context: Context): void {
  for (const unit of context.model.of('PowerTransformer')) {
    const windings = readWindings(context, unit);
    if (windings === undefined) continue;
    const [first, second, third] = windings;
    if (third === undefined) addTwoWindings(context, unit, first!, second!);
    else addThreeWindings(context, unit, first!, second!, third);
  }
}

/** Two or three windings by end number; undefined after a fault or a note. */
function readWindings(context: Context, unit: CimObject): readonly Winding[] | undefined {
  const { model, topology } = context;
  const ends = model
    .referring(unit, 'PowerTransformerEnd.PowerTransformer')
    .toSorted((a, b) => a.fields.number('TransformerEnd.endNumber') - b.fields.number('TransformerEnd.endNumber'));
  if (ends.length !== 2 && ends.length !== 3) {
    model.draft.fault(`PowerTransformer "${unit.id}" has ${ends.length} ends instead of 2 or 3`, unit.origin);
    return undefined;
  }
  const windings = ends.flatMap((object): Winding[] => {
    const terminal = model.target(object, 'TransformerEnd.Terminal');
    if (terminal === undefined) model.draft.fault(`transformer end "${object.id}" has no terminal`, object.origin);
    const end = terminal === undefined ? undefined : topology.endOf(terminal);
    return end === undefined ? [] : [readWinding(model, object, end)];
  });
  if (windings.length === ends.length) return windings;
  model.draft.note('transformers without a node at an end not carried over', unit.origin);
  return undefined;
}

function readWinding(model: CimModel, object: CimObject, end: End): Winding {
  const { fields } = object;
  const key = (name: string): string => `PowerTransformerEnd.${name}`;
  const rated = { above: 0, atMost: 1500, hint: 'kilovolts: is it V for kV?' };
  const kind = model.choice(object, key('connectionKind'))?.toUpperCase();
  const grounded = fields.flag('TransformerEnd.grounded', false);
  const isKnown = kind === undefined || /^(D|Y|Z|YN|ZN|A|I)$/.test(kind);
  if (!isKnown) {
    fields.fault(key('connectionKind'), `"${kind}" is no connection of a winding that is known`);
  }
  const neutral = grounded && (kind === 'Y' || kind === 'Z') ? 'N' : '';
  return {
    object,
    end,
    ratedVoltageV: fields.number(key('ratedU'), rated) * 1000,
    ratedPowerVA: (fields.optional(key('ratedS'), { atLeast: 0 }) || Number.NaN) * 1e6,
    r: fields.numberOr(key('r'), 0) * tableFactor(model, object, 'r'),
    x: fields.numberOr(key('x'), 0) * tableFactor(model, object, 'x'),
    g: fields.numberOr(key('g'), 0) * tableFactor(model, object, 'g'),
    b: fields.numberOr(key('b'), 0) * tableFactor(model, object, 'b'),
    connection: !isKnown || kind === undefined || /^[AI]$/.test(kind) ? undefined : `${kind}${neutral}`,
    // After a fault was told any number serves.
    clock: (fields.numberOr(key('phaseAngleClock'), 0, { atLeast: 0, atMost: 12 }) || 0) % 12,
    taps: tapChangers.flatMap((kind) =>
      model.referring(object, `${kind}.TransformerEnd`).flatMap((changer) => readTap(model, changer) ?? []),
    ),
  };
}

/** Steps in force: those of the state variables, of the situation, or the normal ones. */
function stepOf(model: CimModel, changer: CimObject): number {
  const { fields } = changer;
  const solved = model.referring(changer, 'SvTapStep.TapChanger')[0]?.fields.optional('SvTapStep.position');
  const normal = fields.optional('TapChanger.normalStep') ?? fields.numberOr('TapChanger.neutralStep', 0);
  return solved ?? fields.optional('TapChanger.step') ?? normal;
}

function readTap(model: CimModel, changer: CimObject): Omit<Tap, 'side'> | undefined {
  const { fields, className } = changer;
  if (model.target(changer, `${className}.${className}Table`) !== undefined || className === 'PhaseTapChangerTabular') {
    return tabulated(model, changer);
  }
  const [position, neutral] = [stepOf(model, changer), fields.numberOr('TapChanger.neutralStep', 0)];
  const common = {
    position,
    neutral,
    ...(fields.has('TapChanger.lowStep') && { min: fields.number('TapChanger.lowStep') }),
    ...(fields.has('TapChanger.highStep') && { max: fields.number('TapChanger.highStep') }),
  };
  const percent = fields.numberOr('PhaseTapChangerNonLinear.voltageStepIncrement', 0);
  switch (className) {
    case 'RatioTapChanger':
      return whole({ ...common, stepPercent: fields.number('RatioTapChanger.stepVoltageIncrement') });
    case 'PhaseTapChangerLinear':
      return whole({
        ...common,
        kind: 'ideal',
        stepDeg: fields.number('PhaseTapChangerLinear.stepPhaseShiftIncrement'),
      });
    case 'PhaseTapChangerSymmetrical':
      return whole({ ...common, kind: 'symmetrical', stepPercent: percent });
    case 'PhaseTapChangerAsymmetrical': {
      const angleDeg = fields.numberOr('PhaseTapChangerAsymmetrical.windingConnectionAngle', 90);
      return whole({ ...common, kind: 'ratio', stepPercent: percent, angleDeg });
    }
    default:
      model.draft.note('tap changers of an unknown kind not carried over: results differ', changer.origin);
      return undefined;
  }
}

/** A step between two positions becomes one step of the same effect. */
function whole(tap: Omit<Tap, 'side'>): Omit<Tap, 'side'> {
  if (Number.isInteger(tap.position) && Number.isInteger(tap.neutral ?? 0)) return tap;
  const steps = tap.position - (tap.neutral ?? 0);
  return {
    ...(tap.kind !== undefined && { kind: tap.kind }),
    ...(tap.angleDeg !== undefined && { angleDeg: tap.angleDeg }),
    position: 1,
    stepPercent: (tap.stepPercent ?? 0) * steps,
    stepDeg: (tap.stepDeg ?? 0) * steps,
  };
}

/** The row of a tap table for the step in force; undefined for a changer without a table. */
function tablePoint(model: CimModel, changer: CimObject): CimObject | undefined {
  const kind = changer.className === 'RatioTapChanger' ? 'RatioTapChanger' : 'PhaseTapChanger';
  const owner = kind === 'RatioTapChanger' ? kind : 'PhaseTapChangerTabular';
  const table = model.target(changer, `${owner}.${kind}Table`);
  if (table === undefined) return undefined;
  const step = Math.round(stepOf(model, changer));
  return model
    .referring(table, `${kind}TablePoint.${kind}Table`)
    .find(({ fields }) => fields.number('TapChangerTablePoint.step') === step);
}

/** Ratio and angle of the present step of a table, as one step of the same effect. */
function tabulated(model: CimModel, changer: CimObject): Omit<Tap, 'side'> | undefined {
  const point = tablePoint(model, changer);
  if (point === undefined) {
    model.draft.fault(`tap changer "${changer.id}" has no row for its step in a table`, changer.origin);
    return undefined;
  }
  model.draft.note('tap tables: only the present step is carried over', changer.origin);
  const ratio = point.fields.numberOr('TapChangerTablePoint.ratio', 1, { above: 0 });
  const angle = (point.fields.numberOr('PhaseTapChangerTablePoint.angle', 0) * Math.PI) / 180;
  // 1 + step = ratio exp(j angle).
  const [re, im] = [ratio * Math.cos(angle) - 1, ratio * Math.sin(angle)];
  const stepPercent = 100 * Math.hypot(re, im);
  return { position: 1, stepPercent, angleDeg: (Math.atan2(im, re) * 180) / Math.PI };
}

const tapChangers = ['RatioTapChanger', 'PhaseTapChanger'] as const;

/** What the present steps make of an impedance or admittance of an end: tables give deviations in percent. */
function tableFactor(model: CimModel, end: CimObject, quantity: 'r' | 'x' | 'g' | 'b'): number {
  return tapChangers
    .flatMap((kind) => model.referring(end, `${kind}.TransformerEnd`))
    .flatMap((changer) => tablePoint(model, changer) ?? [])
    .reduce((factor, { fields }) => factor * (1 + fields.numberOr(`TapChangerTablePoint.${quantity}`, 0) / 100), 1);
}

const DEGREES = 180 / Math.PI;

function addTwoWindings(context: Context, unit: CimObject, first: Winding, second: Winding): void {
  const { model } = context;
  const { origin } = unit;
  const ends = endFields(context, [first.end, second.end], unit.id, inServiceOf(context, unit));
  const square = (first.ratedVoltageV / second.ratedVoltageV) ** 2;
  // Both legs and both shunts at the voltage of the first winding.
  const [r, x] = [first.r + second.r * square, first.x + second.x * square];
  const [g, b] = [first.g + second.g / square, first.b + second.b / square];
  if (r === 0 && x === 0) return model.draft.fault(`PowerTransformer "${unit.id}" has no impedance`, origin);
  if (ends.from === ends.to) return model.draft.note('branches with both ends at one node not carried over', origin);
  const shift = 30 * ((second.clock - first.clock + 12) % 12);
  const { vectorGroup, extraShiftDeg } = groupOf(context, unit, [first, second], [shift]);
  const powers = [first.ratedPowerVA, second.ratedPowerVA].filter((power) => power > 0);
  const ratedPowerVA = powers[0] ?? 1e8;
  if (powers.length === 0) model.draft.assume('no rated power given: 100 MVA stands in', origin);
  if (g !== 0 || b !== 0) {
    model.draft.note(
      'the magnetising admittance of a transformer is put half at each side, wherever it stands',
      origin,
    );
  }
  const base = first.ratedVoltageV ** 2 / ratedPowerVA;
  const noLoad = Math.hypot(g, b) * base * 100;
  const common = {
    ...ends,
    ratedVoltageFromV: first.ratedVoltageV,
    ratedVoltageToV: second.ratedVoltageV,
  };
  if (r < 0 || x < 0 || g < 0) {
    // Not a unit of this world, but part of an equivalent: a pi circuit on its to side.
    if (first.taps.length + second.taps.length > 0) {
      model.draft.note('taps of equivalent transformers not carried over: results differ', origin);
    }
    const circuit = { r1Ohm: r / square, x1Ohm: x / square, g1S: g * square, b1S: b * square };
    const turn = extraShiftDeg[0]! + 30 * parseVectorGroup(vectorGroup).clock;
    model.draft.add('generalBranches', { ...common, ...circuit, ...(turn !== 0 && { shiftDeg: turn }) }, origin);
    return;
  }
  const taps = [
    ...first.taps.map((tap) => ({ side: 'from' as const, ...tap })),
    ...second.taps.map((tap) => ({ side: 'to' as const, ...tap })),
  ];
  if (taps.length > 2)
    model.draft.note('a third tap changer of a transformer not carried over: results differ', origin);
  model.draft.add(
    'transformers',
    {
      ...common,
      ratedPowerVA,
      vkPercent: (100 * Math.hypot(r, x)) / base,
      vkrPercent: (100 * r) / base,
      ...(g !== 0 && { ironLossW: g * first.ratedVoltageV ** 2 }),
      // Inductive magnetising has a negative susceptance; a positive one is a capacitive no-load current.
      ...(noLoad !== 0 && { noLoadCurrentPercent: b > 0 ? -noLoad : noLoad }),
      vectorGroup,
      model: 'pi',
      ...(taps[0] !== undefined && { tap: taps[0] }),
      ...(taps[1] !== undefined && { tap2: taps[1] }),
      ...(extraShiftDeg[0] !== 0 && { extraShiftDeg: extraShiftDeg[0]! }),
    },
    origin,
  );
}

function addThreeWindings(context: Context, unit: CimObject, ...windings: readonly [Winding, Winding, Winding]): void {
  const { model } = context;
  const { origin } = unit;
  const inService = inServiceOf(context, unit);
  const [first, ...others] = windings;
  for (const { end } of others) {
    if (inService && end.connected && first.end.connected) context.islands.join(first.end.bus, end.bus);
  }
  const powers = windings.map(({ ratedPowerVA }) => (ratedPowerVA > 0 ? ratedPowerVA : 1e8));
  if (windings.some(({ ratedPowerVA }) => !(ratedPowerVA > 0))) {
    model.draft.assume('no rated power given: 100 MVA stands in', origin);
  }
  // Legs of the star at the voltage of the first winding.
  const legs = windings.map(({ r, x, ratedVoltageV }) => {
    const square = (first.ratedVoltageV / ratedVoltageV) ** 2;
    return { r: r * square, x: x * square };
  });
  const pair = (i: 0 | 1 | 2, j: 0 | 1 | 2) => {
    const [r, x] = [legs[i]!.r + legs[j]!.r, legs[i]!.x + legs[j]!.x];
    const scale = (100 * Math.min(powers[i]!, powers[j]!)) / first.ratedVoltageV ** 2;
    if (x < 0 || r < 0)
      model.draft.fault(`ends ${i + 1} and ${j + 1} of "${unit.id}" have a negative impedance together`, origin);
    return { vkPercent: Math.hypot(r, x) * scale, vkrPercent: r * scale };
  };
  const shifts = windings.slice(1).map(({ clock }) => 30 * ((clock - first.clock + 12) % 12));
  const { vectorGroup, extraShiftDeg } = groupOf(context, unit, windings, shifts);
  const winding = (i: 0 | 1 | 2): ThreeWinding['high'] => {
    const { end, ratedVoltageV, taps } = windings[i];
    const [tap] = taps;
    if (taps.length > 1) {
      model.draft.note('a second tap changer of a winding not carried over: results differ', origin);
    }
    return {
      bus: end.bus,
      ratedPowerVA: powers[i]!,
      ratedVoltageV,
      ...(tap !== undefined && { tap }),
      ...(!end.connected && { closed: false }),
    };
  };
  const shunted = windings.findIndex(({ g, b }) => g !== 0 || b !== 0);
  const place = (['high', 'medium', 'low'] as const)[shunted];
  const { g, b } = windings[Math.max(0, shunted)]!;
  const square = (windings[Math.max(0, shunted)]!.ratedVoltageV / first.ratedVoltageV) ** 2;
  const noLoad = (Math.hypot(g, b) * square * first.ratedVoltageV ** 2 * 100) / powers[0]!;
  if (shunted >= 0)
    model.draft.note('the magnetising admittance of a transformer is put half at each side of its leg', origin);
  model.draft.add(
    'threeWindingTransformers',
    {
      id: unit.id,
      high: winding(0),
      medium: winding(1),
      low: winding(2),
      highMedium: pair(0, 1),
      mediumLow: pair(1, 2),
      highLow: pair(0, 2),
      ironLossW: Math.max(0, g) * square * first.ratedVoltageV ** 2,
      ...(noLoad !== 0 && { noLoadCurrentPercent: b > 0 ? -noLoad : noLoad }),
      vectorGroup,
      model: 'pi',
      ...(place !== undefined && { magnetisingAt: place }),
      ...(extraShiftDeg[0] !== 0 && { extraShiftMediumDeg: extraShiftDeg[0]! }),
      ...(extraShiftDeg[1] !== 0 && { extraShiftLowDeg: extraShiftDeg[1]! }),
      ...(!inService && { inService }),
    },
    origin,
  );
}

/**
 * Vector group of the windings and what of the shifts its clocks do not hold. Many exporters leave the clock numbers out
 * of the solved angles; where the state variables show that, the shift is taken back so that angles are those of the source.
 */
function groupOf(
  context: Context,
  unit: CimObject,
  windings: readonly Winding[],
  shiftsDeg: readonly number[],
): { vectorGroup: string; extraShiftDeg: readonly number[] } {
  const { model } = context;
  const [first, ...others] = windings;
  const names = windings.map(({ connection }) => connection);
  const known = names.every((name) => name !== undefined);
  if (!known) model.draft.note('no connection of the windings given: star with the phase shift beside it', unit.origin);
  let vectorGroup = known ? names[0]! : 'Y';
  const extraShiftDeg = others.map(({ connection, end }, i) => {
    const shift = shiftsDeg[i]!;
    const low = (known ? connection! : 'Y').toLowerCase();
    const clock = Math.round(shift / 30) % 12;
    const high = known ? names[0]! : 'Y';
    const fits = clockFits(parseVectorGroup(`${high}${low}${clock}`));
    const written = fits ? clock : (clock + 1) % 12;
    if (!fits && known)
      model.draft.note(
        'clock numbers that the windings cannot have: the phase shift stands beside the next one',
        unit.origin,
      );
    vectorGroup += `${low}${written}`;
    const wanted = shift !== 0 && leavesClockOut(context, first!.end.bus, end.bus, shift) ? 0 : shift;
    if (wanted !== shift) {
      model.draft.note(
        'the solved angles leave the clock number out: the phase shift is taken back to match them',
        unit.origin,
      );
    }
    return wanted - 30 * written;
  });
  return { vectorGroup, extraShiftDeg };
}

/** Whether the solved angles of two nodes fit no shift better than the shift of the clock. */
function leavesClockOut({ model }: Context, from: string, to: string, shiftDeg: number): boolean {
  const angleAt = (bus: string): number | undefined => {
    const node = model.get(bus);
    const state = node === undefined ? undefined : model.referring(node, 'SvVoltage.TopologicalNode')[0];
    return state?.fields.optional('SvVoltage.angle');
  };
  const [high, low] = [angleAt(from), angleAt(to)];
  if (high === undefined || low === undefined) return false;
  const wrapped = (degrees: number): number =>
    Math.abs(Math.atan2(Math.sin(degrees / DEGREES), Math.cos(degrees / DEGREES)));
  return wrapped(high - low) < wrapped(high - low - shiftDeg);
}
