import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { computeKpis, islandDurations, type BatterySeries, type SiteSeries } from '../../reports/kpis.ts';
import { hasReference, referencePath } from '../reference.ts';

const HOUR_US = 3600e6;
const facts = { transformerRatingVA: 630_000, hasShunts: false, excessW: new Float64Array(0) };

/** A site in hourly steps; the first value is the initial state, which enters no energy. */
function hourly(series: Partial<Record<Exclude<keyof SiteSeries, 'timeUs'>, readonly number[]>>): SiteSeries {
  const length = series.exchangeW?.length ?? 0;
  const column = (values: readonly number[] | undefined) =>
    values === undefined ? new Float64Array(length) : Float64Array.from(values);
  return {
    timeUs: Float64Array.from({ length }, (_, k) => k * HOUR_US),
    loadW: column(series.loadW),
    generationW: column(series.generationW),
    lossesW: column(series.lossesW),
    lossesIdleW: column(series.lossesIdleW),
    shuntsW: column(series.shuntsW),
    shuntsIdleW: column(series.shuntsIdleW),
    exchangeW: column(series.exchangeW),
    exchangeIdleW: column(series.exchangeIdleW),
  };
}

function battery(
  activePowerW: readonly number[],
  storedWh: readonly number[],
  rest: Partial<BatterySeries> = {},
): BatterySeries {
  const power = Float64Array.from(activePowerW);
  const stored = Float64Array.from(storedWh);
  return {
    device: 'bess',
    timeUs: power.map((_, k) => k * HOUR_US),
    activePowerW: power,
    stateOfCharge: stored.map((energy) => energy / 10_000),
    energyStoredWh: stored,
    setpointW: power,
    saturated: power.map(() => 0),
    lossesWh: power.map(() => 0),
    ratedPowerW: 10_000,
    capacityWh: 10_000,
    windowWh: { least: 0, most: 10_000 },
    chargeEfficiency: 0.9,
    dischargeEfficiency: 0.8,
    ...rest,
  };
}

