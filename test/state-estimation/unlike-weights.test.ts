/** Standard deviations that lie 1e4 apart, and readings as coarse: a minimum is found wherever there is one. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { randomStream } from '../../numerics/random.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { flatStart } from '../../platform/state-estimation/flat-start.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { WlsSolver } from '../../platform/state-estimation/wls-solver.ts';
import { startSolver } from '../../platform/state-estimation/wls-start.ts';
import { coarseMeters, sumOfSquares } from './coarse-meters.ts';
import { measureDistrict, randomDistrict } from './random-district.ts';
import { CABLE, largestError } from './random-mesh.ts';

const forms = [
  ['the general form', createWeightedLeastSquares],
  ['the fastest form', createLeastSquares],
] as const;

const sharp = { voltage: 1e-3, injection: 0.3, flow: 3e-5 };
const classes = {
  'noise of 100 kW at every bus': { sigma: sharp },
  'the same beside voltmeters everywhere': { sigma: sharp, voltagesEverywhere: true },
  'injections to 10 W beside coarse voltages and flows': { sigma: { voltage: 0.1, injection: 3e-5, flow: 0.3 } },
} as const;
const grids = [
  { phases: 1, busesPerLoop: Infinity },
  { phases: 1, busesPerLoop: 5 },
  { phases: 3, busesPerLoop: Infinity },
  { phases: 3, busesPerLoop: 5 },
] as const;

describe.each(Object.entries(classes))('%s', (_, meters) => {
  test.each(grids)('no state nearby has a smaller sum of squares: %o', (grid) => {
    for (let seed = 1; seed <= 4; seed += 1) {
      const { problem, truth } = coarseMeters(seed, { ...grid, ...meters });
      const random = randomStream(`nearby-${seed}`, []);
      for (const [name, create] of forms) {
        const { status, voltage, objective } = create().estimate(problem);
        expect(status, `seed ${seed}, ${name}`).toBe('converged');
        const least = sumOfSquares(problem, voltage);
        expect(Math.abs(objective / least - 1)).toBeLessThan(1e-6);
        expect(least).toBeLessThan(sumOfSquares(problem, truth));
        for (let direction = 0; direction < 12; direction += 1) {
          const away = voltage.map(() => random.uniform() - 0.5);
          for (const far of [-1e-3, -1e-5, 1e-5, 1e-3]) {
            expect(
              sumOfSquares(
                problem,
                voltage.map((v, i) => v + far * away[i]!),
              ),
            ).toBeGreaterThan(least);
          }
        }
      }
    }
  });
});

/**
 * Objectives of the first seeds by scipy.optimize.least_squares 1.x (trust region, dense, analytic derivatives, tolerances
 * of 1e-15) on the admittance matrix: the lower
 * of those from the truth and from a flat start, which differ for two seeds of three phases.
 */
const BY_SCIPY = [
  [grids[0], 'noise of 100 kW at every bus', [14.73018158, 9.36824835, 2.44535778]],
  [grids[0], 'the same beside voltmeters everywhere', [32.89696157, 27.14091808, 10.49649813]],
  [grids[1], 'the same beside voltmeters everywhere', [36.0805066, 30.09184592, 11.16709101]],
  [grids[2], 'noise of 100 kW at every bus', [41.0046985, 37.29046259, 10.41231334]],
  [grids[2], 'the same beside voltmeters everywhere', [93.73204719, 82.41528405, 27.45399769]],
] as const;

test.each(BY_SCIPY)('the minimum is that of another solver: %o, %s', (grid, meters, objectives) => {
  objectives.forEach((objective, k) => {
    const { problem } = coarseMeters(k + 1, { ...grid, ...classes[meters] });
    expect(Math.abs(createLeastSquares().estimate(problem).objective - objective)).toBeLessThan(2e-8);
  });
});

