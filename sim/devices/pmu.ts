/**
 * Phasor measurement unit: voltage and current phasors of its place, frequency and rate of change, time-tagged.
 *
 * Chain per phase: truth -> instrument transformer (ratio and phase error of its class) -> PMU channel (gain and angle
 * error drawn once, noise per frame, both inside the TVE of 1 % of IEC/IEEE 60255-118-1) -> clock. An error of the clock
 * turns all angles of a frame by 2 pi f dt and leaves the tag as it is.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { randomStream } from '../../numerics/random.ts';
import type { Reading, ReadingPhase } from '../../platform/contract/measurement.ts';
import type { Truth } from '../physics/truth.ts';
import { OrnsteinUhlenbeck } from '../profiles/ornstein-uhlenbeck.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { PhasorDevice } from './device.ts';
import {
  combineSigmas,
  currentTransformerLimits,
  drawSpecimen,
  limitSigma,
  voltageTransformerLimits,
  type ErrorModel,
} from './error-model.ts';
import { createPostman, isDue, reading, wholeSteps, type DeviceClock } from './message.ts';
import { phasorsAt, type Terminal } from './place.ts';

export type PmuDevice = Extract<ExpandedDevice, { kind: 'pmu' }>;

const PHASES: readonly ReadingPhase[] = ['A', 'B', 'C'];

/** Limits of the channel errors: together with noise and clock well inside a TVE of 1 %. Our proposal. */
const CHANNEL_GAIN_LIMIT = 0.002;
const CHANNEL_ANGLE_LIMIT_RAD = 1e-3;
/** Estimation window and noise by class: M averages longer. FE and RFE sigmas are a sixth of the class limits. */
const performance = {
  P: { windowUs: 40e3, gainNoise: 3e-4, angleNoiseRad: 3e-4, frequencyNoiseHz: 0.005 / 6, rocofNoise: 0.4 / 6 },
  M: { windowUs: 200e3, gainNoise: 1.5e-4, angleNoiseRad: 1.5e-4, frequencyNoiseHz: 0.005 / 6, rocofNoise: 0.1 / 6 },
} as const;

const DEFAULT_CLOCK_SIGMA_US = 1;
/** Shares of the clock's variance: a slow walk of the disciplined oscillator and jitter from frame to frame. */
const CLOCK_WALK_SHARE = 0.64;
const CLOCK_WALK_TAU_US = 600e6;
/** A clock further off than this gives 1 % TVE at 50 Hz by itself: the unit no longer calls itself synchronised. */
const SYNCHRONISED_LIMIT_US = 31.8;

/** Rated primary current where neither scenario nor grid states one, A. */
const DEFAULT_RATING_A = 1000;

export function createPmu(options: {
  readonly device: PmuDevice;
  readonly grid: CompiledGrid;
  readonly terminal: Terminal;
  readonly seed: string;
  readonly clock: DeviceClock;
}): PhasorDevice {
  const { device, grid, terminal, clock } = options;
  const { phases } = grid;
  const chain = device.preset === 'ideal' ? createIdealChain(phases) : createFieldChain(options);
  const window = createWindow(device, clock, 4 * phases);
  const everyUs = device.every ?? clock.stepUs;
  const latencyUs = device.preset === 'ideal' ? 0 : wholeSteps(clock, device.reportingLatency ?? 0);
  const post = createPostman('pmu', device.id);
  const truthPhasors = new Float64Array(4 * phases);
  const atInput = new Float64Array(4 * phases);
  const channels = terminal.branch === undefined ? phases : 2 * phases;

  return {
    id: device.id,
    kind: 'pmu',
    route: device.route,
    terminal: () => atInput,
    primary: () => truthPhasors,
    describe: () => chain.describe(),
    sample(truth) {
      phasorsAt(truth, terminal, truthPhasors);
      chain.throughTransformers(truthPhasors, atInput);
      const frame = window.push(truth, atInput);
      if (frame === undefined || !isDue(clock, everyUs, frame.taggedUs)) return [];
      const time = chain.timeErrorUs(truth.timeUs);
      const readings: Reading[] = [];
      for (let channel = 0; channel < channels; channel += 1) {
        readings.push(...channelReadings(device.at, channel, phases, frame, chain, time));
      }
      const { frequencyHz, rocofHzPerS } = chain.throughFrequency(frame.frequencyHz, frame.rocofHzPerS);
      readings.push(
        reading(device.at, 'frequency', 'total', frequencyHz.data, frequencyHz.sigma),
        reading(device.at, 'rocof', 'total', rocofHzPerS.data, rocofHzPerS.sigma),
      );
      return post({
        taggedUs: frame.taggedUs,
        measuredUs: truth.timeUs,
        publishUs: truth.timeUs + latencyUs,
        readings,
        ...(terminal.branch === undefined ? {} : { positiveDirection: 1 }),
        quality: {
          synchronised: Math.abs(time) <= SYNCHRONISED_LIMIT_US,
          timeErrorUs: chain.statedTimeErrorUs,
          valid: true,
        },
      });
    },
  };
}

