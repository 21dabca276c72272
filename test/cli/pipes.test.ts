/** Where the answer goes: a reader that closes early changes no exit code, a disk that takes no more is said in words. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { expect, it } from 'vitest';

const launcher = join(import.meta.dirname, '..', '..', 'bin', 'twin.mjs');

it.each([
  ['schema scenario', 0],
  ['balance test/cli/nowhere.json', 10],
  ['frobnicate', 2],
])('readers that are gone leave "twin %s" its exit code', async (words, code) => {
  const child = spawn(process.execPath, [launcher, ...words.split(' ')], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  child.stderr.destroy();
  expect(await once(child, 'exit')).toEqual([code, null]);
});

it.skipIf(!existsSync('/dev/full'))('a full disk ends with 31 and a sentence (skipped without /dev/full)', async () => {
  const full = openSync('/dev/full', 'w');
  const child = spawn(process.execPath, [launcher, 'schema', 'tick'], { stdio: ['ignore', full, 'pipe'] });
  const [[code], said] = await Promise.all([once(child, 'exit'), text(child.stderr!)]);
  expect({ code, said }).toEqual({ code: 31, said: 'twin: the answer cannot be written: the disk is full\n' });
});
