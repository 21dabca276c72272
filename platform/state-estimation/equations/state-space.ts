/** What is to be estimated: the voltage of each live bus-phase and the currents of short branches; blocks and islands. */
import { joins } from '../../../grids/compile.ts';
import type { CompiledGrid } from '../../../grids/model.ts';
import { findIslands } from '../../../grids/topology.ts';
import { findShortBranches, type ShortBranch } from './short-branches.ts';

export interface StateSpace {
  /** State number of each bus-phase, -1 where dead or absent. */
  readonly stateOf: Int32Array;
  readonly voltages: number;
  /** Voltages, then the currents of short branches, phase by phase. */
  readonly states: number;
  /** Bus-phase of each voltage, by state. */
  readonly busPhaseOfState: Int32Array;
  readonly shortBranches: readonly ShortBranch[];
  /** States of the current of each short branch, phase by phase. */
  readonly seriesStates: ReadonlyMap<number, readonly number[]>;
  readonly blockOfState: Int32Array;
  /** One block per energised bus: -1 at dead ones. */
  readonly blockOfBus: Int32Array;
  readonly busOfBlock: Int32Array;
  /** Electrical island of each state, 0 ..; the angles of two islands have nothing to do with one another. */
  readonly islandOfState: Int32Array;
  /** State that carries the angle reference of each island: at `referenceBus`, at a source, or the first one. */
  readonly referenceOfIsland: Int32Array;
}

/** States of the voltages at a bus. */
export function statesAt({ stateOf }: Pick<StateSpace, 'stateOf'>, bus: number, phases: number): number[] {
  return Array.from(stateOf.subarray(bus * phases, (bus + 1) * phases)).filter((state) => state >= 0);
}

export function layOutStates(
  grid: CompiledGrid,
  referenceBus: number,
  shortBranches: readonly ShortBranch[] = findShortBranches(grid),
): StateSpace {
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
  const seriesStates = new Map<number, readonly number[]>();
  // A current stands where its branch begins: in the block and the island of that bus.
  const busOfState: number[] = [];
  for (let state = 0; state < busPhaseOfState.length; state += 1)
    busOfState.push(Math.floor(busPhaseOfState[state]! / phases));
  for (const { branch, phases: carried } of shortBranches) {
    seriesStates.set(
      branch,
      carried.map(() => busOfState.push(grid.branches[branch]!.from) - 1),
    );
  }
  const blockOfState = new Int32Array(busOfState.length);
  for (let state = 0; state < blockOfState.length; state += 1) blockOfState[state] = blockOfBus[busOfState[state]!]!;
  return {
    stateOf,
    voltages: busPhaseOfState.length,
    states: busOfState.length,
    busPhaseOfState: new Int32Array(busPhaseOfState),
    shortBranches,
    seriesStates,
    blockOfState,
    blockOfBus,
    busOfBlock: new Int32Array(busOfBlock),
    ...layOutIslands(grid, referenceBus, stateOf, busOfState),
  };
}

function layOutIslands(
  grid: CompiledGrid,
  referenceBus: number,
  stateOf: Int32Array,
  busOfState: readonly number[],
): Pick<StateSpace, 'islandOfState' | 'referenceOfIsland'> {
  const { phases, busCount } = grid;
  const { island, count } = findIslands(busCount, grid.branches.filter(joins));
  const numbers = new Int32Array(count).fill(-1);
  const islandOfState = new Int32Array(busOfState.length);
  let islands = 0;
  for (let state = 0; state < islandOfState.length; state += 1) {
    const name = island[busOfState[state]!]!;
    if (numbers[name] === -1) numbers[name] = islands++;
    islandOfState[state] = numbers[name]!;
  }
  const referenceOfIsland = new Int32Array(islands).fill(-1);
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
  for (const bus of busOfState) propose(bus);
  return { islandOfState, referenceOfIsland };
}
