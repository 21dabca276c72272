/**
 * The equations of weighted least squares: every measurement and constraint as real rows h(x) of the rectangular state
 * x = (Re v, Im v per energised bus-phase, then one shared cause of errors after the other), with the sparse Jacobian's
 * places fixed once per structure and its values refilled.
 *
 * A row is a sum of parts. A part sees one linear current i = sum a_k v_k (a bus injection, a branch end, a source's
 * sequence voltage) and, for powers and voltages, its own bus-phase voltage v. With weights alpha, beta for the current
 * and gamma, delta for the own voltage, its derivatives are
 *   dh/dRe v_k = alpha Re a_k + beta Im a_k,   dh/dIm v_k = -alpha Im a_k + beta Re a_k   (plus gamma, delta at v).
 */
import type { CompiledGrid } from '../../../grids/model.ts';
import type { EstimationProblem, EstimatorMeasurement, MeasuredPlace } from '../estimator.ts';
import { LinearCurrents } from './linear-currents.ts';
import { atNoLoad } from './no-load.ts';
import { ROW } from './row-kinds.ts';
import type { ShortBranch } from './short-branches.ts';
import { layOutStates, type StateSpace } from './state-space.ts';

/** Rows, their parts and their currents in typed arrays; the values of one problem and one state. */
export interface Equations extends StateSpace {
  readonly phases: number;
  /** Currents by what they are, for quantities that are not among the rows. */
  readonly currents: LinearCurrents;
  /** Components of state s are unknowns 2 s and 2 s + 1, then comes one unknown for each shared cause. */
  readonly unknowns: number;
  /** Energised buses are blocks 0 ..; each shared cause is a block of its own behind them. */
  readonly blockOfUnknown: Int32Array;
  readonly blockCount: number;
  /** Measured rows first (shared causes at their end), then two constraints per bus-phase without injection
   * and per phase of a short branch. */
  readonly measuredRows: number;
  /** The last of the measured rows: one `currentAcross` for each row of a current's magnitude. */
  readonly acrossRows: Int32Array;
  readonly magnitudeRows: Int32Array;
  readonly rows: number;
  /** Row that fixes the angle of each electrical island, in use where no measurement does: the last rows of all. */
  readonly referenceRow: Int32Array;
  readonly kind: Uint8Array;
  /** Measurement of a measured row (-1 for shared causes and constraints), and the block that the row stands at. */
  readonly source: Int32Array;
  readonly block: Int32Array;
  /** Parts of row r: `partStart[r] .. partStart[r + 1]`. Current and own state are -1 where a part has none. */
  readonly partStart: Int32Array;
  readonly partCurrent: Int32Array;
  readonly partOwn: Int32Array;
  /** First Jacobian entry of a part: two per coefficient of its current, then two for its own voltage. */
  readonly partEntry: Int32Array;
  /** Number of each state's injected current, -1 where no row sees it. */
  readonly injectionOf: Int32Array;
  /** Coefficients of current c: `currentStart[c] .. currentStart[c + 1]`. */
  readonly currentStart: Int32Array;
  readonly currentState: Int32Array;
  readonly currentRe: Float64Array;
  readonly currentIm: Float64Array;
  /** Jacobian entry of the row's shared cause, -1 without one; its value is the row's sensitivity. */
  readonly causeEntry: Int32Array;
  /** Row and unknown of each Jacobian entry. */
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
  /** Currents at the state last evaluated, interleaved. */
  readonly currentValue: Float64Array;
}

interface DraftRow {
  readonly kind: number;
  readonly source: number;
  readonly block: number;
  readonly parts: readonly (readonly [current: number, own: number])[];
  readonly cause: number;
}

interface Draft {
  readonly grid: CompiledGrid;
  readonly space: StateSpace;
  readonly currents: LinearCurrents;
  readonly causes: Map<string, number>;
  readonly rows: DraftRow[];
}

