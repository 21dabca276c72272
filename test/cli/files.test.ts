/** Files and folders that commands cannot use: a sentence that says what to do, one way to write paths, exit code 10. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { twin } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);
mkdirSync(path('empty'));
mkdirSync(path('other'));
writeFileSync(path('other/manifest.json'), '{ "schema": "something/1" }');
writeFileSync(path('file'), 'x\n');
writeFileSync(path('service.yaml'), 'databus: { url: "mqtt://127.0.0.1:1" }\nservice: {}\n');
writeFileSync(path('half.yaml'), 'databus: { url: "mqtt://127.0.0.1:1" }\n');
writeFileSync(path('open.yaml'), 'databus:\n  { username: a\n');
writeFileSync(path('alias.yaml'), 'databus: *b\n');
const sideways = 'topics: ["topic a in 1", "topic b sideways"]';
writeFileSync(path('bridge.yaml'), `local: { url: "mqtt://x" }\nremote: { url: "mqtt://y" }\n${sideways}\n`);
writeFileSync(path('utf-16.yaml'), '\uFEFFschema: 1\n', 'utf16le');
writeFileSync(path('picture'), '\u0089PNG\r\n\0\u001b[31m');

const launcher = resolve('bin/twin.mjs');
const day = 'scenarios/germany/uc1-virtual-islanding.yaml';
const given = '(give the folder that `twin run` printed)';
const unclosed = 'Flow map in block collection must be sufficiently indented and end with a }';
const empty = '(name a folder that is new or empty with --out)';

describe('what cannot be used is said in words', () => {
  it.each([
    [['verify', path('empty')], `empty/manifest.json: does not exist, so this is no folder of a run ${given}`],
    [['report', path('empty')], `empty/manifest.json: does not exist, so this is no folder of a run ${given}`],
    [['verify', path('other')], `other/manifest.json: is no manifest of a run ${given}`],
    [
      ['report', path('file')],
      `file/manifest.json: cannot be read: a file stands where a folder would have to be ${given}`,
    ],
    [
      ['run', day, '--out', path('file')],
      `file: cannot be made: a file stands where a folder would have to be ${empty}`,
    ],
    [['run', day, '--out', path('other')], `other: the folder is not empty ${empty}`],
    [['run', day, '--credentials', path('none')], 'none: file does not exist'],
    ...[
      ['run', day, '--credentials'],
      ['serve', 'balancer', '--config'],
    ].flatMap((words): [string[], string][] => [
      [[...words, path('open.yaml')], `open.yaml:3:1: is no valid YAML: ${unclosed}`],
      [[...words, path('alias.yaml')], 'alias.yaml:1:10: is no valid YAML: no anchor &b stands before its alias *b'],
    ]),
    [['serve', 'balancer', '--config', path('none')], 'none: file does not exist'],
    [['serve', 'balancer', '--config', path('empty')], 'empty: is a folder, not a file'],
    [['serve', 'power-calculation', '--config', path('half.yaml')], 'half.yaml:1:1: service: missing'],
    [['serve', 'power-calculation', '--config', path('service.yaml')], 'service.yaml:2:10: service.site: missing'],
    [
      ['serve', 'bridge', '--config', path('bridge.yaml')],
      'bridge.yaml:3:26: topics.1: "sideways" is no direction (write in, out or both)',
    ],
    [['validate', path('utf-16.yaml')], 'utf-16.yaml: is written in UTF-16 (save it as UTF-8)'],
    [['balance', path('none')], 'none: file does not exist'],
    [['validate', path('empty')], 'empty: is a folder with neither CIM/CGMES XML files nor a grid.json in it'],
    ...[['run'], ['plan'], ['validate'], ['balance'], ['estimate', 'ieee-33'], ['serve', 'balancer', '--config']].map(
      (words): [string[], string] => [[...words, path('picture')], 'picture: is no text file'],
    ),
    [['run', day, '--credentials', path('picture')], 'picture: is no text file'],
    [
      ['run', 'scenarios/germany/recorded-day.yaml', '--set', `profiles.csv=${path('picture')}`],
      'picture: is no text file',
    ],
  ])('twin %j', async (args, sentence) => {
    expect(await twin(args)).toEqual({ code: 10, out: '', err: `${folder}/${sentence}\n` });
  });

  it.skipIf(process.platform === 'win32')('a current folder that was removed (skipped on Windows)', () => {
    // In a fresh clone the launcher builds, and says so: here, not below.
    spawnSync(process.execPath, [launcher, '--version']);
    const gone = path('gone');
    mkdirSync(gone);
    const script = 'cd "$1" && rmdir "$1" && exec "$2" "$3" validate x.yaml';
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script, 'sh', gone, process.execPath, launcher]);
    const said = 'the current folder was removed: change to one that is there, and type the command again\n';
    expect({ status, out: String(stdout), err: String(stderr) }).toEqual({ status: 10, out: '', err: said });
  });

  it('twin balance: every fault of a request at its line and column', async () => {
    const request = readFileSync('docs/examples/balance-request.json', 'utf8');
    const line = (key: string) => request.slice(0, request.indexOf(`"${key}"`)).split('\n').length;
    writeFileSync(path('request.json'), request.replace('"id"', '"idx"').replace('"bat_type"', '"batt_type"'));
    const { code, out, err } = await twin(['balance', path('request.json')]);
    expect({ code, out }).toEqual({ code: 10, out: '' });
    expect(err.split('\n').map((text) => /request\.json:(\d+:\d+): (.*)$/.exec(text)?.slice(1).join(' '))).toEqual([
      `${line('id')}:3 idx: unknown key "idx" (did you mean "id"?)`,
      `${line('bat_type')}:5 battery_specs.batt_type: unknown key "batt_type" (did you mean "bat_type"?)`,
      undefined,
    ]);
  });

  it('without the words of the JSON parser breaking the line', async () => {
    const { err } = await twin(['balance', path('file')]);
    expect(err.split('\n')).toHaveLength(2);
  });
});

/** `twin` with `file` coming through a pipe. */
function piped(file: string, ...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync('sh', [
    '-c',
    'cat "$0" | "$@"',
    file,
    process.execPath,
    launcher,
    ...words,
  ]);
  return { code: status, out: String(stdout), err: String(stderr) };
}

