/** What a site's PV systems feed in: clear-sky irradiance on each roof under the site's clouds. */
import { clearSky, plane, planeOfArray, pvPowerPerWp, sunAt } from '../../platform/forecasting/clear-sky.ts';
import { createLocalTime } from '../../platform/forecasting/local-time.ts';
import type { AirTemperature } from './air-temperature.ts';
import { createClouds, type CloudCover } from './clouds.ts';

export interface PvSystem {
  readonly id: string;
  readonly peakPowerW: number;
  readonly tiltDeg: number;
  /** Clockwise from north. */
  readonly azimuthDeg: number;
}

export interface PvPlant {
  /** AC power of each system over the step (fromUs, timeUs], W, from the sun at its middle; in time order. Reused. */
  at(timeUs: number, fromUs: number): Float64Array;
}

export function createPvPlant(options: {
  readonly systems: readonly PvSystem[];
  readonly latitudeDeg: number;
  readonly longitudeDeg: number;
  readonly clouds: CloudCover;
  readonly air: Pick<AirTemperature, 'meanC'>;
  readonly seed: string;
}): PvPlant {
  const { systems, latitudeDeg, longitudeDeg, air } = options;
  const utc = createLocalTime('UTC');
  const planes = systems.map(({ tiltDeg, azimuthDeg }) => plane(tiltDeg, azimuthDeg));
  const clouds = createClouds(
    options.clouds,
    systems.map(({ id }) => id),
    options.seed,
  );
  const power = new Float64Array(systems.length);

  return {
    at(timeUs, fromUs) {
      const middleUs = (timeUs + fromUs) / 2;
      const sun = sunAt(middleUs, latitudeDeg, longitudeDeg);
      // At night the clouds may drift unseen: their processes are exact over any step.
      if (sun.sinAltitude <= 0) return power.fill(0);
      const sky = clearSky(sun, utc(middleUs).dayOfYear);
      const airC = air.meanC(fromUs, timeUs);
      const index = clouds.at(timeUs);
      systems.forEach(({ peakPowerW }, i) => {
        const modules = planes[i];
        if (modules === undefined) return;
        const irradiance = (index[i] ?? 0) * planeOfArray(sky, sun, modules);
        power[i] = peakPowerW * pvPowerPerWp(irradiance, airC);
      });
      return power;
    },
  };
}
