/** Reads a grid from the files of any tool that is known, told by content; several files may make one CIM grid. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { parseGrid, resolveGridFile } from '../load.ts';
import { InvalidInputError, type Problem } from '../problem.ts';
import { readCim } from './cim/to-grid.ts';
import { formatNames, type GridFormat, type ImportedGrid, type SourceFile } from './imported-grid.ts';
import { readMatpower } from './matpower/to-grid.ts';
import { readPandapower } from './pandapower/to-grid.ts';
import { readPowerGridModel } from './power-grid-model/to-grid.ts';
import { readBytes } from '../read-text.ts';
import { recognise } from './recognise.ts';

export interface ImportOptions {
  /** For files that leave open which calculation is meant (power-grid-model); found by their content when absent. */
  readonly representation?: 'three' | 'positive-sequence';
}

/**
 * The grid of one or several files, of a folder, or of a native network by name, with its measurements and with notes on
 * what could not be carried over. Ids are those of the source. Throws InvalidInputError with every fault and its place.
 */
export function readGridFiles(paths: string | readonly string[], options: ImportOptions = {}): ImportedGrid {
  const files = (typeof paths === 'string' ? [paths] : paths).flatMap(filesOf);
  if (files.length === 0) throw new InvalidInputError([{ path: '', message: 'no file of a grid is named' }]);
  return importGrid(files.map(readSource), options);
}

/** The same from texts that were read already. */
export function importGrid(files: readonly SourceFile[], options: ImportOptions = {}): ImportedGrid {
  const formats = files.map((file) => ({ file, format: formatOf(file) }));
  const [first] = formats;
  const others = formats.filter(({ format }) => format !== first!.format);
  const problems: Problem[] = others.map(({ file, format }) => ({
    file: file.name,
    path: '',
    message: `is a ${formatNames[format]}, while ${first!.file.name} is a ${formatNames[first!.format]}`,
    hint: 'name the files of one grid',
  }));
  if (problems.length === 0 && first!.format !== 'cim') {
    for (const { file } of formats.slice(1)) {
      const message = `a ${formatNames[first!.format]} is one file, and ${first!.file.name} is named already`;
      problems.push({ file: file.name, path: '', message, hint: 'only CIM/CGMES grids consist of several files' });
    }
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
  return readers[first!.format](files, options);
}

const readers: Readonly<Record<GridFormat, (files: readonly SourceFile[], options: ImportOptions) => ImportedGrid>> = {
  native: ([file]) => ({ format: 'native', grid: parseGrid(file!.text, file!.name), measurements: [], notes: [] }),
  cim: readCim,
  matpower: ([file]) => readMatpower(file!.text, file!.name),
  'power-grid-model': ([file], { representation }) => readPowerGridModel(file!.text, file!.name, representation),
  pandapower: ([file]) => readPandapower(file!.text, file!.name),
};

function formatOf(file: SourceFile): GridFormat {
  const known = recognise(file.text);
  const fail = (message: string): never => {
    throw new InvalidInputError([{ file: file.name, path: '', message }]);
  };
  if ('reason' in known) return fail(known.reason);
  return known.format === 'measurements' ? fail('holds measurements, not a grid') : known.format;
}

/** The path itself, the XML files of a folder, or the file of a native network. */
function filesOf(path: string): string[] {
  const folder = statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
  if (!folder) return [resolveGridFile(path)];
  const names = readdirSync(path).toSorted();
  const xml = names.filter((name) => name.toLowerCase().endsWith('.xml'));
  if (xml.length > 0) return xml.map((name) => join(path, name));
  if (names.includes('grid.json')) return [join(path, 'grid.json')];
  const message = 'is a folder with neither CIM/CGMES XML files nor a grid.json in it';
  throw new InvalidInputError([{ file: path, path: '', message }]);
}

/** The measurements beside the `grid.json` of a folder, as `twin grid import` writes them; undefined where there are none. */
export function measurementsOfFolder(path: string): string | undefined {
  const file = join(path, 'measurements.json');
  return filesOf(path)[0] === join(path, 'grid.json') && existsSync(file) ? file : undefined;
}

function readSource(name: string): SourceFile {
  const text = decode(readBytes(name));
  // Lines of old Macintoshes end with a carriage return alone: in a MATPOWER file all would be one comment.
  return { name, text: text.includes('\n') ? text : text.replaceAll('\r', '\n') };
}

/** UTF-8 unless a byte order mark or an XML declaration says otherwise. */
function decode(bytes: Buffer): string {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return new TextDecoder('utf-16le').decode(bytes);
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return new TextDecoder('utf-16be').decode(bytes);
  const declared = /^\s*<\?xml[^>]*encoding=["'](?:iso-8859-1|latin1|windows-1252)["']/i.test(
    bytes.toString('latin1', 0, 200),
  );
  return bytes.toString(declared ? 'latin1' : 'utf8');
}
