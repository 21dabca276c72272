/** Forecasts are scored against what came: near and far, inside their quantiles or not, better than persistence or not. */
import { describe, expect, it } from 'vitest';
import { compareForecasts } from '../../reports/forecast-metrics.ts';
import type { Table } from '../../reports/record-reader.ts';

const QUARTER_US = 900e6;
const startUs = 1_617_228_000_000_000;

function table(rows: readonly Readonly<Record<string, number | string>>[]): Table {
  return {
    rows: rows.length,
    number: (column) => Float64Array.from(rows, (row) => Number(row[column])),
    text: (column) => {
      const names = [...new Set(rows.map((row) => String(row[column])))];
      return { names, index: Int32Array.from(rows, (row) => names.indexOf(String(row[column]))) };
    },
  };
}

/** Truth in steps of 5 min whose quarter-hour means are `quarters`; a value stands for the step that ends with it. */
function site(quarters: readonly number[]): Table {
  const rows = [{ timeUs: startUs, loadW: 0, generationW: 0 }];
  quarters.forEach((mean, index) => {
    for (const [third, swing] of [-50, 50, 0].entries()) {
      const timeUs = startUs + index * QUARTER_US + (third + 1) * 300e6;
      rows.push({ timeUs, loadW: mean + swing, generationW: 2 * (mean + swing) });
    }
  });
  return table(rows);
}

/** One forecast: means of the steps from `first` on, issued at the beginning of step `issued`, +-100 W about them. */
function forecast(issued: number, first: number, means: readonly number[], component = 'site:load') {
  return means.map((activePowerW, step) => ({
    issuedUs: startUs + issued * QUARTER_US,
    timeUs: startUs + (first + step + 1) * QUARTER_US,
    component,
    activePowerW,
    activePowerSigmaW: 80,
    quantile10W: activePowerW - 100,
    quantile90W: activePowerW + 100,
  }));
}

const ramp = Array.from({ length: 40 }, (_, index) => 1000 + 100 * index);

describe('errors', () => {
  it('of the next step: the last forecast issued before it began; of the past none', () => {
    const rows = [...forecast(0, 0, [1010, 1120]), ...forecast(1, 0, [9000, 1130]), ...forecast(2, 1, [9000, 1240])];
    const { samples } = compareForecasts(table(rows), site(ramp));
    expect([...(samples['forecast.load.error'] ?? [])]).toEqual([10, 30, 40]);
    expect(samples['forecast.generation.error']?.length).toBe(0);
  });

  it('a day ahead: every step from an hour to a day after every issue', () => {
    const rows = forecast(
      0,
      0,
      ramp.map((mean) => mean + 7),
    );
    const { samples } = compareForecasts(table(rows), site(ramp));
    expect([...(samples['forecast.load.error.dayAhead'] ?? [])]).toEqual(Array<number>(36).fill(7));
  });

  it('steps that the record does not reach, or does not resolve, are left out', () => {
    const { samples } = compareForecasts(table(forecast(38, 38, [1, 2, 3, 4])), site(ramp));
    expect(samples['forecast.load.error']?.length).toBe(2);
    const shifted = forecast(0, 0, ramp).map((row) => ({ ...row, timeUs: row.timeUs + 1e6 }));
    expect(compareForecasts(table(shifted), site(ramp)).samples['forecast.load.error']?.length).toBe(0);
  });
});

describe('coverage', () => {
  it('is the share of steps between the quantiles', () => {
    const rows = forecast(
      0,
      0,
      ramp.map((mean, index) => mean + (index % 4 === 0 ? 101 : -99)),
    );
    const coverage = compareForecasts(table(rows), site(ramp)).samples['forecast.load.coverage'] ?? [];
    expect(coverage.length).toBe(40);
    expect([...coverage].filter((each) => each === 100).length).toBe(30);
  });

  it('does not count nights as hits of the generation forecast, nor forecasts without quantiles', () => {
    const night = forecast(0, 0, [-100, -100, 5000, 5100], 'site:generation');
    const day = site([0, 0, 2500, 2500]);
    expect([...(compareForecasts(table(night), day).samples['forecast.generation.coverage'] ?? [])]).toEqual([
      100, 100,
    ]);
    const bare = night.map((row) => ({ ...row, quantile10W: Number.NaN, quantile90W: Number.NaN }));
    expect(compareForecasts(table(bare), day).samples['forecast.generation.coverage']?.length).toBe(0);
  });
});

describe('skill', () => {
  it('an hour ahead is against the last step before the issue, held', () => {
    // Truth rises by 100 W a step: persistence is off by 100, 200, 300, 400 W, this forecast by 50 W.
    const rows = [4, 8, 12].flatMap((issued) =>
      forecast(
        issued,
        issued,
        ramp.slice(issued, issued + 6).map((mean) => mean + 50),
      ),
    );
    const { kpis } = compareForecasts(table(rows), site(ramp));
    const persistence = Math.sqrt((100 ** 2 + 200 ** 2 + 300 ** 2 + 400 ** 2) / 4);
    expect(kpis['forecastLoadSkill']).toBeCloseTo(100 * (1 - 50 / persistence), 9);
    expect(kpis).not.toHaveProperty('forecastLoadSkillDayAhead');
    expect(kpis).not.toHaveProperty('forecastGenerationSkill');
  });

  it('a day ahead is against the same time a day earlier, and may be negative', () => {
    const days = Array.from({ length: 192 }, (_, index) => 1000 + (index >= 96 ? 20 : 0));
    const rows = forecast(
      96,
      96,
      days.slice(96).map((mean) => mean + 30),
    );
    expect(compareForecasts(table(rows), site(days)).kpis['forecastLoadSkillDayAhead']).toBeCloseTo(-50, 9);
  });

  it('a truth that never changes has no skill to show, and the first issue no step before it', () => {
    const flat = Array<number>(20).fill(500);
    expect(compareForecasts(table(forecast(4, 4, [510, 510])), site(flat)).kpis).toEqual({});
    expect(compareForecasts(table(forecast(0, 0, [510, 510])), site(ramp)).kpis).toEqual({});
  });
});
