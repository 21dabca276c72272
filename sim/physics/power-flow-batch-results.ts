/** What a batch of power flows answers: one column a quantity, situation by situation, written without allocation. */
import type { CompiledGrid } from '../../grids/model.ts';

/** Entry (situation, bus, phase) at `(situation * buses + bus) * phases + phase`; NaN where there is no voltage. */
interface BusColumns {
  /** Magnitude per unit of the nominal voltage, and in volts to earth; angle in radians. */
  readonly voltagePu: Float64Array;
  readonly voltageV: Float64Array;
  readonly angleRad: Float64Array;
}

/**
 * Entry (situation, branch, phase) likewise, branches as in `CompiledGrid.branches`; powers and currents into the branch
 * at each end, per phase (a third of the three-phase sum in a positive-sequence grid). Zero where nothing can flow.
 */
interface BranchColumns {
  readonly activeFromW: Float64Array;
  readonly reactiveFromVar: Float64Array;
  readonly apparentFromVA: Float64Array;
  readonly currentFromA: Float64Array;
  readonly activeToW: Float64Array;
  readonly reactiveToVar: Float64Array;
  readonly apparentToVA: Float64Array;
  readonly currentToA: Float64Array;
  /** One a situation and branch: largest current of a phase and end over its rating; NaN without a rating. */
  readonly loading: Float64Array;
}

export interface BatchResults extends BusColumns, BranchColumns {
  readonly count: number;
}

export function createBatchResults(grid: CompiledGrid, count: number): BatchResults {
  const bus = count * grid.busCount * grid.phases;
  const branch = count * grid.branches.length * grid.phases;
  const column = (length: number): Float64Array => new Float64Array(length);
  return {
    count,
    voltagePu: column(bus),
    voltageV: column(bus),
    angleRad: column(bus),
    activeFromW: column(branch),
    reactiveFromVar: column(branch),
    apparentFromVA: column(branch),
    currentFromA: column(branch),
    activeToW: column(branch),
    reactiveToVar: column(branch),
    apparentToVA: column(branch),
    currentToA: column(branch),
    loading: column(count * grid.branches.length),
  };
}

/** Writes one situation from voltages and branch currents, per unit and interleaved re, im. */
export type BatchWriter = (
  results: BatchResults,
  situation: number,
  voltage: Float64Array,
  from: Float64Array,
  to: Float64Array,
) => void;

/** What the writer knows of every branch; offsets of the voltages at its ends, -1 where there is none. */
interface Ends {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly busFrom: Int32Array;
  readonly busTo: Int32Array;
  readonly baseFromV: Float64Array;
  readonly baseToV: Float64Array;
  readonly ratedFromA: Float64Array;
  readonly ratedToA: Float64Array;
}

/**
 * `slotOfBus`: which vector of `voltage` belongs to a bus, -1 for none. `unloaded`: voltages of the grid without loads in
 * the same layout; angles are found as differences from theirs.
 */
export function createBatchWriter(grid: CompiledGrid, slotOfBus: Int32Array, unloaded: Float64Array): BatchWriter {
  const { phases, basePowerVA, baseVoltageV, branches } = grid;
  const place = (bus: number): number => (slotOfBus[bus]! < 0 ? -1 : 2 * phases * slotOfBus[bus]!);
  const busAt = Int32Array.from({ length: grid.busCount }, (_, bus) => place(bus));
  const references = createReferences(phases, busAt, unloaded);
  const ends: Ends = {
    from: Int32Array.from(branches, (branch) => place(branch.from)),
    to: Int32Array.from(branches, (branch) => place(branch.to)),
    busFrom: Int32Array.from(branches, (branch) => branch.from),
    busTo: Int32Array.from(branches, (branch) => branch.to),
    baseFromV: Float64Array.from(branches, (branch) => baseVoltageV[branch.from]!),
    baseToV: Float64Array.from(branches, (branch) => baseVoltageV[branch.to]!),
    ratedFromA: Float64Array.from(branches, (branch) => branch.ratedCurrentFromA),
    ratedToA: Float64Array.from(branches, (branch) => branch.ratedCurrentToA),
  };
  return (results, situation, voltage, from, to) => {
    if (situation >= results.count)
      throw new RangeError(`results for ${results.count} situations have no place for ${situation}`);
    writeBuses(results, situation, phases, busAt, references, baseVoltageV, voltage);
    writeBranches(results, situation, phases, basePowerVA, ends, voltage, from, to);
  };
}

/** cos, sin and angle of each bus and phase of the unloaded grid, 3 numbers each. */
function createReferences(phases: number, busAt: Int32Array, unloaded: Float64Array): Float64Array {
  const references = new Float64Array(3 * phases * busAt.length);
  busAt.forEach((first, bus) => {
    for (let phase = 0; phase < phases; phase++) {
      const re = first < 0 ? Number.NaN : unloaded[first + 2 * phase]!;
      const im = first < 0 ? Number.NaN : unloaded[first + 2 * phase + 1]!;
      const size = Math.hypot(re, im);
      references.set([re / size, im / size, Math.atan2(im, re)], 3 * (phases * bus + phase));
    }
  });
  return references;
}

