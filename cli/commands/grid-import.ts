/** `twin grid import FILE...`: the native form of a grid of another tool, its measurements, and what it leaves out. */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { formatGrid } from '../../grids/generate/format.ts';
import { describeNote, formatMeasurements, formatNames, type ImportedGrid } from '../../grids/import/imported-grid.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import { makeOutputFolder } from '../../grids/output-folder.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

interface Values {
  readonly file: readonly string[];
  readonly out?: string;
  readonly overwrite?: boolean;
}

export const command = defineCommand<Values>({
  positionals: {
    file: {
      type: 'string',
      array: true,
      describe: 'MATPOWER .m, pandapower or power-grid-model JSON, CIM/CGMES XML (one, several, or a folder)',
    },
  },
  options: {
    out: {
      type: 'string',
      describe: 'Folder to write, new or empty (default: the name of the first file; of a folder, with -native)',
    },
    overwrite: { type: 'boolean', describe: 'Take a folder that is not empty, and replace the grid in it' },
  },
  examples: [
    { line: 'twin grid import case33bw.m --out grids/case33bw', does: 'Write grid.json and import-notes.md' },
    { line: 'twin grid import cgmes/', does: 'Read all XML files of a folder as one grid' },
  ],
  async run({ file, out, overwrite }, { terminal, interruption }) {
    const imported = readGridFiles(file);
    // From here on whoever interrupts waits until the files are whole.
    interruption();
    const folder = out ?? defaultFolder(file[0]!);
    makeOutputFolder(folder, overwrite === true ? 'any' : 'empty');
    const written = writeImport(imported, file, folder);
    terminal.print(`${formatNames[imported.format]}: ${describe(imported)}`);
    for (const name of written) terminal.print(`  ${join(folder, name)}`);
    return exitCodes.pass.code;
  },
});

/** Named after the first file, in the current folder; never the folder that the files stand in. */
function defaultFolder(file: string): string {
  const name = basename(resolve(file), extname(file));
  return resolve(name) === resolve(file) ? `${name}-native` : name;
}

/** Writes the folder, the grid last, so that a folder with a grid in it is whole. Returns the names written. */
function writeImport(imported: ImportedGrid, sources: readonly string[], folder: string): string[] {
  const { grid, measurements } = imported;
  rmSync(join(folder, 'grid.json'), { force: true });
  rmSync(join(folder, 'measurements.json'), { force: true });
  const files = [
    ['import-notes.md', formatNotes(imported, sources)] as const,
    ...(measurements.length > 0 ? [['measurements.json', formatMeasurements(imported)] as const] : []),
    ['grid.json', formatGrid(grid)] as const,
  ];
  for (const [name, text] of files) {
    const part = join(folder, `${name}.part`);
    writeFileSync(part, text);
    renameSync(part, join(folder, name));
  }
  return files.map(([name]) => name);
}

function formatNotes(imported: ImportedGrid, sources: readonly string[]): string {
  const { format, notes } = imported;
  const head = [
    `# ${imported.grid.name}`,
    '',
    `Imported from ${formatNames[format]}: ${sources.map((file) => basename(file)).join(', ')}.`,
  ];
  if (notes.length === 0) return [...head, '', 'Everything was carried over.', ''].join('\n');
  return [
    ...head,
    '',
    'Assumed, or not carried over:',
    '',
    ...notes.map((note) => `- ${describeNote(note, Number.POSITIVE_INFINITY)}`),
    '',
  ].join('\n');
}

function describe({ grid, measurements, notes }: ImportedGrid): string {
  const count = (n: number, one: string, many: string): string => `${n} ${n === 1 ? one : many}`;
  const branches =
    grid.lines.length +
    grid.transformers.length +
    grid.threeWindingTransformers.length +
    grid.matrixLines.length +
    grid.generalBranches.length +
    grid.admittanceBranches.length;
  return [
    count(grid.buses.length, 'bus', 'buses'),
    count(branches, 'branch', 'branches'),
    count(measurements.length, 'measurement', 'measurements'),
    count(notes.length, 'note', 'notes'),
  ].join(', ');
}
