/** Phase matrices of power-grid-model's asymmetric lines; a neutral conductor is earthed at both ends and reduced away. */
import { complex, divide, multiply, subtract, type Complex } from '../../../numerics/complex.ts';
import type { Fields } from '../fields.ts';

type Matrix = number[][];

const phases = ['a', 'b', 'c'] as const;

/** The lower triangle `x_aa, x_ba, x_bb, ...` as a symmetric matrix of `order` conductors. */
function symmetric(fields: Fields, letter: string, conductors: readonly string[]): Matrix {
  return conductors.map((_, i) =>
    conductors.map((__, j) => {
      const [row, column] = i >= j ? [i, j] : [j, i];
      return fields.number(`${letter}_${conductors[row]!}${conductors[column]!}`);
    }),
  );
}

/** Series resistance and reactance, ohm, and capacitance, F, of the three phases. */
export function reducedMatrices(fields: Fields): { r: Matrix; x: Matrix; c: Matrix } {
  const neutral = fields.has('r_nn');
  const conductors = neutral ? [...phases, 'n'] : phases;
  const [r, x] = [symmetric(fields, 'r', conductors), symmetric(fields, 'x', conductors)];
  const c = fields.has('c_aa')
    ? symmetric(fields, 'c', phases)
    : fromSequences(fields.number('c0'), fields.number('c1'));
  if (!neutral) return { r, x, c };
  const z = (i: number, j: number): Complex => complex(r[i]![j]!, x[i]![j]);
  // Kron: z_ij - z_in z_nj / z_nn.
  const reduced = phases.map((_, i) =>
    phases.map((__, j) => subtract(z(i, j), divide(multiply(z(i, 3), z(3, j)), z(3, 3)))),
  );
  return { r: reduced.map((row) => row.map(({ re }) => re)), x: reduced.map((row) => row.map(({ im }) => im)), c };
}

/** Self term (c0 + 2 c1) / 3, mutual term (c0 - c1) / 3. */
function fromSequences(c0: number, c1: number): Matrix {
  return phases.map((_, i) => phases.map((__, j) => (i === j ? (c0 + 2 * c1) / 3 : (c0 - c1) / 3)));
}