describe('the energy account', () => {
  // Idle: import 3 kW, export 5 kW, import 2 kW. As run: 1, -2, 0. Losses 0.5 each, so they split differently.
  const site = hourly({
    loadW: [99, 4000, 1000, 3000],
    generationW: [99, 1000, 6000, 1000],
    exchangeW: [99_000, 1000, -2000, 400],
    exchangeIdleW: [99_000, 3000, -5000, 2000],
    lossesW: [0, 500, 500, 500],
    lossesIdleW: [0, 500, 500, 500],
  });
  const kpis = computeKpis(site, [], facts);

  it('splits exchange per step and leaves the initial state out', () => {
    expect(kpis['importedEnergy']).toBeCloseTo(1.4, 12);
    expect(kpis['exportedEnergy']).toBeCloseTo(2, 12);
    expect(kpis['importedEnergyBefore']).toBeCloseTo(5, 12);
    expect(kpis['exportedEnergyBefore']).toBeCloseTo(5, 12);
    expect(kpis['loadEnergy']).toBeCloseTo(8, 12);
    expect(kpis['generationEnergy']).toBeCloseTo(8, 12);
    expect(kpis['lossesEnergy']).toBeCloseTo(1.5, 12);
  });

  it('takes losses off before it splits: 0.4 kW of import with 0.5 kW of losses is 0.1 kW of export', () => {
    expect(kpis['importWithoutLosses']).toBeCloseTo(0.5, 12);
    expect(kpis['exportWithoutLosses']).toBeCloseTo(2.6, 12);
    expect(kpis['selfSufficiencyWithoutLosses']).toBeCloseTo(100 * (1 - 0.5 / 8), 12);
  });

  it('relates import to load and export to generation', () => {
    // Losses of 1.5 kWh are demand as well: an idle site without generation serves nothing, not less than nothing.
    expect(kpis['selfSufficiency']).toBeCloseTo(100 * (1 - 1.4 / 9.5), 12);
    expect(kpis['selfSufficiencyBefore']).toBeCloseTo(100 * (1 - 5 / 9.5), 12);
    expect(kpis['selfConsumption']).toBeCloseTo(75, 12);
    expect(kpis['selfConsumptionBefore']).toBeCloseTo(37.5, 12);
  });

  it('never says that less than nothing was served: what is bought beyond the demand goes into the battery', () => {
    const night = hourly({
      loadW: [0, 2000, 2000],
      exchangeW: [0, 5300, 1200],
      exchangeIdleW: [0, 2200, 2200],
      lossesW: [0, 300, 200],
      lossesIdleW: [0, 200, 200],
    });
    const figures = computeKpis(night, [battery([0, -3000, 1000], [1000, 3700, 2450])], facts);
    expect(figures['selfSufficiencyBefore']).toBeCloseTo(0, 12);
    // 1 kWh of 4.5 came from the battery, and 1.45 kWh are left in it.
    expect(figures['selfSufficiency']).toBeCloseTo((100 * 1) / 4.5, 12);
    expect(figures['selfSufficiencyWithoutLosses']).toBeCloseTo((100 * 1) / 4, 12);
    const emptied = computeKpis(night, [battery([0, -3000, 1000], [4000, 4000, 1000])], facts);
    expect(emptied['selfSufficiencySocNeutral']).toBe(0);
  });

  it('counts what shunts draw as demand beside the loads, and only where there are shunts', () => {
    // 2 kW of load and a shunt of 1 kW, less at the lower voltage of the idle site; 1 kW comes from own sources.
    const shunted = hourly({
      loadW: [0, 2000],
      generationW: [0, 1000],
      shuntsW: [0, 1000],
      shuntsIdleW: [0, 900],
      exchangeW: [0, 2100],
      exchangeIdleW: [0, 2050],
      lossesW: [0, 100],
      lossesIdleW: [0, 150],
    });
    const figures = computeKpis(shunted, [], { ...facts, hasShunts: true });
    expect(figures['shuntsEnergy']).toBeCloseTo(1, 12);
    expect(figures['shuntsEnergyBefore']).toBeCloseTo(0.9, 12);
    expect(figures['loadEnergy']).toBeCloseTo(2, 12);
    expect(figures['importWithoutLosses']).toBeCloseTo(2, 12);
    expect(figures['selfSufficiency']).toBeCloseTo(100 / 3.1, 12);
    expect(figures['selfSufficiencyBefore']).toBeCloseTo(100 / 3.05, 12);
    expect(figures['selfSufficiencyWithoutLosses']).toBeCloseTo(100 / 3, 12);
    expect(figures['selfSufficiencyWithoutLossesBefore']).toBeCloseTo(100 / 2.9, 12);
    expect(kpis).not.toHaveProperty('shuntsEnergy');
  });

  it('compares the peaks', () => {
    expect(kpis['importPeak']).toBe(1);
    expect(kpis['exportPeakBefore']).toBe(5);
    expect(kpis['backFeedPeakReduction']).toBeCloseTo(60, 12);
  });

  it('says nothing of batteries where there are none, nor of shares without a whole', () => {
    expect(kpis).not.toHaveProperty('exchangedEnergyReduction');
    const dark = computeKpis(hourly({ exchangeW: [0, 1], exchangeIdleW: [0, 1] }), [], facts);
    expect(dark).not.toHaveProperty('selfConsumption');
    expect(dark).not.toHaveProperty('backFeedPeakReduction');
    expect(computeKpis(hourly({ exchangeW: [1] }), [], facts)).toEqual({});
  });
});

