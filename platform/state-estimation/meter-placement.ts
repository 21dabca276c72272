/** What to measure so that nothing floats: as many values at buses as are missing, powers first, as many as possible at one bus. */
import type { CompiledGrid } from '../../grids/model.ts';
import { SIGMA_ABSENT } from './equations/load.ts';
import type { EstimationProblem, ScalarKind, ScalarMeasurement } from './estimator.ts';
import {
  type Along,
  busOfUnknown,
  derivativesAlong,
  type OpenDirections,
  openDirections,
  probe,
} from './open-directions.ts';
import { NULL_SHARE } from './unobserved.ts';

/**
 * What a proposed measurement sees of an open direction, over its largest derivative: what is seen clearly comes first,
 * the rest only where nothing else is left.
 */
const CLEAR = [1e-4, 1e-7] as const;
/** Share of a proposal's own weight in its residual's from which on the others say the same. */
const REDUNDANT_SHARE = 1e-6;

/** A quantity worth measuring: at a bus, in the words of a measurement file. */
export interface Proposal {
  readonly kind: ScalarKind;
  readonly bus: number;
  readonly phase: number;
}

/** Round after round until nothing is missing: each changes the grid's equations and so needs a new null space. */
export function planMeters(open: OpenDirections, problem: EstimationProblem): Proposal[] {
  let proposals: Proposal[] = [];
  let next = open;
  while (next.missing > 0) {
    const now = withProposals(problem, proposals);
    const more = next.vectors === undefined ? proposeAtPivots(next, now) : propose(next, next.vectors, now);
    const tried = [...proposals, ...more];
    const after = openDirections(withProposals(problem, tried));
    // What no meter at a bus tells stays open: the angles between phases, the zero sequence at a delta winding.
    if (after.missing >= next.missing) break;
    const redundant = next.missing - after.missing < more.length ? redundantProposals(after, problem) : new Set();
    proposals = tried.filter((_, i) => !redundant.has(i));
    next = after;
  }
  return proposals;
}

function withProposals(problem: EstimationProblem, proposals: readonly Proposal[]): EstimationProblem {
  return { ...problem, measurements: [...problem.measurements, ...proposals.map(measurementOf)] };
}

/**
 * Proposals (behind the measurements of `problem`, by index) that the others make superfluous, all of them together. With
 * the residuals' covariance W = R - H (H' R^-1 H)^-1 H' a set may go if W is regular on it: the pivots of W by largest
 * diagonal, each one solve. The augmented matrix's inverse holds R^-1 W R^-1.
 */
function redundantProposals({ solver }: OpenDirections, problem: EstimationProblem): Set<number> {
  const { ldl, equations } = solver;
  const { source, measuredRows, unknowns } = equations;
  const rows: number[] = [];
  for (let row = 0; row < measuredRows; row += 1) if (source[row]! >= problem.measurements.length) rows.push(row);
  const sizes = rows.map((row) => solver.largestDerivative(row));
  // Shares of each row's own error that its residual shows: zero for what nothing else sees.
  const shares = rows.map((row, i) => ldl.inverseEntry(unknowns + row, unknowns + row) * sizes[i]! ** 2);
  const columns: number[][] = [];
  const redundant = new Set<number>();
  for (;;) {
    let pivot = 0;
    shares.forEach((share, i) => (pivot = share > shares[pivot]! ? i : pivot));
    const largest = shares[pivot]!;
    if (!(largest > REDUNDANT_SHARE)) return redundant;
    redundant.add(source[rows[pivot]!]! - problem.measurements.length);
    const unit = new Float64Array(unknowns + equations.rows);
    unit[unknowns + rows[pivot]!] = 1;
    ldl.solve(unit);
    const column = rows.map((row, i) => {
      const others = columns.reduce((sum, other) => sum + other[i]! * other[pivot]!, 0);
      return (unit[unknowns + row]! * sizes[i]! * sizes[pivot]! - others) / Math.sqrt(largest);
    });
    columns.push(column);
    column.forEach((value, i) => (shares[i]! -= value * value));
    shares[pivot] = 0;
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
    const free = [...(exact.has(bus) ? [] : POWERS), ...VOLTAGES].find((kind) => !known.has(key(kind, bus, phase)));
    if (free === undefined) continue;
    known.add(key(free, bus, phase));
    proposals.push({ kind: free, bus, phase });
  }
  return proposals;
}

function measurementOf({ kind, bus, phase }: Proposal): ScalarMeasurement {
  return probe(kind, { at: 'bus', bus }, phase);
}

/** Powers first, then voltages: the bus that adds most first, until nothing is open. */
function propose({ solver }: OpenDirections, vectors: readonly Float64Array[], problem: EstimationProblem): Proposal[] {
  const { grid } = problem;
  const touched = new Set<number>();
  for (const vector of vectors) {
    vector.forEach((value, i) => {
      if (Math.abs(value) > NULL_SHARE) touched.add(busOfUnknown(solver, i));
    });
  }
  const open = orthonormal(vectors);
  const exact = new Set(problem.zeroInjections);
  const buses = [...touched].sort((a, b) => a - b);
  const meters = [
    buses.filter((bus) => !exact.has(bus)).map((bus) => candidatesAt(grid, bus, POWERS)),
    buses.map((bus) => candidatesAt(grid, bus, VOLTAGES)),
  ];
  const all = meters.flat(2);
  const along = derivativesAlong(solver, grid, all.map(measurementOf), open);
  const space = new OpenSpace(along, open.length);
  const proposals: Proposal[] = [];
  let first = 0;
  const ranges = meters.map((group) =>
    group.map(({ length }) => {
      first += length;
      return { from: first - length, to: first };
    }),
  );
  while (space.open > 0) {
    let best: number[] = [];
    for (const clear of CLEAR)
      for (const group of ranges) {
        if (best.length > 0) break;
        for (const { from, to } of group) {
          const rows = space.independent(from, to, clear);
          if (rows.length > best.length) best = rows;
        }
      }
    if (best.length === 0) break;
    for (const row of best) {
      space.close(row);
      proposals.push(all[row]!);
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

/** What a meter at a bus can tell; where nothing is injected only the voltage. */
const POWERS: readonly ScalarKind[] = ['activePower', 'reactivePower'];
const VOLTAGES: readonly ScalarKind[] = ['voltageMagnitude'];

function candidatesAt(grid: CompiledGrid, bus: number, kinds: readonly ScalarKind[]): Proposal[] {
  return kinds.flatMap((kind) => Array.from({ length: grid.phases }, (_, phase) => ({ kind, bus, phase })));
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
