/**
 * Weather station: air temperature at the site as means of its intervals, and what a weather service expects for the
 * hours to come. The service knows the weather that will be, but for an error that grows with the square root of the
 * lead time, e(t, lead) = sigma sqrt(lead / 24 h) z(t), with z a standard Ornstein-Uhlenbeck process of six hours over
 * the hours t that are forecast: neighbouring hours err alike, and each hour is forecast better the nearer it comes.
 */
import { randomStream } from '../../numerics/random.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { type AirTemperature } from '../profiles/air-temperature.ts';
import { OrnsteinUhlenbeck } from '../profiles/ornstein-uhlenbeck.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { Device } from './device.ts';
import { combineSigmas, resolutionSigma } from './error-model.ts';
import { createPostman, isDue, reading, type DeviceClock } from './message.ts';

export type WeatherStationDevice = Extract<ExpandedDevice, { kind: 'weather-station' }>;

const HOUR_US = 3600e6;
const DAY_US = 24 * HOUR_US;
const RESOLUTION_C = 0.1;
/** Of the thermometer's variance: what a specimen has for good, calibration and radiation shield; the rest is noise. */
const BIAS_SHARE = 0.5;
const SERVICE_TAU_US = 6 * HOUR_US;

export function createWeatherStation(options: {
  readonly device: WeatherStationDevice;
  readonly air: Pick<AirTemperature, 'meanC'>;
  readonly seed: string;
  readonly clock: DeviceClock;
}): Device {
  const { device, air, seed, clock } = options;
  const ideal = device.preset === 'ideal';
  const stream = (signal: string) => randomStream(seed, ['weather-station', device.id, signal]);
  const sigmaC = ideal ? 0 : device.uncertainty;
  const noise = stream('noise');
  const biasC = Math.sqrt(BIAS_SHARE) * sigmaC * stream('bias').normal();
  const statedSigmaC = ideal ? 0 : combineSigmas(sigmaC, resolutionSigma(RESOLUTION_C));
  const expect = createService(device, air, stream('service'));
  const post = createPostman('weather-station', device.id);

  return {
    id: device.id,
    kind: 'weather-station',
    route: 'bal',
    describe: () => ({
      summary:
        `air temperature every ${device.every / 60e6} min, u = ${sigmaC} K; ` +
        `weather service ${device.horizon / HOUR_US} h ahead, ${ideal ? 0 : device.forecastError} K off a day ahead`,
      figures: { sigmaC, biasC, forecastErrorC: ideal ? 0 : device.forecastError, horizonUs: device.horizon },
    }),
    sample({ timeUs }) {
      if (!isDue(clock, device.every, timeUs)) return [];
      // Before the run there was weather too.
      const interval = { startUs: timeUs - device.every, endUs: timeUs };
      const trueC = air.meanC(interval.startUs, interval.endUs);
      const shownC = trueC + biasC + Math.sqrt(1 - BIAS_SHARE) * sigmaC * noise.normal();
      const airC = ideal ? trueC : Math.round(shownC / RESOLUTION_C) * RESOLUTION_C;
      const outlook = expect(timeUs);
      return post({
        taggedUs: timeUs,
        measuredUs: timeUs,
        publishUs: timeUs,
        readings: [reading('site:air', 'airtemperature', 'total', airC, statedSigmaC)],
        interval,
        quality: { valid: true },
        ...(outlook === undefined ? {} : { outlook }),
      });
    },
  };
}

/** What the service expects from the hour on that begins at or before the instant. */
function createService(
  { horizon, forecastError, preset }: WeatherStationDevice,
  air: Pick<AirTemperature, 'meanC'>,
  stream: ReturnType<typeof randomStream>,
) {
  const process = new OrnsteinUhlenbeck(stream, SERVICE_TAU_US);
  const sigmaC = preset === 'ideal' ? 0 : forecastError;
  /** Errors of the hours by their beginning, drawn once each in order of time. */
  const errors = new Map<number, number>();
  let drawnUs = Number.NaN;
  const errorOf = (hourUs: number) => {
    if (Number.isNaN(drawnUs)) drawnUs = hourUs - HOUR_US;
    for (; drawnUs < hourUs; drawnUs += HOUR_US) errors.set(drawnUs + HOUR_US, process.at(drawnUs + HOUR_US));
    return errors.get(hourUs) ?? 0;
  };
  return (timeUs: number) => {
    const hours = Math.floor(horizon / HOUR_US);
    if (hours === 0) return undefined;
    const startUs = Math.floor(timeUs / HOUR_US) * HOUR_US;
    const airTemperatureC = Array.from({ length: hours }, (_, hour) => {
      const fromUs = startUs + hour * HOUR_US;
      const leadUs = Math.max(0, fromUs + HOUR_US / 2 - timeUs);
      const errorC = sigmaC * Math.sqrt(leadUs / DAY_US) * errorOf(fromUs);
      const expectedC = air.meanC(fromUs, fromUs + HOUR_US) + errorC;
      return preset === 'ideal' ? expectedC : Math.round(expectedC / RESOLUTION_C) * RESOLUTION_C;
    });
    return { airTemperatureC, start: formatInstant(startUs), stepUs: HOUR_US };
  };
}
