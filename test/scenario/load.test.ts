/** How a scenario comes together: files that extend files, overrides, CSV days, SI units, devices, service options. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadScenario } from '../../sim/scenario/load.ts';
import { createWorkshop, soundScenario } from './workshop.ts';

const { path, write, faultsOf } = createWorkshop();

it("keys of an anchored map can be merged, and the map's own count more", async () => {
  const pmus = soundScenario
    .replace('- { kind: pmu, id: pmu-1,', '- &first { kind: pmu, id: pmu-1,')
    .replace('platform:', '  - { id: pmu-2, <<: *first, at: "bus:3" }\n  - { <<: [{ id: pmu-3 }, *first] }\nplatform:');
  const { devices } = await loadScenario(write('merge.yaml', pmus));
  expect(devices.filter(({ kind }) => kind === 'pmu').map(({ id, at }) => `${id} ${at}`)).toEqual([
    'pmu-1 bus:2',
    'pmu-2 bus:3',
    'pmu-3 bus:2',
  ]);
});

describe('extends', () => {
  it('of what is not there hides no other fault, and nothing is missed', async () => {
    expect(await faultsOf(write('top.yaml', 'extends: gone.yaml\nname: 7\nclock: { duration: 90x }\n'))).toEqual([
      'top.yaml:1:10: extends: extends gone.yaml, which does not exist',
      'top.yaml:2:7: name: 7 is not a text',
      expect.stringMatching(/^top\.yaml:3:20: clock\.duration: "90x" is no duration/),
    ]);
  });

  it('merges maps key by key and replaces lists and values', async () => {
    write('base/base.yaml', soundScenario);
    const file = write('top.yaml', 'extends: base/base.yaml\nname: Top\nclock: { duration: 2h }\nexpect: []\n');
    const { scenario, files } = await loadScenario(file);
    expect(scenario).toMatchObject({
      name: 'Top',
      site: 'germany',
      clock: { duration: 7200e6, step: 10e6 },
      expect: [],
    });
    expect(scenario.devices).toHaveLength(2);
    expect(files.slice(0, 2)).toEqual([file, path('base/base.yaml')]);
  });

  it('names the file in which a fault stands, whichever it is', async () => {
    write('base.yaml', soundScenario.replace('step: 10s', 'step: 10x'));
    const file = write('top.yaml', 'extends: base.yaml\nnam: Top\nclock: { duration: 90x }\n');
    const faults = await faultsOf(file);
    expect(faults.map((line) => line.split(': ').slice(0, 2).join(' '))).toEqual([
      'top.yaml:3:20 clock.duration',
      'base.yaml:5:66 clock.step',
      'top.yaml:2:1 nam',
    ]);
  });

  it('refuses circles, missing files and what is no name', async () => {
    write('a.yaml', 'extends: b.yaml\n');
    write('b.yaml', 'extends: a.yaml\n');
    expect((await faultsOf(path('a.yaml')))[0]).toMatch(
      /^b\.yaml:1:10: extends: extends itself through a\.yaml > b\.yaml > a\.yaml$/,
    );
    expect((await faultsOf(write('c.yaml', 'extends: nowhere.yaml\n')))[0]).toBe(
      'c.yaml:1:10: extends: extends nowhere.yaml, which does not exist',
    );
    expect((await faultsOf(write('d.yaml', 'extends: [a.yaml]\n')))[0]).toBe(
      'd.yaml:1:10: extends: is not the name of a file',
    );
    expect((await faultsOf(write('sub/e.yaml', 'extends: ../sub\n')))[0]).toMatch(
      /^sub\/e\.yaml:1:10: extends: extends sub, which is a folder$/,
    );
  });
});

describe('overrides', () => {
  const load = async (...set: string[]) => (await loadScenario(write('s.yaml', soundScenario), { set })).scenario;

  it('reach into maps and lists, in order', async () => {
    const scenario = await load('clock.duration=2h', 'devices.0.every=30s', 'clock.duration=3h', 'expect=[]');
    expect(scenario.clock.duration).toBe(3 * 3600e6);
    expect(scenario.devices[0]).toMatchObject({ every: 30e6 });
    expect(scenario.expect).toEqual([]);
  });

  it('make the maps that are not there, and extend a list by its next index', async () => {
    const scenario = await load('profiles.pv.clouds=overcast', 'expect.1=messages.lost == 0');
    expect(scenario.profiles.pv).toMatchObject({ clouds: 'overcast', kind: 'sun' });
    expect(scenario.expect).toEqual(['messages.unexplained == 0', 'messages.lost == 0']);
  });

  it('switch a service off', async () => {
    const { serviceOptions } = await loadScenario(write('s.yaml', soundScenario), {
      set: ['platform.powerCalculation=false'],
    });
    expect(serviceOptions).toEqual({});
  });

  it('keep a seed as it is written, also from --seed, which wins', async () => {
    expect((await load('seed=007')).seed).toBe('007');
    const both = await loadScenario(write('s.yaml', soundScenario), { set: ['seed=1'], seed: '0x10', pace: '60x' });
    expect(both.scenario).toMatchObject({ seed: '0x10', pace: '60x' });
  });

  it.each([
    ['clock.duration', '--set clock.duration: is no override: write path=value, for example clock.duration=1h'],
    ['=3', '--set =3: is no override: write path=value, for example clock.duration=1h'],
    ['a..b=3', '--set a..b=3: is no override: write path=value, for example clock.duration=1h'],
    ['devices.7.every=10s', '--set devices.7.every=10s: devices is a list of 2: "7" is none of its indices'],
    ['name.first=x', '--set name.first=x: name is a single value: nothing can be set below it'],
    ['clock.duraton=1h', '--set clock.duraton=1h: clock.duraton: unknown key "duraton" (did you mean "duration"?)'],
    [
      'clock.duration=1 fortnight',
      '--set clock.duration=1 fortnight: clock.duration: "1 fortnight" is no duration: write a number with us, ms, s, min, h, d, for example "15min"',
    ],
  ])('%s is refused under its own name', async (set, fault) => {
    expect(await faultsOf(write('s.yaml', soundScenario), { set: [set] })).toEqual([fault]);
  });
});

describe('a day from a CSV file', () => {
  const rows = (day: string, zone: string) =>
    ['timestamp,load_kw,pv_kw', ...Array.from({ length: 4 }, (_, i) => `${day}T0${i}:00:00${zone},${i},0`)].join('\n');
  const scenario = soundScenario
    .replace('start: "2021-04-01T00:00:00+02:00"', 'start: csv')
    .replace('seed: s1', 'seed: s1\nprofiles: { csv: { file: data/day.csv, load: load_kw, pv: pv_kw } }');

  it('begins where the file begins, in its zone', async () => {
    write('data/day.csv', rows('2021-04-04', '+02:00'));
    const { scenario: loaded, files } = await loadScenario(write('csv.yaml', scenario));
    expect(loaded.clock.start).toBe('2021-04-04T00:00:00+02:00');
    expect(loaded.profiles.load).toMatchObject({ kind: 'csv', csv: { file: path('data/day.csv'), load: 'load_kw' } });
    expect(loaded.profiles.pv).toMatchObject({ kind: 'csv', csv: { pv: 'pv_kw' } });
    expect(files).toContain(path('data/day.csv'));
  });

  it('is exchanged by one word on the command line, relative to the current folder', async () => {
    write('data/day.csv', rows('2021-04-04', '+02:00'));
    const other = write('other.csv', rows('2021-01-09', 'Z'));
    const { scenario: loaded } = await loadScenario(write('csv.yaml', scenario), { set: [`profiles.csv=${other}`] });
    expect(loaded.clock.start).toBe('2021-01-09T00:00:00Z');
    expect(loaded.profiles.load?.csv).toMatchObject({ file: other, load: 'load_kw', pv: 'pv_kw', unit: 'kW' });
  });

  it('may have local times, with the zone named beside it', async () => {
    write('data/day.csv', rows('2021-07-04', ''));
    const { scenario: loaded } = await loadScenario(write('csv.yaml', scenario), {
      set: ['profiles.csv.zone=Asia/Kolkata'],
    });
    expect(loaded.clock.start).toBe('2021-07-04T00:00:00+05:30');
  });

  it('begins one interval before the first stamp when stamps mark the end', async () => {
    write('data/day.csv', rows('2021-04-04', '-03:00'));
    const { scenario: loaded } = await loadScenario(write('csv.yaml', scenario), {
      set: ['profiles.csv.stamp=interval-end'],
    });
    expect(loaded.clock.start).toBe('2021-04-03T23:00:00-03:00');
  });

  it('serves only what it has a column for', async () => {
    write('data/day.csv', rows('2021-04-04', 'Z'));
    const text = scenario.replace(', pv: pv_kw', '');
    const { scenario: loaded } = await loadScenario(write('csv.yaml', text));
    expect(loaded.profiles.load?.kind).toBe('csv');
    expect(loaded.profiles.pv).toBeUndefined();
  });

  it('says when there is nothing to begin with', async () => {
    const none = scenario.replace(/\nprofiles: .*/, '');
    expect(await faultsOf(write('csv.yaml', none))).toEqual([
      'csv.yaml:5:17: clock.start: is "csv", but profiles.csv names no file',
    ]);
    expect((await faultsOf(write('csv.yaml', scenario), { set: ['profiles.csv=gone.csv'] }))[0]).toBe(
      '--set profiles.csv=gone.csv: profiles.csv.file: file "gone.csv" does not exist',
    );
  });
});

