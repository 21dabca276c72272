/** Ctrl-C ends a command that leaves nothing behind at once, also while it is busy and hears nothing. */
import { spawnSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { pause, type TwinProcess, twinProcess } from '../run/strangers.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-interrupt-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The writing end of a pipe as soon as the command has begun to read it. */
async function heldOpen(pipe: string, twin: TwinProcess): Promise<number> {
  const { child } = twin;
  while (child.exitCode === null && child.signalCode === null) {
    try {
      return openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      // Nobody reads yet.
      if ((error as NodeJS.ErrnoException).code !== 'ENXIO') throw error;
      await pause(20);
    }
  }
  throw new Error(`ended without reading: ${twin.err()}`);
}

it.skipIf(process.platform === 'win32').each([[['powerflow']], [['estimate', 'ieee-33']], [['balance']]])(
  'twin %j (skipped on Windows)',
  async (words) => {
    // Reading what nobody writes is work that no handler of the process interrupts.
    const input = join(folder, `${words[0]}.json`);
    spawnSync('sh', ['-c', 'mkfifo "$0"', input]);
    const before = readdirSync(folder);
    const twin = twinProcess([...words, input], {}, folder);
    const held = await heldOpen(input, twin);
    twin.interrupt();
    await twin.ended;
    closeSync(held);
    expect({ signal: twin.child.signalCode, out: twin.out(), err: twin.err() }).toEqual({
      signal: 'SIGINT',
      out: '',
      err: '',
    });
    expect(readdirSync(folder)).toEqual(before);
  },
  60_000,
);
