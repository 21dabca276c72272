/** What the methods owe each other and every grid: one answer, whatever the method, the order of the document, the scale. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { loadGrid } from '../../grids/load.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { createBusAdmittance } from '../../sim/physics/power-flow-admittance.ts';
import { createElementModel } from '../../sim/physics/power-flow-elements.ts';
import type { MethodName } from '../../sim/physics/power-flow-method.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';
import { compile, documentOf, randomGrid } from './random-grid.ts';

/** A failure is shrunk for half a minute at most, so that it is reported before the test times out. */
const runs = (numRuns: number) => ({ numRuns, interruptAfterTimeLimit: 30_000 });

function solved(input: GridDocumentInput, method?: MethodName): PowerFlow {
  const flow = createPowerFlow(compile(input), method === undefined ? {} : { method });
  expect(flow.solve()).toMatchObject({ converged: true });
  return flow;
}

/** Largest difference of two voltages by bus id and phase; a voltage in one only is infinite. */
function difference(a: PowerFlow, b: PowerFlow): number {
  let worst = 0;
  for (const [id, bus] of a.grid.busIndex) {
    // Nothing earths an unloaded delta: where its neutral lies is up to rounding.
    if (id === 'tertiary' && a.grid.phases === 3) continue;
    const other = b.grid.busIndex.get(id)!;
    for (let k = 0; k < 2 * a.grid.phases; k++) {
      const [x, y] = [a.voltage[2 * a.grid.phases * bus + k]!, b.voltage[2 * b.grid.phases * other + k]!];
      if (Number.isNaN(x) !== Number.isNaN(y)) return Infinity;
      if (!Number.isNaN(x)) worst = Math.max(worst, Math.abs(x - y));
    }
  }
  return worst;
}

/** Largest Kirchhoff mismatch |Y v - i| at a bus and phase without a stiff source, per unit. */
function kirchhoff({ grid, powers, voltage }: PowerFlow): number {
  const elements = createElementModel(grid);
  const v = voltage.map((value) => (Number.isNaN(value) ? 0 : value));
  const [net, injected, busPower] = [v.slice(), v.map(() => 0), v.slice()];
  createBusAdmittance(grid, new Map()).netCurrent(v, net);
  elements.sumConstantPower(powers, busPower);
  elements.inject(elements.free, powers, busPower, v, injected);
  const held = new Set(grid.sources.filter(({ y }) => y === undefined).map(({ bus }) => bus));
  let worst = 0;
  grid.energisedPhases.forEach((live, place) => {
    if (live === 0 || held.has(Math.floor(place / grid.phases))) return;
    worst = Math.max(
      worst,
      Math.hypot(net[2 * place]! - injected[2 * place]!, net[2 * place + 1]! - injected[2 * place + 1]!),
    );
  });
  return worst;
}

