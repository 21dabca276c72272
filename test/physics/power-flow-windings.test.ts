/** Branches against hand-solved cases: ampere-turns, star equivalents, phase shifts, earthing, banks. */
import { describe, expect, test } from 'vitest';
import type { GridDocumentInput } from '../../grids/schema.ts';
import type { PowerFlow } from '../../sim/physics/power-flow.ts';
import { compile } from './random-grid.ts';
import { amperes, behind, solved, transformer, voltage } from './hand-solved.ts';

describe('one phase to neutral draws from the high side, with ideal windings', () => {
  // 4 kW at 400 / sqrt(3) V are 17.32 A. Phase windings of 20 kV (delta) against 231 V pass 1 in 86.6 of it on, those of
  // 11.5 kV (star) against 231 V 1 in 50; each half of a zigzag has 400 / 3 V, so 1 in 86.6 on two limbs.
  const low = 4000 / (400 / Math.sqrt(3));
  const cases: [string, number[], string][] = [
    ['Dyn5', [1, 1, 0].map((k) => (k * low) / (50 * Math.sqrt(3))), 'one delta winding, so two terminals'],
    ['Dyn11', [1, 1, 0].map((k) => (k * low) / (50 * Math.sqrt(3))), 'one delta winding'],
    ['YNyn0', [low / 50, 0, 0], 'its own limb'],
    ['YNyn6', [low / 50, 0, 0], 'its own limb, reversed'],
    ['YNyn4', [low / 50, 0, 0], 'the limb of another terminal'],
    ['Yzn5', [1, 1, 0].map((k) => (k * low) / (50 * Math.sqrt(3))), 'two limbs, half the turns each'],
    ['Yzn11', [1, 1, 0].map((k) => (k * low) / (50 * Math.sqrt(3))), 'two limbs, half the turns each'],
    // Two limbs of a delta: the line terminal between them carries both, 2/3 of turns against 1 in 150.
    ['Dzn0', [2, 1, 1].map((k) => (k * low) / 150), 'two delta windings in series opposition'],
    ['Dzn6', [2, 1, 1].map((k) => (k * low) / 150), 'two delta windings in series opposition'],
  ];
  test.each(cases)('%s', (vectorGroup, expected) => {
    const flow = solved(behind(transformer({ vectorGroup })));
    const found = amperes(flow, 't', 'from').toSorted((a, b) => b - a);
    expected.forEach((value, k) => expect(found[k]).toBeCloseTo(value, 3));
    expect(amperes(flow, 't', 'to')[0]).toBeCloseTo(low, 2);
  });

  test.each(['Dyn0', 'Yzn0', 'Yyn1', 'Dd5', 'Dzn5', 'YNyn3'])('%s cannot be wound', (vectorGroup) => {
    expect(() => compile(behind(transformer({ vectorGroup })))).toThrow(/cannot be a/);
  });

  test.each([
    ['Dyn', [1, 3, 5, 7, 9, 11]],
    ['Yzn', [1, 3, 5, 7, 9, 11]],
    ['YNyn', [0, 2, 4, 6, 8, 10]],
    ['Dd', [0, 2, 4, 6, 8, 10]],
    ['Dzn', [0, 2, 4, 6, 8, 10]],
  ] as const)('%s lags by thirty degrees an hour', (windings, clocks) => {
    for (const clock of clocks) {
      const flow = solved(behind(transformer({ vectorGroup: `${windings}${clock}` }), { loads: [] }));
      const { vm, va } = voltage(flow, 'lv');
      expect(vm).toBeCloseTo(1, 6);
      expect(Math.abs(Math.sin(((va + 30 * clock) * Math.PI) / 180))).toBeLessThan(1e-6);
      expect(Math.cos(((va + 30 * clock) * Math.PI) / 180)).toBeCloseTo(1, 9);
    }
  });
});

/** A load of constant impedance, whatever its voltage. */
const zip = { constantImpedance: 1, constantCurrent: 0, constantPower: 0 };

