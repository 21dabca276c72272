/** Lines out of plans: of every step the value of the newest plan that was made before it began. */
import type { Table } from '../record-reader.ts';

export interface PlanLine {
  /** Start of each step, us. */
  readonly startUs: Float64Array;
  /** End of each step, us. */
  readonly endUs: Float64Array;
  readonly y: Float64Array;
}

/**
 * `column` of a table of plans, rows that `keep` lets through, of steps that end by `untilUs`. A plan is made when its first step begins, or a little
 * later: that step counts as ahead, too, as long as no earlier plan speaks of it.
 */
export function planAhead(
  plans: Table,
  column: string,
  untilUs: number,
  keep: (row: number) => boolean = () => true,
): PlanLine {
  const [issuedUs, endUs, values] = [plans.number('issuedUs'), plans.number('timeUs'), plans.number(column)];
  const stepUs = stepOf(plans, keep);
  const newest = new Map<number, { readonly issuedUs: number; readonly value: number }>();
  for (let row = 0; row < plans.rows; row += 1) {
    const [issued, end] = [issuedUs[row] ?? Number.NaN, endUs[row] ?? Number.NaN];
    if (!(end <= untilUs) || !keep(row)) continue;
    const known = newest.get(end);
    const ahead = issued <= end - stepUs;
    if (known === undefined || (ahead && known.issuedUs < issued)) {
      newest.set(end, { issuedUs: issued, value: values[row] ?? Number.NaN });
    }
  }
  const steps = [...newest].toSorted(([a], [b]) => a - b);
  return {
    startUs: Float64Array.from(steps, ([end]) => end - stepUs),
    endUs: Float64Array.from(steps, ([end]) => end),
    y: Float64Array.from(steps, ([, { value }]) => value),
  };
}

/** Distance between two neighbours of one plan; NaN where no plan has two steps. */
function stepOf(plans: Table, keep: (row: number) => boolean): number {
  const [issuedUs, endUs] = [plans.number('issuedUs'), plans.number('timeUs')];
  let before = -1;
  for (let row = 0; row < plans.rows; row += 1) {
    if (!keep(row)) continue;
    if (before >= 0 && issuedUs[before] === issuedUs[row]) return (endUs[row] ?? 0) - (endUs[before] ?? 0);
    before = row;
  }
  return Number.NaN;
}