describe.skipIf(process.platform === 'win32')('what comes through a pipe (skipped on Windows)', () => {
  it.each([
    [['powerflow', '/dev/stdin', '--format', 'json'], 'grids/networks/ieee-33/grid.json', '"converged": true'],
    [['validate', '/dev/stdin'], 'grids/networks/ieee-33/grid.json', '/dev/stdin: valid grid "ieee-33"'],
    [['validate', '/dev/stdin'], 'scenarios/germany/data/example-day.csv', '/dev/stdin: valid profile: 96 intervals'],
    [
      ['plan', 'scenarios/germany/recorded-day.yaml', '--set', 'profiles.csv=/dev/stdin'],
      'scenarios/germany/data/example-day.csv',
      '97 instants',
    ],
  ])('is read once: twin %j', (words, file, answer) => {
    const { code, out, err } = piped(file, ...words);
    expect({ code, out, err }).toEqual({ code: 0, out: expect.stringContaining(answer), err: '' });
  });

  it('may extend a scenario of the current folder, and is run, but not again', () => {
    const set = { 'clock.duration': '1min', expect: '[]', events: '[]', seed: '1' };
    writeFileSync(path('over.yaml'), `extends: ${day}\n`);
    const changes = Object.entries(set).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
    const words = ['/dev/stdin', ...changes];
    expect(piped(path('over.yaml'), 'validate', ...words)).toMatchObject({ code: 0, err: '' });
    const out = path('piped-run');
    const ran = piped(path('over.yaml'), 'run', ...words, '--databus', 'memory', '--out', out);
    expect(ran).toMatchObject({ code: 0, err: '' });
    const again = piped(path('over.yaml'), 'verify', out);
    const sentence = '/dev/stdin changed since the record was made: verify needs the same inputs\n';
    expect(again).toEqual({ code: 10, out: sentence, err: '' });
  });

  it('may be endless', async () => {
    const { code, err } = await twin(['validate', '/dev/zero']);
    const sentence = '/dev/zero: is larger than any file that is meant: at most 268 MB are read\n';
    expect({ code, err }).toEqual({ code: 10, err: sentence });
  });
});

describe('paths', () => {
  it('are relative to the current folder for what is in it, however they were given', async () => {
    for (const given of ['test/cli/nowhere.yaml', './test/cli/nowhere.yaml', resolve('test/cli/nowhere.yaml')]) {
      expect((await twin(['plan', given])).err).toBe('test/cli/nowhere.yaml: file does not exist\n');
    }
    expect((await twin(['validate', 'grids/networks/ieee-33'])).out).toMatch(/^grids\/networks\/ieee-33: valid grid/);
    const { out } = await twin(['validate', resolve('grids/networks/ieee-33/grid.json')]);
    expect(out).toMatch(/^grids\/networks\/ieee-33\/grid\.json: valid grid/);
  });

  it('are absolute for all else, also inside a sentence', async () => {
    const scenario = path('scenario.yaml');
    writeFileSync(scenario, 'extends: gone.yaml\n');
    for (const given of [scenario, relative('.', scenario)]) {
      const { err } = await twin(['validate', given]);
      expect(err).toBe(`${scenario}:1:10: extends: extends ${path('gone.yaml')}, which does not exist\n`);
    }
  });
});
