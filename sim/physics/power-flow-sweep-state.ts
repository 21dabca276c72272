/** What the sweeps of one and of three phases share: their state, and the innermost loops behind one interface. */
import { createMemory } from '../../numerics/wasm.ts';
import type { Run, SweepStructure } from './power-flow-sweep-structure.ts';
import { sweepLoops, type SweepLoops } from './power-flow-sweep-wasm.ts';

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
  /** The innermost loops on the memory that holds all this, and where in it things stand, in bytes. */
  readonly native: NativeState;
}

interface NativeState {
  readonly loops: SweepLoops;
  readonly voltage: number;
  readonly current: number;
  readonly power: number;
  readonly worst: number;
  readonly constants: number;
  readonly feeder: number;
}

/**
 * An iteration is `collect`, a solution of the core where there is one, and `spread`. The error of a bus and phase is
 * |dv|^2 (change + mismatch |s|^2): (1, 0) measures the change of the voltage, (0, 1) the power mismatch, for
 * conj(s/v) - conj(s/v') times v is |s| |v' - v| / |v'|, and |v'| is close to one.
 */
export interface SweepKernel {
  /** Currents at the present voltages of slots `start` to `end`. */
  readonly draw: (structure: SweepStructure, state: SweepState, start: number, end: number) => void;
  /** Adds up the currents of a run, from the last slot on. */
  readonly collect: (structure: SweepStructure, state: SweepState, run: Run) => void;
  /** New voltages of a run, and the currents at them. */
  readonly spread: (structure: SweepStructure, state: SweepState, run: Run, change: number, mismatch: number) => void;
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

export function createSweepState(structure: SweepStructure): SweepState {
  const { phases, count, heldVoltage, constants, feeder } = structure;
  const length = 2 * phases * count;
  // Sizes in bytes, in the order of memory; a cache line apart and not a page, which would make them collide.
  const sizes = [16, 8 * length, 8 * length, 8 * length, 8 * constants.length, 4 * feeder.length];
  const starts = sizes.map((_, k) => sizes.slice(0, k).reduce((sum, size) => sum + 64 * Math.ceil(size / 64) + 64, 0));
  const [worst = 0, voltage = 0, current = 0, power = 0, constantsAt = 0, feederAt = 0] = starts;
  const memory = createMemory(feederAt + 4 * feeder.length);
  const numbers = (at: number, size: number): Float64Array => new Float64Array(memory.buffer, at, size);
  numbers(constantsAt, constants.length).set(constants);
  new Int32Array(memory.buffer, feederAt, feeder.length).set(feeder);
  const state: SweepState = {
    voltage: numbers(voltage, length),
    current: numbers(current, length),
    power: numbers(power, length),
    worst: numbers(worst, 2),
    scratch: new Float64Array(2 * phases),
    native: {
      loops: sweepLoops(memory, phases),
      voltage,
      current,
      power,
      worst,
      constants: constantsAt,
      feeder: feederAt,
    },
  };
  state.voltage.set(heldVoltage);
  return state;
}

/** A kernel that leaves plain lines to the innermost loops and everything else to the one given. */
export function nativeSweep(kernel: SweepKernel): SweepKernel {
  return {
    draw: ({ phases }, { native }, start, end) => {
      if (start >= end) return;
      const bytes = 16 * phases;
      const { loops, voltage, current, power, constants } = native;
      loops.draw(
        voltage + start * bytes,
        current + start * bytes,
        power + start * bytes,
        constants + start * (phases === 1 ? 32 : 64),
        voltage + end * bytes,
      );
    },
    collect: (structure, state, run) => {
      if (run.kind === 'transfer') return kernel.collect(structure, state, run);
      const bytes = 16 * structure.phases;
      const { loops, current, feeder } = state.native;
      loops.collect(current, current + (run.end - 1) * bytes, feeder + 4 * (run.end - 1), current + run.start * bytes);
    },
    spread: (structure, state, run, change, mismatch) => {
      if (run.kind !== 'series') return kernel.spread(structure, state, run, change, mismatch);
      const bytes = 16 * structure.phases;
      const { start, end } = run;
      const { loops, voltage, current, power, constants, feeder, worst } = state.native;
      loops.spread(
        voltage,
        voltage + start * bytes,
        current + start * bytes,
        power + start * bytes,
        constants + start * (structure.phases === 1 ? 32 : 64),
        feeder + 4 * start,
        voltage + end * bytes,
        worst,
        change,
        mismatch,
      );
    },
    measure: kernel.measure,
  };
}

/** Keeps the first NaN for ever: a sum that is none any more must not pass for convergence. */
export function noteWorst({ worst }: SweepState, error: number, place: number): void {
  if (Number.isNaN(worst[0])) return;
  worst[0] = error;
  worst[1] = place;
}
