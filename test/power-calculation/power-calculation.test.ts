/** Powers from phasors: right against published terminals, honest about direction, uncertainty and what is missing. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numerics/random.ts';
import { measurementSchema, type Measurement, type Reading } from '../../platform/contract/measurement.ts';
import { calculatePower } from '../../platform/power-calculation/calculate.ts';
import { intoBranch } from '../../platform/power-calculation/direction.ts';
import { powerCalculation } from '../../platform/power-calculation/service.ts';
import { hasReference, referenceJson } from '../reference.ts';

const options = { commonAngleSigmaRad: 0, sequenceComponents: true, balanced: false };
const place = 'branch:transformer:to';
type PhaseName = 'A' | 'B' | 'C';
const phases = ['A', 'B', 'C'] as const;

interface Terminal {
  readonly v: number;
  readonly va: number;
  readonly i: number;
  readonly ia: number;
}

function frame(
  terminals: Readonly<Partial<Record<PhaseName, Terminal>>>,
  extra: Partial<Measurement> = {},
): Measurement {
  const readings = Object.entries(terminals).flatMap(([phase, t]): Reading[] => {
    const at = { component: place, phase: phase as PhaseName };
    return [
      { ...at, measurand: 'voltmagnitude', data: t.v },
      { ...at, measurand: 'voltangle', data: t.va },
      { ...at, measurand: 'currmagnitude', data: t.i },
      { ...at, measurand: 'currangle', data: t.ia },
    ];
  });
  return {
    schema: 'platone.measurement/1',
    device: 'pmu-1',
    timestamp: '2021-04-01T00:00:10Z',
    sequence: 7,
    readings,
    ...extra,
  };
}

function value(message: Measurement | undefined, measurand: string, phase: string): number {
  return reading(message, measurand, phase)?.data ?? Number.NaN;
}

function reading(message: Measurement | undefined, measurand: string, phase: string): Reading | undefined {
  return message?.readings.find((each) => each.measurand === measurand && each.phase === phase);
}

const terminal = fc.record({
  v: fc.double({ min: 100, max: 300, noNaN: true }),
  va: fc.double({ min: -3, max: 3, noNaN: true }),
  i: fc.double({ min: 0.1, max: 900, noNaN: true }),
  ia: fc.double({ min: -3, max: 3, noNaN: true }),
});
const threePhase = fc.record({ A: terminal, B: terminal, C: terminal });

describe.skipIf(!hasReference)(
  'against pmu-power (OpenDSS terminals; skipped when the reference folder is absent)',
  () => {
    test('P, Q, S per phase, totals, both apparent powers and the power factor agree to 1e-9', () => {
      interface Case {
        readonly id: string;
        readonly phases: readonly {
          readonly phase: PhaseName;
          readonly V_rms: number;
          readonly V_ang_deg: number;
          readonly I_rms: number;
          readonly I_ang_deg: number;
          readonly expected_P_W: number;
          readonly expected_Q_var: number;
          readonly expected_S_VA: number;
        }[];
        readonly expected_total: Readonly<Record<string, number>>;
      }
      const cases = referenceJson('pmu-power/line_terminals.json') as readonly Case[];
      expect(cases.length).toBe(20);
      let worst = 0;
      for (const each of cases) {
        const rad = Math.PI / 180;
        const message = calculatePower(
          frame(
            Object.fromEntries(
              each.phases.map((p) => [
                p.phase,
                { v: p.V_rms, va: p.V_ang_deg * rad, i: p.I_rms, ia: p.I_ang_deg * rad },
              ]),
            ),
          ),
          options,
        );
        // P and Q relative to S of the same place: P of an idle cable crosses zero.
        const check = (actual: number, expected: number | undefined, scale: number) => {
          expect(expected).toBeTypeOf('number');
          worst = Math.max(worst, Math.abs(actual - (expected as number)) / scale);
        };
        for (const p of each.phases) {
          check(value(message, 'activepower', p.phase), p.expected_P_W, p.expected_S_VA);
          check(value(message, 'reactivepower', p.phase), p.expected_Q_var, p.expected_S_VA);
          check(value(message, 'apparentpower', p.phase), p.expected_S_VA, p.expected_S_VA);
        }
        const total = each.expected_total;
        const scale = total['S_arithmetic_VA'] ?? Number.NaN;
        check(value(message, 'activepower', 'total'), total['P_W'], scale);
        check(value(message, 'reactivepower', 'total'), total['Q_var'], scale);
        check(value(message, 'apparentpower', 'total'), total['S_vector_VA'], scale);
        check(value(message, 'apparentpowerarithmetic', 'total'), total['S_arithmetic_VA'], scale);
        check(value(message, 'powerfactor', 'total'), total['pf_vector'], 1);
      }
      expect(worst).toBeLessThan(1e-9);
    });
  },
);

describe('direction', () => {
  test('intoBranch turns only a channel that is wired the other way', () => {
    expect(intoBranch(5, 1)).toBe(5);
    expect(intoBranch(5, undefined)).toBe(5);
    expect(intoBranch(5, -1)).toBe(-5);
  });

  test('power that leaves the bus into the branch is positive; the same wires the other way round read the same', () => {
    const drawn = { v: 230, va: 0, i: 100, ia: -0.3 };
    const into = calculatePower(frame({ A: drawn }, { positiveDirection: 1 }), options);
    expect(value(into, 'activepower', 'A')).toBeCloseTo(230 * 100 * Math.cos(0.3), 6);
    expect(value(into, 'reactivepower', 'A')).toBeCloseTo(230 * 100 * Math.sin(0.3), 6);
    // A channel wired the other way sees the current turned by half a turn and says so.
    const otherWay = { ...drawn, ia: drawn.ia + Math.PI };
    const turned = calculatePower(frame({ A: otherWay }, { positiveDirection: -1 }), options);
    for (const measurand of ['activepower', 'reactivepower', 'apparentpower', 'powerfactor']) {
      expect(value(turned, measurand, 'A')).toBeCloseTo(value(into, measurand, 'A'), 6);
    }
    expect(turned?.positiveDirection).toBe(1);
  });
});

describe('properties', () => {
  test('turning every angle turns no power; S^2 = P^2 + Q^2; arithmetic S is never below vector S', () => {
    fc.assert(
      fc.property(threePhase, fc.double({ min: -100, max: 100, noNaN: true }), (terminals, turn) => {
        const turned = Object.fromEntries(
          Object.entries(terminals).map(([phase, t]) => [phase, { ...t, va: t.va + turn, ia: t.ia + turn }]),
        );
        const a = calculatePower(frame(terminals), options);
        const b = calculatePower(frame(turned), options);
        for (const phase of [...phases, 'total']) {
          const s = value(a, 'apparentpower', phase);
          const scale = value(a, 'apparentpowerarithmetic', 'total');
          expect(Math.abs(value(a, 'activepower', phase) - value(b, 'activepower', phase)) / scale).toBeLessThan(1e-12);
          const hypot = Math.hypot(value(a, 'activepower', phase), value(a, 'reactivepower', phase));
          expect(Math.abs(s - hypot) / scale).toBeLessThan(1e-12);
          expect(s).toBeLessThanOrEqual(scale * (1 + 1e-12));
        }
        const zero = value(a, 'voltmagnitude', 'zero');
        expect(Math.abs(zero - value(b, 'voltmagnitude', 'zero'))).toBeLessThan(1e-9);
      }),
    );
  });

  test('the symmetrical components rebuild the phases, and power is 3 sum of V_k conj(I_k)', () => {
    fc.assert(
      fc.property(threePhase, (terminals) => {
        const message = calculatePower(frame(terminals), options);
        let activePower = 0;
        let re = 0;
        let im = 0;
        for (const name of ['positive', 'negative', 'zero']) {
          const [v, va] = [value(message, 'voltmagnitude', name), value(message, 'voltangle', name)];
          const [i, ia] = [value(message, 'currmagnitude', name), value(message, 'currangle', name)];
          activePower += 3 * v * i * Math.cos(va - ia);
          re += v * Math.cos(va);
          im += v * Math.sin(va);
        }
        expect(activePower).toBeCloseTo(value(message, 'activepower', 'total'), 5);
        // Phase A is the plain sum of its components.
        expect(re).toBeCloseTo(terminals.A.v * Math.cos(terminals.A.va), 9);
        expect(im).toBeCloseTo(terminals.A.v * Math.sin(terminals.A.va), 9);
      }),
    );
  });

  test('phase rotation A-B-C is positive sequence, A-C-B negative, in-phase zero', () => {
    const at = (va: number) => ({ v: 230, va, i: 10, ia: va });
    const third = (2 * Math.PI) / 3;
    const rotating = calculatePower(frame({ A: at(0), B: at(-third), C: at(third) }), options);
    expect(value(rotating, 'voltmagnitude', 'positive')).toBeCloseTo(230, 9);
    expect(value(rotating, 'voltmagnitude', 'negative')).toBeCloseTo(0, 9);
    expect(value(rotating, 'voltmagnitude', 'zero')).toBeCloseTo(0, 9);
    const swapped = calculatePower(frame({ A: at(0), B: at(third), C: at(-third) }), options);
    expect(value(swapped, 'voltmagnitude', 'negative')).toBeCloseTo(230, 9);
    const together = calculatePower(frame({ A: at(1), B: at(1), C: at(1) }), options);
    expect(value(together, 'currmagnitude', 'zero')).toBeCloseTo(10, 9);
    expect(value(together, 'currangle', 'zero')).toBeCloseTo(1, 9);
  });
});

describe('uncertainty', () => {
  const sigmas = { voltmagnitude: 0.8, voltangle: 3e-3, currmagnitude: 0.6, currangle: 4e-3 } as const;
  const withSigmas = (message: Measurement): Measurement => ({
    ...message,
    readings: message.readings.map((each) => ({ ...each, sigma: sigmas[each.measurand as keyof typeof sigmas] })),
  });

  /** Spread of 4,000 noisy frames against the stated sigma; the clock's share is common to all angles of a frame. */
  function spread(phi: number, clockSigma: number, measurand: string, phase: string): { seen: number; stated: number } {
    const third = (2 * Math.PI) / 3;
    const angles = { A: 0, B: -third, C: third };
    const base = Object.fromEntries(phases.map((p) => [p, { v: 230, va: angles[p], i: 80, ia: angles[p] - phi }]));
    const calculation = { ...options, commonAngleSigmaRad: clockSigma };
    const random = randomStream('uncertainty', [measurand, phase, String(phi)]);
    const clean = withSigmas(frame(base));
    const stated = reading(calculatePower(clean, calculation), measurand, phase)?.sigma ?? Number.NaN;
    let sum = 0;
    let squares = 0;
    const draws = 4000;
    for (let draw = 0; draw < draws; draw++) {
      const clock = clockSigma * random.normal();
      const readings = clean.readings.map((each) => {
        const angular = each.measurand.endsWith('angle');
        const own = angular ? Math.sqrt((each.sigma as number) ** 2 - clockSigma ** 2) : (each.sigma as number);
        return { ...each, data: each.data + own * random.normal() + (angular ? clock : 0) };
      });
      const noisy = value(calculatePower({ ...clean, readings }, calculation), measurand, phase);
      sum += noisy;
      squares += noisy * noisy;
    }
    return { seen: Math.sqrt(squares / draws - (sum / draws) ** 2), stated };
  }

  test.each([
    [0.3, 0, 'activepower', 'A'],
    [0.3, 2.5e-3, 'activepower', 'A'],
    [1.55, 2.5e-3, 'activepower', 'B'],
    [0, 0, 'reactivepower', 'A'],
    [0.3, 0, 'apparentpower', 'C'],
    [0.3, 0, 'powerfactor', 'A'],
    [0, 0, 'powerfactor', 'A'],
    [0.3, 2.5e-3, 'activepower', 'total'],
    [0.3, 0, 'reactivepower', 'total'],
    [0.3, 0, 'apparentpower', 'total'],
    [0.3, 0, 'apparentpowerarithmetic', 'total'],
    [0.3, 0, 'powerfactor', 'total'],
    [0.3, 2.5e-3, 'voltmagnitude', 'positive'],
    [0.3, 2.5e-3, 'voltangle', 'positive'],
    [0.3, 0, 'currangle', 'positive'],
  ] as const)('phi %f, clock %f: stated sigma of %s %s is the spread that is seen', (phi, clock, measurand, phase) => {
    const { seen, stated } = spread(phi, clock, measurand, phase);
    // The standard error of a sigma from 4,000 draws is 1.1 %.
    expect(stated / seen).toBeGreaterThan(0.95);
    expect(stated / seen).toBeLessThan(1.05);
  });

  test('a component that is only noise states an upper bound, not a direction', () => {
    const { seen, stated } = spread(0.3, 0, 'voltmagnitude', 'negative');
    expect(stated).toBeGreaterThan(seen);
    expect(stated).toBeLessThan(3 * seen);
    const angle = spread(0.3, 0, 'voltangle', 'negative');
    expect(angle.stated).toBeCloseTo(Math.PI / Math.sqrt(3), 9);
  });

  test('no sigma in, no sigma out', () => {
    const message = calculatePower(frame({ A: { v: 230, va: 0, i: 5, ia: -0.2 } }), options);
    expect(message?.readings.every((each) => each.sigma === undefined)).toBe(true);
  });
});

