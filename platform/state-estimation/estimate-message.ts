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
    suspects: result.suspects.map(({ indistinguishableFrom: others, ...suspect }) => ({
      ...suspect,
      ...(others !== undefined && { indistinguishableFrom: [...others] }),
    })),
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
  const { voltage, voltageMagnitudeSigma, voltageAngleSigma } = result;
  const row = {
    id,
    voltageMagnitudeV: [] as PerPhase,
    voltageAngleRad: [] as PerPhase,
    voltageMagnitudeSigmaV: [] as PerPhase,
    voltageAngleSigmaRad: [] as PerPhase,
  };
  for (let k = bus * phases; k < (bus + 1) * phases; k += 1) {
    const re = voltage[2 * k]!;
    const im = voltage[2 * k + 1]!;
    row.voltageMagnitudeV.push(finite(base * Math.sqrt(re * re + im * im)));
    row.voltageAngleRad.push(finite(Math.atan2(im, re)));
    row.voltageMagnitudeSigmaV.push(finite(base * (voltageMagnitudeSigma?.[k] ?? Number.NaN)));
    row.voltageAngleSigmaRad.push(finite(voltageAngleSigma?.[k] ?? Number.NaN));
  }
  return row;
}

function branchRow(grid: CompiledGrid, result: EstimateResult, branch: CompiledBranch): Estimate['branches'][number] {
  const from = branchEndFlow(grid, branch, 'from', result.voltage);
  const to = branchEndFlow(grid, branch, 'to', result.voltage);
  // A positive-sequence grid computes with a third of the power that its branches carry.
  const watts = grid.phases === 1 ? 3 * grid.basePowerVA : grid.basePowerVA;
  return {
    id: branch.id,
    activePowerFromW: scaled(from.activePower, watts),
    reactivePowerFromVar: scaled(from.reactivePower, watts),
    activePowerToW: scaled(to.activePower, watts),
    reactivePowerToVar: scaled(to.reactivePower, watts),
    currentFromA: scaled(from.current, grid.basePowerVA / grid.baseVoltageV[branch.from]!),
    currentToA: scaled(to.current, grid.basePowerVA / grid.baseVoltageV[branch.to]!),
  };
}

function scaled(values: readonly number[], by: number): PerPhase {
  return values.map((value) => finite(value * by));
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
