/** What a source of forecasts says about one step: the site's sums, and the share of each customer and system in them. */

/** Mean and standard deviation of a step's mean power, W. */
export interface PowerOutlook {
  readonly powerW: number;
  readonly sigmaW: number;
}

/** Consumption and production both positive; customers and systems in the order of the configuration. */
export interface StepOutlook {
  readonly load: PowerOutlook;
  readonly generation: PowerOutlook;
  customer(index: number): PowerOutlook;
  system(index: number): PowerOutlook;
}

/** Undefined for a step that the source knows nothing of. Pure: the same step gives the same answer. */
export type OutlookSource = (fromUs: number, toUs: number) => StepOutlook | undefined;
