/**
 * The equations of weighted least squares: every measurement and constraint as real rows h(x) of the rectangular state
 * x = (Re v, Im v per energised bus-phase), with the sparse Jacobian's places fixed once and its values refilled.
 *
 * A row is a sum of parts. A part sees one linear current i = sum a_k v_k (a "tap": a bus injection, a branch end, a
 * source's sequence voltage) and, for powers and voltages, its own bus-phase voltage v. With weights alpha, beta for
 * the tap and gamma, delta for the own voltage, its derivatives are
 *   dh/dRe v_k = alpha Re a_k + beta Im a_k,   dh/dIm v_k = -alpha Im a_k + beta Re a_k   (plus gamma, delta at v).
 */
import type { CompiledGrid, ComplexBlock } from '../../grids/model.ts';
import type { EstimationProblem, EstimatorMeasurement, MeasuredPlace, PhasorMeasurement } from './estimator.ts';

const ROW = {
  voltageMagnitude: 0,
  voltageAngle: 1,
  activePower: 2,
  reactivePower: 3,
  currentMagnitude: 4,
  currentAngle: 5,
  voltageRadial: 6,
  voltageTangential: 7,
  currentRadial: 8,
  currentTangential: 9,
  tapReal: 10,
  tapImaginary: 11,
  reference: 12,
  inert: 13,
} as const;

/** Below this current (per unit) its angle says nothing; the voltage's direction stands in. */
const CURRENT_MIN = 1e-9;

/** Rows, their parts and their taps in typed arrays; the values of one problem and one state. */
export interface Equations {
  readonly phases: number;
  /** State number of each bus-phase, -1 where dead; `stateBus` the other way. */
  readonly stateOf: Int32Array;
  readonly states: number;
  readonly busOfBlock: Int32Array;
  readonly blockOfState: Int32Array;
  /** Measured rows first, then constraints (two per bus-phase without injection, the reference angle last). */
  readonly measuredRows: number;
  readonly rows: number;
  readonly kind: Uint8Array;
  /** Measurement of a measured row, and the block (energised bus) that the row stands at. */
  readonly source: Int32Array;
  readonly block: Int32Array;
  readonly partStart: Int32Array;
  readonly partTap: Int32Array;
  readonly partOwn: Int32Array;
  readonly partEntry: Int32Array;
  readonly tapStart: Int32Array;
  readonly tapState: Int32Array;
  readonly tapRe: Float64Array;
  readonly tapIm: Float64Array;
  /** Row and real state of each Jacobian entry. */
  readonly entryRow: Int32Array;
  readonly entryColumn: Int32Array;
  /** Values: Jacobian, h(x), target z, variance R (0 for constraints), cos and sin of phasor rows, 1 where in use. */
  readonly jacobian: Float64Array;
  readonly value: Float64Array;
  readonly target: Float64Array;
  readonly variance: Float64Array;
  readonly cosine: Float64Array;
  readonly sine: Float64Array;
  readonly active: Uint8Array;
  readonly tapValue: Float64Array;
}

/** Coefficients of one linear combination of voltages. */
type Tap = Map<number, [number, number]>;

interface Draft {
  readonly grid: CompiledGrid;
  readonly stateOf: Int32Array;
  readonly blockOfBus: Int32Array;
  readonly busRows: readonly (readonly { readonly bus: number; readonly y: ComplexBlock }[])[];
  readonly taps: Tap[];
  readonly tapNumbers: Map<string, number>;
  readonly rows: { kind: number; source: number; block: number; parts: [tap: number, own: number][] }[];
}

/** Lays out the rows of a problem. Values are filled by `loadMeasurements` and `evaluate`. */
export function layOutEquations(problem: EstimationProblem): Equations {
  const draft = startDraft(problem.grid);
  problem.measurements.forEach((measurement, index) => addMeasurement(draft, measurement, index));
  const measuredRows = draft.rows.length;
  const { phases } = problem.grid;
  for (const bus of problem.zeroInjections) {
    if (draft.blockOfBus[bus]! < 0) continue;
    for (let phase = 0; phase < phases; phase += 1) {
      const tap = injectionTap(draft, bus, phase);
      addRow(draft, ROW.tapReal, -1, bus, [[tap, -1]]);
      addRow(draft, ROW.tapImaginary, -1, bus, [[tap, -1]]);
    }
  }
  const reference = draft.stateOf[problem.referenceBus * phases]!;
  if (reference < 0) addRow(draft, ROW.inert, -1, -1, []);
  else addRow(draft, ROW.reference, -1, problem.referenceBus, [[-1, reference]]);
  return freeze(draft, measuredRows);
}

