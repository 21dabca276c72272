/** Where the iteration begins: at the last state or at no load, turned to the angle that the measurements carry. */
import { evaluate } from './equations/evaluate.ts';
import type { Loaded } from './equations/load.ts';
import { ROW } from './equations/row-kinds.ts';
import type { EstimationProblem, EstimatorMeasurement } from './estimator.ts';
import { unobserved } from './unobserved.ts';
import type { SolverOptions, WlsSolver } from './wls-solver.ts';

/** With a weight this many times larger or smaller than before, the last answer may lead to another minimum than no load. */
export const WEIGHT_JUMP = 1e4;
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

/** A state from which the currents' directions can be told is near enough. */
const NEAR: SolverOptions = { tolerance: 1e-3, iterationsMax: 20 };

/**
 * Puts the state into the solver that all measurements but the magnitudes and angles of currents lead to, starting from
 * `voltage`: while no current flows these say nothing of its direction, and afterwards Gauss-Newton keeps to whichever of
 * their solutions it came to. So it is with phasors of currents where no voltage carries the time base. Where there are
 * none, or the others leave something open, the solver stands at `voltage`. Answers with the number of steps.
 */
export function startBesideCurrents(
  solver: WlsSolver,
  problem: EstimationProblem,
  { voltage, loaded }: { readonly voltage: Float64Array; readonly loaded: Loaded },
): number {
  const isAside = ({ kind }: EstimatorMeasurement): boolean =>
    kind === 'currentMagnitude' ||
    kind === 'currentAngle' ||
    (kind === 'currentPhasor' && loaded.turnedByCurrents.length > 0);
  if (!problem.measurements.some(isAside)) return 0;
  const measurements = problem.measurements.map((one) => (isAside(one) ? { ...one, sigma: Infinity } : one));
  startSolver(solver, voltage, solver.load({ ...problem, measurements }), false);
  solver.factoriseUnweighted();
  const isOpen = unobserved(solver).buses.length > 0;
  const found = isOpen ? { converged: false, iterations: 0 } : solver.iterate(NEAR);
  solver.load(problem);
  if (found.converged) solver.start(turnedToCurrents(solver, loaded));
  else startSolver(solver, voltage, loaded, false);
  return found.iterations;
}

/** The solver's state, turned where only currents carry the time base: by their mean, larger ones counting more. */
function turnedToCurrents({ equations, x }: WlsSolver, { turnedByCurrents }: Loaded): Float64Array {
  const { kind, active, measuredRows, partCurrent, partStart, partEntry, entryColumn, islandOfState } = equations;
  const { currentValue, target, cosine, sine } = equations;
  const turned = x.slice();
  if (turnedByCurrents.length === 0) return turned;
  evaluate(equations, turned);
  const sums = new Float64Array(2 * equations.referenceRow.length);
  for (let row = 0; row < measuredRows; row += 1) {
    if (active[row] !== 1 || (kind[row] !== ROW.currentAngle && kind[row] !== ROW.currentRadial)) continue;
    const island = islandOfState[entryColumn[partEntry[partStart[row]!]!]! >> 1]!;
    const measured = kind[row] === ROW.currentAngle ? target[row]! : Math.atan2(sine[row]!, cosine[row]!);
    const at = 2 * partCurrent[partStart[row]!]!;
    const turn = measured - Math.atan2(currentValue[at + 1]!, currentValue[at]!);
    const size = Math.hypot(currentValue[at]!, currentValue[at + 1]!);
    sums[2 * island]! += size * Math.cos(turn);
    sums[2 * island + 1]! += size * Math.sin(turn);
  }
  for (let state = 0; state < equations.states; state += 1) {
    const island = islandOfState[state]!;
    if (!turnedByCurrents.includes(island)) continue;
    turnPhasor(turned, 2 * state, Math.atan2(sums[2 * island + 1]!, sums[2 * island]!));
  }
  return turned;
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
