/** What the sweeps of one and of three phases share: their state, and the innermost loops behind one interface. */
import type { SweepStructure } from './power-flow-sweep-structure.ts';

/** One state on a sweep structure, by slot; blocks of 2 numbers, in three phases of 6. */
export interface SweepState {
  readonly voltage: Float64Array;
  /** What the bus draws, loads and shunts; after `collect` with everything behind it. */
  readonly current: Float64Array;
  /** P and Q per phase of the constant-power elements, consumption positive, per unit. */
  readonly power: Float64Array;
  /** Square of the largest error of this iteration, and the phase of the slot where it stands (-1: none). */
  readonly worst: Float64Array;
  /** One vector for passing between functions. */
  readonly scratch: Float64Array;
}

/**
 * An iteration is `collect`, a solution of the core where there is one, and `spread`. The error of a bus and phase is
 * |dv|^2 (change + mismatch |s|^2): (1, 0) measures the change of the voltage, (0, 1) the power mismatch, for
 * conj(s/v) - conj(s/v') times v is |s| |v' - v| / |v'|, and |v'| is close to one.
 */
export interface SweepKernel {
  /** Currents at the present voltages of slots `start` to `end`. */
  readonly draw: (structure: SweepStructure, state: SweepState, start: number, end: number) => void;
  /** Adds up the currents from the leaves on. */
  readonly collect: (structure: SweepStructure, state: SweepState) => void;
  /** New voltages of the trees from the given ones on, and the currents at them. */
  readonly spread: (structure: SweepStructure, state: SweepState, change: number, mismatch: number) => void;
  /** Takes over new voltages of slots `start` to `end` from `next`, which is laid out like `voltage`. */
  readonly measure: (
    state: SweepState,
    next: Float64Array,
    start: number,
    end: number,
    change: number,
    mismatch: number,
  ) => void;
}

export function createSweepState({ phases, count, held, heldVoltage }: SweepStructure): SweepState {
  const length = 2 * phases * count;
  const voltage = new Float64Array(length);
  voltage.set(heldVoltage.subarray(0, 2 * phases * held));
  return {
    voltage,
    current: new Float64Array(length),
    power: new Float64Array(length),
    worst: new Float64Array(2),
    scratch: new Float64Array(2 * phases),
  };
}

/** Keeps the first NaN for ever: a sum that is none any more must not pass for convergence. */
export function noteWorst({ worst }: SweepState, error: number, place: number): void {
  if (Number.isNaN(worst[0])) return;
  worst[0] = error;
  worst[1] = place;
}
