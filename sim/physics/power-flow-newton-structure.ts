/** What the topology fixes of Newton's method: the matrix as real blocks, where they stand, a place to start from. */
import type { CompiledGrid } from '../../grids/model.ts';
import { createRealBlockLu, type RealBlockLu } from '../../numerics/real-block-lu.ts';
import { createBusAdmittance, type BusAdmittance } from './power-flow-admittance.ts';
import type { MethodContext } from './power-flow-method.ts';
import { voltageControls, type VoltageControl } from './power-flow-voltage-control.ts';

/** What all states share: the matrix, the controls, a place to start from. */
export interface NewtonStructure {
  readonly context: MethodContext;
  readonly admittance: BusAdmittance;
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
  /** Rounding of Y v at each place, per unit: no mismatch can be told from zero below it. */
  readonly noise: Float64Array;
  /** Voltages of the unloaded grid, of nominal magnitude where generators hold voltages; zero at dead places. */
  readonly start: Float64Array;
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
  const held = new Set(grid.sources.filter((source) => source.y === undefined).map((source) => source.bus));
  const isUnknown = (place: number): boolean =>
    grid.energisedPhases[place] === 1 && !held.has(Math.floor(place / grid.phases));
  const unknown = Int32Array.from(grid.energisedPhases.keys()).filter(isUnknown);
  const shared = { context, admittance, earthed, controls, lu, transferAt, ownAt, unknown };
  return {
    ...shared,
    base: baseJacobian(grid, admittance, lu, { transferAt, ownAt, row }, isUnknown),
    noise: roundingOf(grid, admittance),
    start: startVoltages(context, controls),
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

/**
 * The unloaded grid has every angle shift of its transformers. Its magnitudes serve where loads only lower them; where
 * generators hold voltages, long unloaded lines would mislead, and nominal magnitudes are nearer.
 */
function startVoltages({ grid, network, elements }: MethodContext, controls: readonly VoltageControl[]): Float64Array {
  const equations = network();
  const voltage = new Float64Array(2 * grid.phases * grid.busCount);
  const solution = equations.createSolution();
  equations.solve(solution, elements.free.buses, voltage, new Float64Array(voltage.length));
  equations.readVoltages(solution, voltage);
  const held = new Set(grid.sources.filter((source) => source.y === undefined).map((source) => source.bus));
  for (let at = 0; at < voltage.length; at += 2) {
    if (grid.energisedPhases[at >> 1] === 0) voltage.fill(0, at, at + 2);
    else if (controls.length > 0 && !held.has(Math.floor((at >> 1) / grid.phases))) setMagnitude(voltage, at, 1);
  }
  for (const { places, setpoint } of controls) for (const place of places) setMagnitude(voltage, 2 * place, setpoint);
  return voltage;
}

function setMagnitude(voltage: Float64Array, at: number, magnitude: number): void {
  const now = Math.hypot(voltage[at]!, voltage[at + 1]!);
  if (now < 0.1) return;
  voltage[at]! *= magnitude / now;
  voltage[at + 1]! *= magnitude / now;
}
