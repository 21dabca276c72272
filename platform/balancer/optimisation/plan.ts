/** What the planner answers: a plan, or which demands cannot be met together. Signs and units as in `problem.ts`. */

export type PlanOutcome = Plan | InfeasiblePlan | UnsolvedPlan;

/** The cheapest plan, to within `effort.gap`. The optimum is unique in its objective, not in its profile. */
export interface Plan {
  readonly status: 'optimal';
  readonly startUs: number;
  /** Length of each step, s, T entries. */
  readonly stepS: readonly number[];
  readonly batteries: readonly PlannedBattery[];
  /** Grid exchange of each step, W, import positive: load - production after curtailment - batteries. */
  readonly exchangeW: readonly number[];
  /** Production after curtailment, and what is held back, W. */
  readonly generationW: readonly number[];
  readonly curtailedW: readonly number[];
  readonly objective: PlanObjective;
  readonly effort: PlanEffort;
}

export interface PlannedBattery {
  readonly id: string;
  /** Setpoint of each step, W at the terminals, discharge positive. */
  readonly powerW: readonly number[];
  /** State of charge at the T + 1 boundaries. */
  readonly soc: readonly number[];
}

/** `total` is the sum of the parts. Earnings are negative. */
export interface PlanObjective {
  readonly total: number;
  /** Deviation of the exchange from its target. */
  readonly deviation: number;
  readonly tariff: number;
  readonly peaks: number;
  readonly wear: number;
  readonly curtailment: number;
  /** Minus the worth of the energy left in the batteries. */
  readonly storedEnergy: number;
}

/** How the optimum was found. */
export interface PlanEffort {
  /** Linear programs solved: 1 where the first answer was physical. */
  readonly solves: number;
  /**
   * How much cheaper another plan can be at most, relative to the objective (absolute where that is below 1). 0 for a
   * linear program; more than 1e-6 only where the search was cut off.
   */
  readonly gap: number;
}

/** Nothing can meet all demands. */
export interface InfeasiblePlan {
  readonly status: 'infeasible';
  /**
   * The smallest set of demands that cannot be met together: without any one of them, the rest of the set can. A problem may
   * hold more than one clash; mending this one then uncovers the next.
   */
  readonly clash: readonly Clash[];
  /**
   * Proven: of all clashes this one has the fewest kinds of demand, and none of these kinds has fewer demands. Else it is
   * irreducible, or, where proofs take too long, as small as was found.
   */
  readonly isSmallest: boolean;
  /** The same in one sentence. */
  readonly explanation: string;
}

/** A demand that takes part in the clash. */
export interface Clash {
  readonly demand: DemandKind;
  /** Id of the battery or package that it belongs to; absent for the exchange, the forecast and the charging source. */
  readonly of?: string;
  /** The steps (for a state of charge: the boundaries) that matter, ascending; all of the demand's where that is unknown. */
  readonly steps: readonly number[];
  /** What was demanded, in the words and units that people use, for example `grid exchange at most 0 kW from ... to ...`. */
  readonly text: string;
}

export type DemandKind =
  | 'exchange-max'
  | 'exchange-min'
  | 'package-energy'
  | 'package-constant-power'
  | 'soc-target'
  | 'soc-min'
  | 'soc-max'
  | 'charge-power'
  | 'discharge-power'
  | 'charge-only'
  | 'surplus-only'
  | 'no-curtailment';

/** The solver gave up, for numerical reasons or because the search was cut off before it found anything. */
export interface UnsolvedPlan {
  readonly status: 'unsolved';
  readonly reason: string;
}
