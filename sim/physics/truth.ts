/** The true state of the world at one instant. Never leaves `sim` but through a device's message and the record. */
import type { CompiledGrid } from '../../grids/model.ts';

export interface Truth {
  readonly grid: CompiledGrid;
  readonly timeUs: number;
  /** System frequency and its rate of change. */
  readonly frequencyHz: number;
  readonly rocofHzPerS: number;
  /** Integral of 2 pi (f - 50 Hz) since the start, rad, not wrapped: added to every phasor angle by synchronised devices. */
  readonly systemAngleRad: number;
  readonly converged: boolean;
  readonly iterations: number;
  /**
   * Phase-to-ground voltages in the frame that rotates at the system frequency, per unit of `grid.baseVoltageV`,
   * interleaved re, im at `2 * (bus * phases + phase)`. Reused between instants: copy what you keep.
   */
  readonly voltage: Float64Array;
  /** Currents into each branch at its ends, per unit (base power / base voltage of that bus), same layout by branch index. */
  readonly currentFrom: Float64Array;
  readonly currentTo: Float64Array;
  /** Complex power per load, generator and battery in document order, W and var per phase, interleaved P, Q; loads consume positive, the others produce positive. */
  readonly loadPower: Float64Array;
  readonly generatorPower: Float64Array;
  readonly batteryPower: Float64Array;
  /** Active power lost in branches, and drawn by shunts, W. */
  readonly lossesW: number;
  readonly shuntsW: number;
  /** Power taken from all external grids, W and var, importing positive. */
  readonly exchangeW: number;
  readonly exchangeVar: number;
}
