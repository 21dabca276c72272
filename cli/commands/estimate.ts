/** `twin estimate GRID MEASUREMENTS`: the state of a grid from measurements by weighted least squares. */
import { compileGrid } from '../../grids/compile.ts';
import { formatNames } from '../../grids/import/imported-grid.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { branchEndFlow, gridLosses } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimateResult, EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { parseMeasurements } from '../../platform/state-estimation/measurement-file.ts';
import { sourceBalances } from '../../platform/state-estimation/source-balance.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { GridAnswer, PerPhase } from '../grid-answer.ts';
import { GRID_HELP, notesHint } from '../grid-argument.ts';
import { readText } from '../read-text.ts';
import { formatTable } from '../text-table.ts';

interface Values {
  readonly grid: string;
  readonly measurements?: readonly string[];
  readonly format: 'table' | 'json';
}

export const command = defineCommand<Values>({
  positionals: {
    grid: { type: 'string', describe: GRID_HELP, demandOption: true },
    measurements: {
      type: 'string',
      array: true,
      describe:
        'MEASUREMENTS file (JSON); none for a GRID with sensors of its own. Before it, further files of a CIM grid',
    },
  },
  options: { format: { choices: ['table', 'json'], default: 'table', describe: 'How to print the answer' } },
  examples: [
    { line: 'twin estimate ieee-33 measurements.json', does: 'Voltages, suspects and the chi-square test' },
    { line: 'twin estimate ieee-33 measurements.json --format json', does: 'The same for other programs' },
    { line: 'twin estimate pandapower.json', does: 'With the measurements in the file' },
  ],
  async run({ grid, measurements = [], format }, { terminal }) {
    // The files of a CIM grid are all XML: the one that is none holds the measurements.
    const last = measurements.at(-1);
    const own = last === undefined || last.toLowerCase().endsWith('.xml');
    const files = [grid, ...(own ? measurements : measurements.slice(0, -1))];
    const { text, converged, hint } = estimate(files, own ? undefined : last, format);
    terminal.print(text);
    if (hint !== undefined) terminal.say(hint);
    return converged ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});

/**
 * Throws InvalidInputError on a bad grid or measurement file. Divergence and missing observability are answers, for
 * exit code 20: `converged` is true only for an estimate of the whole grid.
 */
export function estimate(
  gridFiles: string | readonly string[],
  measurementsFile: string | undefined,
  format: 'table' | 'json',
): { text: string; converged: boolean; hint: string | undefined } {
  const imported = readGridFiles(gridFiles);
  const grid = compileGrid(imported.grid);
  const file = typeof gridFiles === 'string' ? gridFiles : gridFiles.join(' ');
  if (measurementsFile === undefined && imported.measurements.length === 0) {
    const message =
      imported.format === 'native'
        ? 'a native grid document carries no measurements'
        : `the ${formatNames[imported.format]} carries no measurements`;
    const hint = `name a file: twin estimate ${file} measurements.json`;
    throw new InvalidInputError([{ file, path: '', message, hint }]);
  }
  const text =
    measurementsFile === undefined
      ? JSON.stringify({ measurements: imported.measurements })
      : readText(measurementsFile);
  const problem = problemOf(grid, text, measurementsFile ?? file);
  const result = solve(problem);
  const answer = describeAnswer(problem, result);
  const printed = format === 'json' ? JSON.stringify(answer, undefined, 2) : formatAnswer(problem, result, answer);
  return { text: printed, converged: result.status === 'converged', hint: notesHint(imported, gridFiles) };
}

function problemOf(grid: CompiledGrid, text: string, file: string): EstimationProblem {
  const measurements = parseMeasurements(text, grid, file);
  const injections = measurements.flatMap((measurement) => {
    const power = measurement.kind === 'activePower' || measurement.kind === 'reactivePower';
    return power && measurement.place.at === 'bus' ? [measurement.place.bus] : [];
  });
  return {
    grid,
    measurements,
    zeroInjections: zeroInjectionBuses(grid, new Set(injections)),
    referenceBus: grid.sources[0]?.bus ?? 0,
    statistics: 'always',
  };
}

/** Unbalance behind an external grid, per unit: assumed only where the measurements do not fix it. */
const SOURCE_UNBALANCE_PU = 0.003;

function solve(problem: EstimationProblem): EstimateResult {
  const result = createWeightedLeastSquares().estimate(problem);
  if (result.status !== 'not-observable' || problem.grid.phases === 1) return result;
  const assumed = sourceBalances(problem.grid, SOURCE_UNBALANCE_PU);
  const second = createWeightedLeastSquares().estimate({
    ...problem,
    measurements: [...problem.measurements, ...assumed],
  });
  return second.unobservedBuses.length < result.unobservedBuses.length ? second : result;
}

interface Answer extends GridAnswer {
  readonly objective: number | null;
  readonly degreesOfFreedom: number;
  readonly chiSquareLimit: number;
  readonly suspects: EstimateResult['suspects'];
  readonly observable: boolean;
  readonly unobservedBuses: readonly string[];
}

const reasons: Readonly<Record<EstimateResult['status'], string>> = {
  converged: '',
  'not-observable': 'the measurements leave the voltage of some buses open',
  diverged: 'no convergence: measurements contradict the grid, or each other, too much',
  'no-measurements': 'there is no measurement at an energised bus or branch',
};

function describeAnswer({ grid }: EstimationProblem, result: EstimateResult): Answer {
  const { phases } = grid;
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
  const perPhase = (of: (phase: number) => number): PerPhase =>
    phases === 1 ? finite(of(0)) : [0, 1, 2].map((phase) => finite(of(phase)));
  const { voltage } = result;
  // A positive-sequence grid computes with a third of the power of its three phases.
  const watts = phases === 1 ? 3 * grid.basePowerVA : grid.basePowerVA;
  return {
    converged: result.status === 'converged',
    ...(result.status !== 'converged' && { reason: reasons[result.status] }),
    iterations: result.iterations,
    buses: grid.document.buses.map(({ id }) => {
      const at = (phase: number): number => 2 * (grid.busIndex.get(id)! * phases + phase);
      return {
        id,
        vmPu: perPhase((phase) => Math.hypot(voltage[at(phase)]!, voltage[at(phase) + 1]!)),
        vaDeg: perPhase((phase) => (Math.atan2(voltage[at(phase) + 1]!, voltage[at(phase)]!) * 180) / Math.PI),
      };
    }),
    branches: grid.branches.map((branch) => {
      const from = branchEndFlow(grid, branch, 'from', voltage);
      const to = branchEndFlow(grid, branch, 'to', voltage);
      return {
        id: branch.id,
        pFromW: perPhase((phase) => from.activePower[phase]! * watts),
        qFromVar: perPhase((phase) => from.reactivePower[phase]! * watts),
        pToW: perPhase((phase) => to.activePower[phase]! * watts),
        qToVar: perPhase((phase) => to.reactivePower[phase]! * watts),
      };
    }),
    lossesW: finite(gridLosses(grid, voltage) * watts),
    objective: finite(result.objective),
    degreesOfFreedom: result.degreesOfFreedom,
    chiSquareLimit: result.chiSquareLimit,
    suspects: result.suspects,
    observable: result.unobservedBuses.length === 0 && result.status !== 'no-measurements',
    unobservedBuses: result.unobservedBuses.flatMap((bus) => grid.busIds[bus]!),
  };
}

function formatAnswer({ grid }: EstimationProblem, result: EstimateResult, answer: Answer): string {
  const title = `State estimate of ${grid.document.name}`;
  const open = answer.unobservedBuses.length > 0 ? [`Unobserved buses: ${answer.unobservedBuses.join(', ')}.`] : [];
  if (answer.objective === null) return [title, '', `No estimate: ${answer.reason}.`, ...open].join('\n');
  const phases = grid.phases === 1 ? [''] : [' A', ' B', ' C'];
  const sigmas = result.voltageMagnitudeSigma;
  const buses = formatTable(
    [
      'bus',
      ...phases.map((phase) => `V${phase} pu`),
      ...phases.map((phase) => `sigma${phase} pu`),
      ...phases.map((phase) => `angle${phase} deg`),
    ],
    answer.buses.map((bus) => [
      bus.id,
      ...list(bus.vmPu).map((value) => fixed(value, 5)),
      ...phases.map((_, p) => fixed(sigmas?.[grid.busIndex.get(bus.id)! * grid.phases + p] ?? Number.NaN, 5)),
      ...list(bus.vaDeg).map((value) => fixed(value, 3)),
    ]),
  );
  const { objective, degreesOfFreedom, chiSquareLimit } = answer;
  const passes = objective <= chiSquareLimit;
  return [
    title,
    '',
    buses,
    '',
    ...(answer.converged ? [`Converged in ${answer.iterations} iterations.`] : [`Incomplete: ${answer.reason}.`]),
    ...open,
    degreesOfFreedom > 0
      ? `Objective ${objective.toFixed(3)} against ${chiSquareLimit.toFixed(3)} (chi-square, 95 %, ${degreesOfFreedom} degrees of freedom): ${passes ? 'the measurements agree' : 'bad data suspected'}.`
      : 'No measurement is redundant: nothing can be checked.',
    ...answer.suspects.map(
      ({ measurement, normalisedResidual }) =>
        `Suspect: ${measurement}, normalised residual ${normalisedResidual.toFixed(2)}`,
    ),
  ].join('\n');
}

function list(value: PerPhase): readonly (number | null)[] {
  return typeof value === 'number' || value === null ? [value] : value;
}

function fixed(value: number | null, digits: number): string {
  if (value === null || Number.isNaN(value)) return '-';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}
