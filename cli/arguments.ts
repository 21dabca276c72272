/** Reads the arguments of one command with yargs: values, help text, and usage errors with a did-you-mean. */
import yargs, { type Argv } from 'yargs';
import { closest } from '../numerics/edit-distance.ts';
import type { Command } from './command.ts';
import { UsageError } from './command.ts';
import type { CommandEntry } from './commands.ts';

const globalOptions = {
  quiet: { type: 'boolean', describe: 'No progress and no notes' },
  debug: { type: 'boolean', describe: 'Print the stack of an unexpected error' },
  help: { type: 'boolean', alias: 'h', describe: 'Show this help' },
} as const;

export interface ParsedArguments {
  readonly values: Record<string, unknown>;
  readonly quiet: boolean;
}

/** The values of `argv` (without the command's own name). Throws `UsageError`. */
export async function parseArguments(
  entry: CommandEntry,
  command: Command<never>,
  argv: readonly string[],
): Promise<ParsedArguments> {
  const options = { ...command.options, ...globalOptions };
  refuseStandardInput(argv, command);
  const parser = buildParser(entry, command, argv)
    .strict()
    .fail((message: string | null, error: Error | undefined) => {
      throw error instanceof UsageError ? error : new UsageError(explain(message ?? String(error), entry, options));
    });
  const values: Record<string, unknown> = await parser.parseAsync();
  refuseRepetition(values, command);
  return { values, quiet: values.quiet === true };
}

/** The help text of one command, with its examples, `columns` wide. */
export async function commandHelp(entry: CommandEntry, command: Command<never>, columns: number): Promise<string> {
  const examples = command.examples.map(({ line, does }) => `  ${does}:\n    ${line}`);
  return await buildParser(entry, command, [])
    .wrap(columns)
    .epilogue(['Examples:', ...examples].join('\n'))
    .getHelp();
}

function buildParser(entry: CommandEntry, command: Command<never>, argv: readonly string[]): Argv {
  const places = entry.usage
    .slice(entry.name.length)
    .replaceAll(/\b([A-Z]+)\b/g, (word) => word.toLowerCase())
    .replaceAll(
      /(?<![[\w.])(\w+)(\.\.\.)?/g,
      (_, word: string, many?: string) => `<${word}${many === undefined ? '' : '..'}>`,
    );
  return yargs([...argv])
    .scriptName('twin')
    .locale('en')
    .exitProcess(false)
    .help(false)
    .version(false)
    .parserConfiguration({ 'camel-case-expansion': false, 'boolean-negation': false, 'dot-notation': false })
    .usage(`twin ${entry.usage} [options]\n\n${entry.summary}.`)
    .command(`$0${places}`, false, (builder) => {
      let built: Argv = builder;
      for (const [name, positional] of Object.entries(command.positionals)) built = built.positional(name, positional);
      return built.options(command.options).options(globalOptions).requiresArg(namesOfValues(command));
    });
}

/** Options that are followed by a value; the others are switches. Those of several values count theirs by `nargs`. */
function namesOfValues({ options }: Command<never>): string[] {
  return Object.keys(options).filter((name) => options[name]!.type !== 'boolean' && options[name]!.nargs === undefined);
}

/** yargs loses a lone `-`, which elsewhere stands for standard input; here it stands for nothing. */
function refuseStandardInput(argv: readonly string[], command: Command<never>): void {
  const values = namesOfValues(command).map((name) => `--${name}`);
  if (!argv.some((word, index) => word === '-' && !values.includes(argv[index - 1] ?? ''))) return;
  throw new UsageError('"-" stands for no file here: write the name of one');
}

/** yargs' own words are kept where they are clear; unknown options get a suggestion. */
function explain(message: string, entry: CommandEntry, options: Readonly<Record<string, unknown>>): string {
  if (message.startsWith('Not enough non-option arguments')) return `an argument is missing: twin ${entry.usage}`;
  const needed = /^Missing required arguments?: (.*)$/.exec(message)?.[1];
  if (needed !== undefined) return `option --${needed.replaceAll(', ', ', --')} is missing`;
  const unfinished = /^Not enough arguments following: (.*)$/.exec(message)?.[1];
  if (unfinished !== undefined) return `option --${unfinished} needs a value`;
  const choice = /Argument: (\S+), Given: "(.*)", Choices: (.*)$/.exec(message);
  if (choice !== null) return `--${choice[1]} ${choice[2]}: write one of ${choice[3]?.replaceAll('"', '')}`;
  const unknown = /^Unknown arguments?: (.*)$/s.exec(message)?.[1];
  return unknown === undefined ? message : explainUnknown(unknown.split(', '), options);
}

function explainUnknown(words: readonly string[], options: Readonly<Record<string, unknown>>): string {
  const sentences = words.map((word) => {
    const near = closest(word, Object.keys(options));
    return near === undefined ? `unknown argument "${word}"` : `unknown option "--${word}"; did you mean "--${near}"?`;
  });
  return sentences.join('\n');
}

/** `--seed a --seed b` is a slip, not a list. */
function refuseRepetition(values: Readonly<Record<string, unknown>>, command: Command<never>): void {
  for (const [name, option] of Object.entries(command.options)) {
    if (Array.isArray(values[name]) && option.array !== true) throw new UsageError(`option --${name} is given twice`);
  }
}
