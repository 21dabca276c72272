/** The use case on the page: requests with their answers, slots, plans, setpoints, and what it says where they are absent. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planAhead } from '../../reports/html/plan-lines.ts';
import { renderBatteries, renderResponse } from '../../reports/html/battery-charts.ts';
import { renderUseCase } from '../../reports/html/use-case-section.ts';
import { readRecord, type RunRecord, type Table } from '../../reports/record-reader.ts';
import { score, type Score } from '../../reports/score.ts';
import { fixtureStartUs, writeFixture } from './fixture.ts';
import { addUseCase } from './use-case-fixture.ts';

const OFFSET_US = 2 * 3600e6;
let root = '';
let record: RunRecord;
let scored: Score;
let page = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'twin-use-case-'));
  await writeFixture(root);
  await addUseCase(root);
  record = await readRecord(root);
  scored = score(record);
  page = renderUseCase(record, scored, OFFSET_US);
});
afterAll(() => rm(root, { recursive: true }));

/** Rows of the table with this caption, each as the texts of its cells. */
function rows(caption: string): readonly (readonly string[])[] {
  const table = page.split('<table').find((each) => each.includes(`<caption>${caption}</caption>`)) ?? '';
  return [...table.matchAll(/<tr>(.*?)<\/tr>/gs)].slice(1).map(([, row = '']) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/gs)].map(([, cell = '']) =>
      cell
        .replaceAll('<wbr>', '')
        .replaceAll(/<[^>]+>/g, ' ')
        .trim(),
    ),
  );
}

const figure = (title: string) => page.split('<figure').find((each) => each.includes(`<h3>${title}</h3>`)) ?? '';

describe('requests', () => {
  it('stand with who asked, for what, and the answer; updates do not', () => {
    expect(rows('Requests and what the balancer made of them')).toEqual(
      [
        ['00:00', 'the run begins', '', 'UC-DE-1 virtual island', '0 kW'],
        [
          '10:00',
          'operator: UC-DE-2; −40 kW for 60 min from 10:00',
          'accepted',
          'UC-DE-2 flexibility for a third party',
          '−40 kW',
        ],
        ['11:00', 'the hold ends', '', 'UC-DE-1 virtual island', '0 kW'],
        ['12:00', 'operator: UC-DE-4; 19:00, 2 h of 60 kW', 'accepted', 'UC-DE-4 export in packages', '0 kW'],
        [
          '13:00',
          'somebody &amp; co: UC-DE-4; 19:00, 2 h of 900 kW',
          'refused  more than &lt;the battery&gt; can give; ask for less',
          'UC-DE-4 export in packages',
          '0 kW',
        ],
        ['19:00', 'a package begins', '', 'UC-DE-4 export in packages', '−60 kW'],
        ['21:00', 'the package ends', '', 'UC-DE-4 export in packages', '0 kW'],
      ].map((row) => row.map((cell) => cell.replaceAll(/(\d) (kW|min|h)/g, '$1\u00a0$2'))),
    );
  });
});

