/** Admittances: lines against their textbook circuit, transformers against the windings that they are made of. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledBranch } from '../../grids/model.ts';
import { gridDocumentSchema, type GridDocumentInput } from '../../grids/schema.ts';

type Matrix = readonly (readonly number[])[];
const ROWS = [0, 1, 2];
const IDENTITY: Matrix = ROWS.map((r) => ROWS.map((c) => (r === c ? 1 : 0)));

const map = (f: (r: number, c: number) => number): Matrix => ROWS.map((r) => ROWS.map((c) => f(r, c)));
const times = (a: Matrix, b: Matrix): Matrix => map((r, c) => ROWS.reduce((sum, k) => sum + a[r]![k]! * b[k]![c]!, 0));
const transpose = (a: Matrix): Matrix => map((r, c) => a[c]![r]!);
const negative = (a: Matrix): Matrix => map((r, c) => -a[r]![c]!);
/** Row r takes what row r + steps had: limbs connected to other phases. */
const cycle = (a: Matrix, steps: number): Matrix => map((r, c) => a[(r + steps) % 3]![c]!);

/** Winding voltages from terminal voltages, per unit of the winding. */
const STAR_EARTHED = IDENTITY;
/** The neutral floats to the mean. */
const STAR = map((r, c) => (r === c ? 1 : 0) - 1 / 3);
/** Winding r lies between phases r and r + 1: v_AB / sqrt(3), 30 degrees ahead of v_A. */
const DELTA = map((r, c) => ((c === r ? 1 : 0) - (c === (r + 1) % 3 ? 1 : 0)) / Math.sqrt(3));

const document = (fields: Partial<GridDocumentInput>): GridDocumentInput => ({
  schema: 1,
  name: 'test',
  representation: 'three',
  buses: [
    { id: 'a', nominalVoltageV: 20_000 },
    { id: 'b', nominalVoltageV: 400 },
  ],
  externalGrids: [{ id: 'grid', bus: 'a' }],
  ...fields,
});

function compileTransformer(fields: Partial<NonNullable<GridDocumentInput['transformers']>[number]>): CompiledBranch {
  const transformer = {
    id: 't',
    from: 'a',
    to: 'b',
    ratedPowerVA: 1e6,
    ratedVoltageFromV: 20_000,
    ratedVoltageToV: 400,
    vkPercent: 5,
    vkrPercent: 3,
    vectorGroup: 'YNyn0',
    ...fields,
  };
  return compileGrid(gridDocumentSchema.parse(document({ transformers: [transformer] }))).branches[0]!;
}

/** 1 / (0.03 + j 0.04): the short-circuit admittance of the transformer above on its own base, which is the grid's. */
const Y = { re: 12, im: -16 };

/** Largest deviation of a block from a real matrix times an admittance. */
function blockError(block: Float64Array, matrix: Matrix, y = Y): number {
  let worst = 0;
  for (const r of ROWS) {
    for (const c of ROWS) {
      const at = 2 * (3 * r + c);
      const entry = matrix[r]![c]!;
      worst = Math.max(worst, Math.hypot(block[at]! - entry * y.re, block[at + 1]! - entry * y.im));
    }
  }
  return worst;
}

