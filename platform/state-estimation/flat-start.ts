/** The no-load voltages of a grid: where an estimate starts when nothing is known yet. */
import { joins } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../grids/model.ts';
import { phaseTurn } from '../../grids/sequence.ts';
import { spanForest } from '../../grids/topology.ts';
import { isReciprocal } from './equations/short-branches.ts';

/**
 * One per unit at the sources, carried through the branches with their far end unloaded, so that transformers turn and
 * scale as they do; along lines with or without what they draw themselves. Interleaved re, im per bus-phase; balanced one
 * per unit where nothing leads.
 */
export function flatStart(grid: CompiledGrid, charge: 'with charge' | 'without charge' = 'with charge'): Float64Array {
  const { phases } = grid;
  const voltage = new Float64Array(2 * grid.busCount * phases);
  for (let k = 0; k < grid.busCount * phases; k += 1) {
    const turn = phaseTurn(k % phases);
    voltage[2 * k] = turn.re;
    voltage[2 * k + 1] = turn.im;
  }
  const branches = grid.branches.filter(joins);
  const roots = grid.sources.map((source) => source.bus);
  const forest = spanForest(grid.busCount, branches, roots);
  const leading: CompiledBranch[][] = Array.from({ length: grid.busCount }, () => []);
  for (const branch of branches) {
    const { from, to } = branch;
    if (forest.parent[to] === from) leading[to]!.push(branch);
    else if (forest.parent[from] === to) leading[from]!.push(branch);
  }
  const system: SmallSystem = { own: new Float64Array(2 * phases * phases), right: new Float64Array(2 * phases) };
  for (const bus of forest.order) {
    const other = forest.parent[bus]!;
    if (other < 0) continue;
    const between = leading[bus]!;
    // Without what its capacitance draws exactly nothing flows in a line at no load.
    if (charge === 'without charge' && between.every(isReciprocal))
      voltage.copyWithin(2 * bus * phases, 2 * other * phases, 2 * (other + 1) * phases);
    else carry(system, between, { bus, other }, voltage);
  }
  return voltage;
}

/** Room for the equations of one bus. */
interface SmallSystem {
  readonly own: Float64Array;
  readonly right: Float64Array;
}

/**
 * Open-circuit voltage at `bus` from the other end of the branches between the two: y_own v_bus = -y_transfer v_other.
 * There may be several: three single-phase units make one bank.
 */
function carry(
  { own, right }: SmallSystem,
  branches: readonly CompiledBranch[],
  { bus, other }: { readonly bus: number; readonly other: number },
  voltage: Float64Array,
): void {
  const phases = right.length / 2;
  own.fill(0);
  right.fill(0);
  for (const branch of branches) {
    const atTo = branch.to === bus;
    addBlock(own, atTo ? branch.ytt : branch.yff);
    subtractProduct(right, atTo ? branch.ytf : branch.yft, voltage, other, phases);
  }
  solveRegularised(own, right, phases);
  for (let phase = 0; phase < phases; phase += 1) {
    // A winding that passes nothing (or a far end that resonates) gives no sensible start: keep the balanced one.
    const size = Math.hypot(right[2 * phase]!, right[2 * phase + 1]!);
    if (!(size > 0.3 && size < 3)) continue;
    voltage[2 * (bus * phases + phase)] = right[2 * phase]!;
    voltage[2 * (bus * phases + phase) + 1] = right[2 * phase + 1]!;
  }
}

function addBlock(into: Float64Array, block: ComplexBlock): void {
  for (let k = 0; k < into.length; k += 1) into[k]! += block[k]!;
}

/** right -= y v_bus */
function subtractProduct(
  right: Float64Array,
  y: ComplexBlock,
  voltage: Float64Array,
  bus: number,
  phases: number,
): void {
  for (let r = 0; r < phases; r += 1) {
    for (let c = 0; c < phases; c += 1) {
      const k = 2 * (r * phases + c);
      const v = 2 * (bus * phases + c);
      right[2 * r]! -= y[k]! * voltage[v]! - y[k + 1]! * voltage[v + 1]!;
      right[2 * r + 1]! -= y[k]! * voltage[v + 1]! + y[k + 1]! * voltage[v]!;
    }
  }
}

/**
 * Gauss elimination of a small complex system whose diagonal is raised by 1e-9 of its size: a delta's zero sequence. In
 * place: the matrix is gone afterwards, the right side is the solution.
 */
function solveRegularised(a: Float64Array, b: Float64Array, n: number): void {
  let largest = 1e-300;
  for (let k = 0; k < a.length; k += 1) largest = Math.max(largest, Math.abs(a[k]!));
  const lift = 1e-9 * largest;
  for (let k = 0; k < n; k += 1) a[2 * (k * n + k)]! += lift;
  for (let k = 0; k < n; k += 1) {
    const pr = a[2 * (k * n + k)]!;
    const pi = a[2 * (k * n + k) + 1]!;
    const d = pr * pr + pi * pi;
    for (let r = 0; r < n; r += 1) {
      if (r === k) continue;
      const xr = a[2 * (r * n + k)]!;
      const xi = a[2 * (r * n + k) + 1]!;
      const fr = (xr * pr + xi * pi) / d;
      const fi = (xi * pr - xr * pi) / d;
      for (let c = k; c < n; c += 1) {
        const cr = a[2 * (k * n + c)]!;
        const ci = a[2 * (k * n + c) + 1]!;
        a[2 * (r * n + c)]! -= fr * cr - fi * ci;
        a[2 * (r * n + c) + 1]! -= fr * ci + fi * cr;
      }
      const br = b[2 * k]!;
      const bi = b[2 * k + 1]!;
      b[2 * r]! -= fr * br - fi * bi;
      b[2 * r + 1]! -= fr * bi + fi * br;
    }
  }
  for (let k = 0; k < n; k += 1) {
    const pr = a[2 * (k * n + k)]!;
    const pi = a[2 * (k * n + k) + 1]!;
    const d = pr * pr + pi * pi;
    const br = b[2 * k]!;
    const bi = b[2 * k + 1]!;
    b[2 * k] = (br * pr + bi * pi) / d;
    b[2 * k + 1] = (bi * pr - br * pi) / d;
  }
}
