/** Light nodes certify deterministically from the run's seed; the ledger keeps what they signed. */
import { describe, expect, it } from 'vitest';
import { importPublicKey, signatureMatches } from '../../platform/contract/certification.ts';
import { measurementSchema } from '../../platform/contract/measurement.ts';
import { createLedger, verifyLedger, type LedgerEntry } from '../../sim/access-layer/ledger.ts';
import { blockLengthOf, createLightNode, forgeryOf, keyRegister } from '../../sim/access-layer/light-node.ts';
import { certified, lightNode, measurement } from '../certification/messages.ts';

describe('light node', () => {
  it('gives the same bytes for the same seed, and other keys for another seed or device', () => {
    expect(certified(5)).toEqual(certified(5));
    const keys = [
      lightNode(),
      lightNode({ seed: 'other' }),
      lightNode({ device: 'meter-2' }),
      lightNode({ site: 'x' }),
    ];
    expect(new Set(keys.map(({ registration }) => registration.publicKey)).size).toBe(4);
  });

  it('derives keys that do not depend on other devices', () => {
    const alone = lightNode().registration;
    lightNode({ device: 'meter-0' });
    expect(lightNode().registration).toEqual(alone);
  });

  it('adds a certification that meets the contract and leaves the rest as it was', () => {
    const original = measurement(0);
    const { certification, ...rest } = lightNode().seal(original).message;
    expect(rest).toEqual(original);
    expect(measurementSchema.parse({ ...rest, certification }).certification).toEqual(certification);
  });

  it('signs the last message of each block with the registered key', () => {
    const node = lightNode();
    const messages = certified(9, node);
    const signed = messages.filter(({ certification }) => certification.signature !== undefined);
    expect(signed.map(({ sequence }) => sequence)).toEqual([3, 7]);
    const key = importPublicKey(node.registration.publicKey);
    for (const { certification } of signed) {
      expect(signatureMatches(certification.hash, certification.signature ?? '', key)).toBe(true);
    }
  });

  it('certifies what a faulty device sends as it goes over the wire, where NaN is null', () => {
    const node = lightNode();
    expect(() => node.seal(measurement(0, 'meter-1', Number.NaN)).message).not.toThrow();
    expect(node.seal(measurement(1)).message.certification?.index).toBe(1);
  });

  it('has blocks of an hour of meter values and of 15 minutes of 10 s values', () => {
    expect(blockLengthOf('smart-meter')).toBe(4);
    expect(blockLengthOf('pmu')).toBe(90);
    const node = createLightNode({ seed: 's', site: 'x', kind: 'pmu', device: 'p' });
    expect(node.registration.blockLength).toBe(90);
  });

  it.each([
    [undefined, undefined],
    [['bias'], undefined],
    [['forged-certificate'], 'hash'],
    [['bias', 'forged-certificate:signature'], 'signature'],
    [['forged-certificate:chain'], 'chain'],
    [['forged-certificates'], undefined],
  ])('reads the labels %j as forgery %s', (labels, forgery) => {
    expect(forgeryOf(labels)).toBe(forgery);
  });
});

describe('ledger', () => {
  function filled() {
    const ledger = createLedger();
    const nodes = [lightNode({ ledger }), lightNode({ device: 'meter-2', ledger })];
    for (let sequence = 0; sequence < 8; sequence++) {
      for (const node of nodes) node.seal(measurement(sequence, node.device));
    }
    return { entries: ledger.entries, register: keyRegister(nodes) };
  }

  it('keeps every signed block and is whole', () => {
    const { entries, register } = filled();
    expect(entries.map(({ device, fromIndex, untilIndex }) => `${device} ${fromIndex}-${untilIndex}`)).toEqual([
      'meter-1 0-3',
      'meter-2 0-3',
      'meter-1 4-7',
      'meter-2 4-7',
    ]);
    expect(verifyLedger(entries, register)).toEqual([]);
  });

  it('does not take a block that a stranger signed', () => {
    const ledger = createLedger();
    const node = lightNode({ ledger });
    for (let sequence = 0; sequence < 8; sequence++) {
      node.seal(measurement(sequence), sequence === 1 ? 'signature' : undefined);
    }
    expect(ledger.entries.map(({ fromIndex }) => fromIndex)).toEqual([4]);
  });

  it.each<[string, (entries: LedgerEntry[]) => void, string]>([
    ['a changed field', (e) => (e[1] = { ...e[1]!, untilIndex: 99 }), 'entry-changed'],
    ['a changed hash', (e) => (e[1] = { ...e[1]!, hash: '0'.repeat(64) }), 'signature-invalid'],
    ['an entry taken out', (e) => e.splice(1, 1), 'link-broken'],
    ['two entries swapped', (e) => e.push(...e.splice(2, 1)), 'out-of-order'],
    ['an unknown key', (e) => (e[1] = { ...e[1]!, keyId: 'nobody' }), 'unknown-key'],
    ['a key of another device', (e) => (e[1] = { ...e[1]!, device: 'meter-1' }), 'unknown-key'],
  ])('finds %s', (_, change, fault) => {
    const { entries, register } = filled();
    const copy = [...entries];
    change(copy);
    expect(verifyLedger(copy, register).map((found) => found.fault)).toContain(fault);
  });

  it('cannot be changed in place', () => {
    const { entries } = filled();
    expect(() => {
      (entries[0] as { hash: string }).hash = '';
    }).toThrow(TypeError);
  });
});
