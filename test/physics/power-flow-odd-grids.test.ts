/** Grids with something switched off, taken away, fused, controlled or absurd: an answer each time, and no contradiction. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { checkGrid } from '../../grids/load.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { diagnosePowerFlow } from '../../sim/physics/power-flow-diagnosis.ts';
import { createPowerFlow, type PowerFlow, type PowerFlowResult } from '../../sim/physics/power-flow.ts';
import { documentOf, randomGrid } from './random-grid.ts';

/** What happens to a grid: to the element that `which` picks, with a size between 0 and 1. */
const mishaps = {
  outOfService: (grid, which) => Object.assign(pick(everything(grid), which)!, { inService: false }),
  openEnd: (grid, which) => Object.assign(pick(branches(grid), which) ?? {}, { toClosed: false }),
  otherOpenEnd: (grid, which) => Object.assign(pick(branches(grid), which) ?? {}, { fromClosed: false }),
  lostLine: (grid, which) => grid.lines!.splice(Math.floor(which * grid.lines!.length), 1),
  fused: (grid, which, size) => {
    const [from, to] = [bus(grid, which), bus(grid, size)];
    if (from.id === to.id || from.nominalVoltageV !== to.nominalVoltageV) return;
    grid.switches = [
      ...(grid.switches ?? []),
      { id: `fused-${from.id}-${to.id}`, from: from.id, to: to.id, closed: true },
    ];
  },
  control: (grid, which, size) => {
    grid.generators!.push({
      id: `control-${grid.generators!.length}`,
      bus: bus(grid, which).id,
      activePowerW: 3000 * size,
      voltageControl: {
        voltagePu: 0.98 + 0.04 * size,
        holds: size < 0.5 ? 'positive-sequence' : 'each-phase',
        ...(which < 0.5 && { minReactivePowerVar: -5000, maxReactivePowerVar: 5000 }),
      },
    });
  },
  source: (grid, which, size) => {
    const stiff = size < 0.3 ? {} : { shortCircuitPowerVA: 10 ** (5 + 4 * size) };
    const id = `source-${grid.externalGrids!.length}`;
    grid.externalGrids!.push({ id, bus: bus(grid, which).id, angleDeg: 20 * size, ...stiff });
  },
  absurdLoad: (grid, which, size) =>
    Object.assign(pick(grid.loads!, which) ?? {}, { activePowerW: 1e6 * (size - 0.3) }),
  absurdLength: (grid, which, size) => Object.assign(pick(grid.lines!, which) ?? {}, { lengthM: 10 ** (8 * size - 4) }),
} satisfies Record<string, (grid: GridDocumentInput, which: number, size: number) => unknown>;

function pick<T>(items: readonly T[], which: number): T | undefined {
  return items[Math.min(items.length - 1, Math.floor(which * items.length))];
}

/** There are always some. */
const bus = (grid: GridDocumentInput, which: number) => pick(threePhaseBuses(grid), which)!;

const threePhaseBuses = (grid: GridDocumentInput) => grid.buses.filter(({ phases }) => phases === undefined);
const branches = (grid: GridDocumentInput): object[] => [
  ...grid.lines!,
  ...grid.transformers!,
  ...grid.matrixLines!,
  ...grid.generalBranches!,
];
const everything = (grid: GridDocumentInput): object[] => [
  ...branches(grid),
  ...grid.threeWindingTransformers!,
  ...grid.buses,
  ...grid.loads!,
  ...grid.generators!,
  ...grid.shunts!,
  ...grid.externalGrids!,
];

const history = fc.array(
  fc.tuple(
    fc.constantFrom(...(Object.keys(mishaps) as (keyof typeof mishaps)[])),
    fc.double({ min: 0, max: 0.999, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ),
  { minLength: 1, maxLength: 6 },
);

/** Voltages and figures exist exactly where the grid is alive. */
function expectFigures(flow: PowerFlow): void {
  const { grid, voltage } = flow;
  const missing = Array.from(grid.energisedPhases, (_, place) => (Number.isNaN(voltage[2 * place]!) ? 0 : 1));
  expect(missing).toEqual([...grid.energisedPhases]);
  const { from, to } = flow.branchCurrents();
  expect([...from, ...to].every(Number.isFinite)).toBe(true);
  expect(Object.values(flow.totals()).every(Number.isFinite)).toBe(true);
}

function expectAgreement(flow: PowerFlow): void {
  expectFigures(flow);
  const newton = createPowerFlow(flow.grid, { method: 'newton' });
  expect(newton.solve().converged).toBe(true);
  const errors = newton.voltage.map((value, k) => Math.abs(value - flow.voltage[k]!));
  expect(Math.max(...errors.filter(Number.isFinite))).toBeLessThan(1e-6);
}

function expectDiagnosis(flow: PowerFlow, result: PowerFlowResult): void {
  const { reason, historyVA } = diagnosePowerFlow(flow, result);
  expect(reason).toMatch(/^no convergence after \d+ iterations \(newton\): /);
  expect(historyVA).toHaveLength(result.iterations + 1);
}

test('whatever happens to a grid, its power flow answers, and Newton agrees', () => {
  const seen = { refused: 0, solved: 0, unsolved: 0 };
  fc.assert(
    fc.property(randomGrid, history, (random, happened) => {
      const input = documentOf(random);
      for (const [name, which, size] of happened) mishaps[name](input, which, size);
      const { document, problems } = checkGrid(input);
      if (document === undefined || problems.length > 0) {
        seen.refused++;
        return;
      }
      const flow = createPowerFlow(compileGrid(document));
      const result = flow.solve();
      seen[result.converged ? 'solved' : 'unsolved']++;
      if (result.converged) expectAgreement(flow);
      else expectDiagnosis(flow, result);
    }),
    { numRuns: 250, interruptAfterTimeLimit: 30_000 },
  );
  // The property would hold of nothing, too.
  expect(seen.solved).toBeGreaterThan(100);
});
