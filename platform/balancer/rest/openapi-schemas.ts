/** The bodies of the API's requests and answers as JSON Schema, from the schemas that check them where there are any. */
import { z } from 'zod';
import { planSchema } from '../../contract/plan.ts';
import { batteriesSchema, requestSchema } from '../pymfm-request.ts';
import { setpointOrderSchema, triggerOrderSchema } from './orders.ts';
import { problemDetailsSchema } from './problem-details.ts';

export type Json = Readonly<Record<string, unknown>>;

const instantText = { type: 'string', format: 'date-time' } as const;
const nullable = (type: string) => ({ type: [type, 'null'] });
const databusState = { enum: ['connected', 'away'], description: 'Whether its broker is there' } as const;

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

/** By the names that the document refers to. */
export const schemas: Json = {
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
