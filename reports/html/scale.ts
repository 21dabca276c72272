/** Axes: round ticks for numbers, clock ticks for times, and the thinning of long series to what a picture can show. */

export interface Scale {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** A range that holds `low` and `high`, ends on round values and has about `count` ticks (1, 2, 2.5, 5 times 10^n). */
export function roundScale(low: number, high: number, count: number): Scale {
  const size = Math.max(Math.abs(low), Math.abs(high));
  if (size < 1e-300) return roundScale(0, 1, count);
  // A range that the digits of its ends cannot resolve is a single value: give it room around.
  if (high - low <= 1e-9 * size) return roundScale(low - size / 20, high + size / 20, count);
  const raw = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= raw * 0.999) ?? 10);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.ceil(high / step - 1e-9);
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
  return { low: ticks[0] ?? low, high: ticks.at(-1) ?? high, ticks };
}

const second = 1e6;
const clockSteps = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30]
  .concat([1, 2, 5, 10, 15, 30].map((minutes) => minutes * 60))
  .concat([1, 2, 3, 4, 6, 12, 24, 48, 168].map((hours) => hours * 3600))
  .map((seconds) => seconds * second);

/** Ticks on round clock times of the zone at `offsetUs`; the range itself is not widened. */
export function clockScale(lowUs: number, highUs: number, count: number, offsetUs: number): Scale {
  const step = clockSteps.find((one) => (highUs - lowUs) / one <= count) ?? (highUs - lowUs) / count;
  const first = Math.ceil((lowUs + offsetUs) / step);
  const last = Math.floor((highUs + offsetUs) / step);
  const ticks = Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => (first + i) * step - offsetUs);
  return { low: lowUs, high: highUs, ticks };
}

/** Whole decades that hold both ends; a tick at each power of ten. Positive numbers only. */
export function decadeScale(low: number, high: number): Scale {
  const first = Math.floor(Math.log10(low));
  const last = Math.max(first + 1, Math.ceil(Math.log10(high)));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i));
  return { low: 10 ** first, high: 10 ** last, ticks };
}

export type Point = readonly [x: number, y: number];

/**
 * Thins a series to at most two points per bucket, the lowest and the highest of each, so that no peak is lost.
 * Gaps (NaN) end a run of points: the answer is one list per run.
 */
export function thin(x: ArrayLike<number>, y: ArrayLike<number>, buckets: number): readonly (readonly Point[])[] {
  const runs: Point[][] = [];
  const size = Math.max(1, Math.ceil(x.length / buckets));
  let run: Point[] = [];
  let low = -1;
  let high = -1;
  const keep = () => {
    const kept = low === high ? [low] : [Math.min(low, high), Math.max(low, high)];
    if (low >= 0) for (const i of kept) run.push([x[i] ?? 0, y[i] ?? 0]);
    low = high = -1;
  };
  for (let i = 0; i < x.length; i += 1) {
    if (i % size === 0) keep();
    const value = y[i] ?? Number.NaN;
    if (Number.isFinite(value)) {
      if (low < 0 || value < (y[low] ?? 0)) low = i;
      if (high < 0 || value > (y[high] ?? 0)) high = i;
    } else {
      keep();
      if (run.length > 0) runs.push(run);
      run = [];
    }
  }
  keep();
  return run.length > 0 ? [...runs, run] : runs;
}
