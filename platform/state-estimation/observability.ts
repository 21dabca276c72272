/**
 * Observability before solving, from the null space of the equations at no load: which buses float, which belong
 * together, and what to measure so that nothing floats (numerical observability, Abur and Exposito, 2004, ch. 4).
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { findIslands } from '../../grids/topology.ts';
import type { EstimationProblem } from './estimator.ts';
import { planMeters, type Proposal } from './meter-placement.ts';
import { derivativesAlong, openDirections, probe } from './open-directions.ts';
import { withdrawUnobserved } from './unobserved.ts';
import type { WlsSolver } from './wls-solver.ts';

/** Flow along a null vector, over the branch's admittance, below which the flow is known. */
const FLOW_SHARE = 1e-7;

export interface Observability {
  readonly observable: boolean;
  /** Number of real values that are missing. */
  readonly missing: number;
  /** Computational buses of which some phase's voltage the measurements leave open. */
  readonly unobservedBuses: readonly number[];
  /** Buses whose flows among each other are known: the largest island first; a bus of which nothing is known alone. */
  readonly islands: readonly (readonly number[])[];
  /**
   * The smallest set: one measurement for each missing value, powers before voltages and, where not too many are missing,
   * as many as possible at one bus. Fewer where no value at a bus tells what is missing, such as an angle between phases.
   */
  readonly proposals: readonly Proposal[];
}

/** Looks at structure only: neither values nor finite weights matter. */
export function analyseObservability(problem: EstimationProblem): Observability {
  const open = openDirections(problem);
  const islands = observableIslands(open.solver, problem.grid, open.generic);
  const proposals = planMeters(open, problem);
  const { open: left } = withdrawUnobserved(open.solver, open.active);
  return {
    observable: open.missing === 0,
    missing: open.missing,
    unobservedBuses: left.buses,
    islands,
    proposals,
  };
}

/** Buses joined by branches whose flow no null vector changes. */
function observableIslands(solver: WlsSolver, grid: CompiledGrid, vectors: readonly Float64Array[]): number[][] {
  const { island } = findIslands(grid.busCount, branchesOfKnownFlow(solver, grid, vectors));
  const groups = new Map<number, number[]>();
  for (const bus of solver.equations.busOfBlock) {
    const group = groups.get(island[bus]!);
    if (group === undefined) groups.set(island[bus]!, [bus]);
    else group.push(bus);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length || a[0]! - b[0]!);
}

/** Those with P and Q the same along every null vector. */
function branchesOfKnownFlow(
  solver: WlsSolver,
  grid: CompiledGrid,
  vectors: readonly Float64Array[],
): CompiledGrid['branches'] {
  const live = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const flows = live.flatMap((branch) =>
    (['activePower', 'reactivePower'] as const).flatMap((kind) =>
      Array.from({ length: grid.phases }, (_, phase) => ({
        branch,
        measurement: probe(kind, { at: 'from', branch: branch.index }, phase),
      })),
    ),
  );
  const along = derivativesAlong(
    solver,
    grid,
    flows.map(({ measurement }) => measurement),
    vectors,
  );
  const unknown = new Set(
    flows.flatMap(({ branch }, row) => {
      const size = branch.yft.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
      return along[row]!.changes.some((change) => Math.abs(change) > FLOW_SHARE * size) ? [branch] : [];
    }),
  );
  return live.filter((branch) => !unknown.has(branch));
}
