/** What weather stations report, out of their messages: what is flagged invalid or says nothing of the air is left out. */
import type { Measurement } from '../contract/measurement.ts';
import { parseInstant } from '../contract/time.ts';
import type { Input } from '../service/definition.ts';
import type { WeatherReport } from './forecaster.ts';

/** Air is never colder or warmer than this, C: beyond, the thermometer or its line is broken. */
const COLDEST_C = -60;
const WARMEST_C = 60;

/** In order of time. */
export function weatherReports(inputs: readonly Input[]): readonly WeatherReport[] {
  return inputs
    .flatMap(({ kind, message }) => (kind === 'weather-station' ? (reportOf(message as Measurement) ?? []) : []))
    .toSorted((a, b) => a.toUs - b.toUs);
}

function reportOf({ readings, quality, interval, timestamp, outlook }: Measurement): WeatherReport | undefined {
  const airC = readings.find(({ measurand }) => measurand === 'airtemperature')?.data;
  if (airC === undefined || quality?.valid === false || !isAir(airC)) return undefined;
  const toUs = parseInstant(interval?.end ?? timestamp);
  const fromUs = interval === undefined ? toUs : parseInstant(interval.start);
  if (!(fromUs <= toUs)) return undefined;
  if (outlook === undefined || !outlook.airTemperatureC.every(isAir)) return { fromUs, toUs, airC };
  const { start, stepUs, airTemperatureC } = outlook;
  return { fromUs, toUs, airC, expected: { startUs: parseInstant(start), stepUs, airC: airTemperatureC } };
}

function isAir(airC: number): boolean {
  return airC >= COLDEST_C && airC <= WARMEST_C;
}
