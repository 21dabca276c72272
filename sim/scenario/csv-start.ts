/** `clock.start: csv`: the run begins where the CSV file of the profiles begins. */
import { readFileSync } from 'node:fs';
import { formatInstant } from '../../platform/contract/time.ts';
import { createZoneOffset } from '../../platform/forecasting/local-time.ts';
import { readCsvSeries } from '../profiles/csv.ts';
import type { ScenarioCsv } from './schema.ts';

const OFFSET_US = 60e6;

/**
 * Start of the first interval in `csv` (its file absolute or relative to the current folder), as ISO 8601 in the zone
 * that the file is written in, so that times of day in the scenario mean the same clock. Throws `InvalidInputError`.
 */
export function firstInstantOfCsv(csv: ScenarioCsv): string {
  const kind = csv.load === undefined ? 'pv' : 'load';
  const { startUs } = readCsvSeries({ csv, kind, directory: '.' });
  const offsetUs = csv.zone === undefined ? offsetInFile(csv.file) : createZoneOffset(csv.zone)(startUs);
  const minutes = Math.round(Math.abs(offsetUs) / OFFSET_US);
  const pad = (number: number) => String(number).padStart(2, '0');
  const zone =
    offsetUs === 0 ? 'Z' : `${offsetUs < 0 ? '-' : '+'}${pad(Math.floor(minutes / 60))}:${pad(minutes % 60)}`;
  return formatInstant(startUs + offsetUs).replace('Z', zone);
}

/** Offset from UTC, us, of the first time that is written with one. */
function offsetInFile(file: string): number {
  const found = /\d{2}:\d{2}(?:\.\d+)?([+-])(\d{2}):(\d{2})/.exec(readFileSync(file, 'utf8'));
  if (found === null) return 0;
  return (found[1] === '-' ? -1 : 1) * (Number(found[2]) * 60 + Number(found[3])) * OFFSET_US;
}
