/** What each external grid delivers at the solved voltages, also where several stand at one bus. */
import type { CompiledGrid } from '../../grids/model.ts';
import { ZERO, add, complex, conjugate, multiply, scale, subtract, type Complex } from '../../numerics/complex.ts';
import { addMatrices, invertMatrix, multiplyMatrices, type ComplexMatrix } from '../../numerics/complex-matrix.ts';
import { createBusAdmittance } from './power-flow-admittance.ts';
import { createElementModel } from './power-flow-elements.ts';
import type { PowerFlow } from './power-flow.ts';

export interface SourcePower {
  readonly id: string;
  /** Delivered to the grid, W and var, per phase; in a positive-sequence grid the three-phase sum alone. */
  readonly activePowerW: readonly number[];
  readonly reactivePowerVar: readonly number[];
}

type Source = CompiledGrid['sources'][number];

/** In the order of `grid.sources`; not a number at phases without voltage. */
export function sourcePowers(flow: PowerFlow): SourcePower[] {
  const { grid, voltage } = flow;
  const { phases } = grid;
  const needed = neededCurrents(flow);
  const vectorAt = (values: Float64Array, bus: number): Complex[] =>
    Array.from({ length: phases }, (_, k) => {
      const at = 2 * (bus * phases + k);
      return complex(values[at]!, values[at + 1]);
    });
  const base = (grid.basePowerVA * 3) / phases;
  return grid.sources.map((source) => {
    const beside = grid.sources.filter(({ bus }) => bus === source.bus);
    const current = shareOf(source, beside, vectorAt(needed, source.bus));
    const power = vectorAt(voltage, source.bus).map((v, k) => scale(multiply(v, conjugate(current[k]!)), base));
    return {
      id: source.id,
      activePowerW: power.map(({ re }) => re),
      reactivePowerVar: power.map(({ im }) => im),
    };
  });
}

/** Current that the sources of each bus drive together: Kirchhoff's law there, per unit. */
function neededCurrents({ grid, powers, voltage, linear }: PowerFlow): Float64Array {
  const elements = createElementModel(grid, linear);
  const live = voltage.map((value) => (Number.isNaN(value) ? 0 : value));
  const [busPower, injected, needed] = [live.slice(), live.map(() => 0), live.slice()];
  // Without the sources' own admittances, which stand on the other side of the equation.
  createBusAdmittance({ ...grid, sources: [] }, new Map()).netCurrent(live, needed);
  elements.sumConstantPower(powers, busPower);
  elements.inject(elements.all, powers, busPower, live, injected);
  for (let k = 0; k < needed.length; k++) needed[k]! -= injected[k]!;
  return needed;
}

/**
 * One source takes all; stiff ones alike; others by their admittances: i = y (sum y)^-1 (sum of y_j (e - e_j) + i_all),
 * which needs no difference between an internal voltage and the bus that all but equals it.
 */
function shareOf(source: Source, beside: readonly Source[], all: readonly Complex[]): readonly Complex[] {
  const stiff = beside.filter(({ y }) => y === undefined);
  if (stiff.length > 0) return all.map((i) => (source.y === undefined ? scale(i, 1 / stiff.length) : ZERO));
  if (beside.length === 1) return all;
  const blocks = beside.map(({ y }) => blockOf(y!));
  const inverse = invertMatrix(blocks.reduce(addMatrices));
  if (inverse === undefined) return all.map(() => complex(Number.NaN, Number.NaN));
  const own = blockOf(source.y!);
  const column = (values: readonly Complex[]): ComplexMatrix => values.map((value) => [value]);
  const internal = (one: Source): Complex[] => all.map((_, k) => complex(one.voltage[2 * k]!, one.voltage[2 * k + 1]));
  // y_j (e - e_j) is nothing at all between sources of one voltage, however large their admittances.
  const towards = beside.map((other, k) =>
    multiplyMatrices(blocks[k]!, column(internal(source).map((e, p) => subtract(e, internal(other)[p]!)))),
  );
  const circulating = multiplyMatrices(own, multiplyMatrices(inverse, towards.reduce(addMatrices)));
  const shared = multiplyMatrices(own, multiplyMatrices(inverse, column(all)));
  return all.map((_, k) => add(circulating[k]![0]!, shared[k]![0]!));
}

function blockOf(y: Float64Array): ComplexMatrix {
  const size = Math.sqrt(y.length / 2);
  return Array.from({ length: size }, (_, r) =>
    Array.from({ length: size }, (__, c) => complex(y[2 * (r * size + c)]!, y[2 * (r * size + c) + 1])),
  );
}
