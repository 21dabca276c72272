/** Forecasting as a service: load and PV of the site and its parts, published on time and on nothing else. */
import { topics } from '../contract/topics.ts';
import { defineService } from '../service/definition.ts';
import { buildForecast } from './build-forecast.ts';
import { forecastingConfigSchema, type ForecastingConfig } from './config.ts';
import { createModelOutlook } from './model-outlook.ts';
import type { OutlookSource, StepOutlook } from './outlook.ts';
import { createSeriesOutlook } from './series-outlook.ts';

export const forecasting = defineService({
  name: 'forecasting',
  summary: 'load and PV of the next 24 h, from H0 profile and clear sky or from a given series',
  configSchema: forecastingConfigSchema,
  inputs: () => [],
  streams: ({ streams }) => streams,
  upstreams: () => [],
  create(config) {
    const source = remembering(createSource(config), config);
    let slot = Number.NaN;
    let forecasts = 0;
    let withoutForecast = 0;
    return {
      step({ timeUs }) {
        const now = Math.floor(timeUs / config.everyUs);
        if (now === slot) return [];
        slot = now;
        const message = buildForecast(config, source, timeUs);
        if (message === undefined) {
          withoutForecast += 1;
          return [];
        }
        forecasts += 1;
        return [{ topic: topics.forecast(config.site, message.issuer), message }];
      },
      metrics: () => ({ forecasts, withoutForecast }),
    };
  },
});

function createSource(config: ForecastingConfig): OutlookSource {
  return config.source === 'model' ? createModelOutlook(config) : createSeriesOutlook(config);
}

/** Successive forecasts share all steps but one: keeps as many as one forecast has, the oldest goes first. */
function remembering(source: OutlookSource, config: ForecastingConfig): OutlookSource {
  const known = new Map<number, StepOutlook | undefined>();
  const capacity = config.pastSteps + Math.ceil(config.horizonUs / config.stepUs) + 1;
  return (fromUs, toUs) => {
    if (known.has(fromUs)) return known.get(fromUs);
    const step = source(fromUs, toUs);
    known.set(fromUs, step);
    for (const oldest of known.keys()) {
      if (known.size <= capacity) break;
      known.delete(oldest);
    }
    return step;
  };
}
