/** The built-in estimator: three-phase or positive-sequence weighted least squares with equality constraints. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { EstimateResult, EstimateStatus, EstimationProblem, Estimator, FlowSigmas } from './estimator.ts';
import { flatStart } from './flat-start.ts';
import { StructureMemory } from './structure-memory.ts';
import { NOTHING_OPEN, type Open, unobserved, withdrawUnobserved } from './unobserved.ts';
import { WlsSolver } from './wls-solver.ts';
import { startBesideCurrents, startSolver, turnPhasor } from './wls-start.ts';
import { flowSigmas } from './flow-sigmas.ts';
import { isSuspicious, residualStatistics, suspectsOf, testObjective, voltageSigmas } from './wls-statistics.ts';

export interface WlsOptions {
  /** Largest change of a voltage component in the last step, per unit (default 1e-10). */
  readonly tolerance?: number;
  readonly iterationsMax?: number;
  /** Structures kept at a time (default 4); the least recently used one goes. */
  readonly structuresMax?: number;
}

/** Weighted least squares that remembers structures, factors and the last state of each grid it has seen. */
export function createWeightedLeastSquares(options: WlsOptions = {}): Estimator {
  const { tolerance = 1e-10, iterationsMax = 50, structuresMax = 4 } = options;
  const structures = new StructureMemory((problem) => new WlsSolver(problem), {
    most: structuresMax,
    presenceMatters: false,
  });
  let lastVoltage: { grid: CompiledGrid; voltage: Float64Array } | undefined;

  return {
    name: 'wls',
    estimate(problem) {
      const { grid } = problem;
      const solver = structures.solverFor(problem);
      const loaded = solver.load(problem);
      if (loaded.active === 0) return withoutAnswer(problem, 'no-measurements', 0, []);

      const known = solver.isKnownObservable();
      const warm = known && lastVoltage?.grid === grid && !solver.weightsJumped;
      let { open, active } = { open: NOTHING_OPEN, active: loaded.active };
      let approach = 0;
      const startCold = () => {
        const flat = flatStart(grid);
        startSolver(solver, flat, loaded, false);
        if (!known) {
          // Observability is judged at no load, before anything is solved.
          solver.factoriseUnweighted();
          ({ open, active } = withdrawUnobserved(solver, active));
          solver.rememberObservable(open.buses.length === 0);
        }
        if (open.buses.length === 0) approach = startBesideCurrents(solver, problem, { voltage: flat, loaded });
      };
      if (warm) startSolver(solver, lastVoltage!.voltage, loaded, true);
      else startCold();
      let iteration = isAllOpen(solver, open) ? NOT_ITERATED : solver.iterate({ tolerance, iterationsMax });
      if (warm && !iteration.converged) {
        startCold();
        iteration = solver.iterate({ tolerance, iterationsMax });
      } else if (warm && mayStandAtAnother(solver, active)) {
        const last = { solution: solver.solution(), objective: objectiveOf(solver), iteration };
        startCold();
        iteration = solver.iterate({ tolerance, iterationsMax });
        if (!(iteration.converged && objectiveOf(solver) < last.objective)) {
          solver.resume(last.solution);
          ({ iteration } = last);
          approach = 0;
        }
      }
      let iterations = approach + iteration.iterations;
      if (!iteration.converged && !isAllOpen(solver, open)) {
        startCold();
        iteration = solver.descend(tolerance);
        iterations += iteration.iterations;
        // Injections beyond what the grid can carry: the nearest state that it has is one where derivatives lose a direction.
        if (open.buses.length === 0 && unobserved(solver).buses.length > 0) iteration = NOT_ITERATED;
      } else if (open.buses.length === 0) open = unobserved(solver);
      if (!iteration.converged || active === 0 || isAllOpen(solver, open)) {
        lastVoltage = undefined;
        const status = open.buses.length > 0 ? 'not-observable' : 'diverged';
        return withoutAnswer(problem, status, iterations, open.buses);
      }
      lastVoltage = open.buses.length > 0 ? undefined : { grid, voltage: expand(solver) };
      return answer(problem, solver, active, iterations, open);
    },
  };
}

const NOT_ITERATED = { converged: false, iterations: 0 };

function isAllOpen(solver: WlsSolver, open: Open): boolean {
  return open.buses.length === solver.equations.busOfBlock.length;
}

/** State by bus-phase, NaN at dead buses. */
function expand(solver: WlsSolver): Float64Array {
  const voltage = new Float64Array(2 * solver.equations.stateOf.length).fill(Number.NaN);
  solver.equations.stateOf.forEach((state, k) => {
    if (state < 0) return;
    voltage[2 * k] = solver.x[2 * state]!;
    voltage[2 * k + 1] = solver.x[2 * state + 1]!;
  });
  return voltage;
}

function degreesOfFreedomOf({ equations }: WlsSolver, active: number, open: Open): number {
  let constraints = 0;
  for (let row = equations.measuredRows; row < equations.rows; row += 1) constraints += equations.active[row]!;
  return active - (2 * equations.states - open.states - (constraints - open.idleConstraints));
}

