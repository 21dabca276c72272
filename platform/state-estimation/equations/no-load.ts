/**
 * The grid as observability sees it: nothing flows at no load, and no branch is far shorter than another. What lines and
 * cores draw tells next to nothing of a voltage, and a length matters for accuracy alone; counted in, both would leave to
 * a threshold what is observable. Without them a direction of the state is seen clearly or not at all (as in the models
 * of Clements, Krumpholz and Davis, "Power system state estimation with measurement deficiency", IEEE Trans. PAS 102,
 * 1983).
 */
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../../grids/model.ts';
import { phaseEntry } from '../../../grids/sequence.ts';
import { multiplyBlocks } from '../../../numerics/complex-block.ts';
import { complex, conjugate, divide, type Complex } from '../../../numerics/complex.ts';

/** What is left of the ratio of two branches' admittances, as an exponent; equal branches stay equal. */
const SIZE_EXPONENT = 1 / 8;
/** Imaginary over real part of a ratio from which on a transformer turns, and so mixes the phases. */
const TURN_MIN = 1e-3;
/** A shunt's admittance over that of its branch, or of the largest one at its bus, from which on voltages are seen through it. */
const SHUNT_SHARE = 1e-3;
/** Transfer of the zero sequence over the largest one below which there is none. */
const ZERO_SHARE = 1e-9;

/**
 * The same grid with every branch a lossless ratio T behind an admittance, v_to = T v_from at `voltage` (per bus-phase,
 * interleaved): i_from = y_ft (v_to - T v_from), i_to = -T^-H i_from. What its ends and the shunts draw besides stays where
 * it is large.
 */
export function atNoLoad(grid: CompiledGrid, voltage: Float64Array): CompiledGrid {
  const { phases } = grid;
  const at = (bus: number, phase: number): Complex => {
    const k = 2 * (bus * phases + phase);
    return complex(voltage[k]!, voltage[k + 1]);
  };
  const largestAt = new Float64Array(grid.busCount);
  for (const { from, to, yft } of grid.branches) {
    const size = largest(yft);
    for (const bus of [from, to]) largestAt[bus] = Math.max(largestAt[bus]!, size);
  }
  const counted = (y: ComplexBlock, beside: number) => evened(y, SHUNT_SHARE * beside);
  const branches = grid.branches.map((branch): CompiledBranch => {
    const { from, to, yff, yft, ytf, ytt } = branch;
    const ratios = Array.from({ length: phases }, (_, p) => divide(at(to, p), at(from, p)));
    const inverse = ratios.map((ratio) => divide(complex(1), ratio));
    const size = largest(yft);
    const zeroSign = signOfZeroSequence(yff, yft, phases);
    const transfer = evened(yft, 0);
    const across = product(transfer, ratioBlock(ratios, zeroSign));
    const back = ratioBlock(inverse.map(conjugate), zeroSign);
    /** An end's own block: a share of what flows across; what a winding that passes no zero sequence has to earth; shunts. */
    const own = (
      share: ComplexBlock,
      block: ComplexBlock,
      other: ComplexBlock,
      ratio: readonly Complex[],
      bus: number,
    ) => {
      const earth = zeroSign === 0 ? zeroSequenceBlock(block, phases) : new Float64Array(block.length);
      const through = product(other, ratioBlock(ratio, zeroSign));
      const drawn = block.map((value, k) => value + through[k]! - earth[k]!);
      const shunt = counted(drawn, size > 0 ? size : largestAt[bus]!);
      const entry = earthEntry(earth, share, size);
      return share.map((value, k) => entry[k % 2]! + shunt[k]! - value);
    };
    return {
      ...branch,
      yff: own(across, yff, yft, ratios, from),
      yft: transfer,
      ytf: product(back, across),
      ytt: own(product(back, transfer), ytt, ytf, inverse, to),
    };
  });
  return { ...grid, branches, shunts: grid.shunts.map(({ bus, y }) => ({ bus, y: counted(y, largestAt[bus]!) })) };
}

/**
 * Entry of the zero-sequence block `earth` beside the other sequences' `share`, on whose scale it is brought. Where only the
 * core makes it another value than theirs it becomes theirs, for then the phases have nothing to do with one another.
 */
function earthEntry(earth: ComplexBlock, share: ComplexBlock, size: number): [re: number, im: number] {
  const factor = size > 0 ? size ** (SIZE_EXPONENT - 1) : 1;
  const [re, im] = [earth[0]! * factor, earth[1]! * factor];
  const [sameRe, sameIm] = [share[0]! / -2, share[1]! / -2];
  const isSame = Math.hypot(re - sameRe, im - sameIm) < SHUNT_SHARE * Math.hypot(sameRe, sameIm);
  return isSame ? [sameRe, sameIm] : [re, im];
}

/** A block with its size drawn towards one; nothing where it is at most `least`. */
function evened(block: ComplexBlock, least: number): ComplexBlock {
  const size = largest(block);
  const factor = size > least ? size ** (SIZE_EXPONENT - 1) : 0;
  return block.map((value) => value * factor);
}

/** 1 or -1 as a branch passes the zero sequence on, 0 where it does not. */
function signOfZeroSequence(own: ComplexBlock, transfer: ComplexBlock, phases: number): number {
  if (phases === 1) return 1;
  const passed = rowSum(transfer, phases);
  if (Math.hypot(passed.re, passed.im) <= ZERO_SHARE * largest(transfer)) return 0;
  return -Math.sign(divide(rowSum(own, phases), passed).re);
}

/** The zero-sequence part of a circulant block. */
function zeroSequenceBlock(block: ComplexBlock, phases: number): ComplexBlock {
  const { re, im } = rowSum(block, phases);
  return block.map((_, k) => (k % 2 === 0 ? re : im) / phases);
}

/** Nothing where it is one. Phase by phase; where it turns the negative sequence turns the other way, the zero sequence not at all or right round. */
function ratioBlock(ratios: readonly Complex[], zeroSign: number): ComplexBlock | undefined {
  if (ratios.every(({ re, im }) => re === 1 && im === 0)) return undefined;
  const phases = ratios.length;
  const [first] = ratios as [Complex];
  const turns = phases === 3 && Math.abs(first.im) > TURN_MIN * Math.abs(first.re);
  const zero = complex(zeroSign * Math.hypot(first.re, first.im));
  const block = new Float64Array(2 * phases * phases);
  for (let row = 0; row < phases; row += 1) {
    for (let column = 0; column < phases; column += 1) {
      if (!turns && row !== column) continue;
      const sequences = { zero, positive: first, negative: conjugate(first) };
      const { re, im } = turns ? phaseEntry(sequences, row, column) : ratios[row]!;
      block.set([re, im], 2 * (row * phases + column));
    }
  }
  return block;
}

function product(a: ComplexBlock | undefined, b: ComplexBlock | undefined): ComplexBlock {
  if (a === undefined || b === undefined) return (a ?? b)!;
  const result = new Float64Array(a.length);
  multiplyBlocks(a, b, result, a.length === 2 ? 1 : 3);
  return result;
}

/** Current in the first phase when all have one voltage: of a circulant block its zero sequence. */
function rowSum(block: ComplexBlock, phases: number): Complex {
  let re = 0;
  let im = 0;
  for (let column = 0; column < phases; column += 1) {
    re += block[2 * column]!;
    im += block[2 * column + 1]!;
  }
  return complex(re, im);
}

function largest(block: ComplexBlock): number {
  return block.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
}