describe('vector groups agree with their windings, i_high = H^T y (H v_high - L v_low) and so on', () => {
  // A winding pair sits on one limb. Which terminal the limb goes to, and in which direction, makes the clock number:
  // a delta between A and B is 30 degrees ahead of A, so a star on that limb has v_a 30 degrees ahead: Dy11.
  test.each<[string, Matrix, Matrix]>([
    ['YNyn0', STAR_EARTHED, STAR_EARTHED],
    ['YNyn6', STAR_EARTHED, negative(STAR_EARTHED)],
    ['YNyn4', cycle(STAR_EARTHED, 1), STAR_EARTHED],
    ['YNyn8', cycle(STAR_EARTHED, 2), STAR_EARTHED],
    ['YNyn10', negative(cycle(STAR_EARTHED, 1)), STAR_EARTHED],
    ['YNyn2', negative(cycle(STAR_EARTHED, 2)), STAR_EARTHED],
    ['Yyn0', STAR, STAR],
    ['YNy0', STAR, STAR],
    ['Yy6', STAR, negative(STAR)],
    ['Dyn11', DELTA, STAR_EARTHED],
    ['Dyn5', negative(DELTA), STAR_EARTHED],
    ['Dyn1', negative(cycle(DELTA, 2)), STAR_EARTHED],
    ['Dyn7', cycle(DELTA, 2), STAR_EARTHED],
    ['Dyn3', cycle(DELTA, 1), STAR_EARTHED],
    ['Dyn9', negative(cycle(DELTA, 1)), STAR_EARTHED],
    ['YNd1', STAR_EARTHED, DELTA],
    ['YNd5', STAR_EARTHED, cycle(DELTA, 2)],
    ['YNd11', STAR_EARTHED, negative(cycle(DELTA, 2))],
    ['Dd0', DELTA, DELTA],
    ['Dd6', DELTA, negative(DELTA)],
    ['Dy5', negative(DELTA), STAR],
  ])('%s', (vectorGroup, high, low) => {
    const unit = compileTransformer({ vectorGroup });
    // Limbs with an unearthed star carry no zero sequence, and no more does a delta's terminal side.
    const unearthedHigh = /^Y[^N]/.test(vectorGroup);
    const h = unearthedHigh ? times(STAR, high) : high;
    expect(blockError(unit.yff, times(transpose(h), h))).toBeLessThan(1e-9);
    expect(blockError(unit.yft, negative(times(transpose(h), low)))).toBeLessThan(1e-9);
    expect(blockError(unit.ytf, negative(times(transpose(low), h)))).toBeLessThan(1e-9);
    expect(blockError(unit.ytt, times(transpose(low), low))).toBeLessThan(1e-9);
  });

  test.each<[string, Matrix]>([
    // Half windings of limbs r and r + 1 in series against each other: (w_r - w_(r+1)) / sqrt(3), ahead by 30 degrees.
    ['Yzn11', DELTA],
    ['Yzn5', negative(DELTA)],
    ['Yzn1', negative(cycle(DELTA, 2))],
  ])('%s: ampere-turns of an earthed zigzag cancel on every limb', (vectorGroup, zigzag) => {
    // v_low = Z w + z i_low with the limb voltages w of the star winding: i_low = y (v_low - Z w), i_high = -Z^T i_low.
    const unit = compileTransformer({ vectorGroup });
    expect(blockError(unit.ytt, IDENTITY)).toBeLessThan(1e-9);
    expect(blockError(unit.ytf, negative(zigzag))).toBeLessThan(1e-9);
    expect(blockError(unit.yft, negative(transpose(zigzag)))).toBeLessThan(1e-9);
    expect(blockError(unit.yff, times(transpose(zigzag), zigzag))).toBeLessThan(1e-9);
  });

  test('reversing from and to of a delta-star unit swaps its blocks', () => {
    const down = compileTransformer({ vectorGroup: 'Dyn5' });
    for (const r of ROWS) {
      for (const c of ROWS) {
        expect(down.yft[2 * (3 * r + c)]).toBeCloseTo(down.ytf[2 * (3 * c + r)]!, 12);
      }
    }
  });
});

