import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { pageSections } from '../../reports/html/page.ts';
import { escapeXml } from '../../reports/junit.ts';
import { writeReport, type RunReport } from '../../reports/report.ts';
import { renderSummary } from '../../reports/terminal.ts';
import type { FixtureOptions } from './fixture-site.ts';
import { fixtureStartUs, writeFixture } from './fixture.ts';

let root = '';
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'twin-report-'));
});
afterAll(() => rm(root, { recursive: true }));

interface Made {
  readonly directory: string;
  readonly report: RunReport;
  readonly file: (name: string) => Promise<string>;
}

async function make(options: FixtureOptions): Promise<Made> {
  const directory = join(root, String((count += 1)));
  await writeFixture(directory, options);
  const report = await writeReport(directory);
  return { directory, report, file: (name) => readFile(join(directory, name), 'utf8') };
}

describe('accuracy.json', () => {
  it('is the same, byte for byte, for the same record, and its hash is that of the file', async () => {
    const [first, second] = [await make({}), await make({})];
    const text = await first.file('accuracy.json');
    expect(await second.file('accuracy.json')).toBe(text);
    expect(first.report.accuracyHash).toBe(createHash('sha256').update(text).digest('hex'));
    expect(second.report.accuracyHash).toBe(first.report.accuracyHash);
  });

  it('changes with a single figure', async () => {
    const other = await make({ pmuError: { magnitude: 0.003001, angleRad: 0.002, noise: 0 } });
    expect(other.report.accuracyHash).not.toBe((await make({})).report.accuracyHash);
  });

  it('knows nothing of latency, host or wall time', async () => {
    const { file } = await make({ class: 'realtime', expect: ['latency.device>bal.p95 < 1 s', 'messages.lost == 0'] });
    const document = JSON.parse(await file('accuracy.json')) as Record<string, unknown>;
    expect(Object.keys(document)).toEqual(['expectations', 'kpis', 'messages', 'metrics', 'schema']);
    expect(JSON.stringify(document)).not.toMatch(/latency|wall|host|2021-04-02/);
    expect(document['expectations']).toHaveLength(1);
  });

  it('has its keys in order at every depth', async () => {
    const sorted = (value: unknown): boolean => {
      if (Array.isArray(value)) return value.every(sorted);
      if (typeof value !== 'object' || value === null) return true;
      const keys = Object.keys(value);
      return keys.every((key, i) => i === 0 || (keys[i - 1] ?? '') < key) && Object.values(value).every(sorted);
    };
    expect(sorted(JSON.parse(await (await make({})).file('accuracy.json')))).toBe(true);
  });
});

describe('report.json', () => {
  it('has the shape that users rely on', async () => {
    const { report, file } = await make({ class: 'realtime' });
    expect(JSON.parse(await file('report.json'))).toEqual(JSON.parse(JSON.stringify(report)));
    expect(report).toMatchObject({
      verdict: 'pass',
      class: 'realtime',
      metrics: { 'estimate.voltage.error': { unit: '%' } },
      kpis: { selfSufficiency: { unit: '%' } },
      messages: { lost: { injected: 0, observed: 0 } },
      latency: { 'device>bal': { unit: 'us', p50: 400 } },
    });
    expect(report.expectations[0]).toMatchObject({ text: 'estimate.voltage.error.p95 < 0.5 %', pass: true });
  });
});

describe('junit.xml', () => {
  it('is well-formed and counts failures and errors', async () => {
    const { file } = await make({ expect: ['estimate.voltage.error.p95 < 0.05 %', 'messages.unexplained == 0'] });
    const xml = await file('junit.xml');
    expect(wellFormed(xml)).toBe(true);
    expect(xml).toContain('<testsuites tests="3" failures="1" errors="0">');
    expect(xml).toContain('&lt; 0.05 %');
    const invalid = await (await make({ state: 'interrupted' })).file('junit.xml');
    expect(wellFormed(invalid)).toBe(true);
    expect(invalid).toContain('errors="1"');
    expect(invalid).toContain('<error message="the run was interrupted before its end"/>');
  });

  it('escapes what XML cannot hold', () => {
    expect(escapeXml('a<b & "c"\u0007')).toBe('a&lt;b &amp; &quot;c&quot;?');
    expect(wellFormed('<a><b></a>')).toBe(false);
    expect(wellFormed('<a x="1 < 2"/>')).toBe(false);
  });
});

