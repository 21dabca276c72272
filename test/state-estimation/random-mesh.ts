/** Random meshed 20 kV grids with lines of any length, and exact measurements of a power flow on them. */
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { randomStream } from '../../numerics/random.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimationProblem, ScalarKind, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

/** Per kilometre, as in `lines` of a grid document. */
export const CABLE = {
  r1OhmPerKm: 0.2,
  x1OhmPerKm: 0.12,
  c1FPerKm: 2e-7,
  r0OhmPerKm: 0.8,
  x0OhmPerKm: 0.4,
  c0FPerKm: 1e-7,
};

export interface MeshOptions {
  readonly phases: 1 | 3;
  /** Lengths between these, m: evenly over their logarithms, or a third of the lines one and two thirds the other. */
  readonly lengthsM: readonly [shortest: number, longest: number];
  readonly mixed: 'log-uniform' | 'one or the other';
  /** Buses to a loop. */
  readonly busesPerLoop: number;
  /** Largest standard deviation over the smallest; weights differ by its square. */
  readonly sigmaRatio: number;
  readonly voltageV?: number;
  /** Of the loads, against at most 50 kW a phase or 100 kW in one (default 1). */
  readonly loadShare?: number;
  readonly currentMagnitudes: boolean;
}

export interface MeshCase {
  readonly problem: EstimationProblem;
  /** Voltages that solve it exactly, interleaved by bus-phase. */
  readonly truth: Float64Array;
}

/** Powers at all loads, voltages at the source and a third of the buses, flows into a fifth of the lines. */
export function randomMesh(seed: number, options: MeshOptions): MeshCase {
  const random = randomStream(`mesh-${seed}`, []);
  const { phases, sigmaRatio } = options;
  const buses = 5 + Math.floor(35 * random.uniform());
  const isLoaded = Array.from({ length: buses }, (_, bus) => bus > 0 && random.uniform() < 0.7);
  const grid = meshGrid(random.uniform, isLoaded, options);
  const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
  flow.solve();
  const truth = flow.voltage.slice();
  const injections = busInjections(grid, truth);
  const measurements: ScalarMeasurement[] = [];
  const add = (kind: ScalarKind, place: ScalarMeasurement['place'], phase: number, value: number, sigma = 1e-3) =>
    measurements.push({ id: `m${measurements.length}`, kind, place, phase, value, sigma });
  const sigma = () => 1e-3 * sigmaRatio ** (random.uniform() - 0.5);
  for (let k = 0; k < buses * phases; k += 1) {
    const [bus, phase] = [Math.floor(k / phases), k % phases];
    const place = { at: 'bus', bus } as const;
    const [re, im] = [truth[2 * k]!, truth[2 * k + 1]!];
    if (bus === 0 || random.uniform() < 0.3) add('voltageMagnitude', place, phase, Math.hypot(re, im), sigma());
    // Without a common clock the three angles at the head are known of nobody else.
    if (bus === 0 && phases === 3) add('voltageAngle', place, phase, Math.atan2(im, re));
    if (isLoaded[bus] !== true) continue;
    add('activePower', place, phase, injections[2 * k]!, sigma());
    add('reactivePower', place, phase, injections[2 * k + 1]!, sigma());
  }
  for (const branch of grid.branches) {
    if (random.uniform() > 0.2) continue;
    const { activePower, current } = branchEndFlow(grid, branch, 'from', truth);
    const place = { at: 'from', branch: branch.index } as const;
    for (let phase = 0; phase < phases; phase += 1) {
      add('activePower', place, phase, activePower[phase]!, sigma());
      if (options.currentMagnitudes) add('currentMagnitude', place, phase, current[phase]!, sigma());
    }
  }
  const zeroInjections = isLoaded.flatMap((loaded, bus) => (bus > 0 && !loaded ? [bus] : []));
  return { problem: { grid, measurements, zeroInjections, referenceBus: 0, statistics: 'full' }, truth };
}

function meshGrid(
  uniform: () => number,
  isLoaded: readonly boolean[],
  { phases, lengthsM: [shortest, longest], mixed, busesPerLoop, voltageV = 20_000, loadShare = 1 }: MeshOptions,
): CompiledGrid {
  const buses = isLoaded.length;
  const watts = (most: number) => loadShare * most * uniform();
  const any = () => Math.floor(buses * uniform());
  const tree = Array.from({ length: buses - 1 }, (_, i) => [Math.floor((i + 1) * uniform()), i + 1] as const);
  const loops = Array.from({ length: Math.ceil(buses / busesPerLoop) }, () => [any(), any()] as const);
  const lengthM = () =>
    mixed === 'log-uniform' ? shortest * (longest / shortest) ** uniform() : uniform() < 0.3 ? shortest : longest;
  return compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'random mesh',
      representation: phases === 3 ? 'three' : 'positive-sequence',
      buses: isLoaded.map((_, i) => ({ id: `b${i}`, nominalVoltageV: voltageV })),
      lines: [...tree, ...loops.filter(([a, b]) => a !== b)].map(([from, to], i) => ({
        id: `l${i}`,
        from: `b${from}`,
        to: `b${to}`,
        lengthM: lengthM(),
        ...CABLE,
      })),
      loads: isLoaded.flatMap((loaded, i) =>
        loaded
          ? [
              {
                id: `d${i}`,
                bus: `b${i}`,
                activePowerW: phases === 3 ? { A: watts(2e4), B: watts(5e4), C: watts(3e4) } : watts(1e5),
                reactivePowerVar: watts(3e4),
              },
            ]
          : [],
      ),
      externalGrids: [{ id: 'g', bus: 'b0' }],
    }),
  );
}

/** Largest error of a voltage component, infinite where one is not a number. */
export function largestError(voltage: Float64Array, truth: Float64Array): number {
  return truth.reduce((most, value, i) => {
    const error = Math.abs(voltage[i]! - value);
    return Number.isNaN(error) ? Infinity : Math.max(most, error);
  }, 0);
}
