/** The tree estimator gives the estimate of weighted least squares, and says what it cannot do. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { gridDocumentSchema, type GridDocumentInput } from '../../grids/schema.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createTreeEstimator, type TreeEstimator } from '../../platform/state-estimation/fast-tree.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

/** A 10 kV feeder, a transformer with a tap, and a random low-voltage tree; some buses are connection points only. */
function villageGrid(parents: readonly number[], idle: readonly boolean[]): CompiledGrid {
  const input: GridDocumentInput = {
    schema: 1,
    name: 'tree',
    representation: 'positive-sequence',
    buses: [
      { id: 'mv', nominalVoltageV: 10_000 },
      ...['busbar', ...parents.map((_, k) => `bus-${k}`)].map((id) => ({ id, nominalVoltageV: 400 })),
    ],
    transformers: [
      {
        id: 'unit',
        from: 'mv',
        to: 'busbar',
        ratedPowerVA: 630_000,
        ratedVoltageFromV: 10_000,
        ratedVoltageToV: 400,
        vkPercent: 4,
        vkrPercent: 1.2,
        ironLossW: 900,
        noLoadCurrentPercent: 0.3,
        vectorGroup: 'Dyn5',
        tap: { position: 2, stepPercent: 2.5 },
      },
    ],
    lines: parents.map((parent, k) => ({
      id: `line-${k}`,
      from: k % 3 === 0 ? `bus-${k}` : parent < 0 ? 'busbar' : `bus-${parent}`,
      to: k % 3 === 0 ? (parent < 0 ? 'busbar' : `bus-${parent}`) : `bus-${k}`,
      lengthM: 40 + 10 * (k % 5),
      r1OhmPerKm: 0.3,
      x1OhmPerKm: 0.08,
      c1FPerKm: 3e-7,
    })),
    loads: parents.flatMap((_, k) =>
      idle[k] === true
        ? []
        : [{ id: `load-${k}`, bus: `bus-${k}`, activePowerW: 2000 + 700 * (k % 4), reactivePowerVar: 500 }],
    ),
    externalGrids: [{ id: 'grid', bus: 'mv', voltagePu: 1.01, shortCircuitPowerVA: 2e8 }],
  };
  return compileGrid(gridDocumentSchema.parse(input));
}

/** Injections everywhere but at the root, and more where `choose` says so, with errors of `noise` sigmas. */
function problemOf(
  grid: CompiledGrid,
  root: number,
  idle: ReadonlySet<number>,
  noise: (k: number) => number,
): EstimationProblem {
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  if (!flow.solve().converged) throw new Error('the power flow does not converge');
  const { from, to } = flow.branchCurrents();
  const { voltage } = flow;
  const injection = new Float64Array(2 * grid.busCount);
  const measurements: ScalarMeasurement[] = [];
  const add = (
    kind: ScalarMeasurement['kind'],
    place: ScalarMeasurement['place'],
    value: number,
    sigma: number,
  ): void => {
    const id = `${kind}-${measurements.length}`;
    measurements.push({ id, kind, place, phase: 0, value: value + sigma * noise(measurements.length), sigma });
  };
  const power = (v: number, current: Float64Array, i: number): [number, number] => [
    voltage[v]! * current[i]! + voltage[v + 1]! * current[i + 1]!,
    voltage[v + 1]! * current[i]! - voltage[v]! * current[i + 1]!,
  ];
  for (const branch of grid.branches) {
    for (const [end, current] of [
      ['from', from],
      ['to', to],
    ] as const) {
      const [p, q] = power(2 * branch[end], current, 2 * branch.index);
      injection[2 * branch[end]]! += p;
      injection[2 * branch[end] + 1]! += q;
      if ((branch.index + (end === 'to' ? 1 : 0)) % 4 === 0)
        add('activePower', { at: end, branch: branch.index }, p, 2e-4);
      if ((branch.index + (end === 'to' ? 1 : 0)) % 5 === 0)
        add('reactivePower', { at: end, branch: branch.index }, q, 3e-4);
    }
  }
  for (let bus = 0; bus < grid.busCount; bus++) {
    if (bus === root || bus % 3 === 0)
      add('voltageMagnitude', { at: 'bus', bus }, Math.hypot(voltage[2 * bus]!, voltage[2 * bus + 1]!), 1e-3);
    if (bus === root || idle.has(bus)) continue;
    add('activePower', { at: 'bus', bus }, injection[2 * bus]!, 1e-3);
    add('reactivePower', { at: 'bus', bus }, injection[2 * bus + 1]!, 5e-4);
    if (bus % 7 === 2) add('activePower', { at: 'bus', bus }, injection[2 * bus]!, 2e-3);
  }
  return { grid, measurements, zeroInjections: [...idle], referenceBus: root, statistics: 'never' };
}

function estimatorOf(problem: EstimationProblem): TreeEstimator {
  const estimator = createTreeEstimator(problem, { tolerancePu: 1e-12 });
  if (typeof estimator === 'string') throw new Error(estimator);
  return estimator;
}

const valuesOf = ({ measurements }: EstimationProblem): Float64Array =>
  Float64Array.from(measurements, (one) => ('value' in one ? one.value : 0));

const tree = fc.array(fc.record({ parent: fc.double({ min: 0, max: 0.999, noNaN: true }), idle: fc.boolean() }), {
  minLength: 1,
  maxLength: 25,
});

