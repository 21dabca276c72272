import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../platform/contract/time.ts';
import { createH0 } from '../../platform/forecasting/h0.ts';
import { createHousehold, type Household } from '../../sim/profiles/households.ts';

const START_US = parseInstant('2021-04-01T00:00:00+02:00');
const MINUTE_US = 60e6;

function household(id: string, options: Partial<Parameters<typeof createHousehold>[0]> = {}): Household {
  return createHousehold({ id, annualEnergyWh: 3e6, variation: 1, seed: '1', ...options });
}
const total = (powerW: Float64Array) => powerW.reduce((sum, value) => sum + value, 0);

describe('households', () => {
  test('variation 0 is exactly the profile, on a wiring that is unbalanced', () => {
    const steady = household('house-01', { variation: 0 });
    const power = steady.at(START_US, 100);
    expect(total(power)).toBeCloseTo(300, 9);
    expect(Math.max(...power) / Math.min(...power)).toBeGreaterThan(1.05);
    expect(total(steady.phaseShares)).toBeCloseTo(1, 12);
  });

  test.each([0.5, 1, 2])(
    'variation %d: the mean of 3,000 households is the profile, every hour within 6 %, the day within 1 %',
    (variation) => {
      const h0 = createH0();
      const houses = Array.from({ length: 3000 }, (_, i) =>
        household(`house-${i}`, { variation, annualEnergyWh: 1.5e6 + (i % 7) * 0.5e6 }),
      );
      const annualMWh = houses.reduce((sum, _, i) => sum + 1.5 + (i % 7) * 0.5, 0);
      const hours = Array.from({ length: 24 }, () => ({ drawn: 0, profile: 0 }));
      for (let minute = 0; minute < 24 * 60; minute += 2) {
        const timeUs = START_US + (minute + 2) * MINUTE_US;
        const profileW = h0.mean(timeUs - 2 * MINUTE_US, timeUs);
        const hour = hours[Math.floor(minute / 60)];
        if (hour === undefined) throw new Error('no such hour');
        for (const house of houses) hour.drawn += total(house.at(timeUs, profileW));
        hour.profile += profileW * annualMWh;
      }
      // Standard error of an hour at variation 1: about 1.3 %; it doubles at variation 2.
      for (const { drawn, profile } of hours)
        expect(Math.abs(drawn / profile - 1)).toBeLessThan(0.06 * Math.max(1, variation));
      const sum = (key: 'drawn' | 'profile') => hours.reduce((whole, hour) => whole + hour[key], 0);
      expect(Math.abs(sum('drawn') / sum('profile') - 1)).toBeLessThan(0.01 * Math.max(1, variation));
    },
  );

  test('the spread is lively at variation 1 and grows with it', () => {
    const spread = (variation: number) => {
      const samples = Array.from({ length: 4000 }, (_, i) =>
        total(household(`house-${i}`, { variation }).at(START_US, 130)),
      );
      const mean = samples.reduce((sum, x) => sum + x, 0) / samples.length;
      return Math.sqrt(samples.reduce((sum, x) => sum + (x - mean) ** 2, 0) / samples.length) / mean;
    };
    const one = spread(1);
    expect(one).toBeGreaterThan(0.8);
    expect(one).toBeLessThan(1.8);
    expect(spread(0.5) / one).toBeCloseTo(0.5, 1);
    expect(spread(2) / one).toBeGreaterThan(1.7);
    expect(spread(2) / one).toBeLessThan(2.3);
  });

  test('ninety households together stay within 25 % rms of the profile at 10 s', () => {
    const h0 = createH0();
    const houses = Array.from({ length: 90 }, (_, i) => household(`house-${i}`));
    let squares = 0;
    for (let step = 1; step <= 8640; step += 1) {
      const timeUs = START_US + step * 10e6;
      const profileW = h0.mean(timeUs - 10e6, timeUs);
      const sum = houses.reduce((watts, house) => watts + total(house.at(timeUs, profileW)), 0);
      squares += (sum / (270 * profileW) - 1) ** 2;
    }
    expect(Math.sqrt(squares / 8640)).toBeGreaterThan(0.08);
    expect(Math.sqrt(squares / 8640)).toBeLessThan(0.25);
  });

  test('a single-phase customer draws on its phase only', () => {
    const single = household('flat', { onlyPhase: 1 });
    for (let step = 0; step < 100; step += 1) {
      const [a, b, c] = single.at(START_US + step * MINUTE_US, 120);
      expect([a, c]).toEqual([0, 0]);
      expect(b).toBeGreaterThan(0);
    }
  });

  test('the same seed repeats; another seed or name does not', () => {
    const series = (id: string, seed: string) => {
      const house = household(id, { seed });
      return Array.from({ length: 50 }, (_, step) => total(house.at(START_US + step * MINUTE_US, 120)));
    };
    expect(series('a', '1')).toEqual(series('a', '1'));
    expect(series('a', '1')).not.toEqual(series('a', '2'));
    expect(series('a', '1')).not.toEqual(series('b', '1'));
  });
});
