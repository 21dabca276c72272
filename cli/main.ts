/** The command `twin`: finds the command, loads that one alone, runs it, and turns its end into an exit code. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { didYouMean } from '../numerics/edit-distance.ts';
import type { Command, CommandContext } from './command.ts';
import { UsageError } from './command.ts';
import { type CommandEntry, commands } from './commands.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';
import { describeFailure } from './failure.ts';
import { describeSystemError } from '../grids/system-error.ts';
import { projectRoot } from '../grids/project-root.ts';
import { createTerminal, type Outputs } from './terminal.ts';

const MAXIMUM_WIDTH = 100;

type Interruption = CommandContext['interruption'];

/** Runs `argv` (without node and script) to its end. Never throws. */
export async function main(argv: readonly string[], outputs: Outputs, interruption: Interruption): Promise<ExitCode> {
  const { env } = outputs;
  const debug = argv.includes('--debug') || (env.TWIN_DEBUG ?? '') !== '';
  try {
    return await dispatch(argv, outputs, interruption);
  } catch (error) {
    const { code, lines } = describeFailure(error, debug);
    const terminal = createTerminal(outputs);
    for (const line of lines) terminal.say(code === exitCodes.invalidInput.code ? line : `twin: ${line}`);
    return code;
  }
}

/**
 * Entry of the launcher: the process's own arguments, streams and signals.
 * @public
 */
export async function runFromProcess(): Promise<void> {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // `twin run X | head` closes the pipe early: that is no error, and the verdict stands nevertheless.
    if (error.code === 'EPIPE') return;
    process.stderr.write(`twin: the answer cannot be written: ${describeSystemError(error)}\n`);
    process.exit(exitCodes.died.code);
  });
  // Nobody is left to be told.
  process.stderr.on('error', () => {});
  process.exitCode = await main(process.argv.slice(2), process, takeInterruptions);
}

function takeInterruptions(): AbortSignal {
  const interruption = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      if (!interruption.signal.aborted) return interruption.abort();
      // The second Ctrl-C does not wait for a tidy end.
      process.stderr.write('\ntwin: ended at once, without a report\n');
      process.exit(exitCodes.interrupted.code);
    });
  }
  return interruption.signal;
}

async function dispatch(argv: readonly string[], outputs: Outputs, interruption: Interruption): Promise<ExitCode> {
  const words = argv[0] === 'help' ? [...argv.slice(1), '--help'] : [...argv];
  // Global options may stand before the command as well.
  const first = words.findIndex((word) => !word.startsWith('-'));
  if (first === -1) return answerWithoutCommand(words, outputs);
  const group = groupOf(words[first]!);
  // `twin grid --help`: no second word, but somebody asks for one.
  if (group.length > 0 && words.every((word, i) => i === first || word.startsWith('-')) && asksForHelp(words)) {
    createTerminal(outputs).print(groupOverview(words[first]!, group));
    return exitCodes.pass.code;
  }
  const entry = findCommand(words.slice(first));
  const rest = [...words.slice(0, first), ...words.slice(first + entry.name.split(' ').length)];
  try {
    return await runCommand(entry, rest, outputs, interruption);
  } catch (error) {
    throw error instanceof UsageError ? new UsageError(error.message, entry.name) : error;
  }
}

async function runCommand(
  entry: CommandEntry,
  rest: readonly string[],
  outputs: Outputs,
  interruption: Interruption,
): Promise<ExitCode> {
  const command = await entry.load();
  const { commandHelp, parseArguments } = await import('./arguments.ts');
  // Help is answered even when the rest of the line is not yet right.
  if (asksForHelp(rest)) {
    createTerminal(outputs).print(await commandHelp(entry, command, widthOf(outputs)));
    return exitCodes.pass.code;
  }
  const { values, quiet } = await parseArguments(entry, command, rest);
  return await (command as Command).run(values, { terminal: createTerminal(outputs, quiet), interruption });
}

function answerWithoutCommand(words: readonly string[], outputs: Outputs): ExitCode {
  const terminal = createTerminal(outputs);
  if (words.includes('--version')) {
    terminal.print(`twin ${version()}`);
    return exitCodes.pass.code;
  }
  const unknown = words.find((word) => !['--help', '-h', '--quiet', '--debug'].includes(word));
  if (unknown !== undefined) throw new UsageError(`unknown option "${unknown}"`);
  const asked = asksForHelp(words);
  if (asked) terminal.print(overview());
  else terminal.say(overview());
  return asked ? exitCodes.pass.code : exitCodes.usage.code;
}

/** The entry that the first words name; two-word names first. Throws `UsageError` with what was probably meant. */
function findCommand(words: readonly string[]): CommandEntry {
  const [one = '', two = ''] = words;
  const found = commands.find(({ name }) => name === one || name === `${one} ${two}`);
  if (found !== undefined) return found;
  const group = groupOf(one);
  if (group.length > 0) {
    throw new UsageError(`"${one}" needs a second word: ${group.map(({ name }) => name).join(', ')}`);
  }
  throw unknownCommand(one);
}

/** The two-word commands that begin with this word. */
function groupOf(word: string): readonly CommandEntry[] {
  return commands.filter(({ name }) => name.startsWith(`${word} `));
}

function asksForHelp(words: readonly string[]): boolean {
  const end = words.indexOf('--');
  return (end === -1 ? words : words.slice(0, end)).some((word) => word === '--help' || word === '-h');
}

function unknownCommand(word: string): UsageError {
  const hint = didYouMean(
    word,
    commands.map(({ name }) => name),
  );
  return new UsageError(`unknown command "${word}"${hint === undefined ? '' : `; ${hint}`}`);
}

function listed(entries: readonly CommandEntry[]): string[] {
  const width = Math.max(...entries.map(({ usage }) => usage.length));
  return entries.map(({ usage, summary }) => `  ${usage.padEnd(width)}  ${summary}`);
}

function groupOverview(word: string, group: readonly CommandEntry[]): string {
  return [`Usage: twin ${word} COMMAND [options]`, '', ...listed(group), '', 'Every command: --help.'].join('\n');
}

/** What `twin --help` prints: from the table alone, so that it answers at once. */
function overview(): string {
  return [
    'twin: a digital twin and testbed for the Platone DSO Technical Platform',
    '',
    'Usage: twin COMMAND [options]',
    '',
    ...listed(commands),
    '',
    'Every command: --help (with examples), --quiet, --debug. Also: twin --version.',
    '',
    'Examples:',
    '  twin run scenarios/germany/uc1-virtual-islanding.yaml',
    '  twin help run',
  ].join('\n');
}

function version(): string {
  const description: unknown = JSON.parse(readFileSync(join(projectRoot(), 'package.json'), 'utf8'));
  return String((description as { version: unknown }).version);
}

function widthOf({ stdout }: Outputs): number {
  return Math.min(stdout.columns ?? 80, MAXIMUM_WIDTH);
}
