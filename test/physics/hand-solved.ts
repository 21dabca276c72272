/** What tests of single elements against hand-solved cases share. */
import { expect } from 'vitest';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';
import { compile } from './random-grid.ts';

export type Transformer = NonNullable<GridDocumentInput['transformers']>[number];

export function solved(input: GridDocumentInput): PowerFlow {
  const flow = createPowerFlow(compile(input));
  expect(flow.solve()).toMatchObject({ converged: true });
  return flow;
}

/** Voltage of a bus and phase, per unit, as magnitude and angle in degrees. */
export function voltage({ grid, voltage: v }: PowerFlow, bus: string, phase = 0): { vm: number; va: number } {
  const at = 2 * (grid.phases * grid.busIndex.get(bus)! + phase);
  return { vm: Math.hypot(v[at]!, v[at + 1]!), va: (Math.atan2(v[at + 1]!, v[at]!) * 180) / Math.PI };
}

/** Magnitudes of the currents into a branch at one end, A. */
export function amperes(flow: PowerFlow, id: string, end: 'from' | 'to'): number[] {
  const { grid } = flow;
  const branch = grid.branches[grid.branchIndex.get(id)!]!;
  const current = flow.branchCurrents()[end];
  return Array.from({ length: grid.phases }, (_, k) => {
    const at = 2 * (grid.phases * branch.index + k);
    return (Math.hypot(current[at]!, current[at + 1]!) * grid.basePowerVA) / grid.baseVoltageV[branch[end]]!;
  });
}

/** A Dyn5 of next to no impedance, unless `fields` say otherwise. */
export const transformer = (fields: Partial<Transformer>): Transformer => ({
  id: 't',
  from: 'mv',
  to: 'lv',
  ratedPowerVA: 630_000,
  ratedVoltageFromV: 20_000,
  ratedVoltageToV: 400,
  vkPercent: 0.001,
  vkrPercent: 0,
  vectorGroup: 'Dyn5',
  ...fields,
});

/** A transformer between a stiff source and a load of 10 A or so on phase A of the low side. */
export function behind(unit: Transformer, fields: Partial<GridDocumentInput> = {}): GridDocumentInput {
  return {
    schema: 1,
    name: 'unit',
    representation: 'three',
    buses: [
      { id: 'mv', nominalVoltageV: 20_000 },
      { id: 'lv', nominalVoltageV: 400 },
    ],
    transformers: [unit],
    loads: [{ id: 'load', bus: 'lv', connection: 'A', activePowerW: 4000 }],
    externalGrids: [{ id: 'grid', bus: 'mv' }],
    ...fields,
  };
}
