/**
 * How good the forecast is, over many days and seeds: whether its quantiles are right (share of truths below each one),
 * how sharp they are (width from 10 % to 90 %), pinball loss, and skill against the day before. With a cold spell also
 * with and without temperature.
 *
 *   npm run build && node dist/bench/forecast.js                      all skies, 5 seeds of 4 days in each of 4 seasons
 *   node dist/bench/forecast.js --sky overcast --seeds 10
 *   node dist/bench/forecast.js --cold                                a cold spell, with and without temperature
 */
import { parseArgs } from 'node:util';
import { emptyTallies, leads, probabilities, runForecastTrial, type Tallies } from './forecast-trials.ts';

const { values } = parseArgs({
  options: {
    sky: { type: 'string', multiple: true, default: ['clear', 'fair', 'broken', 'overcast'] },
    seeds: { type: 'string', default: '5' },
    days: { type: 'string', default: '4' },
    cold: { type: 'boolean', default: false },
  },
});

const SCENARIO = 'scenarios/germany/uc1-virtual-islanding.yaml';
const COLD_SPELL = 'scenarios/germany/uc1-cold-spell.yaml';
const STARTS = [
  '2021-01-15T00:00:00+01:00',
  '2021-04-01T00:00:00+02:00',
  '2021-07-10T00:00:00+02:00',
  '2021-10-05T00:00:00+02:00',
];

console.log(
  [
    'sky'.padEnd(24),
    'of'.padEnd(11),
    'ahead'.padEnd(8),
    'steps'.padStart(7),
    ...probabilities.map((p) => `<${100 * p} %`.padStart(8)),
    '80 % width'.padStart(12),
    'pinball'.padStart(10),
    'rmse'.padStart(10),
    'skill'.padStart(8),
  ].join(''),
);
if (values.cold) {
  await playAll('with temperature', COLD_SPELL, []);
  await playAll('without', COLD_SPELL, ['platform.forecasting.temperature.loadPerKelvin=0']);
} else {
  const all = emptyTallies();
  for (const sky of values.sky) {
    const tallies = emptyTallies();
    for (const start of STARTS) {
      for (let seed = 1; seed <= Number(values.seeds); seed += 1) {
        const set = [`profiles.pv.clouds=${sky}`, `clock.start=${start}`];
        const trial = { scenarioFile: SCENARIO, seed: `seed-${seed}`, set, days: Number(values.days) };
        await runForecastTrial(trial, [tallies, all]);
      }
    }
    print(sky, tallies);
  }
  print('all skies', all);
}

async function playAll(label: string, scenarioFile: string, set: readonly string[]): Promise<void> {
  const tallies = emptyTallies();
  for (let seed = 1; seed <= Number(values.seeds); seed += 1) {
    await runForecastTrial({ scenarioFile, seed: `seed-${seed}`, set, days: Number(values.days) }, [tallies]);
  }
  print(label, tallies);
}

function print(label: string, tallies: Tallies): void {
  for (const what of ['load', 'generation'] as const) {
    for (const lead of leads) {
      const tally = tallies[what][lead];
      const { count, below, pinballW, widthW, squareW2, persistenceCount, persistenceW2, comparedW2 } = tally;
      const kilo = (power: number, width: number) => `${(power / 1000).toFixed(2)} kW`.padStart(width);
      const skill =
        persistenceCount === 0 ? '-' : `${(100 * (1 - Math.sqrt(comparedW2 / persistenceW2))).toFixed(0)} %`;
      console.log(
        [
          label.padEnd(24),
          what.padEnd(11),
          lead.padEnd(8),
          String(count).padStart(7),
          ...below.map((number) => ((100 * number) / count).toFixed(1).padStart(8)),
          kilo(widthW / count, 12),
          kilo(pinballW / count, 10),
          kilo(Math.sqrt(squareW2 / count), 10),
          skill.padStart(8),
        ].join(''),
      );
    }
  }
}
