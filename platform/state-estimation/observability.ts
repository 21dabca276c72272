/**
 * Observability before solving, from the null space of the equations at no load: which buses float, which belong
 * together, and what to measure so that nothing floats (numerical observability, Abur and Exposito, 2004, ch. 4).
 */
import { joins } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { findIslands } from '../../grids/topology.ts';
import { evaluate } from './equations/evaluate.ts';
import { layOutEquations } from './equations/layout.ts';
import { loadMeasurements, SIGMA_ABSENT } from './equations/load.ts';
import { ROW } from './equations/row-kinds.ts';
import type { EstimationProblem, ScalarKind, ScalarMeasurement } from './estimator.ts';
import { flatStart } from './flat-start.ts';
import { NULL_SHARE, unobserved, withdrawUnobserved } from './unobserved.ts';
import { WlsSolver } from './wls-solver.ts';
import { startSolver } from './wls-start.ts';

/** Flow along a null vector, over the branch's admittance, below which the flow is known. */
const FLOW_SHARE = 1e-7;
/**
 * What a proposed measurement sees of an open direction, over its largest derivative: what is seen clearly comes first,
 * the rest only where nothing else is left.
 */
const CLEAR = [1e-4, 1e-7] as const;
/** Up to so many missing values the meters are chosen that add most; beyond, those where elimination found nothing. */
const VECTORS_MAX = 40;
const ROUNDS_MAX = 8;
/** Of proposals beyond what is missing at most so many are looked for one by one and taken back. */
const EXCESS_MAX = 40;
/** Share of a proposal's own weight in its residual's from which on the others say the same. */
const REDUNDANT_SHARE = 1e-6;

/** A quantity worth measuring: at a bus, in the words of a measurement file. */
export interface Proposal {
  readonly kind: ScalarKind;
  readonly bus: number;
  readonly phase: number;
}

export interface Observability {
  readonly observable: boolean;
  /** Number of real values that are missing. */
  readonly missing: number;
  /** Computational buses of which some phase's voltage the measurements leave open. */
  readonly unobservedBuses: readonly number[];
  /** Buses whose flows among each other are known: the largest island first; a bus of which nothing is known alone. */
  readonly islands: readonly (readonly number[])[];
  /**
   * One measurement for each missing value, where not too many are missing as many as possible at one bus: with fewer
   * the grid cannot become observable. A few more where very short and very long lines make it hard to tell what is
   * missing.
   */
  readonly proposals: readonly Proposal[];
}

/** Looks at structure only: neither values nor finite weights matter. */
export function analyseObservability(problem: EstimationProblem): Observability {
  const open = openDirections(problem);
  const islands = observableIslands(open.solver, problem.grid, open.generic);
  const proposals = open.missing === 0 ? [] : planMeters(open, problem);
  const { open: left } = withdrawUnobserved(open.solver, open.active);
  return {
    observable: open.missing === 0,
    missing: open.missing,
    unobservedBuses: left.buses,
    islands,
    proposals,
  };
}

/** Round after round until nothing is missing; each round changes the grid's equations and so needs a new null space. */
function planMeters(open: OpenDirections, problem: EstimationProblem): Proposal[] {
  const proposals: Proposal[] = [];
  const withProposals = () => ({
    ...problem,
    measurements: [...problem.measurements, ...proposals.map(measurementOf)],
  });
  let next = open;
  for (let round = 0; round < ROUNDS_MAX && next.missing > 0; round += 1) {
    const now = withProposals();
    const more = next.missing <= VECTORS_MAX ? propose(next, now) : proposeAtPivots(next, now);
    if (more.length === 0) break;
    proposals.push(...more);
    const before = next.missing;
    next = openDirections(withProposals());
    if (next.missing < before) continue;
    // Nothing that a meter at a bus can tell helps: the zero sequence at a delta winding, or what rounding hides.
    proposals.length -= more.length;
    break;
  }
  if (next.missing === 0) takeBackExcess(open.missing, problem, proposals);
  return proposals;
}

