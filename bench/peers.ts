/**
 * This project's numerical cores against power-grid-model (C++) and pandapower (Python with numba): the same grids,
 * inputs, tolerance and machine, one thread, everybody in turn. Taking over the inputs and writing the outputs (bus
 * voltages, flows of every branch) is inside the time of everybody. See CONTRIBUTING.md for how to read the tables.
 *
 *   npm run bench:peers                          everything, some minutes
 *   npm run bench:peers -- --buses 1000          one size (several with commas)
 *   npm run bench:peers -- --rounds 5 --without-pandapower
 *
 * Exit code 20 when somebody's answers differ from ours.
 */
import { parseArgs } from 'node:util';
import { hold, median, type Outcome, type Standing } from './peers/contest.ts';
import { preparePeers } from './peers/environment.ts';
import { startPeerWorker } from './peers/peer-worker.ts';
import { powerFlowContest } from './peers/power-flow-contest.ts';

const { values } = parseArgs({
  options: {
    buses: { type: 'string', default: '100,1000,10000' },
    rounds: { type: 'string', default: '7' },
    only: { type: 'string', default: '' },
    'without-pandapower': { type: 'boolean', default: false },
  },
});

/** Voltages per unit and flows per MVA: everybody stops at 1e-8, some on the last change, some on the mismatch. */
const AGREEMENT = 1e-6;

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line({ name, processorUs, ratios, difference }: Standing, title: string): string {
  const spread = ratios.length < 2 ? '' : `${number(Math.min(...ratios))} to ${number(Math.max(...ratios))}`;
  const differs = typeof difference === 'string' ? difference : difference.toExponential(1);
  const times = processorUs.length === 0 ? '-' : number(median(processorUs));
  const ratio = ratios.length === 0 ? '-' : number(median(ratios));
  return [
    title.padEnd(28),
    name.padEnd(24),
    times.padStart(10),
    ratio.padStart(8),
    spread.padStart(16),
    `  ${differs}`,
  ].join('');
}

function print({ title, ours, peers }: Outcome): void {
  console.log(line({ ...ours, ratios: [] }, title).trimEnd());
  for (const peer of peers) console.log(line(peer, ''));
}

const python = preparePeers();
const workers = [startPeerWorker(python), startPeerWorker(python)];
const versions = await workers[0]!.request({ do: 'versions' });
console.log(
  Object.entries(versions)
    .map(([name, version]) => `${name} ${String(version)}`)
    .join(', '),
  `node ${process.version}`,
);
console.log(
  `${'power flow, batch'.padEnd(28)}${''.padEnd(24)}${'us a solve'.padStart(10)}${'ratio'.padStart(8)}${'spread'.padStart(16)}  differs by`,
);
let disagreements = 0;
for (const phases of [1, 3] as const) {
  for (const meshed of [false, true]) {
    for (const buses of values.buses.split(',').map(Number)) {
      const contest = powerFlowContest({ buses, phases, meshed }, workers, !values['without-pandapower']);
      if (!contest.title.includes(values.only)) continue;
      const outcome = await hold(contest, Number(values.rounds));
      print(outcome);
      disagreements += outcome.peers.filter(
        ({ difference }) => typeof difference === 'number' && !(difference <= AGREEMENT),
      ).length;
    }
  }
}
for (const worker of workers) await worker.close();
if (disagreements > 0) {
  console.log(`${disagreements} answers differ by more than ${AGREEMENT}`);
  process.exitCode = 20;
}
