/** Faults in the configuration of a service in the field: all of them, where they stand, and what was meant. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { serveService } from '../../platform/service/serve.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-configuration-'));
const file = join(folder, 'c.yaml');
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(file);
});
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));

/** What `twin serve NAME` has against these lines; nothing listens where they point. */
async function faultsOf(name: string, lines: readonly string[]): Promise<readonly string[]> {
  writeFileSync(file, lines.join('\n'));
  const error: unknown = await serveService(name, file, new AbortController().signal).catch(
    (reason: unknown) => reason,
  );
  if (!(error instanceof InvalidInputError)) throw error;
  return error.message.replaceAll(`${folder}/`, '').split('\n');
}

const databus = "databus: { url: 'mqtt://127.0.0.1:1' }";
const balancer = [
  'service:',
  '  mode: near-real-time',
  '  site: germany',
  '  battery: { device: cbes, ratedPowerW: 300000, capacityWh: 800000, socMin: 0.1, socMax: 0.9 }',
  "  breaker: { device: pmu-breaker, component: 'branch:transformer:to', importSign: -1 }",
];

it.each<[string, string, string[], string[]]>([
  [
    'of its own section',
    'power-calculation',
    [databus, 'service:', '  sit: germany', '  everyUs: soon'],
    [
      'c.yaml:3:3: service.sit: unknown key "sit" (did you mean "site"?)',
      'c.yaml:4:3: service.everyUs: unknown key "everyUs"',
    ],
  ],
  [
    'beside it',
    'power-calculation',
    ['databus:', '  url: mqtt://127.0.0.1:1', '  usrname: me', 'log: loud', 'service: { site: germany }'],
    [
      'c.yaml:3:3: databus.usrname: unknown key "usrname" (did you mean "username"?)',
      'c.yaml:4:6: log: "loud" is not one of "error", "warn", "info"',
    ],
  ],
  [
    'of sense in its grid',
    'state-estimation',
    [
      databus,
      'service:',
      '  site: germany',
      '  grid:',
      '    { schema: 1, name: g, representation: three, buses: [{ id: a, nominalVoltageV: 400 }],',
      '      loads: [{ id: d, bus: b, activePowerW: 1 }], generators: [{ id: g, bus: c, activePowerW: 1 }] }',
    ],
    [
      'c.yaml:6:29: service.grid.loads.0.bus: load "d" refers to bus "b", which does not exist',
      'c.yaml:6:79: service.grid.generators.0.bus: generator "g" refers to bus "c", which does not exist',
    ],
  ],
  [
    'of the bridge',
    'bridge',
    ["local: { url: 'http://x' }", "remote: { url: 'mqtt://y' }", 'topcs: []'],
    [
      'c.yaml:1:15: local.url: "http://x" is no broker URL: write mqtt://host:port',
      'c.yaml:3:1: topcs: unknown key "topcs" (did you mean "topics"?)',
    ],
  ],
  [
    'of all its sections, with a key given twice',
    'balancer',
    [
      'databus: { ulr: "mqtt://x" }',
      'log: loud',
      'log: info',
      'http: { port: 99999999 }',
      'service: { sit: a, mode: nrt }',
    ],
    [
      'c.yaml:1:12: databus.ulr: unknown key "ulr" (did you mean "url"?)',
      'c.yaml:3:1: key "log" is given twice in one map',
      'c.yaml:4:7: http.token: is missing: set TWIN_HTTP_TOKEN, or name a file that holds it in tokenFile',
      'c.yaml:4:15: http.port: 99999999 is not at most 65535',
      'c.yaml:5:10: service.battery: missing',
      'c.yaml:5:12: service.sit: unknown key "sit" (did you mean "site"?)',
      'c.yaml:5:26: service.mode: "nrt" is not one of "near-real-time", "schedule"',
    ],
  ],
  [
    'of HTTP where there is none',
    'power-calculation',
    [databus, 'http: { port: 1 }', 'service: { site: 5 }'],
    ['c.yaml:2:1: http: power-calculation answers no HTTP', 'c.yaml:3:18: service.site: 5 is not a text'],
  ],
  ['of a list', 'ticker', ['- 1'], ['c.yaml:1:1: a list is not a map of keys and values']],
  [
    'of a text in the place of a section',
    'ticker',
    ['databus: "mqtt://user:secret@x"', 'service: every second'],
    [
      'c.yaml:1:10: databus: what is given is not a map of keys and values',
      'c.yaml:2:10: service: "every second" is not a map of keys and values',
    ],
  ],
  [
    'of the ticker',
    'ticker',
    [databus, 'service: { periodMs: 1.5 }'],
    ['c.yaml:2:22: service.periodMs: 1.5 is not a whole number'],
  ],
  [
    'of HTTP, and the way to give the token',
    'balancer',
    [databus, 'http:', '  prot: 8080', ...balancer],
    [
      'c.yaml:3:3: http.token: is missing: set TWIN_HTTP_TOKEN, or name a file that holds it in tokenFile',
      'c.yaml:3:3: http.prot: unknown key "prot" (did you mean "port"?)',
    ],
  ],
])('%s are told with line, column and what was meant', async (_, name, lines, faults) => {
  expect(await faultsOf(name, lines)).toEqual(faults);
});

it.each([
  ['tiny', 'what is given is shorter than 16 characters, which can be guessed'],
  ['with blanks in it 0123', 'what is given is no bearer token'],
])('a token is not shown, whatever is wrong with it', async (secret, fault) => {
  vi.stubEnv('TWIN_HTTP_TOKEN', secret);
  const [first = ''] = await faultsOf('balancer', [databus, 'http: { port: 0 }', ...balancer]);
  expect(first).toContain(`c.yaml:2:7: http.token: ${fault}`);
  expect(first).not.toContain(secret);
});

it('nor is a password', async () => {
  const lines = ["databus: { url: 'mqtt://127.0.0.1:1', password: 123456 }", 'service: { site: germany }'];
  expect(await faultsOf('power-calculation', lines)).toEqual([
    'c.yaml:1:49: databus.password: what is given is not a text',
  ]);
});
