/** The audit's counters, by hop and kind of message, and how they are closed at the end of a run. */
import type { AuditHop } from '../../reports/record.ts';

export type HopCounts = { -readonly [Count in Exclude<keyof AuditHop, 'hop' | 'kind' | 'unexplained'>]: number };

/** What the observers of the databus know of one kind of message. */
export interface OnDatabus {
  /** Messages that its broker took: what every service that reads the kind should have had. */
  published: number;
  /** Of the services' own: the newest instant that they name, us, and how many name it. */
  newestUs: number;
  ofNewest: number;
}

export class HopTable {
  /** By hop, then by kind. */
  readonly #hops = new Map<string, Map<string, HopCounts>>();

  /** The counters of a hop and kind, all zero at first. */
  of(hop: string, kind: string): HopCounts {
    const kinds = inside(this.#hops, hop);
    let found = kinds.get(kind);
    if (found === undefined) {
      const zero = { published: 0, delivered: 0, refused: 0, lostInjected: 0, lostObserved: 0, inFlight: 0 };
      found = { ...zero, duplicated: 0, reordered: 0, late: 0 };
      kinds.set(kind, found);
    }
    return found;
  }

  /**
   * Closes the counters after the instant `lastUs`. What a service should have had comes from the databus's observer,
   * what it had from its own progress; on the other hops observers stand at both ends. Sorted by hop and kind.
   */
  close(onDatabus: ReadonlyMap<string, OnDatabus>, lastUs: number): readonly AuditHop[] {
    const hops = [...this.#hops].flatMap(([hop, kinds]) =>
      [...kinds].map(([kind, noted]): AuditHop => {
        const toService = hop.startsWith('dsotp>') && hop !== 'dsotp>bal';
        const closed = toService ? closeReader(noted, onDatabus.get(kind), lastUs) : closeHop(noted);
        return { hop, kind, ...closed, unexplained: shortfall(closed) };
      }),
    );
    return hops.sort((a, b) => compare(a.hop, b.hop) || compare(a.kind, b.kind));
  }
}

/** What set out and was never seen at the other end is lost. */
function closeHop(noted: HopCounts): HopCounts {
  return { ...noted, lostObserved: Math.max(0, shortfall(noted)) };
}

/**
 * What a reader missed counts as lost here only if the broker had it and it never came after all; feedback of the last
 * instant would have taken effect at the next one and is still on its way.
 */
function closeReader(noted: HopCounts, onDatabus: OnDatabus | undefined, lastUs: number): HopCounts {
  const counts = { ...noted, published: onDatabus?.published ?? 0, lostObserved: 0 };
  counts.lostObserved = Math.min(noted.lostObserved, Math.max(0, shortfall(counts)));
  if (onDatabus !== undefined && onDatabus.newestUs >= lastUs) {
    counts.inFlight += Math.min(onDatabus.ofNewest, Math.max(0, shortfall(counts)));
  }
  return counts;
}

/** Published and not accounted for. */
function shortfall({ published, delivered, refused, lostInjected, lostObserved, inFlight }: HopCounts): number {
  return published - (delivered + refused + lostInjected + lostObserved + inFlight);
}

/** The inner map of a map of maps, made when it is missing. */
export function inside<Value>(outer: Map<string, Map<string, Value>>, key: string): Map<string, Value> {
  let inner = outer.get(key);
  if (inner === undefined) {
    inner = new Map();
    outer.set(key, inner);
  }
  return inner;
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