function startDraft(grid: CompiledGrid): Draft {
  const { phases, busCount } = grid;
  const stateOf = new Int32Array(busCount * phases).fill(-1);
  const blockOfBus = new Int32Array(busCount).fill(-1);
  let blocks = 0;
  for (let bus = 0; bus < busCount; bus += 1) {
    if (grid.energised[bus] !== 1) continue;
    blockOfBus[bus] = blocks;
    for (let phase = 0; phase < phases; phase += 1) stateOf[bus * phases + phase] = blocks * phases + phase;
    blocks += 1;
  }
  const busRows: { bus: number; y: ComplexBlock }[][] = Array.from({ length: busCount }, () => []);
  for (const branch of grid.branches) {
    busRows[branch.from]!.push({ bus: branch.from, y: branch.yff }, { bus: branch.to, y: branch.yft });
    busRows[branch.to]!.push({ bus: branch.from, y: branch.ytf }, { bus: branch.to, y: branch.ytt });
  }
  for (const shunt of grid.shunts) busRows[shunt.bus]!.push(shunt);
  return { grid, stateOf, blockOfBus, busRows, taps: [], tapNumbers: new Map(), rows: [] };
}

function addMeasurement(draft: Draft, measurement: EstimatorMeasurement, index: number): void {
  if (measurement.kind === 'sourceBalance') {
    const source = draft.grid.sources[measurement.source];
    if (source === undefined) throw new Error(`${measurement.id}: the grid has no source ${measurement.source}`);
    const tap = sourceTap(draft, measurement.source, measurement.sequence);
    addRow(draft, ROW.tapReal, index, source.bus, [[tap, -1]]);
    addRow(draft, ROW.tapImaginary, index, source.bus, [[tap, -1]]);
    return;
  }
  const { place, phase } = measurement;
  const bus = busOfPlace(draft.grid, place, measurement.id);
  if (draft.blockOfBus[bus]! < 0) {
    addRow(draft, ROW.inert, index, -1, []);
    return;
  }
  const own = (p: number) => draft.stateOf[bus * draft.grid.phases + p]!;
  const tap = (p: number) => (place.at === 'bus' ? injectionTap(draft, bus, p) : branchTap(draft, place, p));
  if (phase === 'sum') {
    if (measurement.kind !== 'activePower' && measurement.kind !== 'reactivePower') {
      throw new Error(`${measurement.id}: only powers can be summed over phases`);
    }
    const parts = Array.from({ length: draft.grid.phases }, (_, p): [number, number] => [tap(p), own(p)]);
    addRow(draft, ROW[measurement.kind], index, bus, parts);
    return;
  }
  if (phase < 0 || phase >= draft.grid.phases) throw new Error(`${measurement.id}: the grid has no phase ${phase}`);
  switch (measurement.kind) {
    case 'voltageMagnitude':
    case 'voltageAngle':
      addRow(draft, ROW[measurement.kind], index, bus, [[-1, own(phase)]]);
      break;
    case 'activePower':
    case 'reactivePower':
    case 'currentMagnitude':
    case 'currentAngle':
      // A current keeps its own voltage too: its direction stands in while no current flows.
      addRow(draft, ROW[measurement.kind], index, bus, [[tap(phase), own(phase)]]);
      break;
    case 'voltagePhasor':
      addRow(draft, ROW.voltageRadial, index, bus, [[-1, own(phase)]]);
      addRow(draft, ROW.voltageTangential, index, bus, [[-1, own(phase)]]);
      break;
    case 'currentPhasor':
      addRow(draft, ROW.currentRadial, index, bus, [[tap(phase), -1]]);
      addRow(draft, ROW.currentTangential, index, bus, [[tap(phase), -1]]);
      break;
  }
}

