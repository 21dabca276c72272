/** Where an element's power lies among the phases: shares of a three-phase sum in the layout that the power flow reads. */
import type { GridDocument, GridGenerator, GridLoad } from '../../grids/schema.ts';

/** Phases of a grid's power arrays: three, or one that carries the per-phase third of a balanced sum. */
export function phaseCount(grid: GridDocument): 1 | 3 {
  return grid.representation === 'three' ? 3 : 1;
}

/**
 * Share of the three-phase sum on each phase of the array: all on the phase of a single-phase element or on the first
 * phase of a pair (BC stands at B), a third on each of the others (for delta: of the pairs AB, BC, CA). In a positive-sequence grid one entry of 1/3, because there the
 * array's only phase carries a third of the sum, whatever the connection says.
 */
export function phaseShares(connection: GridLoad['connection'], phases: 1 | 3): readonly number[] {
  if (phases === 1) return [1 / 3];
  const three = connection === 'wye' || connection === 'delta';
  const single = three ? -1 : ['A', 'B', 'C'].indexOf(connection.charAt(0));
  return single < 0 ? [1 / 3, 1 / 3, 1 / 3] : [0, 1, 2].map((phase) => (phase === single ? 1 : 0));
}

/** Writes the document's own constant power of an element at `offset`: interleaved P, Q per phase, W and var. */
export function writeDocumentPower(
  element: GridLoad | GridGenerator,
  phases: 1 | 3,
  out: Float64Array,
  offset: number,
): void {
  const active = perPhase(element.activePowerW, element.connection, phases);
  const reactive = perPhase(element.reactivePowerVar, element.connection, phases);
  for (let phase = 0; phase < phases; phase += 1) {
    out[offset + 2 * phase] = element.inService ? (active[phase] ?? 0) : 0;
    out[offset + 2 * phase + 1] = element.inService ? (reactive[phase] ?? 0) : 0;
  }
}

function perPhase(power: GridLoad['activePowerW'], connection: GridLoad['connection'], phases: 1 | 3): number[] {
  if (typeof power === 'number') return phaseShares(connection, phases).map((share) => share * power);
  const { A = 0, B = 0, C = 0 } = power;
  return phases === 3 ? [A, B, C] : [(A + B + C) / 3];
}