describe('SoC-neutral figures', () => {
  const site = hourly({
    loadW: [0, 4000, 4000],
    generationW: [0, 8000, 0],
    exchangeW: [0, -1000, 1000],
    exchangeIdleW: [0, -4000, 4000],
  });

  it('export what is left after the discharge efficiency', () => {
    // 2 kWh left: 1.6 kWh could still be exported.
    const kpis = computeKpis(site, [battery([0, -3000, 3000], [1000, 4000, 3000])], facts);
    expect(kpis['batteryEnergyLeft']).toBeCloseTo(2, 12);
    expect(kpis['exchangedEnergyReduction']).toBeCloseTo(100 * (1 - 2 / 8), 12);
    expect(kpis['exchangedEnergyReductionSocNeutral']).toBeCloseTo(100 * (1 - 3.6 / 8), 12);
    expect(kpis['selfConsumptionSocNeutral']).toBeCloseTo(100 * (1 - 2.6 / 8), 12);
    expect(kpis['selfSufficiencySocNeutral']).toBeCloseTo(kpis['selfSufficiency'] ?? 0, 12);
    expect(kpis['savedEnergySocNeutral']).toBeCloseTo(3, 12);
  });

  it('import what is short before the charge efficiency', () => {
    // 0.9 kWh short: 1 kWh has to be imported.
    const kpis = computeKpis(site, [battery([0, -3000, 3000], [4000, 7000, 3100])], facts);
    expect(kpis['savedEnergy']).toBeCloseTo(3, 12);
    expect(kpis['savedEnergySocNeutral']).toBeCloseTo(2, 12);
    expect(kpis['selfSufficiencySocNeutral']).toBeCloseTo(100 * (1 - 2 / 8), 12);
    expect(kpis['exchangedEnergyReductionSocNeutral']).toBeCloseTo(100 * (1 - 3 / 8), 12);
    // 0.72 kWh of initial charge fed the load: begun without it, the battery could have kept as much of the export of 1 kWh.
    expect(kpis['selfConsumption']).toBeCloseTo(100 * (1 - 1 / 8), 12);
    expect(kpis['selfConsumptionSocNeutral']).toBeCloseTo(100 * (1 - 0.28 / 8), 12);
  });
});

