/** The quick check and the schemas never disagree, whatever was done to a message. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { schemaOfKind } from '../../platform/contract/messages.ts';
import { isInOrder } from '../../platform/contract/quick-check.ts';

const measurement = {
  certification: { hash: 'b'.repeat(64), index: 3, keyId: 'a/b#1', previousHash: 'a'.repeat(64), signature: 'AAAA' },
  device: 'pmu-1',
  interval: { end: '2021-04-01T00:15:00Z', start: '2021-04-01T00:00:00Z' },
  positiveDirection: -1,
  quality: { synchronised: true, timeErrorUs: 2, valid: true },
  readings: [
    { component: 'bus:a', data: 230.1, measurand: 'voltmagnitude', phase: 'A', sigma: 0.2 },
    { component: 'bus:a', data: 0, measurand: 'energyimport', obis: '1-0:1.8.0*255', phase: 'total' },
  ],
  schema: 'platone.measurement/1',
  sequence: 7,
  timestamp: '2021-04-01T00:15:00Z',
};
const setpoint = {
  schema: 'platone.setpoint/1',
  device: 'cbes',
  timestamp: '2021-04-01T00:15:00Z',
  sequence: 0,
  activePowerW: -5,
  validForUs: 30_000_000,
  issuer: 'balancer',
};

type Json = Record<string, unknown>;

/** Every place in a JSON value, as the object that holds it and its key there. */
function places(value: unknown): { readonly holder: Json; readonly key: string }[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.keys(value).flatMap((key) => [
    { holder: value as Json, key },
    ...places((value as Record<string, unknown>)[key]),
  ]);
}

const oddities = [null, '', 'x', -1, 0, 1, 1.5, 1e300, 2 ** 53, Number.NaN, Infinity, true, [], {}, [1], { a: 1 }];
const change = fc.record({ at: fc.nat(), to: fc.oneof(fc.constantFrom(...oddities), fc.constant('remove')) });

describe('the quick check', () => {
  it.each([
    ['pmu', measurement],
    ['setpoint', setpoint],
  ])('says yes to a %s message, and what zod says to one that was tampered with', (kind, message) => {
    const schema = schemaOfKind(kind);
    expect(isInOrder(schema, message)).toBe(true);
    let refused = 0;
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 2 }), (changes) => {
        const copy = structuredClone(message) as Json;
        for (const { at, to } of changes) {
          const all = places(copy);
          const { holder, key } = all[at % all.length]!;
          if (to === 'remove') delete holder[key];
          else holder[key] = structuredClone(to);
        }
        const { success } = schema.safeParse(copy);
        if (!success) refused += 1;
        expect(isInOrder(schema, copy)).toBe(success);
      }),
      { numRuns: 2000 },
    );
    expect(refused).toBeGreaterThan(500);
  });
});
