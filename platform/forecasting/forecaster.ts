/**
 * The plug-in interface of forecasting: what was measured at a site goes in, what it will draw and yield comes out. The
 * conformance kit in `test/forecasting/forecaster-conformance.ts` says what every forecaster has to keep to.
 */
import type { StepOutlook } from './outlook.ts';

/** Net power of one metered connection over an interval, and what stands behind it. */
export interface MeteredPower {
  /** Mean, W, consumption positive. */
  readonly netW: number;
  /** Customers and systems behind it: indices into the configuration. */
  readonly customers: readonly number[];
  readonly systems: readonly number[];
}

/** What was measured over (fromUs, toUs], us since the epoch. Connections that did not report are not among them. */
export interface SiteObservation {
  readonly fromUs: number;
  readonly toUs: number;
  readonly connections: readonly MeteredPower[];
}

/** What a weather station says: the air at the site, C. */
export interface WeatherReport {
  /** Mean over (fromUs, toUs]. */
  readonly fromUs: number;
  readonly toUs: number;
  readonly airC: number;
  /** What a weather service expects: means of steps from `startUs` on. */
  readonly expected?:
    | { readonly startUs: number; readonly stepUs: number; readonly airC: readonly number[] }
    | undefined;
}

export interface Forecaster {
  /** Kebab-case. */
  readonly name: string;
  /** Takes in an interval that has ended; called in order of time, each interval once, gaps allowed. */
  observe(observation: SiteObservation): void;
  /** Takes in the weather of an interval that has ended, before what was measured at the site over it; or late. */
  weather(report: WeatherReport): void;
  /**
   * Mean powers over (fromUs, toUs] as far as is known from what was observed so far: of the past as of the future.
   * Undefined where it knows nothing. Between two observations or reports the same step has the same answer.
   */
  outlook(fromUs: number, toUs: number): StepOutlook | undefined;
}
