/**
 * Air temperature as the forecast knows it: what a weather service says where it was told, else the climate. A first
 * form: it comes by configuration, since nobody publishes the weather on the databus yet.
 */
import { parseInstant } from '../contract/time.ts';
import { climateTemperatureC } from './clear-sky.ts';
import type { TemperatureConfig } from './config.ts';
import type { LocalTime } from './local-time.ts';

export interface Temperature {
  /** Mean over (fromUs, toUs], C. */
  airC(fromUs: number, toUs: number): number;
  /**
   * Factor on a load that the profile gives for the usual weather: 1 + s (h(T) - h(T_climate)) with the degrees of
   * heating h(T) = max(0, limit - T); never negative.
   */
  loadFactor(fromUs: number, toUs: number): number;
}

export function createTemperature(config: TemperatureConfig, localTime: (timeUs: number) => LocalTime): Temperature {
  const { monthlyMeanC, forecast, loadPerKelvin, heatingLimitC } = config;
  const climateC = (timeUs: number) => {
    const { dayOfYear } = localTime(timeUs);
    return monthlyMeanC === undefined ? climateTemperatureC(dayOfYear) : betweenMonths(monthlyMeanC, dayOfYear);
  };
  const startUs = forecast === undefined ? 0 : parseInstant(forecast.start);
  const forecastC = (timeUs: number) =>
    forecast === undefined ? undefined : forecast.airC[Math.floor((timeUs - startUs) / forecast.stepUs)];
  const airC = (fromUs: number, toUs: number) => {
    const middleUs = (fromUs + toUs) / 2;
    return forecastC(middleUs) ?? climateC(middleUs);
  };
  const heating = (temperatureC: number) => Math.max(0, heatingLimitC - temperatureC);
  return {
    airC,
    loadFactor(fromUs, toUs) {
      if (loadPerKelvin === 0) return 1;
      const unusual = heating(airC(fromUs, toUs)) - heating(climateC((fromUs + toUs) / 2));
      return Math.max(0, 1 + loadPerKelvin * unusual);
    },
  };
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
