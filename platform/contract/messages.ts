/** Which schema a message of a kind has to meet, for every kind that travels on the databus. */
import type { z } from 'zod';
import { repudiationSchema } from './certification.ts';
import { estimateSchema } from './estimate.ts';
import { forecastSchema } from './forecast.ts';
import { measurementSchema } from './measurement.ts';
import { planSchema } from './plan.ts';
import { setpointSchema } from './setpoint.ts';
import { triggerSchema } from './trigger.ts';
import { useCaseSchema } from './use-case.ts';

type MessageSchema = z.ZodType<{ timestamp: string }>;

const schemas: Readonly<Record<string, MessageSchema>> = {
  setpoint: setpointSchema,
  estimate: estimateSchema,
  forecast: forecastSchema,
  repudiation: repudiationSchema,
  trigger: triggerSchema,
  'use-case': useCaseSchema,
  plan: planSchema,
};

/** Every other kind (pmu, smart-meter, bess, power and devices to come) is a measurement message. */
export function schemaOfKind(kind: string): MessageSchema {
  return schemas[kind] ?? measurementSchema;
}
