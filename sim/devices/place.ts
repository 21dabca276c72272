/** Where a device measures: a place string of the scenario resolved against the compiled grid, and the phasors found there. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { Truth } from '../physics/truth.ts';

export interface Terminal {
  readonly bus: number;
  /** Branch end whose current is measured; undefined at a bus alone. */
  readonly branch: { readonly index: number; readonly side: 'from' | 'to' } | undefined;
}

/** Resolves `bus:<id>` and `branch:<id>:from|to`; undefined when the grid has no such place. */
export function terminalAt(grid: CompiledGrid, place: string): Terminal | undefined {
  const [what, id = '', side] = place.split(':');
  if (what === 'bus') {
    const bus = grid.busIndex.get(id);
    return bus === undefined ? undefined : { bus, branch: undefined };
  }
  const branch = what === 'branch' ? grid.branches[grid.branchIndex.get(id) ?? -1] : undefined;
  if (branch === undefined || (side !== 'from' && side !== 'to')) return undefined;
  return { bus: side === 'from' ? branch.from : branch.to, branch: { index: branch.index, side } };
}

/** Base current of a bus, A per phase. */
export function baseCurrentA(grid: CompiledGrid, bus: number): number {
  return grid.basePowerVA / (grid.baseVoltageV[bus] ?? Number.NaN);
}

/**
 * Phasors at a terminal as a synchronised instrument without error would see them: V and A, interleaved re, im per
 * phase, the system angle included. Currents flow into the branch; NaN at a bus alone. `out` has 4 * phases entries:
 * voltages first, then currents.
 */
export function phasorsAt(truth: Truth, terminal: Terminal, out: Float64Array): void {
  const { grid, voltage } = truth;
  const { phases } = grid;
  const { bus, branch } = terminal;
  const cos = Math.cos(truth.systemAngleRad);
  const sin = Math.sin(truth.systemAngleRad);
  const voltageBase = grid.baseVoltageV[bus] ?? Number.NaN;
  const currentBase = baseCurrentA(grid, bus);
  const currents = branch?.side === 'to' ? truth.currentTo : truth.currentFrom;
  for (let phase = 0; phase < phases; phase += 1) {
    const at = 2 * (bus * phases + phase);
    rotate(out, 2 * phase, voltage[at] ?? 0, voltage[at + 1] ?? 0, cos * voltageBase, sin * voltageBase);
    const through = branch === undefined ? -1 : 2 * (branch.index * phases + phase);
    const re = currents[through] ?? Number.NaN;
    const im = currents[through + 1] ?? Number.NaN;
    rotate(out, 2 * (phases + phase), re, im, cos * currentBase, sin * currentBase);
  }
}

function rotate(out: Float64Array, at: number, re: number, im: number, cos: number, sin: number): void {
  out[at] = re * cos - im * sin;
  out[at + 1] = re * sin + im * cos;
}
