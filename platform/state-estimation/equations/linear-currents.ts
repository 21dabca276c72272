/**
 * Currents (and source voltages) as linear combinations i = sum a_k v_k of bus-phase voltages: what power and current
 * measurements see of the grid. Each combination is kept once, however many measurements share it.
 */
import type { CompiledGrid, ComplexBlock } from '../../../grids/model.ts';
import type { MeasuredPlace } from '../estimator.ts';

/** Coefficients of one combination by state. */
type Coefficients = Map<number, [re: number, im: number]>;

/** The combinations of one layout by number; `stateOf` maps bus-phases to states, -1 where dead. */
export class LinearCurrents {
  readonly list: Coefficients[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly grid: CompiledGrid;
  private readonly stateOf: Int32Array;
  /** Block row of the admittance matrix at each bus, in parts. */
  private readonly admittance: (readonly { readonly bus: number; readonly y: ComplexBlock }[])[];

  constructor(grid: CompiledGrid, stateOf: Int32Array) {
    this.grid = grid;
    this.stateOf = stateOf;
    const rows: { bus: number; y: ComplexBlock }[][] = Array.from({ length: grid.busCount }, () => []);
    for (const branch of grid.branches) {
      rows[branch.from]!.push({ bus: branch.from, y: branch.yff }, { bus: branch.to, y: branch.yft });
      rows[branch.to]!.push({ bus: branch.from, y: branch.ytf }, { bus: branch.to, y: branch.ytt });
    }
    for (const shunt of grid.shunts) rows[shunt.bus]!.push(shunt);
    this.admittance = rows;
  }

  /** Current that flows into the grid at a bus-phase: a row of the admittance matrix, shunts included. */
  injection(bus: number, phase: number): number {
    return this.numberOf(`bus:${bus}:${phase}`, (into) => {
      for (const { bus: other, y } of this.admittance[bus]!) this.addBlockRow(into, other, y, phase, 1, 0);
    });
  }

  /** Number of an injection that somebody asked for before, else -1. */
  knownInjection(bus: number, phase: number): number {
    return this.numbers.get(`bus:${bus}:${phase}`) ?? -1;
  }

  /** Current into a branch at one end. */
  branch(place: Exclude<MeasuredPlace, { at: 'bus' }>, phase: number): number {
    return this.numberOf(`branch:${place.branch}:${place.at}:${phase}`, (into) => {
      const branch = this.grid.branches[place.branch]!;
      const [own, transfer] = place.at === 'from' ? [branch.yff, branch.yft] : [branch.ytf, branch.ytt];
      this.addBlockRow(into, branch.from, own, phase, 1, 0);
      this.addBlockRow(into, branch.to, transfer, phase, 1, 0);
    });
  }

  /**
   * A sequence component of the voltage behind a source: v + Z i with i into the grid at its bus (exact where nothing
   * else is connected there), turned by Fortescue's (1, a^k, a^2k) / 3, k = 0 for zero, 2 for negative.
   */
  source(number: number, sequence: 'zero' | 'negative'): number {
    const { phases, sources } = this.grid;
    const source = sources[number]!;
    return this.numberOf(`source:${number}:${sequence}`, (into) => {
      for (let phase = 0; phase < phases; phase += 1) {
        const turn = sequence === 'zero' ? 0 : ((phase * 4 * Math.PI) / 3) % (2 * Math.PI);
        const wr = Math.cos(turn) / 3;
        const wi = Math.sin(turn) / 3;
        addCoefficient(into, this.stateOf[source.bus * phases + phase]!, wr, wi);
        if (source.y === undefined) continue;
        // w Z Y v with w the Fortescue row: Z's row times the bus's admittance rows.
        const z = invertCirculant(source.y, phases);
        for (let inner = 0; inner < phases; inner += 1) {
          const k = 2 * (phase * phases + inner);
          const fr = wr * z[k]! - wi * z[k + 1]!;
          const fi = wr * z[k + 1]! + wi * z[k]!;
          for (const { bus, y } of this.admittance[source.bus]!) this.addBlockRow(into, bus, y, inner, fr, fi);
        }
      }
    });
  }

  private numberOf(key: string, fill: (into: Coefficients) => void): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    const into: Coefficients = new Map();
    fill(into);
    this.list.push(into);
    this.numbers.set(key, this.list.length - 1);
    return this.list.length - 1;
  }

  private addBlockRow(into: Coefficients, bus: number, y: ComplexBlock, row: number, fr: number, fi: number): void {
    const { phases } = this.grid;
    for (let column = 0; column < phases; column += 1) {
      const k = 2 * (row * phases + column);
      const re = y[k]!;
      const im = y[k + 1]!;
      if (re === 0 && im === 0) continue;
      addCoefficient(into, this.stateOf[bus * phases + column]!, fr * re - fi * im, fr * im + fi * re);
    }
  }
}

function addCoefficient(into: Coefficients, state: number, re: number, im: number): void {
  // A branch may end at a dead bus only with zero admittance towards it.
  if (state < 0) return;
  const known = into.get(state);
  if (known === undefined) into.set(state, [re, im]);
  else {
    known[0] += re;
    known[1] += im;
  }
}

/** Inverse of a circulant complex block by its sequence values (source impedances are circulant by construction). */
function invertCirculant(y: ComplexBlock, phases: number): Float64Array {
  const z = new Float64Array(y.length);
  const lambda: [number, number][] = [];
  for (let k = 0; k < phases; k += 1) {
    let re = 0;
    let im = 0;
    for (let c = 0; c < phases; c += 1) {
      const turn = (2 * Math.PI * k * c) / phases;
      re += y[2 * c]! * Math.cos(turn) - y[2 * c + 1]! * Math.sin(turn);
      im += y[2 * c]! * Math.sin(turn) + y[2 * c + 1]! * Math.cos(turn);
    }
    const d = re * re + im * im;
    lambda.push([re / d, -im / d]);
  }
  for (let r = 0; r < phases; r += 1) {
    for (let c = 0; c < phases; c += 1) {
      lambda.forEach(([re, im], k) => {
        const turn = (2 * Math.PI * k * (r - c)) / phases;
        z[2 * (r * phases + c)]! += (re * Math.cos(turn) - im * Math.sin(turn)) / phases;
        z[2 * (r * phases + c) + 1]! += (re * Math.sin(turn) + im * Math.cos(turn)) / phases;
      });
    }
  }
  return z;
}
