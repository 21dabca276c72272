import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { kpiCatalogue } from '../../reports/kpi-catalogue.ts';
import { metricCatalogue } from '../../reports/metrics-catalogue.ts';
import { invariantCatalogue, listQuantities, quantityUnit } from '../../reports/quantities.ts';
import { unbalanceFactor } from '../../reports/grid-metrics.ts';
import { computeLatencies } from '../../reports/latency.ts';
import { readRecord, type RunRecord, type Table } from '../../reports/record-reader.ts';
import { score, type Score } from '../../reports/score.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { fixtureBattery, type FixtureOptions } from './fixture-site.ts';
import { fixtureStartUs, writeFixture } from './fixture.ts';
import { noMessages } from './no-messages.ts';

let root = '';
let count = 0;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'twin-score-'));
});
afterAll(() => rm(root, { recursive: true }));

async function fixture(options: FixtureOptions): Promise<RunRecord> {
  const directory = join(root, String((count += 1)));
  await writeFixture(directory, options);
  return readRecord(directory);
}

async function scoreOf(options: FixtureOptions): Promise<Score> {
  return score(await fixture(options));
}

describe('known answers', () => {
  let known: Score;
  beforeAll(async () => {
    known = await scoreOf({});
  });

  it('gives the vector error of a constant magnitude and angle error', () => {
    // |1.003 exp(j 0.002) - 1|: re 0.002997994, im 0.002005999
    const expected = 100 * Math.hypot(1.003 * Math.cos(0.002) - 1, 1.003 * Math.sin(0.002));
    expect(expected).toBeCloseTo(0.36072, 5);
    for (const name of ['pmu.tve', 'pmu.tve.voltage', 'pmu.tve.current']) {
      expect(known.metrics[name]?.mean).toBeCloseTo(expected, 9);
      expect(known.metrics[name]?.max).toBeCloseTo(expected, 9);
    }
    // Through transformers of 1.002 exp(j 0.001) besides.
    const chain = 100 * Math.hypot(1.002 * 1.003 * Math.cos(0.003) - 1, 1.002 * 1.003 * Math.sin(0.003));
    expect(known.metrics['pmu.tve.chain']?.mean).toBeCloseTo(chain, 9);
    // 97 frames, three phases, voltage and current
    expect(known.metrics['pmu.tve']?.count).toBe(582);
  });

  it('gives frequency in mHz and calculated power in W and % of rated', () => {
    expect(known.metrics['pmu.frequency.error']?.bias).toBeCloseTo(1, 6);
    const rated = known.metrics['power.active.error.rated'];
    const watts = known.metrics['power.active.error'];
    // 630 kVA, a third of it per phase
    expect(rated?.max).toBeCloseTo((100 * (watts?.max ?? 0)) / 210_000, 9);
    // 1.003^2 - 1 of the power, whatever it is
    expect(watts?.bias).toBeGreaterThan(0);
  });

  it('compares registers with the energy between two messages', () => {
    expect(known.metrics['meter.energy.error']?.bias).toBeCloseTo(1, 9);
    // Six meters, 96 messages each, the first without a predecessor
    expect(known.metrics['meter.energy.error']?.count).toBe(6 * 95);
    expect(known.metrics).not.toHaveProperty('meter.energy.error.small');
  });

  it('compares estimates with interval means of truth', () => {
    expect(known.metrics['estimate.voltage.error']).toMatchObject({ unit: '%', count: 96 * 24 });
    expect(known.metrics['estimate.voltage.error']?.bias).toBeCloseTo(0.1, 9);
    // The reference bus's phase A is excluded.
    expect(known.metrics['estimate.angle.error']?.count).toBe(96 * 23);
    expect(known.metrics['estimate.angle.error']?.bias).toBeCloseTo(0.5, 6);
    expect(known.metrics['estimate.coverage']?.mean).toBe(100);
    expect(known.metrics['estimate.sigma2.coverage']?.mean).toBe(100);
    expect(known.metrics['estimate.converged']?.mean).toBe(100);
  });

  it('sees a sigma that is too small', async () => {
    const proud = await scoreOf({ estimateError: { voltage: 0.001, angleRad: 0, sigma: 0.0004, noise: 0 } });
    expect(proud.metrics['estimate.sigma2.coverage']?.mean).toBe(0);
  });

  it('gives tracking, saturation, charge and forecast errors', () => {
    expect(known.metrics['setpoint.tracking.error']).toMatchObject({ count: 96, bias: -100, max: 100 });
    expect(known.metrics['battery.soc']?.min).toBeCloseTo(100 * fixtureBattery.min, 9);
    expect(known.metrics['battery.soc']?.max).toBeCloseTo(100 * fixtureBattery.max, 9);
    // 10 % too much load; the last forecast before each step is the one issued at its beginning.
    const load = known.kpis['loadEnergy']?.value ?? 0;
    expect(known.metrics['forecast.load.error']?.bias).toBeCloseTo((0.1 * load * 1000) / 24, 6);
  });

  it('closes its balances', () => {
    expect(known.metrics['site.powerBalance.error']?.max).toBeLessThan(1e-6);
    expect(known.metrics['battery.energyBalance.error']?.max).toBeLessThan(1e-6);
  });

  it('leaves the initial state out of grid metrics', () => {
    expect(known.metrics['branch.loading']?.count).toBe(96 * 2);
    expect(known.metrics['bus.voltage']?.count).toBe(96 * 24);
    expect(known.metrics['bus.voltage.inBand']?.mean).toBe(100);
  });

  it('adds the audit up over all hops', () => {
    expect(known.messages).toMatchObject({ published: 7 * 97, refused: 2, unexplained: 0 });
  });

  it('has no latency unless it ran in real time', async () => {
    expect(known.latency).toEqual({});
    const timed = await scoreOf({ class: 'realtime' });
    expect(timed.latency['device>bal']).toMatchObject({ unit: 'us', count: 97, p50: 400, max: 400 });
    // 5000 + 10 (k mod 90) - 3500 for k = 0 ... 96
    expect(timed.latency['setpoint>device']).toMatchObject({ count: 97, max: 1500 + 890 });
    expect(timed.latency['dsotp>powerCalculation']?.count).toBe(97);
    expect(timed.latency['device>setpoint']).toMatchObject({ p50: 3500, p99: 3500 });
  });
});

