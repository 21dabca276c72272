/** MATPOWER's three-bus estimation example, whose reference bus has a given magnitude and angle. */
import { expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createWeightedLeastSquares } from '../../platform/state-estimation/wls.ts';
import { hasReference, referenceJson } from '../reference.ts';

interface Values {
  readonly index: readonly number[];
  readonly value_pu: readonly number[];
  readonly sigma_pu: number;
}

interface Case {
  readonly baseMVA: number;
  readonly measurements: Readonly<Record<'PF' | 'PT' | 'PG' | 'Vm', Values>>;
  readonly bus: readonly (readonly number[])[];
  readonly branch: readonly (readonly number[])[];
  readonly expected: { Vm_pu: readonly number[]; Va_deg: readonly number[]; z_est: readonly number[] };
}

const KV = 230;

/** A magnitude that is given, not measured: MATPOWER takes it out of the state, here it gets all the weight there is. */
const GIVEN = 1e-7;

function problemOf(of: Case): EstimationProblem {
  const ohm = KV ** 2 / of.baseMVA;
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'case3bus_P6_6',
      representation: 'positive-sequence',
      buses: of.bus.map(([id]) => ({ id: String(id), nominalVoltageV: KV * 1000 })),
      generalBranches: of.branch.map(([from, to, r, x, b], i) => ({
        id: String(i + 1),
        from: String(from),
        to: String(to),
        r1Ohm: r! * ohm,
        x1Ohm: x! * ohm,
        b1S: b! / ohm,
      })),
      externalGrids: [{ id: 'grid', bus: '1' }],
    }),
  );
  const scale = (of.baseMVA * 1e6) / (3 * grid.basePowerVA);
  const add = (key: keyof Case['measurements'], shape: (index: number) => Partial<ScalarMeasurement>, factor: number) =>
    of.measurements[key].index.map((index, i) => {
      // Generation is injection plus the load of the bus.
      const load = key === 'PG' ? of.bus[index - 1]![2]! / of.baseMVA : 0;
      const value = factor * (of.measurements[key].value_pu[i]! - load);
      const sigma = factor * of.measurements[key].sigma_pu;
      return { id: `${key}${index}`, phase: 0, value, sigma, ...shape(index) } as ScalarMeasurement;
    });
  const bus = (index: number) => ({ place: { at: 'bus', bus: index - 1 } }) as const;
  return {
    grid,
    measurements: [
      ...add('PF', (index) => ({ kind: 'activePower', place: { at: 'from', branch: index - 1 } }), scale),
      ...add('PT', (index) => ({ kind: 'activePower', place: { at: 'to', branch: index - 1 } }), scale),
      ...add('PG', (index) => ({ kind: 'activePower', ...bus(index) }), scale),
      ...add('Vm', (index) => ({ kind: 'voltageMagnitude', ...bus(index) }), 1),
      { id: 'given', kind: 'voltageMagnitude', ...bus(1), phase: 0, value: of.expected.Vm_pu[0]!, sigma: GIVEN },
    ],
    zeroInjections: [],
    referenceBus: 0,
    statistics: 'always',
  };
}

test.skipIf(!hasReference)("MATPOWER's three-bus example (skipped without the reference folder)", () => {
  const of = referenceJson('state-estimation/matpower/test_se.json') as Case;
  const problem = problemOf(of);
  const result = createWeightedLeastSquares().estimate(problem);
  expect(result.status).toBe('converged');
  of.expected.Vm_pu.forEach((vm, bus) => {
    const [re, im] = [result.voltage[2 * bus]!, result.voltage[2 * bus + 1]!];
    expect(Math.abs(Math.hypot(re, im) - vm)).toBeLessThan(1e-4);
    expect(Math.abs((Math.atan2(im, re) * 180) / Math.PI - of.expected.Va_deg[bus]!)).toBeLessThan(1e-4);
  });
  // Residuals in the order of z: three flows, three generations, two magnitudes.
  const z = problem.measurements.map((m, i) => ({ m, residual: result.residuals![i]!.residual }));
  const scale = (of.baseMVA * 1e6) / (3 * problem.grid.basePowerVA);
  of.expected.z_est.forEach((estimate, i) => {
    const { m, residual } = z[i]!;
    const power = m.kind === 'activePower';
    const load = m.id.startsWith('PG') ? of.bus[Number(m.id.slice(2)) - 1]![2]! / of.baseMVA : 0;
    const measured = 'value' in m ? m.value : Number.NaN;
    expect(Math.abs((measured - residual) / (power ? scale : 1) + load - estimate)).toBeLessThan(1e-4);
  });
});
