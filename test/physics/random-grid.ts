/** Random grids for properties that every solution must have: trees and loops, every kind of branch, load and source. */
import * as fc from 'fast-check';
import { compileGrid } from '../../grids/compile.ts';
import { checkGrid } from '../../grids/load.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';

export function compile(input: GridDocumentInput): CompiledGrid {
  const { document, problems } = checkGrid(input);
  if (document === undefined || problems.length > 0) throw new InvalidInputError(problems);
  return compileGrid(document);
}

type List<Key extends keyof GridDocumentInput> = NonNullable<GridDocumentInput[Key]>;

interface Feeder {
  readonly parent: number;
  readonly lengthM: number;
  readonly kind: 'line' | 'matrix' | 'general';
  readonly activePowerW: number;
  readonly reactivePowerVar: number;
  readonly connection: 'wye' | 'delta' | 'A' | 'B' | 'C' | 'AB' | 'BC' | 'CA';
  readonly zip: number;
}

const feeder: fc.Arbitrary<Feeder> = fc.record({
  parent: fc.double({ min: 0, max: 0.999, noNaN: true }),
  lengthM: fc.double({ min: 1, max: 80, noNaN: true }),
  kind: fc.constantFrom('line', 'line', 'matrix', 'general'),
  activePowerW: fc.double({ min: -3000, max: 3000, noNaN: true }),
  reactivePowerVar: fc.double({ min: -1000, max: 1000, noNaN: true }),
  connection: fc.constantFrom('wye', 'delta', 'A', 'B', 'C', 'AB', 'BC', 'CA'),
  zip: fc.constantFrom(0, 1, 2, 3),
});

export interface RandomGrid {
  readonly three: boolean;
  readonly threeWinding: boolean;
  readonly vectorGroup: string;
  readonly stiff: boolean;
  readonly loops: boolean;
  readonly feeders: readonly Feeder[];
}

/** A village behind a two- or three-winding transformer. */
export const randomGrid: fc.Arbitrary<RandomGrid> = fc.record({
  three: fc.boolean(),
  threeWinding: fc.boolean(),
  vectorGroup: fc.constantFrom('Dyn5', 'YNyn0', 'Yzn5', 'Dyn11', 'YNyn6'),
  stiff: fc.boolean(),
  loops: fc.boolean(),
  feeders: fc.array(feeder, { minLength: 3, maxLength: 20 }),
});

const CABLE = {
  r1OhmPerKm: 0.3,
  x1OhmPerKm: 0.08,
  c1FPerKm: 3e-7,
  r0OhmPerKm: 1.2,
  x0OhmPerKm: 0.3,
  c0FPerKm: 1e-7,
};
const MATRIX = {
  rOhmPerKm: [
    [0.5, 0.1, 0.09],
    [0.1, 0.52, 0.11],
    [0.09, 0.11, 0.48],
  ],
  xOhmPerKm: [
    [0.3, 0.12, 0.1],
    [0.12, 0.31, 0.13],
    [0.1, 0.13, 0.29],
  ],
  cFPerKm: [
    [3e-8, -5e-9, -4e-9],
    [-5e-9, 3e-8, -6e-9],
    [-4e-9, -6e-9, 3e-8],
  ],
};

const SHARES = [
  undefined,
  { constantImpedance: 1, constantCurrent: 0, constantPower: 0 },
  { constantImpedance: 0.2, constantCurrent: 0.5, constantPower: 0.3 },
  { constantImpedance: 0, constantCurrent: 1, constantPower: 0 },
] as const;

