/** `twin validate FILE...`: every fault of scenarios, grid documents and CSV profiles, and nothing is written. */
import { statSync } from 'node:fs';
import { extname } from 'node:path';
import { formatNames } from '../../grids/import/imported-grid.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import { recognise } from '../../grids/import/recognise.ts';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { inspectCsv } from '../../sim/profiles/csv.ts';
import { prepareRun } from '../../sim/run/prepare.ts';
import { nodeAt, readLocated } from '../../grids/located.ts';
import { csvSchema, type ScenarioCsv } from '../../sim/scenario/schema.ts';
import { shownPath } from '../../grids/shown-path.ts';
import { defineCommand, UsageError } from '../command.ts';
import { formatFault } from '../failure.ts';
import { exitCodes } from '../exit-codes.ts';
import { readText } from '../../grids/read-text.ts';

interface Values {
  readonly file: readonly string[];
  readonly set?: readonly string[];
  readonly time: string;
  readonly load?: string;
  readonly pv?: string;
  readonly unit: ScenarioCsv['unit'];
  readonly zone?: string;
}

export const command = defineCommand<Values>({
  positionals: {
    file: {
      type: 'string',
      array: true,
      describe: 'Scenarios (YAML), grids (JSON, a folder, or a file of another tool), profiles (CSV)',
    },
  },
  options: {
    set: { type: 'string', array: true, nargs: 1, describe: 'Override path=value of the scenarios; repeatable' },
    time: { type: 'string', default: 'timestamp', describe: 'CSV: column of the time stamps' },
    load: { type: 'string', describe: 'CSV: column of the load (default: load_kw)' },
    pv: { type: 'string', describe: 'CSV: column of the PV power (default: pv_kw)' },
    unit: { choices: ['W', 'kW', 'MW'], default: 'kW', describe: 'CSV: unit of the columns' },
    zone: { type: 'string', describe: 'CSV: IANA zone of time stamps without one' },
  },
  examples: [
    { line: 'twin validate scenarios/germany/*.yaml', does: 'Check scenarios' },
    { line: 'twin validate my-grid.json my-scenario.yaml', does: 'Check a grid and a scenario' },
    { line: 'twin validate day.csv --load demand --unit W --zone Europe/Berlin', does: 'Check a profile' },
  ],
  async run(values, { terminal }) {
    let faulty = false;
    for (const file of values.file) {
      const answer = await validateFile(file, values);
      if (typeof answer === 'string') {
        terminal.print(`${shownPath(file)}: ${answer}`);
        continue;
      }
      faulty = true;
      for (const problem of answer) terminal.say(formatFault(problem));
    }
    return faulty ? exitCodes.invalidInput.code : exitCodes.pass.code;
  },
});

/** What the file is, in words, or its faults. */
async function validateFile(file: string, values: Values): Promise<string | readonly Problem[]> {
  try {
    const kind = kindOf(file, values.time);
    if (kind === 'grid') return describeGrid(file);
    return kind === 'profile' ? describeCsv(file, values) : await describeScenario(file, values.set);
  } catch (error) {
    if (error instanceof InvalidInputError) return error.problems;
    throw error;
  }
}

/** Keys of which a scenario has one at least. */
const SCENARIO_KEYS = ['extends', 'clock', 'devices', 'platform'];

/** Told by the ending of its name where that says enough, else by its content. */
function kindOf(file: string, timeColumn: string): 'scenario' | 'grid' | 'profile' {
  const ending = extname(file).toLowerCase();
  if (ending === '.csv') return 'profile';
  if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) return 'grid';
  const text = readText(file);
  const isYaml = ending === '.yaml' || ending === '.yml';
  if (!isYaml && 'format' in recognise(text)) return 'grid';
  const [header = ''] = text.trimStart().split('\n', 1);
  if (!isYaml && header.split(/[,;\t]/).some((cell) => cell.trim() === timeColumn)) return 'profile';
  const { root } = readLocated(file, text);
  const has = (key: string) => root !== undefined && nodeAt(root, [key]) !== undefined;
  if (has('buses')) return 'grid';
  return ending === '.json' && !SCENARIO_KEYS.some(has) ? 'grid' : 'scenario';
}

/** As a run would see it: devices, profiles and services have their say too. */
async function describeScenario(file: string, set: readonly string[] = []): Promise<string> {
  const { loaded, schedule } = await prepareRun({ scenarioFile: file, set, service: {} });
  return `valid scenario "${loaded.scenario.name}": ${loaded.devices.length} devices, ${schedule.instants} instants`;
}

function describeGrid(file: string): string {
  const { format, grid } = readGridFiles(file);
  const { name, buses, lines, transformers } = grid;
  const kind = format === 'native' ? 'grid' : formatNames[format];
  return `valid ${kind} "${name}": ${buses.length} buses, ${lines.length} lines, ${transformers.length} transformers`;
}

function describeCsv(file: string, { time, load, pv, unit, zone }: Values): string {
  const columns = load === undefined && pv === undefined ? { load: 'load_kw', pv: 'pv_kw' } : { load, pv };
  const named = Object.fromEntries(Object.entries({ ...columns, zone }).filter(([, value]) => value !== undefined));
  const csv = csvSchema.safeParse({ file, time, unit, ...named });
  if (!csv.success)
    throw new UsageError(csv.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`).join('\n'));
  const kinds = (['load', 'pv'] as const).filter((kind) => csv.data[kind] !== undefined);
  const { series, problems } = inspectCsv({ csv: csv.data, kinds, directory: '.' });
  if (problems.length > 0) throw new InvalidInputError(problems);
  return `valid profile: ${(series.load ?? series.pv)?.values.length} intervals`;
}
