/** Where the iteration begins: at the last state or at no load, turned to the angle that the measurements carry. */
import type { Loaded } from './equations/load.ts';
import type { WlsSolver } from './wls-solver.ts';

/** A turn of the measured angles against the last state beyond which the start is turned along, rad. */
const TURN_MIN = 0.02;

/**
 * Puts the start (interleaved by bus-phase) into the solver, turned to the measured angles, or with the reference at
 * zero where there are none. A `warm` state that lies right already keeps its multipliers and its factor.
 */
export function startSolver(solver: WlsSolver, voltage: Float64Array, loaded: Loaded, warm: boolean): void {
  const { equations } = solver;
  const start = new Float64Array(2 * equations.states);
  equations.stateOf.forEach((state, k) => {
    if (state < 0) return;
    start[2 * state] = voltage[2 * k]!;
    start[2 * state + 1] = voltage[2 * k + 1]!;
  });
  const referenceRow = equations.rows - 1;
  const reference = equations.active[referenceRow] === 1 ? equations.partOwn[equations.partStart[referenceRow]!]! : -1;
  const anchor = loaded.angle ?? (reference >= 0 ? { state: reference, rad: 0 } : undefined);
  let turn = 0;
  if (anchor !== undefined) {
    turn = anchor.rad - Math.atan2(start[2 * anchor.state + 1]!, start[2 * anchor.state]!);
    turn -= 2 * Math.PI * Math.round(turn / (2 * Math.PI));
  }
  const fixed = reference >= 0;
  if (warm && Math.abs(turn) < (fixed ? 1e-6 : TURN_MIN) && samePlace(solver.x, start)) return;
  turnAll(start, turn);
  solver.start(start);
}

/** Turns every phasor (interleaved) by an angle in place. */
export function turnAll(voltage: Float64Array, turn: number): void {
  const c = Math.cos(turn);
  const s = Math.sin(turn);
  for (let i = 0; i < voltage.length; i += 2) {
    const re = voltage[i]!;
    const im = voltage[i + 1]!;
    voltage[i] = c * re - s * im;
    voltage[i + 1] = s * re + c * im;
  }
}

function samePlace(a: Float64Array, b: Float64Array): boolean {
  for (let i = 0; i < b.length; i += 1) if (Math.abs(a[i]! - b[i]!) > 1e-9) return false;
  return true;
}
