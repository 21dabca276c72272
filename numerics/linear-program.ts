/**
 * Linear programs: minimise c'x with lower <= x <= upper and rowLower <= A x <= rowUpper.
 * Rows are gathered sparse; HiGHS (https://highs.dev, compiled to WebAssembly) solves them once it has been loaded.
 */
import type { Highs, Model } from 'highs';

/** A program under construction; it needs a column. Columns and rows are numbered from 0 in the order in which they come. */
export interface LinearProgram {
  readonly columns: number;
  readonly rows: number;
  /** Adds a variable and answers with its number. Bounds may be infinite. */
  addColumn(cost: number, lower: number, upper: number): number;
  /** Adds lower <= sum(values[i] x[columns[i]]) <= upper and answers with its number. */
  addRow(lower: number, upper: number, columns: readonly number[], values: readonly number[]): number;
  readonly cost: readonly number[];
  readonly columnLower: readonly number[];
  readonly columnUpper: readonly number[];
  readonly rowLower: readonly number[];
  readonly rowUpper: readonly number[];
  /** Compressed rows: entries of row i are starts[i] ... starts[i + 1] - 1. */
  readonly starts: readonly number[];
  readonly indices: readonly number[];
  readonly values: readonly number[];
}

/** Empty, or a copy of `start` to be continued. */
export function createLinearProgram(start?: Omit<LinearProgram, 'addColumn' | 'addRow'>): LinearProgram {
  const cost = [...(start?.cost ?? [])];
  const columnLower = [...(start?.columnLower ?? [])];
  const columnUpper = [...(start?.columnUpper ?? [])];
  const rowLower = [...(start?.rowLower ?? [])];
  const rowUpper = [...(start?.rowUpper ?? [])];
  const starts = [...(start?.starts ?? [0])];
  const indices = [...(start?.indices ?? [])];
  const values = [...(start?.values ?? [])];
  return {
    get columns() {
      return cost.length;
    },
    get rows() {
      return rowLower.length;
    },
    addColumn(columnCost, lower, upper) {
      columnLower.push(lower);
      columnUpper.push(upper);
      return cost.push(columnCost) - 1;
    },
    addRow(lower, upper, columns, coefficients) {
      for (const [place, column] of columns.entries()) {
        indices.push(column);
        values.push(coefficients[place] as number);
      }
      starts.push(indices.length);
      rowUpper.push(upper);
      return rowLower.push(lower) - 1;
    },
    cost,
    columnLower,
    columnUpper,
    rowLower,
    rowUpper,
    starts,
    indices,
    values,
  };
}

/** Bounds of all columns and rows, in order: those of the program, or others in their place. */
export interface Bounds {
  readonly columnLower: readonly number[];
  readonly columnUpper: readonly number[];
  readonly rowLower: readonly number[];
  readonly rowUpper: readonly number[];
}

export type LinearAnswer =
  | {
      readonly status: 'optimal';
      readonly objective: number;
      readonly x: Float64Array;
      /** What the objective gains by each unit that a row's bound gives way, with its sign; 0 where none holds the row back. */
      readonly rowDual: Float64Array;
    }
  | { readonly status: 'infeasible' }
  | { readonly status: 'unbounded' }
  /** Numerical trouble: the solver's own number for its state. */
  | { readonly status: 'unsolved'; readonly code: number };

/** A program inside the solver, to be solved again and again; `dispose` frees its memory, which nothing else does. */
export interface LinearSession {
  /** Replaces all bounds. The next solve starts from the basis of the last one. */
  setBounds(bounds: Bounds): void;
  /** Replaces the value of a column in a row. */
  setCoefficient(row: number, column: number, value: number): void;
  solve(): LinearAnswer;
  dispose(): void;
}

export interface LinearSolver {
  open(program: LinearProgram): LinearSession;
  /**
   * Looks for a point, whatever it costs, at which the values of the columns `whole` are whole numbers, to a millionth. The
   * branch and cut ends soon after so many steps of the simplex method, which are the same on every machine.
   */
  findWhole(program: LinearProgram, whole: readonly number[], stepsMax: number): WholeAnswer;
}

/** A point, that there is none, or that neither was found. */
export type WholeAnswer = Float64Array | 'none' | 'unknown';

let loading: Promise<LinearSolver> | undefined;

/** Loads the solver (3.5 MB of WebAssembly) on the first call; every later call gets the same one. */
export function loadLinearSolver(): Promise<LinearSolver> {
  loading ??= import('highs').then(async ({ default: loader }) => {
    // The package's types describe its CommonJS form, whose default export lies one level deeper than the one loaded here.
    const loadHighs = loader as unknown as typeof loader.default;
    return createSolver(await loadHighs());
  });
  return loading;
}

