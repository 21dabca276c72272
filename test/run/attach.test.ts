/** Services and brokers of somebody else's: real processes, a real Mosquitto as the bridge, brokers with passwords. */
import { pbkdf2Sync } from 'node:crypto';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeFailure } from '../../cli/failure.ts';
import type { Tick } from '../../platform/contract/timing.ts';
import { messageKind, topics } from '../../platform/contract/topics.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { planMosquittoConf, planScenario } from '../../sim/run/plan.ts';
import { hasMosquitto, runMosquitto, startMosquitto } from './mosquitto.ts';
import { hamlet, rehearse, temporaryFolder } from './rehearsal.ts';
import { atEnd, freePort, impatient, pause, type Publish, stranger, tremblingWire, twinProcess } from './strangers.ts';

/** Resolves when the databus of a run that is being started is there. */
async function brokerUp(url: string): Promise<void> {
  await stranger(url, [topics.bridgedTick], () => {});
}

describe('attached to a run', () => {
  it('“twin serve power-calculation” gives the same bytes as in process', async () => {
    const here = await rehearse({ scenarioFile: hamlet });
    const port = await freePort();
    const url = `mqtt://127.0.0.1:${port}`;
    const config = join(temporaryFolder(), 'power-calculation.yaml');
    writeFileSync(config, `databus: { url: "${url}" }\nservice: { site: germany, routes: [bal] }\n`);
    const attach = async () => {
      await brokerUp(url);
      await twinProcess(['serve', 'power-calculation', '--config', config]).says('power-calculation is up');
    };
    const [there] = await Promise.all([
      rehearse({ scenarioFile: hamlet, databus: `embedded:${port}`, service: { 'power-calculation': 'attach' } }),
      attach(),
    ]);
    expect(there.audit.violations).toEqual([]);
    expect(there.accuracy).toBe(here.accuracy);
  });

  it('a slow service that knows nothing of forced ticks, and answers them again, is waited for', async () => {
    const port = await freePort();
    let arrived: Record<string, number> = {};
    let work = Promise.resolve();
    const answer = async (before: Promise<void>, { sequence, runId, timeUs }: Tick, publish: Publish) => {
      const inputs = arrived;
      arrived = {};
      await before;
      if (sequence === 5) await pause(2.5 * (impatient.stallUs / 1e3));
      const head = { schema: 'platone.progress/1', service: 'certificate-check', instance: '0', outputs: {} };
      const progress = { ...head, runId, timeUs, sequence, inputs };
      await publish(topics.progress('certificate-check'), Buffer.from(JSON.stringify(progress)));
    };
    const attach = stranger(`mqtt://127.0.0.1:${port}`, ['/bal/#'], (topic, payload, publish) => {
      const kind = messageKind(topic);
      if (kind !== undefined) arrived[kind] = (arrived[kind] ?? 0) + 1;
      if (topic !== topics.bridgedTick) return;
      work = answer(work, JSON.parse(Buffer.from(payload).toString()) as Tick, publish);
    });
    const [run] = await Promise.all([
      rehearse({
        scenarioFile: hamlet,
        databus: `embedded:${port}`,
        service: { 'certificate-check': 'attach' },
        patience: { stallUs: impatient.stallUs },
      }),
      attach,
    ]);
    expect(run.audit.violations).toEqual([]);
    expect(run.report.verdict).toBe('pass');
  });

  it.skipIf(!hasMosquitto)(
    'a real Mosquitto as the bridge gives the same bytes as ours (skipped when mosquitto is not installed)',
    async () => {
      const here = await rehearse({ scenarioFile: hamlet });
      const [databus, bal, own] = [await freePort(), await freePort(), await freePort()];
      const brokers = { databus: `embedded:${databus}`, bal: `embedded:${bal}` };
      const conf = planMosquittoConf(await planScenario({ scenarioFile: hamlet, set: [], ...brokers, service: {} }));
      const attach = async () => {
        await brokerUp(`mqtt://127.0.0.1:${databus}`);
        const bridge = await runMosquitto(own, conf.replace('listener 1883', `listener ${own}`).split('\n'));
        atEnd(() => bridge.stop());
      };
      const [there] = await Promise.all([
        rehearse({ scenarioFile: hamlet, ...brokers, service: { bridge: 'attach' } }),
        attach(),
      ]);
      expect(there.audit.violations).toEqual([]);
      expect(there.accuracy).toBe(here.accuracy);
    },
  );
});

