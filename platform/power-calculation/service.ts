/** Power calculation as a service: PMU frames from the access layer or straight from the device, powers to the databus. */
import { z } from 'zod';
import type { Measurement } from '../contract/measurement.ts';
import { topics } from '../contract/topics.ts';
import { defineService, type Output } from '../service/definition.ts';
import { calculatePower } from './calculate.ts';

export const powerCalculationConfigSchema = z.strictObject({
  site: z.string().min(1),
  /** Roads that PMU frames come on: through the access layer and the bridge, or straight to the platform. */
  routes: z
    .array(z.enum(['bal', 'direct']))
    .min(1)
    .default(['bal']),
  sequenceComponents: z.boolean().default(true),
  /** True for a positive-sequence grid: phase A of a frame stands for all three. */
  balanced: z.boolean().default(false),
  /** The clock's share of every angle's sigma, rad; it cancels in power angles. 0 = angles are independent. */
  commonAngleSigmaRad: z.number().nonnegative().default(0),
});

export const powerCalculation = defineService({
  name: 'power-calculation',
  summary: 'per-phase and total P, Q, S, power factor and symmetrical components from PMU phasors',
  configSchema: powerCalculationConfigSchema,
  inputs: ({ site, routes }) =>
    routes.map((route) =>
      route === 'bal' ? topics.bridgedMeasurement(site, 'pmu', '+') : topics.directPmu(site, '+'),
    ),
  streams: ({ routes }) => [...new Set(routes)],
  upstreams: () => [],
  create(config) {
    let calculated = 0;
    let withoutPower = 0;
    return {
      step(instant) {
        const outputs: Output[] = [];
        for (const input of instant.inputs) {
          if (input.kind !== 'pmu') continue;
          // A late frame is still worth its powers: they carry its own instant, and readers count them as late.
          const power = calculatePower(input.message as Measurement, config);
          if (power === undefined) withoutPower += 1;
          else outputs.push({ topic: topics.power(config.site, power.device), message: power });
        }
        calculated += outputs.length;
        return outputs;
      },
      metrics: () => ({ calculated, withoutPower }),
    };
  },
});
