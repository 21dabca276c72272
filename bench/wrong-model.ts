/**
 * How well a wrong model is found out: precision, recall and time to detection, over planted faults, a day each.
 *
 *   node dist/bench/wrong-model.js [TRIALS [FIRST]]     default 20 of each kind, seeds numbered from FIRST, default 1
 */
import { scoreTrials } from './wrong-model-trials.ts';

const [trials = 20, first = 1] = process.argv.slice(2).map(Number);
const percent = (share: number): string => (Number.isNaN(share) ? '-' : `${(100 * share).toFixed(0)} %`);
process.stdout.write(
  'errors | what is wrong on paper | trials | wrong findings | precision | recall | estimates to detection: median | most\n',
);
for (const errors of ['white', 'constant'] as const) {
  for (const [kind, words] of [
    ['switch', 'an open point stands elsewhere'],
    ['opened', 'a line of a closed ring is open'],
    ['large-mesh', 'a line of a large mesh is open'],
    ['transformer', 'a transformer is open, or closed'],
    ['tap', 'a tap stands elsewhere'],
    ['phase', 'the phases of a house are swapped'],
    ['one-phase', 'a house is on another phase'],
    ['mixture', 'a tap, and the phases of two houses'],
    ['nothing', 'nothing'],
    ['fine-taps', 'nothing, taps in steps of 0.625 %'],
    ['village-length', 'the length of a cable of the village'],
    ['ring-length', 'the length of a cable of a closed ring'],
  ] as const) {
    const { wrong, precision, recall, delays } = scoreTrials(kind, trials, errors, first);
    const median = delays[Math.floor(delays.length / 2)] ?? '-';
    const cells = [errors, words, trials, wrong, percent(precision), percent(recall), median, delays.at(-1) ?? '-'];
    process.stdout.write(`${cells.join(' | ')}\n`);
  }
}
