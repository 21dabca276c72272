/** Finds the row of a table by series (device and phase, say) and instant: the join that all comparisons with truth use. */
import type { TextColumn } from './record-reader.ts';

/** Rows of a table grouped into series, each in order of time. */
export class TimeIndex {
  readonly #timeUs: Float64Array;
  /** Rows of all groups one after the other; group g owns `#start[g]` up to `#start[g + 1]`. */
  readonly #rows: Int32Array;
  readonly #start: Int32Array;
  /** Where the last search in each group ended: measurements come in order of time, so the next is a step away. */
  readonly #cursor: Int32Array;

  /** `group[r]` in [0, groups) names the series of row r. */
  constructor(timeUs: Float64Array, group: Int32Array, groups: number) {
    this.#timeUs = timeUs;
    this.#start = new Int32Array(groups + 1);
    for (const g of group) this.#start[g + 1] = (this.#start[g + 1] ?? 0) + 1;
    for (let g = 0; g < groups; g += 1) this.#start[g + 1] = (this.#start[g + 1] ?? 0) + (this.#start[g] ?? 0);
    const fill = this.#start.slice();
    this.#rows = new Int32Array(group.length);
    for (let row = 0; row < group.length; row += 1) {
      const g = group[row] ?? 0;
      const place = fill[g] ?? 0;
      this.#rows[place] = row;
      fill[g] = place + 1;
    }
    for (let g = 0; g < groups; g += 1) this.#order(g);
    this.#cursor = this.#start.slice(0, groups);
  }

  /** The rows of one series in order of time; none for -1. */
  rows(group: number): Int32Array {
    return group < 0 ? new Int32Array(0) : this.#rows.subarray(this.#start[group], this.#start[group + 1]);
  }

  /** The row of `group` at exactly `timeUs`, or -1. */
  find(group: number, timeUs: number): number {
    const start = this.#start[group] ?? -1;
    const end = this.#start[group + 1] ?? -1;
    if (group < 0 || start === end) return -1;
    const cursor = this.#cursor[group] ?? start;
    const near = this.#match(cursor, end, timeUs) ?? this.#match(cursor + 1, end, timeUs);
    const place = near ?? this.#search(start, end, timeUs);
    if (place >= end || this.#timeAt(place) !== timeUs) return -1;
    this.#cursor[group] = place;
    return this.#rows[place] ?? -1;
  }

  /** The rows of `group` next to `timeUs`, one and the same where it has that instant; -1 on the side where it has none. */
  around(group: number, timeUs: number): { readonly before: number; readonly after: number } {
    const exact = this.find(group, timeUs);
    if (exact >= 0 || group < 0) return { before: exact, after: exact };
    const start = this.#start[group] ?? 0;
    const end = this.#start[group + 1] ?? 0;
    const place = this.#search(start, end, timeUs);
    return {
      before: place > start ? (this.#rows[place - 1] ?? -1) : -1,
      after: place < end ? (this.#rows[place] ?? -1) : -1,
    };
  }

  /** How many rows of `group` lie at or before `timeUs`. */
  countUntil(group: number, timeUs: number): number {
    const start = this.#start[group] ?? 0;
    const end = this.#start[group + 1] ?? 0;
    let place = this.#search(start, end, timeUs);
    while (place < end && this.#timeAt(place) === timeUs) place += 1;
    return place - start;
  }

  #match(place: number, end: number, timeUs: number): number | undefined {
    return place < end && this.#timeAt(place) === timeUs ? place : undefined;
  }

  /** The first place from `start` that is not before `timeUs`; `end` where all are. */
  #search(start: number, end: number, timeUs: number): number {
    let low = start;
    let high = end;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.#timeAt(middle) < timeUs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #timeAt(place: number): number {
    return this.#timeUs[this.#rows[place] ?? -1] ?? Number.NaN;
  }

  /** Tables are written in order of time; one that is not (a resumed historian, say) is put in order here. */
  #order(group: number): void {
    const rows = this.rows(group);
    for (let i = 1; i < rows.length; i += 1) {
      if (this.#at(rows, i) >= this.#at(rows, i - 1)) continue;
      rows.sort((a, b) => (this.#timeUs[a] ?? 0) - (this.#timeUs[b] ?? 0) || a - b);
      return;
    }
  }

  #at(rows: Int32Array, i: number): number {
    return this.#timeUs[rows[i] ?? -1] ?? Number.NaN;
  }
}

/** One series number per row from two text columns: `first * second.names.length + second`. */
export function pairGroups(
  first: TextColumn,
  second: TextColumn,
): { readonly group: Int32Array; readonly groups: number } {
  const width = second.names.length;
  const group = first.index.map((value, row) => value * width + (second.index[row] ?? 0));
  return { group, groups: first.names.length * width };
}

/** For each name of `from`: its number in `to`, or -1. Two tables number the same names differently. */
export function translate(from: TextColumn, to: TextColumn): Int32Array {
  const known = new Map(to.names.map((name, index) => [name, index]));
  return Int32Array.from(from.names, (name) => known.get(name) ?? -1);
}
