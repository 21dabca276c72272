/** Forecasting as a service: load and PV of the site and its parts, from the meters and on time. */
import { topics } from '../contract/topics.ts';
import { defineService } from '../service/definition.ts';
import { buildForecast } from './build-forecast.ts';
import { forecastingConfigSchema, type ForecastingConfig } from './config.ts';
import type { Forecaster } from './forecaster.ts';
import { createMeteredSite } from './metered-site.ts';
import { createModelForecaster } from './model-forecaster.ts';
import { createSeriesForecaster } from './series-forecaster.ts';
import { weatherReports } from './weather-reports.ts';
import { wrongOnPurpose } from './wrong-on-purpose.ts';

export const forecasting = defineService({
  name: 'forecasting',
  summary: 'load and PV of the next 24 h with quantiles, from H0, clear sky and meters, or from a given series',
  configSchema: forecastingConfigSchema,
  inputs: (config) => [
    ...(config.meters.length === 0 ? [] : [topics.bridgedMeasurement(config.site, 'smart-meter', '+')]),
    ...stationOf(config).map((station) => topics.bridgedMeasurement(config.site, 'weather-station', station)),
  ],
  streams: ({ streams }) => streams,
  upstreams: () => [],
  create(config) {
    const forecaster = wrongOnPurpose(createForecaster(config), config);
    const site = createMeteredSite(config);
    let slot = Number.NaN;
    let forecasts = 0;
    let withoutForecast = 0;
    let observations = 0;
    return {
      step({ timeUs, inputs }) {
        for (const report of weatherReports(inputs)) forecaster.weather(report);
        const observation = inputs.length === 0 ? undefined : site.take(inputs);
        if (observation !== undefined) {
          forecaster.observe(observation);
          observations += 1;
        }
        const now = Math.floor(timeUs / config.everyUs);
        if (now === slot) return [];
        slot = now;
        const message = buildForecast(config, forecaster, timeUs);
        if (message === undefined) {
          withoutForecast += 1;
          return [];
        }
        forecasts += 1;
        return [{ topic: topics.forecast(config.site, message.issuer), message }];
      },
      metrics: () => ({ forecasts, withoutForecast, observations }),
    };
  },
});

function stationOf(config: ForecastingConfig): readonly string[] {
  const station = config.source === 'model' ? config.temperature.station : undefined;
  return station === undefined ? [] : [station];
}

function createForecaster(config: ForecastingConfig): Forecaster {
  return config.source === 'model' ? createModelForecaster(config) : createSeriesForecaster(config);
}
