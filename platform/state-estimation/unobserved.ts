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

/** Null vectors that are looked at one by one; of more than these, one that has entries wherever any has. */
const VECTORS_MAX = 200;

export const NOTHING_OPEN: Open = { buses: [], states: 0, idleConstraints: 0 };

/** Null vectors that move voltages name the unobserved buses, the others idle constraints. */
export function unobserved(solver: WlsSolver): Open {
  if (solver.ldl.nullity === 0) return NOTHING_OPEN;
  const { equations, ldl } = solver;
  const buses = new Set<number>();
  /** Whether a null vector moves voltages; the buses that it moves join the list. */
  const moves = (vector: Float64Array): boolean => {
    let any = false;
    for (let i = 0; i < 2 * equations.states; i += 1) {
      if (Math.abs(vector[i]!) < NULL_SHARE) continue;
      any = true;
      buses.add(equations.busOfBlock[equations.blockOfUnknown[i]!]!);
    }
    return any;
  };
  let states = 0;
  if (ldl.nullity <= VECTORS_MAX) for (const vector of ldl.nullVectors()) states += moves(vector) ? 1 : 0;
  else {
    moves(ldl.genericNullVector());
    // A direction counts as one of the state when elimination ended in a component of it.
    for (const variable of ldl.nullVariables()) states += variable < equations.unknowns ? 1 : 0;
  }
  return { buses: [...buses].sort((a, b) => a - b), states, idleConstraints: ldl.nullity - states };
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
