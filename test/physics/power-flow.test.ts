/** What every power flow must satisfy, whoever solved it: Kirchhoff, power balance, symmetry, and honest failure. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { checkGrid, loadGrid } from '../../grids/load.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';

function compile(input: GridDocumentInput): CompiledGrid {
  const { document, problems } = checkGrid(input);
  if (document === undefined || problems.length > 0) throw new InvalidInputError(problems);
  return compileGrid(document);
}

type Load = NonNullable<GridDocumentInput['loads']>[number];

/** A failure is shrunk for half a minute at most, so that it is reported before the test times out. */
const runs = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 30_000 });

/** A low-voltage grid behind a transformer: a random tree, some loops, loads of every kind. */
const randomGrid = fc
  .record({
    representation: fc.constantFrom('three' as const, 'positive-sequence' as const),
    vectorGroup: fc.constantFrom('Dyn5', 'YNyn0', 'Yzn5', 'Dyn11'),
    stiff: fc.boolean(),
    buses: fc.array(
      fc.record({
        parent: fc.double({ min: 0, max: 0.999, noNaN: true }),
        lengthM: fc.double({ min: 1, max: 80, noNaN: true }),
        activePowerW: fc.double({ min: -3000, max: 3000, noNaN: true }),
        reactivePowerVar: fc.double({ min: -1000, max: 1000, noNaN: true }),
        connection: fc.constantFrom('wye' as const, 'delta' as const, 'A' as const, 'B' as const, 'C' as const),
        zip: fc.constantFrom(
          undefined,
          { constantImpedance: 1, constantCurrent: 0, constantPower: 0 },
          { constantImpedance: 0.2, constantCurrent: 0.5, constantPower: 0.3 },
        ),
      }),
      { minLength: 2, maxLength: 25 },
    ),
    loops: fc.array(fc.tuple(fc.nat(24), fc.nat(24)), { maxLength: 3 }),
  })
  .map(({ representation, vectorGroup, stiff, buses, loops }): GridDocumentInput => {
    const three = representation === 'three';
    const cable = {
      r1OhmPerKm: 0.3,
      x1OhmPerKm: 0.08,
      c1FPerKm: 3e-7,
      r0OhmPerKm: 1.2,
      x0OhmPerKm: 0.3,
      c0FPerKm: 1e-7,
    };
    const lines = buses.map(({ parent, lengthM }, i) => ({
      id: `line-${i}`,
      from: `bus-${Math.floor(parent * (i + 1))}`,
      to: `bus-${i + 1}`,
      lengthM,
      ...cable,
    }));
    const closing = loops
      .map(([a, b], k) => ({
        id: `loop-${k}`,
        from: `bus-${a % buses.length}`,
        to: `bus-${b % buses.length}`,
        lengthM: 30,
        ...cable,
      }))
      .filter(({ from, to }) => from !== to);
    const loads = buses.map(({ activePowerW, reactivePowerVar, connection, zip }, i): Load => ({
      id: `load-${i}`,
      bus: `bus-${i + 1}`,
      connection: three ? connection : 'wye',
      activePowerW,
      reactivePowerVar,
      ...(zip !== undefined && { zip }),
    }));
    return {
      schema: 1,
      name: 'random',
      representation,
      buses: [
        { id: 'mv', nominalVoltageV: 20_000 },
        ...Array.from({ length: buses.length + 1 }, (_, i) => ({ id: `bus-${i}`, nominalVoltageV: 400 })),
      ],
      lines: [...lines, ...closing],
      transformers: [
        {
          id: 'transformer',
          from: 'mv',
          to: 'bus-0',
          ratedPowerVA: 250_000,
          ratedVoltageFromV: 20_000,
          ratedVoltageToV: 400,
          vkPercent: 4,
          vkrPercent: 1.2,
          ironLossW: 500,
          noLoadCurrentPercent: 0.3,
          vectorGroup,
        },
      ],
      shunts: [
        { id: 'capacitor', bus: 'bus-1', reactivePowerVar: -2000 },
        { id: 'heater', bus: 'bus-1', activePowerW: 700 },
        { id: 'filter', bus: 'mv', activePowerW: 5000, reactivePowerVar: -9000 },
      ],
      // One at the source's own bus, which a stiff source feeds without the grid.
      loads: [...loads, { id: 'medium', bus: 'mv', activePowerW: 20_000, reactivePowerVar: 7_000 }],
      generators: [{ id: 'pv', bus: 'bus-2', connection: three ? 'B' : 'wye', activePowerW: 2000 }],
      externalGrids: [{ id: 'grid', bus: 'mv', angleDeg: 10, ...(stiff ? {} : { shortCircuitPowerVA: 50e6 }) }],
    };
  });

