/** `twin run`, `report`, `verify`, `plan` and `validate` from the command line to the exit code, on a minute in memory. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { Audit } from '../../reports/record.ts';
import { type Surroundings, twin } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const minute = join(folder, 'minute.yaml');
writeFileSync(
  minute,
  `schema: 1
name: A minute
site: germany
seed: minute-1
clock: { start: "2021-04-01T12:00:00+02:00", duration: 1min, step: 10s }
grid: abbenhausen
devices:
  - { kind: pmu, id: pmu-breaker, at: "branch:transformer:to", every: 10s }
  - { kind: bess, id: cbes, at: "battery:cbes", every: 10s, power: 300 kW, energy: 800 kWh, soc: 50 % }
platform:
  bridge: {}
  powerCalculation: {}
  balancer: { useCase: 1 }
  historian: {}
expect:
  - messages.unexplained == 0
`,
);

let runs = 0;
/** Runs the minute, in memory unless `args` name a broker, into a folder that was not there before. */
async function run(args: readonly string[] = [], surroundings: Surroundings = {}) {
  runs += 1;
  const directory = join(folder, `run-${runs}`);
  const bus = args.includes('--databus') || args.includes('--bal') ? [] : ['--databus', 'memory'];
  const out = args.includes('--out') ? [] : ['--out', directory];
  const answer = await twin(['run', minute, ...out, ...bus, ...args], surroundings);
  return { directory, ...answer };
}

describe('twin run', () => {
  it('passes with 0, says so, and leaves a report that "twin report" makes again', async () => {
    const { code, err, out, directory } = await run();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('PASS  A minute');
    expect(out).toContain(join(directory, 'report.html'));
    const page = readFileSync(join(directory, 'report.html'));
    const again = await twin(['report', directory]);
    expect({ code: again.code, out: again.out }).toEqual({ code: 0, out });
    expect(readFileSync(join(directory, 'report.html')).equals(page)).toBe(true);
  });

  it('a seed may be any text, and leads out of no folder', async () => {
    const cwd = process.cwd();
    const here = join(folder, 'here');
    mkdirSync(here);
    process.chdir(here);
    try {
      const { code } = await twin(['run', minute, '--databus', 'memory', '--seed', '../../out of\there']);
      expect(code).toBe(0);
      expect(readdirSync(here)).toEqual(['runs']);
      expect(readdirSync(join(here, 'runs'))).toEqual([expect.stringMatching(/-minute-\.\.-\.\.-out-of-here$/)]);
    } finally {
      process.chdir(cwd);
    }
  });

  it('ends with 20 when an expectation fails, and its report too', async () => {
    const { code, out, directory } = await run(['--set', 'expect=["battery.soc.min > 99 %"]']);
    expect(code).toBe(20);
    expect(out).toContain('FAIL  A minute');
    expect((await twin(['report', directory])).code).toBe(20);
  });

  it('ends with 21 when an expectation has nothing to be held against', async () => {
    const { code, out } = await run(['--set', 'expect=["meter.energy.error.p95 < 100 %"]']);
    expect(code).toBe(21);
    expect(out).toContain('INVALID  A minute');
  });

  it('finishes the instant, reports and ends with 40 when it is interrupted', async () => {
    const interruption = new AbortController();
    interruption.abort();
    const { code, out, err, directory } = await run([], { signal: interruption.signal });
    expect(code).toBe(40);
    expect(err).toBe('twin: interrupted; the report covers what was run\n');
    expect(out).toContain('the run was interrupted before its end');
    const report = JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')) as object;
    expect(report).toMatchObject({ state: 'interrupted', instants: 1 });
  });

  it('shows progress where somebody watches, and none with --quiet', async () => {
    const watched = await run([], { isTTY: true });
    expect(watched.err).toContain('100 %  2021-04-01 12:01:00+02:00  [##############################]');
    expect((await run(['--quiet'], { isTTY: true })).err).toBe('');
  });

  it.each([
    [['--set', 'clock.step=7s'], 'clock.duration: a duration of 1 min is no multiple of the step of 7 s'],
    [
      ['--set', 'devices.1.at=bus:mv'],
      '--set devices.1.at=bus:mv: devices.1.at: bess "cbes": the grid has no battery at bus:mv',
    ],
    [
      ['--set', 'devices.0.at=bus:busbar'],
      'breaker: missing (add a pmu at branch:<transformer>:from or :to, which measures the exchange)',
    ],
    [['--set', 'platform.powerCalculation=false'], 'balancer waits for power-calculation, which does not take part'],
    [['--set', 'platform.bridge=false'], 'platform: has no bridge, so what pmu-breaker publishes at the access layer'],
    [['--service', 'historan=process'], 'the scenario has no historan'],
    [['--databus', 'carrier-pigeon'], 'carrier-pigeon is no broker'],
    [['--bal', 'embedded:99999'], '99999 is no port'],
  ])('refuses %j with 10 and writes nothing', async (args, sentence) => {
    const { code, out, err, directory } = await run(args);
    expect({ code, out }).toEqual({ code: 10, out: '' });
    expect(err).toContain(sentence);
    expect(existsSync(directory)).toBe(false);
  });

  it('tells what options, profiles, devices and services have against it in one go', async () => {
    const set = ['profiles.load.households=7', 'devices.1.at=bus:mv', 'platform.powerCalculation=false'];
    const services = ['--service', 'historan=process'];
    const { code, err } = await run([...set.flatMap((text) => ['--set', text]), '--databus', 'pigeon', ...services]);
    expect(code).toBe(10);
    expect(err.split('\n')).toEqual([
      expect.stringContaining('pigeon is no broker'),
      expect.stringContaining('the scenario has no historan'),
      expect.stringContaining('bess "cbes": the grid has no battery at bus:mv'),
      expect.stringContaining('profiles.load.households: is 7'),
      expect.stringContaining('balancer waits for power-calculation'),
      '',
    ]);
    const empty = join(folder, 'logins.yaml');
    writeFileSync(empty, 'bal: { user: a }\n');
    const { err: all, directory } = await run(['--set', 'clock.step=7s', '--credentials', empty, '--out', folder]);
    expect(all.split('\n')).toEqual([
      expect.stringContaining('logins.yaml:1:6: bal.username: missing'),
      expect.stringContaining('logins.yaml:1:6: bal.password: missing'),
      expect.stringContaining('logins.yaml:1:8: bal.user: unknown key "user"'),
      expect.stringContaining(`${folder}: the folder is not empty`),
      expect.stringContaining('clock.duration: a duration of 1 min is no multiple'),
      expect.stringContaining('devices.0.every: 10 s is no multiple'),
      expect.stringContaining('devices.1.every: 10 s is no multiple'),
      '',
    ]);
    expect(existsSync(directory)).toBe(false);
    const { err: beside } = await run(['--set', 'clock.step=7s', '--databus', 'pigeon']);
    expect(beside).toMatch(/pigeon is no broker.*\n.*clock\.duration: /);
  });

  it('ends with 30 and says what to do when a broker is missing or a port taken', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const taken = await run(['--bal', `embedded:${port}`]);
    await new Promise((done) => server.close(done));
    expect(taken.code).toBe(30);
    expect(taken.err).toContain(`port ${port} is in use: stop what listens there`);
    const missing = await run(['--databus', `mqtt://127.0.0.1:${port}`]);
    expect(missing.code).toBe(30);
    expect(missing.err).toContain(`mqtt://127.0.0.1:${port}`);
  });
});