/** Lays out the rows of a problem. Values are filled by `loadMeasurements` and `evaluate`. */
export function layOutEquations(problem: EstimationProblem, shortBranches?: readonly ShortBranch[]): Equations {
  const { grid } = problem;
  const space = layOutStates(grid, problem.referenceBus, shortBranches);
  const currents = new LinearCurrents(grid, space);
  const draft: Draft = { grid, space, currents, causes: new Map(), rows: [] };
  problem.measurements.forEach((measurement, index) => addMeasurement(draft, measurement, index));
  for (const cause of draft.causes.values()) {
    draft.rows.push({ kind: ROW.cause, source: -1, block: space.busOfBlock.length + cause, parts: [], cause });
  }
  const magnitudeRows = draft.rows.flatMap(({ kind }, row) => (kind === ROW.currentMagnitude ? [row] : []));
  const acrossRows = magnitudeRows.map((row) => {
    draft.rows.push({ ...draft.rows[row]!, kind: ROW.currentAcross, source: -1, cause: -1 });
    return draft.rows.length - 1;
  });
  const measuredRows = draft.rows.length;
  for (const bus of problem.zeroInjections) {
    for (let phase = 0; phase < grid.phases; phase += 1) {
      if (space.stateOf[bus * grid.phases + phase]! < 0) continue;
      const current = currents.injection(bus, phase);
      addRow(draft, ROW.linearReal, -1, bus, [[current, -1]]);
      addRow(draft, ROW.linearImaginary, -1, bus, [[current, -1]]);
    }
  }
  for (const short of space.shortBranches) {
    short.phases.forEach((_, position) => {
      const drop = currents.shortDrop(short.branch, position);
      const { from } = grid.branches[short.branch]!;
      addRow(draft, ROW.linearReal, -1, from, [[drop, -1]]);
      addRow(draft, ROW.linearImaginary, -1, from, [[drop, -1]]);
    });
  }
  const referenceRow = space.referenceOfIsland.map((state) => {
    const bus = Math.floor(space.busPhaseOfState[state]! / grid.phases);
    addRow(draft, ROW.reference, -1, bus, [[-1, state]]);
    return draft.rows.length - 1;
  });
  return freeze(draft, { measuredRows, acrossRows, magnitudeRows, referenceRow });
}

function addMeasurement(draft: Draft, measurement: EstimatorMeasurement, index: number): void {
  const { currents, grid } = draft;
  if (measurement.kind === 'sourceBalance') {
    const source = grid.sources[measurement.source];
    if (source === undefined) throw new Error(`${measurement.id}: the grid has no source ${measurement.source}`);
    const current = currents.source(measurement.source, measurement.sequence);
    addRow(draft, ROW.linearReal, index, source.bus, [[current, -1]]);
    addRow(draft, ROW.linearImaginary, index, source.bus, [[current, -1]]);
    return;
  }
  const { place, phase } = measurement;
  const bus = busOfPlace(grid, place, measurement.id);
  if (phase !== 'sum' && (phase < 0 || phase >= grid.phases)) {
    throw new Error(`${measurement.id}: the grid has no phase ${phase}`);
  }
  const own = (p: number) => draft.space.stateOf[bus * grid.phases + p]!;
  const phases = Array.from({ length: grid.phases }, (_, p) => p).filter(
    (p) => own(p) >= 0 && (phase === 'sum' || phase === p),
  );
  if (phases.length === 0) {
    addRow(draft, ROW.inert, index, -1, []);
    return;
  }
  const current = (p: number) => (place.at === 'bus' ? currents.injection(bus, p) : currents.branch(place, p));
  if (phase === 'sum') {
    if (measurement.kind !== 'activePower' && measurement.kind !== 'reactivePower') {
      throw new Error(`${measurement.id}: only powers can be summed over phases`);
    }
    const parts = phases.map((p) => [current(p), own(p)] as const);
    addRow(draft, ROW[measurement.kind], index, bus, parts, causeOf(draft, measurement));
    return;
  }
  switch (measurement.kind) {
    case 'voltageMagnitude':
    case 'voltageAngle':
      addRow(draft, ROW[measurement.kind], index, bus, [[-1, own(phase)]], causeOf(draft, measurement));
      break;
    case 'activePower':
    case 'reactivePower':
    case 'currentMagnitude':
    case 'currentAngle':
      // A current keeps its own voltage too: its direction stands in while no current flows.
      addRow(draft, ROW[measurement.kind], index, bus, [[current(phase), own(phase)]], causeOf(draft, measurement));
      break;
    case 'voltagePhasor':
      addRow(draft, ROW.voltageRadial, index, bus, [[-1, own(phase)]]);
      addRow(draft, ROW.voltageTangential, index, bus, [[-1, own(phase)]]);
      break;
    case 'currentPhasor':
      addRow(draft, ROW.currentRadial, index, bus, [[current(phase), -1]]);
      addRow(draft, ROW.currentTangential, index, bus, [[current(phase), -1]]);
      break;
  }
}