function solved(input: GridDocumentInput): PowerFlow {
  const flow = createPowerFlow(compile(input));
  expect(flow.solve()).toMatchObject({ converged: true });
  return flow;
}

/** Complex v conj(i), both at given places. */
function power(v: Float64Array, at: number, i: Float64Array, own: number): [number, number] {
  return [v[at]! * i[own]! + v[at + 1]! * i[own + 1]!, v[at + 1]! * i[own]! - v[at]! * i[own + 1]!];
}

/**
 * Current that leaves each bus and phase into branches, shunts and elements, per unit, worked out from the document and
 * the reported powers, independently of the solver's own bookkeeping.
 */
function currentBalance(flow: PowerFlow): Float64Array {
  const { grid, voltage } = flow;
  const { phases, document, busIndex, basePowerVA } = grid;
  const stride = 2 * phases;
  const sum = new Float64Array(grid.busCount * stride);
  const { from, to } = flow.branchCurrents();
  for (const branch of grid.branches) {
    for (let e = 0; e < stride; e++) {
      sum[branch.from * stride + e]! += from[branch.index * stride + e]!;
      sum[branch.to * stride + e]! += to[branch.index * stride + e]!;
    }
  }
  for (const { bus, y } of grid.shunts) {
    for (let phase = 0; phase < phases; phase++) {
      const k = 2 * phase * (phases + 1);
      const at = bus * stride + 2 * phase;
      sum[at]! += y[k]! * voltage[at]! - y[k + 1]! * voltage[at + 1]!;
      sum[at + 1]! += y[k]! * voltage[at + 1]! + y[k + 1]! * voltage[at]!;
    }
  }
  const actual = flow.actualPowers();
  const draw = (kind: 'load' | 'generator', sign: number): void => {
    const items = kind === 'load' ? document.loads : document.generators;
    items.forEach((item, e) => {
      const bus = busIndex.get(item.bus)! * stride;
      for (let phase = 0; phase < phases; phase++) {
        const own = e * stride + 2 * phase;
        const near = bus + 2 * phase;
        const far = bus + 2 * ((phase + 1) % phases);
        const delta = item.connection === 'delta' && phases === 3;
        const re = voltage[near]! - (delta ? voltage[far]! : 0);
        const im = voltage[near + 1]! - (delta ? voltage[far + 1]! : 0);
        const p = (sign * actual[kind][own]!) / basePowerVA;
        const q = (sign * actual[kind][own + 1]!) / basePowerVA;
        const d = re * re + im * im;
        const [ir, ii] = [(p * re + q * im) / d, (p * im - q * re) / d];
        sum[near]! += ir;
        sum[near + 1]! += ii;
        if (!delta) continue;
        sum[far]! -= ir;
        sum[far + 1]! -= ii;
      }
    });
  };
  draw('load', 1);
  draw('generator', -1);
  return sum;
}

