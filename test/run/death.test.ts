/** What does not start or dies ends the run with a sentence that names it: exit 30 before the first instant, 31 after. */
import { existsSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../cli/failure.ts';
import { topics } from '../../platform/contract/topics.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import type { RunOptions, RunProgress } from '../../sim/run/options.ts';
import { openRunLog } from '../../sim/run/run-log.ts';
import { runScenario } from '../../sim/run/run.ts';
import { hasMosquitto, startMosquitto } from './mosquitto.ts';
import { hamlet, readRehearsal, temporaryFolder } from './rehearsal.ts';
import { atEnd, freePort, impatient, pause, stranger } from './strangers.ts';

interface End {
  readonly directory: string;
  readonly code: number;
  readonly sentence: string;
  /** What is said after it. */
  readonly more: readonly string[];
}

const killed = 'its process was killed (SIGKILL), as the system does when memory runs short';

/** Runs the hamlet, which has to fail, into a folder that is not there yet. */
async function failing(options: Partial<RunOptions>, onProgress?: (progress: RunProgress) => void): Promise<End> {
  const directory = join(temporaryFolder(), 'run');
  const run = { scenarioFile: hamlet, databus: 'memory', set: [], service: {}, out: directory, ...options };
  const error: unknown = await runScenario(run, new AbortController().signal, onProgress).then(
    () => new Error('the run did not fail'),
    (reason: unknown) => reason,
  );
  const { code, lines } = describeFailure(error, false);
  const [sentence = '', ...more] = lines;
  return { directory, code, sentence, more };
}

/** Of the process that `twin serve NAME` is, by its config file in the run's folder. */
function childOf(directory: string, name: string): number {
  const file = join(directory, `${name}.config.json`);
  for (const pid of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      if (readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(file)) return Number(pid);
    } catch {
      // Gone meanwhile.
    }
  }
  throw new Error(`no process serves ${file}`);
}

