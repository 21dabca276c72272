/** Currents and powers at the ends of a branch from estimated voltages. */
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../grids/model.ts';

/** Per phase, per unit: power into the branch at that end, and the magnitude of the current. */
export interface BranchEndFlow {
  readonly activePower: readonly number[];
  readonly reactivePower: readonly number[];
  readonly current: readonly number[];
}

/** `voltage` interleaved re, im by bus-phase; NaN voltages give NaN flows. */
export function branchEndFlow(
  grid: CompiledGrid,
  branch: CompiledBranch,
  end: 'from' | 'to',
  voltage: Float64Array,
): BranchEndFlow {
  const { phases } = grid;
  const [own, transfer]: readonly [ComplexBlock, ComplexBlock] =
    end === 'from' ? [branch.yff, branch.yft] : [branch.ytf, branch.ytt];
  const bus = end === 'from' ? branch.from : branch.to;
  const flow: { activePower: number[]; reactivePower: number[]; current: number[] } = {
    activePower: [],
    reactivePower: [],
    current: [],
  };
  for (let row = 0; row < phases; row += 1) {
    let re = 0;
    let im = 0;
    const add = (y: ComplexBlock, at: number) => {
      for (let column = 0; column < phases; column += 1) {
        const g = y[2 * (row * phases + column)]!;
        const b = y[2 * (row * phases + column) + 1]!;
        if (g === 0 && b === 0) continue;
        const vr = voltage[2 * (at * phases + column)]!;
        const vi = voltage[2 * (at * phases + column) + 1]!;
        re += g * vr - b * vi;
        im += g * vi + b * vr;
      }
    };
    add(own, branch.from);
    add(transfer, branch.to);
    const vr = voltage[2 * (bus * phases + row)]!;
    const vi = voltage[2 * (bus * phases + row) + 1]!;
    flow.activePower.push(vr * re + vi * im);
    flow.reactivePower.push(vi * re - vr * im);
    flow.current.push(Math.sqrt(re * re + im * im));
  }
  return flow;
}

/** Active power lost in branches and shunts, per unit: what flows in and does not come out. NaN when a voltage is open. */
export function gridLosses(grid: CompiledGrid, voltage: Float64Array): number {
  const sum = (values: readonly number[]) => values.reduce((total, value) => total + value, 0);
  let losses = 0;
  for (const branch of grid.branches) {
    for (const end of ['from', 'to'] as const) {
      // A dead bus has no voltage and takes nothing.
      if (grid.energised[branch[end]] === 1) losses += sum(branchEndFlow(grid, branch, end, voltage).activePower);
    }
  }
  for (const { bus, y } of grid.shunts) {
    const { phases } = grid;
    if (grid.energised[bus] !== 1) continue;
    for (let row = 0; row < phases; row += 1) {
      for (let column = 0; column < phases; column += 1) {
        const [g, b] = [y[2 * (row * phases + column)]!, y[2 * (row * phases + column) + 1]!];
        const r = 2 * (bus * phases + row);
        const c = 2 * (bus * phases + column);
        // Re(conj(v_r) y v_c)
        const re = g * voltage[c]! - b * voltage[c + 1]!;
        const im = g * voltage[c + 1]! + b * voltage[c]!;
        losses += voltage[r]! * re + voltage[r + 1]! * im;
      }
    }
  }
  return losses;
}
