/** The bus admittance matrix as rows of blocks, with what the sources drive: for methods that need Y v and not Y^-1. */
import { joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { findSlot, patternFromPairs, type SymmetricPattern } from '../../numerics/ordering.ts';

export interface BusAdmittance {
  readonly pattern: SymmetricPattern;
  /** Diagonal blocks by bus, and the block of each pattern entry; complex, interleaved, row major, per unit. */
  readonly own: Float64Array;
  readonly transfer: Float64Array;
  /** Current that the sources behind impedances drive into each bus and phase. */
  readonly sourceCurrent: Float64Array;
  /** net = Y v - source currents, at every live bus. Dead voltages must be zero. */
  netCurrent(voltage: Float64Array, net: Float64Array): void;
}

/** `earthed`: negligible admittances to earth by bus, see `NetworkEquations`. */
export function createBusAdmittance(grid: CompiledGrid, earthed: ReadonlyMap<number, number>): BusAdmittance {
  const { phases, busCount, branches, energised } = grid;
  const entries = 2 * phases * phases;
  const live = branches.filter((branch) => energised[branch.from] === 1 && energised[branch.to] === 1);
  const joined = live.filter(joins);
  const pattern = patternFromPairs(
    busCount,
    joined.map(({ from, to }) => [from, to] as const),
  );
  const own = new Float64Array(busCount * entries);
  const transfer = new Float64Array(pattern.index.length * entries);
  const addOwn = (bus: number, block: Float64Array): void => addTo(own, bus * entries, block);
  const addTransfer = (row: number, column: number, block: Float64Array): void =>
    addTo(transfer, findSlot(pattern, row, column) * entries, block);

  for (const branch of branches) {
    if (energised[branch.from] === 1) addOwn(branch.from, branch.yff);
    if (energised[branch.to] === 1) addOwn(branch.to, branch.ytt);
    if (branch.from === branch.to && energised[branch.from] === 1) {
      addOwn(branch.from, branch.yft);
      addOwn(branch.from, branch.ytf);
    }
  }
  for (const branch of joined) {
    addTransfer(branch.from, branch.to, branch.yft);
    addTransfer(branch.to, branch.from, branch.ytf);
  }
  for (const { bus, y } of grid.shunts) addOwn(bus, y);
  const sourceCurrent = new Float64Array(2 * busCount * phases);
  for (const { bus, voltage, y } of grid.sources) {
    if (y === undefined) continue;
    addOwn(bus, y);
    multiplyAdd(y, 0, voltage, 0, sourceCurrent, 2 * phases * bus, phases);
  }
  for (const [bus, size] of earthed) {
    for (let k = 0; k < phases; k++) own[bus * entries + 2 * k * (phases + 1)]! += size;
  }
  return {
    pattern,
    own,
    transfer,
    sourceCurrent,
    netCurrent: (voltage, net) => {
      net.fill(0);
      const { start, index } = pattern;
      for (let bus = 0; bus < busCount; bus++) {
        if (energised[bus] === 0) continue;
        const at = 2 * phases * bus;
        multiplyAdd(own, bus * entries, voltage, at, net, at, phases);
        for (let e = start[bus]!; e < start[bus + 1]!; e++) {
          multiplyAdd(transfer, e * entries, voltage, 2 * phases * index[e]!, net, at, phases);
        }
        for (let k = at; k < at + 2 * phases; k++) net[k]! -= sourceCurrent[k]!;
      }
    },
  };
}

function addTo(store: Float64Array, at: number, block: Float64Array): void {
  for (let k = 0; k < block.length; k++) store[at + k]! += block[k]!;
}

/** y[at..] += block x[from..]. */
function multiplyAdd(
  blocks: Float64Array,
  block: number,
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
      const k = block + 2 * (r * phases + c);
      const xr = x[from + 2 * c]!;
      const xi = x[from + 2 * c + 1]!;
      re += blocks[k]! * xr - blocks[k + 1]! * xi;
      im += blocks[k]! * xi + blocks[k + 1]! * xr;
    }
    y[at + 2 * r]! += re;
    y[at + 2 * r + 1]! += im;
  }
}

/** Writes the currents into all branches at both ends, interleaved by branch and phase. Dead voltages must be zero. */
export type BranchCurrents = (voltage: Float64Array, from: Float64Array, to: Float64Array) => void;

/** i = y_own v_own + y_transfer v_other; open ends and dead phases carry none. */
export function createBranchCurrents({ phases, branches }: CompiledGrid): BranchCurrents {
  const stride = 2 * phases;
  const entries = stride * phases;
  // Four blocks a branch, one after the other, and where the voltages begin that they stand for.
  const blocks = new Float64Array(4 * entries * branches.length);
  const first = new Int32Array(4 * branches.length);
  branches.forEach(({ yff, yft, ytf, ytt, from, to }, k) => {
    [yff, yft, ytf, ytt].forEach((block, e) => blocks.set(block, (4 * k + e) * entries));
    first.set([stride * from, stride * to, stride * from, stride * to], 4 * k);
  });
  return (voltage, from, to) => {
    for (let pair = 0; pair < first.length; pair += 2) {
      const into = (pair & 2) === 0 ? from : to;
      const at = (pair >> 2) * stride;
      for (let r = 0; r < stride; r += 2) {
        let re = 0;
        let im = 0;
        for (let block = pair; block < pair + 2; block++) {
          const v = first[block]!;
          const y = block * entries + r * phases;
          for (let c = 0; c < stride; c += 2) {
            re += blocks[y + c]! * voltage[v + c]! - blocks[y + c + 1]! * voltage[v + c + 1]!;
            im += blocks[y + c]! * voltage[v + c + 1]! + blocks[y + c + 1]! * voltage[v + c]!;
          }
        }
        into[at + r] = re;
        into[at + r + 1] = im;
      }
    }
  };
}
