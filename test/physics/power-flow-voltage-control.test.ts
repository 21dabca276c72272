/** Generators that hold voltages, share reactive power, stop at limits and come back. */
import { describe, expect, test } from 'vitest';
import type { PowerFlow } from '../../sim/physics/power-flow.ts';
import { solved, voltage } from './hand-solved.ts';

describe('voltage control', () => {
  const line = { r1OhmPerKm: 0.016, x1OhmPerKm: 0.08, r0OhmPerKm: 0.05, x0OhmPerKm: 0.2 };
  const held = (
    control: object,
    activePowerW: number | { A: number; B: number; C: number } = 100_000,
    more: object = {},
  ): PowerFlow =>
    solved({
      schema: 1,
      name: 'held',
      representation: 'three',
      buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
      lines: [{ id: 'l', from: 'a', to: 'b', lengthM: 1000, ...line }],
      loads: [{ id: 'l', bus: 'b', activePowerW }],
      generators: [
        { id: 'g', bus: 'b', activePowerW: 20_000, voltageControl: { voltagePu: 1.01, ...control }, ...more },
      ],
      externalGrids: [{ id: 'grid', bus: 'a' }],
    });
  const reactive = (flow: PowerFlow): number[] => [0, 1, 2].map((k) => flow.actualPowers().generator[2 * k + 1]!);
  const unlike = { A: 60_000, B: 30_000, C: 10_000 };

  test('holds the positive sequence by equal powers, or each phase by its own', () => {
    const sequence = held({}, unlike);
    const equal = reactive(sequence);
    expect(equal[1]).toBeCloseTo(equal[0]!, 3);
    expect(equal[2]).toBeCloseTo(equal[0]!, 3);
    let [re, im] = [0, 0];
    for (let k = 0; k < 3; k++) {
      const { vm, va } = voltage(sequence, 'b', k);
      re += (vm * Math.cos(((va + 120 * k) * Math.PI) / 180)) / 3;
      im += (vm * Math.sin(((va + 120 * k) * Math.PI) / 180)) / 3;
    }
    expect(Math.hypot(re, im)).toBeCloseTo(1.01, 9);
    const phases = held({ holds: 'each-phase' }, unlike);
    for (let k = 0; k < 3; k++) expect(voltage(phases, 'b', k).vm).toBeCloseTo(1.01, 9);
    expect(reactive(phases)[0]).toBeGreaterThan(reactive(phases)[2]! + 1000);
  });

  test('needs no more than a handful of iterations: the Jacobian is the right one', () => {
    for (const holds of ['positive-sequence', 'each-phase'] as const) {
      const flow = held({ holds }, unlike);
      flow.flatStart();
      expect(flow.solve().iterations).toBeLessThan(6);
    }
  });

  test('stands at a limit and lets the voltage go, on both sides', () => {
    const free = held({});
    const wanted = reactive(free).reduce((sum, q) => sum + q, 0);
    expect(free.limited()).toEqual([]);
    const max = held({ maxReactivePowerVar: wanted - 9000 });
    expect(max.limited()).toEqual([0]);
    expect(reactive(max).reduce((sum, q) => sum + q, 0)).toBeCloseTo(wanted - 9000, 3);
    expect(voltage(max, 'b').vm).toBeLessThan(1.01);
    const min = held({ minReactivePowerVar: wanted + 9000 });
    expect(min.limited()).toEqual([0]);
    expect(voltage(min, 'b').vm).toBeGreaterThan(1.01);
    const loose = held({ minReactivePowerVar: wanted - 1, maxReactivePowerVar: wanted + 1 });
    expect(loose.limited()).toEqual([]);
    expect(held({ maxReactivePowerVar: wanted - 9000, enforceLimits: false }).limited()).toEqual([]);
  });

  test('comes back from a limit when the load falls, and when another generator did too much before', () => {
    const flow = held({ maxReactivePowerVar: 40_000 }, 200_000);
    expect(flow.limited()).toEqual([0]);
    for (let k = 0; k < 6; k += 2) flow.powers.load[k] = 1000;
    expect(flow.solve().converged).toBe(true);
    expect(flow.limited()).toEqual([]);
    expect(voltage(flow, 'b').vm).toBeCloseTo(1.01, 9);
    for (let k = 0; k < 6; k += 2) flow.powers.load[k] = 200_000 / 3;
    flow.solve();
    expect(flow.limited()).toEqual([0]);
  });

  test('two generators at one bus share, none beyond its limit', () => {
    const both = solved({
      schema: 1,
      name: 'both',
      representation: 'positive-sequence',
      buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
      lines: [{ id: 'l', from: 'a', to: 'b', lengthM: 1000, ...line }],
      loads: [{ id: 'l', bus: 'b', activePowerW: 100_000 }],
      generators: [
        { id: 'small', bus: 'b', voltageControl: { voltagePu: 1.01, maxReactivePowerVar: 6000 } },
        { id: 'large', bus: 'b', voltageControl: { voltagePu: 1.01 } },
      ],
      externalGrids: [{ id: 'grid', bus: 'a' }],
    });
    const [small, large] = [both.powers.generator[1]! * 3, both.powers.generator[3]! * 3];
    expect(voltage(both, 'b').vm).toBeCloseTo(1.01, 9);
    expect(small).toBeCloseTo(6000, 3);
    expect(large).toBeGreaterThan(6000);
    expect(both.limited()).toEqual([]);
  });

  test('of one phase holds that phase only', () => {
    const flow = held({}, unlike, { connection: 'A', activePowerW: 5000 });
    expect(voltage(flow, 'b', 0).vm).toBeCloseTo(1.01, 9);
    expect(Math.abs(voltage(flow, 'b', 1).vm - 1.01)).toBeGreaterThan(1e-3);
    expect(reactive(flow).slice(1)).toEqual([0, 0]);
  });
});
