/** The linear part of the equations in current form, Y v and Y' l, block by block as the grid has them. */
import type { CompiledGrid } from '../../../grids/model.ts';
import type { CurrentFormStructure } from './structure.ts';

/** One block of the admittance matrix after the other; rows without a multiplier and columns without a voltage are zero. */
export interface NetworkBlocks {
  readonly values: Float64Array;
  /** By block, where the numbers of its row's and its column's bus begin in the vector. */
  readonly rows: Int32Array;
  readonly columns: Int32Array;
  /** Where the block stands among the numbers of a matrix (`BlockLdl.place`). */
  readonly places: Int32Array;
}

export function layOutNetwork(
  grid: CompiledGrid,
  {
    firstOfBus,
    injects,
    alive,
    ldl,
    equations,
  }: Pick<CurrentFormStructure, 'firstOfBus' | 'injects' | 'alive' | 'ldl' | 'equations'>,
): NetworkBlocks {
  const { phases } = grid;
  const { blockOfBus } = equations;
  const blocks = 4 * grid.branches.length + grid.shunts.length;
  const values = new Float64Array(2 * phases * phases * blocks);
  const rows = new Int32Array(blocks);
  const columns = new Int32Array(blocks);
  const places = new Int32Array(blocks);
  let block = 0;
  const add = (bus: number, other: number, y: Float64Array): void => {
    const row = firstOfBus[bus]!;
    const column = firstOfBus[other]!;
    if (row < 0 || column < 0 || isZero(y)) return;
    rows[block] = row;
    columns[block] = column;
    places[block] = ldl.place(blockOfBus[bus]!, blockOfBus[other]!);
    let at = 2 * phases * phases * block++;
    for (let r = 0; r < phases; r++) {
      const counts = injects[(row / ldl.order) * phases + r] === 1;
      for (let c = 0; c < phases; c++, at += 2) {
        if (!counts || alive[(column / ldl.order) * phases + c] === 0) continue;
        values[at] = y[2 * (r * phases + c)]!;
        values[at + 1] = y[2 * (r * phases + c) + 1]!;
      }
    }
  };
  for (const { from, to, yff, yft, ytf, ytt } of grid.branches) {
    add(from, from, yff);
    add(from, to, yft);
    add(to, from, ytf);
    add(to, to, ytt);
  }
  for (const { bus, y } of grid.shunts) add(bus, bus, y);
  return {
    values: values.subarray(0, 2 * phases * phases * block),
    rows: rows.subarray(0, block),
    columns: columns.subarray(0, block),
    places: places.subarray(0, block),
  };
}

function isZero(y: Float64Array): boolean {
  for (let k = 0; k < y.length; k++) if (y[k] !== 0) return false;
  return true;
}

/** into -= Y v where multipliers stand, and Y' l where voltages stand. */
export function subtractNetwork(
  { values, rows, columns }: NetworkBlocks,
  vector: Float64Array,
  into: Float64Array,
  phases: number,
): void {
  const width = 2 * phases;
  let k = 0;
  for (let block = 0; block < rows.length; block++) {
    const row = rows[block]!;
    const column = columns[block]! + width;
    for (let l = row; l < row + width; l += 2) {
      const lr = vector[l]!;
      const li = vector[l + 1]!;
      let re = 0;
      let im = 0;
      for (let v = column; v < column + width; v += 2) {
        const yr = values[k]!;
        const yi = values[k + 1]!;
        const vr = vector[v]!;
        const vi = vector[v + 1]!;
        re += yr * vr - yi * vi;
        im += yr * vi + yi * vr;
        into[v]! -= yr * lr + yi * li;
        into[v + 1]! -= yr * li - yi * lr;
        k += 2;
      }
      into[l]! -= re;
      into[l + 1]! -= im;
    }
  }
}
