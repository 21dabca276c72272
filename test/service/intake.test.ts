/** What is refused says why, in words that help whoever has written the sender. */
import { expect, it } from 'vitest';
import { readMessage } from '../../platform/service/intake.ts';

const read = (message: unknown) =>
  readMessage('dsotp/estimate/germany/mine', 'estimate', Buffer.from(JSON.stringify(message)));

const estimate = {
  schema: 'platone.estimate/1',
  estimator: 'mine',
  timestamp: '2021-04-01T00:00:00+02:00',
  status: 'converged',
  iterations: 1,
  referenceBus: 'mv',
  buses: [],
  branches: [],
  inventory: [],
};

it('a message in order is taken', () => {
  expect(read(estimate).accepted).toBe(true);
});

it('a field of the wrong form is named with its path', () => {
  const bus = {
    id: 'mv',
    voltageMagnitudeV: 'high',
    voltageAngleRad: [0],
    voltageMagnitudeSigmaV: [1],
    voltageAngleSigmaRad: 0,
  };
  const refused = read({ ...estimate, buses: [bus] });
  expect(refused).toMatchObject({ accepted: false, reason: 'wrong-schema' });
  expect(refused).toMatchObject({ faults: expect.stringMatching(/^buses\.0\.voltageMagnitudeV: .*; buses\.0\.\w+: /) });
});

it('of many faults the first are told', () => {
  const refused = read({});
  expect(refused).toMatchObject({ faults: expect.stringMatching(/^schema: .*; .*; .*; and \d+ more$/) });
});
