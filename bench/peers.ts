/**
 * This project's numerical cores against power-grid-model (C++) and pandapower (Python with numba): the same grids,
 * inputs, tolerance and machine, one thread, everybody in turn. Taking over the inputs and writing the outputs (bus
 * voltages, flows of every branch) is inside the time of everybody. See CONTRIBUTING.md for how to read the tables.
 */
import { median } from '../numerics/statistics.ts';
import { readNumbers, readOptions } from './arguments.ts';
import { hold, type Contest, type Outcome, type Standing } from './peers/contest.ts';
import { preparePeers } from './peers/environment.ts';
import { estimationContest } from './peers/estimation-contest.ts';
import { startPeerWorker } from './peers/peer-worker.ts';
import { powerFlowContest } from './peers/power-flow-contest.ts';

const USAGE = `The numerical cores against power-grid-model and pandapower.

  npm run bench:peers                          everything, some minutes
  npm run bench:peers -- --buses 1000          one size (several with commas)
  npm run bench:peers -- --rounds 5 --without-pandapower
  npm run bench:peers -- --only "estimation, balanced radial"    contests whose name contains this

Ends with 20 when somebody's answers differ from ours.`;

const values = readOptions(USAGE, {
  buses: { type: 'string', default: '100,1000,10000' },
  rounds: { type: 'string', default: '7' },
  only: { type: 'string', default: '' },
  'without-pandapower': { type: 'boolean', default: false },
});
const sizes = readNumbers('buses', values.buses, USAGE);
const [rounds] = readNumbers('rounds', values.rounds, USAGE);

/** Voltages per unit and flows per MVA: everybody stops at 1e-8, some on the last change, some on the mismatch. */
const AGREEMENT = 1e-6;

const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));

function line({ name, processorUs, ratios, targets, difference }: Standing): string {
  const times = processorUs.length === 0 ? '-' : number(median(processorUs));
  const cells = ratios.map((own, way) => {
    if (own.length === 0) return '-';
    const [ratio, target] = [median(own), targets[way]];
    const verdict = target === undefined ? '' : `; ${target} ${ratio >= target ? 'met' : 'MISSED'}`;
    return `${number(ratio)} (${number(Math.min(...own))} to ${number(Math.max(...own))}${verdict})`;
  });
  const differs = typeof difference === 'string' ? difference : difference.toExponential(1);
  const ratio = cells.map((cell) => cell.padStart(36)).join('');
  return `  ${name.padEnd(24)}${times.padStart(10)}${ratio}${ratios.length === 0 && typeof difference !== 'string' ? '' : `  ${differs}`}`;
}

function print({ title, ours, peers }: Outcome): void {
  console.log(
    `${title}: us a solve, ratio to ${ours.map(({ name }) => name).join(' and to ')} (spread; target), largest difference`,
  );
  for (const standing of [...ours, ...peers]) console.log(line(standing));
}

const python = preparePeers();
const workers = [startPeerWorker(python), startPeerWorker(python)];
const versions = await workers[0]!.request({ do: 'versions' });
const named = Object.entries(versions).map(([name, version]) => `${name} ${String(version)}`);
console.log([...named, `node ${process.version}`].join(', '));

let disagreements = 0;
async function compete(title: string, create: () => Omit<Contest, 'title'>): Promise<void> {
  if (!title.includes(values.only)) return;
  const outcome = await hold({ ...create(), title }, rounds!);
  print(outcome);
  disagreements += outcome.peers.filter(
    ({ exact, difference }) => exact && typeof difference === 'number' && !(difference <= AGREEMENT),
  ).length;
}

const withPandapower = !values['without-pandapower'];
for (const [work, create] of [
  ['power flow', powerFlowContest],
  ['estimation', estimationContest],
] as const) {
  for (const phases of [1, 3] as const) {
    for (const meshed of [false, true]) {
      for (const buses of sizes) {
        const shape = `${phases === 3 ? 'three-phase' : 'balanced'} ${meshed ? 'meshed' : 'radial'}, ${buses} buses`;
        await compete(`${work}, ${shape}`, () => create({ buses, phases, meshed }, workers, withPandapower));
      }
    }
  }
}
for (const worker of workers) await worker.close();
if (disagreements > 0) {
  console.log(`${disagreements} answers differ by more than ${AGREEMENT}`);
  process.exitCode = 20;
}