describe('coverage', () => {
  it('counts the intervals before the first estimate', async () => {
    const record = await fixture({});
    const late = (table: Table) =>
      keepRows(table, (row) => (table.number('timeUs')[row] ?? 0) > fixtureStartUs + 24 * 900e6);
    const { estimates, 'estimate-runs': runs } = record.tables;
    const tables = { ...record.tables, 'estimate-runs': late(runs), estimates: late(estimates) };
    // A quarter of the day without an estimate
    expect(score({ ...record, tables }).metrics['estimate.coverage']?.mean).toBeCloseTo(75, 9);
  });
});

describe('missing messages', () => {
  /** All rows but those of one house at 03:00. */
  function withoutOne(table: Table): Table {
    const { names, index } = table.text('device');
    const time = table.number('timeUs');
    const house = names.indexOf('smart-meter/house-1');
    return keepRows(table, (row) => index[row] !== house || time[row] !== fixtureStartUs + 12 * 900e6);
  }

  it('let the registers of a meter span the gap', async () => {
    const record = await fixture({});
    const tables = { ...record.tables, measurements: withoutOne(record.tables.measurements) };
    const error = score({ ...record, tables }).metrics['meter.energy.error'];
    expect(error?.count).toBe(6 * 95 - 1);
    expect(error?.max).toBeCloseTo(1, 9);
  });

  it('give no sample where truth is missing', async () => {
    const record = await fixture({});
    const tables = { ...record.tables, 'truth-energy': withoutOne(record.tables['truth-energy']) };
    const { metrics } = score({ ...record, tables });
    expect(metrics['meter.energy.error']).toMatchObject({ count: 6 * 95 - 1 });
    expect(metrics['meter.energy.error']?.max).toBeCloseTo(1, 9);
    expect(metrics).not.toHaveProperty('meter.energy.error.small');
  });
});