/** Magnitude and angle of one channel: voltages of all phases first, then currents. */
function channelReadings(
  component: string,
  channel: number,
  phases: number,
  frame: Frame,
  chain: Chain,
  timeErrorUs: number,
): readonly [Reading, Reading] {
  const re = frame.phasors[2 * channel] ?? Number.NaN;
  const im = frame.phasors[2 * channel + 1] ?? Number.NaN;
  const phase = PHASES[channel % phases] ?? 'A';
  const isVoltage = channel < phases;
  const { gain, angleRad, magnitudeSigma, angleSigma } = chain.throughChannel(channel, Math.hypot(re, im));
  const turnRad = angleRad + 2 * Math.PI * frame.frequencyHz * timeErrorUs * 1e-6;
  // Turned as a phasor, so that the answer lies in (-pi, pi].
  const cos = Math.cos(turnRad);
  const sin = Math.sin(turnRad);
  const magnitude = gain * Math.hypot(re, im);
  const angle = Math.atan2(re * sin + im * cos, re * cos - im * sin);
  return [
    reading(component, isVoltage ? 'voltmagnitude' : 'currmagnitude', phase, magnitude, magnitudeSigma),
    reading(component, isVoltage ? 'voltangle' : 'currangle', phase, angle, angleSigma),
  ];
}

interface Value {
  readonly data: number;
  readonly sigma?: number;
}

/** All errors of one unit. */
interface Chain {
  throughTransformers(primary: Float64Array, out: Float64Array): void;
  throughChannel(
    channel: number,
    magnitude: number,
  ): { readonly gain: number; readonly angleRad: number; readonly magnitudeSigma: number; readonly angleSigma: number };
  throughFrequency(
    frequencyHz: number,
    rocofHzPerS: number,
  ): { readonly frequencyHz: Value; readonly rocofHzPerS: Value };
  timeErrorUs(timeUs: number): number;
  readonly statedTimeErrorUs: number;
  describe(): ErrorModel;
}

function createIdealChain(phases: number): Chain {
  const exact = { gain: 1, angleRad: 0, magnitudeSigma: 0, angleSigma: 0 };
  return {
    throughTransformers: (primary, out) => out.set(primary),
    throughChannel: () => exact,
    throughFrequency: (frequencyHz, rocofHzPerS) => ({
      frequencyHz: { data: frequencyHz },
      rocofHzPerS: { data: rocofHzPerS },
    }),
    timeErrorUs: () => 0,
    statedTimeErrorUs: 0,
    describe: () => ({ summary: `ideal: the phasors of ${phases} phase(s) as they are`, figures: {} }),
  };
}

