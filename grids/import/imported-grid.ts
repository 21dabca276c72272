/** What comes out of another tool's files: a native grid, native measurements, and what could not be carried over. */
import type { GridDocument } from '../schema.ts';

export type GridFormat = 'native' | 'matpower' | 'pandapower' | 'power-grid-model' | 'cim';

/** Words for people. */
export const formatNames: Readonly<Record<GridFormat, string>> = {
  native: 'native grid document',
  matpower: 'MATPOWER case',
  pandapower: 'pandapower JSON',
  'power-grid-model': 'power-grid-model JSON',
  cim: 'CIM/CGMES XML',
};

/** The native form of a MEASUREMENTS entry: SI, or per unit with `unit`; injections positive into the grid. */
export interface ImportedMeasurement {
  readonly id: string;
  readonly kind:
    | 'voltageMagnitude'
    | 'voltageAngle'
    | 'activePower'
    | 'reactivePower'
    | 'currentMagnitude'
    | 'currentAngle';
  /** `bus:<id>`, `branch:<id>:from` or `branch:<id>:to`. */
  readonly at: string;
  readonly phase?: 'A' | 'B' | 'C';
  readonly value: number;
  readonly sigma: number;
  readonly unit?: 'pu';
}

/** Something that the native form does not hold, or that had to be assumed: one sentence, and where it applies. */
export interface ImportNote {
  readonly message: string;
  /** The first thousand places in the source's own words, for example `trafo[2].tap_pos`. */
  readonly places: readonly string[];
  /** Number of all places. */
  readonly count: number;
}

export interface ImportedGrid {
  readonly format: GridFormat;
  readonly grid: GridDocument;
  readonly measurements: readonly ImportedMeasurement[];
  readonly notes: readonly ImportNote[];
}

/** A file that somebody named, read already. */
export interface SourceFile {
  readonly name: string;
  readonly text: string;
}

/** `message (bus(1), bus(2) and 31 more)`, with at most `most` places. */
export function describeNote({ message, places, count }: ImportNote, most = 3): string {
  const shown = places.filter((place) => place !== '').slice(0, most);
  if (shown.length === 0) return message;
  const rest = count - shown.length;
  return `${message} (${shown.join(', ')}${rest > 0 ? ` and ${rest} more` : ''})`;
}

/**
 * The measurements as a native MEASUREMENTS file, with what the source's format says of all of them: a power-grid-model
 * file names every appliance, and its voltage sensors are complex numbers.
 */
export function formatMeasurements({ format, measurements }: Pick<ImportedGrid, 'format' | 'measurements'>): string {
  const rows = measurements.map((item) => `    ${JSON.stringify(item)}`).join(',\n');
  const rules = format === 'power-grid-model' ? '  "namesAllCustomers": true,\n  "voltageErrors": "circular",\n' : '';
  return `{\n${rules}  "measurements": [\n${rows}\n  ]\n}\n`;
}
