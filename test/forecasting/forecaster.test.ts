/** The forecasters at their work: conformance of each, what they learn from meters, and that wrong ones are wrong as stated. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numerics/random.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { forecastingConfigSchema, type ModelConfig, type SeriesConfig } from '../../platform/forecasting/config.ts';
import { fitLogitNormal, lognormalQuantile, normalQuantile } from '../../platform/forecasting/distribution.ts';
import type { Forecaster, SiteObservation } from '../../platform/forecasting/forecaster.ts';
import { createModelForecaster } from '../../platform/forecasting/model-forecaster.ts';
import { createSiteModel } from '../../platform/forecasting/site-model.ts';
import { createSeriesForecaster } from '../../platform/forecasting/series-forecaster.ts';
import { wrongOnPurpose } from '../../platform/forecasting/wrong-on-purpose.ts';
import { hasReference, referencePath } from '../reference.ts';
import { describeForecasterConformance } from './forecaster-conformance.ts';

const QUARTER_US = 900e6;
const startUs = parseInstant('2021-04-01T00:00:00+02:00');
const site = {
  source: 'model',
  site: 'germany',
  location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
  customers: Array.from({ length: 30 }, (_, index) => ({ id: `house-${index}`, annualEnergyWh: 3e6 + 1e4 * index })),
  pvSystems: Array.from({ length: 10 }, (_, index) => ({
    id: `pv-${index}`,
    peakPowerW: 9000,
    azimuthDeg: 140 + 10 * index,
  })),
} as const;
const modelConfig = (options: object = {}) => forecastingConfigSchema.parse({ ...site, ...options }) as ModelConfig;
const seriesConfig = (options: object = {}) => {
  const { source: _, location: __, ...rest } = site;
  const series = { source: 'series', start: '2021-03-31T12:00:00+02:00', relativeSigma: 0.2 };
  const values = Array.from({ length: 200 }, (_value, index) => 10_000 + 40 * index);
  return forecastingConfigSchema.parse({
    ...rest,
    ...series,
    loadW: values,
    generationW: values,
    ...options,
  }) as SeriesConfig;
};
const counts = { customers: 30, systems: 10, startUs };

describeForecasterConformance({ name: 'the model', create: () => createModelForecaster(modelConfig()), ...counts });
describeForecasterConformance({ name: 'a series', create: () => createSeriesForecaster(seriesConfig()), ...counts });
describeForecasterConformance({
  name: 'one that is wrong on purpose',
  create: () =>
    wrongOnPurpose(createModelForecaster(modelConfig()), {
      loadErrorShare: 0.2,
      generationErrorShare: -0.4,
      lateUs: 3600e6,
    }),
  ...counts,
});

const siteModel = createSiteModel(modelConfig());

/** What meters in every house would show of this sky and this appetite, relative to what is usual. */
function metered(forecaster: Forecaster, index: number, sky: number, appetite: number): SiteObservation {
  const fromUs = startUs + index * QUARTER_US;
  const usual = forecaster.outlook(fromUs, fromUs + QUARTER_US);
  const connections = site.customers.map((_, customer) => {
    const generation = customer < 10 ? generated(index, sky, customer) : 0;
    return {
      netW: (usual?.customer(customer).powerW ?? 0) * appetite - generation,
      customers: [customer],
      systems: customer < 10 ? [customer] : [],
    };
  });
  return { fromUs, toUs: fromUs + QUARTER_US, connections };
}

/** Power of a system under a sky of `sky` times the usual clearness, W. */
function generated(index: number, sky: number, system: number): number {
  const fromUs = startUs + index * QUARTER_US;
  const { linear, quadratic } = siteModel.step(fromUs, fromUs + QUARTER_US);
  const k = modelConfig().clearness.mean * sky;
  return (linear[system] ?? 0) * k - (quadratic[system] ?? 0) * k * k;
}

