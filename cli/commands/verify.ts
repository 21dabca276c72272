/** `twin verify RUN`: runs a record's manifest again and compares `accuracy.json` byte by byte. */
import { defineCommand } from '../command.ts';

export const command = defineCommand<{ readonly run: string }>({
  positionals: { run: { type: 'string', describe: 'Folder of a run' } },
  options: {},
  examples: [
    { line: 'twin verify runs/2021-04-01-uc1-spring-1', does: 'Exit code 0 same, 20 different, 10 another commit' },
  ],
  async run({ run }, { terminal, interruption }) {
    const { verifyRun } = await import('../../sim/run/verify.ts');
    const answer = await verifyRun(run, interruption());
    terminal.print(answer.message);
    return answer.code;
  },
});
