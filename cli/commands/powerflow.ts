/** `twin powerflow GRID`: the power flow of a grid document with the powers that stand in it. */
import { compileGrid } from '../../grids/compile.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import type { MethodName } from '../../sim/physics/power-flow-method.ts';
import {
  createPowerFlow,
  methodRefusal,
  type PowerFlow,
  type PowerFlowOptions,
  type PowerFlowResult,
} from '../../sim/physics/power-flow.ts';
import { controlTaps, type TapStrategy } from '../../sim/physics/tap-control.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { GRID_HELP, notesHint } from '../grid-argument.ts';
import { describePowerFlow, type PowerFlowAnswer } from '../power-flow-answer.ts';
import { formatPowerFlow } from '../power-flow-table.ts';

/** What may be asked of a power flow beyond its grid. */
interface PowerFlowChoices {
  readonly method?: MethodName | 'auto';
  readonly taps?: TapStrategy | 'fixed';
  readonly limits?: 'document' | 'keep' | 'ignore';
}

interface Values extends PowerFlowChoices {
  readonly grid: readonly string[];
  readonly format: 'table' | 'json';
}

export const command = defineCommand<Values>({
  positionals: { grid: { type: 'string', array: true, describe: GRID_HELP } },
  options: {
    format: { choices: ['table', 'json'], default: 'table', describe: 'How to print the answer' },
    method: {
      choices: ['auto', 'sweep', 'newton', 'current-injection', 'linear'],
      default: 'auto',
      describe: 'How to solve; auto goes by the structure of the grid, linear takes every load as an impedance',
    },
    taps: {
      choices: ['fixed', 'nearest', 'lowest', 'highest'],
      default: 'fixed',
      describe: 'Move controlled taps until their voltages lie in their bands: which of the valid positions',
    },
    limits: {
      choices: ['document', 'keep', 'ignore'],
      default: 'document',
      describe: 'Reactive limits of voltage-controlled generators: as the document says, keep all, or none',
    },
  },
  examples: [
    { line: 'twin powerflow ieee-33', does: 'Voltages, flows and losses of a native network' },
    { line: 'twin powerflow my-grid.json --format json', does: 'The same of a file, for other programs' },
    { line: 'twin powerflow case33bw.m', does: 'The same of a file of another tool' },
    { line: 'twin powerflow my-grid.json --taps nearest', does: 'With tap changers that hold their voltages' },
  ],
  async run({ grid, format, ...choices }, { terminal }) {
    const { text, converged, hint } = powerflow(grid, format, choices);
    terminal.print(text);
    if (hint !== undefined) terminal.say(hint);
    return converged ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});

/** Throws InvalidInputError on a bad grid; no convergence is an answer, for exit code 20. */
export function powerflow(
  files: string | readonly string[],
  format: 'table' | 'json',
  { method = 'auto', taps = 'fixed', limits = 'document' }: PowerFlowChoices = {},
): { text: string; converged: boolean; hint: string | undefined } {
  const imported = readGridFiles(files);
  const document = withLimits(imported.grid, limits);
  const options = method === 'auto' ? {} : { method };
  const refused = method === 'auto' ? undefined : methodRefusal(compileGrid(document), method);
  if (refused !== undefined) {
    const message = `--method ${method} cannot solve this grid: ${refused}`;
    throw new InvalidInputError([{ path: '', message, hint: 'leave --method away' }]);
  }
  const { flow, result, control } = solve(document, taps, options);
  const answer = { ...describePowerFlow(flow, result), ...control };
  const text = format === 'json' ? JSON.stringify(answer, undefined, 2) : formatPowerFlow(flow, answer);
  return { text, converged: result.converged, hint: notesHint(imported, files) };
}

/** All reactive limits kept, or none, whatever the document says of each generator. */
function withLimits(document: GridDocument, limits: 'document' | 'keep' | 'ignore'): GridDocument {
  if (limits === 'document') return document;
  const enforceLimits = limits === 'keep';
  const generators = document.generators.map((item) =>
    item.voltageControl === undefined ? item : { ...item, voltageControl: { ...item.voltageControl, enforceLimits } },
  );
  return { ...document, generators };
}

function solve(
  document: GridDocument,
  taps: TapStrategy | 'fixed',
  options: PowerFlowOptions,
): { flow: PowerFlow; result: PowerFlowResult; control?: Pick<PowerFlowAnswer, 'taps'> } {
  if (taps === 'fixed') {
    const flow = createPowerFlow(compileGrid(document), options);
    return { flow, result: flow.solve() };
  }
  const { flow, result, status, positions } = controlTaps(document, taps, options);
  const moved = [...positions].map(([id, position]) => ({ id, position }));
  return { flow, result, control: { taps: { status, positions: moved } } };
}
