/**
 * The frames of one PMU over an estimation interval, reduced to mean phasors in a frame of reference that stands still.
 *
 * At 49.98 Hz a phasor turns by 72 degrees in 10 s, so frames cannot be averaged as they are. Every frame is turned back
 * by the angle that one reference channel reported at the same instant. Turning by a number, whatever its error, changes
 * no error between channels: the reference channel then reads angle zero with its own sigma.
 */
import type { Measurement } from '../contract/measurement.ts';

/** Phasors of one frame: voltages then currents, three (or one) each; NaN where a channel was not reported. */
export interface PmuFrame {
  readonly timeUs: number;
  readonly magnitude: Float64Array;
  readonly angleRad: Float64Array;
  /** As stated by the sender, NaN where it did not. */
  readonly magnitudeSigma: Float64Array;
  readonly angleSigmaRad: Float64Array;
  readonly synchronised: boolean;
}

const PHASE_NUMBER: Readonly<Record<string, number>> = { A: 0, B: 1, C: 2 };

/** Reads a message; undefined when it is marked invalid or lacks the reference channel (voltage of phase A). */
export function readFrame(message: Measurement, timeUs: number, phases: number): PmuFrame | undefined {
  if (message.quality?.valid === false) return undefined;
  const nan = () => new Float64Array(2 * phases).fill(Number.NaN);
  const frame = { magnitude: nan(), angleRad: nan(), magnitudeSigma: nan(), angleSigmaRad: nan() };
  for (const reading of message.readings) {
    const phase = PHASE_NUMBER[reading.phase];
    if (phase === undefined || phase >= phases) continue;
    const current = reading.measurand.startsWith('curr');
    const channel = current ? phases + phase : phase;
    if (reading.measurand === 'voltmagnitude' || reading.measurand === 'currmagnitude') {
      frame.magnitude[channel] = reading.data;
      frame.magnitudeSigma[channel] = reading.sigma ?? Number.NaN;
    } else if (reading.measurand === 'voltangle' || reading.measurand === 'currangle') {
      // A channel wired the other way sees the current with its sign reversed.
      frame.angleRad[channel] = reading.data + (current && message.positiveDirection === -1 ? Math.PI : 0);
      frame.angleSigmaRad[channel] = reading.sigma ?? Number.NaN;
    }
  }
  if (!(frame.magnitude[0]! > 0) || Number.isNaN(frame.angleRad[0]!)) return undefined;
  return { timeUs, ...frame, synchronised: message.quality?.synchronised !== false };
}

/** Mean phasors of an interval: in the unit of the frames. */
export interface MeanPhasors {
  /** Frames that a channel has values in, and of the best channel. */
  readonly counts: Float64Array;
  readonly count: number;
  readonly newestUs: number;
  readonly magnitude: Float64Array;
  readonly angleRad: Float64Array;
  /** Root mean square of the stated sigmas, NaN where none was stated. */
  readonly magnitudeSigma: Float64Array;
  readonly angleSigmaRad: Float64Array;
  /** Sample variance of magnitudes and of angles within the interval. */
  readonly magnitudeVariance: Float64Array;
  readonly angleVariance: Float64Array;
}

/**
 * Means over frames, each turned by `-referenceAngle(timeUs)`; frames for which it is undefined are left out.
 * Magnitudes are averaged as such: the mean of |V|, which is what meters report too, not the magnitude of the mean.
 */
export function averageFrames(
  frames: readonly PmuFrame[],
  referenceAngle: (timeUs: number) => number | undefined,
): MeanPhasors | undefined {
  const channels = frames[0]?.magnitude.length ?? 0;
  const zero = () => new Float64Array(channels);
  const sum = { n: zero(), m: zero(), mm: zero(), re: zero(), im: zero(), sm: zero(), sa: zero() };
  let newestUs = -Infinity;
  for (const frame of frames) {
    const reference = referenceAngle(frame.timeUs);
    if (reference === undefined) continue;
    newestUs = Math.max(newestUs, frame.timeUs);
    for (let c = 0; c < channels; c += 1) {
      const m = frame.magnitude[c]!;
      const turned = frame.angleRad[c]! - reference;
      // A single reading may be missing from a frame: the channel then averages over the others.
      if (Number.isNaN(m + turned)) continue;
      sum.n[c]! += 1;
      sum.m[c]! += m;
      sum.mm[c]! += m * m;
      sum.re[c]! += m * Math.cos(turned);
      sum.im[c]! += m * Math.sin(turned);
      sum.sm[c]! += frame.magnitudeSigma[c]! ** 2;
      sum.sa[c]! += frame.angleSigmaRad[c]! ** 2;
    }
  }
  const count = Math.max(0, ...sum.n);
  if (count === 0) return undefined;
  const length = sum.re.map((re, c) => Math.sqrt(re * re + sum.im[c]! ** 2));
  return {
    counts: sum.n,
    count,
    newestUs,
    magnitude: sum.m.map((m, c) => (c < channels / 2 ? m : length[c]!) / sum.n[c]!),
    angleRad: sum.im.map((im, c) => (sum.n[c] === 0 ? Number.NaN : Math.atan2(im, sum.re[c]!))),
    magnitudeSigma: sum.sm.map((s, c) => Math.sqrt(s / sum.n[c]!)),
    angleSigmaRad: sum.sa.map((s, c) => Math.sqrt(s / sum.n[c]!)),
    magnitudeVariance: sum.mm.map((mm, c) => sampleVariance(mm, sum.m[c]!, sum.n[c]!)),
    // Circular variance: 1 - |mean of unit phasors|, about half the variance of small angles.
    angleVariance: sum.m.map((m, c) => Math.max(0, 2 * (1 - length[c]! / Math.max(m, 1e-300)))),
  };
}

function sampleVariance(squares: number, sum: number, count: number): number {
  return count < 2 ? 0 : Math.max(0, (squares - (sum * sum) / count) / (count - 1));
}
