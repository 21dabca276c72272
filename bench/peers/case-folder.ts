/** What the peers read and write of a case: columns of float64 beside a description in JSON. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GridDocument, GridLine } from '../../grids/schema.ts';

export interface Column {
  readonly shape: readonly number[];
  readonly values: Float64Array;
}

export function column(values: ArrayLike<number>, ...shape: number[]): Column {
  return { shape: shape.length === 0 ? [values.length] : shape, values: Float64Array.from(values) };
}

export function writeCase(folder: string, about: object, columns: Readonly<Record<string, Column>>): void {
  mkdirSync(folder, { recursive: true });
  const shapes: Record<string, readonly number[]> = {};
  for (const [name, { shape, values }] of Object.entries(columns)) {
    shapes[name] = shape;
    writeFileSync(join(folder, `${name}.f64`), new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }
  writeFileSync(join(folder, 'case.json'), JSON.stringify({ ...about, columns: shapes }));
}

export function readColumn(folder: string, name: string): Float64Array {
  const bytes = readFileSync(join(folder, `${name}.f64`));
  return new Float64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength));
}

/** The generated grid in the peers' terms: ohm, farad and ampere of whole lines, buses by number. */
export function gridColumns(document: GridDocument): Record<string, Column> {
  const number = new Map(document.buses.map((bus, k) => [bus.id, k]));
  const { lines, loads } = document;
  const ofLine = (value: (line: GridLine) => number): Column =>
    column(lines.map((line) => (value(line) * line.lengthM) / 1000));
  return {
    from: column(lines.map((line) => number.get(line.from)!)),
    to: column(lines.map((line) => number.get(line.to)!)),
    r1: ofLine((line) => line.r1OhmPerKm),
    x1: ofLine((line) => line.x1OhmPerKm),
    c1: ofLine((line) => line.c1FPerKm),
    r0: ofLine((line) => line.r0OhmPerKm!),
    x0: ofLine((line) => line.x0OhmPerKm!),
    c0: ofLine((line) => line.c0FPerKm!),
    i_n: column(lines.map((line) => line.ratedCurrentA!)),
    loadBus: column(loads.map((load) => number.get(load.bus)!)),
  };
}

/** Of the only source, as the peers are told. */
export function sourceOf({ externalGrids: [source] }: GridDocument): object {
  return {
    voltagePu: source!.voltagePu,
    shortCircuitPowerVA: source!.shortCircuitPowerVA,
    rx: source!.shortCircuitRX,
  };
}
