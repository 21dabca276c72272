/** The linear power flow: every element is the admittance of its nominal power, so one solve is exact and superposes. */
import type { CompiledGrid } from '../../grids/model.ts';
import { createBlockLu, type BlockLu } from '../../numerics/block-lu.ts';
import { createBusAdmittance, branchCurrents, type BusAdmittance } from './power-flow-admittance.ts';
import type { ElementPowers } from './power-flow-elements.ts';
import type { MethodContext, MethodSolver, PowerFlowMethod } from './power-flow-method.ts';

export const linear: PowerFlowMethod = {
  name: 'linear',
  linear: true,
  refuses: (grid) =>
    grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService)
      ? 'it cannot hold the voltage of a generator'
      : undefined,
  prepare: (context) => {
    const { grid } = context;
    const admittance = createBusAdmittance(grid, context.network().earthed);
    const lu = createBlockLu(admittance.pattern, grid.phases === 1 ? 'scalar' : 'full');
    const solver = createSolver(context, admittance, lu, new Float64Array(2 * grid.phases * grid.busCount));
    solver.flatStart();
    return solver;
  },
};

function createSolver(
  context: MethodContext,
  admittance: BusAdmittance,
  lu: BlockLu,
  voltage: Float64Array,
): MethodSolver {
  const { grid } = context;
  const history = new Float64Array(2);
  const nothing = { load: new Float64Array(0), generator: new Float64Array(0), battery: new Float64Array(0) };

  /** Voltages with the given element admittances; false when the matrix is singular. */
  const solveWith = (powers: ElementPowers | undefined): boolean => {
    fill(context, admittance, lu, powers ?? nothing, powers !== undefined);
    if (lu.factorise().length > 0) return false;
    lu.solve(rightHandSide(grid, admittance), voltage, new Float64Array(lu.length));
    grid.energisedPhases.forEach((live, place) => {
      if (live === 0) voltage.fill(Number.NaN, 2 * place, 2 * place + 2);
    });
    return true;
  };
  return {
    voltage,
    history,
    solve: (powers) => {
      const converged = solveWith(powers);
      const worstMismatchPu = converged ? 0 : Number.NaN;
      return { converged, iterations: 1, worstMismatchPu, worstBus: -1, worstPhase: -1 };
    },
    flatStart: () => void solveWith(undefined),
    branchCurrents: (from, to) => branchCurrents(grid, voltage, from, to),
    clone: () => createSolver(context, admittance, lu, voltage.slice()),
  };
}

/** Y and the admittances (P - jQ) / n^2 of the elements; identities at given buses and dead places. */
function fill(
  { grid, elements }: MethodContext,
  { own, transfer, pattern }: BusAdmittance,
  lu: BlockLu,
  powers: ElementPowers,
  loaded: boolean,
): void {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const held = heldPlaces(grid);
  const own2 = own.slice();
  for (const part of loaded ? elements.free.general : []) {
    const nominal = powers[part.kind];
    // The part draws -sign (P + jQ) at voltage n: an admittance -sign (P - jQ) / n^2 from near to far.
    const factor = -part.sign / (grid.basePowerVA * part.nominal * part.nominal);
    const [g, b] = [factor * nominal[part.own]!, -factor * nominal[part.own + 1]!];
    const bus = Math.floor((part.near >> 1) / phases);
    const add = (row: number, column: number, sign: number): void => {
      const k = bus * entries + 2 * ((row % phases) * phases + (column % phases));
      own2[k]! += sign * g;
      own2[k + 1]! += sign * b;
    };
    const [near, far] = [part.near >> 1, part.far >> 1];
    add(near, near, 1);
    if (part.far < 0) continue;
    add(near, far, -1);
    add(far, near, -1);
    add(far, far, 1);
  }
  lu.clear();
  for (let bus = 0; bus < grid.busCount; bus++) {
    const block = own2.slice(bus * entries, (bus + 1) * entries);
    if (held.has(bus)) block.fill(0);
    for (let k = 0; k < phases; k++) {
      if (held.has(bus) || grid.energisedPhases[bus * phases + k] === 0) block[2 * k * (phases + 1)] = 1;
    }
    lu.add(bus, bus, block);
    if (held.has(bus)) continue;
    for (let e = pattern.start[bus]!; e < pattern.start[bus + 1]!; e++) {
      const block2 = transfer.subarray(e * entries, (e + 1) * entries);
      if (!held.has(pattern.index[e]!)) lu.add(bus, pattern.index[e]!, block2);
    }
  }
}

/** Stiff sources by bus. */
function heldPlaces(grid: CompiledGrid): ReadonlyMap<number, Float64Array> {
  return new Map(grid.sources.filter(({ y }) => y === undefined).map(({ bus, voltage }) => [bus, voltage]));
}

/** Source currents less what given voltages drive into their neighbours; the given voltages themselves at their buses. */
function rightHandSide(grid: CompiledGrid, { sourceCurrent, pattern, transfer }: BusAdmittance): Float64Array {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const b = sourceCurrent.slice();
  const held = heldPlaces(grid);
  for (let bus = 0; bus < grid.busCount; bus++) {
    const given = held.get(bus);
    if (given !== undefined) {
      b.set(given, 2 * phases * bus);
      continue;
    }
    for (let e = pattern.start[bus]!; e < pattern.start[bus + 1]!; e++) {
      const far = held.get(pattern.index[e]!);
      if (far === undefined) continue;
      for (let r = 0; r < phases; r++) {
        for (let c = 0; c < phases; c++) {
          const k = e * entries + 2 * (r * phases + c);
          const at = 2 * (phases * bus + r);
          b[at]! -= transfer[k]! * far[2 * c]! - transfer[k + 1]! * far[2 * c + 1]!;
          b[at + 1]! -= transfer[k]! * far[2 * c + 1]! + transfer[k + 1]! * far[2 * c]!;
        }
      }
    }
  }
  return b;
}
