/** `twin grid import`, and GRID as a file of another tool: the native form gives the same answers as the file. */
import { cpSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { samplePath, sampleText } from '../import/samples.ts';
import { twin } from './harness.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-grid-import-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

describe.each([
  ['hamlet.m', false],
  ['hamlet.pandapower-2.json', true],
  ['hamlet.pandapower-3.json', true],
  ['hamlet.power-grid-model.json', true],
  ['hamlet.cim', false],
] as const)('%s', (name, measured) => {
  const out = path(`out-${name}`);

  test('writes the native form with its notes', async () => {
    const { code, out: printed } = await twin(['grid', 'import', samplePath(name), '--out', out]);
    expect(code).toBe(0);
    expect(printed).toContain(join(out, 'grid.json'));
    const written = ['grid.json', 'import-notes.md', ...(measured ? ['measurements.json'] : [])];
    expect(readdirSync(out).toSorted()).toEqual(written);
    const notes = readFileSync(join(out, 'import-notes.md'), 'utf8');
    expect(notes).toContain(`Imported from `);
    expect(notes).toMatch(/^- /m);
    expect((await twin(['validate', join(out, 'grid.json')])).code).toBe(0);
  });

  test('the power flow of the native form is that of the file, to the last digit', async () => {
    const direct = await twin(['powerflow', samplePath(name), '--format', 'json']);
    const native = await twin(['powerflow', out, '--format', 'json']);
    expect(direct.code).toBe(0);
    expect(native.out).toBe(direct.out);
    expect(direct.err).toMatch(/assumed or not carried over; "twin grid import .*" writes them down/);
  });

  test.runIf(measured)('and so is the estimate', async () => {
    const direct = await twin(['estimate', samplePath(name), '--format', 'json']);
    for (const measurements of [[], [join(out, 'measurements.json')]]) {
      const native = await twin(['estimate', out, ...measurements, '--format', 'json']);
      expect(native.code).toBe(direct.code);
      expect(native.out).toBe(direct.out);
    }
  });

  test.runIf(!measured)('without measurements there is nothing to estimate from', async () => {
    for (const grid of [samplePath(name), out]) {
      const { code, err } = await twin(['estimate', grid, '--format', 'json']);
      expect(code).toBe(10);
      expect(err).toContain('carries no measurements');
    }
  });

  test('shows what it consists of', async () => {
    const { code, out: printed } = await twin(['grid', 'show', samplePath(name)]);
    expect(code).toBe(0);
    expect(printed).toMatch(/^Source +(MATPOWER|pandapower|power-grid-model|CIM)/m);
    expect(printed).toMatch(/^Notes /m);
  });
});

test('several CIM files are one grid', async () => {
  const files = ['EQ', 'TP', 'SSH'].map((profile) => samplePath(`hamlet.cim/hamlet_${profile}.xml`));
  const { code, out } = await twin(['powerflow', ...files, '--format', 'json']);
  expect(code).toBe(0);
  expect((JSON.parse(out) as { buses: unknown[] }).buses).toHaveLength(5);
  const measurements = path('m.json');
  const at = { id: 'v', kind: 'voltageMagnitude', at: 'bus:_grid', value: 1.02, sigma: 0.01, unit: 'pu' };
  writeFileSync(measurements, JSON.stringify({ measurements: [at] }));
  const estimate = await twin(['estimate', ...files, measurements, '--format', 'json']);
  expect(estimate.code).toBe(20);
  expect((JSON.parse(estimate.out) as { observable: boolean }).observable).toBe(false);
});

test('validate knows the files of other tools', async () => {
  const { code, out } = await twin(['validate', samplePath('hamlet.m'), samplePath('hamlet.pandapower-3.json')]);
  expect(code).toBe(0);
  expect(out).toMatch(/hamlet\.m: valid MATPOWER case "hamlet": 5 buses, 4 lines, 0 transformers/);
  expect(out).toMatch(/valid pandapower JSON "hamlet": 11 buses/);
  writeFileSync(path('faulty.m'), sampleText('hamlet.m').replace('1500/2', 'NaN'));
  expect((await twin(['validate', path('faulty.m')])).code).toBe(10);
});

test('without --out, a folder beside the files and never among them', async () => {
  const before = process.cwd();
  cpSync(samplePath('hamlet.cim'), path('cgmes'), { recursive: true });
  process.chdir(folder);
  try {
    const { code, out } = await twin(['grid', 'import', 'cgmes']);
    expect(code).toBe(0);
    expect(out).toContain(join('cgmes-native', 'grid.json'));
    expect(readdirSync(path('cgmes')).every((name) => name.endsWith('.xml'))).toBe(true);
  } finally {
    process.chdir(before);
  }
});

describe('what goes wrong', () => {
  test('a bad file ends with 10, says where, and leaves nothing behind', async () => {
    writeFileSync(path('bad.m'), sampleText('hamlet.m').replace('1500/2', 'NaN'));
    const { code, err } = await twin(['grid', 'import', path('bad.m'), '--out', path('never')]);
    expect(code).toBe(10);
    expect(err).toContain('bad.m:18:2: bus(3).Pd: Pd of row 3 of bus is missing');
    expect(existsSync(path('never'))).toBe(false);
    expect((await twin(['powerflow', path('bad.m')])).code).toBe(10);
    expect((await twin(['estimate', path('bad.m')])).code).toBe(10);
    expect((await twin(['grid', 'show', path('bad.m')])).code).toBe(10);
  });

  test('nothing is written over unless one says so', async () => {
    const own = path('own');
    const hamlet = ['grid', 'import', samplePath('hamlet.m'), '--out', own];
    expect((await twin(['grid', 'import', samplePath('hamlet.power-grid-model.json'), '--out', own])).code).toBe(0);
    const before = readFileSync(join(own, 'grid.json'), 'utf8');
    const { code, err } = await twin(hamlet);
    expect(code).toBe(10);
    expect(err).toContain('own: the folder is not empty');
    expect(readFileSync(join(own, 'grid.json'), 'utf8')).toBe(before);
    expect(readdirSync(own)).toContain('measurements.json');
    // Without measurements in the file, those of the earlier import go; the rest of the folder stays.
    writeFileSync(join(own, 'mine.txt'), 'mine');
    expect((await twin([...hamlet, '--overwrite'])).code).toBe(0);
    expect(readdirSync(own).toSorted()).toEqual(['grid.json', 'import-notes.md', 'mine.txt']);
    expect(readFileSync(join(own, 'grid.json'), 'utf8')).not.toBe(before);
  });

  test.runIf(existsSync('/proc/self'))('a folder that cannot be made is a fault, at once', async () => {
    const { code, err } = await twin(['grid', 'import', samplePath('hamlet.m'), '--out', '/proc/x']);
    expect(code).toBe(10);
    expect(err).toContain('/proc/x: cannot be made');
  });

  test('files of two grids', async () => {
    const { code, err } = await twin(['powerflow', samplePath('hamlet.m'), samplePath('hamlet.pandapower-3.json')]);
    expect(code).toBe(10);
    expect(err).toContain('name the files of one grid');
  });
});
