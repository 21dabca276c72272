/** How far a peer's answers are from ours. */
import type { BatchResults } from '../../sim/physics/power-flow-batch-results.ts';
import { readColumn } from './case-folder.ts';

/**
 * Largest difference of voltages, per unit as complex numbers, and of flows, per MVA, over the `count`
 * situations that the peer wrote. Angles count from the first bus of the situation.
 */
export function differences(folder: string, name: string, ours: BatchResults, count: number, phases: number): number {
  const theirs = (what: string): Float64Array => readColumn(folder, `${name}-${what}`);
  const vm = theirs('voltagePu');
  const va = theirs('angleRad');
  const active = theirs('activeFromW');
  const reactive = theirs('reactiveToVar');
  const voltages = vm.length / count;
  // Our positive-sequence powers are those of one phase, the peers' those of three.
  const factor = phases === 1 ? 3 : 1;
  let worst = 0;
  for (let k = 0; k < vm.length; k++) {
    const first = k - (k % voltages);
    const angle = ours.angleRad[k]! - ours.angleRad[first]! - (va[k]! - va[first]!);
    worst = larger(worst, Math.hypot(ours.voltagePu[k]! - vm[k]!, 2 * ours.voltagePu[k]! * Math.sin(angle / 2)));
  }
  for (let k = 0; k < active.length; k++) {
    worst = larger(worst, Math.abs(factor * ours.activeFromW[k]! - active[k]!) / 1e6);
    worst = larger(worst, Math.abs(factor * ours.reactiveToVar[k]! - reactive[k]!) / 1e6);
  }
  return worst;
}

/** NaN is larger than anything. */
function larger(a: number, b: number): number {
  return a >= b || Number.isNaN(a) ? a : b;
}