function createFieldChain(options: {
  readonly device: PmuDevice;
  readonly grid: CompiledGrid;
  readonly terminal: Terminal;
  readonly seed: string;
}): Chain {
  const { device, grid, terminal, seed } = options;
  const { phases } = grid;
  const stream = (name: string) => randomStream(seed, ['pmu', device.id, name]);
  const voltageLimits = voltageTransformerLimits(device.voltageTransformerClass);
  const ratingA = device.currentTransformerRatingA ?? ratedCurrentA(grid, terminal) ?? DEFAULT_RATING_A;
  const limitsAt = (channel: number, magnitude: number) =>
    channel < phases ? voltageLimits : currentTransformerLimits(device.currentTransformerClass, magnitude / ratingA);

  const drawAll = (name: string) => {
    const specimens = stream(name);
    return Array.from({ length: 2 * phases }, () => drawSpecimen(specimens));
  };
  const transformerRatio = drawAll('transformer-ratio');
  const transformerAngle = drawAll('transformer-angle');
  const channelGain = drawAll('channel-gain');
  const channelAngle = drawAll('channel-angle');
  const noise = stream('noise');
  const frequencyNoise = stream('frequency');
  const jitter = stream('clock-jitter');
  const walk = new OrnsteinUhlenbeck(stream('clock-walk'), CLOCK_WALK_TAU_US);
  const clockUs = device.clockJitter ?? DEFAULT_CLOCK_SIGMA_US;
  const clockAngleSigma = 2 * Math.PI * grid.document.frequencyHz * clockUs * 1e-6;
  const own = performance[device.performanceClass];

  return {
    throughTransformers(primary, out) {
      for (let channel = 0; channel < 2 * phases; channel += 1) {
        const re = primary[2 * channel] ?? Number.NaN;
        const im = primary[2 * channel + 1] ?? Number.NaN;
        const limits = limitsAt(channel, Math.hypot(re, im));
        const gain = 1 + (transformerRatio[channel] ?? 0) * limits.ratio;
        const angle = (transformerAngle[channel] ?? 0) * limits.angleRad;
        const cos = gain * Math.cos(angle);
        const sin = gain * Math.sin(angle);
        out[2 * channel] = re * cos - im * sin;
        out[2 * channel + 1] = re * sin + im * cos;
      }
    },
    throughChannel(channel, magnitude) {
      const limits = limitsAt(channel, magnitude);
      return {
        gain: 1 + (channelGain[channel] ?? 0) * CHANNEL_GAIN_LIMIT + own.gainNoise * noise.normal(),
        angleRad: (channelAngle[channel] ?? 0) * CHANNEL_ANGLE_LIMIT_RAD + own.angleNoiseRad * noise.normal(),
        magnitudeSigma:
          magnitude * combineSigmas(limitSigma(limits.ratio), limitSigma(CHANNEL_GAIN_LIMIT), own.gainNoise),
        angleSigma: combineSigmas(
          limitSigma(limits.angleRad),
          limitSigma(CHANNEL_ANGLE_LIMIT_RAD),
          own.angleNoiseRad,
          clockAngleSigma,
        ),
      };
    },
    throughFrequency: (frequencyHz, rocofHzPerS) => ({
      frequencyHz: {
        data: frequencyHz + own.frequencyNoiseHz * frequencyNoise.normal(),
        sigma: own.frequencyNoiseHz,
      },
      rocofHzPerS: { data: rocofHzPerS + own.rocofNoise * frequencyNoise.normal(), sigma: own.rocofNoise },
    }),
    timeErrorUs: (timeUs) =>
      clockUs * (Math.sqrt(CLOCK_WALK_SHARE) * walk.at(timeUs) + Math.sqrt(1 - CLOCK_WALK_SHARE) * jitter.normal()),
    statedTimeErrorUs: 2 * clockUs,
    describe: () => describeField(device, ratingA, clockUs),
  };
}

function describeField(device: PmuDevice, ratingA: number, clockSigmaUs: number): ErrorModel {
  const own = performance[device.performanceClass];
  return {
    summary:
      `PMU class ${device.performanceClass}: voltage transformer class ${device.voltageTransformerClass} (IEC 61869-3) and ` +
      `current transformer class ${device.currentTransformerClass} (IEC 61869-2, error against loading) per phase, channel ` +
      'gain and angle, each drawn once and uniform within its limit (sigma = limit / sqrt 3); noise per frame normal; ' +
      'clock error (slow walk and jitter) turns the angles, the tag stays',
    figures: {
      voltageTransformerRatioLimit: voltageTransformerLimits(device.voltageTransformerClass).ratio,
      voltageTransformerAngleLimitRad: voltageTransformerLimits(device.voltageTransformerClass).angleRad,
      currentTransformerRatingA: ratingA,
      currentTransformerRatioLimitAtRated: currentTransformerLimits(device.currentTransformerClass, 1).ratio,
      currentTransformerAngleLimitAtRatedRad: currentTransformerLimits(device.currentTransformerClass, 1).angleRad,
      channelGainLimit: CHANNEL_GAIN_LIMIT,
      channelAngleLimitRad: CHANNEL_ANGLE_LIMIT_RAD,
      gainNoiseSigma: own.gainNoise,
      angleNoiseSigmaRad: own.angleNoiseRad,
      frequencySigmaHz: own.frequencyNoiseHz,
      rocofSigmaHzPerS: own.rocofNoise,
      clockSigmaUs,
      windowUs: own.windowUs,
      reportingLatencyUs: device.reportingLatency ?? 0,
    },
  };
}

