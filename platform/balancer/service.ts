/** The balancer as a service: measurements, forecasts and triggers in, setpoints, plans and answers out. */
import type { Setpoint } from '../contract/setpoint.ts';
import { formatInstant } from '../contract/time.ts';
import { topics } from '../contract/topics.ts';
import { defineService, type Output } from '../service/definition.ts';
import { balancerConfigSchema, type BalancerConfig } from './config.ts';
import type { Command, Controller } from './controller.ts';
import type { Optimiser } from './optimisation/optimiser.ts';
import { planByOptimisation } from './optimised-plan.ts';
import { planByRule } from './rule-plan.ts';
import { createSchedule } from './schedule.ts';
import { createUseCases, type Planner } from './use-cases.ts';

/** Loaded once a process, and only where a configuration asks for it. Without state of its own. */
let optimiser: Optimiser | undefined;

export const balancer = defineService({
  name: 'balancer',
  summary:
    'use cases UC-DE-1 to 4: setpoints for batteries, near-real-time from breaker and telemetry, or by schedule from a forecast',
  configSchema: balancerConfigSchema,
  inputs(config) {
    const { site } = config;
    return [
      topics.bridgedMeasurement(site, 'bess', '+'),
      ...(config.mode === 'near-real-time' ? [topics.power(site, '+'), topics.trigger(site, 'balancer')] : []),
      ...(readsForecast(config) ? [topics.forecast(site, '+')] : []),
    ];
  },
  streams: ({ streams }) => streams,
  http: async () => (await import('./rest/http-side.ts')).balancerHttp,
  upstreams: (config) => [
    ...(config.mode === 'near-real-time' ? ['power-calculation'] : []),
    ...(readsForecast(config) ? ['forecasting'] : []),
  ],
  async ready(config) {
    if (config.mode === 'schedule' || config.planning !== 'optimisation') return;
    optimiser ??= await (await import('./optimisation/optimiser.ts')).loadOptimiser();
  },
  create(config) {
    const controller = createController(config);
    const sequences = new Map<string, number>();
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
        const { commands, messages } = controller.decide(instant.timeUs);
        setpoints += commands.length;
        if (!commands.some(({ device }) => device === config.battery.device)) withoutSetpoint += 1;
        const outputs = commands.map((command) => {
          const sequence = sequences.get(command.device) ?? 0;
          sequences.set(command.device, sequence + 1);
          return setpointOutput(config.site, instant.timeUs, command, sequence);
        });
        return [...outputs, ...messages];
      },
      metrics: () => ({ setpoints, withoutSetpoint, ...controller.metrics() }),
    };
  },
});

function readsForecast(config: BalancerConfig): boolean {
  return config.mode === 'schedule' || config.planning !== 'none';
}

function createController(config: BalancerConfig): Controller {
  if (config.mode === 'schedule') return createSchedule(config);
  return createUseCases(config, plannerOf(config.planning));
}

function plannerOf(planning: 'none' | 'rule' | 'optimisation'): Planner | undefined {
  if (planning === 'none') return undefined;
  if (planning === 'rule') return planByRule;
  const solver = optimiser;
  if (solver === undefined) throw new Error('the balancer was created before its solver was loaded');
  return (task) => planByOptimisation(solver, task);
}

function setpointOutput(site: string, timeUs: number, command: Command, sequence: number): Output {
  const { device, powerW, validForUs } = command;
  const message: Setpoint = {
    schema: 'platone.setpoint/1',
    device,
    timestamp: formatInstant(timeUs),
    sequence,
    // Minus zero does not survive JSON; nobody should have to tell the two apart.
    activePowerW: powerW === 0 ? 0 : powerW,
    validForUs,
    issuer: 'balancer',
  };
  return { topic: topics.setpoint(site, device), message };
}
