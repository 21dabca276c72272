/**
 * Which measurements of a problem are injections of power, which are rows of another kind, and where the numbers of every
 * bus stand: what the estimator in current form (`current-form.ts`) knows before it knows any value.
 */
import { joins } from '../../../grids/compile.ts';
import type { CompiledGrid } from '../../../grids/model.ts';
import { createBlockLdl, type BlockLdl } from '../../../numerics/block-ldl.ts';
import { patternFromEnds, type SymmetricPattern } from '../../../numerics/ordering.ts';
import { layOutEquations, type Equations } from '../equations/layout.ts';
import type { EstimationProblem, EstimatorMeasurement } from '../estimator.ts';
import { layOutNetwork, type NetworkBlocks } from './network.ts';

/** A factor for the first step from no load, one for the steps near an answer. */
export const FLAT = 0;
export const NEAR = 1;
export const FACTORS = 2;

export interface CurrentFormStructure {
  readonly grid: CompiledGrid;
  readonly ldl: BlockLdl;
  /** Where the numbers of a bus begin in the vector: multipliers of all phases, then voltages; -1 at dead buses. */
  readonly firstOfBus: Int32Array;
  readonly network: NetworkBlocks;
  /** Block of the pattern (energised bus) at each slot of the vector. */
  readonly blockOfSlot: Int32Array;
  /** By place, one for each slot and phase: whether there is a voltage, and whether the injection there is known. */
  readonly alive: Uint8Array;
  readonly injects: Uint8Array;
  /** Of each measurement the quantity that it measures, 2 * place for active and one more for reactive power; or -1. */
  readonly quantityOf: Int32Array;
  /** All other measurements and the angle references; and the same equations with the vector for their unknowns. */
  readonly equations: Equations;
  readonly rows: Equations;
  /** Where each state stands in the vector. */
  readonly entryOfState: Int32Array;
  /** Entries of row r are `rowStart[r] .. rowStart[r + 1]`. */
  readonly rowStart: Int32Array;
  /** Of each measurement that is none of an injection, in order: its number in the problem. */
  readonly others: Int32Array;
}

/** Where the voltage of a place stands in the vector; its multiplier stands 2 * phases before. */
export function entryOfVoltage(place: number, phases: number): number {
  const slot = Math.floor(place / phases);
  return 4 * phases * slot + 2 * phases + 2 * (place - phases * slot);
}

