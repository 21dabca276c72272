/** The certificate check believes a block by its signature, and tells the others whom not to believe. */
import { describe, expect, it } from 'vitest';
import {
  certificationHash,
  genesisHash,
  type KeyRegister,
  type Repudiation,
} from '../../platform/contract/certification.ts';
import { createIntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import { repudiationSchema } from '../../platform/contract/certification.ts';
import { createCertificateChecker } from '../../platform/certificate-check/check.ts';
import { certificateCheck, certificateCheckConfigSchema } from '../../platform/certificate-check/service.ts';
import { keyRegister, type Forgery, type LightNode } from '../../sim/access-layer/light-node.ts';
import { certified, lightNode, measurement, overTheWire, type Certified } from './messages.ts';

/** Runs messages through a checker, one per instant; the instant is the position in the list. */
function run(messages: readonly Certified[], register: KeyRegister, unsignedBlocksMax = 2) {
  const checker = createCertificateChecker({ register, unsignedBlocksMax });
  const published: (Repudiation & { after: number })[] = [];
  for (const [position, message] of messages.entries()) {
    const answers = checker.check(message, position * 1_000_000);
    published.push(...answers.map((answer) => Object.assign(answer, { after: position })));
  }
  return { published, counts: checker.counts() };
}

/** What the node sends when some of its messages are forged. */
function forging(node: LightNode, count: number, forgeries: Readonly<Record<number, Forgery>>): Certified[] {
  return Array.from({ length: count }, (_, index) =>
    overTheWire(node.seal(measurement(index, node.device), forgeries[index]).message),
  );
}

const summary = ({ reason, fromIndex, untilIndex, after }: Repudiation & { after: number }) =>
  `${reason} ${fromIndex}-${untilIndex} after ${after}`;

describe('genuine blocks', () => {
  it('are verified, message by message', () => {
    const node = lightNode();
    const { published, counts } = run(certified(10, node), keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ verifiedBlocks: 2, verifiedMessages: 8, openMessages: 2, unverifiedMessages: 0 });
  });

  it('are verified back to a gap; what came before the gap stays unverified and nobody is accused', () => {
    const node = lightNode({ blockLength: 6 });
    const messages = certified(6, node).filter((_, index) => index !== 2);
    const { published, counts } = run(messages, keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ verifiedBlocks: 1, verifiedMessages: 3, openMessages: 2, missingMessages: 1 });
  });

  it('are verified through the gap when the late message comes, even after the signature', () => {
    const node = lightNode({ blockLength: 6 });
    const m = certified(7, node);
    const { counts } = run([m[0]!, m[1]!, m[3]!, m[4]!, m[5]!, m[6]!, m[2]!], keyRegister([node]));
    expect(counts).toMatchObject({ verifiedMessages: 6, openMessages: 1, missingMessages: 0 });
  });

  it('are verified when the signed message itself is late', () => {
    const node = lightNode();
    const m = certified(6, node);
    const { counts, published } = run([m[0]!, m[1]!, m[2]!, m[4]!, m[3]!, m[5]!], keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ verifiedBlocks: 1, verifiedMessages: 4, openMessages: 2 });
  });

  it('are verified even when somebody injects a message with a position far ahead', () => {
    const node = lightNode();
    const m = certified(12, node);
    const link = { keyId: node.keyId, index: 4_000_001, previousHash: genesisHash };
    const message = measurement(0, node.device, 999);
    const far = { ...message, certification: { ...link, hash: certificationHash(message, link) } };
    const { counts } = run([m[0]!, far, ...m.slice(1)], keyRegister([node]));
    expect(counts).toMatchObject({ verifiedBlocks: 3, verifiedMessages: 12 });
  });
});

