/** A contest: everybody solves the same situations in turn, several times, and ratios are taken within a round. */
import type { Measured } from './peer-worker.ts';

export interface Entrant {
  readonly name: string;
  readonly run: () => Promise<Partial<Measured> & { readonly failure?: string }>;
  /** Largest difference from our answer, or why there is none. */
  readonly compare: () => Promise<number | string>;
}

export interface Contest {
  readonly title: string;
  readonly open: () => Promise<readonly string[]>;
  readonly ours: Entrant;
  readonly peers: readonly Entrant[];
}

export interface Standing {
  readonly name: string;
  /** Per situation and round, by the processor's clock. */
  readonly processorUs: readonly number[];
  /** Peer over ours, round by round. */
  readonly ratios: readonly number[];
  readonly difference: number | string;
}

export interface Outcome {
  readonly title: string;
  readonly ours: Standing;
  readonly peers: readonly Standing[];
}

/** Time of work in this process, per situation. The processor's clock does not count what other programs take away. */
export function measureHere(count: number, work: () => void): Measured {
  const wall = performance.now();
  const processor = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(processor);
  return { processorUs: (user + system) / count, wallUs: ((performance.now() - wall) * 1000) / count };
}

/** The first round warms everybody up and does not count. A peer that fails once, or needs more than a minute, is out. */
export async function hold(contest: Contest, rounds: number): Promise<Outcome> {
  const failures = await contest.open();
  const times = new Map<string, number[]>([contest.ours, ...contest.peers].map(({ name }) => [name, []]));
  const ratios = new Map<string, number[]>(contest.peers.map(({ name }) => [name, []]));
  const out = new Map<string, string>();
  for (let round = 0; round <= rounds; round++) {
    const own = (await contest.ours.run()).processorUs!;
    if (round > 0) times.get(contest.ours.name)!.push(own);
    for (const { name, run } of contest.peers) {
      if (out.has(name)) continue;
      const started = performance.now();
      const { processorUs, failure } = await run();
      if (processorUs === undefined) {
        out.set(name, failure ?? 'no answer');
        continue;
      }
      const slow = performance.now() - started > 20_000;
      if (round === 0 && !slow) continue;
      times.get(name)!.push(processorUs);
      ratios.get(name)!.push(processorUs / own);
      if (slow) out.set(name, '');
    }
  }
  const peers: Standing[] = [];
  for (const { name, compare } of contest.peers) {
    const reason = out.get(name);
    const difference = reason !== undefined && reason !== '' ? reason : await compare();
    peers.push({ name, processorUs: times.get(name)!, ratios: ratios.get(name)!, difference });
  }
  for (const failure of failures) console.log(`${contest.title}: ${failure}`);
  const ours = { name: contest.ours.name, processorUs: times.get(contest.ours.name)!, ratios: [1], difference: 0 };
  return { title: contest.title, ours, peers };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[sorted.length >> 1] ?? Number.NaN;
}
