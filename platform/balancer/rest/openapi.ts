/** The API described in OpenAPI 3.1, from the schemas that check it; a test sends every example to a real server. */
import { z } from 'zod';
import { planSchema } from '../../contract/plan.ts';
import { batteriesSchema, requestSchema } from '../pymfm-request.ts';
import { examples, type ExampleName } from './examples.ts';
import { setpointOrderSchema, triggerOrderSchema } from './orders.ts';
import { problemDetailsSchema, problemMediaType } from './problem-details.ts';

type Json = Readonly<Record<string, unknown>>;

const instantText = { type: 'string', format: 'date-time' } as const;
const nullable = (type: string) => ({ type: [type, 'null'] });
const databusState = { enum: ['connected', 'away'], description: 'Whether its broker is there' } as const;

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

function jsonSchema(schema: z.ZodType) {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return rest;
}

/** A request to plan. One battery, or a list of them: the schema that checks wraps the one in a list first. */
export function planRequestSchema(): Json {
  const whole = jsonSchema(requestSchema);
  const list = jsonSchema(batteriesSchema);
  return { ...whole, properties: { ...whole.properties, battery_specs: { anyOf: [list.items, list] } } };
}

const answerHead = {
  id: { type: 'string' },
  application: { const: 'pymfm' },
  control_logic: { enum: ['rule_based', 'optimization_based'] },
} as const;

