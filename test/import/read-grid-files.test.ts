/** Recognition by content: every format under a name that says nothing, folders, mixtures, and what is nothing of it. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { gzipSync } from 'node:zlib';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { importGrid, readGridFiles } from '../../grids/import/read-grid-files.ts';
import { recognise } from '../../grids/import/recognise.ts';
import { faultsOf, samplePath, sampleText } from './samples.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-read-grid-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = (name: string) => join(folder, name);

describe('recognition by content', () => {
  test.each([
    ['matpower', 'hamlet.m'],
    ['pandapower', 'hamlet.pandapower-2.json'],
    ['pandapower', 'hamlet.pandapower-3.json'],
    ['power-grid-model', 'hamlet.power-grid-model.json'],
  ])('%s: %s', (format, sample) => {
    copyFileSync(samplePath(sample), path('data.txt'));
    expect(readGridFiles(path('data.txt')).format).toBe(format);
    expect(readGridFiles([path('data.txt')]).grid.buses.length).toBeGreaterThan(4);
  });

  test('a native network by name, a native file, and the folder of an import', () => {
    const { format, grid, measurements } = readGridFiles('ieee-33');
    expect({ format, measurements }).toEqual({ format: 'native', measurements: [] });
    mkdirSync(path('imported'));
    writeFileSync(path('imported/grid.json'), JSON.stringify(grid));
    expect(readGridFiles(path('imported')).grid).toEqual(grid);
  });

  test('with a byte order mark, in UTF-16, and with the line ends of others', () => {
    const text = sampleText('hamlet.m');
    const { grid } = importGrid([{ name: 'case.m', text }]);
    const variants = [`\uFEFF${text}`, text.replaceAll('\n', '\r\n'), text.replaceAll('\n', '\r')];
    for (const variant of variants) {
      writeFileSync(path('variant.m'), variant);
      expect(readGridFiles(path('variant.m')).grid).toEqual(grid);
    }
    writeFileSync(path('variant.m'), Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]));
    expect(readGridFiles(path('variant.m')).grid).toEqual(grid);
  });

  test.each([
    ['', 'is empty'],
    ['   \n', 'is empty'],
    ['PK\u0003\u0004...', 'is a zip archive: unpack it and name the folder'],
    ['\0\0\0', 'is no text file'],
    ['<html><body>404</body></html>', 'is a web page, not a grid: was the download answered with an error?'],
    ['<?xml version="1.0"?><svg/>', 'is XML, but not CIM/CGMES: its root is no rdf:RDF'],
    ['{ "a": 1 }', 'is JSON, but no grid that is known'],
    ['name: a scenario\nseed: 1', 'is no grid that is known: neither JSON, nor CIM/CGMES XML, nor a MATPOWER case'],
  ])('%j is none of them', (text, reason) => {
    const known = recognise(text);
    expect('reason' in known ? known.reason : '').toContain(reason);
    expect(faultsOf(() => importGrid([{ name: 'x', text }]))[0]).toContain(`x: ${reason}`);
  });
});

test('a file that gzip made says so', () => {
  writeFileSync(path('case.m.gz'), gzipSync(sampleText('hamlet.m')));
  expect(faultsOf(() => readGridFiles(path('case.m.gz')))[0]).toMatch(
    /case\.m\.gz: is compressed by gzip: unpack it first/,
  );
});

describe('several files', () => {
  const file = (name: string) => ({ name, text: sampleText(name) });

  test('of two tools are refused', () => {
    expect(faultsOf(() => importGrid([file('hamlet.m'), file('hamlet.pandapower-3.json')]))).toEqual([
      'hamlet.pandapower-3.json: is a pandapower JSON, while hamlet.m is a MATPOWER case (name the files of one grid)',
    ]);
  });

  test('of two CIM models are one grid of two islands, with a note; those of one have none', () => {
    const names = ['EQ', 'TP', 'SSH'].map((profile) => `hamlet.cim/hamlet_${profile}.xml`);
    const one = names.map(file);
    // Every id of the second model is another.
    const two = one.map(({ name, text }) => ({
      name: `other/${name}`,
      text: text.replaceAll(/(rdf:ID="|rdf:about="#|rdf:resource="#)/g, '$1x').replaceAll('urn:uuid:1', 'urn:uuid:2'),
    }));
    const joined = (files: typeof one) =>
      importGrid(files).notes.filter(({ message }) => message.includes('two models'));
    expect(joined(one)).toEqual([]);
    const [note] = joined([...one, ...two]);
    expect(note).toMatchObject({ count: 1 });
  });

  test('make one grid of CIM only', () => {
    expect(faultsOf(() => importGrid([file('hamlet.m'), file('hamlet.m')]))[0]).toContain(
      'a MATPOWER case is one file, and hamlet.m is named already',
    );
  });

  test('measurements alone are no grid', () => {
    expect(faultsOf(() => importGrid([{ name: 'm.json', text: '{ "measurements": [] }' }]))).toEqual([
      'm.json: holds measurements, not a grid',
    ]);
  });

  test('files and folders that are not there', () => {
    expect(faultsOf(() => readGridFiles(path('nothing.json')))[0]).toContain('file does not exist');
    expect(faultsOf(() => readGridFiles('iee-33'))[0]).toContain('did you mean "ieee-33"?');
    mkdirSync(path('empty'));
    expect(faultsOf(() => readGridFiles(path('empty')))[0]).toContain('neither CIM/CGMES XML files nor a grid.json');
    expect(faultsOf(() => readGridFiles([]))[0]).toContain('no file of a grid is named');
  });
});