describe('earthing', () => {
  const resistorAt = (bus: string) => [{ id: 'load', bus, connection: 'A' as const, activePowerW: 4000, zip }];

  test('an earthing impedance carries three times the zero sequence', () => {
    const rOhm = 2;
    const flow = solved(
      behind(transformer({ vectorGroup: 'Dyn5', earthingTo: { rOhm } }), { loads: resistorAt('lv') }),
    );
    // The load is R = U^2 / P against earth, in series with the earthing: v_A = E R / (R + r), all real.
    const resistance = (400 / Math.sqrt(3)) ** 2 / 4000;
    expect(voltage(flow, 'lv', 0).vm).toBeCloseTo(resistance / (resistance + rOhm), 4);
    // The neutral of the winding lifts the sound phases: |a^2 + r/(R + r)| seen from the star point.
    const share = rOhm / (resistance + rOhm);
    expect(voltage(flow, 'lv', 1).vm).toBeCloseTo(Math.hypot(-0.5 - share, Math.sqrt(3) / 2), 4);
  });

  test('on the high side counts with the square of the ratio', () => {
    // Fed from the low side, the load on the high one: the mirror of the test above at 20 kV.
    const flow = solved(
      behind(transformer({ vectorGroup: 'YNd5', earthingFrom: { rOhm: 5000 } }), {
        loads: resistorAt('mv'),
        externalGrids: [{ id: 'grid', bus: 'lv' }],
      }),
    );
    const resistance = 20_000 ** 2 / 3 / 4000;
    expect(voltage(flow, 'mv', 0).vm).toBeCloseTo(resistance / (resistance + 5000), 4);
  });

  test('an unearthed star behind a stiff grid leaves a single-phase load without current return', () => {
    // Only the load itself earths the low side, so its phase falls to earth potential.
    const flow = solved(behind(transformer({ vectorGroup: 'Dy5' }), { loads: resistorAt('lv') }));
    expect(voltage(flow, 'lv', 0).vm).toBeLessThan(1e-3);
    expect(voltage(flow, 'lv', 1).vm).toBeCloseTo(Math.sqrt(3), 3);
  });
});

describe('phase shifters', () => {
  const tap = (fields: object) =>
    voltage(
      solved(
        behind(transformer({ vectorGroup: 'YNyn0', tap: { position: 2, stepPercent: 5, ...fields } }), { loads: [] }),
      ),
      'lv',
    );
  test('add at an angle, turn symmetrically, or turn by a given step', () => {
    // 1 + 0.1 j at the high side: the low side is 1 / |1 + 0.1 j| and lags by atan 0.1.
    const booster = tap({ angleDeg: 90 });
    expect(booster.vm).toBeCloseTo(1 / Math.hypot(1, 0.1), 6);
    expect(booster.va).toBeCloseTo((-Math.atan(0.1) * 180) / Math.PI, 5);
    const symmetrical = tap({ kind: 'symmetrical' });
    expect(symmetrical.vm).toBeCloseTo(1, 6);
    expect(symmetrical.va).toBeCloseTo((-2 * Math.asin(0.05) * 180) / Math.PI, 5);
    const ideal = tap({ kind: 'ideal', stepDeg: 3, side: 'to' });
    expect(ideal.va).toBeCloseTo(6, 5);
    expect(tap({ stepPercent: 5 }).vm).toBeCloseTo(1 / 1.1, 6);
  });

  test('two tap changers of one unit multiply', () => {
    const unit = transformer({
      vectorGroup: 'YNyn0',
      tap: { position: 1, stepPercent: 10 },
      tap2: { side: 'to', position: 1, stepPercent: 5 },
    });
    expect(voltage(solved(behind(unit, { loads: [] })), 'lv').vm).toBeCloseTo(1.05 / 1.1, 6);
  });
});

