/** Where a command writes: results to standard output, everything else to standard error, colour only for people. */
import { styleText } from 'node:util';

type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  /** A result: goes to standard output with a line end. */
  print(text: string): void;
  /** A complaint or a note: standard error with a line end. */
  say(text: string): void;
  /** Replaces the progress line; empty text removes it. Only where somebody watches. */
  progress(text: string): void;
  /** `text` in colour when standard output takes colour. */
  paint(style: Style, text: string): string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

export interface Outputs {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
}

const CLEAR_LINE = '\r\u001B[2K';

/** A terminal on `outputs`; `quiet` keeps progress and notes away, never results or errors. */
export function createTerminal({ stdout, stderr, env }: Outputs, quiet = false): Terminal {
  const colour = stdout.isTTY === true && (env.NO_COLOR ?? '') === '' && env.TERM !== 'dumb';
  const watched = stderr.isTTY === true && env.TERM !== 'dumb' && !quiet;
  let progressShown = false;
  const clearProgress = () => {
    if (progressShown) stderr.write(CLEAR_LINE);
    progressShown = false;
  };
  return {
    env,
    print(text) {
      clearProgress();
      stdout.write(`${text}\n`);
    },
    say(text) {
      clearProgress();
      stderr.write(`${text}\n`);
    },
    progress(text) {
      if (!watched) return;
      clearProgress();
      if (text === '') return;
      stderr.write(text.slice(0, (stderr.columns || 80) - 1));
      progressShown = true;
    },
    paint(style, text) {
      return colour ? styleText(style, text, { validateStream: false }) : text;
    },
  };
}
