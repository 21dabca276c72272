/** The recorded days of the German site give the published energies, through devices, brokers' bytes, services and report. */
import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { hasReference, referencePath } from '../reference.ts';
import { rehearse } from './rehearsal.ts';

const SCENARIO = 'scenarios/germany/recorded-day.yaml';

/** Import and export in kWh and self-sufficiency, before -> after; source: the table of the reference README. */
const table = [
  { day: '2021-04-01', imported: [365.17, 149.24], exported: [911.26, 281.26], self: [0.5303, 0.808] },
  { day: '2021-04-02', imported: [342.01, 122.31], exported: [651.86, 21.86], self: [0.5687, 0.8458] },
  { day: '2021-04-04', imported: [417.78, 363.2], exported: [54.58, 0], self: [0.4704, 0.5396] },
  { day: '2021-04-08', imported: [354.86, 131.69], exported: [586.52, 0], self: [0.5281, 0.8249] },
  { day: '2021-04-11', imported: [419.25, 375.08], exported: [44.17, 0], self: [0.4556, 0.513] },
  { day: '2021-04-12', imported: [328.12, 126.85], exported: [998.21, 368.21], self: [0.5588, 0.8295] },
  { day: '2021-04-15', imported: [337.14, 121.54], exported: [951.15, 321.15], self: [0.5409, 0.8345] },
] as const;

async function play(day: string) {
  const file = referencePath(`german-site-days/${day}.csv`);
  const { report } = await rehearse({ scenarioFile: SCENARIO, set: [`profiles.csv=${file}`] });
  return report;
}

/** To 1 %, and to a hundredth of a kWh where nothing is left. */
function expectClose(observed: number | null | undefined, expected: number): void {
  expect(Math.abs((observed ?? Number.NaN) - expected)).toBeLessThan(0.01 * expected + 0.01);
}

describe.skipIf(!hasReference)('recorded days (skipped without TWIN_REFERENCE)', () => {
  it.each(table)('$day: import, export and self-sufficiency to 1 %', async ({ day, imported, exported, self }) => {
    const { kpis, verdict } = await play(day);
    expect(verdict).toBe('pass');
    for (const [after, suffix] of [
      [0, 'Before'],
      [1, ''],
    ] as const) {
      expectClose(kpis[`importWithoutLosses${suffix}`]?.value, imported[after]);
      expectClose(kpis[`exportWithoutLosses${suffix}`]?.value, exported[after]);
      expectClose(kpis[`selfSufficiencyWithoutLosses${suffix}`]?.value, 100 * self[after]);
    }
  });

  it('runs the other days as well', async () => {
    const listed = new Set<string>(table.map(({ day }) => day));
    const days = readdirSync(referencePath('german-site-days')).map((name) => name.replace('.csv', ''));
    const others = days.filter((day) => !listed.has(day));
    expect(others).toHaveLength(7);
    for (const day of others) expect((await play(day)).verdict, day).toBe('pass');
  });
});
