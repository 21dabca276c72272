/** Linear programs: known optima, clashing and missing bounds, changed coefficients, warm starts, continued programs. */
import { beforeAll, describe, expect, test } from 'vitest';
import { createLinearProgram, loadLinearSolver, type LinearSolver } from '../../numerics/linear-program.ts';

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
  test('has its optimum at a corner between its columns', () => {
    const session = solver.open(workshop());
    const answer = session.solve();
    session.dispose();
    expect(answer).toMatchObject({ status: 'optimal', objective: expect.closeTo(-1100, 6) });
    expect(answer.status === 'optimal' && [...answer.x]).toEqual([expect.closeTo(20, 6), expect.closeTo(10, 6)]);
  });

  test('is solved again with other bounds, there and back', () => {
    const program = workshop();
    const session = solver.open(program);
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
      const session = solver.open(program);
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
      const session = solver.open(program);
      const answer = session.solve();
      session.dispose();
      return answer.status === 'optimal' ? answer.objective : answer.status;
    };
    expect(crossedBy(1e-3)).toBe('infeasible');
    expect(crossedBy(1e-9)).toBeCloseTo(2, 6);
  });

  test('is solved again with another coefficient', () => {
    const session = solver.open(workshop());
    session.solve();
    // 30 c + 50 t with c + 4 t <= 40 and 2 c + t <= 50: c = 160 / 7, t = 30 / 7.
    session.setCoefficient(0, 1, 4);
    expect(session.solve()).toMatchObject({ status: 'optimal', objective: expect.closeTo(-6300 / 7, 6) });
    session.dispose();
  });

  test('goes on from another one, which stays as it is', () => {
    const start = workshop();
    const program = createLinearProgram(start);
    // Stools at 60 for one hour of each kind are worth more than anything else.
    const stools = program.addColumn(-60, 0, 10);
    program.addRow(-Infinity, 0, [stools, 0], [1, -1]);
    const session = solver.open(program);
    expect(session.solve()).toMatchObject({ status: 'optimal', objective: expect.closeTo(-1100 - 600, 6) });
    session.dispose();
    expect([start.columns, start.rows, start.starts.length]).toEqual([2, 2, 3]);
  });
});

describe('a point in whole numbers', () => {
  /** x + y = total, 2 x + 3 y <= most, both 0 ... 10. */
  function coins(total: number, most: number) {
    const program = createLinearProgram();
    const [x, y] = [program.addColumn(1, 0, 10), program.addColumn(1, 0, 10)];
    program.addRow(total, total, [x, y], [1, 1]);
    program.addRow(-Infinity, most, [x, y], [2, 3]);
    return program;
  }

  test('is found where there is one, and costs nothing else its freedom', () => {
    const point = solver.findWhole(coins(6.5, 17), [1], 1000);
    if (typeof point === 'string') throw new Error(point);
    const [x = Number.NaN, y = Number.NaN] = point;
    expect(x + y).toBeCloseTo(6.5, 6);
    expect(Math.abs(y - Math.round(y))).toBeLessThan(1e-6);
    expect(2 * x + 3 * y).toBeLessThanOrEqual(17 + 1e-6);
  });

  test('is not there though there are others between whole numbers', () => {
    expect(solver.findWhole(coins(6.5, 20), [0, 1], 1000)).toBe('none');
    expect(solver.findWhole(coins(6, 11), [0, 1], 1000)).toBe('none');
    const crossed = createLinearProgram();
    crossed.addColumn(0, 1, 0);
    expect(solver.findWhole(crossed, [0], 1000)).toBe('none');
  });

  /** G. Cornuejols, M. Dawande, "A class of hard small 0-1 programs", IPCO 1998. */
  test('stays open where the steps run out: a market to be split evenly in four ways', () => {
    const program = createLinearProgram();
    const columns = Array.from({ length: 30 }, () => program.addColumn(0, 0, 1));
    for (const [row, factor] of [7919, 6007, 4001, 9973].entries()) {
      const sales = columns.map((column) => ((column + 3) * (column + row) * factor) % 97);
      const half = Math.floor(sales.reduce((sum, each) => sum + each, 0) / 2);
      program.addRow(half, half, columns, sales);
    }
    expect(solver.findWhole(program, columns, 50)).toBe('unknown');
  });
});
