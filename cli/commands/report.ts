/** `twin report RUN`: makes the reports of a record again, from its folder alone. */
import { writeReport } from '../../reports/report.ts';
import { defineCommand } from '../command.ts';
import type { ExitCode } from '../exit-codes.ts';
import { exitCodeOf, printSummary } from './run.ts';

export const command = defineCommand<{ readonly run: string }>({
  positionals: { run: { type: 'string', describe: 'Folder of a run' } },
  options: {},
  examples: [
    { line: 'twin report runs/2021-04-01-uc1-spring-1', does: 'Report again; the exit code is that of the run' },
    { line: 'for run in runs/*; do twin report "$run"; done', does: 'All of them, after a change of the report' },
  ],
  async run({ run }, { terminal, interruption }): Promise<ExitCode> {
    // Whoever interrupts waits until the files are whole.
    interruption();
    const report = await writeReport(run);
    printSummary(report, run, terminal);
    // A run that failed in its middle is invalid, which is worse than interrupted.
    return exitCodeOf({ state: report.state === 'interrupted' ? 'interrupted' : 'complete', verdict: report.verdict });
  },
});