describe('in mid-run', () => {
  it('a service that throws ends the run with 31, and the record says so', async () => {
    const { code, sentence, more, directory } = await failing({
      set: ['platform.historian.directory=/dev/null/nowhere'],
    });
    expect(code).toBe(31);
    expect(more).toEqual([`what was run until then is kept: ${join(directory, 'report.html')}`]);
    expect(sentence).toMatch(/^historian died in mid-run: ENOTDIR/);
    const { manifest, report, audit } = readRehearsal(directory);
    expect(manifest).toMatchObject({ state: 'failed', instants: 18 });
    expect(report.verdict).toBe('invalid');
    expect(audit.violations).toContain(sentence);
    expect(existsSync(join(directory, 'report.html'))).toBe(true);
  });

  it.skipIf(process.platform !== 'linux')('a service whose process is killed ends the run with 31', async () => {
    const service = { 'power-calculation': 'process' } as const;
    let folder = '';
    const out = (folder = join(temporaryFolder(), 'run'));
    const { code, sentence } = await failing({ databus: 'embedded', service, out }, ({ instant }) => {
      if (instant === 5) process.kill(childOf(folder, 'power-calculation'), 'SIGKILL');
    });
    expect(code).toBe(31);
    expect(sentence).toBe(`power-calculation died in mid-run: ${killed}`);
    const { manifest, audit } = readRehearsal(out);
    expect(manifest.state).toBe('failed');
    expect(audit.violations).toContain(sentence);
    // The run's log has what the service said as it said it.
    const log = readFileSync(join(out, 'log.ndjson'), 'utf8').trim().split('\n');
    expect(log.map((line) => JSON.parse(line) as object)).toContainEqual(
      expect.objectContaining({ service: 'power-calculation', msg: 'power-calculation is up', level: 30 }),
    );
  });

  it('a service that throws in a process of its own ends the run with its words', async () => {
    const service = { historian: 'process' } as const;
    const set = ['platform.historian.directory=/dev/null/nowhere'];
    const { code, sentence } = await failing({ databus: 'embedded', service, set });
    expect(code).toBe(31);
    expect(sentence).toMatch(/^historian died in mid-run: its process ended with exit code 10: .*ENOTDIR[^{]*$/);
  });

  it.skipIf(process.platform !== 'linux')('a bridge whose process is killed ends the run with 31', async () => {
    const out = join(temporaryFolder(), 'run');
    const options = { databus: 'embedded', service: { bridge: 'process' }, out } as const;
    const { code, sentence } = await failing(options, ({ instant }) => {
      if (instant === 5) process.kill(childOf(out, 'bridge'), 'SIGKILL');
    });
    expect(code).toBe(31);
    expect(sentence).toBe(`bridge died in mid-run: ${killed}`);
  });

  it.skipIf(!hasMosquitto).each(['databus', 'bal'] as const)(
    'a broker (%s) that dies ends the run with 31 and is named (skipped when mosquitto is not installed)',
    async (which) => {
      const broker = await startMosquitto();
      const options = { databus: 'embedded', bal: 'embedded', [which]: broker.url };
      const { code, sentence, directory } = await failing(options, ({ instant }) => {
        if (instant === 5) void broker.stop();
      });
      expect(code).toBe(31);
      const name = which === 'bal' ? 'access layer' : 'databus';
      expect(sentence).toContain(`the broker of the ${name} (${broker.url}) failed in mid-run`);
      expect(readRehearsal(directory).manifest.state).toBe('failed');
    },
  );

  it.skipIf(!hasMosquitto)(
    'a broker that freezes ends the run with 31 (skipped when mosquitto is not installed)',
    async () => {
      const broker = await startMosquitto();
      const options = { databus: 'embedded', bal: broker.url, patience: impatient };
      const { code, sentence } = await failing(options, ({ instant }) => {
        if (instant === 5) broker.freeze();
      });
      await broker.stop();
      expect(code).toBe(31);
      expect(sentence).toBe('the brokers did not take the measurements of instant 6');
    },
  );

  it.skipIf(!existsSync('/dev/full'))(
    'a disk that is full when the record is written ends the run with 31, and half a record is taken away',
    async () => {
      const out = join(temporaryFolder(), 'run');
      const { code, sentence, directory } = await failing({ out }, ({ instant }) => {
        if (instant === 5) symlinkSync('/dev/full', join(out, 'messages.parquet'));
      });
      expect(code).toBe(31);
      expect(sentence).toMatch(/^the record cannot be written to .*: ENOSPC/);
      expect(existsSync(directory)).toBe(false);
    },
  );

  it.skipIf(!existsSync('/dev/full'))('a log that cannot be written disturbs nobody', () => {
    const log = openRunLog('/dev/full');
    expect(() => log.warn('a line that gets lost')).not.toThrow();
  });

  it('a service that hangs is told to go on, and then given up with what it waits for', async () => {
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    const ticks: string[] = [];
    // It answers the roll call and nothing else.
    const hanging = stranger(url, [topics.bridgedTick], (_topic, payload, publish) => {
      const tick = JSON.parse(Buffer.from(payload).toString()) as { sequence: number; runId: string; forced?: true };
      if (tick.sequence > 0) ticks.push(tick.forced === true ? 'forced' : 'tick');
      else {
        const head = {
          schema: 'platone.progress/1',
          service: 'power-calculation',
          instance: '0',
          inputs: {},
          outputs: {},
        };
        const answer = { ...head, runId: tick.runId, timeUs: 0, sequence: 0 };
        void publish(topics.progress('power-calculation'), Buffer.from(JSON.stringify(answer)));
      }
    });
    const service = { 'power-calculation': 'attach' } as const;
    const { code, sentence, directory } = await failing({ databus: `embedded:${port}`, service, patience: impatient });
    await hanging;
    expect(code).toBe(31);
    expect(sentence).toContain('instant 1 was not completed: power-calculation waits for something unknown to us');
    expect(sentence).toContain('balancer waits for progress 1 of power-calculation');
    expect(ticks.slice(0, 3)).toEqual(['tick', 'forced', 'forced']);
    expect(existsSync(directory)).toBe(false);
  });
});

describe('at the start', () => {
  it('a service that never answers ends the run with 30, and nothing is left behind', async () => {
    const service = { 'power-calculation': 'attach' } as const;
    const options = { databus: `embedded:${await freePort()}`, service, patience: { answerUs: 5e5 } };
    const { code, sentence, directory } = await failing(options);
    expect(code).toBe(30);
    expect(sentence).toBe(
      'no answer from power-calculation: is it running, and on the same databus? A program without ticks has to be declared under "tickless" in the scenario, with the number of its answers; one whose answers nobody can count beforehand cannot take part',
    );
    expect(existsSync(directory)).toBe(false);
  });

  it.skipIf(process.platform !== 'linux')(
    'a service whose process dies before it answers ends it with 30',
    async () => {
      const out = join(temporaryFolder(), 'run');
      const run = failing({ databus: 'embedded', service: { balancer: 'process' }, out });
      while (!existsSync(join(out, 'balancer.config.json'))) await pause(5);
      process.kill(childOf(out, 'balancer'), 'SIGKILL');
      const { code, sentence } = await run;
      expect(code).toBe(30);
      expect(sentence).toBe(`balancer did not start: ${killed}`);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('a folder that holds something already is not written to', async () => {
    const out = temporaryFolder();
    writeFileSync(join(out, 'precious.txt'), 'mine');
    const { code, sentence } = await failing({ out });
    expect(code).toBe(10);
    expect(sentence).toContain('the folder is not empty');
    expect(readdirSync(out)).toEqual(['precious.txt']);
    const inside = await failing({ out: join(out, 'precious.txt', 'run') });
    expect(inside).toMatchObject({ code: 10, sentence: expect.stringContaining('cannot be made') as string });
  });

  it('one broker under two names is refused with 10, and nothing is left behind', async () => {
    const broker = await createEmbeddedBroker({ name: 'both' });
    atEnd(() => broker.close());
    const [databus, bal] = [`mqtt://127.0.0.1:${broker.port}`, `mqtt://localhost:${broker.port}`];
    const end = await failing({ databus, bal });
    expect(end.code).toBe(10);
    expect(end.sentence).toBe(
      `--bal: ${bal} and ${databus} are one broker: access layer and databus are two, with a bridge between them`,
    );
    expect(existsSync(end.directory)).toBe(false);
  });

  it.each([
    [{ databus: 'memory', service: { bridge: 'process' } }, '--databus memory reaches only services in this process'],
    [{ databus: 'embedded', service: { balancer: 'attach' } }, 'nobody knows beforehand where --databus embedded is'],
    [{ databus: 'mqtt://127.0.0.1:1', bal: 'mqtt://127.0.0.1:1' }, 'mqtt://127.0.0.1:1 is the databus already'],
    [{ databus: 'mqtt://me:secret@127.0.0.1:1' }, 'do not belong in a URL, which is recorded: use --credentials FILE'],
  ] as const)('%j is refused with 10, and nothing is left behind', async (options, sentence) => {
    const end = await failing(options);
    expect(end.code).toBe(10);
    expect(end.sentence).toContain(sentence);
    expect(existsSync(end.directory)).toBe(false);
  });
});
