/**
 * How well a wrong model is found out: precision, recall and time to detection, over planted faults.
 *
 *   node dist/bench/wrong-model.js [TRIALS]     default 20 of each kind
 */
import { scoreTrials } from './wrong-model-trials.ts';

const trials = Number(process.argv[2] ?? 20);
const percent = (share: number): string => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(0)} %`);
process.stdout.write(
  'what is wrong on paper | trials | wrong findings | precision | recall | estimates to detection\n',
);
for (const [kind, words] of [
  ['switch', 'an open point stands elsewhere'],
  ['tap', 'a tap stands elsewhere'],
  ['phase', 'the phases of a house are swapped'],
  ['nothing', 'nothing'],
] as const) {
  const score = scoreTrials(kind, trials);
  const time = Number.isNaN(score.estimatesToDetection) ? '-' : score.estimatesToDetection.toFixed(1);
  process.stdout.write(
    `${words} | ${score.trials} | ${score.wrong} | ${percent(score.precision)} | ${percent(score.recall)} | ${time}\n`,
  );
}
