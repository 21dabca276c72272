/** The books close whatever becomes of the messages: each is counted once, under what became of it. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import type { Audit } from '../../reports/record.ts';
import { Ledger, type SentMessage } from '../../sim/run/ledger.ts';
import { noMessages } from '../reports/no-messages.ts';

const topic = topics.balMeasurement('germany', 'pmu', 'p');
const bridged = topics.bridgedMeasurement('germany', 'pmu', 'p');
const END_US = 1000;

function message(sequence: number): SentMessage {
  const times = { measuredUs: sequence, publishedUs: sequence, taggedUs: sequence };
  const payload = Buffer.from(`message ${sequence}`);
  return { topic, kind: 'pmu', device: 'p', sequence, ...times, faults: [], payload };
}

const progressOf = (counts: { inputs: number; duplicates: number }) => ({
  schema: 'platone.progress/1' as const,
  runId: 'r',
  service: 'reader',
  instance: '0',
  timeUs: END_US,
  sequence: 1,
  inputs: { pmu: counts.inputs },
  outputs: {},
  duplicates: { pmu: counts.duplicates },
});

const hopOf = ({ hops }: Audit, hop: string) => hops.find((each) => each.hop === hop && each.kind === 'pmu');

const fates = [
  'arrives',
  'comes twice',
  'is lost before the broker',
  'is lost behind the broker',
  'is swallowed by a fault',
  'is refused',
  'is still on its way',
] as const;

describe('the ledger', () => {
  it('accounts for every message, whatever its fate', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...fates), { minLength: 1, maxLength: 40 }), (drawn) => {
        const ledger = new Ledger(() => Number.NaN);
        let received = 0;
        for (const [sequence, fate] of drawn.entries()) {
          const sent = message(sequence);
          if (fate === 'is swallowed by a fault') ledger.lostByFault('bal', sent);
          else if (fate === 'is refused') ledger.refusedByBroker('bal', sent, 'wrong-password');
          else if (fate === 'is still on its way') ledger.inFlight('bal', sent);
          else ledger.sent('bal', sent);
          const passes = fate === 'comes twice' ? 2 : fate === 'arrives' ? 1 : 0;
          for (let pass = 0; pass < Math.max(passes, fate === 'is lost behind the broker' ? 1 : 0); pass += 1) {
            ledger.seenAtBal(topic, sent.payload);
          }
          for (let pass = 0; pass < passes; pass += 1) ledger.seenAtDatabus(bridged, sent.payload);
          received += passes;
        }
        const count = (...which: (typeof fates)[number][]) => drawn.filter((fate) => which.includes(fate)).length;
        const duplicated = count('comes twice');
        ledger.serviceProgress(progressOf({ inputs: received, duplicates: duplicated }));

        const audit = ledger.audit({}, END_US);
        const delivered = count('arrives', 'comes twice');
        expect(hopOf(audit, 'device>bal')).toEqual({
          hop: 'device>bal',
          kind: 'pmu',
          ...noMessages,
          published: drawn.length,
          delivered: delivered + count('is lost behind the broker'),
          refused: count('is refused'),
          lostInjected: count('is swallowed by a fault'),
          lostObserved: count('is lost before the broker'),
          inFlight: count('is still on its way'),
          duplicated,
        });
        const onTheBridge = hopOf(audit, 'bal>dsotp') ?? noMessages;
        expect(onTheBridge).toMatchObject({
          ...noMessages,
          published: delivered + count('is lost behind the broker'),
          delivered,
          lostObserved: count('is lost behind the broker'),
          duplicated,
        });
        expect(hopOf(audit, 'dsotp>reader')).toMatchObject({
          ...noMessages,
          published: delivered,
          delivered,
          duplicated,
        });
        expect(audit.violations).toEqual([]);
        expect(ledger.table().rowCount).toBe(drawn.length);
      }),
    );
  });

  it('counts what a later message of its source overtook', () => {
    const ledger = new Ledger(() => Number.NaN);
    const sent = [0, 1, 2, 3, 4].map(message);
    for (const each of sent) ledger.sent('bal', each);
    // 1 and 2 come behind 3; 4 is in order again.
    for (const sequence of [0, 3, 1, 2, 4]) ledger.seenAtBal(topic, message(sequence).payload);
    expect(hopOf(ledger.audit({}, END_US), 'device>bal')).toMatchObject({ delivered: 5, reordered: 2, unexplained: 0 });
  });

  it('knows the same bytes under two topics apart', () => {
    const ledger = new Ledger(() => Number.NaN);
    const [one, other] = ['p', 'q'].map((device) => {
      return { ...message(0), device, topic: topics.balMeasurement('germany', 'pmu', device) };
    });
    for (const each of [one, other]) if (each !== undefined) ledger.sent('bal', each);
    for (const each of [one, other]) if (each !== undefined) ledger.seenAtBal(each.topic, each.payload);
    expect(hopOf(ledger.audit({}, END_US), 'device>bal')).toMatchObject({ published: 2, delivered: 2, duplicated: 0 });
  });

  it('finds fault with a reader who says that it had more, or fewer, messages than there were', () => {
    for (const inputs of [0, 2]) {
      const ledger = new Ledger(() => Number.NaN);
      ledger.sent('bal', message(0));
      ledger.seenAtBal(topic, message(0).payload);
      ledger.seenAtDatabus(bridged, message(0).payload);
      ledger.serviceProgress(progressOf({ inputs, duplicates: 0 }));
      expect(hopOf(ledger.audit({}, END_US), 'dsotp>reader')).toMatchObject({ unexplained: 1 - inputs });
    }
  });

  it.each([
    ['of the last instant is on its way', END_US, { inFlight: 1, unexplained: 0 }],
    ['of an earlier instant is unexplained', END_US - 1, { inFlight: 0, unexplained: 1 }],
  ])('a service’s message %s, when its reader did not have it', (_what, timeUs, expected) => {
    const ledger = new Ledger(() => Number.NaN);
    const readings = [{ component: 'bus:a', measurand: 'frequency', phase: 'total', data: 50 }];
    const head = { schema: 'platone.measurement/1', device: 'p', sequence: 0 };
    const power = { ...head, timestamp: formatInstant(timeUs), readings };
    ledger.seenAtDatabus(topics.power('germany', 'p'), Buffer.from(JSON.stringify(power)));
    ledger.serviceProgress({ ...progressOf({ inputs: 0, duplicates: 0 }), inputs: { power: 0 }, duplicates: {} });
    const hop = ledger.audit({}, END_US).hops.find((each) => each.hop === 'dsotp>reader');
    expect(hop).toMatchObject({ kind: 'power', published: 1, delivered: 0, ...expected });
  });
});
