/** The innermost loops in WebAssembly compute what the equations say. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { generateFeederGrid } from '../../grids/generate/feeders.ts';
import { ZERO, add, complex, conjugate, divide, multiply, subtract, type Complex } from '../../numerics/complex.ts';
import * as kernel from '../../sim/physics/power-flow-sweep-kernel.ts';
import { createSweepState, noteWorst, type SweepState } from '../../sim/physics/power-flow-sweep-state.ts';
import { createSweepStructure, type Run, type SweepStructure } from '../../sim/physics/power-flow-sweep-structure.ts';
import { stream } from '../numerics/random-network.ts';

/** A state whose every number differs from the others, the same for the same seed. */
function scramble(state: SweepState, seed: number): void {
  const random = stream(seed);
  for (const [values, middle] of [
    [state.voltage, 0.8],
    [state.current, 0],
    [state.power, 0],
  ] as const) {
    for (let k = 0; k < values.length; k++) values[k] = middle + random() / 2;
  }
  state.worst.set([0, -1]);
}

const square = ({ re, im }: Complex): number => re * re + im * im;
const sum = (values: readonly Complex[]): Complex => values.reduce(add);
const read = (from: Float64Array, at: number): Complex => complex(from[at]!, from[at + 1]);

/** The loops over plain lines by the book, a slot and a phase after the other. */
function byTheBook({ phases, constants, feeder }: SweepStructure) {
  const vector = (from: Float64Array, at: number) =>
    Array.from({ length: phases }, (_, phase) => read(from, at + 2 * phase));
  const store = (to: Float64Array, at: number, values: readonly Complex[]) =>
    to.set(
      values.flatMap(({ re, im }) => [re, im]),
      at,
    );
  const constantsOf = (slot: number) => {
    const stride = phases === 1 ? 4 : 8;
    const [z, y] = [stride * slot, stride * (slot + 0.5)];
    const mutual = (at: number) => (phases === 1 ? ZERO : read(constants, at + 2));
    return { z1: read(constants, z), zb: mutual(z), y1: read(constants, y), yb: mutual(y) };
  };
  const draw = ({ voltage, current, power }: SweepState, start: number, end: number): void => {
    for (let slot = start; slot < end; slot++) {
      const { y1, yb } = constantsOf(slot);
      const v = vector(voltage, 2 * phases * slot);
      const s = vector(power, 2 * phases * slot);
      const drawn = v.map((each, phase) =>
        sum([conjugate(divide(s[phase]!, each)), multiply(y1, each), multiply(yb, sum(v))]),
      );
      store(current, 2 * phases * slot, drawn);
    }
  };
  return {
    draw,
    collect: ({ current }: SweepState, { start, end }: Run): void => {
      for (let slot = end - 1; slot >= start; slot--) {
        const own = vector(current, 2 * phases * slot);
        const fed = vector(current, feeder[slot]!).map((each, phase) => add(each, own[phase]!));
        store(current, feeder[slot]!, fed);
      }
    },
    spread: (state: SweepState, { start, end }: Run, change: number, mismatch: number): void => {
      for (let slot = start; slot < end; slot++) {
        const at = 2 * phases * slot;
        const { z1, zb, y1, yb } = constantsOf(slot);
        const j = vector(state.current, at);
        const s = vector(state.power, at);
        const next = vector(state.voltage, feeder[slot]!).map((each, phase) =>
          subtract(each, add(multiply(z1, j[phase]!), multiply(zb, sum(j)))),
        );
        vector(state.voltage, at).forEach((last, phase) => {
          const lag = square(s[phase]!) + square(y1) + 3 * square(yb);
          const error = square(subtract(next[phase]!, last)) * (change + mismatch * lag);
          if (!(error <= state.worst[0]!)) noteWorst(state, error, (at >> 1) + phase);
        });
        store(state.voltage, at, next);
        draw(state, slot, slot + 1);
      }
    },
  };
}

describe.each(['positive-sequence', 'three'] as const)('%s', (representation) => {
  const structure = createSweepStructure(
    compileGrid(generateFeederGrid({ buses: 60, representation, feederBuses: 20 })),
  );
  if (typeof structure === 'string') throw new Error(structure);
  const book = byTheBook(structure);
  const lines = structure.runs.filter(({ kind }) => kind === 'series');
  const [native, readable] = [createSweepState(structure), createSweepState(structure)];
  const start = (seed: number): void => {
    scramble(native, seed);
    scramble(readable, seed);
  };
  const difference = (): number => {
    let worst = 0;
    for (const key of ['voltage', 'current'] as const) {
      readable[key].forEach(
        (value, k) => (worst = Math.max(worst, Math.abs(native[key][k]! - value) / (1 + Math.abs(value)))),
      );
    }
    return worst;
  };

  test('the grid has plain lines', () => {
    expect(lines.length).toBeGreaterThan(0);
  });

  test('draw', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(structure.count), fc.nat(structure.count), (seed, a, b) => {
        start(seed);
        const [first, end] = [Math.min(a, b), Math.max(a, b)];
        kernel.draw(structure, native, first, end);
        book.draw(readable, first, end);
        expect(difference()).toBeLessThan(1e-13);
      }),
    );
  });

  test('collect', () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        start(seed);
        for (const run of lines.toReversed()) {
          kernel.collect(structure, native, run);
          book.collect(readable, run);
        }
        expect(difference()).toBeLessThan(1e-13);
      }),
    );
  });

  test('spread, and where the worst error stands', () => {
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom([1, 0] as const, [0, 1] as const), (seed, [change, mismatch]) => {
        start(seed);
        for (const run of lines) {
          kernel.spread(structure, native, run, change, mismatch);
          book.spread(readable, run, change, mismatch);
        }
        expect(difference()).toBeLessThan(1e-13);
        expect(native.worst[0]).toBeCloseTo(readable.worst[0]!, 12);
        expect(native.worst[1]).toBe(readable.worst[1]);
      }),
    );
  });

  test('a voltage that is none is the worst error for good', () => {
    for (const slot of [lines[0]!.start, (lines[0]!.start + lines[0]!.end) >> 1, lines.at(-1)!.end - 1]) {
      start(slot);
      for (const state of [native, readable]) state.current[2 * structure.phases * slot] = Number.NaN;
      for (const run of lines) {
        kernel.spread(structure, native, run, 1, 0);
        book.spread(readable, run, 1, 0);
      }
      expect(native.worst[0]).toBeNaN();
      expect(readable.worst[0]).toBeNaN();
      expect(native.worst[1]).toBe(readable.worst[1]);
    }
  });
});
