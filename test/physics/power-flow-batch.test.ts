/** A batch gives what the entry point gives for each situation alone, in any order, without allocating. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { loadGrid } from '../../grids/load.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { gridDocumentSchema, type GridDocument } from '../../grids/schema.ts';
import { createBatchResults, type BatchResults } from '../../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch } from '../../sim/physics/power-flow-batch.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

const COUNT = 5;

/** Situations with every load between a half and one and a half of its nominal power. */
function drawLoads(grid: CompiledGrid): Float64Array {
  const nominal = createPowerFlow(grid).powers.load;
  return Float64Array.from({ length: COUNT * nominal.length }, (_, k) => {
    return nominal[k % nominal.length]! * (1 + 0.5 * Math.sin(3 + k));
  });
}

/** Largest differences from the entry point: voltages per unit, angles, powers and currents relative to their base. */
function differences(grid: CompiledGrid, load: Float64Array, results: BatchResults): number {
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  const { phases, basePowerVA, baseVoltageV, branches, busCount } = grid;
  const size = flow.powers.load.length;
  let worst = 0;
  const differ = (value: number, other: number, base = 1): void => {
    if (!(Number.isNaN(value) && Number.isNaN(other))) worst = Math.max(worst, Math.abs(value - other) / base);
  };
  for (let s = 0; s < COUNT; s++) {
    flow.powers.load.set(load.subarray(s * size, (s + 1) * size));
    expect(flow.solve().converged).toBe(true);
    for (let k = 0; k < busCount * phases; k++) {
      const [re, im] = [flow.voltage[2 * k]!, flow.voltage[2 * k + 1]!];
      const at = s * busCount * phases + k;
      differ(results.voltagePu[at]!, Math.hypot(re, im));
      differ(results.voltageV[at]!, Math.hypot(re, im) * baseVoltageV[Math.floor(k / phases)]!, 1e4);
      differ(results.angleRad[at]!, Math.atan2(im, re));
    }
    const { from, to } = flow.branchCurrents();
    for (const branch of branches) {
      let loading = 0;
      for (const [end, current, active, reactive, apparent, ampere, rated] of [
        [
          'from',
          from,
          results.activeFromW,
          results.reactiveFromVar,
          results.apparentFromVA,
          results.currentFromA,
          branch.ratedCurrentFromA,
        ],
        [
          'to',
          to,
          results.activeToW,
          results.reactiveToVar,
          results.apparentToVA,
          results.currentToA,
          branch.ratedCurrentToA,
        ],
      ] as const) {
        for (let phase = 0; phase < phases; phase++) {
          const v = 2 * (branch[end] * phases + phase);
          const i = 2 * (branch.index * phases + phase);
          const at = (s * branches.length + branch.index) * phases + phase;
          const [vr, vi, ir, ii] = [flow.voltage[v]! || 0, flow.voltage[v + 1]! || 0, current[i]!, current[i + 1]!];
          const [p, q] = [(vr * ir + vi * ii) * basePowerVA, (vi * ir - vr * ii) * basePowerVA];
          differ(active[at]!, p, basePowerVA);
          differ(reactive[at]!, q, basePowerVA);
          differ(apparent[at]!, Math.hypot(p, q), basePowerVA);
          const amperes = (Math.hypot(ir, ii) * basePowerVA) / baseVoltageV[branch[end]]!;
          differ(ampere[at]!, amperes, basePowerVA / baseVoltageV[branch[end]]!);
          loading = Math.max(loading, amperes / rated);
        }
      }
      differ(results.loading[s * branches.length + branch.index]!, loading);
    }
  }
  return worst;
}

function run(document: GridDocument): {
  grid: CompiledGrid;
  load: Float64Array;
  results: BatchResults;
  method: string;
} {
  const grid = compileGrid(document);
  const load = drawLoads(grid);
  const results = createBatchResults(grid, COUNT);
  const batch = createPowerFlowBatch(grid, { tolerancePu: 1e-12 });
  expect(batch.run({ count: COUNT, load }, results).diverged).toEqual([]);
  return { grid, load, results, method: batch.method };
}

describe.each([
  ['balanced', 'positive-sequence', false],
  ['balanced, meshed', 'positive-sequence', true],
  ['three phases', 'three', false],
  ['three phases, meshed', 'three', true],
] as const)('%s', (_, representation, meshed) => {
  const document = generateFeederGrid({ buses: 120, representation, meshed, feederBuses: 40 });

  test('the sweeps of a batch give what the entry point gives', () => {
    const { grid, load, results, method } = run(document);
    expect(method).toBe('sweep');
    expect(differences(grid, load, results)).toBeLessThan(1e-9);
  });

  test('the answer of a situation does not depend on its neighbours', () => {
    const { grid, load, results } = run(document);
    const size = load.length / COUNT;
    const alone = createBatchResults(grid, 1);
    createPowerFlowBatch(grid, { tolerancePu: 1e-12 }).run({ count: 1, load: load.slice(3 * size, 4 * size) }, alone);
    const buses = grid.busCount * grid.phases;
    expect(alone.voltagePu).toEqual(results.voltagePu.slice(3 * buses, 4 * buses));
    const branches = grid.branches.length * grid.phases;
    expect(alone.reactiveToVar).toEqual(results.reactiveToVar.slice(3 * branches, 4 * branches));
  });
});

