/** What an error means to the person at the keyboard: which exit code, and which words. */
import { join } from 'node:path';
import { formatProblem, InvalidInputError, type Problem } from '../grids/problem.ts';
import { shownPath } from '../grids/shown-path.ts';
import { describeSystemError } from '../grids/system-error.ts';
import { UsageError } from './command.ts';
import { type ExitCode, exitCodes } from './exit-codes.ts';

export interface Failure {
  readonly code: ExitCode;
  readonly lines: readonly string[];
}

/** A file or folder that the system keeps from us is no bug, whichever command meets it. */
const FORBIDDEN = ['EACCES', 'EPERM', 'EROFS', 'ENOTDIR'];

/** Nor is a disk that takes no more. */
const EXHAUSTED = ['ENOSPC', 'EDQUOT'];

/** `debug` adds the stack of an error that nobody expected. */
export function describeFailure(error: unknown, debug: boolean): Failure {
  if (error instanceof UsageError) {
    const help = ['twin', ...(error.command === undefined ? [] : [error.command]), '--help'].join(' ');
    return { code: exitCodes.usage.code, lines: [...error.message.split('\n'), `See "${help}".`] };
  }
  if (error instanceof InvalidInputError) {
    return { code: exitCodes.invalidInput.code, lines: error.problems.map(formatFault) };
  }
  if (isAbort(error)) return { code: exitCodes.interrupted.code, lines: ['interrupted'] };
  // The classes live in rooms that help and usage errors should not load, so they are known by name here.
  if (error instanceof Error && error.name === 'DatabusError') {
    const url = 'url' in error && typeof error.url === 'string' ? error.url : '';
    const sentence = url === '' || error.message.includes(url) ? error.message : `${url}: ${error.message}`;
    return { code: exitCodes.notStarted.code, lines: [sentence] };
  }
  if (error instanceof Error && error.name === 'ServiceFailure') {
    const died = 'phase' in error && error.phase === 'run';
    const kept =
      'record' in error && typeof error.record === 'string'
        ? [`what was run until then is kept: ${join(shownPath(error.record), 'report.html')}`]
        : [];
    return { code: died ? exitCodes.died.code : exitCodes.notStarted.code, lines: [error.message, ...kept] };
  }
  const { code = '', path, syscall } = error as NodeJS.ErrnoException;
  if (syscall === 'uv_cwd') {
    const sentence = 'the current folder was removed: change to one that is there, and type the command again';
    return { code: exitCodes.invalidInput.code, lines: [sentence] };
  }
  if (FORBIDDEN.includes(code) && path !== undefined) {
    return { code: exitCodes.invalidInput.code, lines: [`${shownPath(path)}: ${describeSystemError(error)}`] };
  }
  if (EXHAUSTED.includes(code)) {
    const place = path === undefined ? 'what has to be written' : shownPath(path);
    return { code: exitCodes.died.code, lines: [`${place}: ${describeSystemError(error)}`] };
  }
  return { code: exitCodes.bug.code, lines: describeBug(error, debug) };
}

/** A problem as a line, its file as paths are shown. */
export function formatFault(problem: Problem): string {
  const { file } = problem;
  // A fault in an argument of the command line has the argument in the file's place.
  return formatProblem(file === undefined || file.startsWith('--') ? problem : { ...problem, file: shownPath(file) });
}

function describeBug(error: unknown, debug: boolean): string[] {
  const message = error instanceof Error ? error.message : String(error);
  const stack = error instanceof Error && error.stack !== undefined ? error.stack : message;
  return [
    `twin met an error that it did not expect: ${message}`,
    debug
      ? stack
      : 'This is a bug. Please report it with the command and the output of the same command with --debug added.',
  ];
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}
