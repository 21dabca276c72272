/** What went into an estimate, by source and kind: how many values, how old the oldest, how uncertain the middle one. */
import type { Estimate } from '../contract/estimate.ts';

interface Group {
  readonly source: string;
  readonly kind: string;
  ageUsMax: number;
  readonly sigmas: number[];
}

export class Inventory {
  private readonly timeUs: number;
  private readonly groups: Group[] = [];

  constructor(timeUs: number) {
    this.timeUs = timeUs;
  }

  /** `newestUs` is NaN for knowledge that has no instant; `sigma` per unit. */
  add(source: string, kind: string, newestUs: number, sigma: number): void {
    let group = this.groups.find((one) => one.kind === kind && one.source === source);
    if (group === undefined) {
      group = { source, kind, ageUsMax: 0, sigmas: [] };
      this.groups.push(group);
    }
    const ageUs = this.timeUs - newestUs;
    if (ageUs > group.ageUsMax) group.ageUsMax = ageUs;
    group.sigmas.push(sigma);
  }

  /** Ordered by source and kind. */
  rows(): Estimate['inventory'] {
    const name = ({ source, kind }: Group): string => `${source} ${kind}`;
    return this.groups
      .toSorted((a, b) => (name(a) < name(b) ? -1 : 1))
      .map(({ source, kind, ageUsMax, sigmas }) => {
        const sorted = Float64Array.from(sigmas).sort();
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
