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
  const [atFrom, atTo]: readonly [ComplexBlock, ComplexBlock] =
    end === 'from' ? [branch.yff, branch.yft] : [branch.ytf, branch.ytt];
  const bus = end === 'from' ? branch.from : branch.to;
  const flow: { activePower: number[]; reactivePower: number[]; current: number[] } = {
    activePower: [],
    reactivePower: [],
    current: [],
  };
  const ofFrom = 2 * branch.from * phases;
  const ofTo = 2 * branch.to * phases;
  for (let row = 0; row < phases; row += 1) {
    let re = 0;
    let im = 0;
    for (let column = 0; column < 2 * phases; column += 2) {
      const at = 2 * row * phases + column;
      // A phase that does not take part may have no voltage.
      if (atFrom[at] !== 0 || atFrom[at + 1] !== 0) {
        const vr = voltage[ofFrom + column]!;
        const vi = voltage[ofFrom + column + 1]!;
        re += atFrom[at]! * vr - atFrom[at + 1]! * vi;
        im += atFrom[at]! * vi + atFrom[at + 1]! * vr;
      }
      if (atTo[at] !== 0 || atTo[at + 1] !== 0) {
        const vr = voltage[ofTo + column]!;
        const vi = voltage[ofTo + column + 1]!;
        re += atTo[at]! * vr - atTo[at + 1]! * vi;
        im += atTo[at]! * vi + atTo[at + 1]! * vr;
      }
    }
    const vr = voltage[2 * (bus * phases + row)]!;
    const vi = voltage[2 * (bus * phases + row) + 1]!;
    flow.activePower.push(vr * re + vi * im);
    flow.reactivePower.push(vi * re - vr * im);
    flow.current.push(Math.sqrt(re * re + im * im));
  }
  return flow;
}

/** Power into the grid at each bus-phase, per unit, interleaved: what leaves into branches and shunts. */
export function busInjections(grid: CompiledGrid, voltage: Float64Array): Float64Array {
  const { phases } = grid;
  const injections = new Float64Array(2 * grid.busCount * phases);
  for (const branch of grid.branches) {
    for (const end of ['from', 'to'] as const) {
      if (grid.energised[branch[end]] !== 1) continue;
      const { activePower, reactivePower } = branchEndFlow(grid, branch, end, voltage);
      for (let phase = 0; phase < phases; phase += 1) {
        injections[2 * (branch[end] * phases + phase)]! += activePower[phase]!;
        injections[2 * (branch[end] * phases + phase) + 1]! += reactivePower[phase]!;
      }
    }
  }
  for (const shunt of grid.shunts) addShunt(grid, shunt, voltage, injections);
  for (let k = 0; k < grid.busCount * phases; k += 1) {
    if (Number.isNaN(voltage[2 * k]!)) injections.fill(Number.NaN, 2 * k, 2 * k + 2);
  }
  return injections;
}

/** Adds v conj(y v) at the shunt's bus. */
function addShunt(
  { phases, energised }: CompiledGrid,
  { bus, y }: CompiledGrid['shunts'][number],
  voltage: Float64Array,
  into: Float64Array,
): void {
  if (energised[bus] !== 1) return;
  for (let row = 0; row < phases; row += 1) {
    const r = 2 * (bus * phases + row);
    for (let column = 0; column < phases; column += 1) {
      const g = y[2 * (row * phases + column)]!;
      const b = y[2 * (row * phases + column) + 1]!;
      const c = 2 * (bus * phases + column);
      if (g === 0 && b === 0) continue;
      const ir = g * voltage[c]! - b * voltage[c + 1]!;
      const ii = g * voltage[c + 1]! + b * voltage[c]!;
      into[r]! += voltage[r]! * ir + voltage[r + 1]! * ii;
      into[r + 1]! += voltage[r + 1]! * ir - voltage[r]! * ii;
    }
  }
}

/** Active power lost in branches, per unit: what flows in and does not come out. NaN when a voltage is open. */
export function gridLosses(grid: CompiledGrid, voltage: Float64Array): number {
  const live = (bus: number, phase: number) => grid.energisedPhases[bus * grid.phases + phase] === 1;
  let losses = 0;
  for (const branch of grid.branches) {
    for (const end of ['from', 'to'] as const) {
      // A dead bus, or a phase that is not there, has no voltage and takes nothing.
      branchEndFlow(grid, branch, end, voltage).activePower.forEach((power, phase) => {
        if (live(branch[end], phase)) losses += power;
      });
    }
  }
  return losses;
}

/** Active power that the shunts draw, per unit; NaN when a voltage at one of them is open. */
export function shuntPower(grid: CompiledGrid, voltage: Float64Array): number {
  const taken = new Float64Array(voltage.length);
  for (const shunt of grid.shunts) addShunt(grid, shunt, voltage, taken);
  return taken.reduce((sum, power, k) => (k % 2 === 0 && grid.energisedPhases[k >> 1] === 1 ? sum + power : sum), 0);
}