describe('slots', () => {
  it('are shaded in every chart over time, a hold unlike a package', () => {
    for (const title of [
      'Exchange with the grid: asked for, planned, and as it came',
      'Battery cbes: state of charge',
    ]) {
      const shades = [
        ...figure(title).matchAll(
          /<rect class="shade" style="fill:var\((--\w+)\)" x="([\d.]+)" y="\d+" width="([\d.]+)"/g,
        ),
      ];
      // Drawn twice, for wide and narrow pages.
      expect(shades.map(([, colour]) => colour)).toEqual(['--after', '--pv', '--after', '--pv']);
      const [hold, slot] = shades;
      expect(Number(slot?.[3]) / Number(hold?.[3])).toBeCloseTo(2, 1);
    }
    expect(figure('Load and its forecast')).not.toContain('class="shade"');
  });

  it('are compared with what passed: energy, and the deviation from the power', () => {
    const { site } = scored.details;
    const [hold, slot] = rows('Holds and packages');
    const passed = (from: number, to: number) => {
      let sum = 0;
      site.timeUs.forEach((time, k) => {
        const hour = (time - fixtureStartUs) / 3600e6;
        if (hour > from && hour <= to) sum += ((site.exchangeW[k] ?? 0) - (site.lossesW[k] ?? 0)) / 4000;
      });
      return sum;
    };
    expect(hold?.slice(0, 4)).toEqual(['hold', '10:00 to 11:00', '−40\u00a0kW', '−40\u00a0kWh']);
    expect(slot?.slice(0, 4)).toEqual(['export package', '19:00 to 21:00', '−60\u00a0kW', '−120\u00a0kWh']);
    const number = (text: string | undefined) => Number((text ?? '').replace('−', '-').replace(/\u00a0.*/, ''));
    expect(number(hold?.[4])).toBeCloseTo(passed(10, 11), 1);
    expect(number(slot?.[4])).toBeCloseTo(passed(19, 21), 1);
  });
});

describe('plans', () => {
  it('of every step the newest that was made before it began, none beyond the end', () => {
    const end = fixtureStartUs + 86_400e6;
    const { startUs, endUs, y } = planAhead(record.tables.plans, 'exchangeW', end);
    expect(endUs.at(-1)).toBe(end);
    expect([...y].map((value) => value % 1000)).toEqual(
      // An issue every hour, of four steps each; JavaScript's remainder keeps the sign.
      Array.from({ length: 96 }, (_, step) => {
        const issue = step - (step % 4);
        return step >= 76 && step < 84 ? (-60e3 + issue) % 1000 : issue;
      }),
    );
    expect(startUs[0]).toBe(fixtureStartUs);
  });

  it('one that is made in the middle of a step does not speak for what of it has passed, unless no other does', () => {
    const minute = 60e6;
    const rows = [
      [0, 15, 1],
      [0, 30, 2],
      [5, 15, 70],
      [5, 30, 80],
      [31, 45, 9],
      [31, 60, 10],
    ] as const;
    const column = (index: number, scale: number) => Float64Array.from(rows, (row) => (row[index] ?? 0) * scale);
    const table = {
      rows: rows.length,
      number: (name: string) =>
        name === 'issuedUs' ? column(0, minute) : name === 'timeUs' ? column(1, minute) : column(2, 1),
      text: () => ({ names: [], index: new Int32Array() }),
    };
    expect([...planAhead(table, 'exchangeW', 60 * minute).y]).toEqual([1, 80, 9, 10]);
    expect([...planAhead(table, 'exchangeW', 45 * minute).y]).toEqual([1, 80, 9]);
  });

  it('are drawn for the exchange and for the battery', () => {
    for (const title of [
      'Exchange with the grid: asked for, planned, and as it came',
      'Battery cbes: setpoint and response',
    ]) {
      expect(figure(title)).toContain('planned</li>');
    }
  });
});