describe('three windings', () => {
  const winding = (bus: string, ratedVoltageV: number) => ({ bus, ratedPowerVA: 10e6, ratedVoltageV });
  const test3 = (vkPercent: number) => ({ vkPercent, vkrPercent: 0 });
  const unit = {
    id: 't',
    high: winding('hv', 110_000),
    medium: winding('mv', 20_000),
    low: winding('lv', 10_000),
    highMedium: test3(10),
    mediumLow: test3(6),
    highLow: test3(12),
    vectorGroup: 'YNyn0d5',
  };
  const grid = (fields: object, loads: GridDocumentInput['loads'] = []): GridDocumentInput => ({
    schema: 1,
    name: 'three',
    representation: 'three',
    buses: [
      { id: 'hv', nominalVoltageV: 110_000 },
      { id: 'mv', nominalVoltageV: 20_000 },
      { id: 'lv', nominalVoltageV: 10_000 },
    ],
    threeWindingTransformers: [{ ...unit, ...fields }],
    loads,
    externalGrids: [{ id: 'grid', bus: 'hv' }],
  });

  test('the star of the three tests: j0.08, j0.02, j0.04 of 10 MVA', () => {
    // A reactor of 10 Mvar at the medium side: v = 1 / (1 + 0.10); the star point at 0.08 of 0.10 of the drop.
    const flow = solved(grid({}, [{ id: 'l', bus: 'mv', reactivePowerVar: 10e6, zip }]));
    expect(voltage(flow, 'mv').vm).toBeCloseTo(1 / 1.1, 6);
    expect(voltage(flow, 'lv').vm).toBeCloseTo(1 - 0.08 / 1.1, 6);
    expect(voltage(flow, 't:star').vm).toBeCloseTo(1 - 0.08 / 1.1, 6);
    expect(voltage(flow, 'lv').va).toBeCloseTo(-150, 4);
  });

  test('its delta shorts the zero sequence of the medium side at the star point', () => {
    // A single-phase reactor: z1 = z2 = j0.10, z0 = j(0.02 + 0.04 || 0.08) since the source earths the high side as well.
    const loads = [{ id: 'l', bus: 'mv', connection: 'A' as const, reactivePowerVar: 10e6 / 3, zip }];
    const flow = solved(grid({}, loads));
    const z0 = 0.02 + (0.04 * 0.08) / 0.12;
    // Load j1 pu on phase A; Thevenin impedance (z0 + 2 z1) / 3 of E = 1.
    expect(voltage(flow, 'mv', 0).vm).toBeCloseTo(1 / (1 + (z0 + 0.2) / 3), 6);
    // Without the earth of the high side only the delta is left.
    const isolated = solved(grid({ vectorGroup: 'Yyn0d5' }, loads));
    expect(voltage(isolated, 'mv', 0).vm).toBeCloseTo(1 / (1 + (0.06 + 0.2) / 3), 6);
  });

  test('an open winding leaves the other two, taps and shifts act on their own side', () => {
    const open = solved(
      grid({ low: { ...unit.low, closed: false } }, [{ id: 'l', bus: 'mv', reactivePowerVar: 10e6, zip }]),
    );
    expect(voltage(open, 'mv').vm).toBeCloseTo(1 / 1.1, 6);
    expect(voltage(open, 'lv').vm).toBeNaN();
    const tap = { position: 2, stepPercent: 5 };
    const tapped = solved(grid({ medium: { ...unit.medium, tap }, extraShiftMediumDeg: 7 }));
    expect(voltage(tapped, 'mv').vm).toBeCloseTo(1.1, 6);
    expect(voltage(tapped, 'mv').va).toBeCloseTo(-7, 5);
    expect(voltage(tapped, 'lv').vm).toBeCloseTo(1, 6);
  });

  test('its no-load test is drawn from the high side wherever the magnetising branch stands', () => {
    for (const magnetisingAt of ['high', 'medium', 'low', 'star'] as const) {
      for (const model of ['t', 'pi'] as const) {
        const flow = solved(grid({ ironLossW: 20_000, noLoadCurrentPercent: 0.5, magnetisingAt, model }));
        const { exchangeW, exchangeVar } = flow.totals();
        expect(exchangeW / 20_000).toBeCloseTo(1, 2);
        expect(Math.hypot(exchangeW, exchangeVar) / 50_000).toBeCloseTo(1, 2);
      }
    }
  });
});