describe('own generation consumed', () => {
  // Before sunrise 4 kW go out of a full battery; then 5 kW are generated, 1 kW consumed, 4 kW charged.
  const early = hourly({
    loadW: [0, 0, 1000],
    generationW: [0, 0, 5000],
    exchangeW: [0, -4000, 0],
    exchangeIdleW: [0, 0, -4000],
  });

  it('does not count initial charge that is sent out, be the battery emptier or as full at the end', () => {
    for (const endWh of [6000, 10_000]) {
      const kpis = computeKpis(early, [battery([0, 4000, -4000], [10_000, 5000, endWh])], facts);
      expect(kpis['exportedEnergy']).toBeCloseTo(4, 12);
      // The sun feeds the load; what was exported served nothing, so that bringing it back takes nothing off.
      expect(kpis['selfSufficiency']).toBeCloseTo(100, 12);
      expect(kpis['selfSufficiencySocNeutral']).toBeCloseTo(100, 12);
      expect(kpis['selfConsumption']).toBeCloseTo(100, 12);
      expect(kpis['selfConsumptionSocNeutral']).toBeCloseTo(100, 12);
      expect(kpis['selfConsumptionBefore']).toBeCloseTo(20, 12);
    }
  });

  it('does not count import that is sent out again', () => {
    // 5 kW are bought for a load of 1 kW, 2 kWh of what was stored go out again; the sun feeds the load.
    const site = hourly({
      loadW: [0, 1000, 0, 1000],
      generationW: [0, 0, 0, 1000],
      exchangeW: [0, 5000, -2000, 0],
      exchangeIdleW: [0, 1000, 0, 0],
    });
    const kpis = computeKpis(site, [battery([0, -4000, 2000, 0], [0, 3600, 1100, 1100])], facts);
    expect(kpis['selfConsumption']).toBeCloseTo(100, 12);
    // What is left was bought as well: bringing the battery back sends no own generation out.
    expect(kpis['selfConsumptionSocNeutral']).toBeCloseTo(100, 12);
  });

  it('counts own generation that goes out of the battery, in proportion to its share of what is in it', () => {
    // 3 kWh of initial charge and 3 kWh of own generation are mixed; half of the 2 kWh sent out are own.
    const site = hourly({
      generationW: [0, 5000, 0],
      exchangeW: [0, -1000, -2000],
      exchangeIdleW: [0, -5000, 0],
    });
    const kpis = computeKpis(site, [battery([0, -4000, 2000], [3000, 6000, 3500])], facts);
    expect(kpis['selfConsumption']).toBeCloseTo(100 * (1 - (1 + 1) / 5), 12);
    // 0.5 kWh are left, own as far as 1.75 kWh of it reach: 0.4 kWh more.
    expect(kpis['selfConsumptionSocNeutral']).toBeCloseTo(100 * (1 - (2 + 0.4) / 5), 12);
  });

  it('comes out of two days in a row, SoC-neutral, as of both together', () => {
    // The first day leaves 2 kWh, the second sends 1 kWh of generation out while it gives them to the load.
    const first = hourly({
      loadW: [0, 1000],
      generationW: [0, 5000],
      exchangeW: [0, -1500],
      exchangeIdleW: [0, -4000],
    });
    const second = hourly({ loadW: [0, 4000], generationW: [0, 4000], exchangeW: [0, -1600], exchangeIdleW: [0, 0] });
    const exported = (site: SiteSeries, powerW: number, fromWh: number, toWh: number) => {
      const kpis = computeKpis(site, [battery([0, powerW], [fromWh, toWh])], facts);
      return (1 - (kpis['selfConsumptionSocNeutral'] ?? Number.NaN) / 100) * (kpis['generationEnergy'] ?? Number.NaN);
    };
    const both = exported(first, -2500, 0, 2250) + exported(second, 1600, 2250, 250);
    // 1.5 + 1.6 kWh went out; 0.25 of the 2.25 kWh are still there, worth 0.2 kWh.
    expect(both).toBeCloseTo(3.1 + 0.2, 12);
  });

  it('stays within 0 and 100 % whatever a battery does', () => {
    const day = fc.record({
      storedWh: fc.integer({ min: 0, max: 10_000 }),
      hours: fc.array(
        fc.record({ load: fc.nat(6000), generation: fc.nat(8000), wanted: fc.integer({ min: -9000, max: 9000 }) }),
        { minLength: 1, maxLength: 12 },
      ),
    });
    fc.assert(
      fc.property(day, ({ storedWh, hours }) => {
        const [stored, power] = [[storedWh], [0]];
        for (const { wanted } of hours) {
          const before = stored.at(-1) ?? 0;
          const powerW = Math.max(-(10_000 - before) / 0.9, Math.min(before * 0.8, wanted));
          power.push(powerW);
          stored.push(before - (powerW > 0 ? powerW / 0.8 : powerW * 0.9));
        }
        const net = hours.map(({ load, generation }) => load - generation);
        const site = hourly({
          loadW: [0, ...hours.map(({ load }) => load)],
          generationW: [0, ...hours.map(({ generation }) => generation)],
          exchangeW: [0, ...net.map((netW, k) => netW - (power[k + 1] ?? 0))],
          exchangeIdleW: [0, ...net],
        });
        const kpis = computeKpis(site, [battery(power, stored)], facts);
        for (const name of ['selfConsumption', 'selfConsumptionBefore', 'selfConsumptionSocNeutral']) {
          if (!(name in kpis)) continue;
          expect(kpis[name]).toBeGreaterThanOrEqual(-1e-9);
          expect(kpis[name]).toBeLessThanOrEqual(100 + 1e-9);
        }
      }),
    );
  });
});

describe('virtual islands', () => {
  const steps = (...powers: readonly number[]) => Float64Array.from([0, ...powers]);
  const every = (seconds: number, count: number) =>
    Float64Array.from({ length: count + 1 }, (_, k) => k * seconds * 1e6);

  it('last over excursions of at most 60 s', () => {
    const power = steps(1, 1, 9, 9, 9, 9, 9, 9, 1, 1, 9, 9, 9, 9, 9, 9, 9, 1);
    // 10 s steps: 20 s inside, 60 s outside, 20 s inside: one island of 100 s; then 70 s outside end it.
    expect(islandDurations(every(10, 18), power, 5)).toEqual([100e6, 10e6]);
  });

  it('are none outside the band and all of the time inside it', () => {
    expect(islandDurations(every(10, 2), steps(9, -9), 5)).toEqual([]);
    expect(islandDurations(every(10, 3), steps(5, -5, 0), 5)).toEqual([30e6]);
  });

  it('use 1 % of the rating on step values and on 15-min means', () => {
    // Two hours in 5-min steps: +9 and -9 kW about zero leave the band each step, but their means do not.
    const powers = [0, ...Array.from({ length: 24 }, (_, k) => [9000, -9000, 0][k % 3] ?? 0)];
    const timeUs = every(300, 24);
    const zeros = hourly({ exchangeW: powers.map(() => 0) });
    const kpis = computeKpis({ ...zeros, timeUs, exchangeW: Float64Array.from(powers) }, [], facts);
    expect(kpis['islandShare']).toBeCloseTo(100 / 3, 9);
    expect(kpis['islandDuration']).toBeCloseTo(1 / 12, 12);
    expect(kpis['islandDurationMin']).toBeCloseTo(1 / 12, 12);
    expect(kpis['islandShareQuarterHour']).toBeCloseTo(100, 9);
    expect(kpis['islandDurationQuarterHour']).toBeCloseTo(2, 12);
  });
});