describe('any solution', () => {
  test('obeys Kirchhoff at every bus and phase, and the source delivers what is missing', () => {
    fc.assert(
      fc.property(randomGrid, (input) => {
        const flow = solved(input);
        const { grid, voltage } = flow;
        const stride = 2 * grid.phases;
        const balance = currentBalance(flow);
        const source = grid.sources[0]!.bus;
        let worst = 0;
        let exchange: [number, number] = [0, 0];
        for (let at = 0; at < balance.length; at += 2) {
          if (Math.floor(at / stride) === source) {
            const [p, q] = power(voltage, at, balance, at);
            exchange = [exchange[0] + p, exchange[1] + q];
          } else worst = Math.max(worst, Math.hypot(balance[at]!, balance[at + 1]!));
        }
        expect(worst).toBeLessThan(1e-9);
        const base = (grid.basePowerVA * 3) / grid.phases;
        const totals = flow.totals();
        expect(totals.exchangeW).toBeCloseTo(exchange[0] * base, 3);
        expect(totals.exchangeVar).toBeCloseTo(exchange[1] * base, 3);
      }),
      runs(150),
    );
  });

  test('loses in its branches what comes in and is not consumed, by shunts among others', () => {
    fc.assert(
      fc.property(randomGrid, (input) => {
        const flow = solved(input);
        const { grid, voltage } = flow;
        const stride = 2 * grid.phases;
        const { from, to } = flow.branchCurrents();
        let losses = 0;
        for (const branch of grid.branches) {
          for (let e = 0; e < stride; e += 2) {
            losses += power(voltage, branch.from * stride + e, from, branch.index * stride + e)[0];
            losses += power(voltage, branch.to * stride + e, to, branch.index * stride + e)[0];
          }
        }
        const base = (grid.basePowerVA * 3) / grid.phases;
        const totals = flow.totals();
        expect(totals.lossesW).toBeCloseTo(losses * base, 3);
        // P |v|^2 of each phase's share.
        const size = (id: string, phase: number) => {
          const at = grid.busIndex.get(id)! * stride + 2 * phase;
          return voltage[at]! ** 2 + voltage[at + 1]! ** 2;
        };
        let drawn = 0;
        for (const { bus, activePowerW } of grid.document.shunts) {
          if (typeof activePowerW !== 'number') throw new Error('the shunts of these grids are balanced');
          for (let phase = 0; phase < grid.phases; phase++) drawn += (activePowerW / grid.phases) * size(bus, phase);
        }
        expect(totals.shuntsW).toBeCloseTo(drawn, 3);
        expect(losses).toBeGreaterThan(0);
      }),
      runs(60),
    );
  });

  test('turns with the angle of the source', () => {
    fc.assert(
      fc.property(randomGrid, fc.double({ min: -180, max: 180, noNaN: true }), (input, turnDeg) => {
        const straight = solved(input);
        const source = input.externalGrids![0]!;
        const turned = solved({ ...input, externalGrids: [{ ...source, angleDeg: source.angleDeg! + turnDeg }] });
        const turn = (turnDeg * Math.PI) / 180;
        const [c, s] = [Math.cos(turn), Math.sin(turn)];
        for (let at = 0; at < straight.voltage.length; at += 2) {
          const [re, im] = [straight.voltage[at]!, straight.voltage[at + 1]!];
          expect(
            Math.hypot(turned.voltage[at]! - (re * c - im * s), turned.voltage[at + 1]! - (re * s + im * c)),
          ).toBeLessThan(1e-9);
        }
      }),
      runs(40),
    );
  });

  test('is the same in symmetrical components and in phases', () => {
    fc.assert(
      fc.property(randomGrid, (input) => {
        fc.pre(input.representation === 'three');
        const grid = compile(input);
        const sequence = createPowerFlow(grid);
        // One entry off by a hair more than rounding: no longer circulant, so the equations stay in phases.
        const [first, ...rest] = grid.branches;
        const yff = Float64Array.from(first!.yff);
        yff[0] = yff[0]! * (1 + 1e-11);
        const phases = createPowerFlow({ ...grid, branches: [{ ...first!, yff }, ...rest] });
        expect(sequence.solve().converged && phases.solve().converged).toBe(true);
        sequence.voltage.forEach((value, k) => expect(Math.abs(value - phases.voltage[k]!)).toBeLessThan(1e-8));
        const [a, b] = [sequence.branchCurrents(), phases.branchCurrents()];
        a.from.forEach((value, k) => expect(Math.abs(value - b.from[k]!)).toBeLessThan(1e-6));
        a.to.forEach((value, k) => expect(Math.abs(value - b.to[k]!)).toBeLessThan(1e-6));
      }),
      runs(60),
    );
  });
});

