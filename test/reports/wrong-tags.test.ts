/** Readings whose clock is wrong are scored at the instant that they name; those that truth knows nothing of are counted. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecord, type RunRecord, type Table } from '../../reports/record-reader.ts';
import { renderMarkdown } from '../../reports/markdown.ts';
import { renderPage } from '../../reports/html/page.ts';
import { score } from '../../reports/score.ts';
import { fixtureStartUs, writeFixture } from './fixture.ts';

const QUARTER_HOUR_US = 900e6;
const RAD_PER_US = 2 * Math.PI * 50e-6;
/** Of the fixture's PMU: 0.3 % and 2 mrad. */
const OWN_TVE = 100 * Math.hypot(1.003 * Math.cos(0.002) - 1, 1.003 * Math.sin(0.002));

let root = '';
let record: RunRecord;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'twin-tags-'));
  await writeFixture(root);
  record = await readRecord(root);
});
afterAll(() => rm(root, { recursive: true }));

interface Row {
  readonly timeUs: number;
  readonly kind: string;
  readonly device: string;
  readonly measurand: string;
  readonly phase: string;
  readonly value: number;
}

/** The record with some measurements replaced; undefined takes one away. */
function withMeasurements(
  change: (row: Row) => Partial<Pick<Row, 'timeUs' | 'value' | 'phase'>> | undefined,
): RunRecord {
  const { measurements } = record.tables;
  const text = (column: string, row: number) => {
    const { names, index } = measurements.text(column);
    return names[index[row] ?? -1] ?? '';
  };
  const rows = Array.from({ length: measurements.rows }, (_, row): Row & { readonly row: number } => ({
    row,
    timeUs: measurements.number('timeUs')[row] ?? Number.NaN,
    value: measurements.number('value')[row] ?? Number.NaN,
    kind: text('kind', row),
    device: text('device', row),
    measurand: text('measurand', row),
    phase: text('phase', row),
  }));
  const changed = rows.flatMap((row) => {
    const other = change(row);
    return other === undefined ? [] : [{ ...row, ...other }];
  });
  return replaced('measurements', {
    rows: changed.length,
    number: (column) => Float64Array.from(changed, (row) => (column === 'timeUs' ? row.timeUs : row.value)),
    text: (column) => {
      if (column !== 'phase') {
        const { names, index } = measurements.text(column);
        return { names, index: Int32Array.from(changed, ({ row }) => index[row] ?? 0) };
      }
      const names = [...new Set(changed.map(({ phase }) => phase))];
      return { names, index: Int32Array.from(changed, ({ phase }) => names.indexOf(phase)) };
    },
  });
}

function replaced(name: keyof RunRecord['tables'], table: Table, from = record): RunRecord {
  return { ...from, tables: { ...from.tables, [name]: table } };
}

function expecting(texts: readonly string[], from: RunRecord): RunRecord {
  const scenario = { ...(from.manifest.scenario as object), expect: texts };
  return { ...from, manifest: { ...from.manifest, scenario } };
}

/** What the clock of a PMU that is ahead does to its frames from the tenth one on, and to the powers made of them. */
function skewedPmu(skewUs: number, last = Infinity): RunRecord {
  return withMeasurements(({ kind, timeUs, measurand, value }) => {
    const k = (timeUs - fixtureStartUs) / QUARTER_HOUR_US;
    if ((kind !== 'pmu' && kind !== 'power') || k < 10 || k > last) return {};
    const angle = measurand === 'voltangle' || measurand === 'currangle';
    return { timeUs: timeUs + skewUs, value: angle ? value - RAD_PER_US * skewUs : value };
  });
}

