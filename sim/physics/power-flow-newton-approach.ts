/**
 * A way from flat voltages to where Newton's method converges, for grids whose generators hold voltages. Two steps in
 * turn: the voltages between the held ones from the linear network, with the currents that the elements draw now; then
 * the angles of all buses from their active powers. These are the two halves of a decoupled load flow (Stott and Alsac,
 * IEEE Trans. Power Apparatus and Systems 93 (1974) 859), with resistances and the magnitudes at hand.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import type { RealBlockLu } from '../../numerics/real-block-lu.ts';
import type { ElementPowers } from './power-flow-elements.ts';
import { evaluateMismatch, type NewtonWork } from './power-flow-newton-equations.ts';
import type { NewtonStructure } from './power-flow-newton-structure.ts';

/** Turns of both steps; after two the transmission grids that were tried lie a few Newton steps from their solution. */
const TURNS = 2;

/** Moves `voltage` nearer to the solution; where no voltage is held, or the network cannot be solved, it stays. */
export function approachSolution(
  shared: NewtonStructure,
  powers: ElementPowers,
  voltage: Float64Array,
  work: NewtonWork,
): void {
  const { context, controls, angles } = shared;
  // As if nothing were held, the equations are the plain current mismatches.
  const free = controls.map(() => 'max' as const);
  const mismatch = (): void => evaluateMismatch(shared, free, powers, voltage, work);
  context.elements.sumConstantPower(powers, work.busPower);
  if (angles === undefined || !factoriseBetweenHeld(shared)) return;
  mismatch();
  moveBetweenHeld(shared, voltage, work);
  for (let turn = 0; turn < TURNS; turn++) {
    mismatch();
    turnBuses(shared, angles, voltage, work);
    mismatch();
    moveBetweenHeld(shared, voltage, work);
  }
}

/** Y with identities at buses that hold a voltage: whole rows, for their voltage does not move. */
function factoriseBetweenHeld({
  context,
  admittance,
  controls,
  earthed,
  lu,
  base,
  ownAt,
  transferAt,
}: NewtonStructure) {
  const { phases } = context.grid;
  const order = 2 * phases;
  lu.values.set(base);
  for (const [bus, size] of earthed) for (let e = 0; e < order; e++) lu.values[ownAt[bus]! + e * (order + 1)]! += size;
  const { start } = admittance.pattern;
  for (const { bus, places } of controls) {
    for (const place of places) {
      for (const row of [2 * (place % phases), 2 * (place % phases) + 1]) {
        const own = ownAt[bus]! + row * order;
        lu.values.fill(0, own, own + order);
        for (let e = start[bus]!; e < start[bus + 1]!; e++) {
          const at = transferAt[e]! + row * order;
          lu.values.fill(0, at, at + order);
        }
        lu.values[own + row] = 1;
      }
    }
  }
  return lu.factorise();
}

/** v -= Y^-1 F between the held voltages: exact for constant currents. */
function moveBetweenHeld({ controls, lu }: NewtonStructure, voltage: Float64Array, work: NewtonWork): void {
  const { step, residual } = work;
  for (let k = 0; k < step.length; k++) step[k] = -residual[k]!;
  for (const { places } of controls) for (const place of places) step.fill(0, 2 * place, 2 * place + 2);
  lu.solve(step);
  for (let k = 0; k < step.length; k++) voltage[k]! += step[k]!;
}

/** Turns each bus, all its phases alike, by the angles at which active powers balance to first order: H dtheta = -dP. */
function turnBuses(shared: NewtonStructure, angles: RealBlockLu, voltage: Float64Array, work: NewtonWork): void {
  const { context, unknown } = shared;
  const { grid } = context;
  const { turn } = work;
  turn.fill(0);
  for (let n = 0; n < unknown.length; n++) {
    const place = unknown[n]!;
    const bus = Math.floor(place / grid.phases);
    const at = 2 * place;
    turn[bus]! -= voltage[at]! * work.mismatch[at]! + voltage[at + 1]! * work.mismatch[at + 1]!;
  }
  fillAngleMatrix(shared, voltage, angles);
  if (!angles.factorise()) return;
  angles.solve(turn);
  for (let bus = 0; bus < grid.busCount; bus++) turnBus(grid, voltage, bus, turn);
}

/**
 * H_ij = dP_i / dtheta_j = sum over phases of Im(v_i (Y_ij v_j)*); the power that a bus exchanges with itself does not
 * change when it turns, so H_ii = -sum H_ij + Im(v_i i_source*).
 */
function fillAngleMatrix(
  { context, admittance, moves }: NewtonStructure,
  voltage: Float64Array,
  angles: RealBlockLu,
): void {
  const { phases, busCount } = context.grid;
  const { pattern, transfer, sourceCurrent } = admittance;
  angles.values.fill(0);
  for (let i = 0; i < busCount; i++) {
    const own = angles.place(i, i);
    if (moves[i] === 0) {
      angles.values[own] = 1;
      continue;
    }
    for (let k = 2 * phases * i; k < 2 * phases * (i + 1); k += 2) {
      angles.values[own]! += voltage[k + 1]! * sourceCurrent[k]! - voltage[k]! * sourceCurrent[k + 1]!;
    }
    for (let e = pattern.start[i]!; e < pattern.start[i + 1]!; e++) {
      const j = pattern.index[e]!;
      const coupling = moves[j] === 1 ? angles.place(i, j) : -1;
      addExchanged(transfer, 2 * phases * phases * e, voltage, i, j, phases, angles.values, own, coupling);
    }
  }
}

/** h = sum over phases of Im(v_i (Y_ij v_j)*), off `own` and, where it is not -1, into `coupling`: no number is returned. */
function addExchanged(
  blocks: Float64Array,
  block: number,
  voltage: Float64Array,
  i: number,
  j: number,
  phases: number,
  values: Float64Array,
  own: number,
  coupling: number,
): void {
  let sum = 0;
  for (let r = 0; r < phases; r++) {
    let re = 0;
    let im = 0;
    for (let c = 0; c < phases; c++) {
      const at = block + 2 * (r * phases + c);
      const from = 2 * (phases * j + c);
      re += blocks[at]! * voltage[from]! - blocks[at + 1]! * voltage[from + 1]!;
      im += blocks[at]! * voltage[from + 1]! + blocks[at + 1]! * voltage[from]!;
    }
    const to = 2 * (phases * i + r);
    sum += voltage[to + 1]! * re - voltage[to]! * im;
  }
  values[own]! -= sum;
  if (coupling >= 0) values[coupling] = sum;
}

function turnBus({ phases }: CompiledGrid, voltage: Float64Array, bus: number, turn: Float64Array): void {
  const cos = Math.cos(turn[bus]!);
  const sin = Math.sin(turn[bus]!);
  for (let at = 2 * phases * bus; at < 2 * phases * (bus + 1); at += 2) {
    const re = voltage[at]!;
    const im = voltage[at + 1]!;
    voltage[at] = cos * re - sin * im;
    voltage[at + 1] = sin * re + cos * im;
  }
}
