/** Which bus-phases have a voltage to estimate, in which blocks and electrical islands they stand. */
import { joins } from '../../../grids/compile.ts';
import type { CompiledGrid, ComplexBlock } from '../../../grids/model.ts';
import { findIslands } from '../../../grids/topology.ts';

export interface StateSpace {
  /** State number of each bus-phase, -1 where dead or absent. */
  readonly stateOf: Int32Array;
  readonly states: number;
  /** Bus-phase of each state. */
  readonly busPhaseOfState: Int32Array;
  /** One block per energised bus: -1 at dead ones. */
  readonly blockOfBus: Int32Array;
  readonly busOfBlock: Int32Array;
  /** Electrical island of each state, 0 ..; the angles of two islands have nothing to do with one another. */
  readonly islandOfState: Int32Array;
  /** State that carries the angle reference of each island: at `referenceBus`, at a source, or the first one. */
  readonly referenceOfIsland: Int32Array;
}

export function layOutStates(grid: CompiledGrid, referenceBus: number): StateSpace {
  const { phases, busCount } = grid;
  const present = presentPhases(grid);
  const stateOf = new Int32Array(busCount * phases).fill(-1);
  const blockOfBus = new Int32Array(busCount).fill(-1);
  const busOfBlock: number[] = [];
  const busPhaseOfState: number[] = [];
  for (let bus = 0; bus < busCount; bus += 1) {
    if (grid.energised[bus] !== 1) continue;
    blockOfBus[bus] = busOfBlock.length;
    busOfBlock.push(bus);
    for (let k = bus * phases; k < (bus + 1) * phases; k += 1) {
      if (present[k] !== 1) continue;
      stateOf[k] = busPhaseOfState.length;
      busPhaseOfState.push(k);
    }
  }
  return {
    stateOf,
    states: busPhaseOfState.length,
    busPhaseOfState: Int32Array.from(busPhaseOfState),
    blockOfBus,
    busOfBlock: Int32Array.from(busOfBlock),
    ...layOutIslands(grid, referenceBus, stateOf, busPhaseOfState),
  };
}

/** A phase exists at a bus where some branch or shunt touches it; where nothing at all does, all phases do. */
function presentPhases(grid: CompiledGrid): Uint8Array {
  const { phases, busCount } = grid;
  const present = new Uint8Array(busCount * phases);
  const touch = (bus: number, y: ComplexBlock) => {
    for (let row = 0; row < phases; row += 1) {
      for (let column = 0; column < phases; column += 1) {
        const k = 2 * (row * phases + column);
        if (y[k] !== 0 || y[k + 1] !== 0) present[bus * phases + row] = 1;
      }
    }
  };
  for (const branch of grid.branches) {
    touch(branch.from, branch.yff);
    touch(branch.to, branch.ytt);
  }
  for (let bus = 0; bus < busCount; bus += 1) {
    const own = present.subarray(bus * phases, (bus + 1) * phases);
    if (own.every((value) => value === 0)) own.fill(1);
  }
  for (const shunt of grid.shunts) touch(shunt.bus, shunt.y);
  return present;
}

function layOutIslands(
  grid: CompiledGrid,
  referenceBus: number,
  stateOf: Int32Array,
  busPhaseOfState: readonly number[],
): Pick<StateSpace, 'islandOfState' | 'referenceOfIsland'> {
  const { phases, busCount } = grid;
  const { island } = findIslands(busCount, grid.branches.filter(joins));
  const numbers = new Map<number, number>();
  const islandOfState = Int32Array.from(busPhaseOfState, (k) => {
    const name = island[Math.floor(k / phases)]!;
    const number = numbers.get(name) ?? numbers.size;
    numbers.set(name, number);
    return number;
  });
  const referenceOfIsland = new Int32Array(numbers.size).fill(-1);
  const propose = (bus: number) => {
    for (let phase = 0; phase < phases; phase += 1) {
      const state = stateOf[bus * phases + phase]!;
      if (state >= 0 && referenceOfIsland[islandOfState[state]!] === -1) {
        referenceOfIsland[islandOfState[state]!] = state;
      }
    }
  };
  propose(referenceBus);
  for (const source of grid.sources) propose(source.bus);
  for (const k of busPhaseOfState) propose(Math.floor(k / phases));
  return { islandOfState, referenceOfIsland };
}
