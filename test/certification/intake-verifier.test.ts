/** Every receiver finds tampered, misplaced and repeated messages by itself, and does not take a loss for a forgery. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { certificationHash, genesisHash, hashMatches } from '../../platform/contract/certification.ts';
import { createIntakeVerifier, type IntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import { certified, lightNode, measurement, overTheWire, type Certified } from './messages.ts';

/** `ok` or the reason, per message. */
function verdicts(messages: readonly Certified[], verifier: IntakeVerifier = createIntakeVerifier()): string[] {
  return messages.map((message) => {
    const verdict = verifier.verify(message);
    return verdict.ok ? 'ok' : verdict.reason;
  });
}

/** A message of the attacker: consistent with itself, at a place of the chain that it chose. */
function invented(index: number, previousHash: string, keyId = 'stranger'): Certified {
  const message = measurement(index, 'meter-1', 999);
  const link = { keyId, index, previousHash };
  return { ...message, certification: { ...link, hash: certificationHash(message, link) } };
}

describe('a whole chain', () => {
  it('is accepted from its first message on', () => {
    expect(new Set(verdicts(certified(12)))).toEqual(new Set(['ok']));
  });

  it('is accepted from anywhere on by a receiver that came later, and nothing counts as missing', () => {
    const verifier = createIntakeVerifier();
    expect(new Set(verdicts(certified(12).slice(5), verifier))).toEqual(new Set(['ok']));
    expect(verifier.missing()).toBe(0);
  });

  it('starts with 64 zeros and links each message to the one before', () => {
    const [first, second] = certified(2);
    expect(first?.certification.previousHash).toBe(genesisHash);
    expect(second?.certification.previousHash).toBe(first?.certification.hash);
  });

  it('is kept per device', () => {
    const a = certified(3);
    const b = certified(3, lightNode({ device: 'meter-2' }));
    expect(verdicts([a[0]!, b[0]!, a[1]!, b[1]!, b[2]!, a[2]!])).toEqual(Array(6).fill('ok'));
  });
});

describe('hash-mismatch', () => {
  it('finds a changed value, and the next message is none the worse for it', () => {
    const messages = certified(3);
    messages[1]!.readings[0]!.data += 1e-9;
    expect(verdicts(messages)).toEqual(['ok', 'hash-mismatch', 'ok']);
  });

  it.each<[string, (copy: Certified) => void]>([
    ['device', (copy) => (copy.device = 'meter-2')],
    ['timestamp', (copy) => (copy.timestamp = '2021-04-01T00:00:00Z')],
    ['sequence', (copy) => (copy.sequence += 1)],
    ['sigma', (copy) => (copy.readings[0]!.sigma = 0.1)],
    ['phase', (copy) => (copy.readings[0]!.phase = 'B')],
    ['an added reading', (copy) => copy.readings.push(copy.readings[0]!)],
    ['quality taken away', (copy) => delete copy.quality],
    ['an added member', (copy) => (copy.positiveDirection = -1)],
    ['key id', (copy) => (copy.certification.keyId = 'other')],
    ['index', (copy) => (copy.certification.index += 1)],
    ['previous hash', (copy) => (copy.certification.previousHash = 'f'.repeat(64))],
  ])('finds a change of %s', (_, change) => {
    const [message] = certified(1);
    change(message!);
    expect(verdicts([message!])).toEqual(['hash-mismatch']);
  });

  it('answers for a message that has no canonical form instead of throwing', () => {
    const [message] = certified(1);
    message!.readings[0]!.data = Number.NaN;
    expect(verdicts([message!])).toEqual(['hash-mismatch']);
  });

  it('is found on the bytes as well as on the message, in whatever form it was written', () => {
    const node = lightNode({ blockLength: 1 });
    const { message, payload } = node.seal(measurement(0));
    expect(JSON.parse(Buffer.from(payload).toString())).toEqual(message);
    expect(hashMatches(message, payload)).toBe(true);
    // Another form of the same value: the long way.
    expect(hashMatches(message, Buffer.from(JSON.stringify(message, null, 2)))).toBe(true);
    expect(hashMatches(message, Buffer.from('{}'))).toBe(true);
    // Nothing but the message counts when the bytes do not prove it.
    const tampered = Buffer.from(Buffer.from(payload).toString().replace('230', '231'));
    const read = JSON.parse(tampered.toString()) as Certified;
    expect(read.readings[0]?.data).toBe(231);
    expect(hashMatches(read, tampered)).toBe(false);
    const elsewhere = { ...message, certification: { ...message.certification, index: 1 } };
    expect(hashMatches(elsewhere, payload)).toBe(false);
  });

  it('holds on the bytes for members that the schema does not know', () => {
    const extended = { ...measurement(0), vendor: { firmware: '1.2' } };
    const { message, payload } = lightNode().seal(extended);
    const { vendor, ...read } = message as typeof extended & Certified;
    expect(vendor).toEqual({ firmware: '1.2' });
    expect(hashMatches(read)).toBe(false);
    expect(hashMatches(read, payload)).toBe(true);
  });

  it('does not depend on the order of members', () => {
    const [message] = certified(1);
    const reversed = Object.fromEntries(Object.entries(message!).reverse()) as unknown as Certified;
    expect(hashMatches(reversed)).toBe(true);
  });
});

