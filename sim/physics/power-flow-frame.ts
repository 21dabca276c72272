/**
 * The quantities in which the network equations are solved. Where every admittance block is circulant (transposed
 * lines, transformers, balanced sources: all that sequence data can describe) they decouple in symmetrical components
 * into three scalar systems, a third of the work; otherwise, and in one-phase grids, they are solved as they stand.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { phaseTurn } from '../../grids/sequence.ts';
import { add, complex, multiply, scale, type Complex } from '../../numerics/complex.ts';
import type { BlockShape } from '../../numerics/block-lu.ts';

/** What the currents of the branches need, in one place for the cache: offsets of both ends and four blocks each. */
export interface BranchTable {
  readonly count: number;
  readonly fromPlace: Int32Array;
  readonly toPlace: Int32Array;
  /** yff, yft, ytf, ytt of each branch in the blocks of the frame. */
  readonly blocks: Float64Array;
}

export interface Frame {
  readonly shape: BlockShape;
  /** A phase block or a vector of one bus in this frame. */
  block(phases: Float64Array): Float64Array;
  vector(phases: Float64Array): Float64Array;
  /** w += phase currents of the listed buses; `place` is where a bus begins in w. */
  addCurrents(buses: Int32Array, place: Int32Array, current: Float64Array, w: Float64Array): void;
  /** Phase voltages of the listed buses from w. */
  readVoltages(buses: Int32Array, place: Int32Array, w: Float64Array, voltage: Float64Array): void;
  branchCurrents(table: BranchTable, w: Float64Array, from: Float64Array, to: Float64Array): void;
}

/** Relative distance from circulant up to which a block counts as that: rounding of the set-up. */
const CIRCULANT = 1e-12;

export function chooseFrame(grid: CompiledGrid): Frame {
  if (grid.phases === 1) return phaseFrame('scalar', 1);
  const blocks = [
    ...grid.branches.flatMap((branch) => [branch.yff, branch.yft, branch.ytf, branch.ytt]),
    ...grid.shunts.map((shunt) => shunt.y),
    ...grid.sources.flatMap((source) => (source.y === undefined ? [] : [source.y])),
  ];
  return blocks.every(isCirculant) ? sequenceFrame() : phaseFrame('full', 3);
}

/** Whether entry (r, c) depends on r - c modulo 3 only. */
function isCirculant(block: Float64Array): boolean {
  let norm = 0;
  for (const value of block) norm = Math.max(norm, Math.abs(value));
  for (let r = 0; r < 3; r++) {
    for (let c = 0; c < 3; c++) {
      const first = 2 * (3 * ((r - c + 3) % 3));
      const own = 2 * (3 * r + c);
      for (let k = 0; k < 2; k++) if (Math.abs(block[own + k]! - block[first + k]!) > CIRCULANT * norm) return false;
    }
  }
  return true;
}

/** The equations in phase quantities, as the grid gives them. */
function phaseFrame(shape: BlockShape, phases: 1 | 3): Frame {
  const stride = 2 * phases;
  return {
    shape,
    block: (block) => block,
    vector: (vector) => vector,
    addCurrents: (buses, place, current, w) => {
      for (const bus of buses) {
        for (let e = 0; e < stride; e++) w[place[bus]! + e]! += current[bus * stride + e]!;
      }
    },
    readVoltages: (buses, place, w, voltage) => {
      for (const bus of buses) {
        for (let e = 0; e < stride; e++) voltage[bus * stride + e] = w[place[bus]! + e]!;
      }
    },
    branchCurrents: (table, w, from, to) => {
      const entries = 2 * phases * phases;
      for (let b = 0; b < table.count; b++) {
        const [f, t] = [table.fromPlace[b]!, table.toPlace[b]!];
        const at = b * stride;
        from.fill(0, at, at + stride);
        to.fill(0, at, at + stride);
        addBlockProduct(table.blocks, (4 * b + 0) * entries, w, f, from, at, phases);
        addBlockProduct(table.blocks, (4 * b + 1) * entries, w, t, from, at, phases);
        addBlockProduct(table.blocks, (4 * b + 2) * entries, w, f, to, at, phases);
        addBlockProduct(table.blocks, (4 * b + 3) * entries, w, t, to, at, phases);
      }
    },
  };
}

/** y[at..] += blocks[d..] x[from..]. */
function addBlockProduct(
  blocks: Float64Array,
  d: number,
  x: Float64Array,
  from: number,
  y: Float64Array,
  at: number,
  phases: number,
): void {
  for (let r = 0; r < phases; r++) {
    for (let c = 0; c < phases; c++) {
      const k = d + 2 * (r * phases + c);
      const xr = x[from + 2 * c]!;
      const xi = x[from + 2 * c + 1]!;
      y[at + 2 * r]! += blocks[k]! * xr - blocks[k + 1]! * xi;
      y[at + 2 * r + 1]! += blocks[k]! * xi + blocks[k + 1]! * xr;
    }
  }
}

/** sqrt(3) / 2: the imaginary part of a = exp(j 120 deg) = -1/2 + j sqrt(3)/2. */
const H = Math.sqrt(3) / 2;

