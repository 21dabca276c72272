/**
 * What the last days say about the time of day: how far, on average, each quarter hour strays from the model. A village
 * with storage heaters, a roof behind a barn or a wrong azimuth shows every day at the same hours.
 */
import type { LocalTime } from './local-time.ts';

const SLOTS = 96;
const SLOT_US = 900e6;

/**
 * Days after which half of a deviation that comes back every day is believed: fewer would take chance for habit. A
 * quarter hour of 90 households strays by 15 %; what is left of it after n days is 15 % sqrt(n) / (n + 10), at most 2.4 %.
 */
const DAYS_TO_BELIEVE = 10;
/** No more than this is ever learned, relative. */
const LARGEST = 0.6;

export interface DailyShape {
  /** Takes in by how much the step about `timeUs` strayed, relative to the model. Counts from the next day on. */
  learn(timeUs: number, relative: number): void;
  /** Factor on the model for the step about `timeUs`. */
  factorAt(timeUs: number): number;
}

export function createDailyShape(localTime: (timeUs: number) => LocalTime): DailyShape {
  const sums = new Float64Array(SLOTS);
  const counts = new Float64Array(SLOTS);
  let today = Number.NaN;
  let pending: { readonly slot: number; readonly relative: number }[] = [];
  const slotOf = (local: LocalTime) => Math.floor(local.timeOfDayUs / SLOT_US) % SLOTS;

  return {
    learn(timeUs, relative) {
      const local = localTime(timeUs);
      const day = local.year * 366 + local.dayOfYear;
      if (day !== today) {
        // What has just been seen is the state's business; the shape is of the days before.
        for (const { slot, relative: seen } of pending) {
          sums[slot] = (sums[slot] ?? 0) + seen;
          counts[slot] = (counts[slot] ?? 0) + 1;
        }
        pending = [];
        today = day;
      }
      pending.push({ slot: slotOf(local), relative: Math.min(1, Math.max(-1, relative)) });
    },
    factorAt(timeUs) {
      const slot = slotOf(localTime(timeUs));
      // Neighbours help: habits are no sharper than an hour. Triangular weights 1, 2, 1.
      let learned = 0;
      for (const [offset, weight] of [
        [-1, 0.25],
        [0, 0.5],
        [1, 0.25],
      ] as const) {
        const at = (slot + offset + SLOTS) % SLOTS;
        learned += (weight * (sums[at] ?? 0)) / ((counts[at] ?? 0) + DAYS_TO_BELIEVE);
      }
      return 1 + Math.min(LARGEST, Math.max(-LARGEST, learned));
    },
  };
}
