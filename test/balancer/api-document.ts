/** The API's description as a caller reads it, and what it says of an answer. */
import { fastify } from 'fastify';
import { z } from 'zod';
import { openApiDocument } from '../../platform/balancer/rest/openapi.ts';
import type { Answer } from './api-desk.ts';

const describedSchema = z.looseObject({
  $ref: z.string().optional(),
  content: z.record(z.string(), z.object({ schema: z.looseObject({}) })).optional(),
});
const operationSchema = z.looseObject({
  requestBody: z
    .object({
      content: z.object({
        'application/json': z.object({ examples: z.record(z.string(), z.object({ value: z.looseObject({}) })) }),
      }),
    })
    .optional(),
  responses: z.record(z.string(), describedSchema),
});
type Operation = z.output<typeof operationSchema>;
/** Of a path: its operations by method. */
const pathSchema = z
  .record(z.string(), z.unknown())
  .transform((path) => Object.entries(path).filter(([key]) => key !== 'parameters'))
  .transform((operations) => z.record(z.string(), operationSchema).parse(Object.fromEntries(operations)));
export const document = z
  .looseObject({
    paths: z.record(z.string(), pathSchema),
    components: z.looseObject({ responses: z.record(z.string(), describedSchema) }),
  })
  .parse(openApiDocument());

/** A validator of the document's schemas: Ajv, as the server framework brings it, without any mending of values. */
async function validators() {
  const app = fastify({
    ajv: {
      customOptions: {
        removeAdditional: false,
        coerceTypes: false,
        useDefaults: false,
        allErrors: true,
        keywords: ['components'],
      },
    },
  });
  let compile: ((schema: object) => (value: unknown) => string) | undefined;
  app.get('/', (request) => {
    compile = (schema) => {
      const check = request.compileValidationSchema({ components: document.components, ...schema });
      return (value) => (check(value) ? '' : JSON.stringify(check.errors));
    };
    return {};
  });
  await app.inject('/');
  await app.close();
  if (compile === undefined) throw new Error('no validator');
  return compile;
}

/** What the document says of an answer: the faults that its schema finds in it, or that the status is not foreseen. */
export async function faultsOf(operation: Operation, { status, json, headers }: Answer): Promise<string> {
  let described = operation.responses[status];
  if (described === undefined) return `status ${status} is not described`;
  const name = described.$ref?.split('/').at(-1);
  if (name !== undefined) described = document.components.responses[name];
  if (described?.content === undefined) return json === undefined ? '' : 'a body is not described';
  const type = headers.get('content-type')?.split(';')[0] ?? '';
  const schema = described.content[type]?.schema;
  return schema === undefined ? `${type} is not described` : (await validators())(schema)(json);
}

export const operationAt = (method: string, path: string): Operation => {
  const operation = document.paths[path]?.[method.toLowerCase()];
  if (operation === undefined) throw new Error(`${method} ${path} is not described`);
  return operation;
};