describe('chain-broken', () => {
  it('refuses a message that does not follow the one before; the source goes on behind it', () => {
    const node = lightNode();
    const messages = [undefined, 'chain', undefined, undefined].map((forgery, sequence) =>
      overTheWire(node.seal(measurement(sequence), forgery as 'chain' | undefined).message),
    );
    expect(verdicts(messages)).toEqual(['ok', 'chain-broken', 'ok', 'ok']);
  });

  it('refuses one of two messages at the same place, and follows the branch that goes on', () => {
    const genuine = certified(5);
    const injected = invented(2, genuine[1]!.certification.hash);
    // The invention is accepted (only the block's signature can tell), and one genuine message pays for it.
    expect(verdicts([genuine[0]!, genuine[1]!, injected, genuine[2]!, genuine[3]!, genuine[4]!])).toEqual([
      'ok',
      'ok',
      'ok',
      'chain-broken',
      'ok',
      'ok',
    ]);
  });

  it('cannot be made deaf by a message with a position far ahead', () => {
    const genuine = certified(6);
    const far = invented(1_000_000, genesisHash);
    expect(verdicts([genuine[0]!, far, ...genuine.slice(1)])).toEqual(Array(7).fill('ok'));
  });

  it('refuses old messages that come again after they were forgotten, however many', () => {
    const messages = certified(600, lightNode({ blockLength: 90 }));
    const verifier = createIntakeVerifier();
    verdicts(messages, verifier);
    expect(new Set(verdicts(messages.slice(10, 60), verifier))).toEqual(new Set(['chain-broken']));
  });
});

describe('uncertified', () => {
  it('refuses a bridged message without certificate', () => {
    expect(createIntakeVerifier().verify(measurement(0))).toEqual({ ok: false, reason: 'uncertified' });
  });
});

describe('loss, delay and repetition are no forgery', () => {
  it('accepts what follows a gap and counts the gap', () => {
    const messages = certified(10);
    const verifier = createIntakeVerifier();
    expect(new Set(verdicts([...messages.slice(0, 3), ...messages.slice(6)], verifier))).toEqual(new Set(['ok']));
    expect(verifier.missing()).toBe(3);
  });

  it('accepts late messages in any order next to a neighbour, and they are missing no more', () => {
    const m = certified(6);
    const verifier = createIntakeVerifier();
    expect(verdicts([m[0]!, m[4]!, m[5]!, m[3]!, m[1]!, m[2]!], verifier)).toEqual(Array(6).fill('ok'));
    expect(verifier.missing()).toBe(0);
  });

  it('refuses a late message that does not fit between its neighbours', () => {
    const m = certified(3);
    expect(verdicts([m[0]!, m[2]!, invented(1, m[0]!.certification.hash)])).toEqual(['ok', 'ok', 'chain-broken']);
    expect(verdicts([m[0]!, m[2]!, invented(1, genesisHash)])).toEqual(['ok', 'ok', 'chain-broken']);
  });

  it('knows a message that comes twice', () => {
    const [first, second] = certified(2);
    expect(verdicts([first!, first!, second!, first!, second!])).toEqual([
      'ok',
      'duplicate',
      'ok',
      'duplicate',
      'duplicate',
    ]);
  });

  it('holds for any loss of a genuine chain in order: nothing is refused, and all gaps are counted', () => {
    const messages = certified(40);
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 40, maxLength: 40 }), (kept) => {
        const arrived = messages.filter((_, index) => kept[index]);
        const verifier = createIntakeVerifier();
        expect(verdicts(arrived, verifier)).toEqual(arrived.map(() => 'ok'));
        const span = arrived.length === 0 ? 0 : arrived.at(-1)!.sequence - arrived[0]!.sequence + 1;
        expect(verifier.missing()).toBe(span - arrived.length);
      }),
      { numRuns: 50 },
    );
  });
});

describe('repudiated', () => {
  const repudiation = (fromIndex: number, untilIndex: number, device = 'meter-1') => ({
    schema: 'platone.repudiation/1' as const,
    device,
    timestamp: '2021-04-01T00:00:00Z',
    reason: 'signature-invalid' as const,
    fromIndex,
    untilIndex,
  });

  it('ignores the named positions of that device, follows their chain, and believes it again afterwards', () => {
    const m = certified(8);
    const other = certified(8, lightNode({ device: 'meter-2' }));
    const verifier = createIntakeVerifier();
    verdicts(m.slice(0, 2), verifier);
    verifier.repudiate(repudiation(0, 4));
    expect(verdicts(m.slice(2), verifier)).toEqual(['repudiated', 'repudiated', 'repudiated', 'ok', 'ok', 'ok']);
    expect(new Set(verdicts(other, verifier))).toEqual(new Set(['ok']));
  });

  it('joins ranges that touch, and an older one takes nothing away', () => {
    const m = certified(10);
    const verifier = createIntakeVerifier();
    verifier.repudiate(repudiation(0, 3));
    verifier.repudiate(repudiation(4, 7));
    verifier.repudiate(repudiation(0, 1));
    expect(verdicts(m, verifier)).toEqual([...Array(8).fill('repudiated'), 'ok', 'ok']);
  });

  it('reset forgets chains and repudiations', () => {
    const verifier = createIntakeVerifier();
    verdicts(certified(3), verifier);
    verifier.repudiate(repudiation(0, 100));
    verifier.reset();
    expect(verdicts(certified(3, lightNode({ seed: 'other' })), verifier)).toEqual(['ok', 'ok', 'ok']);
  });
});