describe('latency', () => {
  it('runs from the last measurement of the instant, in whatever order the ledger has them', () => {
    const rows = [
      ['pmu', 7, 500, 600, 700],
      ['pmu', 7, 100, 200, 300],
      ['setpoint', 7, 0, Number.NaN, 1700],
      // Told by the platform about the same instant: no device sent it.
      ['use-case', 7, 1600, Number.NaN, 1650],
      ['plan', 7, 1600, Number.NaN, 1650],
      ['trigger', 7, 600, Number.NaN, 650],
    ] as const;
    const kinds = [...new Set(rows.map(([kind]) => kind))];
    const column = (at: 1 | 2 | 3 | 4) => Float64Array.from(rows, (row) => row[at]);
    const numbers: Readonly<Record<string, Float64Array>> = {
      taggedUs: column(1),
      sentWallUs: column(2),
      balWallUs: column(3),
      databusWallUs: column(4),
      deviceWallUs: Float64Array.from(rows, ([kind]) => (kind === 'setpoint' ? 2000 : Number.NaN)),
    };
    const { summaries } = computeLatencies({
      rows: rows.length,
      number: (name) => numbers[name] ?? new Float64Array(0),
      text: (name) =>
        name === 'kind'
          ? { names: kinds, index: Int32Array.from(rows, ([kind]) => kinds.indexOf(kind)) }
          : { names: ['one'], index: new Int32Array(rows.length) },
    });
    expect(summaries['device>setpoint']).toMatchObject({ count: 1, max: 1200 });
    expect(summaries['setpoint>device']).toMatchObject({ count: 1, max: 300 });
    expect(summaries['device>bal']).toMatchObject({ count: 2, max: 100 });
    expect(summaries['device>dsotp']).toBeUndefined();
  });
});

/** The rows of a table that `keep` accepts. */
function keepRows(table: Table, keep: (row: number) => boolean): Table {
  const rows = Array.from({ length: table.rows }, (_, row) => row).filter(keep);
  return {
    rows: rows.length,
    number: (column) => Float64Array.from(rows, (row) => table.number(column)[row] ?? Number.NaN),
    text: (column) => ({
      names: table.text(column).names,
      index: Int32Array.from(rows, (row) => table.text(column).index[row] ?? 0),
    }),
  };
}

describe('unbalance', () => {
  const third = (2 * Math.PI) / 3;

  it('is zero for a balanced system, whatever its angle', () => {
    expect(
      unbalanceFactor([
        [230, 1],
        [230, 1 - third],
        [230, 1 + third],
      ]),
    ).toBeCloseTo(0, 9);
  });

  it('is one hundred per cent for the other rotation against itself', () => {
    // One phase 3 % high: V1 = 230 (3.03 / 3), V2 = 230 (0.03 / 3)
    expect(
      unbalanceFactor([
        [230 * 1.03, 0],
        [230, -third],
        [230, third],
      ]),
    ).toBeCloseTo((100 * 0.03) / 3.03, 9);
  });
});