/** Number of the measurement's shared cause in order of appearance, -1 without one. */
function causeOf(draft: Draft, measurement: EstimatorMeasurement): number {
  if (!('shared' in measurement) || measurement.shared === undefined) return -1;
  const { cause } = measurement.shared;
  const number = draft.causes.get(cause) ?? draft.causes.size;
  draft.causes.set(cause, number);
  return number;
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

function addRow(
  draft: Draft,
  kind: number,
  source: number,
  bus: number,
  parts: DraftRow['parts'],
  cause: number = -1,
): void {
  draft.rows.push({ kind, source, block: bus < 0 ? -1 : draft.space.blockOfBus[bus]!, parts, cause });
}

interface RowNumbers {
  readonly measuredRows: number;
  readonly acrossRows: readonly number[];
  readonly magnitudeRows: readonly number[];
  readonly referenceRow: Int32Array;
}

function freeze(draft: Draft, { measuredRows, acrossRows, magnitudeRows, referenceRow }: RowNumbers): Equations {
  const { rows, grid, space, causes } = draft;
  const currents = draft.currents.list;
  const { phases } = grid;
  const unknowns = 2 * space.states + causes.size;
  const blocks = space.busOfBlock.length;
  const coefficients = currents.flatMap((current) => [...current.entries()]);
  const jacobian = layOutJacobian(draft, 2 * space.states);
  const blockOfUnknown = new Int32Array(unknowns);
  space.blockOfState.forEach((block, state) => blockOfUnknown.fill(block, 2 * state, 2 * state + 2));
  for (let cause = 0; cause < causes.size; cause += 1) blockOfUnknown[2 * space.states + cause] = blocks + cause;
  return {
    ...space,
    currents: draft.currents,
    phases,
    unknowns,
    blockOfUnknown,
    blockCount: blocks + causes.size,
    measuredRows,
    acrossRows: Int32Array.from(acrossRows),
    magnitudeRows: Int32Array.from(magnitudeRows),
    rows: rows.length,
    referenceRow,
    kind: Uint8Array.from(rows, (row) => row.kind),
    source: Int32Array.from(rows, (row) => row.source),
    block: Int32Array.from(rows, (row) => row.block),
    ...jacobian,
    injectionOf: space.busPhaseOfState.map((k) => draft.currents.knownInjection(Math.floor(k / phases), k % phases)),
    currentStart: startsOf(currents.map((current) => current.size)),
    currentState: Int32Array.from(coefficients, ([state]) => state),
    currentRe: Float64Array.from(coefficients, ([, [re]]) => re),
    currentIm: Float64Array.from(coefficients, ([, [, im]]) => im),
    jacobian: new Float64Array(jacobian.entryRow.length),
    value: new Float64Array(rows.length),
    target: new Float64Array(rows.length),
    variance: new Float64Array(rows.length),
    cosine: new Float64Array(rows.length),
    sine: new Float64Array(rows.length),
    active: new Uint8Array(rows.length),
    currentValue: new Float64Array(2 * currents.length),
  };
}

/** The equations as observability sees them (see `atNoLoad`), in the same places, at the no-load `voltage`. */
export function noLoadEquations(equations: Equations, grid: CompiledGrid, voltage: Float64Array): Equations {
  const { currents, currentStart, currentState } = equations;
  const currentRe = new Float64Array(currentState.length);
  const currentIm = new Float64Array(currentState.length);
  currents.onGrid(atNoLoad(grid, voltage)).forEach((coefficients, current) => {
    for (let k = currentStart[current]!; k < currentStart[current + 1]!; k += 1) {
      [currentRe[k], currentIm[k]] = coefficients.get(currentState[k]!) ?? [0, 0];
    }
  });
  return { ...equations, currentRe, currentIm };
}

type JacobianLayout = Pick<
  Equations,
  'partStart' | 'partCurrent' | 'partOwn' | 'partEntry' | 'causeEntry' | 'entryRow' | 'entryColumn'
>;

/** Parts in order of their rows, and the place of every derivative. */
function layOutJacobian({ rows, currents }: Draft, firstCause: number): JacobianLayout {
  const partCurrent: number[] = [];
  const partOwn: number[] = [];
  const partEntry: number[] = [];
  const entryRow: number[] = [];
  const entryColumn: number[] = [];
  const causeEntry = new Int32Array(rows.length).fill(-1);
  const addEntries = (row: number, state: number) => {
    entryRow.push(row, row);
    entryColumn.push(2 * state, 2 * state + 1);
  };
  rows.forEach((row, r) => {
    for (const [current, own] of row.parts) {
      partCurrent.push(current);
      partOwn.push(own);
      partEntry.push(entryRow.length);
      if (current >= 0) for (const state of currents.list[current]!.keys()) addEntries(r, state);
      if (own >= 0) addEntries(r, own);
    }
    if (row.cause < 0) return;
    causeEntry[r] = entryRow.length;
    entryRow.push(r);
    entryColumn.push(firstCause + row.cause);
  });
  return {
    partStart: startsOf(rows.map((row) => row.parts.length)),
    partCurrent: Int32Array.from(partCurrent),
    partOwn: Int32Array.from(partOwn),
    partEntry: Int32Array.from(partEntry),
    causeEntry,
    entryRow: Int32Array.from(entryRow),
    entryColumn: Int32Array.from(entryColumn),
  };
}

function startsOf(counts: readonly number[]): Int32Array {
  const start = new Int32Array(counts.length + 1);
  counts.forEach((count, i) => (start[i + 1] = start[i]! + count));
  return start;
}
