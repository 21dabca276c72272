/** A device of somebody else's that follows docs/certified-messages.md is believed: the page's figures, and its program. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createCertificateChecker } from '../../platform/certificate-check/check.ts';
import { certificateCheckConfigSchema } from '../../platform/certificate-check/service.ts';
import { canonicalJson } from '../../platform/contract/canonical-json.ts';
import { certificationHash, type KeyRegister } from '../../platform/contract/certification.ts';
import { createIntakeVerifier } from '../../platform/contract/intake-verifier.ts';
import { type Measurement, measurementSchema } from '../../platform/contract/measurement.ts';
import { readMessage } from '../../platform/service/intake.ts';
import { blockLengthOf } from '../../sim/access-layer/light-node.ts';
import { atEnd, broker, closeAll, listener } from '../bridge/brokers.ts';
import { twin } from '../cli/harness.ts';

afterEach(closeAll);

const page = readFileSync('docs/certified-messages.md', 'utf8');
const blocks = (language: string) =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)\\n\`\`\``, 'gm'))].map(([, body = '']) => body);
const topic = '/bal/germany/smart-meter/house-01';

/** What every receiver says of these payloads, in order: `accepted` or the reason of the refusal. */
function received(payloads: readonly string[]): readonly string[] {
  const verifier = createIntakeVerifier();
  return payloads.map((payload) => {
    const intake = readMessage(topic, 'smart-meter', Buffer.from(payload), verifier);
    return intake.accepted ? 'accepted' : intake.reason;
  });
}

/** Counts of the certificate check after these payloads. */
function checked(payloads: readonly string[], register: KeyRegister) {
  const checker = createCertificateChecker({ register, unsignedBlocksMax: 0 });
  const repudiations = payloads.flatMap((payload) => checker.check(JSON.parse(payload) as Measurement, 0));
  return { repudiations: repudiations.map(({ reason }) => reason), verified: checker.counts().verifiedMessages };
}

describe('the page', () => {
  const sent = blocks('json');
  const { keys } = certificateCheckConfigSchema.parse((parse(blocks('yaml')[0] ?? '') as { service: unknown }).service);

  it('shows canonical forms, hashes and a signature that are right', () => {
    expect(sent).toHaveLength(2);
    for (const [index, payload] of sent.entries()) {
      const { certification, ...message } = measurementSchema.parse(JSON.parse(payload));
      const { hash = '', keyId = '', previousHash = '' } = certification ?? {};
      expect(canonicalJson({ ...message, certification: { index, keyId, previousHash } })).toBe(blocks('text')[index]);
      expect(certificationHash({ ...message, certification }, { index, keyId, previousHash })).toBe(hash);
      expect(page).toContain(hash);
    }
    expect(received(sent)).toEqual(['accepted', 'accepted']);
    expect(checked(sent, keys)).toEqual({ repudiations: [], verified: 2 });
  });

  it('says what becomes of messages that are not so', () => {
    const [first, second] = sent.map((payload) => JSON.parse(payload) as Measurement);
    const { certification: _, ...bare } = first!;
    const { sequence: __, ...incomplete } = first!;
    const reading = { ...first!.readings[0]!, data: 231 };
    const refusals = [
      [bare],
      [{ ...first, readings: [reading] }],
      [{ ...first, extra: 'not hashed' }],
      [second, { ...first, certification: { ...second!.certification, index: 2 } }],
      [{ ...first, device: 'house-02' }],
      [incomplete],
      [{ ...first, readings: [{ ...reading, data: '231' }] }],
    ].map((messages) => received(messages.map((message) => JSON.stringify(message))).at(-1));
    refusals.push(...received(['{']));
    const hashed = ['hash-mismatch', 'hash-mismatch', 'hash-mismatch'];
    const named = ['uncertified', ...hashed, 'wrong-device', 'wrong-schema', 'not-a-number'];
    expect(refusals).toEqual([...named, 'not-json']);
    for (const reason of refusals) expect(page).toContain(`\`${reason}\``);
    expect(page).toContain(
      `our meters have ${blockLengthOf('smart-meter')}, all other devices ${blockLengthOf('pmu')}`,
    );
  });
});

it('docs/examples/certified-device.mjs sends what every receiver and the certificate check believe', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twin-certified-'));
  atEnd(() => Promise.resolve(rmSync(folder, { recursive: true })));
  const { url } = await broker('access layer');
  const seen = await listener(url, ['platone/dsotp/#']);
  const send = async (voltage: string, state = 'state.json') => {
    const words = ['docs/examples/certified-device.mjs', url, voltage, join(folder, state)];
    const { stdout } = await promisify(execFile)(process.execPath, words, {
      cwd: resolve(import.meta.dirname, '../..'),
    });
    return JSON.parse(stdout) as KeyRegister;
  };
  let register: KeyRegister = {};
  for (const voltage of ['230', '230.4', '1e-7', '-0', '231']) register = await send(voltage);
  await expect.poll(() => seen.length).toBe(5);
  const payloads = seen.map((line) => line.slice(line.indexOf(' ') + 1));
  expect(seen[0]).toContain('platone/dsotp/germany/smart-meter/house-01 ');
  expect(received(payloads)).toEqual(Array.from({ length: 5 }, () => 'accepted'));
  expect(checked(payloads, register)).toEqual({ repudiations: [], verified: 4 });

  // One that has forgotten its place, or has another key than the registered one, is not believed.
  const stranger = await send('230', 'other.json');
  await expect.poll(() => seen.length).toBe(6);
  const anew = seen[5]?.slice(seen[5].indexOf(' ') + 1) ?? '';
  expect(received([...payloads, anew]).at(-1)).toBe('chain-broken');
  expect(checked(payloads, stranger)).toEqual({ repudiations: ['signature-invalid'], verified: 0 });
});

it('the schema says how a message is certified', async () => {
  for (const name of ['certification', 'measurement']) {
    const { out } = await twin(['schema', name]);
    expect(out).toContain('RFC 8785 canonical JSON of the whole message');
    expect(out).toContain('docs/certified-messages.md');
  }
});
