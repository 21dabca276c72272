/** Indicators of holds, packages and foresight from small records whose figures can be worked out by hand. */
import { describe, expect, it } from 'vitest';
import type { BatterySeries, SiteSeries } from '../../reports/kpis.ts';
import type { Foresight } from '../../reports/record.ts';
import type { Table } from '../../reports/record-reader.ts';
import { computeUseCaseKpis } from '../../reports/use-case-kpis.ts';
import { excessOver, timelineOf } from '../../reports/use-case-timeline.ts';

const MINUTE_US = 60e6;
const BAND_W = 6300;

/** A table from rows of an object each. */
function table(rows: readonly Readonly<Record<string, number | string>>[]): Table {
  return {
    rows: rows.length,
    number: (column) => Float64Array.from(rows, (row) => Number(row[column] ?? Number.NaN)),
    text(column) {
      const words = rows.map((row) => String(row[column] ?? ''));
      const names = [...new Set(words)];
      return { names, index: Int32Array.from(words, (word) => names.indexOf(word)) };
    },
  };
}

function announced(minute: number, useCase: number, targetW: number, cause: string, request = '') {
  return { timeUs: minute * MINUTE_US, useCase, targetW, cause, request };
}

/** Minute steps; entry k stands for the minute that ends at k. */
function siteOf(exchangeKW: readonly number[], idleKW: readonly number[] = exchangeKW): SiteSeries {
  const watts = (values: readonly number[]) => Float64Array.from(values, (value) => 1000 * value);
  const zeros = new Float64Array(exchangeKW.length);
  return {
    timeUs: Float64Array.from(exchangeKW, (_, k) => k * MINUTE_US),
    loadW: zeros,
    generationW: zeros,
    lossesW: zeros,
    lossesIdleW: zeros,
    shuntsW: zeros,
    shuntsIdleW: zeros,
    exchangeW: watts(exchangeKW),
    exchangeIdleW: watts(idleKW),
  };
}

function batteryOf(saturated: readonly number[], setpointW: readonly number[] = saturated.map(() => 1)): BatterySeries {
  const zeros = new Float64Array(saturated.length);
  return {
    device: 'b',
    timeUs: Float64Array.from(saturated, (_, k) => k * MINUTE_US),
    activePowerW: zeros,
    stateOfCharge: zeros,
    energyStoredWh: zeros,
    setpointW: Float64Array.from(setpointW),
    saturated: Float64Array.from(saturated),
    lossesWh: zeros,
    ratedPowerW: 1,
    capacityWh: 1,
    windowWh: { least: -1, most: 1 },
    chargeEfficiency: 1,
    dischargeEfficiency: 1,
  };
}

interface Case {
  readonly site: SiteSeries;
  readonly useCases: readonly Readonly<Record<string, number | string>>[];
  readonly windows?: readonly Readonly<Record<string, number | string>>[];
  readonly triggers?: readonly Readonly<Record<string, number | string>>[];
  readonly plans?: readonly Readonly<Record<string, number | string>>[];
  readonly batteries?: readonly BatterySeries[];
  readonly foresight?: Foresight;
}

function kpisOf({ site, useCases, windows = [], triggers = [], plans = [], batteries = [], foresight }: Case) {
  const record = {
    timeline: timelineOf(table(useCases), table(windows)),
    triggers: table(triggers),
    useCases: table(useCases),
    plans: table(plans),
    foresight,
  };
  return computeUseCaseKpis(site, batteries, record, BAND_W);
}

