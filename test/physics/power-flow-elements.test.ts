/** Loads, shunts and external grids against hand-solved cases. */
import { describe, expect, test } from 'vitest';
import { sourcePowers } from '../../sim/physics/power-flow-sources.ts';
import type { PowerFlow } from '../../sim/physics/power-flow.ts';
import { solved, voltage } from './hand-solved.ts';

describe('loads', () => {
  // 0.16 ohm are one per unit of 1 MVA on 400 V.
  const behindReactance = (load: object, representation: 'three' | 'positive-sequence'): number =>
    voltage(
      solved({
        schema: 1,
        name: 'reactance',
        representation,
        buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
        lines: [
          {
            id: 'l',
            from: 'a',
            to: 'b',
            lengthM: 1000,
            r1OhmPerKm: 0,
            x1OhmPerKm: 0.16,
            r0OhmPerKm: 0,
            x0OhmPerKm: 0.16,
          },
        ],
        loads: [{ id: 'load', bus: 'b', reactivePowerVar: 1e5, ...load }],
        externalGrids: [{ id: 'grid', bus: 'a' }],
      }),
      'b',
    ).vm;
  const power = { constantImpedance: 0, constantCurrent: 0, constantPower: 1 };
  const impedance = { constantImpedance: 1, constantCurrent: 0, constantPower: 0 };

  test.each(['three', 'positive-sequence'] as const)('have ZIP shares of their own for reactive power (%s)', (form) => {
    expect(behindReactance({ zip: impedance }, form)).toBeCloseTo(1 / 1.1, 9);
    expect(behindReactance({ zip: power, zipReactive: impedance }, form)).toBeCloseTo(1 / 1.1, 9);
    expect(behindReactance({ zip: impedance, zipReactive: power }, form)).toBeCloseTo((1 + Math.sqrt(0.6)) / 2, 9);
  });

  test('hold their power at their own rated voltage', () => {
    // 0.1 pu at 380 V are 0.1 / 0.95^2 at 400 V.
    const y = 0.1 / 0.95 ** 2;
    expect(behindReactance({ zip: impedance, ratedVoltageV: 380 }, 'three')).toBeCloseTo(1 / (1 + y), 9);
    expect(behindReactance({ zip: impedance, ratedVoltageV: 380, connection: 'delta' }, 'three')).toBeCloseTo(
      1 / (1 + y),
      9,
    );
  });
});

describe('shunts', () => {
  const shunt = (fields: object): PowerFlow =>
    solved({
      schema: 1,
      name: 'shunt',
      representation: 'three',
      buses: [{ id: 'a', nominalVoltageV: 400 }],
      shunts: [{ id: 's', bus: 'a', ...fields }],
      externalGrids: [{ id: 'grid', bus: 'a' }],
    });
  test('take their power at nominal voltage, on one phase, between two, in delta, or as an admittance', () => {
    for (const connection of ['wye', 'delta', 'A', 'BC'] as const) {
      const { exchangeW, exchangeVar } = shunt({ connection, activePowerW: 600, reactivePowerVar: -900 }).totals();
      expect(exchangeW).toBeCloseTo(600, 6);
      expect(exchangeVar).toBeCloseTo(-900, 6);
    }
    expect(shunt({ activePowerW: { A: 100, C: 50 } }).totals().exchangeW).toBeCloseTo(150, 6);
    // 1 mS to earth in each phase at 400 V: U^2 g.
    expect(shunt({ g1S: 1e-3, b1S: 2e-3 }).totals()).toMatchObject({
      exchangeW: expect.closeTo(160, 6) as number,
      exchangeVar: expect.closeTo(-320, 6) as number,
    });
    expect(shunt({ reactivePowerVar: -900, ratedVoltageV: 440 }).totals().exchangeVar).toBeCloseTo(-900 / 1.21, 6);
  });
});

describe('external grids', () => {
  const source = (fields: object, connection: 'wye' | 'A', representation: 'three' | 'positive-sequence' = 'three') =>
    solved({
      schema: 1,
      name: 'source',
      representation,
      buses: [{ id: 'a', nominalVoltageV: 400 }],
      loads: [
        {
          id: 'l',
          bus: 'a',
          connection,
          activePowerW: connection === 'A' ? 1e5 / 3 : 1e5,
          zip: { constantImpedance: 1, constantCurrent: 0, constantPower: 0 },
        },
      ],
      externalGrids: [{ id: 'grid', bus: 'a', shortCircuitPowerVA: 1e6, shortCircuitRX: 1e6, ...fields }],
    });
  test('stand behind U^2 / S_sc in the positive, and behind its ratio in the zero sequence', () => {
    // 0.1 pu of load on 1 pu of resistance.
    expect(voltage(source({}, 'wye'), 'a').vm).toBeCloseTo(1 / 1.1, 6);
    expect(voltage(source({}, 'wye', 'positive-sequence'), 'a').vm).toBeCloseTo(1 / 1.1, 6);
    expect(voltage(source({ zeroSequenceRatio: 4 }, 'A'), 'a', 0).vm).toBeCloseTo(1 / (1 + 0.1 * 2), 6);
  });

  test('that hold the positive sequence at their terminals have their impedance in the other two', () => {
    expect(voltage(source({ stiffPositiveSequence: true }, 'wye'), 'a').vm).toBeCloseTo(1, 6);
    // (z0 + z2) / 3 = (4 + 1) / 3 pu.
    const single = source({ stiffPositiveSequence: true, zeroSequenceRatio: 4 }, 'A');
    expect(voltage(single, 'a', 0).vm).toBeCloseTo(1 / (1 + (0.1 * 5) / 3), 5);
  });

  test('share alike when they are alike, whatever their size', () => {
    for (const shortCircuitPowerVA of [1e6, 1e40]) {
      const pair = (voltagePu: number) => ({ bus: 'a', shortCircuitPowerVA, shortCircuitRX: 1e6, voltagePu });
      const flow = solved({
        schema: 1,
        name: 'pair',
        representation: 'three',
        buses: [{ id: 'a', nominalVoltageV: 400 }],
        loads: [{ id: 'l', bus: 'a', activePowerW: 3000 }],
        externalGrids: [
          { id: 'one', ...pair(1) },
          { id: 'two', ...pair(1) },
        ],
      });
      expect(flow.totals().exchangeW).toBeCloseTo(3000, 2);
      for (const { activePowerW } of sourcePowers(flow)) {
        activePowerW.forEach((power) => expect(power).toBeCloseTo(500, 3));
      }
    }
  });

  test('several share a load by their short-circuit powers', () => {
    const flow = solved({
      schema: 1,
      name: 'two',
      representation: 'positive-sequence',
      buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
      switches: [{ id: 's', from: 'a', to: 'b', closed: true }],
      loads: [
        { id: 'l', bus: 'a', activePowerW: 1e5, zip: { constantImpedance: 1, constantCurrent: 0, constantPower: 0 } },
      ],
      externalGrids: [
        { id: 'one', bus: 'a', shortCircuitPowerVA: 1e6, shortCircuitRX: 1e6 },
        { id: 'two', bus: 'b', shortCircuitPowerVA: 3e6, shortCircuitRX: 1e6 },
      ],
    });
    expect(voltage(flow, 'b').vm).toBeCloseTo(1 / (1 + 0.1 / 4), 6);
    const [one, two] = sourcePowers(flow);
    expect(two!.activePowerW[0]! / one!.activePowerW[0]!).toBeCloseTo(3, 9);
    expect(one!.activePowerW[0]! + two!.activePowerW[0]!).toBeCloseTo(flow.totals().exchangeW, 3);
  });
});