function randomProblem(
  buses: readonly { parent: number; idle: boolean }[],
  noise: (k: number) => number,
): EstimationProblem {
  const grid = villageGrid(
    buses.map(({ parent }, k) => Math.floor(parent * (k + 1)) - 1),
    buses.map(({ idle }) => idle),
  );
  const idle = new Set([grid.busIndex.get('busbar')!]);
  buses.forEach((bus, k) => {
    if (bus.idle) idle.add(grid.busIndex.get(`bus-${k}`)!);
  });
  return problemOf(grid, grid.busIndex.get('mv')!, idle, noise);
}

describe('the tree estimator', () => {
  test('gives the estimate and the objective of weighted least squares', () => {
    fc.assert(
      fc.property(tree, fc.nat(1000), (buses, seed) => {
        const problem = randomProblem(buses, (k) => 2 * Math.sin(12.9898 * (k + 1) * (seed + 1)));
        const theirs = createWeightedLeastSquares({ tolerance: 1e-12 }).estimate(problem);
        expect(theirs.status).toBe('converged');
        const estimator = estimatorOf(problem);
        const { status, objective } = estimator.estimate(valuesOf(problem), 'flat');
        expect(status).toBe('converged');
        const worst = Math.max(...estimator.voltage.map((value, k) => Math.abs(value - theirs.voltage[k]!)));
        expect(worst).toBeLessThan(1e-9);
        expect(Math.abs(objective - theirs.objective)).toBeLessThan(1e-6 * (1 + theirs.objective));
      }),
      { numRuns: 60, interruptAfterTimeLimit: 30_000 },
    );
  });

  test('returns the true state and its flows from values without errors', () => {
    const problem = randomProblem(
      Array.from({ length: 20 }, (_, k) => ({ parent: (k % 4) / 4, idle: k % 5 === 1 })),
      () => 0,
    );
    const flow = createPowerFlow(problem.grid, { tolerancePu: 1e-12 });
    flow.solve();
    const estimator = estimatorOf(problem);
    expect(estimator.estimate(valuesOf(problem), 'flat').objective).toBeLessThan(1e-12);
    const [from, to] = [0, 1].map(() => new Float64Array(2 * problem.grid.branches.length)) as [
      Float64Array,
      Float64Array,
    ];
    estimator.branchCurrents(from, to);
    const truth = flow.branchCurrents();
    // The true state is turned against the estimate by the angle of the reference.
    const angle = Math.atan2(flow.voltage[2 * problem.referenceBus + 1]!, flow.voltage[2 * problem.referenceBus]!);
    const turned = (values: Float64Array, k: number): [number, number] => [
      values[k]! * Math.cos(angle) + values[k + 1]! * Math.sin(angle),
      values[k + 1]! * Math.cos(angle) - values[k]! * Math.sin(angle),
    ];
    const differ = (values: Float64Array, others: Float64Array): number =>
      Math.max(...Array.from(values, (_, k) => Math.abs(values[k]! - turned(others, k - (k % 2))[k % 2]!)));
    expect(differ(estimator.voltage, flow.voltage)).toBeLessThan(1e-9);
    expect(differ(from, truth.from)).toBeLessThan(1e-7);
    expect(differ(to, truth.to)).toBeLessThan(1e-7);
  });

  test('goes on from the last frame to the same answer', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 80, representation: 'positive-sequence' }));
    const problem = problemOf(grid, 0, new Set(), (k) => Math.sin(7 * k));
    const estimator = estimatorOf(problem);
    estimator.estimate(valuesOf(problem), 'flat');
    const next = valuesOf(problem).map((value, k) => value * (1 + 0.01 * Math.cos(k)));
    const { iterations } = estimator.estimate(next, 'last');
    const warm = estimator.voltage.slice();
    const flat = estimator.estimate(next, 'flat');
    expect(iterations).toBeLessThan(flat.iterations);
    expect(Math.max(...warm.map((value, k) => Math.abs(value - estimator.voltage[k]!)))).toBeLessThan(1e-10);
  });

  test('says why a problem is none for it', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 120, representation: 'positive-sequence' }));
    const problem = problemOf(grid, 0, new Set(), () => 0);
    const without = problem.measurements.filter(
      (one) => !(one.kind === 'activePower' && one.place.at === 'bus' && one.place.bus === 7),
    );
    expect(createTreeEstimator({ ...problem, measurements: without })).toMatch(/injection of a bus is not known/);
    const current = { ...(problem.measurements[0] as ScalarMeasurement), kind: 'currentMagnitude' as const };
    expect(createTreeEstimator({ ...problem, measurements: [...problem.measurements, current] })).toMatch(
      /other kinds/,
    );
    const meshed = compileGrid(generateFeederGrid({ buses: 120, meshed: true, representation: 'positive-sequence' }));
    expect(createTreeEstimator({ ...problemOf(meshed, 0, new Set(), () => 0) })).toMatch(/loops/);
  });

  test('says that nothing tells how high the voltage is', () => {
    const grid = compileGrid(generateFeederGrid({ buses: 30, representation: 'positive-sequence' }));
    const { measurements, ...rest } = problemOf(grid, 0, new Set(), () => 0);
    const powers = measurements.filter(
      (one) => one.kind !== 'voltageMagnitude' && !(one.kind !== 'sourceBalance' && one.place.at !== 'bus'),
    );
    const problem = { ...rest, measurements: powers };
    expect(estimatorOf(problem).estimate(valuesOf(problem), 'flat').status).toBe('not-observable');
  });
});
