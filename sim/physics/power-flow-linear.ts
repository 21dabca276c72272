/**
 * The linear power flow: every element is the admittance of its nominal power (see `createElementModel`), so voltages
 * superpose. Newton's step is exact for a linear problem; a second one takes away what rounding left.
 */
import type { PowerFlowMethod } from './power-flow-method.ts';
import { newton } from './power-flow-newton.ts';

export const linear: PowerFlowMethod = {
  name: 'linear',
  linear: true,
  refuses: (grid) =>
    grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService)
      ? 'it cannot hold the voltage of a generator'
      : undefined,
  prepare: (context) => newton.prepare(context),
};