/** Removes proposals that the others make superfluous, while there are more of them than values missing. */
function takeBackExcess(missing: number, problem: EstimationProblem, proposals: Proposal[]): void {
  for (let i = 0; i < EXCESS_MAX && proposals.length > missing; i += 1) {
    const measurements = [...problem.measurements, ...proposals.map(measurementOf)];
    const { solver } = openDirections({ ...problem, measurements });
    const { source, measuredRows, unknowns } = solver.equations;
    let most = REDUNDANT_SHARE;
    let worst = -1;
    for (let row = 0; row < measuredRows; row += 1) {
      const proposal = source[row]! - problem.measurements.length;
      if (proposal < 0) continue;
      // Of R = h^2: the part of the row's own error that its residual shows; zero for what nothing else sees.
      const share = solver.ldl.inverseEntry(unknowns + row, unknowns + row) * solver.largestDerivative(row) ** 2;
      if (!(share > most)) continue;
      most = share;
      worst = proposal;
    }
    if (worst < 0) return;
    proposals.splice(worst, 1);
  }
}

/**
 * One measurement for each null pivot, at the bus of the state that elimination could not determine: of what a meter there
 * can tell the first that nobody measures yet. In time proportional to the grid.
 */
function proposeAtPivots({ solver }: OpenDirections, problem: EstimationProblem): Proposal[] {
  const { grid } = problem;
  const { equations, ldl } = solver;
  const exact = new Set(problem.zeroInjections);
  const key = (kind: string, bus: number, phase: number | 'sum') => `${kind} ${bus} ${phase}`;
  const known = new Set(
    problem.measurements.flatMap((one) =>
      one.kind !== 'sourceBalance' && one.place.at === 'bus' && one.sigma < SIGMA_ABSENT
        ? [key(one.kind, one.place.bus, one.phase)]
        : [],
    ),
  );
  const proposals: Proposal[] = [];
  for (const variable of ldl.nullVariables()) {
    if (variable >= 2 * equations.voltages) continue;
    const k = equations.busPhaseOfState[variable >> 1]!;
    const bus = Math.floor(k / grid.phases);
    const phase = k % grid.phases;
    const free = kindsAt(exact.has(bus)).find((kind) => !known.has(key(kind, bus, phase)));
    if (free === undefined) continue;
    known.add(key(free, bus, phase));
    proposals.push({ kind: free, bus, phase });
  }
  return proposals;
}

function measurementOf({ kind, bus, phase }: Proposal): ScalarMeasurement {
  return { id: '', kind, place: { at: 'bus', bus }, phase, value: 0, sigma: 1 };
}

interface OpenDirections {
  readonly solver: WlsSolver;
  /** Rows of measurements in use. */
  readonly active: number;
  /** Dimension of the null space as far as it moves voltages. */
  readonly missing: number;
  /** All of its vectors, none where they are more than `VECTORS_MAX`, and two that have entries wherever any has. */
  readonly vectors: readonly Float64Array[];
  readonly generic: readonly Float64Array[];
}

/** The null space at no load. */
function openDirections(problem: EstimationProblem): OpenDirections {
  const solver = new WlsSolver(problem);
  const loaded = solver.load(problem);
  startSolver(solver, flatStart(problem.grid), loaded, false);
  solver.factoriseUnweighted();
  const { ldl, equations } = solver;
  const moving = (found: readonly Float64Array[]): Float64Array[] =>
    found.flatMap((vector) => {
      const voltages = vector.slice(0, 2 * equations.states);
      const largest = voltages.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      return largest < NULL_SHARE ? [] : [voltages.map((value) => value / largest)];
    });
  const none = ldl.nullity === 0;
  const missing = unobserved(solver).states;
  return {
    solver,
    active: loaded.active,
    missing,
    vectors: none || missing > VECTORS_MAX ? [] : moving(ldl.nullVectors()),
    generic: none ? [] : moving([ldl.genericNullVector(0), ldl.genericNullVector(1)]),
  };
}

function busOfUnknown(solver: WlsSolver, unknown: number): number {
  return solver.equations.busOfBlock[solver.equations.blockOfUnknown[unknown]!]!;
}

