/** Every service by itself, as `twin serve NAME --config FILE` runs it: its own connection, the field's ticker, a real bridge. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { topics } from '../../platform/contract/topics.ts';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { serviceNames } from '../../platform/service/registry.ts';
import { servableNames, serveService } from '../../platform/service/serve.ts';
import { prepareRun } from '../../sim/run/prepare.ts';

const leaving: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const leave of leaving.splice(0).reverse()) await leave();
});

async function broker(name: string) {
  const embedded = await createEmbeddedBroker({ name });
  leaving.push(() => embedded.close());
  return embedded;
}

/** As a scenario has them, with broker URLs as people write them. */
async function writeConfigurations(folder: string, urls: { readonly databus: string; readonly bal: string }) {
  const preparation = await prepareRun({ scenarioFile: 'test/run/village.yaml', set: [], service: {} });
  const databus = { url: urls.databus };
  const files = new Map<string, object>([
    ['bridge', { local: databus, remote: { url: urls.bal }, log: 'error' }],
    ['ticker', { databus, log: 'error', service: { periodMs: 100 } }],
  ]);
  for (const { name, config } of await preparation.services(join(folder, 'series'))) {
    files.set(name, { databus, log: 'error', service: config });
  }
  for (const [name, content] of files) writeFileSync(join(folder, `${name}.json`), JSON.stringify(content));
  return [...files.keys()];
}

it('works through the ticks of the field, takes what the bridge brings, and ends when it is told to', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'twin-alone-'));
  leaving.push(() => Promise.resolve(rmSync(folder, { recursive: true, force: true })));
  const [databus, bal] = [await broker('databus'), await broker('access layer')];
  expect(new Set(await writeConfigurations(folder, { databus: databus.url, bal: bal.url }))).toEqual(
    new Set(servableNames),
  );

  /** By service: how many instants it finished, and how many PMU messages it took or refused. */
  const finished = new Map<string, { instants: number; frames: number }>();
  const field = await mqttDatabus(databus.url).connect({
    clientId: 'field',
    onMessage(_topic, payload) {
      const { service, inputs } = JSON.parse(Buffer.from(payload).toString()) as {
        readonly service: string;
        readonly inputs: Readonly<Record<string, number>>;
      };
      const { instants, frames } = finished.get(service) ?? { instants: 0, frames: 0 };
      finished.set(service, { instants: instants + 1, frames: frames + (inputs['pmu'] ?? 0) });
    },
  });
  leaving.push(() => field.close());
  await field.subscribe([topics.progress('+')]);

  const stop = new AbortController();
  const serving = servableNames.map((name) => serveService(name, join(folder, `${name}.json`), stop.signal));
  await expect.poll(() => [...finished.keys()].sort(), { timeout: 30_000 }).toEqual([...serviceNames].sort());

  const device = await mqttDatabus(bal.url).connect({ clientId: 'device', onMessage: () => {} });
  leaving.push(() => device.close());
  await device.publish(topics.balMeasurement('germany', 'pmu', 'pmu-breaker'), Buffer.from('{"device":"pmu-breaker"}'));
  const readers = ['certificate-check', 'historian', 'power-calculation', 'state-estimation'];
  const taken = () => readers.filter((name) => finished.get(name)?.frames === 1);
  await expect.poll(taken, { timeout: 30_000 }).toEqual(readers);

  stop.abort();
  await expect(Promise.all(serving)).resolves.toHaveLength(servableNames.length);
  expect(readdirSync(join(folder, 'series'))).toContain('measurements.parquet');
});