describe('on random grids', () => {
  test('sweeps, Newton and current injection find one solution, and Kirchhoff holds for it', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        const input = documentOf(random);
        const newton = solved(input, 'newton');
        expect(kirchhoff(newton)).toBeLessThan(1e-8);
        for (const flow of [solved(input, 'current-injection'), solved(input)]) {
          expect(difference(newton, flow)).toBeLessThan(1e-8);
          expect(kirchhoff(flow)).toBeLessThan(1e-7);
          expect(Math.abs(flow.totals().lossesW - newton.totals().lossesW)).toBeLessThan(0.01);
        }
      }),
      runs(120),
    );
  });

  test('the source delivers what is consumed and lost, and losses are never negative', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        const flow = solved(documentOf(random));
        const { lossesW, shuntsW, exchangeW } = flow.totals();
        const actual = flow.actualPowers();
        const sum = (powers: Float64Array) => powers.reduce((total, value, k) => total + (k % 2 === 0 ? value : 0), 0);
        const factor = flow.grid.phases === 1 ? 3 : 1;
        const consumed = factor * (sum(actual.load) - sum(actual.generator));
        expect(Math.abs(exchangeW - consumed - shuntsW - lossesW)).toBeLessThan(0.01);
        expect(lossesW).toBeGreaterThan(0);
      }),
      runs(60),
    );
  });

  test('the order of the document does not matter', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        const input = documentOf(random);
        const reversed = Object.fromEntries(
          Object.entries(input).map(([key, value]) => [key, Array.isArray(value) ? value.toReversed() : value]),
        ) as GridDocumentInput;
        for (const method of ['newton', 'current-injection', undefined] as const) {
          expect(difference(solved(input, method), solved(reversed, method))).toBeLessThan(1e-8);
        }
      }),
      runs(40),
    );
  });

  test('ten times the power on a tenth of the impedance is the same grid', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        fc.pre(!random.threeWinding);
        const input = documentOf(random);
        const scaled: GridDocumentInput = {
          ...input,
          lines: input.lines!.map((line) => ({
            ...line,
            r1OhmPerKm: line.r1OhmPerKm / 10,
            x1OhmPerKm: line.x1OhmPerKm / 10,
            r0OhmPerKm: line.r0OhmPerKm! / 10,
            x0OhmPerKm: line.x0OhmPerKm! / 10,
            c1FPerKm: line.c1FPerKm! * 10,
            c0FPerKm: line.c0FPerKm! * 10,
          })),
          matrixLines: input.matrixLines!.map((line) => ({
            ...line,
            rOhmPerKm: line.rOhmPerKm.map((row) => row.map((value) => value / 10)),
            xOhmPerKm: line.xOhmPerKm.map((row) => row.map((value) => value / 10)),
            ...(line.cFPerKm !== undefined && { cFPerKm: line.cFPerKm.map((row) => row.map((value) => value * 10)) }),
          })),
          generalBranches: input.generalBranches!.map((branch) => ({
            ...branch,
            r1Ohm: branch.r1Ohm / 10,
            x1Ohm: branch.x1Ohm / 10,
            r0Ohm: branch.r0Ohm! / 10,
            x0Ohm: branch.x0Ohm! / 10,
            b1S: branch.b1S! * 10,
          })),
          transformers: input.transformers!.map((unit) => ({
            ...unit,
            ratedPowerVA: unit.ratedPowerVA * 10,
            ironLossW: unit.ironLossW! * 10,
            earthingTo: { rOhm: 0.001 },
          })),
          shunts: input.shunts!.map((shunt) => ({
            ...shunt,
            reactivePowerVar: 10 * ((shunt.reactivePowerVar as number | undefined) ?? 0),
            g1S: 10 * (shunt.g1S ?? 0),
            b1S: 10 * (shunt.b1S ?? 0),
          })),
          loads: input.loads!.map((load) => ({
            ...load,
            activePowerW: 10 * (load.activePowerW as number),
            reactivePowerVar: 10 * (load.reactivePowerVar as number),
          })),
          generators: input.generators!.map((one) => ({ ...one, activePowerW: 10 * (one.activePowerW as number) })),
          externalGrids: input.externalGrids!.map((source) => ({
            ...source,
            ...(source.shortCircuitPowerVA !== undefined && { shortCircuitPowerVA: source.shortCircuitPowerVA * 10 }),
          })),
        };
        const [one, ten] = [solved(input, 'newton'), solved(scaled, 'newton')];
        expect(difference(one, ten)).toBeLessThan(1e-9);
        expect(Math.abs(ten.totals().lossesW / one.totals().lossesW / 10 - 1)).toBeLessThan(1e-6);
      }),
      runs(40),
    );
  });
});

test('Newton squares its error at every step, with every kind of element and control', () => {
  let squared = 0;
  fc.assert(
    fc.property(randomGrid, fc.constantFrom('positive-sequence', 'each-phase'), (random, holds) => {
      // Four times the load: far enough from flat to need several steps.
      const input = documentOf({
        ...random,
        feeders: random.feeders.map((one) => ({ ...one, activePowerW: 4 * one.activePowerW })),
      });
      const control = { id: 'held', bus: 'bus-3', activePowerW: 2000, voltageControl: { voltagePu: 0.97, holds } };
      const flow = createPowerFlow(compile({ ...input, generators: [...input.generators!, control] }));
      const { converged, iterations } = flow.solve();
      expect(converged).toBe(true);
      const errors = flow.history().slice(0, iterations + 1);
      errors.forEach((error, k) => {
        const next = errors[k + 1];
        // Once near, and above rounding: a wrong derivative leaves a fixed share of the error instead.
        if (next === undefined || error > 3e-3 || error < 3e-6) return;
        squared++;
        expect(next).toBeLessThan(20 * error * error + 1e-9);
      });
    }),
    runs(80),
  );
  expect(squared).toBeGreaterThan(20);
});

