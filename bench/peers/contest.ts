/** A contest: everybody solves the same situations in turn, several times, and ratios are taken within a round. */
import type { Measured } from './peer-worker.ts';

export interface Entrant {
  readonly name: string;
  /** Whether its answer is that of the problem itself, so that it must agree with ours. */
  readonly exact: boolean;
  /** How many times its time is to be that of each of ours; undefined where nothing is asked. */
  readonly targets?: readonly (number | undefined)[];
  readonly run: () => Promise<Partial<Measured> & { readonly failure?: string }>;
  /** Largest difference from our answer, or why there is none. */
  readonly compare: () => Promise<number | string>;
}

/** `entrant` with how many times the time of each of our ways its own is to be. */
export function asked(entrant: Entrant, ...targets: readonly (number | undefined)[]): Entrant {
  return { ...entrant, targets };
}

export interface Contest {
  readonly title: string;
  readonly open: () => Promise<readonly string[]>;
  /** Our ways to the answer; ratios are taken against each. */
  readonly ours: readonly Entrant[];
  readonly peers: readonly Entrant[];
}

export interface Standing {
  readonly name: string;
  readonly exact: boolean;
  /** Per situation and round, by the processor's clock. */
  readonly processorUs: readonly number[];
  /** Its time over that of each of ours, round by round, and what that is to be. */
  readonly ratios: readonly (readonly number[])[];
  readonly targets: readonly (number | undefined)[];
  readonly difference: number | string;
}

export interface Outcome {
  readonly title: string;
  readonly ours: readonly Standing[];
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

/** Work of ours as an entrant runs it: what is thrown is why it is out. */
export function attempt(work: () => Measured): Promise<Partial<Measured> & { readonly failure?: string }> {
  try {
    return Promise.resolve(work());
  } catch (error) {
    return Promise.resolve({ failure: error instanceof Error ? error.message : String(error) });
  }
}

/** The first round warms everybody up and does not count. A peer that fails is out; one that needs 20 s runs once. */
export async function hold(contest: Contest, rounds: number): Promise<Outcome> {
  const failures = await contest.open();
  for (const failure of failures) console.log(`${contest.title}: ${failure}`);
  const all = [...contest.ours, ...contest.peers];
  const times = new Map<string, number[]>(all.map(({ name }) => [name, []]));
  const ratios = new Map<string, number[][]>(contest.peers.map(({ name }) => [name, contest.ours.map(() => [])]));
  const out = new Map<string, string>();
  for (let round = 0; round <= rounds; round++) {
    const own: number[] = [];
    for (const { name, run } of contest.ours) {
      const { processorUs = Number.NaN, failure } = out.has(name) ? {} : await run();
      if (failure !== undefined) out.set(name, failure);
      own.push(processorUs);
    }
    if (round > 0) contest.ours.forEach(({ name }, k) => times.get(name)!.push(own[k]!));
    for (const { name, run } of contest.peers) {
      if (out.has(name)) continue;
      const started = performance.now();
      const { processorUs, failure } = await run();
      if (processorUs === undefined) {
        out.set(name, failure ?? 'no answer');
        continue;
      }
      const slow = performance.now() - started > 20_000;
      if (slow) out.set(name, '');
      if (round === 0 && !slow) continue;
      times.get(name)!.push(processorUs);
      own.forEach((mine, k) => {
        if (!Number.isNaN(mine)) ratios.get(name)![k]!.push(processorUs / mine);
      });
    }
  }
  const peers: Standing[] = [];
  for (const { name, exact, targets = [], compare } of contest.peers) {
    const reason = out.get(name);
    const difference = reason !== undefined && reason !== '' ? reason : await compare();
    peers.push({ name, exact, processorUs: times.get(name)!, ratios: ratios.get(name)!, targets, difference });
  }
  const ours = contest.ours.map(({ name }) => {
    const difference = out.get(name) ?? 0;
    return {
      name,
      exact: true,
      processorUs: times.get(name)!.filter((time) => !Number.isNaN(time)),
      ratios: [],
      targets: [],
      difference,
    };
  });
  return { title: contest.title, ours, peers };
}