/** Answers with half a sentence on what the estimator cannot do. */
export function layOutCurrentForm(problem: EstimationProblem): CurrentFormStructure | string {
  const { grid, measurements, zeroInjections } = problem;
  const { phases, busCount } = grid;
  const places = placesOfInjections(measurements, phases);
  const known = knownInjections(problem, places);
  const isInjection = (k: number): boolean => places[k]! >= 0 && known[places[k]!] === 1;
  const isZero = new Uint8Array(busCount);
  for (const bus of zeroInjections) isZero[bus] = 1;
  const others: number[] = [];
  for (let k = 0; k < measurements.length; k++) {
    const one = measurements[k]!;
    if ('shared' in one && one.shared !== undefined) return 'errors of measurements have a common cause';
    if (!isInjection(k)) others.push(k);
    else if (isZero[Math.floor(places[k]! / phases)] === 1)
      return `${one.id} measures an injection that is known to be zero`;
  }
  const measuredOtherwise = { ...problem, measurements: others.map((k) => measurements[k]!), zeroInjections: [] };
  const equations = layOutEquations(measuredOtherwise, []);

  const { busOfBlock, entryRow, entryColumn } = equations;
  const rowStart = new Int32Array(equations.rows + 1);
  for (let entry = 0; entry < entryRow.length; entry++) rowStart[entryRow[entry]! + 1]! += 1;
  for (let row = 0; row < equations.rows; row++) rowStart[row + 1]! += rowStart[row]!;
  const order = 4 * phases;
  // A bus of which no injection is known has nothing of its own to stand on, but for what is measured there.
  const last = new Set<number>();
  for (let block = 0; block < busOfBlock.length; block++) {
    const bus = busOfBlock[block]!;
    for (let k = bus * phases; k < (bus + 1) * phases; k++) if (isZero[bus] === 0 && known[k] === 0) last.add(block);
  }
  const ldl = createBlockLdl(patternOf(grid, equations, rowStart), order, { factors: FACTORS, last });
  const firstOfBus = new Int32Array(busCount).fill(-1);
  for (let block = 0; block < busOfBlock.length; block++) firstOfBus[busOfBlock[block]!] = order * ldl.position[block]!;
  const alive = new Uint8Array(busOfBlock.length * phases);
  const injects = new Uint8Array(busOfBlock.length * phases);
  const placeOf = (bus: number, phase: number): number => (firstOfBus[bus]! / order) * phases + phase;
  // The rows see the voltages in the vector: state s stands at 2 s there too.
  const stateInVector = new Int32Array(equations.voltages);
  for (let k = 0; k < busCount * phases; k++) {
    const state = equations.stateOf[k]!;
    if (state < 0) continue;
    const bus = Math.floor(k / phases);
    const place = placeOf(bus, k % phases);
    alive[place] = 1;
    injects[place] = known[k] === 1 ? 1 : isZero[bus]!;
    stateInVector[state] = firstOfBus[bus]! / 2 + phases + (k % phases);
  }
  const quantityOf = new Int32Array(measurements.length).fill(-1);
  for (let k = 0; k < measurements.length; k++) {
    if (!isInjection(k)) continue;
    const place = placeOf(Math.floor(places[k]! / phases), places[k]! % phases);
    quantityOf[k] = 2 * place + (measurements[k]!.kind === 'reactivePower' ? 1 : 0);
  }
  const blockOfSlot = new Int32Array(busOfBlock.length);
  for (let block = 0; block < blockOfSlot.length; block++) blockOfSlot[ldl.position[block]!] = block;
  return {
    grid,
    ldl,
    firstOfBus,
    network: layOutNetwork(grid, { firstOfBus, injects, alive, ldl, equations }),
    blockOfSlot,
    alive,
    injects,
    quantityOf,
    equations,
    rows: {
      ...equations,
      currentState: equations.currentState.map((state) => stateInVector[state]!),
      partOwn: equations.partOwn.map((state) => (state < 0 ? -1 : stateInVector[state]!)),
      entryColumn: entryColumn.map((at) => 2 * stateInVector[at >> 1]! + (at & 1)),
    },
    entryOfState: stateInVector.map((half) => 2 * half),
    rowStart,
    others: Int32Array.from(others),
  };
}

/** Blocks that a branch joins, and those that a row sees together. */
function patternOf(
  grid: CompiledGrid,
  { blockOfBus, busOfBlock, blockOfUnknown, entryColumn, rows }: Equations,
  rowStart: Int32Array,
): SymmetricPattern {
  const from: number[] = [];
  const to: number[] = [];
  for (const branch of grid.branches) {
    const a = blockOfBus[branch.from]!;
    const b = blockOfBus[branch.to]!;
    if (a < 0 || b < 0 || !joins(branch)) continue;
    from.push(a);
    to.push(b);
  }
  const blocks: number[] = [];
  for (let row = 0; row < rows; row++) {
    blocks.length = 0;
    for (let entry = rowStart[row]!; entry < rowStart[row + 1]!; entry++) {
      const block = blockOfUnknown[entryColumn[entry]!]!;
      if (blocks.includes(block)) continue;
      for (const other of blocks) {
        from.push(other);
        to.push(block);
      }
      blocks.push(block);
    }
  }
  return patternFromEnds(busOfBlock.length, from, to);
}

/** Of each measurement the bus-phase whose active or reactive injection it is, else -1. */
function placesOfInjections(measurements: readonly EstimatorMeasurement[], phases: number): Int32Array {
  const places = new Int32Array(measurements.length).fill(-1);
  for (let k = 0; k < measurements.length; k++) {
    const one = measurements[k]!;
    if (one.kind !== 'activePower' && one.kind !== 'reactivePower') continue;
    if (one.place.at === 'bus' && one.phase !== 'sum') places[k] = one.place.bus * phases + one.phase;
  }
  return places;
}

/** Bus-phases, energised, of which both the active and the reactive injection are measured. */
function knownInjections({ grid, measurements }: EstimationProblem, places: Int32Array): Uint8Array {
  const known = new Uint8Array(grid.busCount * grid.phases);
  for (let k = 0; k < places.length; k++) {
    const place = places[k]!;
    if (place < 0 || grid.energisedPhases[place] !== 1) continue;
    const one = measurements[k]!;
    if (one.sigma < Infinity) known[place]! |= one.kind === 'activePower' ? 1 : 2;
  }
  for (let place = 0; place < known.length; place++) known[place] = known[place] === 3 ? 1 : 0;
  return known;
}
