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
const trigger = {
  schema: 'platone.trigger/1',
  timestamp: '2021-04-01T00:15:00Z',
  issuer: 'operator',
  request: 'r-1',
};
const at = '2021-04-01T12:00:00+02:00';
const hold = { ...trigger, useCase: 2, targetW: -5000, durationUs: 60e6, start: at };
const delivery = { ...trigger, useCase: 3, slots: [{ start: at, durationUs: 3600e6, powerW: 40e3 }] };
const plan = {
  schema: 'platone.plan/1',
  issuer: 'balancer',
  timestamp: '2021-04-01T00:15:00Z',
  sequence: 2,
  useCase: 3,
  method: 'optimisation',
  status: 'feasible',
  clashes: ['a'],
  start: '2021-04-01T00:15:00Z',
  stepUs: 900_000_000,
  loadW: [1],
  generationW: [0],
  exchangeW: [1],
  batteries: [{ device: 'cbes', activePowerW: [0], stateOfCharge: [0.5] }],
  windows: [{ kind: 'import-package', start: at, end: '2021-04-01T13:00:00+02:00', exchangeW: 40e3 }],
};
const forecast = {
  schema: 'platone.forecast/1',
  issuer: 'model',
  timestamp: '2021-04-01T00:15:00Z',
  start: '2021-04-01T00:15:00Z',
  stepUs: 900_000_000,
  series: [
    {
      component: 'site:load',
      activePowerW: [1],
      activePowerSigmaW: [0.1],
      quantiles: [{ probability: 0.5, activePowerW: [1] }],
    },
  ],
};
const useCase = {
  schema: 'platone.use-case/1',
  issuer: 'balancer',
  timestamp: '2021-04-01T00:15:00Z',
  sequence: 0,
  useCase: 1,
  cause: 'trigger',
  targetW: null,
  flexibility: { lowestW: -1, highestW: 1 },
  answer: { request: 'r-1', useCase: 1, accepted: true, reasons: [] },
};
const repudiation = {
  schema: 'platone.repudiation/1',
  device: 'pmu-1',
  timestamp: '2021-04-01T00:15:00Z',
  reason: 'chain-broken',
  fromIndex: 0,
  untilIndex: 63,
};
const phase = { id: 'a', voltageMagnitudeV: [230, null, 1], voltageAngleRad: [0], voltageMagnitudeSigmaV: [1] };
const estimate = {
  schema: 'platone.estimate/1',
  estimator: 'wls',
  timestamp: '2021-04-01T00:15:00Z',
  interval: { start: '2021-04-01T00:00:00Z', end: '2021-04-01T00:15:00Z' },
  status: 'converged',
  iterations: 3,
  buses: [{ ...phase, voltageAngleSigmaRad: [null] }],
  branches: [],
  suspects: [{ measurement: 'm', normalisedResidual: 4 }],
  modelFindings: [
    {
      kind: 'tap',
      element: 't',
      says: 'x',
      inField: [{ feature: 'tapPosition', id: 't', value: -1 }],
      evidence: 1,
      estimates: 2,
    },
  ],
  inventory: [{ source: 'pmu-1', kind: 'pmu', count: 6, ageUsMax: 0, sigmaRelativeMedian: 0.01 }],
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

const oddities = [
  null,
  '',
  'x',
  '2021-02-30T00:00:00Z',
  '2021-02-28T00:00:00Z',
  -1,
  0,
  1,
  1.5,
  1e300,
  2 ** 53,
  Number.NaN,
  Infinity,
  true,
  [],
  {},
  [1],
  { a: 1 },
];
const change = fc.record({ at: fc.nat(), to: fc.oneof(fc.constantFrom(...oddities), fc.constant('remove')) });

describe('the quick check', () => {
  it.each([
    ['pmu', measurement],
    ['setpoint', setpoint],
    ['trigger', hold],
    ['trigger', delivery],
    ['plan', plan],
    ['forecast', forecast],
    ['use-case', useCase],
    ['repudiation', repudiation],
    ['estimate', estimate],
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