export function documentOf({ three, threeWinding, vectorGroup, stiff, loops, feeders }: RandomGrid): GridDocumentInput {
  const lines: List<'lines'> = [];
  const matrixLines: List<'matrixLines'> = [];
  const generalBranches: List<'generalBranches'> = [];
  feeders.forEach(({ parent, lengthM, kind }, i) => {
    const ends = { id: `branch-${i}`, from: `bus-${Math.floor(parent * (i + 1))}`, to: `bus-${i + 1}` };
    if (kind === 'matrix' && three) matrixLines.push({ ...ends, lengthM, phases: ['A', 'B', 'C'], ...MATRIX });
    else if (kind === 'general')
      generalBranches.push({ ...ends, r1Ohm: 0.02, x1Ohm: 0.01, b1S: 1e-5, ratio: 1.01, r0Ohm: 0.05, x0Ohm: 0.03 });
    else lines.push({ ...ends, lengthM, ...CABLE });
  });
  if (loops) lines.push({ id: 'loop', from: 'bus-1', to: `bus-${feeders.length}`, lengthM: 60, ...CABLE });
  // A lateral of one phase and one of two, fed by the first bus.
  if (three) {
    const part = (from: number, to: number, matrix: number[][]) =>
      matrix.slice(from, to).map((row) => row.slice(from, to));
    matrixLines.push(
      { id: 'lateral-b', from: 'bus-0', to: 'one', lengthM: 40, phases: ['B'], rOhmPerKm: [[0.5]], xOhmPerKm: [[0.3]] },
      {
        id: 'lateral-ab',
        from: 'bus-1',
        to: 'two',
        lengthM: 50,
        phases: ['A', 'B'],
        rOhmPerKm: part(0, 2, MATRIX.rOhmPerKm),
        xOhmPerKm: part(0, 2, MATRIX.xOhmPerKm),
      },
    );
  }
  const loads: List<'loads'> = feeders.map(({ activePowerW, reactivePowerVar, connection, zip }, i) => ({
    id: `load-${i}`,
    bus: `bus-${i + 1}`,
    connection: three ? connection : 'wye',
    activePowerW,
    reactivePowerVar,
    ...(SHARES[zip] !== undefined && { zip: SHARES[zip] }),
    ...(zip === 2 && { zipReactive: SHARES[1], ratedVoltageV: 380 }),
  }));
  if (three) {
    loads.push(
      { id: 'load-one', bus: 'one', connection: 'B', activePowerW: 1500, reactivePowerVar: 300 },
      { id: 'load-two', bus: 'two', connection: 'AB', activePowerW: 1500, reactivePowerVar: 300 },
    );
  }
  const side = { ratedPowerVA: 250_000, ratedVoltageV: 400 };
  const test = { vkPercent: 4, vkrPercent: 1.2 };
  return {
    schema: 1,
    name: 'random',
    representation: three ? 'three' : 'positive-sequence',
    buses: [
      { id: 'mv', nominalVoltageV: 20_000 },
      ...Array.from({ length: feeders.length + 1 }, (_, i) => ({ id: `bus-${i}`, nominalVoltageV: 400 })),
      ...(threeWinding ? [{ id: 'tertiary', nominalVoltageV: 690 }] : []),
      ...(three
        ? [
            { id: 'one', nominalVoltageV: 400, phases: ['B' as const] },
            { id: 'two', nominalVoltageV: 400, phases: ['A' as const, 'B' as const] },
          ]
        : []),
    ],
    lines,
    matrixLines,
    generalBranches,
    transformers: threeWinding
      ? []
      : [
          {
            id: 'transformer',
            from: 'mv',
            to: 'bus-0',
            ratedPowerVA: 250_000,
            ratedVoltageFromV: 20_000,
            ratedVoltageToV: 400,
            ...test,
            ironLossW: 500,
            noLoadCurrentPercent: 0.3,
            vectorGroup,
            earthingTo: { rOhm: 0.01 },
          },
        ],
    threeWindingTransformers: threeWinding
      ? [
          {
            id: 'transformer',
            high: { bus: 'mv', ratedPowerVA: 250_000, ratedVoltageV: 20_000, tap: { position: 1, stepPercent: 2 } },
            medium: { bus: 'bus-0', ...side },
            low: { bus: 'tertiary', ratedPowerVA: 100_000, ratedVoltageV: 690 },
            highMedium: test,
            mediumLow: { vkPercent: 5, vkrPercent: 1 },
            highLow: { vkPercent: 7, vkrPercent: 1.5 },
            ironLossW: 500,
            noLoadCurrentPercent: 0.3,
            vectorGroup: 'YNyn0d5',
          },
        ]
      : [],
    shunts: [
      { id: 'capacitor', bus: 'bus-1', reactivePowerVar: -2000, connection: three ? 'delta' : 'wye' },
      { id: 'reactor', bus: 'bus-2', g1S: 1e-4, b1S: -1e-3 },
    ],
    loads: [...loads, { id: 'medium', bus: 'mv', activePowerW: 20_000, reactivePowerVar: 7000 }],
    generators: [{ id: 'pv', bus: 'bus-2', connection: three ? 'B' : 'wye', activePowerW: 2000 }],
    externalGrids: [
      {
        id: 'grid',
        bus: 'mv',
        angleDeg: 10,
        ...(!stiff && { shortCircuitPowerVA: 50e6, zeroSequenceRatio: 2, zeroSequenceRX: 0.4 }),
      },
    ],
  };
}