const schemas: Json = {
  PlanRequest: planRequestSchema(),
  NearRealTimeAnswer: {
    type: 'object',
    properties: {
      ...answerHead,
      operation_mode: { const: 'near_real_time' },
      timestamp: instantText,
      'initial_SoC_bat_%': { type: 'number' },
      'SoC_bat_%': { type: 'number' },
      P_bat_kW: { type: 'number', description: 'Charging positive' },
      P_net_meas_kW: { type: 'number' },
      P_net_after_kW: { type: 'number', description: 'Counted from P_req_kW: the exchange is their sum' },
    },
    required: [
      ...Object.keys(answerHead),
      'operation_mode',
      'timestamp',
      'initial_SoC_bat_%',
      'SoC_bat_%',
      'P_bat_kW',
      'P_net_meas_kW',
      'P_net_after_kW',
    ],
    additionalProperties: false,
  },
  SchedulingAnswer: {
    type: 'object',
    properties: {
      ...answerHead,
      operation_mode: { const: 'scheduling' },
      uc_start: instantText,
      uc_end: instantText,
      results: {
        type: 'array',
        minItems: 1,
        items: {
          type: 'object',
          description:
            'One step: P_<battery>_kW is positive when charging, SoC_<battery>_% stands at the end of the step, timestamp at its start.',
          properties: {
            P_net_before_kW: { type: 'number' },
            P_net_after_kW: { type: 'number' },
            timestamp: instantText,
          },
          required: ['P_net_before_kW', 'P_net_after_kW', 'timestamp'],
          additionalProperties: { type: ['number', 'null'] },
        },
      },
    },
    required: [...Object.keys(answerHead), 'operation_mode', 'uc_start', 'uc_end', 'results'],
    additionalProperties: false,
  },
  UnmetAnswer: {
    type: 'object',
    description: 'The demands cannot be met together: which ones clash, and why. Ours; pymfm leaves it to its log.',
    properties: {
      ...answerHead,
      operation_mode: { const: 'scheduling' },
      uc_start: instantText,
      uc_end: instantText,
      status: { enum: ['infeasible', 'unsolved'] },
      explanation: { type: 'string' },
      clash: { type: 'array', items: { type: 'string' } },
      results: { type: 'array', maxItems: 0 },
    },
    required: [
      ...Object.keys(answerHead),
      'operation_mode',
      'uc_start',
      'uc_end',
      'status',
      'explanation',
      'clash',
      'results',
    ],
    additionalProperties: false,
  },
  PlanAnswer: {
    anyOf: [
      { $ref: '#/components/schemas/NearRealTimeAnswer' },
      { $ref: '#/components/schemas/SchedulingAnswer' },
      { $ref: '#/components/schemas/UnmetAnswer' },
    ],
  },
  BalancingRequest: {
    description:
      'In the form of pymfm’s files, or in the names of its later versions with states of charge from 0 to 1',
    anyOf: [{ $ref: '#/components/schemas/PlanRequest' }, { type: 'object', required: ['generation_and_load'] }],
  },
  BalancingJob: {
    type: 'object',
    properties: {
      id: { type: 'string', description: 'That of the request' },
      input: { type: 'object', description: 'The request as it came' },
      status: { enum: ['created', 'running', 'success', 'failed'] },
      details: { ...nullable('string'), description: 'Why it failed, for example which demands clash' },
      created: instantText,
      finished: nullable('string'),
      result: { anyOf: [{ $ref: '#/components/schemas/BalancingResult' }, { type: 'null' }] },
    },
    required: ['id', 'input', 'status', 'details', 'created', 'finished', 'result'],
    additionalProperties: false,
  },
  BalancingResult: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      version: { type: 'string' },
      peak_imp: { ...nullable('number'), description: 'kW' },
      peak_exp: { ...nullable('number'), description: 'kW' },
      schedule: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            time: instantText,
            SoC_bat: { type: 'object', additionalProperties: { type: 'number' }, description: '0 to 1, by battery' },
            P_bat_kW: { type: 'object', additionalProperties: { type: 'number' }, description: 'Charging positive' },
            P_PV_kW: nullable('number'),
            P_net_before_kW: { type: 'number' },
            P_net_after_kW: { type: 'number' },
          },
          required: ['time', 'SoC_bat', 'P_bat_kW', 'P_PV_kW', 'P_net_before_kW', 'P_net_after_kW'],
          additionalProperties: false,
        },
      },
    },
    required: ['id', 'version', 'peak_imp', 'peak_exp', 'schedule'],
    additionalProperties: false,
  },
  Job: {
    type: 'object',
    properties: {
      id: { type: 'string' },
      state: { enum: ['queued', 'running', 'done', 'failed'] },
      result: { type: 'string', description: 'Path of the answer' },
    },
    required: ['id', 'state', 'result'],
    additionalProperties: false,
  },
  TriggerOrder: jsonSchema(triggerOrderSchema),
  SetpointOrder: jsonSchema(setpointOrderSchema),
  Order: {
    type: 'object',
    properties: {
      request: { type: 'string' },
      useCase: { enum: [0, 1, 2, 3, 4] },
      issuedAt: { ...instantText, description: 'The newest instant that the balancer had finished when it came in' },
      answeredAt: { ...nullable('string'), description: 'The instant at which it took effect or was refused' },
      state: { enum: ['pending', 'accepted', 'refused'] },
      reasons: { type: 'array', items: { type: 'string' } },
    },
    required: ['request', 'useCase', 'issuedAt', 'answeredAt', 'state', 'reasons'],
    additionalProperties: false,
  },
  RunningPlan: jsonSchema(planSchema),
  Status: {
    type: 'object',
    properties: {
      databus: databusState,
      watermark: { ...nullable('string'), description: 'The newest instant that the balancer has finished' },
      lagS: nullable('number'),
      useCase: { enum: [0, 1, 2, 3, 4, null] },
      since: nullable('string'),
      targetW: nullable('number'),
      flexibility: {
        ...nullable('object'),
        description: 'Exchange that the batteries could hold now, W, import positive',
        properties: { lowestW: { type: 'number' }, highestW: { type: 'number' } },
      },
      setpoints: {
        type: 'array',
        items: {
          type: 'object',
          properties: {
            device: { type: 'string' },
            timestamp: instantText,
            activePowerW: { type: 'number', description: 'Discharging positive' },
            validForS: { type: 'number' },
            issuer: { type: 'string' },
          },
          required: ['device', 'timestamp', 'activePowerW', 'validForS', 'issuer'],
        },
      },
      planIssuedAt: nullable('string'),
      waitingFor: { type: 'string' },
      plansUnderWay: { type: 'integer' },
      metrics: { type: 'object', additionalProperties: { type: 'number' } },
    },
    required: ['databus', 'watermark', 'lagS', 'useCase', 'since', 'targetW', 'setpoints', 'plansUnderWay', 'metrics'],
    additionalProperties: false,
  },
  Health: {
    type: 'object',
    properties: {
      status: { enum: ['pass', 'warn'], description: 'warn: it lives, but orders cannot be carried out now' },
      databus: databusState,
      watermark: nullable('string'),
      lagS: nullable('number'),
    },
    required: ['status', 'databus', 'watermark', 'lagS'],
    additionalProperties: false,
  },
  Problem: jsonSchema(problemDetailsSchema),
};

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
