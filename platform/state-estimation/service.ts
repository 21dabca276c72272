/** State estimation as a service: PMU frames, meter intervals and forecasts in, one estimate per interval out. */
import type { Forecast } from '../contract/forecast.ts';
import type { Measurement } from '../contract/measurement.ts';
import { topics } from '../contract/topics.ts';
import { defineService, type Instant, type Output, type ServiceCore } from '../service/definition.ts';
import { type StateEstimationConfig, stateEstimationConfigSchema } from './config.ts';
import { EstimationCore } from './core.ts';

export const stateEstimation = defineService({
  name: 'state-estimation',
  summary: 'voltages, flows and their uncertainty from PMUs, meters and forecasts by weighted least squares',
  configSchema: stateEstimationConfigSchema,
  inputs: ({ site, routes, useForecast }) => [
    ...(routes.includes('bal')
      ? [topics.bridgedMeasurement(site, 'pmu', '+'), topics.bridgedMeasurement(site, 'smart-meter', '+')]
      : []),
    ...(routes.includes('direct') ? [topics.directPmu(site, '+')] : []),
    ...(useForecast ? [topics.forecast(site, '+')] : []),
  ],
  streams: ({ routes }) => [...new Set(routes)],
  upstreams: ({ useForecast }) => (useForecast ? ['forecasting'] : []),
  create: (config) => createStateEstimation(config),
});

function createStateEstimation(config: StateEstimationConfig): ServiceCore {
  const core = new EstimationCore(config);
  const counts = { converged: 0, 'not-observable': 0, diverged: 0, 'no-measurements': 0 };
  let lateIgnored = 0;
  let strangers = 0;
  let iterations = 0;
  let startUs = config.startUs;
  const devices = new Set(config.meters.map(({ device }) => device));

  return {
    step({ timeUs, inputs }: Instant) {
      startUs ??= timeUs;
      for (const input of inputs) {
        if (input.kind === 'forecast') core.takeForecast(input.message as Forecast);
        else if (input.late) lateIgnored += 1;
        else if (input.kind === 'pmu' || input.kind === 'smart-meter') {
          const message = input.message as Measurement;
          if (devices.has(message.device)) core.takeMeasurement(input.kind, message, input.taggedUs);
          else strangers += 1;
        }
      }
      const outputs: Output[] = [];
      const elapsedUs = timeUs - startUs;
      // At the start no interval lies behind; only an instantaneous estimate is possible.
      const due = elapsedUs % config.everyUs === 0 && (elapsedUs > 0 || core.isInstantaneous(timeUs));
      if (due) {
        const estimate = core.estimate(timeUs);
        counts[estimate.status] += 1;
        iterations += estimate.iterations;
        outputs.push({ topic: topics.estimate(config.site, estimate.estimator), message: estimate });
      }
      return outputs;
    },
    metrics: () => ({
      ...counts,
      iterations,
      lateIgnored,
      strangers,
      unknownDevices: core.unknownDevices.length,
    }),
  };
}