function busOfPlace(grid: CompiledGrid, place: MeasuredPlace, id: string): number {
  if (place.at === 'bus') {
    if (place.bus >= 0 && place.bus < grid.busCount) return place.bus;
    throw new Error(`${id}: the grid has no bus ${place.bus}`);
  }
  const branch = grid.branches[place.branch];
  if (branch === undefined) throw new Error(`${id}: the grid has no branch ${place.branch}`);
  return place.at === 'from' ? branch.from : branch.to;
}

function addRow(draft: Draft, kind: number, source: number, bus: number, parts: [number, number][]): void {
  draft.rows.push({ kind, source, block: bus < 0 ? -1 : draft.blockOfBus[bus]!, parts });
}

/** Current that flows into the grid at a bus-phase: a row of the admittance matrix, shunts included. */
function injectionTap(draft: Draft, bus: number, phase: number): number {
  return tapNumber(draft, `bus:${bus}:${phase}`, (tap) => {
    for (const { bus: other, y } of draft.busRows[bus]!) addBlockRow(draft, tap, other, y, phase, 1, 0);
  });
}

/** Current into a branch at one end. */
function branchTap(draft: Draft, place: Exclude<MeasuredPlace, { at: 'bus' }>, phase: number): number {
  return tapNumber(draft, `branch:${place.branch}:${place.at}:${phase}`, (tap) => {
    const branch = draft.grid.branches[place.branch]!;
    const [own, transfer] = place.at === 'from' ? [branch.yff, branch.yft] : [branch.ytf, branch.ytt];
    addBlockRow(draft, tap, branch.from, own, phase, 1, 0);
    addBlockRow(draft, tap, branch.to, transfer, phase, 1, 0);
  });
}

/**
 * A sequence component of the voltage behind a source: v + Z i with i into the grid at its bus (exact where nothing
 * else is connected there), turned by Fortescue's (1, a^k, a^2k) / 3, k = 0 for zero, 2 for negative.
 */
function sourceTap(draft: Draft, number: number, sequence: 'zero' | 'negative'): number {
  const { grid } = draft;
  const source = grid.sources[number]!;
  return tapNumber(draft, `source:${number}:${sequence}`, (tap) => {
    for (let phase = 0; phase < grid.phases; phase += 1) {
      const turn = sequence === 'zero' ? 0 : ((phase * 4 * Math.PI) / 3) % (2 * Math.PI);
      const wr = Math.cos(turn) / 3;
      const wi = Math.sin(turn) / 3;
      addCoefficient(tap, draft.stateOf[source.bus * grid.phases + phase]!, wr, wi);
      if (source.y === undefined) continue;
      // w Z Y v with w the Fortescue row: Z's row times the bus's admittance rows.
      const z = invertBlock(source.y, grid.phases);
      for (let inner = 0; inner < grid.phases; inner += 1) {
        const k = 2 * (phase * grid.phases + inner);
        const fr = wr * z[k]! - wi * z[k + 1]!;
        const fi = wr * z[k + 1]! + wi * z[k]!;
        for (const { bus, y } of draft.busRows[source.bus]!) addBlockRow(draft, tap, bus, y, inner, fr, fi);
      }
    }
  });
}

function tapNumber(draft: Draft, key: string, fill: (tap: Tap) => void): number {
  const known = draft.tapNumbers.get(key);
  if (known !== undefined) return known;
  const tap: Tap = new Map();
  fill(tap);
  draft.taps.push(tap);
  draft.tapNumbers.set(key, draft.taps.length - 1);
  return draft.taps.length - 1;
}

function addBlockRow(draft: Draft, tap: Tap, bus: number, y: ComplexBlock, row: number, fr: number, fi: number): void {
  const { phases } = draft.grid;
  for (let column = 0; column < phases; column += 1) {
    const k = 2 * (row * phases + column);
    const re = y[k]!;
    const im = y[k + 1]!;
    if (re === 0 && im === 0) continue;
    addCoefficient(tap, draft.stateOf[bus * phases + column]!, fr * re - fi * im, fr * im + fi * re);
  }
}

