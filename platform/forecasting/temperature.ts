/**
 * Air temperature as the forecast knows it: what a weather station measured and a weather service expects, what the
 * configuration says, or the climate, in this order. Beyond what is said, how far it strays from the usual is believed
 * less and less.
 */
import { parseInstant } from '../contract/time.ts';
import { climateTemperatureC } from './clear-sky.ts';
import type { TemperatureConfig } from './config.ts';
import type { WeatherReport } from './forecaster.ts';
import type { LocalTime } from './local-time.ts';

const DAY_US = 86_400e6;
const HOUR_US = 3600e6;
/** Of the Gregorian calendar, on average. */
const YEAR_DAYS = 365.2425;
/** Warmest at three in the afternoon by the sun. */
const WARMEST_HOUR = 15;
/** How long a deviation from the usual lasts: weather changes over days. Our proposal. */
const WEATHER_TAU_US = 2 * DAY_US;
/** Measured intervals that are kept: two days of quarter hours. */
const MEASURED_MAX = 192;

/**
 * Temperature that is usual at this instant, C: the climate's mean of the day, and a swing over the day of 2 K in January
 * and 5 K in July (half the usual distance from the coldest to the warmest hour in the north German plain).
 */
export function usualTemperatureC(timeUs: number, longitudeDeg: number): number {
  return climateTemperatureC(dayOfMeanYear(timeUs)) + daySwingC(timeUs, longitudeDeg);
}

function daySwingC(timeUs: number, longitudeDeg: number): number {
  const amplitudeC = 3.5 - 1.5 * Math.cos((2 * Math.PI * (dayOfMeanYear(timeUs) - 17)) / 365.25);
  const solarHours = timeUs / HOUR_US + longitudeDeg / 15;
  return amplitudeC * Math.cos((2 * Math.PI * (solarHours - WARMEST_HOUR)) / 24);
}

/** About 1 at the turn of the year; without leaps, so that seasons go on smoothly. */
function dayOfMeanYear(timeUs: number): number {
  return 1 + ((timeUs / DAY_US) % YEAR_DAYS);
}

/**
 * Factor on a load that a profile gives for the usual weather: 1 + s (h(T) - h(usual)) with the degrees of heating
 * h(T) = max(0, limit - T), as degree days count them (VDI 3807: limit 15 C); never negative.
 */
export function heatingFactor(
  airC: number,
  usualC: number,
  { loadPerKelvin, heatingLimitC }: Pick<TemperatureConfig, 'loadPerKelvin' | 'heatingLimitC'>,
): number {
  const heating = (temperatureC: number) => Math.max(0, heatingLimitC - temperatureC);
  return Math.max(0, 1 + loadPerKelvin * (heating(airC) - heating(usualC)));
}

export interface Temperature {
  /** Takes in what a weather station says. */
  report(report: WeatherReport): void;
  /** Counts up with what it knows: answers of the same count are the same. */
  readonly version: number;
  /** Mean over (fromUs, toUs], C. */
  airC(fromUs: number, toUs: number): number;
  /** `heatingFactor` of the load over (fromUs, toUs]. */
  loadFactor(fromUs: number, toUs: number): number;
}

export function createTemperature(
  config: TemperatureConfig,
  localTime: (timeUs: number) => LocalTime,
  longitudeDeg: number,
): Temperature {
  const { monthlyMeanC, forecast, loadPerKelvin, station } = config;
  /** In order of time, whatever the order in which they came. */
  let measured: readonly WeatherReport[] = [];
  let expected: WeatherReport['expected'];
  let version = 0;
  const usualC = (timeUs: number) => {
    const { dayOfYear } = localTime(timeUs);
    const climateC =
      monthlyMeanC === undefined ? climateTemperatureC(dayOfYear) : betweenMonths(monthlyMeanC, dayOfYear);
    // Without a thermometer nobody knows of the time of day, and the profile has it in its hours.
    return station === undefined ? climateC : climateC + daySwingC(timeUs, longitudeDeg);
  };
  const told =
    forecast === undefined
      ? undefined
      : { startUs: parseInstant(forecast.start), stepUs: forecast.stepUs, airC: forecast.airC };
  const airC = (fromUs: number, toUs: number) => {
    const middleUs = (fromUs + toUs) / 2;
    const said = measuredAt(measured, middleUs) ?? valueAt(expected, middleUs) ?? valueAt(told, middleUs);
    if (said !== undefined) return said;
    const newest = measured.at(-1);
    if (newest === undefined) return usualC(middleUs);
    const last = lastKnown(newest, expected);
    const kept = Math.exp(-Math.abs(middleUs - last.timeUs) / WEATHER_TAU_US);
    return usualC(middleUs) + kept * (last.airC - usualC(last.timeUs));
  };
  return {
    get version() {
      return version;
    },
    report(report) {
      const others = measured.filter(({ toUs }) => toUs !== report.toUs);
      measured = [...others, report].toSorted((a, b) => a.toUs - b.toUs).slice(-MEASURED_MAX);
      // An outlook that comes late is out of date.
      if (measured.at(-1) === report) expected = report.expected ?? expected;
      version += 1;
    },
    airC,
    loadFactor: (fromUs, toUs) =>
      loadPerKelvin === 0 ? 1 : heatingFactor(airC(fromUs, toUs), usualC((fromUs + toUs) / 2), config),
  };
}

/** Newest first: what is asked for is nearly always the last interval. */
function measuredAt(reports: readonly WeatherReport[], timeUs: number): number | undefined {
  return reports.findLast(({ fromUs, toUs }) => timeUs > fromUs && timeUs <= toUs)?.airC;
}

function valueAt(series: WeatherReport['expected'], timeUs: number): number | undefined {
  return series?.airC[Math.floor((timeUs - series.startUs) / series.stepUs)];
}

/** The end of what is known: the last step that is expected, or the last interval measured. */
function lastKnown(newest: WeatherReport, expected: WeatherReport['expected']) {
  const steps = expected?.airC.length ?? 0;
  const expectedUs = expected === undefined ? -Infinity : expected.startUs + (steps - 0.5) * expected.stepUs;
  const measuredUs = (newest.fromUs + newest.toUs) / 2;
  return expectedUs > measuredUs
    ? { timeUs: expectedUs, airC: expected?.airC[steps - 1] ?? newest.airC }
    : { timeUs: measuredUs, airC: newest.airC };
}

const MONTH_DAYS = 365.25 / 12;

/** Monthly means hold for the middle of their months; in between on straight lines, December to January included. */
function betweenMonths(meansC: readonly number[], dayOfYear: number): number {
  const months = dayOfYear / MONTH_DAYS - 0.5;
  const before = Math.floor(months);
  const share = months - before;
  const at = (month: number) => meansC[(month + 12) % 12] ?? Number.NaN;
  return (1 - share) * at(before) + share * at(before + 1);
}
