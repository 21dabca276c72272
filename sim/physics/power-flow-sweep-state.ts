/** What the sweeps work on: voltages, currents and powers by slot, in the memory of the loops in WebAssembly. */
import { createMemory } from '../../numerics/wasm.ts';
import type { SweepStructure } from './power-flow-sweep-structure.ts';
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

/** Keeps the first NaN for ever: a sum that is none any more must not pass for convergence. */
export function noteWorst({ worst }: SweepState, error: number, place: number): void {
  if (Number.isNaN(worst[0])) return;
  worst[0] = error;
  worst[1] = place;
}