function addCoefficient(tap: Tap, state: number, re: number, im: number): void {
  // A branch may end at a dead bus only with zero admittance towards it.
  if (state < 0) return;
  const known = tap.get(state);
  if (known === undefined) tap.set(state, [re, im]);
  else {
    known[0] += re;
    known[1] += im;
  }
}

/** Inverse of a circulant complex block by its sequence values (source impedances are circulant by construction). */
function invertBlock(y: ComplexBlock, phases: number): Float64Array {
  const z = new Float64Array(y.length);
  const lambda: [number, number][] = [];
  for (let k = 0; k < phases; k += 1) {
    let re = 0;
    let im = 0;
    for (let c = 0; c < phases; c += 1) {
      const turn = (2 * Math.PI * k * c) / phases;
      re += y[2 * c]! * Math.cos(turn) - y[2 * c + 1]! * Math.sin(turn);
      im += y[2 * c]! * Math.sin(turn) + y[2 * c + 1]! * Math.cos(turn);
    }
    const d = re * re + im * im;
    lambda.push([re / d, -im / d]);
  }
  for (let r = 0; r < phases; r += 1) {
    for (let c = 0; c < phases; c += 1) {
      lambda.forEach(([re, im], k) => {
        const turn = (2 * Math.PI * k * (r - c)) / phases;
        z[2 * (r * phases + c)]! += (re * Math.cos(turn) - im * Math.sin(turn)) / phases;
        z[2 * (r * phases + c) + 1]! += (re * Math.sin(turn) + im * Math.cos(turn)) / phases;
      });
    }
  }
  return z;
}

function freeze(draft: Draft, measuredRows: number): Equations {
  const { rows, taps } = draft;
  const { phases, busCount } = draft.grid;
  const tapStart = new Int32Array(taps.length + 1);
  taps.forEach((tap, t) => (tapStart[t + 1] = tapStart[t]! + tap.size));
  const tapState = Int32Array.from(taps.flatMap((tap) => [...tap.keys()]));
  const tapRe = Float64Array.from(taps.flatMap((tap) => [...tap.values()].map(([re]) => re)));
  const tapIm = Float64Array.from(taps.flatMap((tap) => [...tap.values()].map(([, im]) => im)));

  const partStart = new Int32Array(rows.length + 1);
  const partTap: number[] = [];
  const partOwn: number[] = [];
  const partEntry: number[] = [];
  const entryRow: number[] = [];
  const entryColumn: number[] = [];
  const addEntries = (row: number, state: number) => {
    entryRow.push(row, row);
    entryColumn.push(2 * state, 2 * state + 1);
  };
  rows.forEach((row, r) => {
    for (const [tap, own] of row.parts) {
      partTap.push(tap);
      partOwn.push(own);
      partEntry.push(entryRow.length);
      if (tap >= 0) for (const state of taps[tap]!.keys()) addEntries(r, state);
      if (own >= 0) addEntries(r, own);
    }
    partStart[r + 1] = partTap.length;
  });
  const states = draft.stateOf.reduce((count, state) => count + (state >= 0 ? 1 : 0), 0);
  const busOfBlock = new Int32Array(states / phases);
  for (let bus = 0; bus < busCount; bus += 1) if (draft.blockOfBus[bus]! >= 0) busOfBlock[draft.blockOfBus[bus]!] = bus;
  return {
    phases,
    stateOf: draft.stateOf,
    states,
    busOfBlock,
    blockOfState: Int32Array.from({ length: states }, (_, state) => Math.floor(state / phases)),
    measuredRows,
    rows: rows.length,
    kind: Uint8Array.from(rows, (row) => row.kind),
    source: Int32Array.from(rows, (row) => row.source),
    block: Int32Array.from(rows, (row) => row.block),
    partStart,
    partTap: Int32Array.from(partTap),
    partOwn: Int32Array.from(partOwn),
    partEntry: Int32Array.from(partEntry),
    tapStart,
    tapState,
    tapRe,
    tapIm,
    entryRow: Int32Array.from(entryRow),
    entryColumn: Int32Array.from(entryColumn),
    jacobian: new Float64Array(entryRow.length),
    value: new Float64Array(rows.length),
    target: new Float64Array(rows.length),
    variance: new Float64Array(rows.length),
    cosine: new Float64Array(rows.length),
    sine: new Float64Array(rows.length),
    active: new Uint8Array(rows.length),
    tapValue: new Float64Array(2 * taps.length),
  };
}