describe('devices', () => {
  const devices = async (lines: string) => {
    const text = soundScenario.replace(/devices:\n.*\n.*\n/, `devices:\n${lines}\n`);
    return (await loadScenario(write('s.yaml', text))).devices.map(({ id, at }) => `${id} ${at}`);
  };

  it('stand one at each matching place, named after it', async () => {
    expect(await devices('  - { kind: smart-meter, at: "bus:3*" }')).toEqual(
      ['3', '30', '31', '32', '33'].map((bus) => `${bus} bus:${bus}`),
    );
    expect(await devices('  - { kind: smart-meter, at: "bus:3*", id: m, count: 2 }')).toEqual([
      'm-3 bus:3',
      'm-30 bus:30',
    ]);
  });

  it('stand together at a plain place, numbered to one width', async () => {
    const ten = await devices('  - { kind: smart-meter, at: "bus:3", id: m, count: 10 }');
    expect([ten[0], ten[9]]).toEqual(['m-01 bus:3', 'm-10 bus:3']);
    expect(await devices('  - { kind: smart-meter, at: "bus:3" }')).toEqual(['3 bus:3']);
  });
});

it('turns the options of services into the fields of their configuration', async () => {
  const text = soundScenario.replace(
    'powerCalculation: {}',
    'powerCalculation: { commonAngleSigma: 2 mrad, sequenceComponents: false }\n  historian: {}\n  balancer: false',
  );
  const { serviceOptions } = await loadScenario(write('s.yaml', text));
  expect(serviceOptions).toEqual({
    'power-calculation': { commonAngleSigmaRad: 0.002, sequenceComponents: false },
    historian: {},
  });
});

