/** What the equations leave open: null vectors of the augmented matrix, and the buses that they move. */
import type { WlsSolver } from './wls-solver.ts';

/** Share of a null vector's largest entry above which a bus takes part in it. */
export const NULL_SHARE = 1e-6;

export interface Open {
  /** Computational buses, ascending. */
  readonly buses: readonly number[];
  /** Dimension of the open part of the state, and number of constraints that say nothing new. */
  readonly states: number;
  readonly idleConstraints: number;
}

export const NOTHING_OPEN: Open = { buses: [], states: 0, idleConstraints: 0 };

/** Null vectors that move voltages name the unobserved buses, the others idle constraints. */
export function unobserved(solver: WlsSolver): Open {
  if (solver.ldl.nullity === 0) return NOTHING_OPEN;
  const { equations } = solver;
  const buses = new Set<number>();
  let states = 0;
  let idleConstraints = 0;
  for (const vector of solver.ldl.nullVectors()) {
    let moves = false;
    for (let i = 0; i < 2 * equations.states; i += 1) {
      if (Math.abs(vector[i]!) < NULL_SHARE) continue;
      moves = true;
      buses.add(equations.busOfBlock[equations.blockOfUnknown[i]!]!);
    }
    if (moves) states += 1;
    else idleConstraints += 1;
  }
  return { buses: [...buses].sort((a, b) => a - b), states, idleConstraints };
}

/**
 * Takes out of use what touches unobserved buses, until what is left is observed: a measurement at the edge of the
 * unobserved part says nothing about the rest, and may open further buses when it goes. The solver must stand at the
 * state where observability is judged, with its factor. Answers with all open buses and the rows left in use.
 */
export function withdrawUnobserved(
  solver: WlsSolver,
  active: number,
): { readonly open: Open; readonly active: number } {
  let open = unobserved(solver);
  let left = active;
  let before = 0;
  const all = solver.equations.busOfBlock.length;
  while (open.buses.length > before && open.buses.length < all && left > 0) {
    before = open.buses.length;
    left = solver.withdraw(new Set(open.buses.map((bus) => solver.equations.blockOfBus[bus]!)));
    solver.factoriseUnweighted();
    open = unobserved(solver);
  }
  return { open, active: left };
}
