/** Runs beside one another, in other places and at other times, and `twin verify`: same seed, same bytes. */
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commitOf } from '../../sim/run/manifest.ts';
import { runScenario } from '../../sim/run/run.ts';
import { verifyRun } from '../../sim/run/verify.ts';
import { hamlet, readRehearsal, rehearse, temporaryFolder } from './rehearsal.ts';
import { twinProcess } from './strangers.ts';

const never = new AbortController().signal;

describe('two runs at once', () => {
  it('in one process do not disturb one another', async () => {
    const alone = await rehearse({ scenarioFile: hamlet });
    const runs = await Promise.all([
      rehearse({ scenarioFile: hamlet }),
      rehearse({ scenarioFile: hamlet, databus: 'embedded' }),
      rehearse({ scenarioFile: hamlet, databus: 'embedded' }),
    ]);
    for (const { accuracy } of runs) expect(accuracy).toBe(alone.accuracy);
  });

  it('in two processes with one working folder get folders of their own', async () => {
    const cwd = temporaryFolder();
    const runs = [1, 2].map(() => twinProcess(['run', join(process.cwd(), hamlet), '--quiet'], {}, cwd));
    for (const run of runs) expect(await run.ended).toBe(0);
    const folders = readdirSync(join(cwd, 'runs'));
    expect(folders).toHaveLength(2);
    const [first, second] = folders.map((name) => readRehearsal(join(cwd, 'runs', name)).accuracy);
    expect(second).toBe(first);
  });
});

describe('another place', () => {
  it('with its own time zone and language gives the same bytes', async () => {
    const here = await rehearse({ scenarioFile: hamlet });
    const out = join(temporaryFolder(), 'run');
    const elsewhere = { TZ: 'Pacific/Chatham', LANG: 'tr_TR.UTF-8', LC_ALL: 'tr_TR.UTF-8' };
    const run = twinProcess(['run', hamlet, '--quiet', '--databus', 'memory', '--out', out], elsewhere);
    expect(await run.ended).toBe(0);
    expect(readRehearsal(out).accuracy).toBe(here.accuracy);
  });
});

describe('verify', () => {
  it('says that a run is the same, and says when the checkout had changes that no commit holds', async () => {
    const { directory } = await rehearse({ scenarioFile: hamlet });
    const { code, message } = await verifyRun(directory, never);
    expect(code).toBe(0);
    expect(message).toContain('same: accuracy.json has hash');
    expect(message.includes('uncommitted changes')).toBe(commitOf().dirty);
  });

  it('says that a scenario changed or is gone since the run read it, also while that was under way', async () => {
    const scenarioFile = join(temporaryFolder(), 'edited.yaml');
    writeFileSync(scenarioFile, `extends: ${resolve(hamlet)}\n`);
    const out = temporaryFolder();
    let isFirst = true;
    const edit = () => {
      if (isFirst) rmSync(scenarioFile);
      isFirst = false;
    };
    await runScenario({ scenarioFile, databus: 'memory', set: [], service: {}, out }, never, edit);
    const changed = { code: 10, message: expect.stringContaining(`${scenarioFile} changed since`) as unknown };
    expect(await verifyRun(out, never)).toEqual(changed);
    writeFileSync(scenarioFile, `extends: ${resolve(hamlet)} # another word\n`);
    expect(await verifyRun(out, never)).toEqual(changed);
  });

  it('names the line in which a tampered record differs', async () => {
    const { directory, accuracy } = await rehearse({ scenarioFile: hamlet });
    writeFileSync(join(directory, 'accuracy.json'), accuracy.replace(/"delivered": \d+/, '"delivered": 1'));
    const { code, message } = await verifyRun(directory, never);
    expect(code).toBe(20);
    expect(message).toMatch(/^different: line \d+ was "delivered": 1,, is "delivered": \d+,/);
  });

  it('refuses a record of another commit, of other inputs, or of a run that did not end', async () => {
    const { directory } = await rehearse({ scenarioFile: hamlet });
    const file = join(directory, 'manifest.json');
    const manifest = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
    const rewritten = async (changes: object) => {
      writeFileSync(file, JSON.stringify({ ...manifest, ...changes }));
      return await verifyRun(directory, never);
    };
    expect(await rewritten({ commit: 'f00' })).toMatchObject({
      code: 10,
      message: expect.stringContaining('f00') as string,
    });
    const inputHashes = { ...(manifest['inputHashes'] as object), [hamlet]: 'f00' };
    expect(await rewritten({ inputHashes })).toMatchObject({
      code: 10,
      message: expect.stringContaining(hamlet) as string,
    });
    await expect(rewritten({ state: 'interrupted' })).rejects.toThrow('was interrupted');
    await expect(rewritten({ class: 'paced' })).rejects.toThrow('only exact');
  });

  it('finds the scenario from any working folder', async () => {
    const { directory } = await rehearse({ scenarioFile: hamlet });
    const verify = twinProcess(['verify', directory], {}, temporaryFolder());
    expect(await verify.ended, verify.err()).toBe(0);
  });

  it('is interrupted like a run', async () => {
    const { directory } = await rehearse({ scenarioFile: hamlet });
    const interruption = new AbortController();
    interruption.abort();
    await expect(verifyRun(directory, interruption.signal)).rejects.toMatchObject({ name: 'AbortError' });
  });
});