describe('failing closed', () => {
  const expectation = ['kpi.selfSufficiency > 10 %'];

  it('passes and fails by its expectations', async () => {
    expect((await scoreOf({ expect: expectation })).verdict).toBe('pass');
    const failed = await scoreOf({ expect: [...expectation, 'estimate.voltage.error.p95 < 0.05 %'] });
    expect(failed.verdict).toBe('fail');
    expect(failed.expectations.map(({ pass }) => pass)).toEqual([true, false]);
  });

  const hop = {
    hop: 'bal>dsotp',
    kind: 'pmu',
    ...noMessages,
    published: 10,
    delivered: 10,
  };
  const cases: readonly (readonly [name: string, options: FixtureOptions, reason: RegExp])[] = [
    ['a metric without samples', { without: ['series/truth-terminal'], expect: ['pmu.tve.p99 < 1 %'] }, /no sample/],
    ['a latency in an exact run', { expect: ['latency.device>bal.p95 < 1 s'] }, /no sample/],
    ['an expectation that cannot be read', { expect: ['kpi.selfSuficiency > 1 %'] }, /cannot be read/],
    ['a violation', { audit: { violations: ['tick 7 came too early'] } }, /tick 7 came too early/],
    [
      'an unexplained message',
      { audit: { hops: [{ ...hop, delivered: 9, unexplained: 1 }] } },
      /1 message unexplained/,
    ],
    [
      'a lost message in an exact run',
      { audit: { hops: [{ ...hop, delivered: 8, lostObserved: 2 }] } },
      /2 messages lost/,
    ],
    ['an audit that does not close', { audit: { hops: [{ ...hop, delivered: 9 }] } }, /does not close/],
    ['an audit that saw nothing', { audit: { hops: [] } }, /saw no message/],
    ['a run that was interrupted', { state: 'interrupted' }, /interrupted/],
    ['a run that failed', { state: 'failed' }, /failed/],
  ];
  it.each(cases)('is invalid with %s', async (_, options, reason) => {
    const { verdict, reasons } = await scoreOf({ expect: expectation, ...options });
    expect(verdict).toBe('invalid');
    expect(reasons.join('\n')).toMatch(reason);
  });

  it('is invalid without an instant', async () => {
    const record = await fixture({ expect: expectation });
    const { verdict, reasons } = score({ ...record, manifest: { ...record.manifest, instants: 0 } });
    expect({ verdict, reasons }).toEqual({ verdict: 'invalid', reasons: ['no instant was computed'] });
  });

  it('accepts messages that a fault of the scenario took away', async () => {
    const audit = { hops: [{ ...hop, delivered: 8, lostInjected: 2 }] };
    expect((await scoreOf({ expect: expectation, audit })).verdict).toBe('pass');
  });

  it('accepts a lost message in real time, where the expectations judge it', async () => {
    const audit = { hops: [{ ...hop, delivered: 8, lostObserved: 2 }] };
    const timed = await scoreOf({ class: 'realtime', audit, expect: ['messages.lost == 0'] });
    expect(timed.verdict).toBe('fail');
    expect(timed.expectations[0]?.observed).toBe(2);
  });

  it('finds every quantity of the catalogue that has samples', async () => {
    const { expectations } = await scoreOf({
      class: 'realtime',
      pmus: 2,
      audit: { invariants: invariantCatalogue.map(({ name }) => ({ name, checked: 1, violations: 0 })) },
      modelFaults: [
        {
          feature: 'tapPosition',
          id: 't',
          onPaper: 0,
          inField: 1,
          fromUs: fixtureStartUs,
          untilUs: fixtureStartUs + 86_400e6,
        },
      ],
      modelFindings: [
        {
          kind: 'tap',
          element: 't',
          says: 'so',
          inField: [{ feature: 'tapPosition', id: 't', value: 1 }],
          evidence: 31,
          estimates: 4,
        },
      ],
      expect: listQuantities().map(({ name, unit }) => `${name} >= -1e12 ${unit === '1' ? '' : unit}`),
    });
    const missing = expectations.filter(({ observed }) => observed === null).map(({ text }) => text.split(' ')[0]);
    // The fixture's forecasts reach two steps ahead, and it is one day long.
    const absent = metricCatalogue.filter(
      ({ name }) => name === 'meter.energy.error.small' || name.endsWith('.dayAhead'),
    );
    // Nobody asked it for a hold or a package, and no balancer announced a use case.
    const ofUseCases = kpiCatalogue.filter(({ name }) =>
      /^(hold|package|exchangeOutsidePackages|energyOffTarget|gainOverIdle|regret)/.test(name),
    );
    expect(ofUseCases).toHaveLength(16);
    expect(new Set(missing)).toEqual(
      new Set([
        ...absent.flatMap(({ name, statistics }) => [name, ...statistics.map((one) => `${name}.${one}`)]),
        'kpi.forecastLoadSkillDayAhead',
        'kpi.forecastGenerationSkillDayAhead',
        ...ofUseCases.map(({ name }) => `kpi.${name}`),
        // Its grid has no shunts.
        'kpi.shuntsEnergy',
        'kpi.shuntsEnergyBefore',
      ]),
    );
  });

  it('says what a folder lacks', async () => {
    await expect(readRecord(join(root, 'nothing'))).rejects.toThrow(InvalidInputError);
  });
});

describe('the catalogue', () => {
  it('names everything once', () => {
    const names = listQuantities().map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(quantityUnit('estimate.voltage.error.p95')).toBe('%');
    expect(quantityUnit('estimate.voltage.error.count')).toBe('1');
    expect(quantityUnit('kpi.savedEnergy')).toBe('kWh');
    expect(quantityUnit('kpi.nonsense')).toBeUndefined();
  });

  it('gives every entry a formula and a source', () => {
    for (const { formula, source } of [...metricCatalogue, ...kpiCatalogue]) {
      expect(formula).not.toBe('');
      expect(source).not.toBe('');
    }
  });
});
