/** `twin schema NAME`: the JSON Schemas of what people write and of what travels on the wire, and the API in OpenAPI. */
import { z } from 'zod';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { closest } from '../../numerics/edit-distance.ts';
import { certificationSchema, repudiationSchema } from '../../platform/contract/certification.ts';
import { estimateSchema } from '../../platform/contract/estimate.ts';
import { forecastSchema } from '../../platform/contract/forecast.ts';
import { measurementSchema } from '../../platform/contract/measurement.ts';
import { setpointSchema } from '../../platform/contract/setpoint.ts';
import { planSchema } from '../../platform/contract/plan.ts';
import { progressSchema, tickSchema } from '../../platform/contract/timing.ts';
import { triggerSchema } from '../../platform/contract/trigger.ts';
import { useCaseSchema } from '../../platform/contract/use-case.ts';
import { measurementFileSchema } from '../../platform/state-estimation/measurement-file.ts';
import { scenarioJsonSchema } from '../../sim/scenario/json-schema.ts';
import { defineCommand, UsageError } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

const schemas: Readonly<Record<string, () => object>> = {
  scenario: scenarioJsonSchema,
  grid: () => toJson('grid', gridDocumentSchema),
  measurement: () => toJson('measurement', measurementSchema),
  'measurement-file': () => toJson('measurement-file', measurementFileSchema),
  setpoint: () => toJson('setpoint', setpointSchema),
  estimate: () => toJson('estimate', estimateSchema),
  forecast: () => toJson('forecast', forecastSchema),
  trigger: () => toJson('trigger', triggerSchema),
  'use-case': () => toJson('use-case', useCaseSchema),
  plan: () => toJson('plan', planSchema),
  certification: () => toJson('certification', certificationSchema),
  repudiation: () => toJson('repudiation', repudiationSchema),
  tick: () => toJson('tick', tickSchema),
  progress: () => toJson('progress', progressSchema),
};

export const schemaNames = Object.keys(schemas);

/** What is described by other documents than a JSON Schema. */
const documents: Readonly<Record<string, () => Promise<object>>> = {
  'balance-request': async () => ({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'platone-twin balance-request',
    ...(await import('../../platform/balancer/rest/openapi-schemas.ts')).planRequestSchema(),
  }),
  'balancer-api': async () => (await import('../../platform/balancer/rest/openapi.ts')).openApiDocument(),
};

const names = [...schemaNames, ...Object.keys(documents)];

export const command = defineCommand<{ readonly name: string }>({
  positionals: { name: { type: 'string', describe: `One of ${names.join(', ')}` } },
  options: {},
  examples: [
    { line: 'twin schema scenario > scenario.schema.json', does: 'For completion and checks in an editor' },
    { line: 'twin schema measurement', does: 'What a device sends' },
    { line: 'twin schema measurement-file', does: 'What twin estimate reads' },
    { line: 'twin schema balance-request', does: 'What twin balance reads' },
    { line: 'twin schema balancer-api', does: 'The REST interface of the balancer as OpenAPI 3.1' },
  ],
  async run({ name }, { terminal }) {
    const [make, describe] = [schemas[name], documents[name]];
    if (make === undefined && describe === undefined) {
      const near = closest(name, names);
      const hint = near === undefined ? `one of ${names.join(', ')}` : `did you mean "${near}"?`;
      throw new UsageError(`there is no schema "${name}"; ${hint}`);
    }
    terminal.print(JSON.stringify(describe === undefined ? make?.() : await describe(), null, 2));
    return exitCodes.pass.code;
  },
});

function toJson(name: string, schema: z.ZodType): object {
  return { title: `platone-twin ${name}`, ...z.toJSONSchema(schema, { io: 'input' }) };
}