describe('holds', () => {
  // Asked at minute 2 for 50 kW, announced at 3; inside the band from the minute that ends at 5 on; over at 9.
  const useCases = [
    announced(0, 1, 0, 'start'),
    announced(3, 2, 50e3, 'trigger', 'r'),
    announced(9, 1, 0, 'hold-ends'),
  ];
  const triggers = [{ timeUs: 2 * MINUTE_US, request: 'r', issuer: 'x', parameters: '{}', useCase: 2 }];
  const site = siteOf([0, 0, 0, 0, 20, 45, 52, 50, 50, 48, 0, 0]);

  it('response counts from the request until three instants on end are inside the band', () => {
    const kpis = kpisOf({ site, useCases, triggers });
    expect(kpis['holdResponse']).toBe(180);
    // |5| + |2| + 0 + 0 + |2| over five minutes once settled.
    expect(kpis['holdError']).toBeCloseTo(9 / 5, 9);
    expect(kpis['holdAccuracy']).toBeCloseTo(100 * (1 - 9 / 250), 9);
  });

  it('a hold that was agreed for later is timed from its start', () => {
    const later = [useCases[0]!, announced(3, 2, 50e3, 'hold-begins'), useCases[2]!];
    expect(kpisOf({ site, useCases: later, triggers })['holdResponse']).toBe(120);
  });

  it('one that never settled has no response, and its error counts from its beginning', () => {
    const kpis = kpisOf({ site: siteOf([0, 0, 0, 0, 20, 20, 20, 20, 20, 20, 0, 0]), useCases, triggers });
    expect(kpis['holdResponse']).toBeUndefined();
    expect(kpis['holdError']).toBeCloseTo(30, 9);
  });

  it('availability is the share of its instants that no battery limit clips and no setpoint is missing', () => {
    const clipped = batteryOf([0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 1]);
    expect(kpisOf({ site, useCases, batteries: [clipped] })['holdAvailability']).toBeCloseTo(100 * (4 / 6), 9);
    const silent = batteryOf(Array<number>(12).fill(0), [1, 1, 1, 1, 1, 1, 1, 1, Number.NaN, 1, 1, 1]);
    expect(kpisOf({ site, useCases, batteries: [silent] })['holdAvailability']).toBeCloseTo(100 * (5 / 6), 9);
  });

  it('a hold that is beyond the battery is not available, however well the battery follows', () => {
    const short = siteOf([0, 0, 0, 0, 20, 30, 30, 30, 30, 50, 0, 0]);
    const atRating = batteryOf(Array<number>(12).fill(0), [0, 0, 0, 0, 0, -1, -1, -1, -1, -1, 0, 0]);
    // Four of six instants miss the target at full power; at the first it has not begun, at the last it is enough.
    expect(kpisOf({ site: short, useCases, batteries: [atRating] })['holdAvailability']).toBeCloseTo(100 * (2 / 6), 9);
  });

  it('a target of zero has no relative accuracy', () => {
    const zero = useCases.map((row) => ({ ...row, targetW: 0 }));
    const kpis = kpisOf({ site: siteOf(Array<number>(12).fill(1)), useCases: zero, triggers });
    expect(kpis['holdAccuracy']).toBeUndefined();
    expect(kpis['holdError']).toBeCloseTo(1, 9);
  });

  it('without any there is none of these', () => {
    expect(kpisOf({ site, useCases: [useCases[0]!] })).toEqual({});
  });
});

describe('packages', () => {
  const slot = { issuedUs: 0, kind: 'export-package', startUs: 4 * MINUTE_US, endUs: 8 * MINUTE_US, exchangeW: -60e3 };
  const useCases = [
    announced(0, 4, 0, 'start'),
    announced(4, 4, -60e3, 'package-begins'),
    announced(8, 4, 0, 'package-ends'),
  ];
  // Four minutes at 60, 60, 30 out and 6 in; outside, one minute of 12 kW.
  const site = siteOf([0, 0, 12, 0, 0, -60, -60, -30, 6, 0, 0], [0, -9, 30, 0, 0, -60, -60, -30, 6, 0, 0]);
  const plans = [1, 2].flatMap((issue) =>
    [4, 8, 12].map((end) => ({
      issuedUs: issue * MINUTE_US,
      timeUs: end * MINUTE_US,
      useCase: 4,
      // The second plan, 45 kW for the slot, is the one in force when it begins.
      exchangeW: end === 8 ? (issue === 1 ? -60e3 : -45e3) : 5e3,
    })),
  );

  it('energy counts in the direction of the package only, against the plan of its beginning', () => {
    const kpis = kpisOf({ site, useCases, windows: [slot], plans });
    expect(kpis['packageEnergy']).toBeCloseTo(150 / 60, 9);
    expect(kpis['packagePlanned']).toBeCloseTo((45 * 4) / 60, 9);
    expect(kpis['packageError']).toBeCloseTo(30 / 60, 9);
  });

  it('what is exchanged outside stands against the idle batteries', () => {
    const kpis = kpisOf({ site, useCases, windows: [slot], plans });
    expect(kpis['exchangeOutsidePackages']).toBeCloseTo(12 / 60, 9);
    expect(kpis['exchangeOutsidePackagesReduction']).toBeCloseTo(100 * (1 - 12 / 39), 9);
  });

  it('an import package counts what comes in', () => {
    const bought = { ...slot, kind: 'import-package', exchangeW: 60e3 };
    const buying = useCases.map((row) => ({ ...row, useCase: 3, targetW: -row.targetW }));
    expect(kpisOf({ site, useCases: buying, windows: [bought] })['packageEnergy']).toBeCloseTo(6 / 60, 9);
  });
});