describe('transformer data', () => {
  test('a tap on the high side raises the ratio, on the low side it lowers it and scales the impedance', () => {
    const neutral = compileTransformer({});
    const high = compileTransformer({ tap: { side: 'from', position: 2, stepPercent: 2.5 } });
    expect(high.ytt[0]).toBeCloseTo(neutral.ytt[0]!, 10);
    expect(high.yft[0]).toBeCloseTo(neutral.yft[0]! / 1.05, 10);
    expect(high.yff[0]).toBeCloseTo(neutral.yff[0]! / 1.05 ** 2, 10);
    const low = compileTransformer({ tap: { side: 'to', position: -2, stepPercent: 2.5 } });
    expect(low.yff[0]).toBeCloseTo(neutral.yff[0]!, 10);
    expect(low.yft[0]).toBeCloseTo(neutral.yft[0]! / 0.95, 10);
    expect(low.ytt[0]).toBeCloseTo(neutral.ytt[0]! / 0.95 ** 2, 10);
  });

  test('open circuit takes the no-load current and the iron losses', () => {
    for (const model of ['t', 'pi'] as const) {
      const fields = { ironLossW: 2000, noLoadCurrentPercent: 0.5, model };
      const open = compileTransformer({ ...fields, toClosed: false });
      // Positive sequence: self less mutual admittance. At nominal voltage P = 2 kW and |S| = 5 kVA of the base of
      // 1 MVA, but for the voltage drop of half a percent across the impedance.
      const [p, q] = [open.yff[0]! - open.yff[2]!, open.yff[1]! - open.yff[3]!];
      expect(Math.abs(p * 1e6 - 2000)).toBeLessThan(10);
      expect(Math.abs(Math.hypot(p, q) * 1e6 - 5000)).toBeLessThan(10);
      expect(open.ytt.every((value) => value === 0)).toBe(true);
    }
  });

  test('two in parallel have twice the admittance, and one out of service has none', () => {
    const one = compileTransformer({});
    const two = compileTransformer({ parallel: 2 });
    two.yff.forEach((value, k) => expect(value).toBeCloseTo(2 * one.yff[k]!, 12));
    expect(two.ratedCurrentToA).toBeCloseTo((2 * 1e6) / Math.sqrt(3) / 400, 9);
    expect(compileTransformer({ inService: false }).yff.every((value) => value === 0)).toBe(true);
  });

  test('zero-sequence magnetising draws on a star-star unit and is shorted by a delta', () => {
    const zeroSequence = { vkPercent: 5, vkrPercent: 3, magnetisingRatio: 10, magnetisingRX: 0, hvShare: 0.5 };
    // Zero-sequence admittance: the sum of a row of the block.
    const zero = (block: Float64Array, im: 0 | 1): number => block[im]! + block[2 + im]! + block[4 + im]!;
    const dyn = compileTransformer({ vectorGroup: 'Dyn5', zeroSequence });
    // z2 + z1 || zm with z1 = z2 = 0.015 + j0.02 and zm = j0.5.
    const far = { re: 0.015, im: 0.02 };
    const sum = { re: far.re, im: far.im + 0.5 };
    const d = sum.re ** 2 + sum.im ** 2;
    const product = { re: -0.5 * far.im, im: 0.5 * far.re };
    const shorted = {
      re: far.re + (product.re * sum.re + product.im * sum.im) / d,
      im: far.im + (product.im * sum.re - product.re * sum.im) / d,
    };
    const z2 = shorted.re ** 2 + shorted.im ** 2;
    expect(zero(dyn.ytt, 0)).toBeCloseTo(shorted.re / z2, 9);
    expect(zero(dyn.ytt, 1)).toBeCloseTo(-shorted.im / z2, 9);
    expect(zero(dyn.yff, 0)).toBeCloseTo(0, 12);
    // Yyn: the far star is open, z2 + zm is left.
    const yyn = compileTransformer({ vectorGroup: 'Yyn0', zeroSequence });
    expect(zero(yyn.ytt, 1)).toBeCloseTo(-0.52 / (0.015 ** 2 + 0.52 ** 2), 9);
  });
});

