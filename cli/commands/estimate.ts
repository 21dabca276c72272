/** `twin estimate GRID MEASUREMENTS`: the state of a grid from measurements by weighted least squares. */
import { compileGrid } from '../../grids/compile.ts';
import { formatMeasurements, formatNames } from '../../grids/import/imported-grid.ts';
import { measurementsOfFolder, readGridFiles } from '../../grids/import/read-grid-files.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { setTaps } from '../../grids/tap-changers.ts';
import { type CleanedEstimate, estimateWithoutBadData } from '../../platform/state-estimation/bad-data.ts';
import type { EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { createLeastSquares } from '../../platform/state-estimation/least-squares.ts';
import { parseMeasurementFile } from '../../platform/state-estimation/measurement-file.ts';
import { analyseObservability } from '../../platform/state-estimation/observability.ts';
import { createSchweppeHuber } from '../../platform/state-estimation/schweppe-huber.ts';
import { sourceBalances } from '../../platform/state-estimation/source-balance.ts';
import { estimateTaps, type TapSolver } from '../../platform/state-estimation/tap-positions.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { describeEstimate, formatEstimate } from '../estimate-answer.ts';
import { GRID_HELP, notesHint } from '../grid-argument.ts';
import { readText } from '../../grids/read-text.ts';

interface Values {
  readonly grid: string;
  readonly measurements?: readonly string[];
  readonly format: 'table' | 'json';
  readonly estimator: EstimatorName;
  readonly 'remove-bad-data': boolean;
  readonly 'estimate-taps': boolean;
}

type EstimatorName = 'wls' | 'schweppe-huber';

export const command = defineCommand<Values>({
  positionals: {
    grid: { type: 'string', describe: GRID_HELP, demandOption: true },
    measurements: {
      type: 'string',
      array: true,
      describe:
        'MEASUREMENTS file (JSON); none for a GRID with sensors of its own, or an imported folder. Before it, further files of a CIM grid',
    },
  },
  options: {
    format: { choices: ['table', 'json'], default: 'table', describe: 'How to print the answer' },
    estimator: {
      choices: ['wls', 'schweppe-huber'],
      default: 'wls',
      describe: 'Weighted least squares, or a robust estimator that gross errors move little',
    },
    'estimate-taps': {
      type: 'boolean',
      default: false,
      describe: 'Find the positions of tap changers that agree best with the measurements',
    },
    'remove-bad-data': {
      type: 'boolean',
      default: false,
      describe: 'Take out the largest normalised residual and estimate again while measurements disagree',
    },
  },
  examples: [
    {
      line: 'twin estimate cigre-lv docs/examples/cigre-lv-measurements.json',
      does: 'Voltages, suspects and the chi-square test, of one meter with its wires swapped among many',
    },
    {
      line: 'twin estimate cigre-lv docs/examples/cigre-lv-measurements.json --remove-bad-data',
      does: 'Without what contradicts the rest',
    },
    { line: 'twin estimate ieee-33 measurements.json --format json', does: 'For other programs' },
    { line: 'twin estimate pandapower.json', does: 'With the measurements in the file' },
  ],
  async run({ grid, measurements = [], format, estimator, ...flags }, { terminal }) {
    // The files of a CIM grid are all XML: the one that is none holds the measurements.
    const last = measurements.at(-1);
    const own = last === undefined || last.toLowerCase().endsWith('.xml');
    const files = [grid, ...(own ? measurements : measurements.slice(0, -1))];
    const { text, converged, consistent, hint } = estimate(files, own ? undefined : last, format, {
      estimator,
      removeBadData: flags['remove-bad-data'],
      estimateTaps: flags['estimate-taps'],
    });
    terminal.print(text);
    if (hint !== undefined) terminal.say(hint);
    return converged && consistent ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});

interface EstimateOptions {
  readonly estimator?: EstimatorName;
  readonly removeBadData?: boolean;
  /** Of the measurements, to be removed at most (see `BadDataOptions`). */
  readonly shareMax?: number;
  readonly estimateTaps?: boolean;
}

/**
 * Throws InvalidInputError on a bad grid or measurement file. Divergence and missing observability are answers, for
 * exit code 20: `converged` is true only for an estimate of the whole grid, `consistent` is false where bad data were to be
 * removed and some are still in.
 */
export function estimate(
  gridFiles: string | readonly string[],
  namedMeasurements: string | undefined,
  format: 'table' | 'json',
  options: EstimateOptions = {},
): { text: string; converged: boolean; consistent: boolean; hint: string | undefined } {
  const imported = readGridFiles(gridFiles);
  const [first, ...others] = typeof gridFiles === 'string' ? [gridFiles] : gridFiles;
  const file = [first, ...others].join(' ');
  const measurementsFile =
    namedMeasurements ?? (first !== undefined && others.length === 0 ? measurementsOfFolder(first) : undefined);
  if (measurementsFile === undefined && imported.measurements.length === 0) {
    const message =
      imported.format === 'native'
        ? 'a native grid document carries no measurements'
        : `the ${formatNames[imported.format]} carries no measurements`;
    const hint = `name a file: twin estimate ${file} measurements.json`;
    throw new InvalidInputError([{ file, path: '', message, hint }]);
  }
  const text = measurementsFile === undefined ? formatMeasurements(imported) : readText(measurementsFile);
  // A power-grid-model file names every appliance, whoever measured: a node without one injects nothing.
  const namesAllCustomers = imported.format === 'power-grid-model';
  const problemWith = (document: GridDocument) =>
    problemOf(compileGrid(document), text, measurementsFile ?? file, namesAllCustomers);
  const { document, taps } = placeTaps(imported.grid, text, measurementsFile ?? file, options, problemWith);
  const problem = problemWith(document);
  const { result, removed, undecided, consistent } = solve(problem, options);
  // What balanced sources would fix is not missing: they were tried, and will be again.
  const missing = result.unobservedBuses.length > 0 ? analyseObservability(withBalancedSources(problem)) : undefined;
  const answer = describeEstimate(problem, result, { removed, missing, taps });
  const printed = format === 'json' ? JSON.stringify(answer, undefined, 2) : formatEstimate(problem, answer);
  const hints = [notesHint(imported, gridFiles), ...undecided.map(undecidedHint)].filter((hint) => hint !== undefined);
  return {
    text: printed,
    converged: result.status === 'converged',
    consistent,
    hint: hints.length > 0 ? hints.join('\n') : undefined,
  };
}

function undecidedHint(names: readonly string[]): string {
  return `${names.join(', ')} contradict each other, and nothing else checks them: none was removed. Find out which one is wrong, and leave it out, or measure more there`;
}

/** Taps as they are reported in the file, or as they agree best with it. */
function placeTaps(
  paper: GridDocument,
  text: string,
  file: string,
  options: EstimateOptions,
  problemWith: (document: GridDocument) => EstimationProblem,
): ReturnType<typeof estimateTaps> {
  const { taps: readings } = parseMeasurementFile(text, compileGrid(paper), file);
  if (options.estimateTaps !== true) {
    const reported = new Map(readings.map(({ transformer, position }) => [transformer, Math.round(position)]));
    return { document: setTaps(paper, reported), taps: [] };
  }
  const find = (cleaning: EstimateOptions) =>
    estimateTaps(paper, readings, (document) =>
      costOf(solve({ ...problemWith(document), statistics: 'never' }, cleaning)),
    );
  const placed = find({});
  if (options.removeBadData !== true) return placed;
  const problem = problemWith(placed.document);
  const { removed, consistent } = solve(problem, options);
  if (removed.length === 0 && consistent) return placed;
  // What is wrong had its say in these positions: each is judged by what is left without what looks wrong there. Where more
  // would have to go than here, it is none of the best.
  return find({ removeBadData: true, shareMax: (removed.length + 1.5) / problem.measurements.length });
}

/**
 * What a removed measurement adds to the objective with which it would have to agree: about one reading in a hundred is wrong,
 * by anything up to a hundred standard deviations, so -2 ln(0.01 / 100 : 0.99 / sqrt(2 pi)).
 */
const REMOVAL_COST = 16.6;

/** What an estimate speaks against the positions that it was made with. */
function costOf({ result, removed, consistent }: CleanedEstimate): ReturnType<TapSolver> {
  if (result.status !== 'converged') return undefined;
  const { objective, degreesOfFreedom, chiSquareLimit } = result;
  return {
    objective: objective + REMOVAL_COST * removed.length,
    agrees: consistent && (degreesOfFreedom <= 0 || objective <= chiSquareLimit),
  };
}

function problemOf(grid: CompiledGrid, text: string, file: string, namesAllCustomers: boolean): EstimationProblem {
  const { measurements, namesAllCustomers: names } = parseMeasurementFile(text, grid, file);
  const injections = measurements.flatMap((measurement) => {
    const power = measurement.kind === 'activePower' || measurement.kind === 'reactivePower';
    return power && measurement.place.at === 'bus' ? [measurement.place.bus] : [];
  });
  return {
    grid,
    measurements,
    zeroInjections: zeroInjectionBuses(grid, new Set(injections), namesAllCustomers || names),
    referenceBus: grid.sources[0]?.bus ?? 0,
    statistics: 'full',
  };
}

/** Unbalance behind an external grid, per unit: assumed only where the measurements do not fix it. */
const SOURCE_UNBALANCE_PU = 0.003;

function solve(problem: EstimationProblem, options: EstimateOptions): CleanedEstimate {
  const first = solveAsGiven(problem, options);
  if (first.result.status !== 'not-observable' || problem.grid.phases === 1) return first;
  const second = solveAsGiven(withBalancedSources(problem), options);
  return second.result.unobservedBuses.length < first.result.unobservedBuses.length ? second : first;
}

function withBalancedSources(problem: EstimationProblem): EstimationProblem {
  const assumed = sourceBalances(problem.grid, SOURCE_UNBALANCE_PU);
  return { ...problem, measurements: [...problem.measurements, ...assumed] };
}

function solveAsGiven(problem: EstimationProblem, options: EstimateOptions): CleanedEstimate {
  const leastSquares = createLeastSquares();
  const estimator = options.estimator === 'schweppe-huber' ? createSchweppeHuber(leastSquares) : leastSquares;
  if (options.removeBadData === true) return estimateWithoutBadData(estimator, problem, options);
  return { result: estimator.estimate(problem), removed: [], undecided: [], consistent: true };
}
