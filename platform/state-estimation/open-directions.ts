/** What measurements leave open: the null space of the equations at no load, and what a further measurement would see of it. */
import type { CompiledGrid } from '../../grids/model.ts';
import { evaluate } from './equations/evaluate.ts';
import { layOutEquations, noLoadEquations } from './equations/layout.ts';
import { loadMeasurements } from './equations/load.ts';
import { ROW } from './equations/row-kinds.ts';
import type { EstimationProblem, MeasuredPlace, ScalarKind, ScalarMeasurement } from './estimator.ts';
import { flatStart } from './flat-start.ts';
import { NULL_SHARE, unobserved } from './unobserved.ts';
import { WlsSolver } from './wls-solver.ts';
import { startSolver } from './wls-start.ts';

/** Of more missing values than these the null space is not looked at vector by vector. */
const VECTORS_MAX = 40;

export interface OpenDirections {
  readonly solver: WlsSolver;
  /** Rows of measurements in use. */
  readonly active: number;
  /** Dimension of the null space as far as it moves voltages. */
  readonly missing: number;
  /** All of its vectors, undefined where they are too many, and two that have entries wherever any has. */
  readonly vectors: readonly Float64Array[] | undefined;
  readonly generic: readonly Float64Array[];
}

/** The null space at no load. */
export function openDirections(problem: EstimationProblem): OpenDirections {
  const solver = new WlsSolver(problem);
  const loaded = solver.load(problem);
  startSolver(solver, flatStart(problem.grid), loaded, false);
  solver.factoriseUnweighted();
  const { ldl, equations } = solver;
  const moving = (found: readonly Float64Array[]): Float64Array[] =>
    found.flatMap((vector) => {
      const voltages = vector.slice(0, 2 * equations.states);
      const largest = voltages.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return largest < NULL_SHARE ? [] : [voltages.map((value) => value / largest)];
    });
  const missing = unobserved(solver).states;
  return {
    solver,
    active: loaded.active,
    missing,
    vectors: missing > VECTORS_MAX ? undefined : moving(ldl.nullVectors()),
    generic: ldl.nullity === 0 ? [] : moving([ldl.genericNullVector(0), ldl.genericNullVector(1)]),
  };
}

export function busOfUnknown(solver: WlsSolver, unknown: number): number {
  return solver.equations.busOfBlock[solver.equations.blockOfUnknown[unknown]!]!;
}

/** A measurement of which only the derivatives matter. */
export function probe(kind: ScalarKind, place: MeasuredPlace, phase: number): ScalarMeasurement {
  return { id: '', kind, place, phase, value: 0, sigma: 1 };
}

/** Derivatives of one measurement along each null vector, and its largest derivative of all for scale. */
export interface Along {
  readonly changes: number[];
  size: number;
}

/** dh/dx times each null vector at the solver's state, measurement by measurement. */
export function derivativesAlong(
  solver: WlsSolver,
  grid: CompiledGrid,
  measurements: readonly ScalarMeasurement[],
  vectors: readonly Float64Array[],
): Along[] {
  const referenceBus = busOfUnknown(solver, 2 * (solver.equations.referenceOfIsland[0] ?? 0));
  const equations = layOutEquations({ grid, measurements, zeroInjections: [], referenceBus, statistics: 'never' });
  loadMeasurements(equations, measurements);
  evaluate(noLoadEquations(equations, grid, flatStart(grid, 'without charge')), solver.noLoadX);
  const along = measurements.map((): Along => ({ changes: vectors.map(() => 0), size: 0 }));
  for (let entry = 0; entry < equations.entryRow.length; entry += 1) {
    const row = equations.entryRow[entry]!;
    if (row >= measurements.length || equations.kind[row] === ROW.inert) continue;
    const { changes } = along[row]!;
    const derivative = equations.jacobian[entry]!;
    along[row]!.size = Math.max(along[row]!.size, Math.abs(derivative));
    for (let v = 0; v < vectors.length; v += 1) {
      changes[v]! += derivative * vectors[v]![equations.entryColumn[entry]!]!;
    }
  }
  return along;
}
