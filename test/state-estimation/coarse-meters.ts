/** Random low-voltage grids with readings drawn from standard deviations that lie up to 1e4 apart. */
import { randomStream } from '../../numerics/random.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../../platform/state-estimation/estimator.ts';
import { randomMesh } from './random-mesh.ts';

export interface CoarseOptions {
  readonly phases: 1 | 3;
  /** Infinity: radial. */
  readonly busesPerLoop: number;
  /** Per unit: 0.3 is 100 kW in a phase. */
  readonly sigma: { readonly voltage: number; readonly injection: number; readonly flow: number };
  /** Voltmeters at every bus, or as the mesh has them. */
  readonly voltagesEverywhere?: boolean;
}

export interface CoarseCase {
  readonly problem: EstimationProblem;
  readonly truth: Float64Array;
}

/** Up to 40 buses of 400 V; what injects nothing is measured like the rest. */
export function coarseMeters(seed: number, options: CoarseOptions): CoarseCase {
  const { phases, busesPerLoop, sigma, voltagesEverywhere = false } = options;
  const { problem, truth } = randomMesh(seed, {
    phases,
    busesPerLoop,
    lengthsM: [15, 150],
    mixed: 'log-uniform',
    sigmaRatio: 1,
    voltageV: 400,
    loadShare: 0.05,
    currentMagnitudes: false,
  });
  const random = randomStream(`coarse-${seed}`, []);
  // Box and Muller, "A note on the generation of random normal deviates", Ann. Math. Stat. 29, 1958.
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());
  const read = (m: EstimatorMeasurement): EstimatorMeasurement => {
    if (m.kind === 'sourceBalance' || 'angleRad' in m || m.kind === 'voltageAngle') return m;
    const own = m.kind === 'voltageMagnitude' ? sigma.voltage : m.place.at === 'bus' ? sigma.injection : sigma.flow;
    return { ...m, value: m.value + own * normal(), sigma: own };
  };
  const common = (bus: number, phase: number) => ({ place: { at: 'bus', bus } as const, phase, value: 0, sigma: 1 });
  const idle = problem.zeroInjections.flatMap((bus) =>
    Array.from({ length: phases }, (_, phase) => [
      { ...common(bus, phase), id: `p-${bus}-${phase}`, kind: 'activePower' } as const,
      { ...common(bus, phase), id: `q-${bus}-${phase}`, kind: 'reactivePower' } as const,
    ]).flat(),
  );
  const kept = problem.measurements.filter((m) => !voltagesEverywhere || m.kind !== 'voltageMagnitude');
  const everywhere = Array.from({ length: voltagesEverywhere ? truth.length / 2 : 0 }, (_, k) => {
    const value = Math.hypot(truth[2 * k]!, truth[2 * k + 1]!);
    const [bus, phase] = [Math.floor(k / phases), k % phases];
    return { ...common(bus, phase), id: `v-${k}`, kind: 'voltageMagnitude', value } as const;
  });
  const measurements = [...kept, ...idle, ...everywhere].map(read);
  return { problem: { ...problem, measurements, zeroInjections: [], statistics: 'never' }, truth };
}

/**
 * Sum of squared weighted residuals at any voltages, from powers and magnitudes as everybody else computes them. Measured
 * angles, which are equally sharp, count against their mean: voltages are given without a common clock.
 */
export function sumOfSquares({ grid, measurements }: EstimationProblem, voltage: Float64Array): number {
  const injections = busInjections(grid, voltage);
  const ends = grid.branches.map((branch) => branchEndFlow(grid, branch, 'from', voltage));
  const estimated = (m: EstimatorMeasurement): number => {
    if (m.kind === 'sourceBalance' || m.phase === 'sum') throw new Error(`${m.id} is none of these meters`);
    const active = m.kind === 'activePower';
    if (m.place.at !== 'bus') return ends[m.place.branch]![active ? 'activePower' : 'reactivePower'][m.phase]!;
    const k = 2 * (m.place.bus * grid.phases + m.phase);
    if (m.kind === 'voltageMagnitude') return Math.hypot(voltage[k]!, voltage[k + 1]!);
    return m.kind === 'voltageAngle' ? Math.atan2(voltage[k + 1]!, voltage[k]!) : injections[active ? k : k + 1]!;
  };
  const residuals = measurements.map((m) => ({ m, residual: 'value' in m ? m.value - estimated(m) : 0 }));
  const angles = residuals.filter(({ m }) => m.kind === 'voltageAngle').map(({ residual }) => residual);
  const turn = angles.reduce((sum, angle) => sum + angle / angles.length, 0);
  return residuals.reduce(
    (sum, { m, residual }) => sum + ((residual - (m.kind === 'voltageAngle' ? turn : 0)) / m.sigma) ** 2,
    0,
  );
}