/** What the measurements of a problem say as a whole. */
export interface Loaded {
  /** Rows of measurements in use. */
  readonly active: number;
  /** Angle of the first voltage measured against the common time base, and its state; undefined without one. */
  readonly angle: { readonly state: number; readonly rad: number } | undefined;
}

/** Fills targets and variances from a problem with the same structure; decides whether the reference angle is fixed. */
export function loadMeasurements(equations: Equations, measurements: readonly EstimatorMeasurement[]): Loaded {
  const { kind, source, target, variance, active, cosine, sine, measuredRows, rows } = equations;
  let count = 0;
  let synchronised = false;
  let angle: Loaded['angle'];
  for (let row = 0; row < measuredRows; row += 1) {
    const measurement = measurements[source[row]!]!;
    const rowKind = kind[row]!;
    const usable = rowKind !== ROW.inert && measurement.sigma < Infinity;
    active[row] = usable ? 1 : 0;
    target[row] = 0;
    variance[row] = 1;
    if (!usable) continue;
    count += 1;
    variance[row] = measurement.sigma ** 2;
    if (measurement.kind === 'sourceBalance') continue;
    if (measurement.kind === 'voltagePhasor' || measurement.kind === 'currentPhasor') {
      // Polar errors in the phasor's own direction: rectangular covariance J diag(s_m^2, s_a^2) J' with
      // J = rotation(angle) diag(1, m) is diagonal there: (s_m^2, (m s_a)^2).
      cosine[row] = Math.cos(measurement.angleRad);
      sine[row] = Math.sin(measurement.angleRad);
      const radial = rowKind === ROW.voltageRadial || rowKind === ROW.currentRadial;
      target[row] = radial ? measurement.value : 0;
      if (!radial) variance[row] = tangentialSigma(measurement) ** 2;
      synchronised = true;
      if (rowKind === ROW.voltageRadial) angle ??= { state: ownState(equations, row), rad: measurement.angleRad };
    } else {
      target[row] = measurement.value;
      if (rowKind === ROW.voltageAngle) angle ??= { state: ownState(equations, row), rad: measurement.value };
      if (rowKind === ROW.voltageAngle || rowKind === ROW.currentAngle) synchronised = true;
    }
  }
  for (let row = measuredRows; row < rows; row += 1) {
    const fixed = kind[row] !== ROW.inert && (kind[row] !== ROW.reference || !synchronised);
    active[row] = fixed ? 1 : 0;
    variance[row] = fixed ? 0 : 1;
  }
  return { active: count, angle };
}

/** m s_a; a magnitude lost in its own noise has no angle, there the error is taken as circular. */
function tangentialSigma(phasor: PhasorMeasurement): number {
  const along = Math.abs(phasor.value) * phasor.angleSigmaRad;
  return Math.abs(phasor.value) < 3 * phasor.sigma ? Math.max(along, phasor.sigma) : along;
}

function ownState(equations: Equations, row: number): number {
  return equations.partOwn[equations.partStart[row]!]!;
}

