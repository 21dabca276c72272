/** What a source of forecasts says about one step: the site's sums, and the share of each customer and system in them. */

/** Mean and standard deviation of a step's mean power, W. */
export interface PowerOutlook {
  readonly powerW: number;
  readonly sigmaW: number;
}

/** A site's sum, with its distribution. */
export interface SiteOutlook extends PowerOutlook {
  /** W that the step's mean stays below with this probability, (0, 1); rises with it. */
  quantileW(probability: number): number;
}

/** Consumption and production both positive; customers and systems in the order of the configuration. */
export interface StepOutlook {
  readonly load: SiteOutlook;
  readonly generation: SiteOutlook;
  customer(index: number): PowerOutlook;
  system(index: number): PowerOutlook;
}