describe('twin report and verify', () => {
  it.each([['report'], ['verify']])('%s refuses a folder without a run with 10', async (command) => {
    const { code, err } = await twin([command, join(folder, 'nowhere')]);
    expect(code).toBe(10);
    expect(err).toContain('nowhere');
  });
});

describe('twin plan', () => {
  it('shows devices, services in order, traffic and the bridge', async () => {
    const { code, out } = await twin(['plan', minute]);
    expect(code).toBe(0);
    expect(out).toContain('7 instants');
    expect(out).toMatch(/ 1 +pmu +every 10\s?s +bal\n/);
    expect(out.indexOf('power-calculation (in-process)')).toBeLessThan(out.indexOf('balancer (in-process)'));
    expect(out).toMatch(/waits for +tick of bal, progress of power-calculation\n/);
    expect(out).toContain('topic # in 1 /bal/ platone/dsotp/');
  });

  it('counts messages as the audit of the run does, kind by kind', async () => {
    const quarter = ['--set', 'clock.duration=15min', '--set', 'platform.stateEstimation={}'];
    const meters = ['--set', 'devices.2={ kind: smart-meter, at: "bus:house-*", every: 15min }'];
    const { out } = await twin(['plan', minute, ...quarter, ...meters]);
    const planned = new Map(
      [...out.matchAll(/^ +([\w-]+) +at most .* x \d+ hops +(= \d+)$/gm)].map(
        ([, ...pair]) => pair as [string, string],
      ),
    );
    const { directory } = await run([...quarter, ...meters]);
    const { hops } = JSON.parse(readFileSync(join(directory, 'audit.json'), 'utf8')) as Pick<Audit, 'hops'>;
    const counted = new Map<string, number>();
    for (const { kind, published } of hops) counted.set(kind, (counted.get(kind) ?? 0) + published);
    // Answers to use cases come as they arise.
    counted.delete('use-case');
    expect(Object.fromEntries(planned)).toEqual(
      Object.fromEntries([...counted].map(([kind, count]) => [kind, `= ${count}`])),
    );
    expect(planned.size).toBe(6);
  });

  it('prints the bridge for Mosquitto and nothing else', async () => {
    const { out } = await twin(['plan', minute, '--print-mosquitto-conf']);
    expect(out).toMatch(/^# /);
    expect(out).toContain('address 127.0.0.1:1885\n');
    expect(out).toContain('\nremote_username bridge\n');
    expect(out).not.toContain('Devices');
  });

  it.each([
    ['mqtt://bal.example:1883', 0, 'address bal.example:1883\n'],
    ['embedded', 10, '--bal: a bridge between brokers has to know where embedded is'],
    ['nonsense', 10, '--bal: nonsense is no broker'],
  ])('gives no account of ours for a bridge to the access layer %s', async (bal, expected, said) => {
    const { code, out, err } = await twin(['plan', minute, '--print-mosquitto-conf', '--bal', bal]);
    expect(code).toBe(expected);
    expect(out + err).toContain(said);
    expect(out).not.toContain('remote_username');
  });

  it('refuses services that wait for one another within an instant', async () => {
    const circle = ['platform.historian.upstreams=[balancer, historian]'];
    const { code, err } = await twin(['plan', minute, '--set', ...circle]);
    expect(code).toBe(10);
    expect(err).toContain('services wait for one another within an instant: historian > historian');
  });
});

describe('twin validate', () => {
  it('tells scenarios, grids and profiles apart and checks each', async () => {
    const grid = 'grids/networks/ieee-33/grid.json';
    const { code, out } = await twin(['validate', minute, grid, 'scenarios/germany/data/example-day.csv']);
    expect(code).toBe(0);
    expect(out.split('\n').map((line) => line.replace(/^.*?: /, ''))).toEqual([
      'valid scenario "A minute": 2 devices, 7 instants',
      'valid grid "ieee-33": 33 buses, 37 lines, 0 transformers',
      'valid profile: 96 intervals',
      '',
    ]);
  });

  it('takes a scenario written as JSON', async () => {
    const json = join(folder, 'minute.json');
    writeFileSync(json, `{ "extends": "minute.yaml", "name": "In brackets" }`);
    const { code, out } = await twin(['validate', json]);
    expect({ code, out }).toEqual({ code: 0, out: expect.stringContaining('valid scenario "In brackets"') });
  });

  it('goes on after a faulty file and names the faults of all', async () => {
    const csv = join(folder, 'day.csv');
    writeFileSync(csv, 'timestamp,load_kw,pv_kw\n2021-04-01T00:00:00Z,1,2\n2021-04-01T00:15:00Z,x,y\n');
    const json = join(folder, 'grid.json');
    writeFileSync(json, '{ "schema": 1, "name": "g", "representation": "three", "buses": [ { "id": "a" } ] }');
    const { code, out, err } = await twin(['validate', csv, json, minute]);
    expect(code).toBe(10);
    expect(out).toContain('valid scenario');
    expect(err.split('\n').filter((line) => line.startsWith(`${csv}:3:`))).toHaveLength(2);
    expect(err).toContain(`${json}:1:`);
  });

  it('tells the faults of a profile as the run with it does, which writes nothing', async () => {
    const csv = join(folder, 'faulty.csv');
    const rows = ['00:00:00Z,1,x', '00:15:00,2,3', '00:30:00Z,y,-9', '01:00:00Z,,0', '01:15:00Z,1', '01:15:00Z,1,1'];
    writeFileSync(csv, ['timestamp,load_kw,pv_kw', ...rows.map((row) => `2021-04-01T${row}`)].join('\n'));
    const { err: validated } = await twin(['validate', csv]);
    expect(validated.split('\n').map((line) => line.split(': ')[0]!.slice(csv.length))).toEqual([
      ':1:3',
      ':2:3',
      ':3:1',
      ':4:2',
      ':5:2',
      ':6',
      ':7',
      '',
    ]);
    const out = join(folder, 'never');
    for (const start of ['csv', '2021-04-01T00:00:00+02:00']) {
      const set = ['--set', `profiles.csv=${csv}`, '--set', `clock.start=${start}`];
      const ran = await twin(['run', 'scenarios/germany/recorded-day.yaml', '--out', out, ...set]);
      expect({ code: ran.code, out: ran.out }).toEqual({ code: 10, out: '' });
      const own = ran.err.split('\n').filter((line) => !line.includes(': covers '));
      expect(own.join('\n')).toBe(validated);
      expect(existsSync(out)).toBe(false);
    }
  });

  it('takes no zone that there is none', async () => {
    const { code, err } = await twin([
      'validate',
      'scenarios/germany/data/example-day.csv',
      '--zone',
      'Europe/Twistringen',
    ]);
    expect(code).toBe(2);
    expect(err).toContain('--zone: "Europe/Twistringen" is no time zone: write an IANA name such as Europe/Berlin');
  });

  it('knows other columns, units and zones', async () => {
    const csv = join(folder, 'local.csv');
    writeFileSync(csv, 'time;demand\n2021-04-01 00:00;1,5\n2021-04-01 00:15;2,5\n');
    const columns = ['--time', 'time', '--load', 'demand', '--unit', 'W', '--zone', 'Europe/Berlin'];
    expect(await twin(['validate', csv, ...columns])).toMatchObject({ code: 0 });
  });
});