describe('in processes of their own', () => {
  it('the bridge and every service give the same bytes as in process', async () => {
    const here = await rehearse({ scenarioFile: hamlet });
    const service = Object.fromEntries(
      ['bridge', 'certificate-check', 'power-calculation', 'balancer'].map((name) => [name, 'process'] as const),
    );
    const there = await rehearse({ scenarioFile: hamlet, databus: 'embedded', service });
    expect(there.audit.violations).toEqual([]);
    expect(there.accuracy).toBe(here.accuracy);
  });
});

describe.skipIf(!hasMosquitto)('brokers that demand a password (skipped when mosquitto is not installed)', () => {
  async function guarded() {
    const passwords = join(temporaryFolder(), 'passwords');
    writeFileSync(passwords, passwordLine('platform', 'right'));
    const broker = await startMosquitto(['allow_anonymous false', `password_file ${passwords}`, 'user root']);
    atEnd(() => broker.stop());
    return broker.url;
  }
  /** As `mosquitto_passwd` writes it: PBKDF2 with SHA-512. */
  const passwordLine = (user: string, password: string) => {
    const [rounds, salt] = [101, Buffer.from('twelve bytes')];
    const key = pbkdf2Sync(password, salt, rounds, 64, 'sha512');
    return `${user}:$7$${rounds}$${salt.toString('base64')}$${key.toString('base64')}\n`;
  };
  const credentialsFile = (password: string) => {
    const file = join(temporaryFolder(), 'credentials.yaml');
    const login = `{ username: platform, password: ${password} }`;
    writeFileSync(file, `databus: ${login}\nbal: ${login}\n`);
    return file;
  };

  it('let the run in with --credentials, its services and its bridge too, and no password is recorded', async () => {
    const here = await rehearse({ scenarioFile: hamlet });
    const [databus, bal] = [await guarded(), await guarded()];
    const there = await rehearse({
      scenarioFile: hamlet,
      databus,
      bal,
      credentials: credentialsFile('right'),
      service: { bridge: 'process', 'power-calculation': 'process' },
    });
    expect(there.accuracy).toBe(here.accuracy);
    for (const name of readdirSync(there.directory).filter((file) => file.endsWith('json'))) {
      expect(readFileSync(join(there.directory, name), 'utf8'), name).not.toMatch(/right"|platform:right/);
    }
  });

  it.each([['databus'], ['bal']])('need a file that may name the login of the other broker too: %s', async (which) => {
    const options = { databus: 'embedded', bal: 'embedded', [which]: await guarded() };
    const there = await rehearse({ scenarioFile: hamlet, ...options, credentials: credentialsFile('right') });
    expect(there.accuracy).toBe((await rehearse({ scenarioFile: hamlet })).accuracy);
  });

  it.each([['databus'], ['bal']])('turn the run away from the %s with 30 when the password is wrong', async (which) => {
    const url = await guarded();
    const options = { databus: 'embedded', bal: 'embedded', [which]: url, credentials: credentialsFile('wrong') };
    const error: unknown = await rehearse({ scenarioFile: hamlet, ...options }).catch((reason: unknown) => reason);
    const { code, lines } = describeFailure(error, false);
    expect(code).toBe(30);
    expect(lines.join()).toContain(url);
    expect(lines.join()).toMatch(/not authori[sz]ed|bad user name or password/i);
  });
});

describe('wires that tremble', () => {
  it('change nothing: same seed, same bytes, whatever arrives first', async () => {
    const here = await rehearse({ scenarioFile: hamlet });
    const wireTo = async (name: string) => {
      const broker = await createEmbeddedBroker({ name });
      atEnd(() => broker.close());
      return await tremblingWire(broker.port);
    };
    const there = await rehearse({ scenarioFile: hamlet, databus: await wireTo('databus'), bal: await wireTo('bal') });
    expect(there.audit.violations).toEqual([]);
    expect(there.accuracy).toBe(here.accuracy);
  });
});
