/** Forecast from the site's facts: the H0 profile scaled by annual energy, clear sky scaled by capacity and clearness. */
import { clearSky, climateTemperatureC, plane, planeOfArray, pvPowerPerWp, sunAt } from './clear-sky.ts';
import type { Customer, ModelConfig } from './config.ts';
import { createH0 } from './h0.ts';
import { createLocalTime } from './local-time.ts';
import type { OutlookSource, PowerOutlook } from './outlook.ts';

/** Instants per step at which the sun is looked at: power is no straight line at dawn and in the morning. */
const SUN_SAMPLES = 3;

export function createModelOutlook(config: ModelConfig): OutlookSource {
  const h0 = createH0(config.zone);
  const pvPower = createPvModel(config);
  const annualMWh = (customer: Customer) => customer.annualEnergyWh / 1e6;
  const siteMWh = config.customers.reduce((sum, customer) => sum + annualMWh(customer), 0);
  return (fromUs, toUs) => {
    // H0 is W per 1000 kWh a year.
    const profile = h0.mean(fromUs, toUs);
    const systems = pvPower(fromUs, toUs);
    return {
      load: loadOutlook(profile * siteMWh, config),
      generation: {
        powerW: systems.reduce((sum, system) => sum + system.powerW, 0),
        // One sky over all of them: deviations add up, they do not average out.
        sigmaW: systems.reduce((sum, system) => sum + system.sigmaW, 0),
      },
      customer: (index) => loadOutlook(profile * annualMWh(at(config.customers, index)), config),
      system: (index) => at(systems, index),
    };
  };
}

function loadOutlook(meanW: number, { loadSigma }: ModelConfig): PowerOutlook {
  const variance = (loadSigma.relative * meanW) ** 2 + loadSigma.applianceW * meanW;
  return { powerW: meanW, sigmaW: Math.sqrt(variance) };
}

/** Mean AC power of each system over a step and its sigma, which the clearness brings in. */
function createPvModel(config: ModelConfig): (fromUs: number, toUs: number) => PowerOutlook[] {
  const utc = createLocalTime('UTC');
  const { location, clearness, pvSystems } = config;
  const planes = pvSystems.map(({ tiltDeg, azimuthDeg }) => plane(tiltDeg, azimuthDeg));

  /** Power per Wp of each plane at one instant: under mean clearness, and its change for one sigma of clearness. */
  function addPerWp(timeUs: number, means: Float64Array, sigmas: Float64Array): void {
    const sun = sunAt(timeUs, location.latitudeDeg, location.longitudeDeg);
    if (sun.sinAltitude <= 0) return;
    const { dayOfYear } = utc(timeUs);
    const sky = clearSky(sun, dayOfYear);
    const airC = climateTemperatureC(dayOfYear);
    for (const [index, modules] of planes.entries()) {
      const irradiance = planeOfArray(sky, sun, modules);
      means[index] = (means[index] ?? 0) + pvPowerPerWp(clearness.mean * irradiance, airC) / SUN_SAMPLES;
      sigmas[index] = (sigmas[index] ?? 0) + pvPowerPerWp(clearness.sigma * irradiance, airC) / SUN_SAMPLES;
    }
  }

  return (fromUs, toUs) => {
    const means = new Float64Array(pvSystems.length);
    const sigmas = new Float64Array(pvSystems.length);
    for (let sample = 0; sample < SUN_SAMPLES; sample++) {
      addPerWp(fromUs + ((sample + 0.5) / SUN_SAMPLES) * (toUs - fromUs), means, sigmas);
    }
    return pvSystems.map(({ peakPowerW }, index) => ({
      powerW: peakPowerW * (means[index] ?? 0),
      sigmaW: peakPowerW * (sigmas[index] ?? 0),
    }));
  };
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index];
  if (item === undefined) throw new RangeError(`no item ${index} among ${items.length}`);
  return item;
}
