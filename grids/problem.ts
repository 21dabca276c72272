/** A fault in somebody's input, said so that they can mend it: where it stands, what is wrong, what would help. */

export interface Problem {
  /** File that holds the fault, as the user named it; absent for input that did not come from a file. */
  readonly file?: string;
  /** Place inside the document, for example `lines[3].lengthM` or `devices.0.every`. */
  readonly path: string;
  /** 1-based line and column in the file where known. For CSV, `line` is the row. */
  readonly line?: number;
  readonly column?: number;
  /** The fault is with the key at the end of `path`, for those who look for its place later. */
  readonly atKey?: boolean;
  /** One sentence without a full stop: what is wrong, with the offending value and id. */
  readonly message: string;
  /** What to do about it, for example `did you mean "lengthM"?`. */
  readonly hint?: string;
}

/** Bad input, with every fault that was found. The command line turns it into exit code 10. */
export class InvalidInputError extends Error {
  override readonly name = 'InvalidInputError';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super(problems.map(formatProblem).join('\n'));
    this.problems = problems;
  }
}

/** Runs `work` and keeps its faults, so that those of other parts can be told in the same answer. */
export function collectFaults<Result>(problems: Problem[], work: () => Result): Result | undefined {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    problems.push(...error.problems);
    return undefined;
  }
}

/** What `work` answers, unless it throws faults or leaves some in `problems`: then InvalidInputError with all of them. */
export function allFaults<Result>(work: (problems: Problem[]) => Result | undefined): Result {
  const problems: Problem[] = [];
  const result = collectFaults(problems, () => work(problems));
  if (result === undefined || problems.length > 0) throw new InvalidInputError(inFileOrder(problems));
  return result;
}

/** Faults file by file, those of each in its order: what stands in one place may have come from several checks. */
export function inFileOrder<Fault extends Pick<Problem, 'file' | 'line' | 'column'>>(
  faults: readonly Fault[],
): Fault[] {
  const files = [...new Set(faults.map(({ file }) => file))];
  const rank = ({ file }: Fault) => files.indexOf(file);
  return faults.toSorted(
    (a, b) => rank(a) - rank(b) || (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0),
  );
}

/** `file:line:column: path: message (hint)`, the form that editors can jump to. */
export function formatProblem(problem: Problem): string {
  const place = [problem.file, problem.line, problem.column].filter((part) => part !== undefined).join(':');
  const path = problem.path === '' ? '' : `${problem.path}: `;
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`;
  const line = `${place === '' ? '' : `${place}: `}${path}${problem.message}${hint}`;
  // A problem is one line, and what it quotes is nothing for a terminal to obey.
  return line.replaceAll(/\p{Cc}/gu, escaped);
}

function escaped(character: string): string {
  return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
}