describe('what the model learns from meters', () => {
  const ratios = (followed: Forecaster, index: number, plain = createModelForecaster(modelConfig())) => {
    const fromUs = startUs + index * QUARTER_US;
    const [a, b] = [followed, plain].map((each) => each.outlook(fromUs, fromUs + QUARTER_US));
    return {
      load: (a?.load.powerW ?? 0) / (b?.load.powerW ?? 0),
      generation: (a?.generation.powerW ?? 0) / (b?.generation.powerW ?? 0),
      sigma: (a?.generation.sigmaW ?? 0) / (b?.generation.sigmaW ?? 0),
    };
  };
  const plain = createModelForecaster(modelConfig());

  test('a dark morning makes a dark noon, a less dark evening, says less of tomorrow, and nothing in the end', () => {
    const followed = createModelForecaster(modelConfig());
    for (let index = 32; index < 44; index += 1) followed.observe(metered(plain, index, 0.4, 1));
    const noon = ratios(followed, 45).generation;
    const evening = ratios(followed, 70).generation;
    const tomorrow = ratios(followed, 96 + 60).generation;
    expect(noon).toBeLessThan(0.65);
    expect(noon).toBeGreaterThan(0.35);
    expect(evening).toBeGreaterThan(noon);
    expect(tomorrow).toBeGreaterThan(evening);
    // 28 h after it was seen, exp(-28 / 20) of what was missing is still believed.
    expect(tomorrow).toBeCloseTo(1 - 0.6 * Math.exp(-28.25 / 20), 1);
    expect(ratios(followed, 96 * 4 + 60).generation).toBeGreaterThan(tomorrow);
    expect(ratios(followed, 96 * 100 + 60).generation).toBeCloseTo(1, 1);
    // What was seen is better known than what will be.
    expect(ratios(followed, 44).sigma).toBeLessThan(ratios(followed, 60).sigma);
    expect(ratios(followed, 60).sigma).toBeLessThan(1);
  });

  test('a hungry hour is believed for the next one, and a hungry day for the next day', () => {
    const followed = createModelForecaster(modelConfig());
    for (let index = 0; index < 4; index += 1) followed.observe(metered(plain, index, 1, 1.3));
    const soon = ratios(followed, 4).load;
    expect(soon).toBeGreaterThan(1.1);
    expect(soon).toBeLessThan(1.3);
    expect(ratios(followed, 60).load).toBeLessThan(soon);
    for (let index = 4; index < 96; index += 1) followed.observe(metered(plain, index, 1, 1.3));
    expect(ratios(followed, 96 + 48).load).toBeGreaterThan(1.1);
  });

  test('a hungry minute says less than a hungry quarter hour', () => {
    const after = (lengthUs: number) => {
      const followed = createModelForecaster(modelConfig());
      const hungry = metered(plain, 80, 1, 1.6);
      followed.observe({ ...hungry, fromUs: hungry.toUs - lengthUs });
      return ratios(followed, 81).load;
    };
    expect(after(60e6)).toBeGreaterThan(1);
    expect(after(60e6) - 1).toBeLessThan(0.75 * (after(QUARTER_US) - 1));
    expect(after(3600e6)).toBeGreaterThan(1.05);
  });

  test('the interval that has just been measured is known better than any other', () => {
    const followed = createModelForecaster(modelConfig());
    followed.observe(metered(plain, 48, 0.5, 1.2));
    expect(ratios(followed, 48).load).toBeCloseTo(1.2, 1);
    expect(ratios(followed, 48).generation).toBeCloseTo(0.5, 1);
  });

  test('what comes back every day at the same hour is learned over the days: a dinner that H0 knows nothing of', () => {
    const followed = createModelForecaster(modelConfig());
    const errors: number[] = [];
    for (let day = 0; day < 15; day += 1) {
      // Asked at noon for the evening of the same day.
      for (let quarter = 0; quarter < 96; quarter += 1) {
        const index = 96 * day + quarter;
        const dinner = quarter >= 72 && quarter < 80;
        if (quarter === 48) errors.push(Math.abs(ratios(followed, 96 * day + 76, plain).load - 1.5));
        followed.observe(metered(plain, index, 1, dinner ? 1.5 : 1));
      }
    }
    expect(errors[0]).toBeGreaterThan(0.45);
    expect(errors[14]).toBeLessThan(0.65 * (errors[0] ?? 0));
    expect(ratios(followed, 96 * 15 + 40, plain).load).toBeCloseTo(1, 1);
  });

  test('a meter that is out of its mind changes nothing, silence neither', () => {
    const followed = createModelForecaster(modelConfig());
    const good = metered(plain, 48, 1, 1);
    followed.observe({ ...good, connections: [] });
    followed.observe({ ...good, connections: good.connections.map((each) => ({ ...each, netW: 1e7 })) });
    expect(ratios(followed, 50)).toEqual({ load: 1, generation: 1, sigma: 1 });
    followed.observe({
      ...good,
      connections: [{ netW: -9e6, customers: [3], systems: [3] }, ...good.connections.slice(1)],
    });
    expect(ratios(followed, 48).load).toBeCloseTo(1, 1);
  });
});