describe('a PMU whose clock is ahead', () => {
  it('by 1 ms errs by 18 degrees, 31 % TVE, in every frame', () => {
    const { metrics, verdict, unscored } = score(expecting(['pmu.tve.max < 1 %'], skewedPmu(1000)));
    const expected =
      100 * Math.hypot(1.003 * Math.cos(0.002 - 0.1 * Math.PI) - 1, 1.003 * Math.sin(0.002 - 0.1 * Math.PI));
    expect(metrics['pmu.tve']).toMatchObject({ count: 97 * 6 });
    // The system turns by another 2 pi 0.01 Hz * 1 ms at most, and the fixture's loads by as little.
    expect(metrics['pmu.tve']?.max).toBeCloseTo(expected, 1);
    expect(metrics['pmu.tve.chain']?.count).toBe(97 * 6);
    expect({ verdict, unscored }).toEqual({ verdict: 'fail', unscored: {} });
  });

  it('has a sentence in the report, and one that is right has none', () => {
    const sentence = 'reported phases carry a tag at which truth was not recorded';
    const skewed = skewedPmu(1000);
    expect(renderPage(skewed, score(skewed), '')).toContain(`261 of 291 ${sentence}`);
    expect(renderPage(record, score(record), '')).not.toContain(sentence);
  });

  it('is seen however long it is ahead, but for whole periods, as the standard has it', () => {
    expect(score(skewedPmu(10_000)).metrics['pmu.tve']?.max).toBeCloseTo(200, 0);
    const period = score(skewedPmu(20_000)).metrics['pmu.tve'];
    expect(period?.count).toBe(97 * 6);
    expect(period?.max).toBeLessThan(OWN_TVE + 0.5);
  });

  it('calculates the same powers, whose every result is scored', () => {
    const right = score(record).metrics;
    const { 'power.active.error': power, 'pmu.frequency.error': frequency } = score(skewedPmu(5000)).metrics;
    expect(power?.count).toBe(97 * 3);
    expect(power?.max).toBeCloseTo(right['power.active.error']?.max ?? 0, 0);
    expect(frequency?.count).toBe(97);
    expect(frequency?.max).toBeCloseTo(1, 2);
  });

  it('by a whole interval gives two frames of one tag, and both are scored', () => {
    const { metrics } = score(skewedPmu(QUARTER_HOUR_US, 20));
    expect(metrics['pmu.tve']?.count).toBe(97 * 6);
    expect(metrics['power.active.error']?.count).toBe(97 * 3);
  });

  it('beyond the record has no truth: its frames are counted, and no expectation on them is held', () => {
    const lost = expecting(['pmu.tve.max < 1 %', 'kpi.selfSufficiency > 10 %'], skewedPmu(3 * QUARTER_HOUR_US));
    const result = score(lost);
    // One interval after the end is held, two are not.
    const frames = 2;
    expect(result.metrics['pmu.tve']?.count).toBe((97 - frames) * 6);
    expect(result.unscored).toEqual({
      'pmu.tve': 6 * frames,
      'pmu.tve.voltage': 3 * frames,
      'pmu.tve.current': 3 * frames,
      'pmu.tve.chain': 6 * frames,
      'pmu.frequency.error': frames,
      'power.active.error': 3 * frames,
      'power.active.error.rated': 3 * frames,
    });
    expect(result.verdict).toBe('invalid');
    expect(result.expectations.map(({ pass }) => pass)).toEqual([false, true]);
    expect(result.reasons).toEqual([
      'the expectation "pmu.tve.max < 1 %" leaves out 12 readings: the record has nothing to hold them against',
    ]);
    expect(renderPage(lost, result, '')).toContain('pmu.tve.voltage 6');
    expect(renderMarkdown(lost, result, '')).toContain('`pmu.tve` 12');
  });
});

describe('readings that nobody has truth of', () => {
  it('count where the measured branch states no rating, in the metric that relates to it', () => {
    const { transformers, ...grid } = record.manifest.grid as { readonly transformers: readonly object[] };
    const unrated = transformers.map((one) => ({ ...one, id: 'another' }));
    const manifest = { ...record.manifest, grid: { ...grid, transformers: unrated } };
    expect(score({ ...record, manifest }).unscored).toEqual({ 'power.active.error.rated': 97 * 3 });
  });

  it('make an expectation on them invalid, and no other', () => {
    const { 'truth-terminal': terminals } = record.tables;
    const names = ['somebody-else'];
    const stranger = replaced('truth-terminal', {
      ...terminals,
      text: (column) =>
        column === 'device' ? { names, index: new Int32Array(terminals.rows) } : terminals.text(column),
    });
    expect(score(expecting(['kpi.selfSufficiency > 10 %'], stranger)).verdict).toBe('pass');
    const { verdict, unscored, metrics } = score(expecting(['pmu.tve < 1 %'], stranger));
    expect({ verdict, tve: unscored['pmu.tve'] }).toEqual({ verdict: 'invalid', tve: 97 * 6 });
    expect(metrics).not.toHaveProperty('pmu.tve');
  });

  it('count where the terminal is dead and something is reported of it', () => {
    const { 'truth-terminal': terminals } = record.tables;
    const dead = replaced('truth-terminal', {
      ...terminals,
      number: (column) => (column === 'timeUs' ? terminals.number(column) : new Float64Array(terminals.rows)),
    });
    expect(score(dead).unscored).toMatchObject({ 'pmu.tve': 97 * 6 });
  });

  it('half a phasor is judged by the half that is there', () => {
    const without = (gone: string) => score(withMeasurements(({ measurand }) => (measurand === gone ? undefined : {})));
    const lengths = without('voltangle').metrics['pmu.tve.voltage'];
    expect(lengths?.count).toBe(97 * 3);
    expect(lengths?.max).toBeCloseTo(0.3, 9);
    const angles = without('voltmagnitude').metrics['pmu.tve.voltage'];
    expect(angles?.max).toBeCloseTo(200 * Math.sin(0.001), 9);
  });
});