describe('forged certificates', () => {
  it('signature: a block signed with another key is repudiated up to the end of the next block', () => {
    const node = lightNode();
    const { published, counts } = run(forging(node, 12, { 1: 'signature' }), keyRegister([node]));
    expect(published.map(summary)).toEqual(['signature-invalid 0-7 after 3']);
    expect(counts).toMatchObject({ verifiedBlocks: 2, failedBlocks: 1, 'repudiated.signature-invalid': 1 });
    for (const { after, ...repudiation } of published) {
      expect(after).toBe(3);
      expect(repudiationSchema.parse(repudiation)).toEqual(repudiation);
    }
  });

  it('signature: as long as blocks fail there is no instant at which the source is believed', () => {
    const node = lightNode();
    const messages = forging(node, 20, { 5: 'signature', 9: 'signature' });
    const checker = createCertificateChecker({ register: keyRegister([node]), unsignedBlocksMax: 2 });
    const receiver = createIntakeVerifier();
    const believed: boolean[] = [];
    for (const [position, message] of messages.entries()) {
      believed.push(receiver.verify(message).ok);
      for (const repudiation of checker.check(message, position)) receiver.repudiate(repudiation);
    }
    // Blocks 1 (4-7) and 2 (8-11) are forged: exposed is the first of them, then nothing until block 3 is over.
    expect(believed).toEqual([...Array(8).fill(true), ...Array(8).fill(false), ...Array(4).fill(true)]);
  });

  it('hash: tampered content is refused on the spot and needs no repudiation', () => {
    const node = lightNode();
    const { published, counts } = run(forging(node, 8, { 1: 'hash', 2: 'hash' }), keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ 'refused.hash-mismatch': 2, verifiedBlocks: 2, verifiedMessages: 5 });
  });

  it('chain: a message that does not follow is refused on the spot', () => {
    const node = lightNode();
    const { published, counts } = run(forging(node, 8, { 2: 'chain' }), keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ 'refused.chain-broken': 1, verifiedBlocks: 2 });
  });

  it('chain: an invention in place of a genuine message is found when the block is signed', () => {
    const node = lightNode({ blockLength: 6 });
    const m = certified(6, node);
    const link = { keyId: node.keyId, index: 2, previousHash: m[1]!.certification.hash };
    const message = measurement(2, node.device, 999);
    const injected = { ...message, certification: { ...link, hash: certificationHash(message, link) } };
    const { published } = run([m[0]!, m[1]!, injected, ...m.slice(3)], keyRegister([node]));
    expect(published.map(summary)).toEqual(['chain-broken 0-2 after 5']);
    // Whether the genuine message comes too makes no difference.
    const both = run([m[0]!, m[1]!, injected, ...m.slice(2)], keyRegister([node]));
    expect(both.published.map(summary)).toEqual(['chain-broken 0-2 after 6']);
    expect(both.counts.verifiedMessages).toBe(6);
  });

  it('chain: a refused message at the end of a block accuses nobody', () => {
    const node = lightNode();
    const { published, counts } = run(forging(node, 8, { 3: 'chain' }), keyRegister([node]));
    expect(published).toEqual([]);
    expect(counts).toMatchObject({ 'refused.chain-broken': 1, verifiedBlocks: 1, failedBlocks: 0 });
  });

  it('a key that the register does not know, or that belongs to another device, is repudiated at once', () => {
    const node = lightNode();
    const stranger = lightNode({ seed: 'other' });
    const neighbour = lightNode({ device: 'meter-2' });
    const register = keyRegister([node, neighbour]);
    expect(run(certified(6, stranger), register).published.map(summary)).toEqual([
      'unknown-key 0-7 after 0',
      'unknown-key 4-11 after 4',
    ]);
    const impostor: Certified[] = certified(1, neighbour).map((message) => {
      const posing = { ...message, device: 'meter-1' };
      return {
        ...posing,
        certification: { ...message.certification, hash: certificationHash(posing, message.certification) },
      };
    });
    expect(run(impostor, register).published.map(summary)).toEqual(['unknown-key 0-7 after 0']);
  });

  it('a due signature that is missing is repudiated', () => {
    const node = lightNode();
    const messages = certified(4, node);
    delete messages[3]!.certification.signature;
    expect(run(messages, keyRegister([node])).published.map(summary)).toEqual(['signature-missing 0-7 after 3']);
  });

  it('dropping the signed messages does not help: after so many blocks the source is repudiated', () => {
    const node = lightNode();
    const messages = certified(40, node).filter((_, index) => index % 4 !== 3);
    const { published } = run(messages, keyRegister([node]), 2);
    expect(published[0]?.reason).toBe('signature-missing');
    expect(run(messages.slice(0, 9), keyRegister([node]), 2).published).toEqual([]);
  });

  it('a signature that is no base64 of 64 bytes is invalid, not an exception', () => {
    const node = lightNode();
    const messages = certified(4, node);
    messages[3]!.certification.signature = 'not a signature';
    expect(run(messages, keyRegister([node])).published.map(summary)).toEqual(['signature-invalid 0-7 after 3']);
  });
});

describe('the service', () => {
  const node = lightNode();
  const config = certificateCheckConfigSchema.parse({ site: 'germany', keys: keyRegister([node]) });

  it('reads bridged measurements and publishes repudiations on the topic of the device', () => {
    expect(certificateCheck.inputs(config)).toEqual(['/bal/germany/+/+']);
    const core = certificateCheck.create(config);
    const inputs = forging(lightNode(), 4, { 0: 'signature' }).map((message) => ({
      topic: '/bal/germany/smart-meter/meter-1',
      kind: 'smart-meter',
      message,
      taggedUs: 0,
      late: false,
    }));
    const outputs = core.step({ timeUs: 1_617_228_000_000_000, sequence: 1, inputs, final: true });
    expect(outputs.map(({ topic }) => topic)).toEqual(['dsotp/repudiation/germany/meter-1']);
    expect(outputs[0]?.message).toMatchObject({ timestamp: '2021-03-31T22:00:00Z', reason: 'signature-invalid' });
    expect(core.metrics?.()).toMatchObject({ failedBlocks: 1, verifiedBlocks: 0 });
  });

  it('counts direct PMUs as uncertified when it is told to read them', () => {
    const direct = certificateCheckConfigSchema.parse({ site: 'germany', keys: {}, direct: true });
    expect(certificateCheck.inputs(direct)).toContain('pmu/germany/+');
    expect(certificateCheck.streams(direct)).toEqual(['bal', 'direct']);
    const core = certificateCheck.create(direct);
    const input = { topic: 'pmu/germany/p', kind: 'pmu', message: measurement(0, 'p'), taggedUs: 0, late: false };
    expect(core.step({ timeUs: 0, sequence: 1, inputs: [input], final: false })).toEqual([]);
    expect(core.metrics?.()).toMatchObject({ uncertified: 1 });
  });

  it('refuses a register with keys of the wrong length', () => {
    const keys = { k: { device: 'd', publicKey: 'short', blockLength: 4 } };
    expect(certificateCheckConfigSchema.safeParse({ site: 'germany', keys }).success).toBe(false);
  });
});