describe('other grids', () => {
  test('transformers, three phases, a village', () => {
    const { grid, load, results } = run(loadGrid('abbenhausen'));
    expect(differences(grid, load, results)).toBeLessThan(1e-8);
  });

  test('what the sweeps cannot take is solved one by one', () => {
    const zip = { constantImpedance: 0.4, constantCurrent: 0.3, constantPower: 0.3 };
    const feeder = generateFeederGrid({ buses: 30, representation: 'three' });
    const { grid, load, results, method } = run({ ...feeder, loads: feeder.loads.map((load) => ({ ...load, zip })) });
    expect(method).toBe('one-by-one');
    expect(differences(grid, load, results)).toBeLessThan(1e-8);
  });

  test('a dead bus and an open line end have no voltage, and their currents are right', () => {
    const feeder = generateFeederGrid({ buses: 30, representation: 'positive-sequence' });
    const lines = feeder.lines.map((line) => (line.id === 'line-12' ? { ...line, toClosed: false } : line));
    const { grid, load, results } = run({ ...feeder, lines });
    expect(results.voltagePu.filter((value) => Number.isNaN(value)).length).toBeGreaterThan(0);
    expect(differences(grid, load, results)).toBeLessThan(1e-9);
  });
});

describe('a batch', () => {
  const grid = compileGrid(generateFeederGrid({ buses: 60, representation: 'positive-sequence' }));

  test('keeps the powers of the document for kinds that are left out, also after a batch that gave them', () => {
    const batch = createPowerFlowBatch(grid);
    const [first, second] = [createBatchResults(grid, 1), createBatchResults(grid, 1)];
    batch.run({ count: 1 }, first);
    batch.run({ count: 1, load: createPowerFlow(grid).powers.load.map((value) => 0.3 * value) }, second);
    expect(second.voltagePu).not.toEqual(first.voltagePu);
    batch.run({ count: 1 }, second);
    expect(second.voltagePu).toEqual(first.voltagePu);
  });

  test('says which situations have no solution and solves the others', () => {
    const nominal = createPowerFlow(grid).powers.load;
    const load = Float64Array.from(
      { length: 3 * nominal.length },
      (_, k) => nominal[k % nominal.length]! * (k < nominal.length || k >= 2 * nominal.length ? 1 : 1000),
    );
    const results = createBatchResults(grid, 3);
    const { diverged } = createPowerFlowBatch(grid).run({ count: 3, load }, results);
    expect(diverged).toEqual([1]);
    expect(results.voltagePu[grid.busCount + 5]).toBeNaN();
    expect(results.voltagePu.slice(2 * grid.busCount)).toEqual(results.voltagePu.slice(0, grid.busCount));
  });

  test.each(['positive-sequence', 'three'] as const)('is solved up to the largest power, %s', (representation) => {
    const [lengthKm, resistance, reactance, nominalV] = [10, 0.3, 0.12, 20_000];
    const long = compileGrid(
      gridDocumentSchema.parse({
        schema: 1,
        name: 'nose',
        representation,
        buses: [
          { id: 'a', nominalVoltageV: nominalV },
          { id: 'b', nominalVoltageV: nominalV },
        ],
        lines: [
          {
            id: 'l',
            from: 'a',
            to: 'b',
            lengthM: 1000 * lengthKm,
            r1OhmPerKm: resistance,
            x1OhmPerKm: reactance,
            r0OhmPerKm: resistance,
            x0OhmPerKm: reactance,
          },
        ],
        loads: [{ id: 'x', bus: 'b', activePowerW: 1e6 }],
        externalGrids: [{ id: 'e', bus: 'a' }],
      }),
    );
    // A resistive load takes at most U^2 / (2 (R + |Z|)).
    const most = nominalV ** 2 / (2 * lengthKm * (resistance + Math.hypot(resistance, reactance)));
    const shares = [0.5, 0.99, 0.999, 0.9999, 1.001];
    const load = Float64Array.from(
      shares.flatMap((share) => Array.from({ length: long.phases }, () => [(share * most) / 3, 0]).flat()),
    );
    const results = createBatchResults(long, shares.length);
    const batch = createPowerFlowBatch(long, { tolerancePu: 1e-10 });
    expect(batch.method).toBe('sweep');
    expect(batch.run({ count: shares.length, load }, results).diverged).toEqual([4]);
    expect(results.voltagePu.slice(-long.phases).every(Number.isNaN)).toBe(true);
    const flow = createPowerFlow(long);
    const methods = shares.slice(0, 4).map((_, s) => {
      flow.powers.load.set(load.subarray(2 * long.phases * s, 2 * long.phases * (s + 1)));
      flow.flatStart();
      expect(flow.solve().converged).toBe(true);
      const [re, im] = flow.voltage.slice(2 * long.phases);
      expect(results.voltagePu[(2 * s + 1) * long.phases]).toBeCloseTo(Math.hypot(re!, im!), 8);
      return flow.method();
    });
    expect(methods).toEqual(['sweep', 'sweep', 'newton', 'newton']);
  });

  test('refuses powers of another length, and results without room', () => {
    const batch = createPowerFlowBatch(grid);
    expect(() => batch.run({ count: 2, load: new Float64Array(3) }, createBatchResults(grid, 2))).toThrow(
      /load has 3 numbers/,
    );
    expect(() => batch.run({ count: 2 }, createBatchResults(grid, 1))).toThrow(/no place/);
  });
});
