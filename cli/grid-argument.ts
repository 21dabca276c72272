/** What the commands that take a GRID share: its description, and a word on what a file of another tool did not give. */
import { formatNames, type ImportedGrid } from '../grids/import/imported-grid.ts';

export const GRID_HELP =
  'Native network or file, MATPOWER .m, pandapower or power-grid-model JSON, CIM/CGMES XML or folder';

/** One sentence on the notes of an import, for standard error; undefined when nothing was left out or assumed. */
export function notesHint({ format, notes }: ImportedGrid, grid: string | readonly string[]): string | undefined {
  if (notes.length === 0) return undefined;
  const count = notes.length === 1 ? 'one thing was' : `${notes.length} things were`;
  const files = typeof grid === 'string' ? grid : grid.join(' ');
  return `${formatNames[format]}: ${count} assumed or not carried over; "twin grid import ${files}" writes them down`;
}
