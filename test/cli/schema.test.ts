/** The published schemas are those of the code, and the scenario's schema accepts the project's own scenarios. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { schemaNames } from '../../cli/commands/schema.ts';
import { twin } from './harness.ts';

const root = join(import.meta.dirname, '..', '..');

it('scenarios/scenario.schema.json is what "twin schema scenario" prints (else write it again)', async () => {
  const { out } = await twin(['schema', 'scenario']);
  expect(readFileSync(join(root, 'scenarios', 'scenario.schema.json'), 'utf8')).toBe(out);
});

describe('every schema', () => {
  it.each(schemaNames)('%s is printed as JSON Schema', async (name) => {
    const { code, out } = await twin(['schema', name]);
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      title: `platone-twin ${name}`,
    });
  });
});

it('balancer-api is printed as OpenAPI', async () => {
  const { code, out } = await twin(['schema', 'balancer-api']);
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ openapi: '3.1.0', info: { title: 'platone-twin balancer' } });
});

it('asks nothing of a scenario that extends another, but keeps its lists strict', async () => {
  const schema = JSON.parse((await twin(['schema', 'scenario'])).out) as {
    $defs: Record<'scenario' | 'extension', { required?: string[]; properties: Record<string, object> }>;
  };
  expect(schema.$defs.scenario.required).toContain('clock');
  expect(schema.$defs.extension.required).toBeUndefined();
  expect(schema.$defs.extension.properties['clock']).not.toHaveProperty('required');
  expect(JSON.stringify(schema.$defs.extension.properties['devices'])).toContain('"required"');
});
