/** The scenario's JSON Schema for editors: strict for a whole scenario, without required keys for one that extends another. */
import { z } from 'zod';
import { scenarioSchema } from './schema.ts';

export function scenarioJsonSchema(): object {
  const { $schema, ...complete } = z.toJSONSchema(scenarioSchema, { io: 'input' });
  return {
    $schema,
    title: 'platone-twin scenario',
    if: { required: ['extends'] },
    // oxlint-disable-next-line unicorn/no-thenable -- a keyword of JSON Schema; nobody awaits this object
    then: { $ref: '#/$defs/extension' },
    else: { $ref: '#/$defs/scenario' },
    $defs: { scenario: complete, extension: withoutRequired(complete) },
  };
}

/** List entries replace those of the extended file, so they stay complete; maps merge, so they need not be. */
function withoutRequired(schema: unknown): unknown {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (Array.isArray(schema)) return schema.map(withoutRequired);
  const kept = Object.entries(schema).filter(([key]) => key !== 'required');
  return Object.fromEntries(kept.map(([key, value]) => [key, key === 'items' ? value : withoutRequired(value)]));
}
