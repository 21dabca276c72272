/** An estimator's answer as the message that the databus carries: SI units, document ids, null where nothing is known. */
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import type { Estimate } from '../contract/estimate.ts';
import { formatInstant } from '../contract/time.ts';
import { branchEndFlow } from './branch-flows.ts';
import type { EstimateResult, EstimationProblem } from './estimator.ts';
import type { ModelFinding } from './model-watch.ts';

export interface EstimateFrame {
  readonly estimator: string;
  readonly timeUs: number;
  /** Start of the interval; equal to `timeUs` for an instantaneous estimate. */
  readonly fromUs: number;
  readonly inventory: Estimate['inventory'];
  /** What of the grid on paper is known to be wrong, where somebody watches. */
  readonly modelFindings?: readonly ModelFinding[];
}

export function estimateMessage(problem: EstimationProblem, result: EstimateResult, frame: EstimateFrame): Estimate {
  const { grid } = problem;
  const timestamp = formatInstant(frame.timeUs);
  const answered = result.status === 'converged' || result.status === 'not-observable';
  return {
    schema: 'platone.estimate/1',
    estimator: frame.estimator,
    timestamp,
    ...(frame.fromUs < frame.timeUs && { interval: { start: formatInstant(frame.fromUs), end: timestamp } }),
    status: result.status,
    iterations: result.iterations,
    ...(result.method !== undefined && { method: result.method }),
    buses: answered ? grid.document.buses.map(({ id }) => busRow(grid, result, id)) : [],
    branches: answered ? grid.branches.map((branch) => branchRow(grid, result, branch)) : [],
    referenceBus: grid.busIds[problem.referenceBus]?.[0] ?? '',
    ...(Number.isFinite(result.objective) && {
      objective: result.objective,
      degreesOfFreedom: result.degreesOfFreedom,
      chiSquareLimit: result.chiSquareLimit,
    }),
    suspects: result.suspects.map((suspect) => ({ ...suspect })),
    unobservedBuses: result.unobservedBuses.flatMap((bus) => [...grid.busIds[bus]!]),
    inventory: frame.inventory,
    ...(frame.modelFindings !== undefined && { modelFindings: [...frame.modelFindings] }),
  };
}

type PerPhase = (number | null)[];

function busRow(grid: CompiledGrid, result: EstimateResult, id: string): Estimate['buses'][number] {
  const { phases } = grid;
  const bus = grid.busIndex.get(id)!;
  const base = grid.baseVoltageV[bus]!;
  const row = (value: (k: number) => number): PerPhase =>
    Array.from({ length: phases }, (_, phase) => finite(value(bus * phases + phase)));
  const { voltage, voltageMagnitudeSigma, voltageAngleSigma } = result;
  return {
    id,
    voltageMagnitudeV: row((k) => base * Math.sqrt(voltage[2 * k]! ** 2 + voltage[2 * k + 1]! ** 2)),
    voltageAngleRad: row((k) => Math.atan2(voltage[2 * k + 1]!, voltage[2 * k]!)),
    voltageMagnitudeSigmaV: row((k) => base * (voltageMagnitudeSigma?.[k] ?? Number.NaN)),
    voltageAngleSigmaRad: row((k) => voltageAngleSigma?.[k] ?? Number.NaN),
  };
}

function branchRow(grid: CompiledGrid, result: EstimateResult, branch: CompiledBranch): Estimate['branches'][number] {
  const from = branchEndFlow(grid, branch, 'from', result.voltage);
  const to = branchEndFlow(grid, branch, 'to', result.voltage);
  // A positive-sequence grid computes with a third of the power that its branches carry.
  const watts = grid.phases === 1 ? 3 * grid.basePowerVA : grid.basePowerVA;
  const power = (values: readonly number[]) => values.map((value) => finite(value * watts));
  const current = (values: readonly number[], bus: number) =>
    values.map((value) => finite((value * grid.basePowerVA) / grid.baseVoltageV[bus]!));
  return {
    id: branch.id,
    activePowerFromW: power(from.activePower),
    reactivePowerFromVar: power(from.reactivePower),
    activePowerToW: power(to.activePower),
    reactivePowerToVar: power(to.reactivePower),
    currentFromA: current(from.current, branch.from),
    currentToA: current(to.current, branch.to),
  };
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
