/**
 * From what is known of a device to the standard deviation of its value: the one place where the rule stands.
 *
 * A sigma that a message states is taken as stated. Where it states none, a class limit a (which no specimen may exceed,
 * of whose spread nothing is said) counts as sigma = a / sqrt(3), the rectangular distribution of JCGM 100:2008, 4.3.7.
 * Independent contributions add in squares: class, resolution, sampling of the interval, staleness.
 */
import type { Meter } from './config.ts';

/** EN 50470-3, active energy between transitional and maximum current at unity power factor, relative. */
const METER_LIMITS = { A: 0.02, B: 0.01, C: 0.005 } as const;
/** Of meters whose class nobody stated. */
const METER_LIMIT_UNKNOWN = 0.01;
/** Reactive energy meters stand one class lower: EN 62053-23 allows 2 % where the active part has 1 %. */
const REACTIVE_FACTOR = 2;
/** Registers and displays end at about one watt over a quarter of an hour. */
const POWER_FLOOR_W = 1;
/** Voltage channels of meters: 0.5 % limit, our assumption. */
const METER_VOLTAGE_LIMIT = 0.005;
/** IEC/IEEE 60255-118-1: total vector error at most 1 %; we allot a fifth of it to the unit's own two channels. */
const PMU_MAGNITUDE_LIMIT = 0.002;
const PMU_ANGLE_LIMIT_RAD = 0.001;
/** Instrument transformers at rated load, IEC 61869: class % of ratio, and 40 minutes of arc per class 1. */
const TRANSFORMER_ANGLE_RAD_PER_CLASS = ((40 / 60) * Math.PI) / 180;
const CURRENT_FLOOR_A = 0.01;

const RECTANGULAR = 1 / Math.sqrt(3);

export function meterPowerSigma(meter: Meter, valueW: number, reactive: boolean): number {
  const limit = meter.accuracyClass === undefined ? METER_LIMIT_UNKNOWN : METER_LIMITS[meter.accuracyClass];
  const factor = reactive ? REACTIVE_FACTOR : 1;
  return Math.hypot(factor * limit * RECTANGULAR * Math.abs(valueW), POWER_FLOOR_W);
}

export function meterVoltageSigma(valueV: number): number {
  return METER_VOLTAGE_LIMIT * RECTANGULAR * valueV;
}

/** Magnitude and angle of one PMU channel with its instrument transformer. */
export function phasorSigmas(
  meter: Meter,
  channel: 'voltage' | 'current',
  magnitude: number,
): { readonly magnitude: number; readonly angleRad: number } {
  const transformer = channel === 'voltage' ? meter.voltageTransformerClass : meter.currentTransformerClass;
  const ratio = (transformer ?? 0) / 100;
  const angle = (transformer ?? 0) * TRANSFORMER_ANGLE_RAD_PER_CLASS;
  const floor = channel === 'current' ? CURRENT_FLOOR_A : 0;
  return {
    magnitude: Math.hypot(magnitude * RECTANGULAR * Math.hypot(ratio, PMU_MAGNITUDE_LIMIT), floor),
    angleRad: RECTANGULAR * Math.hypot(angle, PMU_ANGLE_LIMIT_RAD),
  };
}

/** A value measured `ageUs` ago wanders like a random walk: drift per square root of an hour. */
export function stalenessSigma(driftPerSqrtHour: number, ageUs: number): number {
  return driftPerSqrtHour * Math.sqrt(Math.max(0, ageUs) / 3600e6);
}

/**
 * Uncertainty of an interval's mean that `count` samples with sample variance `variance` give, when they cover `share`
 * of the interval: the sampled part averages out, the unsampled part is known no better than one sample.
 */
export function samplingSigma(variance: number, count: number, share: number): number {
  if (count < 2) return 0;
  return Math.sqrt(variance / count + variance * Math.max(0, 1 - share));
}
