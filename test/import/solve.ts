/** A grid read from another tool's files, solved and compared with what that tool or another one found. */
import { compileGrid } from '../../grids/compile.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

export interface ExpectedBus {
  readonly id: string;
  /** One number, or one for each phase; null for a dead bus. */
  readonly vmPu: number | null | readonly number[];
  readonly vaDeg: number | null | readonly number[];
}

/** Largest distance of a bus voltage from the expected phasor, per unit, and the bus where it stands. */
export function worstVoltage(document: GridDocument, expected: readonly ExpectedBus[]): { error: number; bus: string } {
  const flow = createPowerFlow(compileGrid(document));
  const { converged } = flow.solve();
  if (!converged || expected.length === 0) return { error: Number.POSITIVE_INFINITY, bus: 'no solution' };
  const { grid, voltage } = flow;
  let worst = { error: 0, bus: 'none' };
  for (const { id, vmPu, vaDeg } of expected) {
    if (vmPu === null) continue;
    const [magnitudes, angles] = [[vmPu].flat(), [vaDeg ?? 0].flat()];
    magnitudes.forEach((vm, phase) => {
      const at = 2 * (grid.busIndex.get(id)! * grid.phases + phase);
      const angle = (angles[phase]! * Math.PI) / 180;
      const error = Math.hypot(voltage[at]! - vm * Math.cos(angle), voltage[at + 1]! - vm * Math.sin(angle));
      if (!(error <= worst.error)) worst = { error, bus: id };
    });
  }
  return worst;
}
