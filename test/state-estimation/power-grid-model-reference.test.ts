/** power-grid-model's estimation cases, read by our reader, give its answers within the tolerances of each case. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { formatMeasurements } from '../../grids/import/imported-grid.ts';
import { importGrid } from '../../grids/import/read-grid-files.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { branchEndFlow } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimateResult, EstimationProblem } from '../../platform/state-estimation/estimator.ts';
import { parseMeasurementFile } from '../../platform/state-estimation/measurement-file.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import {
  type Calculation,
  caseNames,
  readCalculations,
  readTolerances,
  valuesOf,
} from '../grids/power-grid-model-cases.ts';
import { hasReference } from '../reference.ts';

const FOLDER = 'state-estimation/power-grid-model-cases';

/** Cases of a linearised method whose answer is not that of least squares, and why ours is the better one. */
const linearisedOnly: Readonly<Record<string, string>> = {
  'single-line-load-il':
    'two sensors contradict each other by 1000 sigma; the iterative-linear method splits the difference, least squares moves the voltage too',
};

function problemOf({ text, symmetric }: Calculation): EstimationProblem {
  const imported = importGrid([{ name: 'input.json', text }], {
    representation: symmetric ? 'positive-sequence' : 'three',
  });
  const grid = compileGrid(imported.grid);
  const { measurements, namesAllCustomers } = parseMeasurementFile(formatMeasurements(imported), grid);
  const injections = measurements.flatMap((m) =>
    (m.kind === 'activePower' || m.kind === 'reactivePower') && m.place.at === 'bus' ? [m.place.bus] : [],
  );
  return {
    grid,
    measurements,
    zeroInjections: zeroInjectionBuses(grid, new Set(injections), namesAllCustomers),
    referenceBus: grid.sources[0]!.bus,
    statistics: 'always',
  };
}

interface Compared {
  readonly what: string;
  readonly ours: number;
  readonly theirs: number;
  readonly field: string;
}

/** Voltages of nodes and powers of lines; angles against that of the first node, which their output leaves free. */
function compare(calculation: Calculation, grid: CompiledGrid, { voltage }: EstimateResult): Compared[] {
  const rows: Compared[] = [];
  let turn: number | undefined;
  for (const node of calculation.output['node'] ?? []) {
    const bus = grid.busIndex.get(String(node['id']))!;
    const at = (phase: number) => 2 * (bus * grid.phases + phase);
    const base = grid.baseVoltageV[bus]! * (calculation.symmetric ? Math.sqrt(3) : 1);
    for (const [field, unit] of [
      ['u_pu', 1],
      ['u', base],
    ] as const) {
      valuesOf(node, field).forEach((theirs, phase) => {
        const ours = unit * Math.hypot(voltage[at(phase)]!, voltage[at(phase) + 1]!);
        rows.push({ what: `node ${String(node['id'])} ${field} ${phase}`, ours, theirs, field });
      });
    }
    valuesOf(node, 'u_angle').forEach((theirs, phase) => {
      const angle = Math.atan2(voltage[at(phase) + 1]!, voltage[at(phase)]!);
      turn ??= theirs - angle;
      const off = angle + turn - theirs;
      const ours = theirs + off - 2 * Math.PI * Math.round(off / (2 * Math.PI));
      rows.push({ what: `node ${String(node['id'])} angle ${phase}`, ours, theirs, field: 'u_angle' });
    });
  }
  const watts = calculation.symmetric ? 3 * grid.basePowerVA : grid.basePowerVA;
  for (const line of calculation.output['line'] ?? []) {
    const branch = grid.branches[grid.branchIndex.get(String(line['id']))!]!;
    for (const end of ['from', 'to'] as const) {
      const flow = branchEndFlow(grid, branch, end, voltage);
      valuesOf(line, `p_${end}`).forEach((theirs, phase) =>
        rows.push({
          what: `line ${branch.id} p_${end}`,
          ours: watts * flow.activePower[phase]!,
          theirs,
          field: `p_${end}`,
        }),
      );
      valuesOf(line, `q_${end}`).forEach((theirs, phase) =>
        rows.push({
          what: `line ${branch.id} q_${end}`,
          ours: watts * flow.reactivePower[phase]!,
          theirs,
          field: `q_${end}`,
        }),
      );
    }
  }
  return rows;
}

/** Rows further apart than the case allows. */
function tooFar(name: string, rows: readonly Compared[]): Compared[] {
  const { rtol, atol } = readTolerances(FOLDER, name);
  const absolute = (field: string): number => {
    if (typeof atol === 'number') return atol;
    const key = Object.keys(atol).find(
      (pattern) => pattern !== 'default' && new RegExp(`^(?:${pattern})$`).test(field),
    );
    return atol[key ?? 'default'] ?? 0;
  };
  return rows.filter(
    ({ ours, theirs, field }) => !(Math.abs(ours - theirs) <= absolute(field) + rtol * Math.abs(theirs)),
  );
}

describe.skipIf(!hasReference)("power-grid-model's estimation cases (skipped without the reference folder)", () => {
  for (const name of hasReference ? caseNames(FOLDER) : []) {
    for (const calculation of readCalculations(FOLDER, name)) {
      const reason = linearisedOnly[name];
      test(`${name} ${calculation.what}${reason === undefined ? '' : `: differs, ${reason}`}`, () => {
        const problem = problemOf(calculation);
        const result = createWeightedLeastSquares().estimate(problem);
        expect(result.status).toBe('converged');
        const rows = compare(calculation, problem.grid, result);
        expect(rows.length).toBeGreaterThan(0);
        const far = tooFar(name, rows);
        expect(far.length > 0 ? 'differs' : 'agrees').toBe(reason === undefined ? 'agrees' : 'differs');
      });
    }
  }

  test('single-line-load-il: the objective of least squares is smaller than that of the linearised answer', () => {
    const [calculation] = readCalculations(FOLDER, 'single-line-load-il');
    const result = createWeightedLeastSquares().estimate(problemOf(calculation!));
    const line = calculation!.output['line']![0]!;
    // A sigma of 1000 VA is one of 1000 / sqrt(2) in P and in Q; one sensor says 1 MW, the other 2 MW.
    const weighted = (watts: number) => (watts / (1000 * Math.SQRT1_2)) ** 2;
    const theirs = weighted((line['p_from'] as number) - 1e6) + weighted((line['p_to'] as number) + 2e6);
    expect(result.objective).toBeLessThan(theirs);
    expect(result.objective).toBeGreaterThan(0.99 * theirs);
  });
});
