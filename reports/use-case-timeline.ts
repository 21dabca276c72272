/** What the use cases asked for over a run: from the balancer's own announcements, as the historian kept them. */
import type { Table } from './record-reader.ts';

/** From `sinceUs` on the exchange with the grid shall lie between `leastW` and `mostW` (equal: a target), import positive. */
export interface AskedFor {
  readonly sinceUs: number;
  readonly useCase: number;
  readonly kind: 'nothing' | 'island' | 'hold' | 'package';
  readonly leastW: number;
  readonly mostW: number;
}

export interface Timeline {
  /** In order of time; the first from the beginning on. */
  readonly entries: readonly AskedFor[];
  /** What is asked for from `timeUs` on. */
  at(timeUs: number): AskedFor;
}

const NOTHING: AskedFor = { sinceUs: Number.NEGATIVE_INFINITY, useCase: 0, kind: 'nothing', leastW: 0, mostW: 0 };

/** Of the tables `use-cases` and `plan-windows`. Announcements that change nothing make no entry. */
export function timelineOf(useCases: Table, windows: Table): Timeline {
  const timeUs = useCases.number('timeUs');
  const number = useCases.number('useCase');
  const targetW = useCases.number('targetW');
  const cause = useCases.text('cause');
  const entries: AskedFor[] = [];
  for (let row = 0; row < useCases.rows; row += 1) {
    if (cause.names[cause.index[row] ?? -1] === 'update') continue;
    const entry = askedFor(timeUs[row] ?? 0, number[row] ?? 0, targetW[row] ?? Number.NaN, windows);
    const last = entries.at(-1);
    // Several answers at one instant: the last one counts.
    if (last?.sinceUs === entry.sinceUs) entries.pop();
    const before = entries.at(-1);
    if (before === undefined || !asksTheSame(before, entry)) entries.push(entry);
  }
  return {
    entries,
    at(timeUs) {
      return entries.findLast(({ sinceUs }) => sinceUs <= timeUs) ?? entries[0] ?? NOTHING;
    },
  };
}

/**
 * Exchange beyond what was asked for, W, import positive, for each row: zero inside of it, and where nothing is asked for.
 * A row stands for the step before it.
 */
export function excessOver(timeline: Timeline, timeUs: Float64Array, exchangeW: Float64Array): Float64Array {
  return exchangeW.map((power, k) => {
    const { kind, leastW, mostW } = timeline.at((timeUs[k] ?? Number.NaN) - 1);
    return kind === 'nothing' ? 0 : power - Math.min(mostW, Math.max(leastW, power));
  });
}

function askedFor(sinceUs: number, useCase: number, targetW: number, windows: Table): AskedFor {
  if (useCase === 0 || Number.isNaN(targetW)) return { ...NOTHING, sinceUs };
  const slotW = useCase >= 3 ? packagePower(sinceUs, windows) : undefined;
  if (slotW !== undefined) {
    return { sinceUs, useCase, kind: 'package', leastW: Math.min(0, slotW), mostW: Math.max(0, slotW) };
  }
  return { sinceUs, useCase, kind: useCase === 2 ? 'hold' : 'island', leastW: targetW, mostW: targetW };
}

/** Power of the package under way at an instant, W, import positive; undefined outside all. */
function packagePower(atUs: number, windows: Table): number | undefined {
  const { names, index } = windows.text('kind');
  const [startUs, endUs] = [windows.number('startUs'), windows.number('endUs')];
  for (let row = windows.rows - 1; row >= 0; row -= 1) {
    const isPackage = names[index[row] ?? -1] !== 'hold';
    if (isPackage && atUs >= (startUs[row] ?? Infinity) && atUs < (endUs[row] ?? 0))
      return windows.number('exchangeW')[row];
  }
  return undefined;
}

function asksTheSame(a: AskedFor, b: AskedFor): boolean {
  return a.useCase === b.useCase && a.kind === b.kind && a.leastW === b.leastW && a.mostW === b.mostW;
}