it('gives the platform its own, wrong copy of the grid', async () => {
  const text = soundScenario.replace(
    'platform:',
    'platform:\n  gridChanges: { "buses.2.name": somewhere, "lines.1.lengthM": 12 }',
  );
  const { grid, platformGrid } = await loadScenario(write('s.yaml', text));
  expect(platformGrid.lines.find(({ id }) => id === '1')?.lengthM).toBe(12);
  expect(grid.lines.find(({ id }) => id === '1')?.lengthM).not.toBe(12);
  expect(grid.buses[1]?.name).toBeUndefined();
});

it('finds a grid file beside the scenario', async () => {
  const file = write('s.yaml', soundScenario.replace('./g.json', './grid.json'));
  expect((await faultsOf(file))[0]).toMatch(/^s\.yaml:6:7: grid: file ".*grid\.json" does not exist$/);
  write('grid.json', '{ "schema": 1, "name": "g", "representation": "three", "buses": [] }');
  expect((await faultsOf(file))[0]).toMatch(/grid\.json:1:.*: buses: /);
});

it('gives problems that others find in it their place', async () => {
  const { locate } = await loadScenario(write('s.yaml', soundScenario), { set: ['devices.0.every=20s'] });
  const problem = (path: string) => ({ path, message: 'is wrong' });
  expect(locate([problem('devices.1.at'), problem('devices.0.every'), problem('clock.zone')])).toEqual([
    { path: 'devices.1.at', message: 'is wrong', file: expect.stringMatching(/s\.yaml$/), line: 9, column: 30 },
    { path: 'devices.0.every', message: 'is wrong', file: '--set devices.0.every=20s' },
    { path: 'clock.zone', message: 'is wrong', file: expect.stringMatching(/s\.yaml$/), line: 5, column: 8 },
  ]);
  const elsewhere = [{ file: 'x.csv', path: 'load_kw', message: 'is wrong' }, problem('')];
  expect(locate(elsewhere)).toEqual(elsewhere);
});

it('reads the scenarios that come with the project', async () => {
  const folder = join(import.meta.dirname, '..', '..', 'scenarios', 'germany');
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  expect(names).toEqual(
    expect.arrayContaining(['uc1-virtual-islanding.yaml', 'recorded-day.yaml', 'noise-free.yaml', 'realtime.yaml']),
  );
  const faults = await Promise.all(names.map((name) => faultsOf(join(folder, name))));
  expect(faults.flat()).toEqual([]);
});
