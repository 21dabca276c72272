/**
 * The air temperature at the site, and how loads answer to it. Without a word of the scenario it is the climate's mean
 * and no load feels it. With one, it is what is usual for season and time of day, plus a deviation that drifts over days,
 * T(t) = usual(t) + anomaly + sigma x(t), with x a standard Ornstein-Uhlenbeck process of three days; or it comes from a
 * file. The figures are our proposal: in northern Germany daily means scatter by 3 to 4 K about those of the season.
 */
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { randomStream } from '../../numerics/random.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { climateTemperatureC } from '../../platform/forecasting/clear-sky.ts';
import { createLocalTime } from '../../platform/forecasting/local-time.ts';
import { heatingFactor, usualTemperatureC } from '../../platform/forecasting/temperature.ts';
import type { Scenario } from '../scenario/schema.ts';
import { covering, meanOfSeries, readTemperatureSeries, type Series } from './csv.ts';
import { OrnsteinUhlenbeck } from './ornstein-uhlenbeck.ts';

const HOUR_US = 3600e6;
const QUARTER_US = 900e6;
const DRIFT_TAU_US = 72 * HOUR_US;

export interface AirTemperature {
  /** Mean over (fromUs, toUs], C; the value where both are one instant. To be asked in any order, of the future too. */
  meanC(fromUs: number, toUs: number): number;
  /** Factor on H0 loads over the quarter hour in which (fromUs, toUs] ends, or the whole of a longer one. In time order. */
  loadFactor(fromUs: number, toUs: number): number;
  readonly files: readonly string[];
  /** In one sentence, for the manifest; undefined where there is only the climate. */
  readonly assumption: string | undefined;
}

interface AirTemperatureOptions {
  readonly profile: Scenario['profiles']['temperature'];
  readonly grid: Pick<GridDocument, 'location'>;
  readonly seed: string;
  readonly clock: Scenario['clock'];
  /** Relative file names start here. */
  readonly directory: string;
}

/** Throws InvalidInputError with the faults of the file. */
export function createAirTemperature(options: AirTemperatureOptions): AirTemperature {
  const { profile, grid } = options;
  if (profile === undefined) return createClimate();
  const { loadPerKelvin, heatingLimit, kind } = profile;
  const longitudeDeg = grid.location?.longitudeDeg ?? 0;
  const usualC = (fromUs: number, toUs: number) => usualTemperatureC((fromUs + toUs) / 2, longitudeDeg);
  const series = kind === 'csv' ? readCovering(options) : undefined;
  const meanC = series === undefined ? createWeather(options, usualC) : meanOf(series);
  const heating = { loadPerKelvin, heatingLimitC: heatingLimit };
  let factor = 1;
  let factorEndUs = Number.NaN;
  return {
    meanC,
    loadFactor(fromUs, toUs) {
      const endUs = Math.ceil(toUs / QUARTER_US) * QUARTER_US;
      if (loadPerKelvin === 0 || endUs === factorEndUs) return factor;
      const beginUs = Math.min(fromUs, endUs - QUARTER_US);
      factor = heatingFactor(meanC(beginUs, endUs), usualC(beginUs, endUs), heating);
      factorEndUs = endUs;
      return factor;
    },
    files: series === undefined ? [] : [series.file],
    assumption: describe(profile),
  };
}

/** The climate's mean of the day: nothing drifts, nothing acts. */
function createClimate(): AirTemperature {
  const utc = createLocalTime('UTC');
  return {
    meanC: (fromUs, toUs) => climateTemperatureC(utc((fromUs + toUs) / 2).dayOfYear),
    loadFactor: () => 1,
    files: [],
    assumption: undefined,
  };
}

/** Drawn hour by hour, on straight lines between: the same whatever the run's step, and known ahead to a weather service. */
function createWeather({ profile, seed, clock }: AirTemperatureOptions, usualC: AirTemperature['meanC']) {
  const { sigma = 0, anomaly = 0 } = profile ?? {};
  const drift = new OrnsteinUhlenbeck(randomStream(seed, ['air-temperature', 'drift']), DRIFT_TAU_US);
  const firstUs = Math.floor(parseInstant(clock.start) / HOUR_US) * HOUR_US - 24 * HOUR_US;
  const hourly: number[] = [];
  const at = (hour: number) => {
    while (hourly.length <= hour) hourly.push(drift.at(firstUs + hourly.length * HOUR_US));
    return hourly[hour] ?? Number.NaN;
  };
  return (fromUs: number, toUs: number) => {
    // Straight and nearly straight over a quarter hour: the middle is the mean. An hour's mean is that of its quarters.
    const parts = Math.max(1, Math.round((toUs - fromUs) / QUARTER_US));
    let sum = 0;
    for (let part = 0; part < parts; part += 1) {
      const middleUs = fromUs + ((part + 0.5) / parts) * (toUs - fromUs);
      const hours = Math.max(0, (middleUs - firstUs) / HOUR_US);
      const hour = Math.floor(hours);
      const x = at(hour) + (hours - hour) * (at(hour + 1) - at(hour));
      sum += usualC(middleUs, middleUs) + anomaly + sigma * x;
    }
    return sum / parts;
  };
}

/** Where the file ends, its last value goes on: only a weather service asks beyond the run. */
function meanOf(series: Series): AirTemperature['meanC'] {
  const { startUs, endUs, values } = series;
  return (fromUs, toUs) => {
    if (toUs > endUs || fromUs === endUs) return values.at(-1) ?? Number.NaN;
    return fromUs < startUs ? (values[0] ?? Number.NaN) : meanOfSeries(series, fromUs, toUs);
  };
}

function readCovering({ profile, clock, directory }: AirTemperatureOptions): Series {
  const csv = profile?.csv;
  if (csv === undefined) {
    const hint = 'add csv: { file: ..., temperature: <column> }';
    throw new InvalidInputError([{ path: 'profiles.temperature.csv', message: 'is missing but kind is csv', hint }]);
  }
  return covering(readTemperatureSeries(csv, directory), csv.file, clock);
}

function describe(profile: NonNullable<AirTemperatureOptions['profile']>): string {
  const { kind, sigma, anomaly, csv, loadPerKelvin, heatingLimit } = profile;
  const air =
    kind === 'csv'
      ? `from ${csv?.file}`
      : `usual for season and time of day, ${anomaly} K off, with a drift of ${sigma} K over three days (our proposal)`;
  const loads =
    loadPerKelvin === 0
      ? 'loads do not feel it'
      : `H0 loads change by ${100 * loadPerKelvin} %/K of degrees below ${heatingLimit} C against the usual ones (our proposal)`;
  return `air temperature: ${air}; ${loads}`;
}
