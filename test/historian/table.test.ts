/** The table builder writes what was pushed, in every column type, and the same rows give the same bytes. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { historyTables } from '../../platform/contract/history.ts';
import { createTable } from '../../platform/historian/table.ts';

let folder = '';
beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'twin-table-'))));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const columns = { time: 'DOUBLE', share: 'FLOAT', count: 'INT32', name: 'STRING', ok: 'BOOLEAN' } as const;

async function readBack(file: string): Promise<Record<string, unknown>[]> {
  return parquetReadObjects({ file: await asyncBufferFromFile(file) });
}

test('returns every row in every column type, however often the arrays had to grow', async () => {
  const row = fc.record({
    time: fc.double(),
    share: fc.float(),
    count: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    name: fc.oneof(fc.constantFrom('A', 'B', ''), fc.string({ unit: 'grapheme' })),
    ok: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 50 }), fc.integer({ min: 1, max: 60 }), async (rows, repeat) => {
      const table = createTable(columns);
      const expected = Array.from({ length: repeat }, () => rows).flat();
      for (const each of expected) table.append(each);
      const file = join(folder, 'property.parquet');
      table.write(file);
      expect(table.rowCount).toBe(expected.length);
      // Object.is semantics: NaN and -0 survive; JSON would lose both.
      expect(await readBack(file)).toStrictEqual(expected.map((each) => ({ ...each })));
    }),
    { numRuns: 60 },
  );
});

test('writes the same bytes for the same rows, by name or by position, and again after a first write', async () => {
  const byName = createTable(columns);
  const byPosition = createTable(columns);
  for (let index = 0; index < 3000; index++) {
    const row = { time: index * 1e7, share: index % 7, count: index, name: `device-${index % 5}`, ok: index % 2 === 0 };
    byName.append(row);
    byPosition.push(row.time, row.share, row.count, row.name, row.ok);
    if (index === 1500) byPosition.write(join(folder, 'early.parquet'));
  }
  byName.write(join(folder, 'a.parquet'));
  byPosition.write(join(folder, 'b.parquet'));
  expect(readFileSync(join(folder, 'a.parquet')).equals(readFileSync(join(folder, 'b.parquet')))).toBe(true);
  const rows = await readBack(join(folder, 'a.parquet'));
  expect(rows.map((row) => row['time'])).toEqual(Array.from({ length: 3000 }, (_, index) => index * 1e7));
  expect(rows[2999]).toEqual({ time: 2999e7, share: 3, count: 2999, name: 'device-4', ok: false });
});

test('an empty table is a file with its columns and no rows', async () => {
  const file = join(folder, 'empty.parquet');
  createTable(historyTables.setpoints).write(file);
  expect(await readBack(file)).toEqual([]);
});

test('a cell of the wrong type and a row of the wrong length are programmer mistakes', () => {
  const table = createTable(columns);
  expect(() => table.push(1, 2, 3, 'x')).toThrow(/4 cells does not fit a table of 5 columns/);
  expect(() => table.push(1, 2, 3.5, 'x', true)).toThrow(/column count holds INT32/);
  expect(() => createTable(columns).push('1', 2, 3, 'x', true)).toThrow(/column time holds DOUBLE/);
  expect(() => createTable(columns).push(1, 2, 3, 4, true)).toThrow(/column name holds STRING/);
  expect(() => createTable(columns).push(1, 2, 3, 'x', 1)).toThrow(/column ok holds BOOLEAN/);
});