/** Tags nest, attributes are quoted and hold no raw markup. Enough for documents without comments and CDATA. */
function wellFormed(xml: string): boolean {
  const open: string[] = [];
  const rest = xml
    .replace(/^<\?xml[^>]*\?>/, '')
    .replaceAll(
      /<(\/?)([\w-]+)((?:\s+[\w-]+="[^"<&]*(?:&(?:amp|lt|gt|quot);[^"<&]*)*")*)\s*(\/?)>/g,
      (_, end, name, __, empty) => {
        if (end === '/') return open.pop() === name ? '' : '<';
        if (empty === '') open.push(String(name));
        return '';
      },
    );
  return open.length === 0 && !rest.includes('<') && !/&(?!amp;|lt;|gt;|quot;)/.test(rest);
}

describe('report.md', () => {
  it('keeps tables whole where a formula holds a bar', async () => {
    const text = await (await make({})).file('report.md');
    const rows = text.split('\n').filter((line) => line.startsWith('| Reduction of exchanged energy |'));
    expect(rows).toHaveLength(1);
    expect(rows[0]?.replaceAll('\\|', '').split('|')).toHaveLength(5);
  });
});

describe('the terminal summary', () => {
  it('fits on a screen and says what counts', async () => {
    const { report, directory } = await make({ class: 'realtime' });
    const text = renderSummary(report, directory);
    expect(text.split('\n').length).toBeLessThanOrEqual(40);
    expect(text).toContain('PASS');
    expect(text).toContain(join(directory, 'report.html'));
    expect(text).not.toContain('\u001B');
    const painted = renderSummary(report, directory, { paint: (emphasis, part) => `<${emphasis}>${part}` });
    expect(painted).toContain('<green><bold>PASS');
  });

  it('stays on a screen with many reasons and expectations, failures first', async () => {
    const expectations = Array.from({ length: 12 }, (_, i) => `estimate.voltage.error.p95 < ${(i + 1) / 20} %`);
    const violations = Array.from({ length: 9 }, (_, i) => `violation ${i}`);
    const { report, directory } = await make({ expect: expectations, audit: { violations } });
    const text = renderSummary(report, directory);
    expect(text.split('\n').length).toBeLessThanOrEqual(40);
    expect(text).toContain('INVALID');
    expect(text).toContain('and 5 more reasons');
    expect(text.indexOf('✗')).toBeLessThan(text.indexOf('✓'));
  });
});

describe('report.html', () => {
  it('is one small file that asks for nothing outside', async () => {
    const html = await (await make({ steps: 960, stepUs: 90e6, houses: 60 })).file('report.html');
    expect(Buffer.byteLength(html)).toBeLessThan(3_000_000);
    expect(html).not.toMatch(/(?:src|href)="(?!#|data:)/);
    expect(html).not.toMatch(/@import|url\(|<script/);
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
  });

  it('shows every section also where the record holds next to nothing', async () => {
    const { file, report } = await make({
      without: ['truth-site', 'truth-bus', 'truth-branch', 'truth-terminal', 'truth-energy', 'device-states']
        .concat(['measurements', 'estimate-runs', 'estimates', 'setpoints', 'forecasts'])
        .map((name) => `series/${name}`)
        .concat('messages'),
    });
    const html = await file('report.html');
    for (const [id] of pageSections) expect(html).toContain(`<section id="${id}"`);
    expect(html).toContain('No battery took part in this run.');
    expect(html).toContain('No PMU frame of this run has truth beside it');
    expect(html).not.toMatch(/NaN|undefined|Infinity/);
    expect(report.verdict).toBe('invalid');
  });

  it('writes names of the scenario as text, not as markup', async () => {
    const html = await (
      await make({ audit: { violations: ['<img src=x onerror=alert(1)> & more'] } })
    ).file('report.html');
    expect(html).toContain('&lt;img src=x onerror=alert(1)&gt; &amp; more');
    expect(html).not.toContain('<img');
  });

  it('tells how uncertain the measurements were in units that people know', async () => {
    const html = await (await make({})).file('report.html');
    const table =
      html.split('<caption>Measurements used by the state estimator</caption>')[1]?.split('</table>')[0] ?? '';
    // Of a base of 1 MVA three-phase: voltages relative to nominal, a phase's powers by a third of it.
    for (const sigma of ['0.17\u00A0%', '400\u00A0VA', '10\u00A0W', '100\u00A0var']) expect(table).toContain(sigma);
  });

  it('says plainly that a run was interrupted', async () => {
    const html = await (await make({ state: 'interrupted' })).file('report.html');
    expect(html).toContain('This run was interrupted');
    expect(html).toContain('role="alert"');
  });

  it('names the first breach of a rule of safety at the time of the site, and folds rules that were kept', async () => {
    const kept = { name: 'ramp' as const, checked: 1200, violations: 0 };
    const first = '2021-04-01T10:00:10Z: cbes is out by 12 Wh';
    const broken = { name: 'energyBalance' as const, checked: 900, violations: 3, first };
    const unsafe = await (await make({ audit: { invariants: [kept, broken] } })).file('report.html');
    const table = unsafe.split('<caption>Rules of safety</caption>')[1]?.split('</table>')[0] ?? '';
    expect(table).toContain('12:00:10: cbes is out by 12 Wh');
    expect(table.indexOf('✗ broken')).toBeLessThan(table.indexOf('✓ kept'));
    const safe = await (await make({ audit: { invariants: [kept] } })).file('report.html');
    expect(safe).toContain('<summary>All 1 rules of safety were kept (1\u202F200 checks)</summary>');
  });

  it('lists what the estimator found wrong in its grid, whether it was so, and what it never found', async () => {
    const during = { fromUs: fixtureStartUs, untilUs: fixtureStartUs + 86_400e6 };
    const modelFaults: FixtureOptions['modelFaults'] = [
      { feature: 'tapPosition', id: 't', onPaper: 0, inField: 1, ...during },
      { feature: 'lineClosed', id: 'tie', onPaper: false, inField: true, ...during },
    ];
    const weighed = { evidence: 31.4, estimates: 4 };
    const tap = { feature: 'tapPosition', id: 't', value: 1 } as const;
    const phases = { feature: 'meterPhases', id: 'h', value: 'BAC' } as const;
    const modelFindings: FixtureOptions['modelFindings'] = [
      { kind: 'tap', element: 't', says: 'the tap of t stands at 1', inField: [tap], ...weighed },
      { kind: 'phase', element: 'h', says: '<b>h</b>', inField: [phases], ...weighed },
    ];
    const tableOf = async (options: FixtureOptions) => {
      const section = (await (await make(options)).file('report.html')).split('<section id="estimate"')[1] ?? '';
      return section
        .split('</section>')[0]!
        .split('<caption>Findings about the model</caption>')[1]
        ?.split('</table>')[0];
    };
    const rows = (await tableOf({ modelFaults, modelFindings }))?.match(/<tr>.*?<\/tr>/gs) ?? [];
    expect(rows).toHaveLength(4);
    expect(rows[1]).toMatch(/00:15.*✓ right.*the tap of t stands at 1.*>31.4<.*>4</);
    expect(rows[2]).toMatch(/00:15.*✗ wrong.*&lt;b&gt;h&lt;/);
    expect(rows[3]).toMatch(/never.*✗ missed.*line tie: closed in the field, open on paper/);
    expect(await tableOf({ modelFaults })).toBeUndefined();
    expect(await tableOf({ modelFindings: [] })).toBeUndefined();
    expect(await (await make({ modelFindings: [] })).file('report.html')).toContain('and nothing was named.');
  });

  it('lists the faults that the scenario injects', async () => {
    const events = [
      { at: '11:00', for: 2400e6, fault: 'comm-outage', target: 'pmu-<b>' },
      { at: '13:00', useCase: 2, exchange: -20e3, for: 3600e6 },
      { at: '12h', fault: 'bias', target: '*', value: '2 %', phase: 'A' },
    ];
    const html = await (await make({ events })).file('report.html');
    const table = html.split('<caption>Faults that the scenario injects</caption>')[1]?.split('</table>')[0] ?? '';
    const rows = table.match(/<tr>.*?<\/tr>/gs) ?? [];
    expect(rows).toHaveLength(3);
    expect(rows[1]).toMatch(/comm-outage.*pmu-&lt;b&gt;.*11:00.*40\u00A0min/s);
    expect(rows[2]).toMatch(/bias.*\*.*12h.*to the end.*value 2 %, phase A/s);
    expect(await (await make({})).file('report.html')).not.toContain('Faults that the scenario injects');
  });

  it('says how to run it again with the overrides of this run', async () => {
    const { directory, file } = await make({});
    const manifest = JSON.parse(await file('manifest.json')) as { options: object };
    const set = ['clock.duration=1h', "name=a day's work"];
    await writeFile(
      join(directory, 'manifest.json'),
      JSON.stringify({ ...manifest, options: { ...manifest.options, set } }),
    );
    await writeReport(directory);
    expect(await file('report.html')).toContain(
      String.raw`--seed spring-1 --set clock.duration=1h --set 'name=a day'\''s work'</code>`,
    );
  });

  it('lists devices that are alike once, with their number', async () => {
    const { directory, file } = await make({});
    const manifest = JSON.parse(await file('manifest.json')) as { devices: object[] };
    const errors = { summary: 'exact', figures: { gainLimit: 0.01 } };
    const meters = [1, 2, 3].map((n) => ({ id: `house-${n}`, kind: 'smart-meter', at: `bus:h${n}`, errors }));
    await writeFile(
      join(directory, 'manifest.json'),
      JSON.stringify({ ...manifest, devices: [...manifest.devices, ...meters] }),
    );
    await writeReport(directory);
    const table = (await file('report.html')).split('<caption>Devices and their error models</caption>')[1];
    expect(table).toContain('house-1 to house-3 (3)');
    expect(table).toContain('kind: smart-meter<br>exact<br>');
    expect(table).not.toContain('house-2');
  });
});