describe('a balanced three-phase grid', () => {
  test('has the voltages of its positive sequence', () => {
    const positive = createPowerFlow(compileGrid(loadGrid('cigre-lv')));
    const document = loadGrid('cigre-lv');
    const zeroSequence = { r0OhmPerKm: 1, x0OhmPerKm: 1 };
    const three = createPowerFlow(
      compile({
        ...document,
        representation: 'three',
        lines: document.lines.map((line) => ({ ...line, ...zeroSequence })),
      }),
    );
    positive.solve();
    three.solve();
    for (let bus = 0; bus < positive.grid.busCount; bus++) {
      expect(three.voltage[6 * bus]).toBeCloseTo(positive.voltage[2 * bus]!, 10);
      expect(three.voltage[6 * bus + 1]).toBeCloseTo(positive.voltage[2 * bus + 1]!, 10);
    }
    expect(three.totals().exchangeW).toBeCloseTo(positive.totals().exchangeW, 2);
  });
});

const twoBuses = (fields: Partial<GridDocumentInput> = {}): GridDocumentInput => ({
  schema: 1,
  name: 'two',
  representation: 'positive-sequence',
  buses: [
    { id: 'a', nominalVoltageV: 400 },
    { id: 'b', nominalVoltageV: 400 },
  ],
  lines: [{ id: 'l', from: 'a', to: 'b', lengthM: 1000, r1OhmPerKm: 0.16, x1OhmPerKm: 0 }],
  loads: [{ id: 'load', bus: 'b', activePowerW: 100_000 }],
  externalGrids: [{ id: 'grid', bus: 'a' }],
  ...fields,
});

describe('two buses and a resistance', () => {
  // R = 0.16 ohm is 1 pu on 400 V and 1 MVA; P = 0.1 pu: v^2 - v + 0.1 = 0, v = (1 + sqrt(1 - 0.4)) / 2.
  test('solve the quadratic equation', () => {
    const flow = solved(twoBuses());
    expect(flow.voltage[2]).toBeCloseTo((1 + Math.sqrt(0.6)) / 2, 9);
    expect(flow.voltage[3]).toBeCloseTo(0, 12);
    expect(flow.totals().exchangeW).toBeCloseTo(1e6 * (1 - flow.voltage[2]!), 3);
  });

  test('constant impedance and current have their closed forms', () => {
    const zip = (z: number, i: number): number => {
      const shares = { constantImpedance: z, constantCurrent: i, constantPower: 1 - z - i };
      return solved(twoBuses({ loads: [{ id: 'load', bus: 'b', activePowerW: 100_000, zip: shares }] })).voltage[2]!;
    };
    // v = 1 - 0.1 v and v = 1 - 0.1.
    expect(zip(1, 0)).toBeCloseTo(1 / 1.1, 9);
    expect(zip(0, 1)).toBeCloseTo(0.9, 9);
  });

  test('beyond the largest power there is no convergence: an answer, and the next solve starts afresh', () => {
    const flow = createPowerFlow(compile(twoBuses()));
    const nominal = flow.powers.load.slice();
    // 0.25 pu is the most that 1 pu of resistance lets through.
    flow.powers.load[0] = (0.26 * 1e6) / 3;
    const failed = flow.solve();
    expect(failed.converged).toBe(false);
    expect(failed.worstBus).toBe(1);
    expect(failed.worstMismatchPu).toBeGreaterThan(1e-6);
    flow.powers.load.set(nominal);
    const fresh = createPowerFlow(flow.grid);
    expect(flow.solve()).toEqual(fresh.solve());
    expect(flow.voltage).toEqual(fresh.voltage);
  });
});

