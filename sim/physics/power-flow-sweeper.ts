/** The fixed point of the sweeps: collect currents, solve the core, spread voltages, until nothing moves any more. */
import type { CompiledGrid } from '../../grids/model.ts';
import { multiplyAdd } from '../../numerics/complex-block.ts';
import { createSweepCore, type SweepCore } from './power-flow-sweep-core.ts';
import * as kernel from './power-flow-sweep-kernel.ts';
import { createSweepState, type SweepState } from './power-flow-sweep-state.ts';
import { createSweepStructure, type SweepStructure } from './power-flow-sweep-structure.ts';

/** What ends the iterations. */
export interface SweepCriterion {
  /** `change`: largest change of a voltage, per unit; `mismatch`: largest power mismatch of a bus and phase, per unit. */
  readonly measure: 'change' | 'mismatch';
  readonly tolerance: number;
  readonly maxIterations: number;
}

export interface Sweeper {
  readonly structure: SweepStructure;
  readonly state: SweepState;
  /** Sets the voltages of the grid without loads (and without the shunts of its trees). */
  flatStart(): void;
  /**
   * Iterates from the present voltages on; negative when it did not converge, else the number of iterations. With
   * `mismatch`, `state.worst` holds the mismatch to begin with (as a square), and none at all is an answer. `errors`
   * receives the mismatch or change before the first and after each iteration. `draw` adds what else the buses draw.
   */
  iterate(criterion: SweepCriterion, errors?: Float64Array, draw?: (state: SweepState) => void): number;
  /** After `iterate`: makes the currents of the edges those of the last voltages. */
  collect(): void;
  clone(): Sweeper;
}

/** Answers with half a sentence on a grid that the sweeps cannot solve. */
export function createSweeper(grid: CompiledGrid): Sweeper | string {
  const structure = createSweepStructure(grid);
  if (typeof structure === 'string') return structure;
  const core = structure.treeStart > structure.held ? createSweepCore(grid, structure) : undefined;
  if (typeof core === 'string') return core;
  const sweeper = withState(structure, core, createSweepState(structure));
  sweeper.flatStart();
  return sweeper;
}

function withState(structure: SweepStructure, core: SweepCore | undefined, state: SweepState): Sweeper {
  const { phases, held, treeStart, count, runs } = structure;
  const { voltage, current, worst } = state;
  const next = core === undefined ? undefined : new Float64Array(2 * phases * treeStart);

  const collect = (): void => {
    for (let r = runs.length - 1; r >= 0; r--) kernel.collect(structure, state, runs[r]!);
  };
  const step = (change: number, mismatch: number): void => {
    collect();
    worst[0] = 0;
    worst[1] = -1;
    if (core !== undefined && next !== undefined) {
      core.solve(current, next);
      kernel.measure(structure, state, next, held, treeStart, change, mismatch);
      kernel.draw(structure, state, held, treeStart);
    }
    for (let r = 0; r < runs.length; r++) kernel.spread(structure, state, runs[r]!, change, mismatch);
  };

  return {
    structure,
    state,
    flatStart: () => {
      current.fill(0);
      step(0, 0);
      current.fill(0);
    },
    iterate: ({ measure, tolerance, maxIterations }, errors, draw) => {
      const change = measure === 'change' ? 1 : 0;
      const mismatch = 1 - change;
      const limit = tolerance * tolerance;
      current.fill(0, 0, 2 * phases * held);
      kernel.draw(structure, state, held, count);
      drawUnlike(structure, state);
      draw?.(state);
      if (errors !== undefined) errors[0] = Math.sqrt(worst[0]!);
      if (measure === 'mismatch' && worst[0]! <= limit) return 0;
      for (let iterations = 1; iterations <= maxIterations; iterations++) {
        step(change, mismatch);
        drawUnlike(structure, state);
        draw?.(state);
        const error = worst[0]!;
        if (errors !== undefined) errors[iterations] = Math.sqrt(error);
        if (error <= limit) return iterations;
        if (!Number.isFinite(error)) return -iterations;
        // The current of the given voltages is collected anew.
        current.fill(0, 0, 2 * phases * held);
      }
      return -maxIterations;
    },
    collect: () => {
      current.fill(0, 0, 2 * phases * held);
      collect();
    },
    clone: () => {
      const twin = createSweepState(structure);
      twin.voltage.set(voltage);
      twin.current.set(current);
      twin.power.set(state.power);
      twin.worst.set(worst);
      return withState(structure, core?.clone(), twin);
    },
  };
}

/** What shunts draw whose phases are not coupled alike. */
function drawUnlike({ unlikeShunts, phases }: SweepStructure, { voltage, current }: SweepState): void {
  for (let k = 0; k < unlikeShunts.length; k++) {
    const { slot, y } = unlikeShunts[k]!;
    multiplyAdd(y, voltage, 2 * phases * slot, current, 2 * phases * slot, phases);
  }
}