/** |V| = 1 at the head of 150 m of cable, P and Q of what is at its end, in shares of the most that it carries at Q = 0. */
function atTheEnd(share: number, sigma: number): { problem: EstimationProblem; lowest: number } {
  const lengthM = 150;
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'one load',
      representation: 'positive-sequence',
      buses: [0, 1].map((i) => ({ id: `b${i}`, nominalVoltageV: 400 })),
      lines: [{ id: 'l', from: 'b0', to: 'b1', lengthM, ...CABLE, c1FPerKm: 0, c0FPerKm: 0 }],
      loads: [{ id: 'd', bus: 'b1', activePowerW: 1e5 }],
      externalGrids: [{ id: 'g', bus: 'b0' }],
    }),
  );
  // E^2 / 2 (|Z| + R), at |V| = E |Z| / sqrt(2 |Z| (|Z| + R)).
  const kilometres = lengthM / 1000;
  const ohms = grid.baseVoltageV[1]! ** 2 / grid.basePowerVA;
  const r = (CABLE.r1OhmPerKm * kilometres) / ohms;
  const z = Math.hypot(r, (CABLE.x1OhmPerKm * kilometres) / ohms);
  const power = { place: { at: 'bus', bus: 1 } as const, phase: 0, sigma };
  const measurements: ScalarMeasurement[] = [
    { id: 'v', kind: 'voltageMagnitude', place: { at: 'bus', bus: 0 }, phase: 0, value: 1, sigma: 1e-4 },
    { ...power, id: 'p', kind: 'activePower', value: -share / (2 * (z + r)) },
    { ...power, id: 'q', kind: 'reactivePower', value: 0 },
  ];
  const problem = { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'always' } as const;
  return { problem, lowest: z / Math.sqrt(2 * z * (z + r)) };
}

test.each([1, 3] as const)(
  'the descent alone leads where plain steps lead, in districts of every element, phases: %i',
  (phases) => {
    for (let seed = 900; seed < 912; seed += 1) {
      const district = randomDistrict(seed, phases);
      const meters = { noise: 1, sigma: 1e-3, flows: 0.2, currentMagnitudes: false };
      const problem = { ...measureDistrict(district, seed, meters), statistics: 'never' as const };
      const solver = new WlsSolver(problem);
      startSolver(solver, flatStart(problem.grid), solver.load(problem), false);
      expect(solver.descend(1e-10).converged, `seed ${seed}`).toBe(true);
      const { voltage } = createWeightedLeastSquares().estimate(problem);
      const { busPhaseOfState, voltages } = solver.equations;
      for (let state = 0; state < voltages; state += 1) {
        const k = 2 * busPhaseOfState[state]!;
        const size = Math.hypot(solver.x[2 * state]!, solver.x[2 * state + 1]!);
        expect(Math.abs(size - Math.hypot(voltage[k]!, voltage[k + 1]!)), `seed ${seed}`).toBeLessThan(1e-9);
      }
    }
  },
);

describe.each(forms)('at the limit of what a line carries: %s', (_, create) => {
  test.each([1e-5, 1e-3, 0.3])('more than the limit is said to be so, less is estimated, sigma %f', (sigma) => {
    for (const share of [0.5, 0.9, 0.99, 0.999]) {
      const { problem, lowest } = atTheEnd(share, sigma);
      const { status, objective, voltage } = create().estimate(problem);
      expect(status, `${share}`).toBe('converged');
      expect(objective).toBeLessThan(1e-9);
      expect(Math.hypot(voltage[2]!, voltage[3]!)).toBeGreaterThan(lowest);
    }
    for (const share of [1.01, 1.2, 2]) {
      const { status, unobservedBuses } = create().estimate(atTheEnd(share, sigma).problem);
      expect([status, unobservedBuses], `${share}`).toEqual(['diverged', []]);
    }
  });

  test('a meter too coarse to tell anything is carried by a sharp voltage at the same bus', () => {
    const { problem } = atTheEnd(1.2, 3);
    const near = { id: 'near', kind: 'voltageMagnitude', place: { at: 'bus', bus: 1 }, phase: 0 } as const;
    const measurements = [...problem.measurements, { ...near, value: 0.95, sigma: 1e-4 }];
    const { status, voltage } = create().estimate({ ...problem, measurements });
    expect(status).toBe('converged');
    expect(Math.abs(Math.hypot(voltage[2]!, voltage[3]!) - 0.95)).toBeLessThan(1e-4);
  });
});

test.each(forms)('from the last answer or from none: frames whose weights jump by 1e8, %s', (_, create) => {
  const blunt = { voltage: 0.1, injection: 3e-5, flow: 0.25 };
  for (let seed = 1; seed <= 6; seed += 1) {
    const stream = create();
    const first = coarseMeters(seed, { phases: 3, busesPerLoop: Infinity, sigma: sharp }).problem;
    for (let frame = 0; frame < 5; frame += 1) {
      const sigma = [sharp, blunt, { ...sharp, injection: 3e-3 }, { ...blunt, flow: 1e-3 }, sharp][frame]!;
      const { measurements } = coarseMeters(seed, { phases: 3, busesPerLoop: Infinity, sigma }).problem;
      const problem = { ...first, measurements };
      const warm = stream.estimate(problem);
      const cold = create().estimate(problem);
      expect([warm.status, cold.status], `seed ${seed}, frame ${frame}`).toEqual(['converged', 'converged']);
      expect(largestError(warm.voltage, cold.voltage), `seed ${seed}, frame ${frame}`).toBeLessThan(1e-7);
    }
  }
});