/** Zero, positive, negative sequence at entries 0, 2, 4 (Fortescue): v0 = sum/3, v1 = (va + a vb + a^2 vc)/3, ... */
function sequenceFrame(): Frame {
  return {
    shape: 'diagonal',
    block: circulantEigenvalues,
    vector: sequenceVector,
    addCurrents: addSequenceCurrents,
    readVoltages: readSequenceVoltages,
    branchCurrents: sequenceBranchCurrents,
  };
}

/** Y[r][c] = (y0 + y1 a^-(r-c) + y2 a^(r-c)) / 3, so y_s = sum over r of Y[r][0] a^(s r). */
function circulantEigenvalues(block: Float64Array): Float64Array {
  const values = new Float64Array(6);
  for (let s = 0; s < 3; s++) {
    let sum = complex(0);
    for (let r = 0; r < 3; r++) sum = add(sum, multiply(complex(block[6 * r]!, block[6 * r + 1]), turnBy(s * r)));
    values[2 * s] = sum.re;
    values[2 * s + 1] = sum.im;
  }
  return values;
}

function sequenceVector(phases: Float64Array): Float64Array {
  const values = new Float64Array(6);
  for (let s = 0; s < 3; s++) {
    let sum = complex(0);
    for (let k = 0; k < 3; k++) sum = add(sum, multiply(complex(phases[2 * k]!, phases[2 * k + 1]), turnBy(s * k)));
    const mean = scale(sum, 1 / 3);
    values[2 * s] = mean.re;
    values[2 * s + 1] = mean.im;
  }
  return values;
}

/** a^n. */
function turnBy(n: number): Complex {
  return phaseTurn((3 - (n % 3)) % 3);
}

function addSequenceCurrents(buses: Int32Array, place: Int32Array, current: Float64Array, w: Float64Array): void {
  for (let b = 0; b < buses.length; b++) {
    const bus = buses[b]!;
    const i = 6 * bus;
    const at = place[bus]!;
    const ar = current[i]!;
    const ai = current[i + 1]!;
    // a b + a^2 c = -(b + c)/2 + jH (b - c), and with the other sign for a^2 b + a c.
    const sr = current[i + 2]! + current[i + 4]!;
    const si = current[i + 3]! + current[i + 5]!;
    const dr = H * (current[i + 2]! - current[i + 4]!);
    const di = H * (current[i + 3]! - current[i + 5]!);
    const mr = ar - 0.5 * sr;
    const mi = ai - 0.5 * si;
    w[at]! += (ar + sr) / 3;
    w[at + 1]! += (ai + si) / 3;
    w[at + 2]! += (mr - di) / 3;
    w[at + 3]! += (mi + dr) / 3;
    w[at + 4]! += (mr + di) / 3;
    w[at + 5]! += (mi - dr) / 3;
  }
}

/** va = v0 + v1 + v2, vb = v0 + a^2 v1 + a v2, vc = v0 + a v1 + a^2 v2. */
function readSequenceVoltages(buses: Int32Array, place: Int32Array, w: Float64Array, voltage: Float64Array): void {
  for (let b = 0; b < buses.length; b++) toPhases(w, place[buses[b]!]!, voltage, 6 * buses[b]!);
}

function toPhases(w: Float64Array, at: number, out: Float64Array, to: number): void {
  const zr = w[at]!;
  const zi = w[at + 1]!;
  const sr = w[at + 2]! + w[at + 4]!;
  const si = w[at + 3]! + w[at + 5]!;
  const dr = H * (w[at + 2]! - w[at + 4]!);
  const di = H * (w[at + 3]! - w[at + 5]!);
  const mr = zr - 0.5 * sr;
  const mi = zi - 0.5 * si;
  out[to] = zr + sr;
  out[to + 1] = zi + si;
  out[to + 2] = mr + di;
  out[to + 3] = mi - dr;
  out[to + 4] = mr - di;
  out[to + 5] = mi + dr;
}

function sequenceBranchCurrents(table: BranchTable, w: Float64Array, from: Float64Array, to: Float64Array): void {
  const { count, fromPlace, toPlace, blocks } = table;
  const end = new Float64Array(12);
  for (let b = 0; b < count; b++) {
    const f = fromPlace[b]!;
    const t = toPlace[b]!;
    for (let e = 0; e < 6; e += 2) {
      const d = 24 * b + e;
      const fr = w[f + e]!;
      const fi = w[f + e + 1]!;
      const tr = w[t + e]!;
      const ti = w[t + e + 1]!;
      end[e] = blocks[d]! * fr - blocks[d + 1]! * fi + (blocks[d + 6]! * tr - blocks[d + 7]! * ti);
      end[e + 1] = blocks[d]! * fi + blocks[d + 1]! * fr + (blocks[d + 6]! * ti + blocks[d + 7]! * tr);
      end[e + 6] = blocks[d + 12]! * fr - blocks[d + 13]! * fi + (blocks[d + 18]! * tr - blocks[d + 19]! * ti);
      end[e + 7] = blocks[d + 12]! * fi + blocks[d + 13]! * fr + (blocks[d + 18]! * ti + blocks[d + 19]! * tr);
    }
    toPhases(end, 0, from, 6 * b);
    toPhases(end, 6, to, 6 * b);
  }
}
