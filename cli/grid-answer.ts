/** What `powerflow` and `estimate` print as JSON: the part of the public format that both share. */

/** One number in a positive-sequence grid, phases A, B, C in a three-phase one; null where nothing is known. */
export type PerPhase = number | null | readonly (number | null)[];

export interface GridAnswer {
  readonly converged: boolean;
  readonly iterations: number;
  /** Why there is no answer, or none for the whole grid; absent otherwise. */
  readonly reason?: string;
  readonly buses: readonly { readonly id: string; readonly vmPu: PerPhase; readonly vaDeg: PerPhase }[];
  /** Powers into the branch at each end, W and var; three-phase sums in a positive-sequence grid. */
  readonly branches: readonly {
    readonly id: string;
    readonly pFromW: PerPhase;
    readonly qFromVar: PerPhase;
    readonly pToW: PerPhase;
    readonly qToVar: PerPhase;
  }[];
  /** Lost in branches, and drawn by shunts besides. */
  readonly lossesW: number | null;
  readonly shuntsW: number | null;
}
