/** The innermost loops in WebAssembly compute what the readable ones in TypeScript say. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { balancedSweep } from '../../sim/physics/power-flow-sweep-balanced.ts';
import { createSweepState, nativeSweep, type SweepState } from '../../sim/physics/power-flow-sweep-state.ts';
import { createSweepStructure } from '../../sim/physics/power-flow-sweep-structure.ts';
import { threePhaseSweep } from '../../sim/physics/power-flow-sweep-three-phase.ts';

/** A state whose every number differs from the others, the same for the same seed. */
function scramble(state: SweepState, seed: number): void {
  let number = seed;
  const next = (): number => {
    number = (Math.imul(number, 1664525) + 1013904223) >>> 0;
    return number / 2 ** 32;
  };
  for (const [values, middle] of [
    [state.voltage, 0.8],
    [state.current, 0],
    [state.power, 0],
  ] as const) {
    for (let k = 0; k < values.length; k++) values[k] = middle + next() - 0.5;
  }
  state.worst.set([0, -1]);
}

describe.each([
  ['positive-sequence', balancedSweep],
  ['three', threePhaseSweep],
] as const)('%s', (representation, readable) => {
  const structure = createSweepStructure(
    compileGrid(generateFeederGrid({ buses: 60, representation, feederBuses: 20 })),
  );
  if (typeof structure === 'string') throw new Error(structure);
  const [mine, other] = [createSweepState(structure), createSweepState(structure)];
  const native = nativeSweep(readable);
  const difference = (): number => {
    let worst = 0;
    for (const key of ['voltage', 'current'] as const) {
      mine[key].forEach(
        (value, k) => (worst = Math.max(worst, Math.abs(other[key][k]! - value) / (1 + Math.abs(value)))),
      );
    }
    return worst;
  };
  const inEach = (seed: number, work: (kernel: typeof native, state: SweepState) => void): void => {
    scramble(mine, seed);
    scramble(other, seed);
    work(readable, mine);
    work(native, other);
  };

  test('draw', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(structure.count), fc.nat(structure.count), (seed, a, b) => {
        inEach(seed, (kernel, state) => kernel.draw(structure, state, Math.min(a, b), Math.max(a, b)));
        expect(difference()).toBeLessThan(1e-13);
      }),
    );
  });

  test('collect', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        inEach(seed, (kernel, state) => structure.runs.forEach((run) => kernel.collect(structure, state, run)));
        expect(difference()).toBeLessThan(1e-13);
      }),
    );
  });

  test('spread, and where the worst error stands', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom([1, 0] as const, [0, 1] as const), (seed, [change, mismatch]) => {
        inEach(seed, (kernel, state) =>
          structure.runs.forEach((run) => kernel.spread(structure, state, run, change, mismatch)),
        );
        expect(difference()).toBeLessThan(1e-13);
        expect(other.worst[0]).toBeCloseTo(mine.worst[0]!, 12);
        expect(other.worst[1]).toBe(mine.worst[1]);
      }),
    );
  });

  test('a voltage that is none is the worst error for good', () => {
    for (const slot of [structure.treeStart, structure.count >> 1, structure.count - 1]) {
      inEach(slot, (kernel, state) => {
        state.current[2 * structure.phases * slot] = Number.NaN;
        structure.runs.forEach((run) => kernel.spread(structure, state, run, 1, 0));
      });
      expect(mine.worst[0]).toBeNaN();
      expect(other.worst[0]).toBeNaN();
      expect(other.worst[1]).toBe(mine.worst[1]);
    }
  });
});
