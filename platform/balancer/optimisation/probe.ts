/** Asks whether a choice of a problem's demands can be met together, again and again, each time from the basis before. */
import type { LinearSolver } from '../../../numerics/linear-program.ts';
import { boundsWith, type Demand, type PlanModel } from './model.ts';
import { flowsBothWays } from './net.ts';
import { solvePhysically } from './solve.ts';

export interface Probe {
  /** The demands that are met by a point which meets the chosen ones; undefined when no point does. */
  meet(isChosen: (demand: Demand, index: number) => boolean): { isMet(demand: Demand): boolean } | undefined;
  /** Whether the linear program alone proves that the chosen demands clash: quick, and never true without reason. */
  clashesLinearly(isChosen: (demand: Demand, index: number) => boolean): boolean;
  dispose(): void;
}

/** kW and kWh by which a demand may be missed and still count as met. */
const TOLERANCE = 1e-6;

export function createProbe(solver: LinearSolver, model: PlanModel): Probe {
  const linear = solver.open(model.program);
  return {
    meet(isChosen) {
      const bounds = boundsWith(model, isChosen);
      linear.setBounds(bounds);
      // Most choices are infeasible without any binary, or feasible with none that bites.
      const answer = linear.solve();
      if (answer.status === 'infeasible') return undefined;
      if (answer.status === 'optimal' && !hasLoops(model, answer.x)) {
        return { isMet: (demand) => isMet(model, answer.x, demand) };
      }
      const session = solver.open({ ...model.program, ...bounds });
      try {
        const found = solvePhysically(solver, session, model, bounds, true);
        if (found.status === 'infeasible') return undefined;
        // Where loops were netted, the solver's point is not the plan's: it proves the chosen demands and no others.
        const point = found.status === 'optimal' && !hasLoops(model, found.x) ? found.x : undefined;
        return { isMet: (demand) => point !== undefined && isMet(model, point, demand) };
      } finally {
        session.dispose();
      }
    },
    clashesLinearly(isChosen) {
      linear.setBounds(boundsWith(model, isChosen));
      return linear.solve().status === 'infeasible';
    },
    dispose: () => linear.dispose(),
  };
}

function hasLoops({ columns }: PlanModel, x: Float64Array): boolean {
  const pairs = [
    [columns.import, columns.export],
    ...columns.charge.map((charge, n) => [charge, columns.discharge[n] ?? []] as const),
  ] as const;
  return pairs.some(([firsts, seconds]) =>
    firsts.some((first, step) => flowsBothWays(x, { first, second: seconds[step] as number })),
  );
}

function isMet({ program }: PlanModel, x: Float64Array, demand: Demand): boolean {
  let value = 0;
  if (demand.on === 'column') value = x[demand.index] as number;
  else {
    for (
      let entry = program.starts[demand.index] as number;
      entry < (program.starts[demand.index + 1] as number);
      entry += 1
    ) {
      value += (program.values[entry] as number) * (x[program.indices[entry] as number] as number);
    }
  }
  return demand.side === 'lower' ? value >= demand.value - TOLERANCE : value <= demand.value + TOLERANCE;
}
