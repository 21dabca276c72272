/** `clock.start: csv`: the run begins where the CSV file of the profiles begins. */
import { readText } from '../../grids/read-text.ts';
import { formatInstant, zoneOffsetUs } from '../../platform/contract/time.ts';
import { createZoneOffset } from '../../platform/forecasting/local-time.ts';
import { inspectCsv } from '../profiles/csv.ts';
import type { ScenarioCsv } from './schema.ts';

/**
 * Start of the first interval in `csv` (its file absolute or relative to the current folder), as ISO 8601 in the zone
 * that the file is written in, so that times of day in the scenario mean the same clock. Undefined where the file does
 * not tell; what is wrong in it is told with everything else.
 */
export function firstInstantOfCsv(csv: ScenarioCsv): string | undefined {
  const { startUs } = inspectCsv({ csv, kinds: ['load', 'pv'], directory: '.' });
  if (startUs === undefined) return undefined;
  const offsetUs = csv.zone === undefined ? offsetInFile(csv.file) : createZoneOffset(csv.zone)(startUs);
  return formatInstant(startUs, offsetUs);
}

/** Offset from UTC, us, of the first time that is written with one. */
function offsetInFile(file: string): number {
  return zoneOffsetUs(/\d{2}:\d{2}(?:\.\d+)?[+-]\d{2}:\d{2}/.exec(readText(file))?.[0] ?? '');
}