describe('general branches', () => {
  const branch = (fields: object, loads: GridDocumentInput['loads'] = []): PowerFlow =>
    solved({
      schema: 1,
      name: 'general',
      representation: 'positive-sequence',
      buses: [
        { id: 'a', nominalVoltageV: 110_000 },
        { id: 'b', nominalVoltageV: 20_000 },
      ],
      // 400 ohm is one per unit of 1 MVA on 20 kV.
      generalBranches: [{ id: 'g', from: 'a', to: 'b', r1Ohm: 0, x1Ohm: 40, ...fields }],
      loads,
      externalGrids: [{ id: 'grid', bus: 'a' }],
    });

  test('have ratio and shift on the from side, impedance on the to side, charging at both ends', () => {
    const shifted = branch({ ratio: 0.98, shiftDeg: 10 });
    expect(voltage(shifted, 'b').vm).toBeCloseTo(1 / 0.98, 9);
    expect(voltage(shifted, 'b').va).toBeCloseTo(-10, 9);
    const loaded = branch({}, [{ id: 'l', bus: 'b', reactivePowerVar: 1e6, zip }]);
    expect(voltage(loaded, 'b').vm).toBeCloseTo(1 / 1.1, 9);
    // Half of b = 0.1 pu at each end: v = 1 / (1 - 0.1 * 0.05).
    const charged = branch({ b1S: 0.1 / 400 });
    expect(voltage(charged, 'b').vm).toBeCloseTo(1 / (1 - 0.1 * 0.05), 9);
    expect(charged.totals().exchangeVar).toBeLessThan(-100_000);
  });

  test('may have negative reactance, as the star of a three-winding transformer has', () => {
    const flow = branch({ x1Ohm: -4 }, [{ id: 'l', bus: 'b', reactivePowerVar: 1e6, zip }]);
    expect(voltage(flow, 'b').vm).toBeCloseTo(1 / (1 - 0.01), 9);
  });
});

describe('a bank of regulators', () => {
  test('steps each phase for itself, on the phases that it has', () => {
    const bank = transformer({
      vectorGroup: 'YNyn0',
      phases: ['A', 'C'],
      ratedPowerVA: 420_000,
      tap: { side: 'to', position: 0, stepPercent: 0.625, phasePositions: { A: 8, C: -4 } },
    });
    const buses = [
      { id: 'mv', nominalVoltageV: 20_000 },
      { id: 'lv', nominalVoltageV: 400, phases: ['A' as const, 'C' as const] },
    ];
    const flow = solved(behind(bank, { buses, loads: [] }));
    expect(voltage(flow, 'lv', 0).vm).toBeCloseTo(1.05, 6);
    expect(voltage(flow, 'lv', 1).vm).toBeNaN();
    expect(voltage(flow, 'lv', 2).vm).toBeCloseTo(0.975, 6);
    expect(voltage(flow, 'lv', 2).va).toBeCloseTo(120, 6);
  });

  test('has the impedance of its share of the rating: the same drop as a three-phase unit of the whole', () => {
    const vk = { vkPercent: 5, vkrPercent: 1, vectorGroup: 'YNyn0' };
    const whole = solved(behind(transformer(vk)));
    const single = solved(
      behind(transformer({ ...vk, phases: ['A'], ratedPowerVA: 210_000 }), {
        buses: [
          { id: 'mv', nominalVoltageV: 20_000 },
          { id: 'lv', nominalVoltageV: 400, phases: ['A'] },
        ],
      }),
    );
    expect(voltage(single, 'lv').vm).toBeCloseTo(voltage(whole, 'lv').vm, 9);
  });
});
