/**
 * Branches so short beside the others that their current is a state of its own: written as y (v_from - v_to) it would be
 * a small difference of large numbers, and the buses at its ends hardly two. With the current i and its impedance,
 * z i = v_from - v_to holds exactly, down to no impedance at all (the sparse tableau of Hachtel, Brayton and Gustavson,
 * IEEE Trans. Circuit Theory 18, 1971).
 */
import { joins } from '../../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../../grids/model.ts';
import { complex } from '../../../numerics/complex.ts';
import { invertMatrix } from '../../../numerics/complex-matrix.ts';

/**
 * Admittance over the smallest of all branches from which on a branch is short. Beside it the small currents would lose
 * the digits of this ratio, and the weights of powers at its ends theirs squared.
 */
const SHORT_RATIO = 3e3;

export interface ShortBranch {
  readonly branch: number;
  /** Phases that the branch carries. */
  readonly phases: readonly number[];
  /** Series impedance over these phases, row major, interleaved. */
  readonly impedance: Float64Array;
  /** What the ends have besides: i_from = shuntFrom v_from + i, i_to = shuntTo v_to - i. */
  readonly shuntFrom: ComplexBlock;
  readonly shuntTo: ComplexBlock;
}

/** Short branches of a grid: those without a ratio, so that the same current leaves as enters. */
export function findShortBranches(grid: CompiledGrid): ShortBranch[] {
  const live = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const sizes = new Float64Array(live.length);
  for (let k = 0; k < live.length; k++) sizes[k] = largest(live[k]!.yft);
  const limit = SHORT_RATIO * sizes.reduce((least, size) => Math.min(least, size), Infinity);
  return live.flatMap((branch, k) => {
    if (!(sizes[k]! > limit) || !isReciprocal(branch)) return [];
    const short = splitBranch(branch, grid.phases);
    return short === undefined ? [] : [short];
  });
}

function largest(block: ComplexBlock): number {
  let most = 0;
  for (let k = 0; k < block.length; k++) most = Math.max(most, Math.abs(block[k]!));
  return most;
}

/** Both transfer blocks are the same and little is left of either end's own block without them. */
export function isReciprocal({ yff, yft, ytf, ytt }: CompiledBranch): boolean {
  const limit = 1e-3 * largest(yft);
  return yft.every(
    (value, k) =>
      Math.abs(value - ytf[k]!) < 1e-9 * limit &&
      Math.abs(yff[k]! + value) < limit &&
      Math.abs(ytt[k]! + value) < limit,
  );
}

/** The same short branch with the admittances of another grid, where they are the same but for one factor. */
export function withAdmittance(
  { yff, yft, ytt }: CompiledBranch,
  short: ShortBranch,
  before: CompiledBranch,
): ShortBranch {
  const factor = largest(before.yft) / largest(yft);
  return {
    ...short,
    impedance: short.impedance.map((value) => value * factor),
    shuntFrom: yff.map((value, k) => value + yft[k]!),
    shuntTo: ytt.map((value, k) => value + yft[k]!),
  };
}

function splitBranch({ index, yff, yft, ytt }: CompiledBranch, size: number): ShortBranch | undefined {
  const phases = Array.from({ length: size }, (_, phase) => phase).filter(
    (phase) => yft[2 * (phase * size + phase)] !== 0 || yft[2 * (phase * size + phase) + 1] !== 0,
  );
  const at = (row: number, column: number) => 2 * (row * size + column);
  const series = phases.map((r) => phases.map((c) => complex(-yft[at(r, c)]!, -yft[at(r, c) + 1]!)));
  const inverse = invertMatrix(series);
  if (inverse === undefined) return undefined;
  return {
    branch: index,
    phases,
    impedance: Float64Array.from(inverse.flat().flatMap(({ re, im }) => [re, im])),
    shuntFrom: yff.map((value, k) => value + yft[k]!),
    shuntTo: ytt.map((value, k) => value + yft[k]!),
  };
}