/** Tangent up to which the series of the arc tangent is exact to the last digit: 0.0625^15 / 15 is less than 1e-19. */
const SMALL_TANGENT = 0.0625;

function writeBuses(
  { voltagePu, voltageV, angleRad }: BatchResults,
  situation: number,
  phases: number,
  busAt: Int32Array,
  references: Float64Array,
  baseV: Float64Array,
  voltage: Float64Array,
): void {
  let entry = situation * busAt.length * phases;
  let r = 0;
  for (let bus = 0; bus < busAt.length; bus++) {
    const first = busAt[bus]!;
    const base = baseV[bus]!;
    for (let e = 0; e < 2 * phases; e += 2) {
      const re = first < 0 ? Number.NaN : voltage[first + e]!;
      const im = first < 0 ? Number.NaN : voltage[first + e + 1]!;
      const magnitude = Math.sqrt(re * re + im * im);
      voltagePu[entry] = magnitude;
      voltageV[entry] = magnitude * base;
      // Angle from the unloaded voltage, which is small in a grid in service; a call of atan2 would cost more than all else.
      const x = re * references[r]! + im * references[r + 1]!;
      const y = im * references[r]! - re * references[r + 1]!;
      angleRad[entry] =
        Math.abs(y) < SMALL_TANGENT * x ? wrap(references[r + 2]! + smallArcTangent(y / x)) : Math.atan2(im, re);
      entry++;
      r += 3;
    }
  }
}

/** t - t^3/3 + t^5/5 - ... */
function smallArcTangent(t: number): number {
  const s = t * t;
  return t * (1 - s * (1 / 3 - s * (1 / 5 - s * (1 / 7 - s * (1 / 9 - s * (1 / 11 - s * (1 / 13)))))));
}

/** Into (-pi, pi]. */
function wrap(angle: number): number {
  if (angle > Math.PI) return angle - 2 * Math.PI;
  return angle <= -Math.PI ? angle + 2 * Math.PI : angle;
}

/** s = v conj(i). Where there is no voltage (NaN) no power flows either; without a solution the currents are NaN too. */
function writeBranches(
  results: BatchResults,
  situation: number,
  phases: number,
  basePowerVA: number,
  ends: Ends,
  voltage: Float64Array,
  from: Float64Array,
  to: Float64Array,
): void {
  const { activeFromW, reactiveFromVar, apparentFromVA, currentFromA, loading } = results;
  const { activeToW, reactiveToVar, apparentToVA, currentToA, voltagePu } = results;
  // The magnitudes of this situation have been written: |s| = |v| |i| then costs no root.
  const firstBus = (situation * voltagePu.length) / results.count;
  const count = ends.from.length;
  let entry = situation * count * phases;
  let at = 0;
  for (let b = 0; b < count; b++) {
    const f = ends.from[b]!;
    const t = ends.to[b]!;
    const perAmpereFrom = basePowerVA / ends.baseFromV[b]!;
    const perAmpereTo = basePowerVA / ends.baseToV[b]!;
    const magnitudeFrom = firstBus + ends.busFrom[b]! * phases;
    const magnitudeTo = firstBus + ends.busTo[b]! * phases;
    let phase = 0;
    let largestFrom = 0;
    let largestTo = 0;
    for (let e = 0; e < 2 * phases; e += 2) {
      const ur = f < 0 ? 0 : voltage[f + e]! || 0;
      const ui = f < 0 ? 0 : voltage[f + e + 1]! || 0;
      let ir = from[at]!;
      let ii = from[at + 1]!;
      let size = Math.sqrt(ir * ir + ii * ii);
      let i = size * perAmpereFrom;
      activeFromW[entry] = (ur * ir + ui * ii) * basePowerVA;
      reactiveFromVar[entry] = (ui * ir - ur * ii) * basePowerVA;
      apparentFromVA[entry] = (voltagePu[magnitudeFrom + phase]! || 0) * size * basePowerVA;
      currentFromA[entry] = i;
      if (!(i <= largestFrom)) largestFrom = i;
      const vr = t < 0 ? 0 : voltage[t + e]! || 0;
      const vi = t < 0 ? 0 : voltage[t + e + 1]! || 0;
      ir = to[at]!;
      ii = to[at + 1]!;
      size = Math.sqrt(ir * ir + ii * ii);
      i = size * perAmpereTo;
      activeToW[entry] = (vr * ir + vi * ii) * basePowerVA;
      reactiveToVar[entry] = (vi * ir - vr * ii) * basePowerVA;
      apparentToVA[entry] = (voltagePu[magnitudeTo + phase]! || 0) * size * basePowerVA;
      currentToA[entry] = i;
      if (!(i <= largestTo)) largestTo = i;
      at += 2;
      entry++;
      phase++;
    }
    loading[situation * count + b] = Math.max(largestFrom / ends.ratedFromA[b]!, largestTo / ends.ratedToA[b]!);
  }
}
