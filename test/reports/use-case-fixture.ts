/** Adds a use case to a fixture's record: requests and answers, plans, slots, acknowledgements. Figures are made up here. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { recordTables } from '../../reports/record.ts';
import { fixtureStartUs } from './fixture.ts';

const HOUR_US = 3600e6;
const QUARTER_US = 900e6;
type Row = readonly (number | string | boolean)[];

/** A hold from 10:00 to 11:00 at -40 kW, a package from 19:00 to 21:00 of 60 kW, and a request that was refused. */
export async function addUseCase(directory: string): Promise<void> {
  const at = (hour: number) => fixtureStartUs + hour * HOUR_US;
  const said = (
    hour: number,
    useCase: number,
    cause: string,
    targetW: number,
    request = '',
    accepted = false,
    why = '',
  ): Row => [at(hour), useCase, cause, targetW, -250e3, 300e3, request, accepted, why];
  const updates = Array.from({ length: 24 }, (_, hour) => {
    if (hour === 10) return said(10.5, 2, 'update', -40e3);
    return said(hour + 0.5, hour < 12 ? 1 : 4, 'update', hour === 19 || hour === 20 ? -60e3 : 0);
  });
  const messages = [
    said(0, 1, 'start', 0),
    said(10, 2, 'trigger', -40e3, 'hold-1', true),
    said(11, 1, 'hold-ends', 0),
    said(12, 4, 'trigger', 0, 'packages-1', true),
    said(13, 4, 'trigger', 0, 'greedy', false, 'more than <the battery> can give; ask for less'),
    said(19, 4, 'package-begins', -60e3),
    said(21, 4, 'package-ends', 0),
  ];
  const slot = { start: '2021-04-01T17:00:00Z', durationUs: 2 * HOUR_US, powerW: 60e3 };
  const plans: Row[] = [];
  const planBatteries: Row[] = [];
  const windows: Row[] = [];
  for (let issue = 0; issue < 96; issue += 4) {
    const issuedUs = fixtureStartUs + issue * QUARTER_US;
    windows.push([issuedUs, 'export-package', at(19), at(21), -60e3]);
    for (let step = 1; step <= 96; step += 1) {
      const endUs = issuedUs + step * QUARTER_US;
      const inSlot = endUs > at(19) && endUs <= at(21);
      // Later plans know better: the first ones are off by their number.
      plans.push([issuedUs, endUs, 1, 20e3, 30e3, (inSlot ? -60e3 : 0) + issue]);
      planBatteries.push([issuedUs, endUs, 'cbes', inSlot ? 90e3 : -10e3, 0.2 + step / 200]);
    }
  }
  const acknowledgements = Array.from({ length: 90 }, (_, k): Row => [
    fixtureStartUs + k * QUARTER_US,
    'cbes',
    fixtureStartUs + k * QUARTER_US,
    k,
    1000,
    k < 80 ? 'accepted' : 'limited',
  ]);
  const tables: Readonly<Record<string, readonly Row[]>> = {
    'use-cases': [...messages, ...updates].toSorted((a, b) => Number(a[0]) - Number(b[0])),
    triggers: [
      [
        at(10) - 1e6,
        'operator',
        'hold-1',
        2,
        JSON.stringify({ targetW: -40e3, durationUs: HOUR_US, start: '2021-04-01T08:00:00Z' }),
      ],
      [at(12) - 1e6, 'operator', 'packages-1', 4, JSON.stringify({ slots: [slot] })],
      [at(13) - 1e6, 'somebody & co', 'greedy', 4, JSON.stringify({ slots: [{ ...slot, powerW: 9e5 }] })],
    ],
    plans,
    'plan-batteries': planBatteries,
    'plan-windows': windows,
    acknowledgements,
  };
  for (const [name, rows] of Object.entries(tables)) {
    const columns = Object.entries(recordTables[name as keyof typeof recordTables]);
    const columnData = columns.map(([column, type], c) => {
      const data = type === 'DOUBLE' ? Float64Array.from(rows, (row) => Number(row[c])) : rows.map((row) => row[c]);
      return { name: column, type, data, nullable: false };
    });
    await writeFile(join(directory, 'series', `${name}.parquet`), new Uint8Array(parquetWriteBuffer({ columnData })));
  }
  const file = join(directory, 'manifest.json');
  const manifest = JSON.parse(await readFile(file, 'utf8')) as { devices: Record<string, unknown>[] };
  const window = { id: 'cbes', kind: 'bess', socMin: 0.0875, socMax: 0.875 };
  const devices = [
    ...manifest.devices.filter(({ id }) => id !== 'cbes'),
    { ...manifest.devices.find(({ id }) => id === 'cbes'), ...window },
  ];
  await writeFile(file, JSON.stringify({ ...manifest, devices }));
}