/** Computes h(x) and the Jacobian at x (interleaved re, im by state). */
export function evaluate(equations: Equations, x: Float64Array): void {
  const { kind, active, value, jacobian, partStart, partTap, partOwn, partEntry, cosine, sine, tapValue } = equations;
  evaluateTaps(equations, x);
  for (let row = 0; row < equations.rows; row += 1) {
    let h = 0;
    const rowKind = active[row] === 1 ? kind[row]! : ROW.inert;
    for (let part = partStart[row]!; part < partStart[row + 1]!; part += 1) {
      const tap = partTap[part]!;
      const own = partOwn[part]!;
      const ir = tap < 0 ? 0 : tapValue[2 * tap]!;
      const ii = tap < 0 ? 0 : tapValue[2 * tap + 1]!;
      const vr = own < 0 ? 0 : x[2 * own]!;
      const vi = own < 0 ? 0 : x[2 * own + 1]!;
      let alpha = 0;
      let beta = 0;
      let gamma = 0;
      let delta = 0;
      switch (rowKind) {
        case ROW.voltageMagnitude: {
          const size = Math.sqrt(vr * vr + vi * vi);
          h = size;
          gamma = vr / size;
          delta = vi / size;
          break;
        }
        case ROW.voltageAngle: {
          const square = vr * vr + vi * vi;
          h = nearest(Math.atan2(vi, vr), equations.target[row]!);
          gamma = -vi / square;
          delta = vr / square;
          break;
        }
        case ROW.activePower: // P = Re v Re i + Im v Im i
          h += vr * ir + vi * ii;
          alpha = vr;
          beta = vi;
          gamma = ir;
          delta = ii;
          break;
        case ROW.reactivePower: // Q = Im v Re i - Re v Im i
          h += vi * ir - vr * ii;
          alpha = vi;
          beta = -vr;
          gamma = -ii;
          delta = ir;
          break;
        case ROW.currentMagnitude: {
          const size = Math.sqrt(ir * ir + ii * ii);
          h = size;
          if (size > CURRENT_MIN) {
            alpha = ir / size;
            beta = ii / size;
          } else {
            const v = Math.sqrt(vr * vr + vi * vi);
            alpha = vr / v;
            beta = vi / v;
          }
          break;
        }
        case ROW.currentAngle: {
          const square = Math.max(ir * ir + ii * ii, CURRENT_MIN * CURRENT_MIN);
          h = nearest(Math.atan2(ii, ir), equations.target[row]!);
          alpha = -ii / square;
          beta = ir / square;
          break;
        }
        case ROW.voltageRadial:
          gamma = cosine[row]!;
          delta = sine[row]!;
          h = gamma * vr + delta * vi;
          break;
        case ROW.voltageTangential:
          gamma = -sine[row]!;
          delta = cosine[row]!;
          h = gamma * vr + delta * vi;
          break;
        case ROW.currentRadial:
          alpha = cosine[row]!;
          beta = sine[row]!;
          h = alpha * ir + beta * ii;
          break;
        case ROW.currentTangential:
          alpha = -sine[row]!;
          beta = cosine[row]!;
          h = alpha * ir + beta * ii;
          break;
        case ROW.tapReal:
          alpha = 1;
          h = ir;
          break;
        case ROW.tapImaginary:
          beta = 1;
          h = ii;
          break;
        case ROW.reference:
          delta = 1;
          h = vi;
          break;
      }
      let entry = partEntry[part]!;
      if (tap >= 0) {
        for (let k = equations.tapStart[tap]!; k < equations.tapStart[tap + 1]!; k += 1) {
          const re = equations.tapRe[k]!;
          const im = equations.tapIm[k]!;
          jacobian[entry] = alpha * re + beta * im;
          jacobian[entry + 1] = beta * re - alpha * im;
          entry += 2;
        }
      }
      if (own >= 0) {
        jacobian[entry] = gamma;
        jacobian[entry + 1] = delta;
      }
    }
    value[row] = h;
  }
}

function evaluateTaps(equations: Equations, x: Float64Array): void {
  const { tapStart, tapState, tapRe, tapIm, tapValue } = equations;
  for (let tap = 0; tap + 1 < tapStart.length; tap += 1) {
    let re = 0;
    let im = 0;
    for (let k = tapStart[tap]!; k < tapStart[tap + 1]!; k += 1) {
      const state = 2 * tapState[k]!;
      const vr = x[state]!;
      const vi = x[state + 1]!;
      re += tapRe[k]! * vr - tapIm[k]! * vi;
      im += tapRe[k]! * vi + tapIm[k]! * vr;
    }
    tapValue[2 * tap] = re;
    tapValue[2 * tap + 1] = im;
  }
}

/** The turn of `angle` by whole revolutions that comes nearest to `target`. */
function nearest(angle: number, target: number): number {
  return angle + 2 * Math.PI * Math.round((target - angle) / (2 * Math.PI));
}