describe('messages', () => {
  const full = frame({
    A: { v: 230, va: 0, i: 5, ia: 0 },
    B: { v: 231, va: -2, i: 6, ia: -2 },
    C: { v: 229, va: 2, i: 0, ia: 0 },
  });

  test('the answer is a valid measurement with the timestamp, sequence and quality of its frame', () => {
    const quality = { valid: true, synchronised: false, timeErrorUs: 12 };
    const message = calculatePower({ ...full, quality }, options);
    expect(measurementSchema.parse(message)).toEqual(message);
    expect(message).toMatchObject({ device: 'pmu-1', timestamp: full.timestamp, sequence: 7, quality });
    // Without current phase C has no power factor, and everything else is there: 11 per phase, 5 total, 12 components.
    expect(reading(message, 'powerfactor', 'C')).toBeUndefined();
    expect(message?.readings.length).toBe(11 + 5 + 12);
    expect(calculatePower(full, { ...options, sequenceComponents: false })?.readings.length).toBe(11 + 5);
  });

  test('a voltage named after the bus serves the currents of the branches at it', () => {
    const readings = full.readings.map((each) =>
      each.measurand.startsWith('volt') ? { ...each, component: 'bus:busbar' } : each,
    );
    const message = calculatePower({ ...full, readings }, options);
    expect(reading(message, 'activepower', 'total')?.component).toBe(place);
  });

  test('missing phases leave out totals, missing phasors leave out the message', () => {
    const two = calculatePower(
      frame({ A: { v: 230, va: 0, i: 5, ia: 0 }, B: { v: 230, va: -2, i: 5, ia: -2 } }),
      options,
    );
    expect(reading(two, 'activepower', 'B')).toBeDefined();
    expect(reading(two, 'activepower', 'total')).toBeUndefined();
    expect(reading(two, 'voltmagnitude', 'positive')).toBeUndefined();
    const noAngle = { ...full, readings: full.readings.filter((each) => each.measurand !== 'currangle') };
    expect(calculatePower(noAngle, options)).toBeUndefined();
  });

  test('in a positive-sequence grid the one phase stands for three, and so does its error', () => {
    const one = frame({ A: { v: 230, va: 0, i: 5, ia: -0.4 } });
    const measured = { ...one, readings: one.readings.map((each) => ({ ...each, sigma: 0.01 })) };
    const message = calculatePower(measured, { ...options, balanced: true });
    for (const measurand of ['activepower', 'reactivepower', 'apparentpower']) {
      const [total, phase] = [reading(message, measurand, 'total'), reading(message, measurand, 'A')];
      expect(total?.data).toBeCloseTo(3 * (phase?.data ?? Number.NaN), 9);
      expect(total?.sigma).toBeCloseTo(3 * (phase?.sigma ?? Number.NaN), 9);
    }
    expect(value(message, 'powerfactor', 'total')).toBeCloseTo(Math.cos(0.4), 12);
    expect(value(message, 'apparentpowerarithmetic', 'total')).toBe(value(message, 'apparentpower', 'total'));
    expect(reading(calculatePower(measured, options), 'activepower', 'total')).toBeUndefined();
  });

  test('the service answers bridged and direct frames on the power topic and counts what it could not use', () => {
    const config = powerCalculation.configSchema.parse({ site: 'germany', routes: ['bal', 'direct'] });
    expect(powerCalculation.inputs(config)).toEqual(['/bal/germany/pmu/+', 'pmu/germany/+']);
    expect(powerCalculation.streams(config)).toEqual(['bal', 'direct']);
    const core = powerCalculation.create(config);
    const input = (message: Measurement, topic: string) => ({ topic, kind: 'pmu', message, taggedUs: 0, late: false });
    const empty = { ...full, readings: full.readings.slice(0, 2) };
    const outputs = core.step({
      timeUs: 0,
      sequence: 1,
      final: false,
      inputs: [
        input(full, '/bal/germany/pmu/pmu-1'),
        input({ ...full, device: 'pmu-2' }, 'pmu/germany/pmu-2'),
        input(empty, '/bal/germany/pmu/pmu-3'),
      ],
    });
    expect(outputs.map((output) => output.topic)).toEqual(['dsotp/power/germany/pmu-1', 'dsotp/power/germany/pmu-2']);
    expect(core.metrics?.()).toEqual({ calculated: 2, withoutPower: 1 });
    expect(powerCalculation.configSchema.safeParse({ site: 'germany', route: ['bal'] }).success).toBe(false);
  });
});
