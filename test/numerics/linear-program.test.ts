/** Linear and mixed-integer programs: known optima, clashing and missing bounds, either-or pairs, warm starts. */
import * as fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { createLinearProgram, loadLinearSolver, type LinearSolver } from '../../numerics/linear-program.ts';

const EFFORT = { nodesMax: 1000, gap: 1e-9 };
let solver: LinearSolver;
beforeAll(async () => void (solver = await loadLinearSolver()));

/** Maximise 30 c + 50 t with c + 2 t <= 40 and 2 c + t <= 50: c = 20, t = 10. */
function workshop() {
  const program = createLinearProgram();
  const chairs = program.addColumn(-30, 0, Infinity);
  const tables = program.addColumn(-50, 0, Infinity);
  program.addRow(-Infinity, 40, [chairs, tables], [1, 2]);
  program.addRow(-Infinity, 50, [chairs, tables], [2, 1]);
  return program;
}

describe('a linear program', () => {
  test('has its optimum, which is its bound, and reduced costs of zero at a corner between its columns', () => {
    const session = solver.open(workshop(), EFFORT);
    const answer = session.solve();
    session.dispose();
    expect(answer).toMatchObject({
      status: 'optimal',
      objective: expect.closeTo(-1100, 6),
      bound: expect.closeTo(-1100, 6),
    });
    expect(answer.status === 'optimal' && [...answer.x]).toEqual([expect.closeTo(20, 6), expect.closeTo(10, 6)]);
    expect(answer.status === 'optimal' && [...answer.reducedCost]).toEqual([0, 0]);
  });

  test('is solved again with other bounds, there and back', () => {
    const program = workshop();
    const session = solver.open(program, EFFORT);
    const objectives = [
      [Infinity, Infinity],
      [Infinity, 6],
      [-1, 6],
      [Infinity, Infinity],
    ].map((columnUpper) => {
      session.setBounds({ ...program, columnUpper });
      const answer = session.solve();
      return answer.status === 'optimal' ? answer.objective : answer.status;
    });
    session.dispose();
    expect(objectives).toEqual([
      expect.closeTo(-1100, 6),
      expect.closeTo(-960, 6),
      'infeasible',
      expect.closeTo(-1100, 6),
    ]);
  });

  test('may be infeasible by its rows, or unbounded', () => {
    const infeasible = workshop();
    infeasible.addRow(100, Infinity, [0, 1], [1, 1]);
    const unbounded = createLinearProgram();
    unbounded.addColumn(-1, 0, Infinity);
    const statuses = [infeasible, unbounded].map((program) => {
      const session = solver.open(program, EFFORT);
      const { status } = session.solve();
      session.dispose();
      return status;
    });
    expect(statuses).toEqual(['infeasible', 'unbounded']);
  });

  test('with bounds that cross is infeasible, unless they cross within rounding', () => {
    const crossedBy = (excess: number) => {
      const program = createLinearProgram();
      program.addColumn(1, 2, 2 - excess);
      const session = solver.open(program, EFFORT);
      const answer = session.solve();
      session.dispose();
      return answer.status === 'optimal' ? answer.objective : answer.status;
    };
    expect(crossedBy(1e-3)).toBe('infeasible');
    expect(crossedBy(1e-9)).toBeCloseTo(2, 6);
  });
});

describe('either-or pairs', () => {
  test('at most one of each pair differs from zero, and the best choice is found, against trying all', () => {
    const price = fc.integer({ min: -20, max: 20 });
    const pair = fc.record({ first: price, second: price, most: fc.integer({ min: 1, max: 9 }) });
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 5 }), fc.integer({ min: 0, max: 30 }), (pairs, budget) => {
        const program = createLinearProgram();
        for (const { first, second, most } of pairs) {
          program.addColumn(first, 0, most);
          program.addColumn(second, 0, most);
        }
        const columns = Array.from({ length: program.columns }, (_, index) => index);
        program.addRow(
          -Infinity,
          budget,
          columns,
          columns.map(() => 1),
        );
        const session = solver.open(program, EFFORT);
        session.addEitherOr(
          pairs.map(({ most }, n) => ({ first: 2 * n, firstUpper: most, second: 2 * n + 1, secondUpper: most })),
        );
        const answer = session.solve();
        session.dispose();
        // The cheaper one of each pair, the cheapest pairs first, as far as the budget goes.
        let left = budget;
        let best = 0;
        const cheapest = pairs.map(({ first, second, most }) => ({ price: Math.min(first, second), most }));
        for (const { price, most } of cheapest.sort((a, b) => a.price - b.price)) {
          if (price >= 0) break;
          best += price * Math.min(left, most);
          left -= Math.min(left, most);
        }
        const found = answer.status === 'optimal' ? answer : undefined;
        expect(found?.objective).toBeCloseTo(best, 6);
        for (const [n] of pairs.entries()) {
          expect(Math.min(found?.x[2 * n] ?? Number.NaN, found?.x[2 * n + 1] ?? Number.NaN)).toBeLessThan(1e-6);
        }
      }),
      { numRuns: 40, seed: 3 },
    );
  });
});