describe('foresight', () => {
  it('regret and gain are differences of the three energies off target', () => {
    const foresight: Foresight = {
      schema: 'platone.foresight/1',
      method: 'rule',
      idleKWh: 200,
      actualKWh: 50,
      bestKWh: 40,
    };
    expect(kpisOf({ site: siteOf([0, 0]), useCases: [], foresight })).toEqual({
      energyOffTarget: 50,
      energyOffTargetBefore: 200,
      energyOffTargetForesight: 40,
      gainOverIdle: 150,
      gainOverIdleSocNeutral: 150,
      regret: 10,
      regretShare: 5,
    });
    // 20 kWh left in one battery would be given away after its losses, 10 kWh taken out of the other be bought back with its.
    const moved = (leftWh: number): BatterySeries => ({
      ...batteryOf([0, 0]),
      energyStoredWh: Float64Array.of(50e3, 50e3 + leftWh),
      chargeEfficiency: 0.8,
      dischargeEfficiency: 0.9,
    });
    const batteries = [moved(20e3), moved(-10e3)];
    const kpis = kpisOf({ site: siteOf([0, 0]), useCases: [], foresight, batteries });
    expect(kpis['gainOverIdleSocNeutral']).toBeCloseTo(150 - 20 * 0.9 - 10 / 0.8, 9);
    expect([kpis['gainOverIdle'], kpis['regret']]).toEqual([150, 10]);
  });
});

describe('the timeline', () => {
  it('leaves out updates and what changes nothing; of several answers at one instant the last counts', () => {
    const rows = [
      announced(0, 1, 0, 'start'),
      announced(1, 1, 0, 'update'),
      announced(2, 2, 10e3, 'trigger', 'a'),
      announced(2, 2, 20e3, 'trigger', 'b'),
      announced(3, 2, 20e3, 'update'),
      announced(5, 0, Number.NaN, 'trigger', 'c'),
    ];
    const timeline = timelineOf(table(rows), table([]));
    expect(timeline.entries.map(({ sinceUs, kind, leastW }) => [sinceUs / MINUTE_US, kind, leastW])).toEqual([
      [0, 'island', 0],
      [2, 'hold', 20e3],
      [5, 'nothing', 0],
    ]);
    expect(timeline.at(2 * MINUTE_US - 1).kind).toBe('island');
    expect(timeline.at(100 * MINUTE_US).kind).toBe('nothing');
    expect(timelineOf(table([]), table([])).at(0).kind).toBe('nothing');
  });

  it('measures each row against what was asked for in the step before it', () => {
    const slot = {
      issuedUs: 0,
      kind: 'export-package',
      startUs: 4 * MINUTE_US,
      endUs: 6 * MINUTE_US,
      exchangeW: -60e3,
    };
    const rows = [
      announced(1, 2, 10e3, 'trigger', 'a'),
      announced(3, 0, Number.NaN, 'trigger', 'b'),
      announced(4, 4, -60e3, 'package-begins'),
    ];
    const { timeUs, exchangeW } = siteOf([0, 10, 15, 8, 99, 5, -70]);
    const excessW = excessOver(timelineOf(table(rows), table([slot])), timeUs, exchangeW);
    expect(excessW.slice(2)).toEqual(Float64Array.of(5e3, -2e3, 0, 5e3, -10e3));
  });
});