describe('temperature', () => {
  const noonUs = startUs + 52 * QUARTER_US;
  const said = (temperature: object, atUs = noonUs) =>
    createModelForecaster(modelConfig({ temperature })).outlook(atUs, atUs + QUARTER_US);
  const plain = said({});
  const weather = (airC: number) => ({ start: '2021-04-01T00:00:00+02:00', airC: Array<number>(24).fill(airC) });

  test('a cold day makes heaters draw more, in proportion; a warm one only as far as the heating limit', () => {
    const load = (airC: number) =>
      (said({ forecast: weather(airC), loadPerKelvin: 0.03 })?.load.powerW ?? 0) / (plain?.load.powerW ?? 1);
    expect((load(-5) - load(0)) / 5).toBeCloseTo(0.03, 9);
    expect(load(15)).toBe(load(25));
    expect(load(25)).toBeLessThan(1);
    // Without heaters the weather does not matter.
    expect(said({ forecast: weather(-5) })?.load.powerW).toBe(plain?.load.powerW);
  });

  test('PV yields 0.4 % less per K', () => {
    const yieldAt = (airC: number) => said({ forecast: weather(airC) })?.generation.powerW ?? 0;
    expect((yieldAt(30) - yieldAt(10)) / 20 / yieldAt(10)).toBeCloseTo(-0.004, 3);
  });

  test('beyond the forecast, and without one, it is the climate: months on straight lines, or a smooth year', () => {
    const dayLater = noonUs + 2 * 86_400e6;
    expect(said({ forecast: weather(-20) }, dayLater)?.generation.powerW).toBe(said({}, dayLater)?.generation.powerW);
    const even = Array<number>(12).fill(8);
    expect(said({ monthlyMeanC: even })?.generation.powerW).toBeCloseTo(
      said({ forecast: weather(8) })?.generation.powerW ?? 0,
      6,
    );
    // New Year lies halfway between the middles of December and January.
    const turn = Array.from({ length: 12 }, (_, month) => (month === 11 ? 4 : 0));
    const newYearUs = parseInstant('2021-12-31T12:00:00+01:00');
    expect(said({ monthlyMeanC: turn }, newYearUs)?.generation.powerW ?? 0).toBeLessThan(
      said({ monthlyMeanC: Array<number>(12).fill(1.9) }, newYearUs)?.generation.powerW ?? 0,
    );
    expect(said({ monthlyMeanC: turn }, newYearUs)?.generation.powerW ?? 0).toBeGreaterThan(
      said({ monthlyMeanC: Array<number>(12).fill(2.2) }, newYearUs)?.generation.powerW ?? 0,
    );
  });
});

describe('wrong on purpose', () => {
  const right = createModelForecaster(modelConfig());
  const at = (forecaster: Forecaster, fromUs: number) => forecaster.outlook(fromUs, fromUs + QUARTER_US);
  test('by exactly the stated share, quantiles and parts with it', () => {
    const wrong = wrongOnPurpose(right, { loadErrorShare: 0.3, generationErrorShare: -0.5, lateUs: 0 });
    for (let index = 0; index < 96; index += 1) {
      const [a, b] = [at(wrong, startUs + index * QUARTER_US), at(right, startUs + index * QUARTER_US)];
      expect(a?.load.powerW).toBe(1.3 * (b?.load.powerW ?? 0));
      expect(a?.generation.quantileW(0.9)).toBe(0.5 * (b?.generation.quantileW(0.9) ?? 0));
      expect(a?.customer(3).powerW).toBe(1.3 * (b?.customer(3).powerW ?? 0));
      expect(a?.system(3).sigmaW).toBe(0.5 * (b?.system(3).sigmaW ?? 0));
    }
  });
  test('by exactly the stated time, and not at all when nothing is stated', () => {
    const late = wrongOnPurpose(right, { loadErrorShare: 0, generationErrorShare: 0, lateUs: 3600e6 });
    expect(at(late, startUs + 40 * QUARTER_US)?.load.powerW).toBe(at(right, startUs + 36 * QUARTER_US)?.load.powerW);
    expect(wrongOnPurpose(right, { loadErrorShare: 0, generationErrorShare: 0, lateUs: 0 })).toBe(right);
  });
});

