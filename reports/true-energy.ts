/**
 * True energies over any interval that a meter's tags may name, not only over those of the record: a register difference
 * stands for the time between the tags of its two messages, so a meter whose clock is wrong books energy to the wrong time.
 */
import type { Table } from './record-reader.ts';
import { TimeIndex } from './time-index.ts';

export interface TrueEnergy {
  /**
   * Wh of `device` (number in the text column of `truth-energy`) from one instant to a later one: the record's own over
   * its intervals, evenly spread inside them. The last interval's mean power holds for one interval more. NaN where a
   * part of that time has no truth.
   */
  over(device: number, fromUs: number, toUs: number): number;
}

/** From `truth-energy`, whose rows hold the energy since the row before; `column` is `importWh` or `exportWh`. */
export function trueEnergy(energies: Table, column: string): TrueEnergy {
  const timeUs = energies.number('timeUs');
  const device = energies.text('device');
  const energy = energies.number(column);
  const index = new TimeIndex(timeUs, device.index, device.names.length);
  const time = (row: number) => timeUs[row] ?? Number.NaN;
  const lengths = Float64Array.from(device.names, (_, number) => shortest(index.rows(number), time));

  return {
    over(number, fromUs, toUs) {
      const rows = index.rows(number);
      const lengthUs = lengths[number] ?? Infinity;
      if (lengthUs === Infinity) return Number.NaN;
      let sum = 0;
      let reachedUs = fromUs;
      for (let k = index.countUntil(number, fromUs); reachedUs < toUs; k += 1) {
        const row = rows[Math.min(k, rows.length - 1)] ?? -1;
        const endUs = time(row) + (k < rows.length ? 0 : lengthUs);
        // A row stands for one interval: where its neighbour is missing, the time between them has no truth.
        if (k > rows.length || endUs - lengthUs > reachedUs) return Number.NaN;
        const untilUs = Math.min(endUs, toUs);
        sum += (energy[row] ?? Number.NaN) * ((untilUs - reachedUs) / lengthUs);
        reachedUs = untilUs;
      }
      return sum;
    },
  };
}

/** The length of a meter's intervals: the shortest time between two rows; infinite where there are not two. */
function shortest(rows: Int32Array, time: (row: number) => number): number {
  let least = Infinity;
  for (let i = 1; i < rows.length; i += 1) least = Math.min(least, time(rows[i] ?? -1) - time(rows[i - 1] ?? -1));
  return least;
}
