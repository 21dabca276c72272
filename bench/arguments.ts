/** What a benchmark is asked for on the command line: `--help` ends it with 0, what it does not understand with 2. */
import { parseArgs, type ParseArgsConfig } from 'node:util';

type Options = NonNullable<ParseArgsConfig['options']>;

export function readOptions<const T extends Options>(
  usage: string,
  options: T,
): ReturnType<typeof parseArgs<{ options: T }>>['values'] {
  if (process.argv.slice(2).some((word) => word === '--help' || word === '-h')) {
    console.log(usage);
    process.exit(0);
  }
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    // parseArgs names the option; anything else is a mistake of ours.
    if (!(error instanceof TypeError && 'code' in error)) throw error;
    return refuse(error.message, usage);
  }
}

/** Positive whole numbers with commas between them. */
export function readNumbers(option: string, text: string, usage: string): number[] {
  const numbers = text.split(',').map(Number);
  if (!numbers.every((value) => Number.isSafeInteger(value) && value > 0))
    refuse(`--${option} must be a positive whole number, found "${text}"`, usage);
  return numbers;
}

/** Says in a sentence what is wrong, and ends. */
export function refuse(message: string, usage: string): never {
  console.error(`${message}\n\n${usage}`);
  process.exit(2);
}