describe('lines', () => {
  const cable = {
    id: 'l',
    from: 'a',
    to: 'b',
    lengthM: 2000,
    r1OhmPerKm: 0.3,
    x1OhmPerKm: 0.4,
    c1FPerKm: 1e-6,
    r0OhmPerKm: 0.9,
    x0OhmPerKm: 1.6,
    c0FPerKm: 0.5e-6,
  };
  const buses = [
    { id: 'a', nominalVoltageV: 20_000 },
    { id: 'b', nominalVoltageV: 20_000 },
  ];
  const compileLine = (fields: object, others: Partial<GridDocumentInput> = {}): CompiledBranch =>
    compileGrid(gridDocumentSchema.parse(document({ buses, lines: [{ ...cable, ...fields }], ...others })))
      .branches[0]!;
  const base = 20_000 ** 2 / 1e6;

  test('self and mutual impedance are (z0 + 2 z1)/3 and (z0 - z1)/3', () => {
    const line = compileLine({ c1FPerKm: 0, c0FPerKm: 0 });
    // yff times the impedance matrix in ohm over the base is the identity.
    const z = { self: { re: 1, im: 1.6 }, mutual: { re: 0.4, im: 0.8 } };
    for (const r of ROWS) {
      for (const c of ROWS) {
        let re = 0;
        let im = 0;
        for (const k of ROWS) {
          const [yr, yi] = [line.yff[2 * (3 * r + k)]! / base, line.yff[2 * (3 * r + k) + 1]! / base];
          const entry = k === c ? z.self : z.mutual;
          re += yr * entry.re - yi * entry.im;
          im += yr * entry.im + yi * entry.re;
        }
        expect(re).toBeCloseTo(r === c ? 1 : 0, 12);
        expect(im).toBeCloseTo(0, 12);
      }
    }
  });

  test('an open end leaves the charging of the whole line, at a bus of its own or at one out of service', () => {
    const wholeB = 2 * Math.PI * 50 * 2e-6 * base;
    for (const line of [
      compileLine({ toClosed: false }, { representation: 'positive-sequence' }),
      compileLine({}, { representation: 'positive-sequence', buses: [buses[0]!, { ...buses[1]!, inService: false }] }),
    ]) {
      // |z| of 1 ohm against some 1.6 kohm of charging: the series part matters in the fourth digit.
      expect(line.yff[1]! / wholeB).toBeCloseTo(1, 3);
      expect([...line.yft, ...line.ytf, ...line.ytt].every((value) => value === 0)).toBe(true);
    }
    expect(compileLine({ fromClosed: false, toClosed: false }).yff.every((value) => value === 0)).toBe(true);
  });
});

describe('topology', () => {
  const bus = (id: string, more: object = {}) => ({ id, nominalVoltageV: 400, ...more });
  const line = (id: string, from: string, to: string, more: object = {}) => ({
    id,
    from,
    to,
    lengthM: 10,
    r1OhmPerKm: 1,
    x1OhmPerKm: 1,
    ...more,
  });
  const grid = compileGrid(
    gridDocumentSchema.parse(
      document({
        representation: 'positive-sequence',
        buses: [bus('a'), bus('b'), bus('c'), bus('d'), bus('e'), bus('f', { inService: false })],
        switches: [
          { id: 's1', from: 'c', to: 'b', closed: true },
          { id: 's2', from: 'c', to: 'd', closed: false },
          { id: 's3', from: 'a', to: 'f', closed: true },
        ],
        lines: [line('l1', 'a', 'b'), line('l2', 'd', 'e'), line('l3', 'a', 'e', { inService: false })],
      }),
    ),
  );

  test('closed switches fuse buses, open ones and buses out of service do not', () => {
    expect(grid.busIds).toEqual([['a'], ['b', 'c'], ['d'], ['e'], ['f']]);
    expect(grid.busIndex.get('c')).toBe(grid.busIndex.get('b'));
  });

  test('what no source reaches is dead', () => {
    expect([...grid.energised]).toEqual([1, 1, 0, 0, 0]);
  });

  test('branches keep document order and their index, also out of service', () => {
    expect(grid.branches.map((branch) => branch.id)).toEqual(['l1', 'l2', 'l3']);
    expect(grid.branchIndex.get('l3')).toBe(2);
    expect(grid.branches[2]!.yff.every((value) => value === 0)).toBe(true);
  });
});
