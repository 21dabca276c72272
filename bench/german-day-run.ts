/** One run for `german-day.ts`: prints the peak memory of its process. */
import { runScenario } from '../sim/run/run.ts';

const [, , scenarioFile = '', databus = '', out = ''] = process.argv;
await runScenario({ scenarioFile, databus, out, set: [], service: {} }, new AbortController().signal);
console.log(JSON.stringify({ maxRssKiB: process.resourceUsage().maxRSS }));