/** Buses joined by branches whose flow no null vector changes. */
function observableIslands(solver: WlsSolver, grid: CompiledGrid, vectors: readonly Float64Array[]): number[][] {
  const { busOfBlock } = solver.equations;
  const known = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const flows = flowRows(solver, grid, vectors);
  const edges = known.filter((branch) => flows.has(branch.index));
  const { island } = findIslands(grid.busCount, edges);
  const groups = new Map<number, number[]>();
  for (const bus of busOfBlock) {
    const group = groups.get(island[bus]!);
    if (group === undefined) groups.set(island[bus]!, [bus]);
    else group.push(bus);
  }
  return [...groups.values()].sort((a, b) => b.length - a.length || a[0]! - b[0]!);
}

/** Branches with P and Q the same along every null vector. */
function flowRows(solver: WlsSolver, grid: CompiledGrid, vectors: readonly Float64Array[]): Set<number> {
  const live = grid.branches.filter((branch) => joins(branch) && grid.energised[branch.from] === 1);
  const measurements = live.flatMap((branch) =>
    (['activePower', 'reactivePower'] as const).flatMap((kind) =>
      Array.from({ length: grid.phases }, (_, phase): ScalarMeasurement => {
        const place = { at: 'from', branch: branch.index } as const;
        return { id: '', kind, place, phase, value: 0, sigma: 1 };
      }),
    ),
  );
  const along = derivativesAlong(solver, grid, measurements, vectors);
  const known = new Set(live.map(({ index }) => index));
  measurements.forEach(({ place }, row) => {
    if (place.at === 'bus') return;
    const branch = grid.branches[place.branch]!;
    const size = branch.yft.reduce((most, y) => Math.max(most, Math.abs(y)), 0);
    for (const change of along[row]!.changes) if (Math.abs(change) > FLOW_SHARE * size) known.delete(place.branch);
  });
  return known;
}

/** Derivatives of one measurement along each null vector, and its largest derivative of all for scale. */
interface Along {
  readonly changes: number[];
  size: number;
}

/** dh/dx times each null vector at the solver's state, measurement by measurement. */
function derivativesAlong(
  solver: WlsSolver,
  grid: CompiledGrid,
  measurements: readonly ScalarMeasurement[],
  vectors: readonly Float64Array[],
): Along[] {
  const referenceBus = busOfUnknown(solver, 2 * (solver.equations.referenceOfIsland[0] ?? 0));
  const equations = layOutEquations({ grid, measurements, zeroInjections: [], referenceBus, statistics: 'never' });
  loadMeasurements(equations, measurements);
  evaluate(equations, solver.x);
  const along = measurements.map((): Along => ({ changes: vectors.map(() => 0), size: 0 }));
  for (let entry = 0; entry < equations.entryRow.length; entry += 1) {
    const row = equations.entryRow[entry]!;
    if (row >= equations.measuredRows || equations.kind[row] === ROW.inert) continue;
    const { changes } = along[row]!;
    const derivative = equations.jacobian[entry]!;
    along[row]!.size = Math.max(along[row]!.size, Math.abs(derivative));
    for (let v = 0; v < vectors.length; v += 1) {
      changes[v]! += derivative * vectors[v]![equations.entryColumn[entry]!]!;
    }
  }
  return along;
}

