/** Where the iteration begins: at the last state or at no load, turned to the angle that the measurements carry. */
import type { Loaded } from './equations/load.ts';
import type { WlsSolver } from './wls-solver.ts';

/** A turn of the measured angles against the last state beyond which the start is turned along, rad. */
const TURN_MIN = 0.02;

/**
 * Puts the start (interleaved by bus-phase) into the solver, each island turned to its measured angles, or with its
 * reference at zero where there are none. A `warm` state that lies right already keeps its multipliers and its factor.
 */
export function startSolver(solver: WlsSolver, voltage: Float64Array, loaded: Loaded, warm: boolean): void {
  const { busPhaseOfState, voltages, states, referenceOfIsland, islandOfState, active, referenceRow } =
    solver.equations;
  const start = new Float64Array(2 * states);
  for (let state = 0; state < voltages; state += 1) {
    start[2 * state] = voltage[2 * busPhaseOfState[state]!]!;
    start[2 * state + 1] = voltage[2 * busPhaseOfState[state]! + 1]!;
  }
  let near = true;
  const turns =
    referenceOfIsland.length === 0
      ? []
      : Array.from(referenceOfIsland, (reference, island) => {
          const fixed = active[referenceRow[island]!] === 1;
          const measured = loaded.anchorState[island]!;
          const anchor = measured >= 0 ? measured : fixed ? reference : -1;
          if (anchor < 0) return 0;
          const rad = measured >= 0 ? loaded.anchorRad[island]! : 0;
          const turn = rad - Math.atan2(start[2 * anchor + 1]!, start[2 * anchor]!);
          const nearest = turn - 2 * Math.PI * Math.round(turn / (2 * Math.PI));
          if (!(Math.abs(nearest) < (fixed ? 1e-6 : TURN_MIN))) near = false;
          return nearest;
        });
  // The currents of short branches follow from the first step.
  if (warm && near && samePlace(solver.x, start.subarray(0, 2 * voltages))) return;
  for (let state = 0; state < states; state += 1) turnPhasor(start, 2 * state, turns[islandOfState[state]!]!);
  solver.start(start);
}

/** Turns the phasor at `at` and `at + 1` by an angle in place. */
export function turnPhasor(values: Float64Array, at: number, turn: number): void {
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  const re = values[at]!;
  const im = values[at + 1]!;
  values[at] = c * re - s * im;
  values[at + 1] = s * re + c * im;
}

function samePlace(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < b.length; i += 1) if (Math.abs(a[i]! - b[i]!) > 1e-9) return false;
  return true;
}
