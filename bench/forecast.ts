/**
 * How good the forecast is, over many days and seeds: share of truths between the 10 % and 90 % quantiles and below each
 * quantile, how sharp they are (width from 10 % to 90 %), pinball loss, and skill against the day before. First under a sky
 * that changes, by season and by the sky of the day before the forecast was issued; then under skies that stay as they are
 * for days, which a forecast of the days ahead cannot count on. With a cold spell also with and without temperature.
 */
import { readNumbers, readOptions } from './arguments.ts';
import { emptyTallies, leads, probabilities, quantities, runForecastTrial, type Tallies } from './forecast-trials.ts';

const USAGE = `How good the forecast is, over many days and seeds.

  npm run build && node dist/bench/forecast.js          all skies, 5 seeds of 6 days in each of 4 seasons
  node dist/bench/forecast.js --sky changing --seeds 20 --first 100          other seeds, from seed-100 on
  node dist/bench/forecast.js --cold                    a cold spell, with and without temperature`;

const values = readOptions(USAGE, {
  sky: { type: 'string', multiple: true, default: ['changing', 'clear', 'fair', 'broken', 'overcast'] },
  seeds: { type: 'string', default: '5' },
  first: { type: 'string', default: '1' },
  days: { type: 'string', default: '6' },
  cold: { type: 'boolean', default: false },
});
for (const option of ['seeds', 'first', 'days'] as const) readNumbers(option, values[option], USAGE);

const SCENARIO = 'scenarios/germany/uc1-virtual-islanding.yaml';
const COLD_SPELL = 'scenarios/germany/uc1-cold-spell.yaml';
const SEASONS = {
  winter: '2021-01-15T00:00:00+01:00',
  spring: '2021-04-01T00:00:00+02:00',
  summer: '2021-07-10T00:00:00+02:00',
  autumn: '2021-10-05T00:00:00+02:00',
};
/** Some heating is electric, and the forecast has no thermometer: the level of the load drifts over days. */
const HEATING = 'profiles.temperature={ loadPerKelvin: 1 % }';

console.log(
  [
    'sky'.padEnd(24),
    'of'.padEnd(11),
    'ahead'.padEnd(8),
    'steps'.padStart(7),
    '10-90 %'.padStart(9),
    ...probabilities.map((p) => `<${100 * p} %`.padStart(7)),
    'width'.padStart(10),
    'pinball'.padStart(9),
    'day before'.padStart(12),
    'skill'.padStart(7),
    'rmse'.padStart(10),
    'skill'.padStart(7),
  ].join(''),
);
if (values.cold) {
  await playAll('with temperature', COLD_SPELL, []);
  await playAll('without', COLD_SPELL, ['platform.forecasting.temperature.loadPerKelvin=0']);
} else {
  for (const sky of values.sky) await playSeasons(sky);
}

async function playSeasons(sky: string): Promise<void> {
  const all = emptyTallies();
  const seasons = new Map<string, Tallies>();
  const before = { grey: emptyTallies(), mixed: emptyTallies(), bright: emptyTallies() };
  for (const [season, start] of Object.entries(SEASONS)) {
    const tallies = emptyTallies();
    seasons.set(season, tallies);
    const set = [`profiles.pv.clouds=${sky}`, `clock.start=${start}`, HEATING];
    for (const seed of seeds()) {
      await runForecastTrial({ scenarioFile: SCENARIO, seed, set, days: Number(values.days) }, ({ sky: seen }) => [
        all,
        tallies,
        ...(seen === undefined ? [] : [before[seen]]),
      ]);
    }
  }
  print(sky, all);
  if (sky !== 'changing') return;
  for (const [season, tallies] of seasons) print(`${sky}, ${season}`, tallies);
  for (const [seen, tallies] of Object.entries(before)) print(`${sky}, after ${seen}`, tallies);
}

async function playAll(label: string, scenarioFile: string, set: readonly string[]): Promise<void> {
  const tallies = emptyTallies();
  for (const seed of seeds()) {
    await runForecastTrial({ scenarioFile, seed, set, days: Number(values.days) }, () => [tallies]);
  }
  print(label, tallies);
}

function seeds(): readonly string[] {
  return Array.from({ length: Number(values.seeds) }, (_, index) => `seed-${Number(values.first) + index}`);
}

function print(label: string, tallies: Tallies): void {
  const kilo = (power: number, width: number) => `${(power / 1000).toFixed(2)} kW`.padStart(width);
  const skill = (ours: number, theirs: number, width: number) =>
    (theirs > 0 ? `${(100 * (1 - ours / theirs)).toFixed(0)} %` : '-').padStart(width);
  for (const what of quantities) {
    for (const lead of leads) {
      const { count, below, pinballW, widthW, squareW2, dayBefore, compared } = tallies[what][lead];
      const share = (probability: (typeof probabilities)[number]) =>
        (100 * (below[probabilities.indexOf(probability)] ?? Number.NaN)) / count;
      console.log(
        [
          label.padEnd(24),
          what.padEnd(11),
          lead.padEnd(8),
          String(count).padStart(7),
          (share(0.9) - share(0.1)).toFixed(1).padStart(9),
          ...probabilities.map((probability) => share(probability).toFixed(1).padStart(7)),
          kilo(widthW / count, 10),
          kilo(pinballW / count, 9),
          kilo(dayBefore.pinballW / dayBefore.count, 12),
          skill(compared.pinballW, dayBefore.pinballW, 7),
          kilo(Math.sqrt(squareW2 / count), 10),
          skill(Math.sqrt(compared.squareW2), Math.sqrt(dayBefore.squareW2), 7),
        ].join(''),
      );
    }
  }
}
