/** What goes in and out of a solved grid: exchange at the sources, losses of branches, consumption of shunts. */
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';

export interface PowerFlowTotals {
  /** Active power lost in branches: lines with their conductance, transformers with their iron losses; W. */
  readonly lossesW: number;
  /** Active power that shunts draw, W: consumption, not losses, as in the accounts of MATPOWER and pandapower. */
  readonly shuntsW: number;
  /** Power taken from all external grids at their terminals, W and var, importing positive. */
  readonly exchangeW: number;
  readonly exchangeVar: number;
}

/** A bus whose voltage a stiff source gives, and the branches that leave it. */
export interface HeldBus {
  readonly voltage: Float64Array;
  readonly branches: readonly CompiledBranch[];
}

/** Totals of solutions of this grid; `injection` are the phase currents of all elements, at the listed buses. */
export function createTotals(
  grid: CompiledGrid,
): (voltage: Float64Array, injection: Float64Array, buses: Int32Array) => PowerFlowTotals {
  const held = new Map([...heldBuses(grid), ...nearlyHeldBuses(grid)]);
  const partlyDead = grid.energisedPhases.some(
    (flag, k) => flag === 0 && grid.energised[Math.floor(k / grid.phases)] === 1,
  );
  // A dead phase takes part in products of whole blocks: as nothing, not as NaN.
  const clean = (voltage: Float64Array): Float64Array =>
    partlyDead ? voltage.map((value) => (Number.isNaN(value) ? 0 : value)) : voltage;
  return (voltage, injection, buses) => totals(grid, held, clean(voltage), injection, buses);
}

export function heldBuses(grid: CompiledGrid): ReadonlyMap<number, HeldBus> {
  return sourceBuses(grid, ({ y }) => y === undefined);
}

/** Source admittance, per unit, from which on y (e - v) has lost the digits of a watt. */
const NEARLY_STIFF = 1e8;

/** Sources all but stiff: what they deliver follows from Kirchhoff's law at their bus, as for stiff ones. */
function nearlyHeldBuses(grid: CompiledGrid): ReadonlyMap<number, HeldBus> {
  return sourceBuses(grid, ({ y }) => y?.some((value) => Math.abs(value) > NEARLY_STIFF) === true);
}

function sourceBuses(
  grid: CompiledGrid,
  wanted: (source: CompiledGrid['sources'][number]) => boolean,
): ReadonlyMap<number, HeldBus> {
  const buses = new Map<number, HeldBus>();
  for (const source of grid.sources.filter(wanted)) {
    const branches = grid.branches.filter(({ from, to }) => from === source.bus || to === source.bus);
    buses.set(source.bus, { voltage: source.voltage, branches });
  }
  return buses;
}

/** y[at..] += factor * block * x[from..]. */
export function addProduct(
  block: Float64Array,
  factor: number,
  x: Float64Array,
  from: number,
  y: Float64Array,
  at: number,
  phases: number,
): void {
  for (let r = 0; r < phases; r++) {
    let re = 0;
    let im = 0;
    for (let c = 0; c < phases; c++) {
      const k = 2 * (r * phases + c);
      const xr = x[from + 2 * c]!;
      const xi = x[from + 2 * c + 1]!;
      re += block[k]! * xr - block[k + 1]! * xi;
      im += block[k]! * xi + block[k + 1]! * xr;
    }
    y[at + 2 * r]! += factor * re;
    y[at + 2 * r + 1]! += factor * im;
  }
}

/** Complex power v conj(i) of all phases at one place, added to a sum of P and Q. */
function addPower(
  voltage: Float64Array,
  v: number,
  current: Float64Array,
  i: number,
  phases: number,
  sum: [number, number],
  factor = 1,
): void {
  for (let phase = 0; phase < 2 * phases; phase += 2) {
    const vr = voltage[v + phase]!;
    const vi = voltage[v + phase + 1]!;
    const ir = current[i + phase]!;
    const ii = current[i + phase + 1]!;
    sum[0] += factor * (vr * ir + vi * ii);
    sum[1] += factor * (vi * ir - vr * ii);
  }
}

/**
 * Exchange at the terminals of the sources, and losses as what comes in less what elements and shunts take out: exact to
 * the mismatch of the solution, and without the currents of every branch.
 */
function totals(
  grid: CompiledGrid,
  held: ReadonlyMap<number, HeldBus>,
  voltage: Float64Array,
  injection: Float64Array,
  buses: Int32Array,
): PowerFlowTotals {
  const { phases, energised } = grid;
  const stride = 2 * phases;
  const exchange: [number, number] = [0, 0];
  const current = new Float64Array(stride);
  for (const [bus, { branches }] of held) {
    // A stiff source carries all that leaves its bus: Y v of that row less the elements.
    current.fill(0);
    for (const branch of branches) {
      if (branch.from === branch.to) {
        for (const block of [branch.yff, branch.yft, branch.ytf, branch.ytt]) {
          addProduct(block, 1, voltage, bus * stride, current, 0, phases);
        }
        continue;
      }
      const atFrom = branch.from === bus;
      const far = atFrom ? branch.to : branch.from;
      addProduct(atFrom ? branch.yff : branch.ytt, 1, voltage, bus * stride, current, 0, phases);
      if (energised[far] === 0) continue;
      addProduct(atFrom ? branch.yft : branch.ytf, 1, voltage, far * stride, current, 0, phases);
    }
    for (const { bus: at, y } of grid.shunts) {
      if (at === bus) addProduct(y, 1, voltage, bus * stride, current, 0, phases);
    }
    addPower(voltage, bus * stride, current, 0, phases, exchange);
    addPower(voltage, bus * stride, injection, bus * stride, phases, exchange, -1);
  }
  for (const { bus, voltage: internal, y } of grid.sources) {
    if (y === undefined || held.has(bus)) continue;
    // A source behind an impedance carries y (e - v).
    current.fill(0);
    addProduct(y, 1, internal, 0, current, 0, phases);
    addProduct(y, -1, voltage, bus * stride, current, 0, phases);
    addPower(voltage, bus * stride, current, 0, phases, exchange);
  }
  const produced: [number, number] = [0, 0];
  for (const bus of buses) addPower(voltage, bus * stride, injection, bus * stride, phases, produced);
  const drawn: [number, number] = [0, 0];
  for (const { bus, y } of grid.shunts) {
    if (energised[bus] === 0) continue;
    current.fill(0);
    addProduct(y, 1, voltage, bus * stride, current, 0, phases);
    addPower(voltage, bus * stride, current, 0, phases, drawn);
  }
  // One phase stands for three in a positive-sequence grid.
  const base = (grid.basePowerVA * 3) / phases;
  return {
    lossesW: (exchange[0] + produced[0] - drawn[0]) * base,
    shuntsW: drawn[0] * base,
    exchangeW: exchange[0] * base,
    exchangeVar: exchange[1] * base,
  };
}
