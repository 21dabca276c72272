/** Forecasts against worlds of several days: quantiles that mean what they say, and what temperature is worth. */
import { expect, test } from 'vitest';
import { emptyTallies, leads, probabilities, runForecastTrial, type Tally } from '../../bench/forecast-trials.ts';

const ISLAND = 'scenarios/germany/uc1-virtual-islanding.yaml';
const COLD = 'scenarios/germany/uc1-cold-spell.yaml';

/** Largest distance of a share of truths below a quantile from the quantile's probability. */
function furthestOff({ below, count }: Tally): number {
  return Math.max(...probabilities.map((probability, index) => Math.abs((below[index] ?? 0) / count - probability)));
}

test('over clear, fair, broken and overcast skies, quantiles are right and get sharper the nearer a step is', async () => {
  const tallies = emptyTallies();
  for (const sky of ['clear', 'fair', 'broken', 'overcast']) {
    for (const start of ['2021-01-15T00:00:00+01:00', '2021-07-10T00:00:00+02:00']) {
      const set = [`profiles.pv.clouds=${sky}`, `clock.start=${start}`];
      await runForecastTrial({ scenarioFile: ISLAND, seed: 'steady', set, days: 3 }, [tallies]);
    }
  }
  // A sky that stays for days is not what the forecast starts from: the day ahead, it says so less surely than it could.
  const bounds = { load: [0.05, 0.06, 0.08], generation: [0.12, 0.15, 0.2] };
  for (const what of ['load', 'generation'] as const) {
    const width = leads.map((lead) => tallies[what][lead].widthW / tallies[what][lead].count);
    const off = leads.map((lead) => furthestOff(tallies[what][lead]));
    for (const [index, most] of bounds[what].entries()) expect(off[index]).toBeLessThan(most);
    expect(width).toEqual(width.toSorted((a, b) => a - b));
  }
  const near = tallies.generation['0-1 h'];
  expect(near.pinballW / near.count).toBeLessThan(2500);
});

test('in a cold spell the forecast that hears of the temperature beats the one that does not', async () => {
  const [hearing, deaf] = [emptyTallies(), emptyTallies()];
  for (const seed of ['cold-1', 'cold-2']) {
    await runForecastTrial({ scenarioFile: COLD, seed, days: 2 }, [hearing]);
    const set = ['platform.forecasting.temperature.loadPerKelvin=0'];
    await runForecastTrial({ scenarioFile: COLD, seed, set, days: 2 }, [deaf]);
  }
  const lead = '6-24 h';
  const [knowing, without] = [hearing.load[lead], deaf.load[lead]];
  expect(knowing.count).toBe(without.count);
  // 9 K at 2 %/K are 18 % of the load: who does not know is off by that until the meters have told.
  expect(Math.sqrt(knowing.squareW2 / without.squareW2)).toBeLessThan(0.9);
  expect(knowing.pinballW / without.pinballW).toBeLessThan(0.95);
  expect(furthestOff(knowing)).toBeLessThan(furthestOff(without));
});