describe('the linear method', () => {
  test('superposes: the voltages of two sources are the sum of those of each, the other shorted', () => {
    fc.assert(
      fc.property(randomGrid, fc.double({ min: 0.1, max: 2, noNaN: true }), (random, second) => {
        const input = documentOf({ ...random, stiff: true });
        const sources = (a: number, b: number): GridDocumentInput => ({
          ...input,
          // A source of no voltage is one of next to none: the schema wants a positive one.
          externalGrids: [
            { id: 'a', bus: 'mv', voltagePu: Math.max(a, 1e-12) },
            { id: 'b', bus: 'bus-1', voltagePu: Math.max(b, 1e-12), angleDeg: 20 },
          ],
        });
        const [both, first, other] = [sources(1, second), sources(1, 0), sources(0, second)].map((document) =>
          solved(document, 'linear'),
        );
        const floating = both!.grid.busIndex.get('tertiary');
        both!.voltage.forEach((value, k) => {
          if (Number.isNaN(value) || Math.floor(k / (2 * both!.grid.phases)) === floating) return;
          expect(Math.abs(value - first!.voltage[k]! - other!.voltage[k]!)).toBeLessThan(1e-9);
        });
      }),
      runs(40),
    );
  });

  test('is exact where every load is an impedance', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        const input = documentOf({ ...random, feeders: random.feeders.map((one) => ({ ...one, zip: 1 })) });
        const shares = { constantImpedance: 1, constantCurrent: 0, constantPower: 0 };
        const impedances = {
          ...input,
          loads: input.loads!.map((load) => ({ ...load, zip: shares })),
          generators: input.generators!.map((one) => ({ ...one, zip: shares })),
        };
        const [exact, linear] = [solved(impedances, 'newton'), solved(input, 'linear')];
        expect(difference(exact, linear)).toBeLessThan(1e-9);
        expect(Math.abs(exact.totals().lossesW - linear.totals().lossesW)).toBeLessThan(0.01);
      }),
      runs(40),
    );
  });
});

describe('the entry point', () => {
  test('says which method it chose: sweeps on a tree, Newton where a generator holds a voltage', () => {
    const grid = compileGrid(loadGrid('ieee-33'));
    const tree = createPowerFlow(grid);
    tree.solve();
    expect(tree.method()).toBe('sweep');
    const held = { ...loadGrid('ieee-33'), generators: [{ id: 'g', bus: '18', voltageControl: { voltagePu: 1 } }] };
    const flow = solved(held);
    expect(flow.method()).toBe('newton');
    expect(() => createPowerFlow(flow.grid, { method: 'current-injection' })).toThrow(/cannot hold the voltage/);
    expect(() => createPowerFlow(flow.grid, { method: 'linear' })).toThrow(/cannot hold the voltage/);
  });

  test('lets Newton try where the first choice does not converge', () => {
    // 0.249 of the 0.25 pu that a resistance of 1 pu lets through: the fixed point creeps, Newton does not.
    const flow = createPowerFlow(
      compile({
        schema: 1,
        name: 'near the end',
        representation: 'positive-sequence',
        buses: ['a', 'b'].map((id) => ({ id, nominalVoltageV: 400 })),
        lines: [{ id: 'l', from: 'a', to: 'b', lengthM: 1000, r1OhmPerKm: 0.16, x1OhmPerKm: 0 }],
        loads: [{ id: 'load', bus: 'b', activePowerW: 249_900 }],
        externalGrids: [{ id: 'grid', bus: 'a' }],
      }),
    );
    expect(flow.solve().converged).toBe(true);
    expect(flow.method()).toBe('newton');
    expect(flow.voltage[2]).toBeCloseTo((1 + Math.sqrt(1 - 4 * 0.2499)) / 2, 6);
    expect(kirchhoff(flow)).toBeLessThan(1e-9);
    const { from } = flow.branchCurrents();
    expect(from[0]).toBeCloseTo(1 - flow.voltage[2]!, 9);
  });
});
