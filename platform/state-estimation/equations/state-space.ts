/** Which bus-phases have a voltage to estimate, in which blocks and electrical islands they stand. */
import { joins } from '../../../grids/compile.ts';
import type { CompiledGrid } from '../../../grids/model.ts';
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
  const stateOf = new Int32Array(busCount * phases).fill(-1);
  const blockOfBus = new Int32Array(busCount).fill(-1);
  const busOfBlock: number[] = [];
  const busPhaseOfState: number[] = [];
  for (let bus = 0; bus < busCount; bus += 1) {
    if (grid.energised[bus] !== 1) continue;
    blockOfBus[bus] = busOfBlock.length;
    busOfBlock.push(bus);
    for (let k = bus * phases; k < (bus + 1) * phases; k += 1) {
      if (grid.energisedPhases[k] !== 1) continue;
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
