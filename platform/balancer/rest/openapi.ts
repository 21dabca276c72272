/** The API described in OpenAPI 3.1, from the schemas that check it; a test sends every example to a real server. */
import { examples, type ExampleName } from './examples.ts';
import { type Json, schemas } from './openapi-schemas.ts';
import { problemMediaType } from './problem-details.ts';

/** The document for an API that is mounted below `basePath`. */
export function openApiDocument(basePath = ''): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'platone-twin balancer',
      version: '1',
      description:
        'Plans, setpoints and use cases of the German demo site. Plan requests and answers have the form of the Platone ' +
        'WP5 balancer (pymfm): kW, kWh, %, battery power positive when charging. Everything else is SI: W, s, a battery ' +
        'positive when discharging, the exchange with the grid positive when importing. Times are ISO 8601 with a zone.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: basePath === '' ? '/' : basePath }],
    security: [{ token: [] }],
    paths,
    components: {
      securitySchemes: {
        token: { type: 'http', scheme: 'bearer' },
        password: { type: 'http', scheme: 'basic', description: 'For pymfm’s paths, where the settings have one' },
      },
      schemas,
      responses,
    },
  };
}

function problem(description: string): Json {
  return { description, content: { [problemMediaType]: { schema: { $ref: '#/components/schemas/Problem' } } } };
}

const responses: Json = {
  NoJson: problem('The body is no JSON'),
  Unauthorized: problem('No token, or a wrong one'),
  NotFound: problem('Nothing of that name'),
  Conflict: problem('Not finished yet, or a name that stands for something else'),
  TooLarge: problem('The body is larger than this balancer takes'),
  NoJsonType: problem('The body is not declared as application/json'),
  Faults: problem('Every fault of the request with its path'),
  Busy: problem('Try again after the seconds of Retry-After'),
};

function answers(description: string, schema: string): Json {
  return { description, content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } } };
}

const refer = (name: string) => ({ $ref: `#/components/responses/${name}` });
const guarded = { 401: refer('Unauthorized') };
const withBody = {
  ...guarded,
  400: refer('NoJson'),
  413: refer('TooLarge'),
  415: refer('NoJsonType'),
  422: refer('Faults'),
};

function body(schema: string, names: readonly ExampleName[]): Json {
  const named = names.map((name) => [name, { summary: examples[name].summary, value: examples[name].value }]);
  return {
    required: true,
    content: {
      'application/json': { schema: { $ref: `#/components/schemas/${schema}` }, examples: Object.fromEntries(named) },
    },
  };
}

function parameter(name: string, description: string): Json {
  return { name, in: 'path', required: true, description, schema: { type: 'string' } };
}

const planExamples = ['near-real-time', 'scheduling', 'optimised', 'infeasible'] as const;
const job = parameter('id', 'Of the job');
const eitherWay = [{ token: [] }, { password: [] }];

const paths: Json = {
  '/health': {
    get: {
      summary: 'Is the balancer alive? For liveness probes, without a token: to start it again brings no broker back',
      security: [],
      responses: { 200: answers('It is, whatever else is missing', 'Health') },
    },
  },
  '/ready': {
    get: {
      summary: 'Can orders be carried out? For readiness probes, without a token',
      security: [],
      responses: { 200: answers('They can', 'Health'), 503: refer('Busy') },
    },
  },
  '/openapi.json': {
    get: {
      summary: 'This document, without a token',
      security: [],
      responses: {
        200: { description: 'OpenAPI 3.1', content: { 'application/json': { schema: { type: 'object' } } } },
      },
    },
  },
  '/v1/status': {
    get: {
      summary: 'Use case in force, setpoints, time and counters of the running balancer',
      responses: { ...guarded, 200: answers('As of now', 'Status') },
    },
  },
  '/v1/plan': {
    get: {
      summary: 'The plan that the running balancer follows',
      responses: { ...guarded, 200: answers('The newest one', 'RunningPlan'), 404: refer('NotFound') },
    },
    post: {
      summary: 'Answer a request of the Platone WP5 balancer, and wait for it',
      requestBody: body('PlanRequest', planExamples),
      responses: { ...withBody, 200: answers('In the form of that balancer', 'PlanAnswer'), 503: refer('Busy') },
    },
  },
  '/v1/plan/jobs': {
    post: {
      summary: 'The same as a job, for requests that take their time',
      requestBody: body('PlanRequest', planExamples),
      responses: {
        ...withBody,
        202: {
          ...answers('Taken on', 'Job'),
          headers: { location: { description: 'Path of the job', schema: { type: 'string' } } },
        },
        503: refer('Busy'),
      },
    },
  },
  '/v1/plan/jobs/{id}': {
    parameters: [job],
    get: {
      summary: 'How far it is',
      responses: { ...guarded, 200: answers('Its state', 'Job'), 404: refer('NotFound') },
    },
    delete: {
      summary: 'Forget it; one under way is broken off',
      responses: { ...guarded, 204: { description: 'Forgotten' }, 404: refer('NotFound') },
    },
  },
  '/v1/plan/jobs/{id}/result': {
    parameters: [job],
    get: {
      summary: 'Its answer',
      responses: {
        ...guarded,
        200: answers('In the form of that balancer', 'PlanAnswer'),
        404: refer('NotFound'),
        409: refer('Conflict'),
        422: refer('Faults'),
      },
    },
  },
  '/balancing': {
    post: {
      summary: 'As pymfm’s own service: a request becomes a job under its id',
      security: eitherWay,
      requestBody: body('BalancingRequest', [...planExamples, 'later-names']),
      responses: { ...withBody, 200: answers('Taken on', 'BalancingJob'), 503: refer('Busy') },
    },
    get: {
      summary: 'Ids of the jobs',
      security: eitherWay,
      responses: {
        ...guarded,
        200: {
          description: 'Oldest first',
          content: { 'application/json': { schema: { type: 'array', items: { type: 'string' } } } },
        },
      },
    },
  },
  '/balancing/{id}': {
    parameters: [job],
    get: {
      summary: 'The job with its result, once there is one',
      security: eitherWay,
      responses: { ...guarded, 200: answers('As it stands', 'BalancingJob'), 404: refer('NotFound') },
    },
    delete: {
      summary: 'Forget it',
      security: eitherWay,
      responses: { ...guarded, 200: answers('As it stood', 'BalancingJob'), 404: refer('NotFound') },
    },
  },
  '/v1/trigger': {
    post: {
      summary: 'Apply a use case: 0 stops, 1 to 4 are UC-DE-1 to 4',
      requestBody: body('TriggerOrder', ['stop', 'island', 'flexibility', 'import-packages', 'export-packages']),
      responses: {
        ...withBody,
        202: answers('Handed on; it takes effect at the next instant that begins', 'Order'),
        409: refer('Conflict'),
        503: refer('Busy'),
      },
    },
  },
  '/v1/setpoint': {
    post: {
      summary: 'Hold an exchange with the grid for a time (UC-DE-2)',
      requestBody: body('SetpointOrder', ['setpoint']),
      responses: {
        ...withBody,
        202: answers('Handed on; it takes effect at the next instant that begins', 'Order'),
        409: refer('Conflict'),
        503: refer('Busy'),
      },
    },
  },
  '/v1/orders/{request}': {
    parameters: [parameter('request', 'Name of the request, as ordered or as answered')],
    get: {
      summary: 'What became of a trigger or setpoint',
      responses: { ...guarded, 200: answers('As far as the balancer has answered', 'Order'), 404: refer('NotFound') },
    },
  },
};