describe('distributions', () => {
  const draw = (quantile: (probability: number) => number) =>
    Float64Array.from({ length: 9999 }, (_, index) => quantile((index + 1) / 10_000));
  const mean = (values: Float64Array) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const sigma = (values: Float64Array) => {
    const centre = mean(values);
    return Math.sqrt(mean(values.map((value) => (value - centre) ** 2)));
  };

  // Abramowitz and Stegun, table 26.5, and one value of each tail.
  test.each([
    [0.5, 0],
    [0.9, 1.281_551_6],
    [0.975, 1.959_964],
    [0.1, -1.281_551_6],
    [1e-6, -4.753_424_3],
  ])('the normal quantile of %d is %d', (probability, z) => {
    expect(normalQuantile(probability)).toBeCloseTo(z, 6);
  });

  test.each([
    [1000, 100],
    [1000, 500],
    [20_000, 3000],
  ])('lognormal of mean %d and sigma %d has them', (m, s) => {
    const values = draw((probability) => lognormalQuantile(m, s, probability));
    expect(mean(values) / m).toBeCloseTo(1, 2);
    expect(sigma(values) / s).toBeCloseTo(1, 1);
    expect(lognormalQuantile(0, s, 0.9)).toBe(0);
  });

  test.each([
    [0.75, 0.1],
    [0.75, 0.25],
    [0.3, 0.15],
    [0.95, 0.05],
  ])('logit-normal of mean %d and sigma %d has them, and stays inside', (m, s) => {
    const values = draw(fitLogitNormal(m, s, 1.15));
    expect(Math.abs(mean(values) - m)).toBeLessThan(0.01);
    expect(sigma(values) / s).toBeGreaterThan(0.93);
    expect(sigma(values) / s).toBeLessThan(1.05);
    expect(Math.min(...values)).toBeGreaterThan(0);
    expect(Math.max(...values)).toBeLessThan(1.15);
  });

  test('a mean at the end, no spread, and a spread that there cannot be: still quantiles', () => {
    for (const [m, s] of [
      [0, 0.2],
      [1.15, 0.2],
      [0.6, 0],
      [0.6, 9],
    ] as const) {
      const values = draw(fitLogitNormal(m, s, 1.15));
      expect(values.every((value) => value >= 0 && value <= 1.15)).toBe(true);
      expect([...values]).toEqual([...values].toSorted((a, b) => a - b));
    }
  });
});

