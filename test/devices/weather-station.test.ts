/** The weather station: what it shows of the air, and a weather service whose forecast gets better the nearer an hour is. */
import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../platform/contract/time.ts';
import { createWeatherStation } from '../../sim/devices/weather-station.ts';
import { deviceSchema } from '../../sim/scenario/schema.ts';
import { expandDevices } from '../../sim/scenario/expand-devices.ts';
import { grid, START_US, truthOf } from './bench-house.ts';

const HOUR_US = 3600e6;
const clock = { startUs: START_US, stepUs: 900e6 };
/** Warms by a degree an hour. */
const air = { meanC: (fromUs: number, toUs: number) => (0.5 * (fromUs + toUs) - START_US) / HOUR_US };

function station(options: Readonly<Record<string, unknown>> = {}, seed = '1') {
  const entry = deviceSchema.parse({ kind: 'weather-station', ...options });
  const [device] = expandDevices({ devices: [entry] }, grid.document).devices;
  if (device?.kind !== 'weather-station') throw new Error('one station expands to one station');
  return createWeatherStation({ device, air, seed, clock });
}

const reports = (device: ReturnType<typeof station>, count: number) =>
  Array.from({ length: count }, (_, index) => device.sample(truthOf({ timeUs: START_US + index * 900e6 }))).flat();

describe('weather station', () => {
  test('without a place it stands at the site, under the name of its kind; several are numbered', () => {
    const ids = (count?: number) =>
      expandDevices({ devices: [deviceSchema.parse({ kind: 'weather-station', count })] }, grid.document).devices.map(
        ({ id, at }) => `${id} ${at}`,
      );
    expect(ids()).toEqual(['weather-station site']);
    expect(ids(2)).toEqual(['weather-station-1 site', 'weather-station-2 site']);
    expect(deviceSchema.safeParse({ kind: 'weather-station', at: 'bus:house' }).success).toBe(false);
  });

  test('ideal: the mean of every interval as it is, and the hours to come as they will be', () => {
    const [first, second] = reports(station({ preset: 'ideal', horizon: '3h' }), 2);
    expect(first?.measurement.readings).toEqual([
      { component: 'site:air', data: -0.125, measurand: 'airtemperature', phase: 'total' },
    ]);
    expect(second?.measurement.readings[0]?.data).toBe(0.125);
    expect(second?.measurement.outlook).toEqual({
      airTemperatureC: [0.5, 1.5, 2.5],
      start: '2021-03-31T22:00:00Z',
      stepUs: HOUR_US,
    });
    expect(parseInstant(second?.measurement.interval?.start ?? '')).toBe(START_US);
    expect(reports(station({ horizon: '0h' }), 1)[0]?.measurement.outlook).toBeUndefined();
  });

  test('the thermometer errs as stated, rounds to a tenth and says so', () => {
    const errors: number[] = [];
    for (let seed = 0; seed < 200; seed += 1) {
      for (const { measurement, measuredUs } of reports(station({ uncertainty: '0.5 K' }, `t-${seed}`), 5)) {
        const { data, sigma } = measurement.readings[0] ?? { data: Number.NaN, sigma: 0 };
        errors.push(data - air.meanC(measuredUs - 900e6, measuredUs));
        expect(Math.abs(10 * data - Math.round(10 * data))).toBeLessThan(1e-9);
        expect(sigma).toBeCloseTo(Math.hypot(0.5, 0.1 / Math.sqrt(12)), 9);
      }
    }
    // 200 thermometers with a bias each: 5 % standard error.
    const rms = Math.sqrt(errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length);
    expect(rms / 0.5).toBeGreaterThan(0.85);
    expect(rms / 0.5).toBeLessThan(1.15);
  });

  test('a day ahead the service errs by the stated amount, six hours ahead by half of it, and about one hour ever less', () => {
    const squares = { day: 0, quarter: 0 };
    const count = 600;
    for (let seed = 0; seed < count; seed += 1) {
      const [report] = reports(station({ forecastError: '1.2 K' }, `s-${seed}`), 1);
      const error = (hour: number) => (report?.measurement.outlook?.airTemperatureC[hour] ?? Number.NaN) - (hour + 0.5);
      squares.day += error(24) ** 2 / count;
      squares.quarter += error(6) ** 2 / count;
    }
    expect(Math.sqrt(squares.day) / 1.2).toBeGreaterThan(0.9);
    expect(Math.sqrt(squares.day) / 1.2).toBeLessThan(1.12);
    expect(Math.sqrt(squares.day / squares.quarter)).toBeGreaterThan(1.75);
    expect(Math.sqrt(squares.day / squares.quarter)).toBeLessThan(2.15);
    const noonUs = START_US + 12 * HOUR_US;
    const errors = reports(station(), 4 * 12).map(({ measurement }) => {
      const { start = '', airTemperatureC = [] } = measurement.outlook ?? {};
      return Math.abs((airTemperatureC[(noonUs - parseInstant(start)) / HOUR_US] ?? Number.NaN) - 12.5);
    });
    expect(errors.at(-1)).toBeLessThan(0.35);
    expect(Math.max(...errors.slice(-8))).toBeLessThanOrEqual((errors[0] ?? 0) + 0.1);
  });
});
