/** A sky that changes: days that are as different, and as alike, as measured ones are. */
import { describe, expect, test } from 'vitest';
import { createClouds, meanClearSkyIndex } from '../../sim/profiles/clouds.ts';

const HOUR_US = 3600e6;
const systems = ['one', 'two'];

/** Clear-sky index of each day: what came over what the sun would have given, which rises and falls like a sine. */
function dailyIndices(days: number, seed: string, stepUs: number): number[] {
  const clouds = createClouds('changing', systems, seed);
  return Array.from({ length: days }, (_, day) => {
    let came = 0;
    let clear = 0;
    for (let timeUs = 6 * HOUR_US; timeUs < 18 * HOUR_US; timeUs += stepUs) {
      const sun = Math.sin((Math.PI * (timeUs - 6 * HOUR_US)) / (12 * HOUR_US));
      came += sun * (clouds.at(day * 24 * HOUR_US + timeUs)[0] ?? Number.NaN);
      clear += sun;
    }
    return came / clear;
  });
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('a changing sky', () => {
  const days = dailyIndices(8000, 'years', 900e6);
  const centre = mean(days);
  const variance = mean(days.map((day) => (day - centre) ** 2));
  const correlation = (lag: number) =>
    mean(days.slice(lag).map((day, index) => (day - centre) * ((days[index] ?? Number.NaN) - centre))) / variance;

  // Of 8000 days that correlate by 0.3, mean and correlations are known to a standard error of about 0.004 and 0.011.
  test('has days whose clear-sky index has the mean that is stated, and spreads by 0.25', () => {
    expect(Math.abs(centre - meanClearSkyIndex('changing'))).toBeLessThan(0.015);
    expect(meanClearSkyIndex('changing')).toBeCloseTo(0.578, 3);
    expect(Math.abs(Math.sqrt(variance) - 0.25)).toBeLessThan(0.01);
  });

  test('has days of which each tells of the next by 0.3, and of the one after by 0.08: a first-order process', () => {
    expect(Math.abs(correlation(1) - 0.3)).toBeLessThan(0.035);
    expect(Math.abs(correlation(2) - 0.08)).toBeLessThan(0.035);
  });

  test('is the same for a seed, however many roofs and whatever the step, as far as fronts go', () => {
    expect(dailyIndices(20, 'same', 900e6)).toEqual(dailyIndices(20, 'same', 900e6));
    const [coarse, fine] = [dailyIndices(60, 'same', 1800e6), dailyIndices(60, 'same', 300e6)];
    // Clouds drift otherwise in other steps, fronts do not.
    const off = coarse.map((day, index) => day - (fine[index] ?? Number.NaN));
    expect(Math.sqrt(mean(off.map((each) => each ** 2)))).toBeLessThan(0.1);
    const alone = createClouds('changing', ['one'], 'same');
    const both = createClouds('changing', systems, 'same');
    for (let hour = 0; hour < 200; hour += 1) expect(alone.at(hour * HOUR_US)[0]).toBe(both.at(hour * HOUR_US)[0]);
  });
});