function createSolver(highs: Highs): LinearSolver {
  return {
    open(program) {
      // Bounds that cross are an answer, not a mistake; the solver gets to see the other ones only.
      const bounds = uncrossed(program);
      const model = load(highs, program, bounds ?? noBounds(program), program.cost);
      return createSession(highs, model, program, bounds === undefined);
    },
    findWhole(program, whole, stepsMax) {
      const bounds = uncrossed(program);
      if (bounds === undefined) return 'none';
      const costless = program.cost.map(() => 0);
      const model = load(highs, program, bounds, costless);
      try {
        for (const column of whole) model.changeColIntegrality(column, highs.constants.variableType.integer);
        model.options.set({ mip_max_improving_sols: 1 });
        const { modelStatus } = model.run({
          [highs.constants.callbackType.mipInterrupt]: (event) => {
            if ((event.data.mip_total_lp_iterations ?? 0n) > stepsMax) event.interrupt();
          },
        });
        if (modelStatus === highs.constants.modelStatus.infeasible) return 'none';
        // The state of the model is the same whether a point or the end of the steps stopped it.
        const isPoint = model.info.get('primal_solution_status') === highs.constants.solutionStatus.feasible;
        return isPoint ? model.getSolution().colValue : 'unknown';
      } catch (error) {
        if (!(error instanceof highs.errors.HighsError)) throw error;
        return 'unknown';
      } finally {
        model.dispose();
      }
    },
  };
}

function load(highs: Highs, program: LinearProgram, bounds: Bounds, cost: readonly number[]): Model {
  const model = highs.createModel({
    numCols: program.columns,
    numRows: program.rows,
    colCost: cost,
    colLower: bounds.columnLower,
    colUpper: bounds.columnUpper,
    rowLower: bounds.rowLower,
    rowUpper: bounds.rowUpper,
    matrix: {
      format: 'csr',
      numRows: program.rows,
      numCols: program.columns,
      starts: program.starts,
      indices: program.indices,
      values: program.values,
    },
  });
  model.options.set({ output_flag: false });
  return model;
}

/** Bounds that cross by no more than the solver's own tolerance meet in the middle; undefined when they cross by more. */
function uncrossed({ columnLower, columnUpper, rowLower, rowUpper }: Bounds): Bounds | undefined {
  const columns = pairwise(columnLower, columnUpper);
  const rows = pairwise(rowLower, rowUpper);
  if (columns === undefined || rows === undefined) return undefined;
  return { columnLower: columns.lower, columnUpper: columns.upper, rowLower: rows.lower, rowUpper: rows.upper };
}

function pairwise(
  lower: readonly number[],
  upper: readonly number[],
): { readonly lower: readonly number[]; readonly upper: readonly number[] } | undefined {
  const excess = lower.reduce((most, low, index) => Math.max(most, low - (upper[index] as number)), -Infinity);
  if (excess <= 0) return { lower, upper };
  if (excess > FEASIBILITY_TOLERANCE) return undefined;
  const middle = lower.map((low, index) => (low + (upper[index] as number)) / 2);
  return {
    lower: lower.map((low, index) => Math.min(low, middle[index] as number)),
    upper: upper.map((high, index) => Math.max(high, middle[index] as number)),
  };
}

/** HiGHS's default. */
const FEASIBILITY_TOLERANCE = 1e-7;

function noBounds({ columns, rows }: LinearProgram): Bounds {
  const filled = (length: number, value: number) => Array<number>(length).fill(value);
  return {
    columnLower: filled(columns, -Infinity),
    columnUpper: filled(columns, Infinity),
    rowLower: filled(rows, -Infinity),
    rowUpper: filled(rows, Infinity),
  };
}

function createSession(highs: Highs, model: Model, program: LinearProgram, startsCrossed: boolean): LinearSession {
  const state = highs.constants.modelStatus;
  let crossed = startsCrossed;
  const run = (): LinearAnswer => {
    let status: number;
    try {
      status = model.run().modelStatus;
    } catch (error) {
      if (!(error instanceof highs.errors.HighsError)) throw error;
      // So ill-conditioned that the solver stops with an error of its own: numerical trouble like any other.
      return { status: 'unsolved', code: error.status ?? state.unknown };
    }
    if (status === state.optimal) {
      const { colValue, rowDual } = model.getSolution();
      return { status: 'optimal', objective: model.getObjectiveValue(), x: colValue, rowDual };
    }
    if (status === state.infeasible) return { status: 'infeasible' };
    if (status === state.unbounded) return { status: 'unbounded' };
    return { status: 'unsolved', code: status };
  };
  return {
    setBounds(wanted) {
      const columns = { kind: 'range', from: 0, to: program.columns - 1 } as const;
      const rows = { kind: 'range', from: 0, to: program.rows - 1 } as const;
      const bounds = uncrossed(wanted);
      crossed = bounds === undefined;
      if (bounds === undefined) return;
      if (program.columns > 0) model.changeColsBounds(columns, bounds.columnLower, bounds.columnUpper);
      if (program.rows > 0) model.changeRowsBounds(rows, bounds.rowLower, bounds.rowUpper);
    },
    setCoefficient: (row, column, value) => void model.changeCoefficient(row, column, value),
    solve() {
      if (crossed) return { status: 'infeasible' };
      const answer = run();
      if (answer.status !== 'unsolved') return answer;
      // "Unbounded or infeasible" is all that presolve can tell, and a lost basis heals from a cold start.
      model.clearSolver();
      model.options.set({ presolve: 'off' });
      const second = run();
      model.options.set({ presolve: 'choose' });
      return second;
    },
    dispose: () => model.dispose(),
  };
}