/** Meters at buses, each with the values that it could add; the one that adds most first, until nothing is open. */
function propose({ solver, vectors }: OpenDirections, problem: EstimationProblem): Proposal[] {
  const { grid } = problem;
  const touched = new Set<number>();
  for (const vector of vectors) {
    vector.forEach((value, i) => {
      if (Math.abs(value) > NULL_SHARE) touched.add(busOfUnknown(solver, i));
    });
  }
  const open = orthonormal(vectors);
  const exact = new Set(problem.zeroInjections);
  const meters = [...touched]
    .sort((a, b) => a - b)
    .map((bus) => ({ bus, rows: candidatesAt(grid, bus, exact.has(bus)) }));
  const all = meters.flatMap(({ rows }) => rows);
  const along = derivativesAlong(solver, grid, all, open);
  const space = new OpenSpace(along, open.length);
  const proposals: Proposal[] = [];
  let first = 0;
  const ranges = meters.map(({ bus, rows }) => {
    first += rows.length;
    return { bus, from: first - rows.length, to: first };
  });
  while (space.open > 0) {
    let best: { bus: number; rows: number[] } = { bus: -1, rows: [] };
    for (const clear of CLEAR) {
      if (best.rows.length > 0) break;
      for (const { bus, from, to } of ranges) {
        const rows = space.independent(from, to, clear);
        if (rows.length > best.rows.length) best = { bus, rows };
      }
    }
    if (best.rows.length === 0) break;
    for (const row of best.rows) {
      space.close(row);
      const { kind, phase } = all[row]!;
      if (phase !== 'sum') proposals.push({ kind, bus: best.bus, phase });
    }
  }
  return proposals;
}

/** Modified Gram-Schmidt, twice: null vectors as they come may be nearly parallel. */
function orthonormal(vectors: readonly Float64Array[]): Float64Array[] {
  const basis: Float64Array[] = [];
  for (const vector of vectors) {
    let next = vector;
    for (let round = 0; round < 2; round += 1) {
      for (const other of basis) {
        const share = dot(next, other);
        next = next.map((value, i) => value - share * other[i]!);
      }
    }
    const size = Math.sqrt(dot(next, next));
    basis.push(next.map((value) => value / size));
  }
  return basis;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += a[i]! * b[i]!;
  return sum;
}

/** What a meter at a bus can tell, powers first; where nothing is injected only the voltage. */
function kindsAt(isExact: boolean): readonly ScalarKind[] {
  return isExact ? ['voltageMagnitude'] : ['activePower', 'reactivePower', 'voltageMagnitude'];
}

function candidatesAt(grid: CompiledGrid, bus: number, isExact: boolean): ScalarMeasurement[] {
  return kindsAt(isExact).flatMap((kind) =>
    Array.from({ length: grid.phases }, (_, phase): ScalarMeasurement => {
      return { id: '', kind, place: { at: 'bus', bus }, phase, value: 0, sigma: 1 };
    }),
  );
}

/** Candidate rows in the open directions; closing one takes its direction out of all others (Gauss elimination). */
class OpenSpace {
  open: number;
  private readonly rows: readonly number[][];
  private readonly sizes: readonly number[];

  constructor(rows: readonly Along[], dimensions: number) {
    this.rows = rows.map(({ changes }) => changes);
    this.sizes = rows.map(({ size }) => size);
    this.open = dimensions;
  }

  /** Rows of a range that are independent of one another in what is still open, the clearest first. */
  independent(from: number, to: number, clear: number): number[] {
    const found: number[] = [];
    const left = Array.from({ length: to - from }, (_, i) => ({ r: from + i, row: this.rows[from + i]!.slice() }));
    for (;;) {
      let best = -1;
      let clearest = clear;
      left.forEach(({ r, row }, i) => {
        const share = Math.max(...row.map(Math.abs)) / this.sizes[r]!;
        if (!(share > clearest)) return;
        clearest = share;
        best = i;
      });
      if (best < 0) return found;
      const [{ r, row }] = left.splice(best, 1) as [{ r: number; row: number[] }];
      found.push(r);
      const pivot = largestAt(row);
      for (const other of left) subtract(other.row, row, pivot);
    }
  }

  close(r: number): void {
    const row = this.rows[r]!.slice();
    const pivot = largestAt(row);
    this.open -= 1;
    for (const other of this.rows) subtract(other, row, pivot);
  }
}

function largestAt(row: readonly number[]): number {
  let at = 0;
  row.forEach((value, i) => {
    if (Math.abs(value) > Math.abs(row[at]!)) at = i;
  });
  return at;
}

function subtract(row: number[], other: readonly number[], pivot: number): void {
  const factor = row[pivot]! / other[pivot]!;
  if (factor === 0) return;
  for (let i = 0; i < row.length; i += 1) row[i]! -= factor * other[i]!;
  row[pivot] = 0;
}