describe('what the batteries could hold', () => {
  const band = (text: string) => /class="band" style="[^"]*" d="M([^"]*)Z"/.exec(text)?.[1] ?? '';
  const corners = (text: string) =>
    band(text)
      .split('L')
      .map((corner) => corner.split(' ').map(Number));
  const title = 'Exchange that the batteries could hold';

  it('is drawn from each announcement to the next, the last one to the end', () => {
    const points = corners(figure(title));
    const xs = points.map(([x]) => x);
    expect(Math.max(...xs.map(Number))).toBe(528);
    // Every edge of a step is level or upright.
    const slanted = points.filter(([x, y], i) => i > 0 && x !== points[i - 1]?.[0] && y !== points[i - 1]?.[1]);
    expect(slanted).toEqual([]);
  });

  it('fills the whole run when it is announced once', () => {
    const messages = record.tables['use-cases'];
    const once: Table = {
      rows: 1,
      number: (name) => messages.number(name).slice(0, 1),
      text: (name) => ({ ...messages.text(name), index: messages.text(name).index.slice(0, 1) }),
    };
    const alone = renderUseCase({ ...record, tables: { ...record.tables, 'use-cases': once } }, scored, OFFSET_US);
    const chart = alone.split('<figure').find((each) => each.includes(`<h3>${title}</h3>`)) ?? '';
    expect(new Set(corners(chart).map(([x]) => x))).toEqual(new Set([52, 528]));
    expect(chart).toContain('only account of the run');
    expect(figure(title)).toContain('31 in this run');
  });
});

describe('batteries', () => {
  it('show their window, and what their backend said', () => {
    expect(figure('Battery cbes: state of charge')).toContain('>87.5\u00a0%</text>');
    expect(figure('Battery cbes: setpoint and response')).toContain('80 accepted, 10 limited');
  });

  it('many are drawn as the largest and all the others together', () => {
    const [cbes] = scored.details.batteries;
    if (cbes === undefined) throw new Error('the fixture has a battery');
    const small = [1, 2, 3].map((number) => ({ ...cbes, device: `house-${number}`, capacityWh: 8000 }));
    const drawn = renderBatteries(record, [...small, cbes], [], OFFSET_US);
    const titles = [...drawn.matchAll(/<h3>(.*?)<\/h3>/g)].map(([, title]) => title);
    expect(titles).toEqual([
      'Battery cbes: setpoint and response',
      'Battery cbes: state of charge',
      'The 3 other batteries together: setpoint and response',
      'The 3 other batteries: state of charge',
    ]);
  });

  it('without a step worth looking at have no response to show', () => {
    const [cbes] = scored.details.batteries;
    if (cbes === undefined) throw new Error('the fixture has a battery');
    expect(renderResponse([cbes], OFFSET_US)).toContain('largest setpoint step');
    expect(renderResponse([{ ...cbes, setpointW: cbes.setpointW.map(() => 1000) }], OFFSET_US)).toBe('');
    expect(renderResponse([{ ...cbes, setpointW: cbes.setpointW.map(() => Number.NaN) }], OFFSET_US)).toBe('');
  });
});

describe('indicators', () => {
  it('are those of the use cases, each with its formula and its neutral twin', () => {
    const found = rows('Indicators of the use cases');
    const reduction = found.find(([name]) => name?.includes('kpi.exchangedEnergyReduction'));
    expect(reduction?.[3]).toBe('1 - sum|P_a| / sum|P_b|');
    expect(reduction?.[2]).toMatch(/%$/);
    expect(found.every(([name]) => name?.includes('SocNeutral') === false)).toBe(true);
    expect(found.some(([name]) => name?.includes('kpi.holdAccuracy'))).toBe(true);
  });
});

describe('where the record is silent', () => {
  it('says so, and draws what there is', async () => {
    const folder = join(root, 'bare');
    await writeFixture(folder, { without: ['series/device-states', 'series/forecasts'] });
    const bare = await readRecord(folder);
    const text = renderUseCase(bare, score(bare), OFFSET_US);
    expect(text).toContain('The balancer said nothing about use cases');
    expect(text).toContain('No plan was made in this run');
    expect(text).toContain('No battery took part in this run.');
    expect(text).not.toContain('class="shade"');
    expect(text).not.toContain('and its forecast');
    expect(text).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('a run that broke off at once has nothing to compare', async () => {
    const folder = join(root, 'empty');
    await writeFixture(folder, { without: ['series/truth-site'] });
    const empty = await readRecord(folder);
    expect(renderUseCase(empty, score(empty), OFFSET_US)).toContain('nothing to compare a plan with');
  });

  it('no figure of a full page is not a number', () => {
    expect(page).not.toMatch(/NaN|undefined|Infinity/);
  });
});
