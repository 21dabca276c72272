/** Lines from kilometres down to a tenth of a millimetre beside one another, with weights that differ by 1e8. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import type { ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { CABLE, largestError, randomMesh } from './random-mesh.ts';

const BUSES = 20;

/** A feeder of which every third line is short. */
function feeder(shortM: number, representation: 'three' | 'positive-sequence'): CompiledGrid {
  return compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'short lines',
      representation,
      buses: Array.from({ length: BUSES }, (_, i) => ({ id: `b${i}`, nominalVoltageV: 20_000 })),
      lines: Array.from({ length: BUSES - 1 }, (_, i) => ({
        id: `l${i}`,
        from: `b${i}`,
        to: `b${i + 1}`,
        lengthM: i % 3 === 1 ? shortM : 5000,
        ...CABLE,
      })),
      loads: Array.from({ length: BUSES - 1 }, (_, i) => ({
        id: `d${i}`,
        bus: `b${i + 1}`,
        activePowerW: representation === 'three' ? { A: 2e4, B: 5e4, C: 3e4 } : 1e5,
        reactivePowerVar: 3e4,
      })),
      externalGrids: [{ id: 'g', bus: 'b0' }],
    }),
  );
}

function measure(grid: CompiledGrid, truth: Float64Array, sigmaRatio: number): ScalarMeasurement[] {
  const { phases } = grid;
  const injections = busInjections(grid, truth);
  const measurements: ScalarMeasurement[] = [];
  for (let k = 0; k < BUSES * phases; k += 1) {
    const bus = Math.floor(k / phases);
    const common = { place: { at: 'bus', bus } as const, phase: k % phases };
    const size = Math.hypot(truth[2 * k]!, truth[2 * k + 1]!);
    if (bus % 5 === 0) {
      const sigma = bus === 0 ? 1e-3 / sigmaRatio : 1e-3;
      measurements.push({ ...common, id: `v${k}`, kind: 'voltageMagnitude', value: size, sigma });
    }
    // Without a common clock the three angles at the head are known of nobody else.
    if (bus === 0 && phases === 3) {
      const value = Math.atan2(truth[2 * k + 1]!, truth[2 * k]!);
      measurements.push({ ...common, id: `a${k}`, kind: 'voltageAngle', value, sigma: 1e-3 });
    }
    if (bus === 0) continue;
    const sigma = bus % 2 === 1 ? 1e-3 : 1e-3 * sigmaRatio;
    measurements.push(
      { ...common, id: `p${k}`, kind: 'activePower', value: injections[2 * k]!, sigma },
      { ...common, id: `q${k}`, kind: 'reactivePower', value: injections[2 * k + 1]!, sigma },
    );
  }
  return measurements;
}

describe('very short lines and very unlike weights', () => {
  for (const representation of ['positive-sequence', 'three'] as const) {
    test.each([
      [5000, 1e4],
      [10, 1e4],
      [1, 1],
      [1, 1e4],
      [0.01, 1e4],
      [1e-4, 1],
      [1e-4, 1e4],
    ])(`${representation}: lines of %f m beside some of 5 km, sigmas that differ by %f`, (shortM, sigmaRatio) => {
      const grid = feeder(shortM, representation);
      const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
      flow.solve();
      const truth = flow.voltage;
      const measurements = measure(grid, truth, sigmaRatio);
      const problem = { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'full' as const };
      const result = createWeightedLeastSquares().estimate(problem);
      expect(result.status).toBe('converged');
      result.voltage.forEach((value, i) => expect(Math.abs(value - truth[i]!)).toBeLessThan(1e-8));
      // The flow through a short line is known as well as those on either side of it.
      const [before, short] = [0, 1].map((branch) => result.flowSigmas!.branch[6 * branch * grid.phases]!);
      expect(short!).toBeGreaterThan(0.5 * before!);
      expect(short!).toBeLessThan(2 * before!);
    });
  }

  test('what flows through a short line can be measured', () => {
    const grid = feeder(1e-3, 'positive-sequence');
    const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
    flow.solve();
    const place = { at: 'to', branch: 4 } as const;
    const { activePower, current } = branchEndFlow(grid, grid.branches[5]!, 'from', flow.voltage);
    const load = busInjections(grid, flow.voltage)[2 * 5]!;
    const measurements = measure(grid, flow.voltage, 1);
    const value = -(activePower[0]! - load);
    const extra: ScalarMeasurement[] = [
      { id: 'p', kind: 'activePower', place, phase: 0, value: value + 0.01, sigma: 1e-4 },
      {
        id: 'i',
        kind: 'currentMagnitude',
        place: { at: 'from', branch: 5 },
        phase: 0,
        value: current[0]!,
        sigma: 1e-3,
      },
    ];
    const problem = { grid, zeroInjections: [], referenceBus: 0, statistics: 'full' as const };
    const result = createWeightedLeastSquares().estimate({ ...problem, measurements: [...measurements, ...extra] });
    // It is off by a hundred of its sigmas, and the others say so.
    expect(result.status).toBe('converged');
    expect(result.suspects[0]!.measurement).toBe('p');
  });

  describe.each([1, 3] as const)('meshes of random lengths, phases: %i', (phases) => {
    test.each([
      { lengthsM: [0.1, 10_000], mixed: 'log-uniform', busesPerLoop: 5, sigmaRatio: 1 },
      { lengthsM: [0.1, 10_000], mixed: 'log-uniform', busesPerLoop: 5, sigmaRatio: 1e4 },
      { lengthsM: [0.1, 10_000], mixed: 'log-uniform', busesPerLoop: 1, sigmaRatio: 1 },
      { lengthsM: [0.001, 10_000], mixed: 'log-uniform', busesPerLoop: 5, sigmaRatio: 1 },
      { lengthsM: [0.01, 10_000], mixed: 'one or the other', busesPerLoop: 5, sigmaRatio: 1 },
      { lengthsM: [0.1, 300], mixed: 'log-uniform', busesPerLoop: 5, sigmaRatio: 1, voltageV: 400 },
    ] as const)('$lengthsM m, $mixed, a loop to $busesPerLoop buses, sigmas that differ by $sigmaRatio', (options) => {
      for (let seed = 1; seed <= 30; seed += 1) {
        const { problem, truth } = randomMesh(seed, { ...options, phases, currentMagnitudes: false });
        const result = createWeightedLeastSquares().estimate(problem);
        expect(result.status, `seed ${seed}`).toBe('converged');
        expect(result.iterations, `seed ${seed}`).toBeLessThan(16);
        expect(largestError(result.voltage, truth), `seed ${seed}`).toBeLessThan(1e-7);
        expect(result.flowSigmas!.branch.every(Number.isFinite), `seed ${seed}`).toBe(true);
      }
    });
  });
});