describe('flexibility', () => {
  const site = hourly({ exchangeW: [0, 0, 0, 0, 0], exchangeIdleW: [0, 0, 0, 0, 0] });

  it('measures availability, accuracy and the time to a step', () => {
    const one = battery([0, 0, 5000, 7900, 8000], [0, 0, 0, 0, 0], {
      setpointW: Float64Array.of(Number.NaN, 0, 8000, 8000, 8000),
      saturated: Float64Array.of(0, 0, 1, 0, 0),
    });
    const kpis = computeKpis(site, [one], facts);
    expect(kpis['flexibilityAvailability']).toBeCloseTo(75, 12);
    // |0|, |3|, |0.1|, |0| of 10 kW over four instants
    expect(kpis['flexibilityAccuracy']).toBeCloseTo(100 * (1 - 0.31 / 4), 12);
    // The step comes into force in the hour that ends at 2 h; within 2 % at the end of the next: two hours.
    expect(kpis['flexibilityResponsiveness']).toBeCloseTo(7200, 9);
  });

  it('is not available where the sender stops at the limit and the exchange misses what was asked for', () => {
    const availability = (setpointW: number, excessW: number, storedWh: number) => {
      const one = battery([0, setpointW], [storedWh, storedWh]);
      const two = hourly({ exchangeW: [0, 0], exchangeIdleW: [0, 0] });
      return computeKpis(two, [one], { ...facts, excessW: Float64Array.of(0, excessW) })['flexibilityAvailability'];
    };
    // Rated power, in the direction that is missing; within the band of 6.3 kW it is enough.
    expect(availability(-10_000, -7000, 0)).toBe(0);
    expect(availability(-10_000, -6000, 0)).toBe(100);
    expect(availability(-10_000, 7000, 10_000)).toBe(100);
    expect(availability(-9000, -7000, 0)).toBe(100);
    // Full and empty: at zero no more can be given; 5 kWh in the store give 4 kW for an hour.
    expect(availability(0, -7000, 10_000)).toBe(0);
    expect(availability(0, 7000, 0)).toBe(0);
    expect(availability(4000, 7000, 5000)).toBe(0);
    expect(availability(3000, 7000, 5000)).toBe(100);
  });
});

/** CBES 300 kW / 800 kWh, window 8.75-87.5 %, efficiency 1, from 8.75 %: the plain rule of the recorded days. */
function plainRule(netW: readonly number[]): { readonly powerW: number[]; readonly storedWh: number[] } {
  const [minWh, maxWh, hours] = [70_000, 700_000, 0.25];
  const powerW = [0];
  const storedWh = [minWh];
  for (const net of netW) {
    const energy = storedWh.at(-1) ?? minWh;
    const power = Math.max(-300_000, -(maxWh - energy) / hours, Math.min(300_000, (energy - minWh) / hours, net));
    powerW.push(power);
    storedWh.push(energy - power * hours);
  }
  return { powerW, storedWh };
}

