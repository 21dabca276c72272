/** What an operator reads in the log of a service in the field: that it is up, and when its brokers were away. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { afterEach, expect, it } from 'vitest';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { serveService } from '../../platform/service/serve.ts';
import { atEnd, broker, closeAll } from '../bridge/brokers.ts';

afterEach(closeAll);

interface Line {
  readonly level: number;
  readonly service: string;
  readonly msg: string;
}

/** The lines that service `name` writes until the test ends. */
function serving(name: string, configuration: object): readonly Line[] {
  const folder = mkdtempSync(join(tmpdir(), 'twin-field-log-'));
  atEnd(() => Promise.resolve(rmSync(folder, { recursive: true })));
  const file = join(folder, 'service.json');
  writeFileSync(file, JSON.stringify(configuration));
  const lines: Line[] = [];
  const out = new Writable({
    write(chunk, _encoding, done) {
      lines.push(JSON.parse(String(chunk)) as Line);
      done();
    },
  });
  const stop = new AbortController();
  const served = serveService(name, file, stop.signal, out);
  atEnd(() => {
    stop.abort();
    return served;
  });
  return lines;
}

const WARN = 40;

it.each([['bridge'], ['ticker'], ['balancer']])('%s says that it is up', async (name) => {
  const [{ url }, remote] = [await broker('databus'), await broker('access layer')];
  const service = name === 'ticker' ? { periodMs: 1000 } : balancing;
  const lines = serving(
    name,
    name === 'bridge' ? { local: { url }, remote: { url: remote.url } } : { databus: { url }, service },
  );
  await expect.poll(() => lines[0]?.msg).toBe(`${name} is up`);
  expect(lines[0]?.service).toBe(name);
});

it.each([
  ['bridge', "access layer's broker"],
  ['ticker', 'databus'],
  ['balancer', 'databus'],
])('%s says once that a broker went away, and that it is back', async (name, called) => {
  const databus = await broker('databus');
  const leaving = await createEmbeddedBroker({ name: 'leaving' });
  const reconnectMs = 20;
  const lines = serving(
    name,
    name === 'bridge'
      ? { local: { url: databus.url }, remote: { url: leaving.url }, reconnectMs }
      : {
          databus: { url: leaving.url, reconnectMs },
          service: name === 'ticker' ? { periodMs: 100_000 } : balancing,
        },
  );
  await expect.poll(() => lines.length).toBe(1);
  await leaving.close();
  await expect.poll(() => lines.length).toBe(2);
  // Long enough for several attempts in vain.
  await new Promise((resolve) => setTimeout(resolve, 10 * reconnectMs));
  const back = await createEmbeddedBroker({ name: 'back', port: leaving.port });
  atEnd(() => back.close());
  await expect.poll(() => lines.length).toBe(3);
  expect(lines.slice(1).map(({ level, msg }) => [level >= WARN, msg])).toEqual([
    [true, `the ${called} is away; it is tried again every 20 ms`],
    [false, `the ${called} is back`],
  ]);
});

const balancing = {
  mode: 'near-real-time',
  site: 'germany',
  battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.1, socMax: 0.9 },
  breaker: { device: 'pmu-breaker', component: 'branch:transformer:to', importSign: -1 },
};
