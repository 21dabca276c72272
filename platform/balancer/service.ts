/** The balancer as a service: measurements or forecasts in, setpoints for one battery out. */
import type { Setpoint } from '../contract/setpoint.ts';
import { formatInstant } from '../contract/time.ts';
import { topics } from '../contract/topics.ts';
import { defineService, type Output } from '../service/definition.ts';
import { balancerConfigSchema, type BalancerConfig } from './config.ts';
import { createNearRealTime } from './near-real-time.ts';
import { createSchedule } from './schedule.ts';

export const balancer = defineService({
  name: 'balancer',
  summary: 'setpoints for a battery by rule: near-real-time from breaker and telemetry, or by schedule from a forecast',
  configSchema: balancerConfigSchema,
  inputs: ({ site, mode }) => [
    topics.bridgedMeasurement(site, 'bess', '+'),
    mode === 'near-real-time' ? topics.power(site, '+') : topics.forecast(site, '+'),
  ],
  streams: ({ streams }) => streams,
  upstreams: ({ mode }) => [mode === 'near-real-time' ? 'power-calculation' : 'forecasting'],
  create(config) {
    const controller = config.mode === 'near-real-time' ? createNearRealTime(config) : createSchedule(config);
    let firstUs: number | undefined;
    let period = -1;
    let setpoints = 0;
    let withoutSetpoint = 0;
    return {
      step(instant) {
        controller.observe(instant);
        // Periods count from the first instant, so that instants which come more often, or not at all, do no harm.
        firstUs ??= instant.timeUs;
        const now = Math.floor((instant.timeUs - firstUs) / config.everyUs);
        if (now === period) return [];
        period = now;
        const powerW = controller.decide(instant.timeUs);
        if (powerW === undefined) {
          withoutSetpoint += 1;
          return [];
        }
        return [setpointOutput(config, instant.timeUs, powerW, setpoints++)];
      },
      metrics: () => ({ setpoints, withoutSetpoint, ...controller.metrics() }),
    };
  },
});

function setpointOutput(config: BalancerConfig, timeUs: number, activePowerW: number, sequence: number): Output {
  const message: Setpoint = {
    schema: 'platone.setpoint/1',
    device: config.battery.device,
    timestamp: formatInstant(timeUs),
    sequence,
    // Minus zero does not survive JSON; nobody should have to tell the two apart.
    activePowerW: activePowerW === 0 ? 0 : activePowerW,
    validForUs: config.validForPeriods * config.everyUs,
    issuer: 'balancer',
  };
  return { topic: topics.setpoint(config.site, config.battery.device), message };
}
