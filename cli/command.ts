/** What one file in `commands/` provides: everything about a command but its one-line summary, which help reads alone. */
import type { Options, PositionalOptions } from 'yargs';
import type { ExitCode } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

export interface CommandContext {
  readonly terminal: Terminal;
  /**
   * Takes over Ctrl-C and requests to terminate: from then on they abort this signal, for a tidy end. Until somebody asks
   * they end the process at once, also in the middle of a long computation, which no handler could interrupt.
   */
  readonly interruption: () => AbortSignal;
}

interface Example {
  readonly line: string;
  readonly does: string;
}

export interface Command<Values extends object = Record<string, unknown>> {
  /** In the order of the command line. */
  readonly positionals: Readonly<Record<string, PositionalOptions>>;
  readonly options: Readonly<Record<string, Options>>;
  readonly examples: readonly [Example, ...Example[]];
  run(values: Values, context: CommandContext): Promise<ExitCode>;
}

/** Keeps the types of a command's values while it is written. */
export function defineCommand<Values extends object>(command: Command<Values>): Command<Values> {
  return command;
}

/** The command line does not make sense: exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
  /** Whose help to read; that of `twin` itself when absent. */
  readonly command: string | undefined;

  constructor(message: string, command?: string) {
    super(message);
    this.command = command;
  }
}
