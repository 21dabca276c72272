/** What the topology fixes of Newton's method: the matrix as real blocks, where they stand, a place to start from. */
import type { CompiledGrid } from '../../grids/model.ts';
import { createRealBlockLu, type RealBlockLu } from '../../numerics/real-block-lu.ts';
import {
  createBranchCurrents,
  createBusAdmittance,
  type BranchCurrents,
  type BusAdmittance,
} from './power-flow-admittance.ts';
import type { MethodContext } from './power-flow-method.ts';
import { documentVoltages, flatVoltages } from './power-flow-newton-start.ts';
import { stiffBuses } from './power-flow-stiff-buses.ts';
import { voltageControls, type VoltageControl } from './power-flow-voltage-control.ts';

/** What all states share. */
export interface NewtonStructure {
  readonly context: MethodContext;
  readonly admittance: BusAdmittance;
  readonly branchCurrents: BranchCurrents;
  /** Where the neutral may float, and the negligible admittance that keeps it where no element does. */
  readonly earthed: ReadonlyMap<number, number>;
  readonly controls: readonly VoltageControl[];
  readonly lu: RealBlockLu;
  /** The part of the Jacobian that is Y, in the layout of `lu.values`; identities at given and dead places. */
  readonly base: Float64Array;
  /** Where the block of each pattern entry and of each bus stands in `lu.values`. */
  readonly transferAt: Int32Array;
  readonly ownAt: Int32Array;
  /** Places whose voltage is an unknown. */
  readonly unknown: Int32Array;
  /** 1 at buses with one. */
  readonly moves: Uint8Array;
  /** Rounding of Y v at each place, per unit: no mismatch can be told from zero below it. */
  readonly noise: Float64Array;
  /** One row and column a bus, for the angles that `approachSolution` finds; where no voltage is held, it is not asked. */
  readonly angles: RealBlockLu | undefined;
  /** Voltages to begin with, see `flatVoltages`; zero at dead places. */
  readonly flat: Float64Array;
  /** Those that the document gives; undefined when it gives none. */
  readonly given: Float64Array | undefined;
}

export function prepareNewton(context: MethodContext): NewtonStructure {
  const { grid } = context;
  const { earthed } = context.network();
  const admittance = createBusAdmittance(grid, new Map());
  const controls = voltageControls(grid);
  const { pattern } = admittance;
  const lu = createRealBlockLu(pattern, 2 * grid.phases);
  const row = Int32Array.from({ length: pattern.index.length });
  for (let bus = 0; bus < grid.busCount; bus++) row.fill(bus, pattern.start[bus], pattern.start[bus + 1]);
  const transferAt = Int32Array.from(pattern.index, (column, e) => lu.place(row[e]!, column));
  const ownAt = Int32Array.from({ length: grid.busCount }, (_, bus) => lu.place(bus, bus));
  const held = stiffBuses(grid);
  const isUnknown = (place: number): boolean =>
    grid.energisedPhases[place] === 1 && !held.has(Math.floor(place / grid.phases));
  const unknown = Int32Array.from(grid.energisedPhases.keys()).filter(isUnknown);
  const moves = new Uint8Array(grid.busCount);
  for (const place of unknown) moves[Math.floor(place / grid.phases)] = 1;
  const flat = flatVoltages(context, controls);
  const given = documentVoltages(grid, controls, flat);
  const angles = controls.length > 0 ? createRealBlockLu(pattern, 1) : undefined;
  const shared = { context, admittance, earthed, controls, lu, transferAt, ownAt, unknown, moves, angles, flat, given };
  return {
    ...shared,
    branchCurrents: createBranchCurrents(grid),
    base: baseJacobian(grid, admittance, lu, { transferAt, ownAt, row }, isUnknown),
    noise: roundingOf(grid, admittance),
  };
}

/** Y as real blocks [g -b; b g] in the rows of unknown voltages, identities in the others. */
function baseJacobian(
  grid: CompiledGrid,
  { own, transfer, pattern }: BusAdmittance,
  lu: RealBlockLu,
  { transferAt, ownAt, row }: { transferAt: Int32Array; ownAt: Int32Array; row: Int32Array },
  isUnknown: (place: number) => boolean,
): Float64Array {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const order = 2 * phases;
  const base = new Float64Array(lu.values.length);
  const write = (at: number, blocks: Float64Array, block: number, bus: number, column: number): void => {
    for (let r = 0; r < phases; r++) {
      if (!isUnknown(bus * phases + r)) continue;
      for (let c = 0; c < phases; c++) {
        if (!isUnknown(column * phases + c)) continue;
        const [g, b] = [blocks[block + 2 * (r * phases + c)]!, blocks[block + 2 * (r * phases + c) + 1]!];
        const to = at + 2 * r * order + 2 * c;
        base[to] = g;
        base[to + 1] = -b;
        base[to + order] = b;
        base[to + order + 1] = g;
      }
    }
  };
  for (let bus = 0; bus < grid.busCount; bus++) {
    write(ownAt[bus]!, own, bus * entries, bus, bus);
    for (let r = 0; r < phases; r++) {
      if (isUnknown(bus * phases + r)) continue;
      base[ownAt[bus]! + 2 * r * (order + 1)] = 1;
      base[ownAt[bus]! + (2 * r + 1) * (order + 1)] = 1;
    }
  }
  pattern.index.forEach((column, e) => write(transferAt[e]!, transfer, e * entries, row[e]!, column));
  return base;
}

/** Sixteen roundings of the largest products in a row of Y v. */
function roundingOf(grid: CompiledGrid, { own, transfer, pattern }: BusAdmittance): Float64Array {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const noise = new Float64Array(grid.busCount * phases);
  for (let bus = 0; bus < grid.busCount; bus++) {
    for (let r = 0; r < phases; r++) {
      let sum = 0;
      const add = (blocks: Float64Array, block: number): void => {
        for (let k = 0; k < 2 * phases; k++) sum += Math.abs(blocks[block + 2 * phases * r + k]!);
      };
      add(own, bus * entries);
      for (let e = pattern.start[bus]!; e < pattern.start[bus + 1]!; e++) add(transfer, e * entries);
      noise[bus * phases + r] = 16 * Number.EPSILON * sum;
    }
  }
  return noise;
}
