/** The site as its papers have it: H0 scaled by annual energy, and PV as a function of how clear the sky is. */
import { clearSky, plane, planeOfArray, pvPowerPerWp, sunAt } from './clear-sky.ts';
import type { ModelConfig } from './config.ts';
import { createH0 } from './h0.ts';
import { createLocalTime } from './local-time.ts';
import { createTemperature, type Temperature } from './temperature.ts';

/** Instants per step at which the sun is looked at: power is no straight line at dawn and in the morning. */
const SUN_SAMPLES = 3;

export interface SiteStep {
  /** W per MWh of annual energy. */
  readonly profileW: number;
  /**
   * AC power of system i at clearness k (share of the clear-sky irradiance), W: `linear[i] k - quadratic[i] k^2`. The
   * second part is that irradiance heats the cells: exact for PVWatts below the inverter's limit.
   */
  readonly linear: Float64Array;
  readonly quadratic: Float64Array;
  /** Sums over all systems. */
  readonly siteLinear: number;
  readonly siteQuadratic: number;
}

export interface SiteModel {
  /** Takes in the weather. */
  readonly report: Temperature['report'];
  /** The model of a step (fromUs, toUs]; the same step is computed once while it is wanted. */
  step(fromUs: number, toUs: number): SiteStep;
}

export function createSiteModel(config: ModelConfig): SiteModel {
  const h0 = createH0(config.zone);
  const utc = createLocalTime('UTC');
  const temperature = createTemperature(config.temperature, utc, config.location.longitudeDeg);
  const { location, pvSystems } = config;
  const planes = pvSystems.map(({ tiltDeg, azimuthDeg }) => plane(tiltDeg, azimuthDeg));

  function addSun(timeUs: number, airC: number, linear: Float64Array, quadratic: Float64Array): void {
    const sun = sunAt(timeUs, location.latitudeDeg, location.longitudeDeg);
    if (sun.sinAltitude <= 0) return;
    const sky = clearSky(sun, utc(timeUs).dayOfYear);
    for (const [index, modules] of planes.entries()) {
      const irradiance = planeOfArray(sky, sun, modules);
      const peakW = (pvSystems[index]?.peakPowerW ?? 0) / SUN_SAMPLES;
      // p(1) = a - b and p(1/2) = a / 2 - b / 4.
      const whole = peakW * pvPowerPerWp(irradiance, airC);
      const half = peakW * pvPowerPerWp(0.5 * irradiance, airC);
      linear[index] = (linear[index] ?? 0) + 4 * half - whole;
      quadratic[index] = (quadratic[index] ?? 0) + 4 * half - 2 * whole;
    }
  }

  function compute(fromUs: number, toUs: number): SiteStep {
    const linear = new Float64Array(pvSystems.length);
    const quadratic = new Float64Array(pvSystems.length);
    const airC = temperature.airC(fromUs, toUs);
    for (let sample = 0; sample < SUN_SAMPLES; sample += 1) {
      addSun(fromUs + ((sample + 0.5) / SUN_SAMPLES) * (toUs - fromUs), airC, linear, quadratic);
    }
    // H0 is W per 1000 kWh a year.
    const profileW = h0.mean(fromUs, toUs) * temperature.loadFactor(fromUs, toUs);
    return { profileW, linear, quadratic, siteLinear: sum(linear), siteQuadratic: sum(quadratic) };
  }

  const capacity = config.pastSteps + Math.ceil(config.horizonUs / config.stepUs) + 2;
  return {
    report: (report) => temperature.report(report),
    step: remembering(compute, () => temperature.version, capacity),
  };
}

function sum(values: Float64Array): number {
  let total = 0;
  for (const value of values) total += value;
  return total;
}

/** Successive forecasts share all steps but one while nothing new is known: keeps the last `capacity`, the oldest goes first. */
function remembering<Step>(
  compute: (fromUs: number, toUs: number) => Step,
  version: () => number,
  capacity: number,
): (fromUs: number, toUs: number) => Step {
  const known = new Map<number, { readonly toUs: number; readonly step: Step }>();
  let knownVersion = version();
  return (fromUs, toUs) => {
    if (version() !== knownVersion) known.clear();
    knownVersion = version();
    const found = known.get(fromUs);
    if (found?.toUs === toUs) return found.step;
    const step = compute(fromUs, toUs);
    known.set(fromUs, { toUs, step });
    for (const oldest of known.keys()) {
      if (known.size <= capacity) break;
      known.delete(oldest);
    }
    return step;
  };
}
