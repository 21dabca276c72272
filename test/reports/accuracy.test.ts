/** `accuracy.json` is decided by commit, scenario and seed: what wires do on the way stands in `report.json` alone. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { writeReport } from '../../reports/report.ts';
import { writeFixture } from './fixture.ts';
import { noMessages } from './no-messages.ts';

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'twin-accuracy-'));
});
afterAll(() => rm(root, { recursive: true }));

const expectations = ['messages.duplicated == 0', 'messages.reordered == 0', 'messages.lost == 0'];

/** A run over two hops, with what came twice or out of order on each. */
async function messagesAfter(name: string, sent: object, carried: object) {
  const directory = join(root, name);
  const hop = { ...noMessages, kind: 'pmu', published: 5, delivered: 5 };
  const hops = [
    { ...hop, hop: 'device>bal', ...sent },
    { ...hop, hop: 'bal>dsotp', ...carried },
  ];
  await writeFixture(directory, { audit: { hops }, expect: expectations });
  const report = await writeReport(directory);
  return { report, accuracy: await readFile(join(directory, 'accuracy.json'), 'utf8') };
}

it('does not know what came twice or out of order on the way; the report does, and its expectations', async () => {
  const calm = await messagesAfter('calm', {}, {});
  const shaken = await messagesAfter('shaken', {}, { duplicated: 3, reordered: 2 });
  expect(shaken.accuracy).toBe(calm.accuracy);
  expect(shaken.accuracy).not.toContain(expectations[0]);
  expect(shaken.accuracy).toContain(expectations[2]);
  expect(shaken.report.messages).toMatchObject({ duplicated: 3, reordered: 2 });
  expect(shaken.report.verdict).toBe('fail');
});

it('counts what the devices sent twice or out of order: that is the scenario’s doing', async () => {
  const { accuracy } = await messagesAfter('faulty', { duplicated: 2, reordered: 1 }, { duplicated: 4, reordered: 1 });
  expect(JSON.parse(accuracy)).toMatchObject({ messages: { duplicated: 2, reordered: 1 } });
});
