/** What went into an estimate, by source and kind: how many values, how old the oldest, how uncertain the middle one. */
import type { Estimate } from '../contract/estimate.ts';

export class Inventory {
  private readonly timeUs: number;
  private readonly groups = new Map<string, { source: string; kind: string; ageUsMax: number; sigmas: number[] }>();

  constructor(timeUs: number) {
    this.timeUs = timeUs;
  }

  /** `newestUs` is NaN for knowledge that has no instant; `sigma` per unit. */
  add(source: string, kind: string, newestUs: number, sigma: number): void {
    const key = `${source} ${kind}`;
    let group = this.groups.get(key);
    if (group === undefined) {
      group = { source, kind, ageUsMax: 0, sigmas: [] };
      this.groups.set(key, group);
    }
    if (Number.isFinite(newestUs)) group.ageUsMax = Math.max(group.ageUsMax, this.timeUs - newestUs);
    group.sigmas.push(sigma);
  }

  /** Ordered by source and kind. */
  rows(): Estimate['inventory'] {
    return [...this.groups]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, { source, kind, ageUsMax, sigmas }]) => {
        const sorted = sigmas.toSorted((a, b) => a - b);
        return {
          source,
          kind,
          count: sorted.length,
          ageUsMax,
          sigmaRelativeMedian: sorted[Math.floor((sorted.length - 1) / 2)] ?? 0,
        };
      });
  }
}