/** Magnitudes of currents have several solutions, and from the last state the wrong one may be the nearer. */
function mayStandAtAnother(solver: WlsSolver, active: number): boolean {
  if (solver.equations.acrossRows.length === 0) return false;
  const objective = objectiveOf(solver);
  return isSuspicious(objective, degreesOfFreedomOf(solver, active, NOTHING_OPEN));
}

function answer(
  problem: EstimationProblem,
  solver: WlsSolver,
  active: number,
  iterations: number,
  open: Open,
): EstimateResult {
  const degreesOfFreedom = degreesOfFreedomOf(solver, active, open);
  const objective = objectiveOf(solver);
  const { chiSquareLimit, withSigmas, withResiduals } = testObjective(objective, degreesOfFreedom, problem.statistics);
  if (withResiduals) solver.factoriseHere();
  const checks = withResiduals ? residualStatistics(solver, problem.measurements) : undefined;
  const sigmas = withSigmas ? voltageSigmas(solver, problem.referenceBus) : undefined;
  const flows = problem.statistics === 'full' ? sigmasOfFlows(solver, problem, open.buses) : undefined;
  const voltage = expand(solver);
  turnToReference(voltage, solver, problem.referenceBus);
  for (const bus of open.buses) blank(voltage, problem.grid.phases, bus, 2);
  for (const bus of open.buses) {
    if (sigmas === undefined) break;
    blank(sigmas.magnitude, problem.grid.phases, bus, 1);
    blank(sigmas.angle, problem.grid.phases, bus, 1);
  }
  return {
    status: open.buses.length > 0 ? 'not-observable' : 'converged',
    method: 'augmented',
    iterations,
    voltage,
    objective,
    degreesOfFreedom,
    chiSquareLimit,
    suspects: checks === undefined ? [] : suspectsOf(checks.residuals),
    normalisedResiduals: checks?.largest,
    residuals: checks?.residuals,
    unobservedBuses: open.buses,
    voltageMagnitudeSigma: sigmas?.magnitude,
    voltageAngleSigma: sigmas?.angle,
    flowSigmas: flows,
  };
}

/** Sum of (z - h)^2 / R over measurements in use, at the state of the last step. */
function objectiveOf(solver: WlsSolver): number {
  const { measuredRows, acrossRows, variance, active } = solver.equations;
  let sum = 0;
  for (let row = 0; row < measuredRows - acrossRows.length; row += 1) {
    if (active[row] === 1) sum += solver.residual(row) ** 2 / variance[row]!;
  }
  return sum;
}

/** Turns all islands that share the measured time base so that the reference bus's first phase is real. */
function turnToReference(voltage: Float64Array, solver: WlsSolver, referenceBus: number): void {
  const { equations } = solver;
  const { stateOf, phases, islandOfState, referenceRow, active, busPhaseOfState, voltages } = equations;
  const k = referenceBus * phases;
  const reference = stateOf[k]!;
  if (reference < 0 || active[referenceRow[islandOfState[reference]!]!] === 1) return;
  const turn = -Math.atan2(voltage[2 * k + 1]!, voltage[2 * k]!);
  for (let state = 0; state < voltages; state += 1) {
    const synchronised = active[referenceRow[islandOfState[state]!]!] === 0;
    if (synchronised) turnPhasor(voltage, 2 * busPhaseOfState[state]!, turn);
  }
  voltage[2 * k + 1] = 0;
}

/** What touches an unobserved bus has no standard deviation. */
function sigmasOfFlows(solver: WlsSolver, problem: EstimationProblem, open: readonly number[]): FlowSigmas {
  const { grid } = problem;
  const sigmas = flowSigmas(solver, problem);
  const unknown = new Set(open);
  if (unknown.size === 0) return sigmas;
  const blankBranch = (index: number) => blank(sigmas.branch, grid.phases, index, 6);
  for (const { from, to, index } of grid.branches) {
    if (!unknown.has(from) && !unknown.has(to)) continue;
    blankBranch(index);
    for (const bus of [from, to])
      if (!problem.zeroInjections.includes(bus)) blank(sigmas.injection, grid.phases, bus, 2);
  }
  for (const bus of open) blank(sigmas.injection, grid.phases, bus, 2);
  const shunts = grid.shunts.some(({ bus }) => unknown.has(bus)) ? Number.NaN : sigmas.shunts;
  return { ...sigmas, losses: Number.NaN, shunts };
}

function blank(values: Float64Array, phases: number, bus: number, width: number): void {
  values.fill(Number.NaN, width * bus * phases, width * (bus + 1) * phases);
}

function withoutAnswer(
  problem: EstimationProblem,
  status: EstimateStatus,
  iterations: number,
  unobservedBuses: readonly number[],
): EstimateResult {
  return {
    status,
    method: 'augmented',
    iterations,
    voltage: new Float64Array(2 * problem.grid.busCount * problem.grid.phases).fill(Number.NaN),
    objective: Number.NaN,
    degreesOfFreedom: 0,
    chiSquareLimit: 0,
    suspects: [],
    normalisedResiduals: undefined,
    unobservedBuses,
    voltageMagnitudeSigma: undefined,
    voltageAngleSigma: undefined,
  };
}