/** KPIs of a recorded day run by the plain rule on a site with 1.5 kW of losses before and after. */
function kpisOf(day: string): Readonly<Record<string, number>> {
  const text = readFileSync(referencePath(`german-site-days/${day}.csv`), 'utf8');
  const rows = parse<Record<string, string>>(text, { columns: true });
  const loadW = rows.map((row) => 1000 * Number(row['load_kw']));
  const pvW = rows.map((row) => 1000 * Number(row['pv_kw']));
  const net = loadW.map((power, k) => power - (pvW[k] ?? 0));
  const { powerW, storedWh } = plainRule(net);
  const column = (values: readonly number[]) => Float64Array.from([0, ...values]);
  const timeUs = Float64Array.from({ length: net.length + 1 }, (_, k) => k * 900e6);
  // What the account without losses must take off again.
  const losses = timeUs.map(() => 1500);
  const zeros = timeUs.map(() => 0);
  const site = {
    timeUs,
    loadW: column(loadW),
    generationW: column(pvW),
    lossesW: losses,
    lossesIdleW: losses,
    shuntsW: zeros,
    shuntsIdleW: zeros,
    exchangeW: column(net.map((power, k) => power - (powerW[k + 1] ?? 0) + 1500)),
    exchangeIdleW: column(net.map((power) => power + 1500)),
  };
  const store = { ...battery(powerW, storedWh), timeUs, chargeEfficiency: 1, dischargeEfficiency: 1 };
  return computeKpis(site, [store], facts);
}

/** load, PV, import before and after, export before and after (kWh), self-sufficiency before and after, reduction in %. */
const recordedDays = [
  ['2021-04-01', 777.44, 1323.53, 365.17, 149.24, 911.26, 281.26, 0.5303, 0.808, 66.3],
  ['2021-04-02', 793.02, 1102.87, 342.01, 122.31, 651.86, 21.86, 0.5687, 0.8458, 85.5],
  ['2021-04-04', 788.91, 425.71, 417.78, 363.2, 54.58, 0, 0.4704, 0.5396, 23.1],
  ['2021-04-08', 752.06, 983.72, 354.86, 131.69, 586.52, 0, 0.5281, 0.8249, 86],
  ['2021-04-11', 770.14, 395.06, 419.25, 375.08, 44.17, 0, 0.4556, 0.513, 19.1],
  ['2021-04-12', 743.77, 1413.87, 328.12, 126.85, 998.21, 368.21, 0.5588, 0.8295, 62.7],
  ['2021-04-15', 734.39, 1348.4, 337.14, 121.54, 951.15, 321.15, 0.5409, 0.8345, 65.6],
] as const;

describe.skipIf(!hasReference)('recorded German days, plain rule (skipped without the reference folder)', () => {
  it.each(recordedDays)('%s', (day, load, pv, importBefore, importAfter, exportBefore, exportAfter, ...shares) => {
    const kpis = kpisOf(day);
    const [sufficiencyBefore, sufficiencyAfter, reduction] = shares;
    expect(kpis['loadEnergy']).toBeCloseTo(load, 2);
    expect(kpis['generationEnergy']).toBeCloseTo(pv, 2);
    expect(kpis['importWithoutLossesBefore']).toBeCloseTo(importBefore, 2);
    expect(kpis['importWithoutLosses']).toBeCloseTo(importAfter, 2);
    expect(kpis['exportWithoutLossesBefore']).toBeCloseTo(exportBefore, 2);
    expect(kpis['exportWithoutLosses']).toBeCloseTo(exportAfter, 2);
    expect((kpis['selfSufficiencyWithoutLossesBefore'] ?? 0) / 100).toBeCloseTo(sufficiencyBefore, 4);
    expect((kpis['selfSufficiencyWithoutLosses'] ?? 0) / 100).toBeCloseTo(sufficiencyAfter, 4);
    expect(kpis['exchangedEnergyReductionWithoutLosses']).toBeCloseTo(reduction, 1);
  });

  it('2021-04-01 leaves 414 kWh in the battery: 33.8 % when they are counted back', () => {
    const kpis = kpisOf('2021-04-01');
    expect(kpis['batteryEnergyLeft']).toBeCloseTo(414, 0);
    expect(kpis['exchangedEnergyReductionWithoutLossesSocNeutral']).toBeCloseTo(33.8, 1);
  });
});
