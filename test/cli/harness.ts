/** Runs the command line in this process and keeps what it wrote. */
import { main } from '../../cli/main.ts';

export interface Answer {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Surroundings {
  readonly env?: Readonly<Record<string, string>>;
  readonly isTTY?: boolean;
  readonly signal?: AbortSignal;
}

/** `twin ARGS`, without a terminal unless `isTTY` says otherwise. */
export async function twin(args: readonly string[], surroundings: Surroundings = {}): Promise<Answer> {
  const { env = {}, isTTY = false, signal = new AbortController().signal } = surroundings;
  const written = { out: '', err: '' };
  const stream = (name: 'out' | 'err') => ({
    isTTY,
    columns: 100,
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main(args, { stdout: stream('out'), stderr: stream('err'), env }, () => signal);
  return { code, ...written };
}
