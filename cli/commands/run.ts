/** `twin run SCENARIO`: one run from the first instant to the report. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { shownPath } from '../../grids/shown-path.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import type { RunReport } from '../../reports/report.ts';
import { renderSummary } from '../../reports/terminal.ts';
import type { RunOptions, RunProgress, RunResult, ServiceMode } from '../../sim/run/options.ts';
import { defineCommand, UsageError } from '../command.ts';
import { type ExitCode, exitCodes } from '../exit-codes.ts';
import type { Terminal } from '../terminal.ts';

interface Values {
  readonly scenario: string;
  readonly seed?: string;
  readonly pace?: string;
  readonly databus?: string;
  readonly bal?: string;
  readonly credentials?: string;
  readonly out?: string;
  readonly set?: readonly string[];
  readonly service?: readonly string[];
}

const serviceModes: readonly ServiceMode[] = ['in-process', 'process', 'attach'];

export const command = defineCommand<Values>({
  positionals: { scenario: { type: 'string', describe: 'Scenario file (YAML)' } },
  options: {
    seed: { type: 'string', describe: 'Seed of every random stream, instead of the scenario’s own' },
    pace: { type: 'string', describe: 'lockstep, realtime, quiet, or a factor such as 60x' },
    databus: { type: 'string', describe: 'embedded[:PORT] (default), memory, or mqtt://host:port' },
    bal: {
      type: 'string',
      describe: 'Access layer: embedded[:PORT] (default) or the URL of its broker',
    },
    credentials: {
      type: 'string',
      describe: 'File with user names and passwords for brokers given by URL',
    },
    out: {
      type: 'string',
      describe: 'Folder for the record (default: runs/<time>-<scenario>-<seed>)',
    },
    set: { type: 'string', array: true, nargs: 1, describe: 'Override path=value of the scenario; repeatable' },
    service: { type: 'string', array: true, nargs: 1, describe: 'NAME=in-process|process|attach; repeatable' },
  },
  examples: [
    { line: 'twin run scenarios/germany/uc1-virtual-islanding.yaml', does: 'One spring day, virtual islanding' },
    { line: 'twin run day.yaml --seed 7 --databus memory', does: 'Another seed, without brokers' },
    {
      line: 'twin run day.yaml --set clock.duration=1h --set devices.0.every=20s',
      does: 'Change the scenario for once',
    },
    { line: 'twin run day.yaml --service state-estimation=attach', does: 'Score an estimator of your own' },
  ],
  async run(values, { terminal, interruption }) {
    const signal = interruption();
    const options = toRunOptions(values);
    const { runScenario } = await import('../../sim/run/run.ts');
    const patience = () => terminal.say('twin: the instant under way comes to its end; Ctrl-C again ends at once');
    signal.addEventListener('abort', patience, { once: true });
    const result = await runScenario(options, signal, progressLine(terminal));
    terminal.progress('');
    if (result.state === 'interrupted') terminal.say('twin: interrupted; the report covers what was run');
    const report = JSON.parse(readFileSync(join(result.directory, 'report.json'), 'utf8')) as RunReport;
    printSummary(report, result.directory, terminal);
    return exitCodeOf(result);
  },
});

/** Turns the command line's values into what the harness takes. */
export function toRunOptions(values: Values): RunOptions {
  const { scenario, set = [], service = [], seed, pace, databus, bal, credentials, out } = values;
  const modes = service.map((text) => {
    const [name = '', mode = ''] = text.split('=');
    const known = serviceModes.find((each) => each === mode);
    if (name !== '' && known !== undefined) return [name, known] as const;
    throw new UsageError(`--service ${text}: write NAME=${serviceModes.join('|')}`);
  });
  return {
    scenarioFile: scenario,
    seed,
    pace,
    databus,
    bal,
    credentials,
    out,
    set,
    service: Object.fromEntries(modes),
  };
}

/** Interrupted comes first: such a run has no verdict worth the name. */
export function exitCodeOf({ state, verdict }: Pick<RunResult, 'state' | 'verdict'>): ExitCode {
  if (state === 'interrupted') return exitCodes.interrupted.code;
  if (verdict === 'invalid') return exitCodes.runInvalid.code;
  return verdict === 'fail' ? exitCodes.expectationFailed.code : exitCodes.pass.code;
}

const BAR_WIDTH = 30;

/** A progress line that is written again for each per mille, and no oftener. */
function progressLine(terminal: Terminal): (progress: RunProgress) => void {
  let shown = -1;
  return ({ instant, instants, timeUs, offsetUs }) => {
    const perMille = Math.floor((1000 * instant) / Math.max(1, instants));
    if (perMille === shown) return;
    shown = perMille;
    const filled = Math.round((BAR_WIDTH * perMille) / 1000);
    const bar = '#'.repeat(filled).padEnd(BAR_WIDTH, '.');
    const time = formatInstant(timeUs, offsetUs).replace(/\.\d+/, '').replace('T', ' ');
    // What counts comes first: a narrow terminal cuts off the end.
    terminal.progress(`${String(Math.floor(perMille / 10)).padStart(3)} %  ${time}  [${bar}]`);
  };
}

/** The summary of a record's `report.json`; the folder as one would type it. */
export function printSummary(report: RunReport, directory: string, terminal: Terminal): void {
  terminal.print(renderSummary(report, shownPath(directory), { paint: (style, text) => terminal.paint(style, text) }));
}
