import { describe, expect, test } from 'vitest';
import { parseInstant } from '../../platform/contract/time.ts';
import { clearSky, plane, planeOfArray, pvPowerPerWp, sunAt } from '../../platform/forecasting/clear-sky.ts';

const LATITUDE = 52.83;
const LONGITUDE = 8.63;

describe('clear sky', () => {
  test('the sun stands in the south at solar noon and below the horizon at midnight', () => {
    // Equinox: altitude at culmination is 90 degrees less the latitude, give or take the declination of that hour.
    const noon = sunAt(parseInstant('2021-03-20T11:33:00Z'), LATITUDE, LONGITUDE);
    expect(noon.altitudeDeg).toBeCloseTo(90 - LATITUDE, 0);
    expect(Math.abs(noon.east)).toBeLessThan(0.01);
    expect(noon.north).toBeLessThan(0);
    expect(sunAt(parseInstant('2021-03-20T23:30:00Z'), LATITUDE, LONGITUDE).sinAltitude).toBeLessThan(0);
  });

  test('irradiance is dark at night, about 1000 W/m2 under a high sun, and falls with turbidity', () => {
    const night = sunAt(parseInstant('2021-06-21T00:00:00Z'), LATITUDE, LONGITUDE);
    expect(clearSky(night, 172)).toEqual({ directNormal: 0, diffuseHorizontal: 0, globalHorizontal: 0 });
    const high = sunAt(parseInstant('2021-06-21T12:00:00Z'), 23.4, 0.4);
    const sky = clearSky(high, 172, 3);
    expect(sky.globalHorizontal).toBeGreaterThan(980);
    expect(sky.globalHorizontal).toBeLessThan(1100);
    expect(clearSky(high, 172, 5).directNormal).toBeLessThan(sky.directNormal);
    expect(clearSky(high, 172, 5).diffuseHorizontal).toBeGreaterThan(sky.diffuseHorizontal);
  });

  test('direct irradiance of ESRA at TL 3, altitude 30 degrees: worked by hand', () => {
    // m = 1.9943, delta_R = 1 / 9.6940, B = 1367 eps exp(-0.8662 * 3 * 1.9943 / 9.694)
    const sun = { sinAltitude: 0.5, altitudeDeg: 30, east: 0, north: -Math.cos(Math.PI / 6), up: 0.5 };
    const eps = 1 + 0.03344 * Math.cos((2 * Math.PI * 91) / 365.25 - 0.048869);
    expect(clearSky(sun, 91, 3).directNormal).toBeCloseTo(1367 * eps * Math.exp((-0.8662 * 3 * 1.9943) / 9.694), 0);
  });

  test('a horizontal plane sees the global irradiance, a plane that looks away only diffuse light', () => {
    const sun = sunAt(parseInstant('2021-04-01T10:00:00Z'), LATITUDE, LONGITUDE);
    const sky = clearSky(sun, 91);
    expect(planeOfArray(sky, sun, plane(0, 180))).toBeCloseTo(sky.globalHorizontal, 9);
    const wall = planeOfArray(sky, sun, plane(90, 0));
    expect(wall).toBeCloseTo(0.5 * sky.diffuseHorizontal + 0.1 * sky.globalHorizontal, 9);
    expect(planeOfArray(sky, sun, plane(30, 135))).toBeGreaterThan(sky.globalHorizontal);
  });

  test('power: the data sheet point less the system losses, none at night, never above the peak', () => {
    expect(pvPowerPerWp(1000, 25 - 31.25)).toBeCloseTo(0.86 * 0.96, 12);
    expect(pvPowerPerWp(1000, 25)).toBeCloseTo(0.86 * 0.96 * (1 - 0.004 * 31.25), 12);
    expect(pvPowerPerWp(0, 10)).toBe(0);
    expect(pvPowerPerWp(1400, -60)).toBe(1);
  });
});