describe('against a world of its own kind', () => {
  /** A site that strays as the model says that sites do. */
  function simulate(days: number, seed: string) {
    const config = modelConfig();
    const random = randomStream(seed, ['world']);
    const followed = createModelForecaster(config);
    const plain = createModelForecaster(config);
    const { memory, clearness, loadSigma } = config;
    const walk = (tauUs: number, changeUs = Infinity) => {
      let x = random.normal();
      const kept = Math.exp(-QUARTER_US / tauUs);
      return () => {
        x = kept * x + Math.sqrt(1 - kept * kept) * random.normal();
        if (random.uniform() > Math.exp(-QUARTER_US / changeUs)) x = random.normal();
        return x;
      };
    };
    const [level, chance, clouds] = [memory.loadLevelUs, memory.loadChanceUs, memory.cloudsUs].map((tauUs) =>
      walk(tauUs),
    );
    const weather = walk(memory.weatherUs, memory.changeUs);
    const inside = { load: 0, generation: 0, steps: 0, daylight: 0 };
    const squares = { followed: 0, plain: 0, held: 0 };
    let lastW = Number.NaN;
    for (let index = 0; index < 96 * days; index += 1) {
      const fromUs = startUs + index * QUARTER_US;
      const [usual, said] = [plain, followed].map((each) => each.outlook(fromUs, fromUs + QUARTER_US));
      if (usual === undefined || said === undefined) throw new Error('the model knows every day');
      const baseW = usual.load.powerW;
      const appetite =
        1 + loadSigma.relative * (level?.() ?? 0) + Math.sqrt(loadSigma.applianceW / baseW) * (chance?.() ?? 0);
      const k = clearness.mean + clearness.sigma * (Math.sqrt(0.75) * weather() + 0.5 * (clouds?.() ?? 0));
      const sky = Math.min(1.15, Math.max(0.02, k)) / clearness.mean;
      const observation = metered(plain, index, sky, Math.max(0.05, appetite));
      const [loadW, generationW] = [
        baseW * Math.max(0.05, appetite),
        site.pvSystems.reduce((sum, _, system) => sum + generated(index, sky, system), 0),
      ];
      const within = (outlook: { quantileW(p: number): number }, truth: number) =>
        truth >= outlook.quantileW(0.1) && truth <= outlook.quantileW(0.9) ? 1 : 0;
      inside.load += within(said.load, loadW);
      inside.steps += 1;
      if (usual.generation.powerW > 2000) {
        inside.generation += within(said.generation, generationW);
        inside.daylight += 1;
      }
      squares.followed += (said.load.powerW - loadW) ** 2;
      squares.plain += (baseW - loadW) ** 2;
      if (index > 0) squares.held += (lastW - loadW) ** 2;
      lastW = loadW;
      followed.observe(observation);
    }
    return { load: inside.load / inside.steps, generation: inside.generation / inside.daylight, squares };
  }

  test('four of five quarter hours lie between the 10 % and 90 % quantiles, and following beats papers and persistence', () => {
    const { load, generation, squares } = simulate(20, 'coverage');
    // Binomial sigma of 1920 samples is 0.9 %, of the 900 by daylight 1.3 %; the tails are those of another family.
    expect(load).toBeGreaterThan(0.74);
    expect(load).toBeLessThan(0.86);
    expect(generation).toBeGreaterThan(0.74);
    expect(generation).toBeLessThan(0.88);
    expect(squares.followed).toBeLessThan(0.8 * squares.plain);
    expect(squares.followed).toBeLessThan(0.8 * squares.held);
  });
});

describe.skipIf(!hasReference)('fourteen recorded days in a row (skipped when the reference folder is absent)', () => {
  test('after a week the roofs’ habits are known: errors an hour ahead shrink against the papers alone', () => {
    const folder = referencePath('german-site-days');
    const rows = readdirSync(folder)
      .filter((name) => name.endsWith('.csv'))
      .toSorted()
      .flatMap((name) => readFileSync(`${folder}/${name}`, 'utf8').trim().split('\n').slice(1))
      .map((row) => row.split(','));
    const config = modelConfig({
      customers: [{ id: 'village', annualEnergyWh: 270e6 }],
      pvSystems: [{ id: 'roofs', peakPowerW: 302e3, tiltDeg: 30, azimuthDeg: 180 }],
    });
    const followed = createModelForecaster(config);
    const plain = createModelForecaster(config);
    const squares = { followed: 0, plain: 0 };
    for (const [time = '', , load, pv] of rows) {
      const fromUs = parseInstant(time);
      const aheadUs = fromUs + 4 * QUARTER_US;
      const row = rows.find(([other = '']) => parseInstant(other) === aheadUs);
      if (row !== undefined && fromUs >= parseInstant('2021-04-08T00:00:00+02:00')) {
        const truth = Number(row[3]) * 1000;
        for (const [name, forecaster] of [
          ['followed', followed],
          ['plain', plain],
        ] as const) {
          squares[name] += ((forecaster.outlook(aheadUs, aheadUs + QUARTER_US)?.generation.powerW ?? 0) - truth) ** 2;
        }
      }
      followed.observe({
        fromUs,
        toUs: fromUs + QUARTER_US,
        connections: [{ netW: 1000 * (Number(load) - Number(pv)), customers: [0], systems: [0] }],
      });
    }
    expect(Math.sqrt(squares.followed / squares.plain)).toBeLessThan(0.75);
  });
});