describe('islands', () => {
  test('without a source are not a number, and hold up nobody else', () => {
    const grid = twoBuses({
      buses: [...twoBuses().buses, { id: 'c', nominalVoltageV: 400 }, { id: 'd', nominalVoltageV: 400 }],
      lines: [
        ...twoBuses().lines!,
        { id: 'dead', from: 'c', to: 'd', lengthM: 10, r1OhmPerKm: 1, x1OhmPerKm: 1 },
        { id: 'open', from: 'b', to: 'c', lengthM: 10, r1OhmPerKm: 1, x1OhmPerKm: 1, c1FPerKm: 1e-6, toClosed: false },
      ],
      loads: [...twoBuses().loads!, { id: 'dark', bus: 'd', activePowerW: 1000 }],
    });
    const flow = solved(grid);
    expect(flow.voltage.slice(4).every(Number.isNaN)).toBe(true);
    expect(Number.isFinite(flow.voltage[2])).toBe(true);
    const { from, to } = flow.branchCurrents();
    expect([...from, ...to].every(Number.isFinite)).toBe(true);
    expect(flow.actualPowers().load[2]).toBe(0);
    expect(Number.isFinite(flow.totals().lossesW)).toBe(true);
  });

  test('whose zero sequence floats are solved for loads between phases', () => {
    const line = { r1OhmPerKm: 0.16, x1OhmPerKm: 0.1, r0OhmPerKm: 0.6, x0OhmPerKm: 0.4 };
    const flow = solved({
      schema: 1,
      name: 'isolated',
      representation: 'three',
      buses: ['mv', 'x', 'y'].map((id) => ({ id, nominalVoltageV: id === 'mv' ? 20_000 : 400 })),
      transformers: [
        {
          id: 't',
          from: 'mv',
          to: 'x',
          ratedPowerVA: 1e5,
          ratedVoltageFromV: 20_000,
          ratedVoltageToV: 400,
          vkPercent: 4,
          vkrPercent: 1,
          vectorGroup: 'Dd0',
        },
      ],
      lines: [{ id: 'l', from: 'x', to: 'y', lengthM: 100, ...line }],
      loads: [{ id: 'load', bus: 'y', connection: 'delta', activePowerW: { A: 9000, B: 3000 } }],
      externalGrids: [{ id: 'grid', bus: 'mv' }],
    });
    const balance = currentBalance(flow);
    for (let at = 6; at < 18; at += 2) expect(Math.hypot(balance[at]!, balance[at + 1]!)).toBeLessThan(1e-8);
  });
});

describe('a clone', () => {
  test('shares nothing that moves: the twin with an idle battery stays where it is', () => {
    const flow = createPowerFlow(compileGrid(loadGrid('abbenhausen')));
    flow.solve();
    const twin = flow.clone();
    const before = twin.voltage.slice();
    flow.powers.battery.fill(1e5);
    expect(flow.solve().iterations).toBeGreaterThan(0);
    expect(twin.solve().iterations).toBe(0);
    expect(twin.voltage).toEqual(before);
    expect(twin.totals().exchangeW - flow.totals().exchangeW).toBeGreaterThan(290_000);
  });

  test('gives the bytes of its original for the same powers', () => {
    const flow = createPowerFlow(compileGrid(loadGrid('abbenhausen')));
    flow.solve();
    const twin = flow.clone();
    for (const one of [flow, twin]) {
      for (let step = 1; step < 5; step++) {
        one.powers.load.forEach((value, k) => (one.powers.load[k] = value * (1 + 0.01 * step * Math.sin(k))));
        one.solve();
      }
    }
    expect(twin.voltage).toEqual(flow.voltage);
  });
});

test('a warm start takes fewer iterations than a flat one and arrives at the same place', () => {
  const grid = compileGrid(loadGrid('abbenhausen'));
  const warm = createPowerFlow(grid);
  warm.solve();
  const cold = createPowerFlow(grid);
  for (const flow of [warm, cold]) flow.powers.load.forEach((value, k) => (flow.powers.load[k] = value * 1.001));
  const [a, b] = [warm.solve(), cold.solve()];
  expect(a.iterations).toBeLessThan(b.iterations);
  warm.voltage.forEach((value, k) => expect(value).toBeCloseTo(cold.voltage[k]!, 9));
});