/** Rated current of the measured branch end; undefined at a bus or where the grid states none. */
function ratedCurrentA(grid: CompiledGrid, { branch }: Terminal): number | undefined {
  if (branch === undefined) return undefined;
  const { ratedCurrentFromA, ratedCurrentToA } = grid.branches[branch.index] ?? {};
  const rated = branch.side === 'from' ? ratedCurrentFromA : ratedCurrentToA;
  return rated === undefined || Number.isNaN(rated) ? undefined : rated;
}

/** Phasors as the estimation window sees them, tagged at its centre. */
interface Frame {
  readonly taggedUs: number;
  readonly phasors: Float64Array;
  readonly frequencyHz: number;
  readonly rocofHzPerS: number;
}

/**
 * The estimation window: a triangle over the instants that it spans, tagged at its centre, so that a frame comes half a
 * window after its tag. At steps of half a window or more it spans one instant and there is nothing to wait for.
 */
function createWindow(device: PmuDevice, clock: DeviceClock, size: number) {
  const halfUs = device.preset === 'ideal' ? 0 : performance[device.performanceClass].windowUs / 2;
  // The triangle is zero at its ends: only instants strictly inside count.
  const reach = Math.max(0, Math.ceil(halfUs / clock.stepUs) - 1);
  const length = 2 * reach + 1;
  const raw = Array.from({ length }, (_, i) => 1 - (Math.abs(i - reach) * clock.stepUs) / Math.max(halfUs, 1));
  const sum = raw.reduce((total, weight) => total + weight, 0);
  const weights = raw.map((weight) => weight / sum);
  const history: (Frame & { readonly systemAngleRad: number })[] = [];
  return {
    /** The frame whose window ends with this instant; undefined until the first window is full. */
    push(truth: Truth, phasors: Float64Array): Frame | undefined {
      const { timeUs, frequencyHz, rocofHzPerS, systemAngleRad } = truth;
      if (reach === 0) return { taggedUs: timeUs, phasors, frequencyHz, rocofHzPerS };
      // The filter turns with the system: it averages what moves against the system's own rotation.
      const still = turned(phasors, -systemAngleRad);
      history.push({ taggedUs: timeUs, phasors: still, frequencyHz, rocofHzPerS, systemAngleRad });
      if (history.length > length) history.shift();
      const centre = history[reach];
      if (history.length < length || centre === undefined) return undefined;
      const mean = new Float64Array(size);
      for (const [i, frame] of history.entries()) {
        const weight = weights[i] ?? 0;
        for (let k = 0; k < size; k += 1) mean[k] = (mean[k] ?? 0) + weight * (frame.phasors[k] ?? Number.NaN);
      }
      return { ...centre, phasors: turned(mean, centre.systemAngleRad) };
    },
  };
}

/** A copy of interleaved phasors, turned by `angleRad`. */
function turned(phasors: Float64Array, angleRad: number): Float64Array {
  const cos = Math.cos(angleRad);
  const sin = Math.sin(angleRad);
  const out = new Float64Array(phasors.length);
  for (let at = 0; at < phasors.length; at += 2) {
    const re = phasors[at] ?? Number.NaN;
    const im = phasors[at + 1] ?? Number.NaN;
    out[at] = re * cos - im * sin;
    out[at + 1] = re * sin + im * cos;
  }
  return out;
}