describe('the one phase of a positive-sequence grid', () => {
  it('stands for three in totals', () => {
    const only = (row: Row) => row.phase === 'A' && row.kind === 'power';
    const { 'truth-terminal': terminals } = record.tables;
    const { names, index } = terminals.text('phase');
    const rows = Array.from(index.keys()).filter((row) => names[index[row] ?? 0] === 'A');
    const phaseA: Table = {
      rows: rows.length,
      number: (column) => Float64Array.from(rows, (row) => terminals.number(column)[row] ?? Number.NaN),
      text: (column) =>
        column === 'phase'
          ? { names: ['A'], index: new Int32Array(rows.length) }
          : { names: terminals.text(column).names, index: new Int32Array(rows.length) },
    };
    const perPhase = withMeasurements((row) => (only(row) ? {} : undefined));
    const totals = withMeasurements((row) => (only(row) ? { phase: 'total', value: 3 * row.value } : undefined));
    const errors = [perPhase, totals].map((each) => score(replaced('truth-terminal', phaseA, each)).metrics);
    expect(errors[1]?.['power.active.error']?.max).toBeCloseTo(3 * (errors[0]?.['power.active.error']?.max ?? 0), 6);
    const [part, whole] = errors.map((each) => each['power.active.error.rated']?.max ?? Number.NaN);
    expect(part).toBeCloseTo(whole ?? Number.NaN, 9);
  });
});

describe('a meter whose clock is ahead', () => {
  /** Of all meters, from the tenth interval up to the one before the last. */
  const skewed = (skewUs: number) =>
    withMeasurements(({ kind, timeUs }) => {
      const k = (timeUs - fixtureStartUs) / QUARTER_HOUR_US;
      return kind === 'smart-meter' && k >= 10 && k < 96 ? { timeUs: timeUs + skewUs } : {};
    });

  it('is scored against the energy between its tags', () => {
    const { metrics, unscored } = score(skewed(10e6));
    const error = metrics['meter.energy.error'];
    expect(error?.count).toBe(6 * 95);
    expect(unscored).toEqual({});
    // The last interval lacks 10 of its 900 s, the first has them too much: 1.01 / (890 / 900) - 1.
    expect(error?.max).toBeCloseTo(100 * ((1.01 * 900) / 890 - 1), 6);
  });

  it('by a whole interval gives two messages of one tag, whose difference is in Wh', () => {
    const { metrics } = score(skewed(QUARTER_HOUR_US));
    expect(metrics['meter.energy.error']?.count).toBe(6 * 94);
    expect(metrics['meter.energy.error.small']?.count).toBe(6);
    expect(metrics['meter.energy.error.small']?.max).toBeGreaterThan(100);
  });

  it('is counted where the energy between its tags is unknown', () => {
    const { unscored, verdict } = score(expecting(['meter.energy.error.p95 < 5 %'], skewed(86_400e6)));
    expect(unscored['meter.energy.error']).toBeGreaterThan(6 * 80);
    expect(unscored['meter.energy.error.small']).toBe(unscored['meter.energy.error']);
    expect(verdict).toBe('invalid');
  });
});

describe('an estimate of an instant that truth does not have', () => {
  it('makes expectations on estimates invalid, coverage too', () => {
    const { estimates, 'estimate-runs': runs } = record.tables;
    const shift = (table: Table): Table => ({
      ...table,
      number: (column) =>
        /timeUs|intervalStartUs/.test(column)
          ? table.number(column).map((time) => (time === fixtureStartUs + 8 * QUARTER_HOUR_US ? time + 10e6 : time))
          : table.number(column),
    });
    const off = replaced('estimates', shift(estimates), replaced('estimate-runs', shift(runs)));
    for (const metric of ['estimate.voltage.error < 1 %', 'estimate.coverage > 50 %', 'estimate.angle.error < 1 rad']) {
      const { verdict, reasons } = score(expecting([metric], off));
      expect({ verdict, reasons }).toEqual({
        verdict: 'invalid',
        // The estimate whose tag moved, and the one whose interval began there.
        reasons: [`the expectation "${metric}" leaves out 48 readings: the record has nothing to hold them against`],
      });
    }
    expect(score(expecting(['estimate.coverage > 50 %'], record)).verdict).toBe('pass');
  });
});
