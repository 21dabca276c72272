/** Noise-free measurements give the truth back on grids of every shape: loops, banks, three windings, missing phases. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompiledGrid } from '../../grids/model.ts';
import { branchEndFlow, busInjections, gridLosses, shuntPower } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { analyseObservability } from '../../platform/state-estimation/observability.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { openDssDocument, type OpenDssCase } from '../grids/opendss-tables.ts';
import { compile, documentOf, randomGrid } from '../physics/random-grid.ts';
import { hasReference, referenceJson } from '../reference.ts';

/** |V|, P and Q of every phase that is there; nothing where nothing is injected, which is known. Angles at the source. */
function measureAll(grid: CompiledGrid, truth: Float64Array): EstimationProblem {
  const { phases } = grid;
  const injections = busInjections(grid, truth);
  const zeroInjections = zeroInjectionBuses(grid);
  const measurements: ScalarMeasurement[] = [];
  for (let k = 0; k < grid.busCount * phases; k += 1) {
    if (grid.energisedPhases[k] !== 1) continue;
    const bus = Math.floor(k / phases);
    const common = { place: { at: 'bus', bus } as const, phase: k % phases, sigma: 1e-3 };
    const size = Math.hypot(truth[2 * k]!, truth[2 * k + 1]!);
    measurements.push({ ...common, id: `v${k}`, kind: 'voltageMagnitude', value: size });
    // Without a common clock the three angles at the head are known of nobody else.
    if (bus === grid.sources[0]!.bus && phases === 3) {
      const value = Math.atan2(truth[2 * k + 1]!, truth[2 * k]!);
      measurements.push({ ...common, id: `a${k}`, kind: 'voltageAngle', value });
    }
    if (zeroInjections.includes(bus)) continue;
    measurements.push(
      { ...common, id: `p${k}`, kind: 'activePower', value: injections[2 * k]! },
      { ...common, id: `q${k}`, kind: 'reactivePower', value: injections[2 * k + 1]! },
    );
  }
  return { grid, measurements, zeroInjections, referenceBus: grid.sources[0]!.bus, statistics: 'full' };
}

/** Largest distance between estimate and truth, with the truth turned to the reference. */
function worst({ grid, referenceBus }: EstimationProblem, voltage: Float64Array, truth: Float64Array): number {
  const k = 2 * referenceBus * grid.phases;
  const turn = Math.atan2(truth[k + 1]!, truth[k]!);
  let most = 0;
  for (let i = 0; i < truth.length; i += 2) {
    if (grid.energisedPhases[i / 2] !== 1) continue;
    const re = truth[i]! * Math.cos(turn) + truth[i + 1]! * Math.sin(turn);
    const im = truth[i + 1]! * Math.cos(turn) - truth[i]! * Math.sin(turn);
    const distance = Math.hypot(voltage[i]! - re, voltage[i + 1]! - im);
    most = Number.isNaN(distance) ? Infinity : Math.max(most, distance);
  }
  return most;
}

describe('estimates of odd grids', () => {
  test('random villages behind two or three windings, with loops, laterals of one and two phases, all kinds of lines', () => {
    fc.assert(
      fc.property(randomGrid, (random) => {
        const grid = compile(documentOf(random));
        const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
        fc.pre(flow.solve().converged);
        const problem = measureAll(grid, flow.voltage);
        expect(analyseObservability(problem).unobservedBuses).toEqual([]);
        const result = createWeightedLeastSquares().estimate(problem);
        expect(result.status).toBe('converged');
        expect(worst(problem, result.voltage, flow.voltage)).toBeLessThan(1e-8);
        expect(gridLosses(grid, result.voltage) - gridLosses(grid, flow.voltage)).toBeCloseTo(0, 8);
        // Whatever is energised has a standard deviation, and what is not has none.
        result.voltageMagnitudeSigma!.forEach((sigma, k) => {
          expect(sigma > 0).toBe(grid.energisedPhases[k] === 1);
        });
        for (const branch of grid.branches) {
          branchEndFlow(grid, branch, 'from', result.voltage).activePower.forEach((_, phase) => {
            const sigma = result.flowSigmas!.branch[6 * (branch.index * grid.phases + phase)]!;
            expect(Number.isNaN(sigma)).toBe(grid.energisedPhases[branch.from * grid.phases + phase] !== 1);
          });
        }
      }),
      { seed: 13, numRuns: 60, endOnFailure: true },
    );
  });

  test('losses and their standard deviation are those of branches; what a shunt draws is told apart', () => {
    const shunt = { id: 'heater', bus: 'bus-1', activePowerW: 20_000 };
    for (const random of fc.sample(randomGrid, { seed: 3, numRuns: 4 })) {
      const input = documentOf({ ...random, feeders: random.feeders.slice(0, 4), stiff: true });
      const grid = compile({ ...input, shunts: [...input.shunts!, shunt] });
      const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
      expect(flow.solve().converged).toBe(true);
      const totals = flow.totals();
      const watts = (grid.basePowerVA * 3) / grid.phases;
      expect(gridLosses(grid, flow.voltage) * watts).toBeCloseTo(totals.lossesW, 2);
      expect(shuntPower(grid, flow.voltage) * watts).toBeCloseTo(totals.shuntsW, 2);
      const problem = measureAll(grid, flow.voltage);
      const measurements = problem.measurements as readonly ScalarMeasurement[];
      const estimator = createWeightedLeastSquares();
      // The error of every measurement carried through to both.
      const totalsWith = (index: number, sigmas: number): readonly number[] => {
        const changed = measurements.map((one, k) =>
          k === index ? { ...one, value: one.value + sigmas * one.sigma } : one,
        );
        const { voltage } = estimator.estimate({ ...problem, measurements: changed });
        return [gridLosses(grid, voltage), shuntPower(grid, voltage)];
      };
      const variances = [0, 0];
      for (const k of measurements.keys()) {
        const [more, less] = [totalsWith(k, 0.02), totalsWith(k, -0.02)];
        for (const total of [0, 1]) variances[total]! += ((more[total]! - less[total]!) / 0.04) ** 2;
      }
      const { losses, shunts } = estimator.estimate(problem).flowSigmas!;
      expect(losses / Math.sqrt(variances[0]!)).toBeCloseTo(1, 3);
      expect(shunts / Math.sqrt(variances[1]!)).toBeCloseTo(1, 3);
    }
  });

  test.skipIf(!hasReference)('the IEEE 13-node feeder (skipped without the reference folder)', () => {
    const data = referenceJson('power-flow/opendss-solved/ieee13_taps.json') as OpenDssCase;
    for (const own of [false, true]) {
      const grid = compile(openDssDocument(data, own));
      const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
      expect(flow.solve().converged).toBe(true);
      const problem = measureAll(grid, flow.voltage);
      const result = createWeightedLeastSquares().estimate(problem);
      expect(result.status).toBe('converged');
      expect(worst(problem, result.voltage, flow.voltage)).toBeLessThan(1e-8);
    }
  });
});
