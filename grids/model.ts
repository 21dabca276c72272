/**
 * The compiled grid: a grid document turned into indices and per-unit admittance blocks, the one form that the
 * power flow (truth) and the state estimator (platform) compute on.
 *
 * Per unit: voltages on each bus's nominal phase-to-ground voltage (`baseVoltageV`), powers on one per-phase base
 * (`basePowerVA`). In a positive-sequence grid there is one phase, and a per-phase power is a third of the sum.
 */
import type { GridDocument } from './schema.ts';

/** Of every grid: 1 MVA three-phase, so that low- and high-voltage admittances both stay within a few powers of ten of one. */
export const BASE_POWER_VA = 1e6 / 3;

/** Complex block matrix, row major, interleaved re, im: entry (r, c) at `2 * (r * phases + c)`. */
export type ComplexBlock = Float64Array;

export interface CompiledBranch {
  readonly id: string;
  readonly kind: 'line' | 'transformer';
  readonly index: number;
  /** Indices of (fused) buses; an open end still names its bus, its admittance blocks are then zero. */
  readonly from: number;
  readonly to: number;
  /** i_from = yff v_from + yft v_to, i_to = ytf v_from + ytt v_to, currents into the branch, per unit. */
  readonly yff: ComplexBlock;
  readonly yft: ComplexBlock;
  readonly ytf: ComplexBlock;
  readonly ytt: ComplexBlock;
  /** Thermal limits, A per phase at each end; NaN where the document gives none. */
  readonly ratedCurrentFromA: number;
  readonly ratedCurrentToA: number;
}

export interface CompiledGrid {
  readonly document: GridDocument;
  readonly phases: 1 | 3;
  /** Per-phase base power, VA. */
  readonly basePowerVA: number;
  /** Number of computational buses: fused ones in document order, then the star points of three-winding transformers. */
  readonly busCount: number;
  /** Document bus id -> computational bus index; undefined for unknown ids. Fused buses share an index. */
  readonly busIndex: ReadonlyMap<string, number>;
  /** For each computational bus: the ids that were fused into it, first one first. A star point is named `<id>:star`. */
  readonly busIds: readonly (readonly string[])[];
  /** Nominal phase-to-ground voltage of each computational bus, V. */
  readonly baseVoltageV: Float64Array;
  /**
   * In document order of their lists: lines, transformers, three-winding transformers (a branch for each leg, named
   * `<id>:high`, `<id>:medium` and `<id>:low`, from the terminal to the star point), matrix lines, general branches,
   * admittance branches. Both ends of a branch may be one bus, when a closed switch stands beside it.
   */
  readonly branches: readonly CompiledBranch[];
  readonly branchIndex: ReadonlyMap<string, number>;
  /** Shunt admittance blocks (document shunts and constant-impedance shares of loads are not merged here), by bus. */
  readonly shunts: readonly { readonly bus: number; readonly y: ComplexBlock }[];
  /** Sources with their internal voltage (per unit, system angle zero, positive sequence) and series admittance block. */
  readonly sources: readonly {
    readonly id: string;
    readonly bus: number;
    /** Internal voltage per phase, interleaved re, im. */
    readonly voltage: Float64Array;
    /** Series admittance block, or undefined for a stiff source (the bus voltage is then given). */
    readonly y: ComplexBlock | undefined;
  }[];
  /** 1 where some phase of the bus is connected to a source in service, 0 for dead islands. */
  readonly energised: Uint8Array;
  /** The same of each phase, at `bus * phases + phase`: a bus on a single-phase lateral has one live phase. */
  readonly energisedPhases: Uint8Array;
}
