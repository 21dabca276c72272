/** Forecasts against worlds of several days: quantiles that mean what they say, and what temperature is worth. */
import { beforeAll, describe, expect, test } from 'vitest';
import {
  emptyTallies,
  leads,
  probabilities,
  quantities,
  runForecastTrial,
  type Tally,
} from '../../bench/forecast-trials.ts';

const ISLAND = 'scenarios/germany/uc1-virtual-islanding.yaml';
const COLD = 'scenarios/germany/uc1-cold-spell.yaml';

const SEASONS = ['2021-01-15T00:00:00+01:00', '2021-04-01T00:00:00+02:00', '2021-07-10T00:00:00+02:00'];
/** Of each forecast issued at noon: the step that begins, one in the afternoon, and one in the next morning. */
const NOON = 48;
const AHEAD = [0, 12, 88];

/**
 * Half the width of a binomial share's band. Of 27 shares that are right (three of nine series), one in a hundred trials
 * leaves its band: each in one of 2700, 3.56 standard deviations.
 */
function band(probability: number, count: number): number {
  return 3.56 * Math.sqrt((probability * (1 - probability)) / count);
}

function shareBelow({ below, count }: Tally, probability: (typeof probabilities)[number]): number {
  return (below[probabilities.indexOf(probability)] ?? Number.NaN) / count;
}

describe('over skies that change, in winter, spring and summer', () => {
  const noons = emptyTallies();

  beforeAll(async () => {
    for (const start of SEASONS) {
      for (let seed = 0; seed < 24; seed += 1) {
        const set = [
          'profiles.pv.clouds=changing',
          `clock.start=${start}`,
          'profiles.temperature={ loadPerKelvin: 1 % }',
        ];
        await runForecastTrial(
          { scenarioFile: ISLAND, seed: `calibration-${seed}`, set, days: 5 },
          ({ issued, ahead }) => (issued % 96 === NOON && AHEAD.includes(ahead) ? [noons] : []),
        );
      }
    }
  }, 240_000);

  // Forecasts that do not overlap err independently of each other when they are right: five noons of 72 trials, four where the next morning is asked for.
  test.each(quantities.flatMap((what) => leads.map((lead) => ({ what, lead }))))(
    'eight of ten lie between the 10 % and 90 % quantiles, and no more than one of ten on either side: $what, $lead ahead',
    ({ what, lead }) => {
      const tally = noons[what][lead];
      expect(tally.count).toBe(lead === '6-24 h' ? 288 : 360);
      const [low, high] = [shareBelow(tally, 0.1), shareBelow(tally, 0.9)];
      expect(Math.abs(high - low - 0.8)).toBeLessThan(band(0.8, tally.count));
      expect(low - 0.1).toBeLessThan(band(0.1, tally.count));
      expect(1 - high - 0.1).toBeLessThan(band(0.1, tally.count));
    },
  );
});

test('the nearer a step is, the sharper are its quantiles and the smaller its losses; all are below those of the day before', async () => {
  const tallies = emptyTallies();
  for (const start of SEASONS) {
    const set = ['profiles.pv.clouds=changing', `clock.start=${start}`];
    await runForecastTrial({ scenarioFile: ISLAND, seed: 'sharp', set, days: 4 }, () => [tallies]);
  }
  for (const what of quantities) {
    const each = leads.map((lead) => tallies[what][lead]);
    const widths = each.map(({ widthW, count }) => widthW / count);
    const losses = each.map(({ pinballW, count }) => pinballW / count);
    expect(widths).toEqual(widths.toSorted((a, b) => a - b));
    expect(losses[0]).toBeLessThan(losses[2] ?? 0);
    for (const { compared, dayBefore } of each) {
      expect(compared.pinballW).toBeLessThan(0.7 * dayBefore.pinballW);
      expect(compared.squareW2).toBeLessThan(dayBefore.squareW2);
    }
  }
});

test('in a cold spell the forecast that hears of the temperature beats the one that does not', async () => {
  const [hearing, deaf] = [emptyTallies(), emptyTallies()];
  for (const seed of ['cold-1', 'cold-2']) {
    await runForecastTrial({ scenarioFile: COLD, seed, days: 2 }, () => [hearing]);
    const set = ['platform.forecasting.temperature.loadPerKelvin=0'];
    await runForecastTrial({ scenarioFile: COLD, seed, set, days: 2 }, () => [deaf]);
  }
  const lead = '6-24 h';
  const [knowing, without] = [hearing.load[lead], deaf.load[lead]];
  expect(knowing.count).toBe(without.count);
  // 9 K at 2 %/K are 18 % of the load: who does not know is off by that until the meters have told.
  expect(Math.sqrt(knowing.squareW2 / without.squareW2)).toBeLessThan(0.9);
  expect(knowing.pinballW / without.pinballW).toBeLessThan(0.95);
});
