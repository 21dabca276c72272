/**
 * Currents (and source voltages) as linear combinations i = sum a_k v_k of bus-phase voltages: what power and current
 * measurements see of the grid. Each combination is kept once, however many measurements share it.
 */
import type { CompiledBranch, CompiledGrid, ComplexBlock } from '../../../grids/model.ts';
import type { MeasuredPlace } from '../estimator.ts';
import { type ShortBranch, withAdmittance } from './short-branches.ts';
import type { StateSpace } from './state-space.ts';

/** Coefficients of one combination by state. */
export type Coefficients = Map<number, [re: number, im: number]>;

/** One summand of a bus's current: a block times a bus's voltages, or a short branch's own current with its sign. */
type Summand =
  | { readonly bus: number; readonly y: ComplexBlock }
  | { readonly short: ShortBranch; readonly sign: 1 | -1 };

/** The combinations of one layout by number. */
export class LinearCurrents {
  readonly list: Coefficients[] = [];
  private readonly recipes: ((currents: LinearCurrents) => Coefficients)[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly grid: CompiledGrid;
  private readonly space: StateSpace;
  private readonly short: ReadonlyMap<number, ShortBranch>;
  /** Current into the grid at each bus, in summands; found when somebody first asks for one. */
  private summands: readonly (readonly Summand[])[] | undefined;

  constructor(grid: CompiledGrid, space: StateSpace) {
    this.grid = grid;
    this.space = space;
    this.short = new Map(space.shortBranches.map((short) => [short.branch, short]));
  }

  private summandsOf(bus: number): readonly Summand[] {
    if (this.summands === undefined) {
      const summands: Summand[][] = Array.from({ length: this.grid.busCount }, () => []);
      for (const branch of this.grid.branches) {
        summands[branch.from]!.push(...this.endSummands(branch, 'from'));
        summands[branch.to]!.push(...this.endSummands(branch, 'to'));
      }
      for (const shunt of this.grid.shunts) summands[shunt.bus]!.push(shunt);
      this.summands = summands;
    }
    return this.summands[bus]!;
  }

  /** Current that flows into the grid at a bus-phase: a row of the admittance matrix, shunts included. */
  injection(bus: number, phase: number): number {
    return this.numberOf(`bus:${bus}:${phase}`, (currents) => currents.injectionCoefficients(bus, phase));
  }

  /** Number of an injection that somebody asked for before, else -1. */
  knownInjection(bus: number, phase: number): number {
    return this.numbers.get(`bus:${bus}:${phase}`) ?? -1;
  }

  injectionCoefficients(bus: number, phase: number): Coefficients {
    return this.sum(this.summandsOf(bus), phase);
  }

  /** Current into a shunt. */
  shuntCoefficients(shunt: CompiledGrid['shunts'][number], phase: number): Coefficients {
    return this.sum([shunt], phase);
  }

  /** Current into a branch at one end. */
  branch(place: Exclude<MeasuredPlace, { at: 'bus' }>, phase: number): number {
    const key = `branch:${place.branch}:${place.at}:${phase}`;
    return this.numberOf(key, (currents) => currents.branchCoefficients(place, phase));
  }

  branchCoefficients(place: Exclude<MeasuredPlace, { at: 'bus' }>, phase: number): Coefficients {
    return this.sum(this.endSummands(this.grid.branches[place.branch]!, place.at), phase);
  }

  /** z i - (v_from - v_to) of one phase of a short branch: zero. */
  shortDrop(branch: number, position: number): number {
    return this.numberOf(`drop:${branch}:${position}`, (currents) => currents.dropCoefficients(branch, position));
  }

  private dropCoefficients(branch: number, position: number): Coefficients {
    const { phases, impedance } = this.short.get(branch)!;
    const into: Coefficients = new Map();
    const states = this.space.seriesStates.get(branch)!;
    phases.forEach((_, column) => {
      const k = 2 * (position * phases.length + column);
      addCoefficient(into, states[column]!, impedance[k]!, impedance[k + 1]!);
    });
    const { from, to } = this.grid.branches[branch]!;
    addCoefficient(into, this.voltageState(from, phases[position]!), -1, 0);
    addCoefficient(into, this.voltageState(to, phases[position]!), 1, 0);
    return into;
  }

  private endSummands(branch: CompiledBranch, end: 'from' | 'to'): Summand[] {
    const short = this.short.get(branch.index);
    if (short !== undefined) {
      return end === 'from'
        ? [
            { bus: branch.from, y: short.shuntFrom },
            { short, sign: 1 },
          ]
        : [
            { bus: branch.to, y: short.shuntTo },
            { short, sign: -1 },
          ];
    }
    const [own, transfer] = end === 'from' ? [branch.yff, branch.yft] : [branch.ytf, branch.ytt];
    return [
      { bus: branch.from, y: own },
      { bus: branch.to, y: transfer },
    ];
  }

  private sum(summands: readonly Summand[], phase: number): Coefficients {
    const into: Coefficients = new Map();
    for (const summand of summands) this.add(into, summand, phase, 1, 0);
    return into;
  }

  /** Adds row `phase` of a summand times a factor. */
  private add(into: Coefficients, summand: Summand, phase: number, fr: number, fi: number): void {
    if ('y' in summand) {
      this.addBlockRow(into, summand.bus, summand.y, phase, fr, fi);
      return;
    }
    const position = summand.short.phases.indexOf(phase);
    if (position < 0) return;
    const state = this.space.seriesStates.get(summand.short.branch)![position]!;
    addCoefficient(into, state, summand.sign * fr, summand.sign * fi);
  }

  private voltageState(bus: number, phase: number): number {
    return this.space.stateOf[bus * this.grid.phases + phase]!;
  }

  /**
   * A sequence component of the voltage behind a source: v + Z i with i into the grid at its bus (exact where nothing
   * else is connected there), turned by Fortescue's (1, a^k, a^2k) / 3, k = 0 for zero, 2 for negative.
   */
  source(number: number, sequence: 'zero' | 'negative'): number {
    return this.numberOf(`source:${number}:${sequence}`, (currents) => currents.sourceCoefficients(number, sequence));
  }

  private sourceCoefficients(number: number, sequence: 'zero' | 'negative'): Coefficients {
    const { phases, sources } = this.grid;
    const source = sources[number]!;
    const into: Coefficients = new Map();
    for (let phase = 0; phase < phases; phase += 1) {
      const turn = sequence === 'zero' ? 0 : ((phase * 4 * Math.PI) / 3) % (2 * Math.PI);
      const wr = Math.cos(turn) / 3;
      const wi = Math.sin(turn) / 3;
      addCoefficient(into, this.voltageState(source.bus, phase), wr, wi);
      if (source.y === undefined) continue;
      // w Z Y v with w the Fortescue row: Z's row times the bus's admittance rows.
      const z = invertCirculant(source.y, phases);
      for (let inner = 0; inner < phases; inner += 1) {
        const k = 2 * (phase * phases + inner);
        const fr = wr * z[k]! - wi * z[k + 1]!;
        const fi = wr * z[k + 1]! + wi * z[k]!;
        for (const summand of this.summandsOf(source.bus)) this.add(into, summand, inner, fr, fi);
      }
    }
    return into;
  }

  private numberOf(key: string, make: (currents: LinearCurrents) => Coefficients): number {
    const known = this.numbers.get(key);
    if (known !== undefined) return known;
    this.list.push(make(this));
    this.recipes.push(make);
    this.numbers.set(key, this.list.length - 1);
    return this.list.length - 1;
  }

  /** The combinations of the list on a grid with the same branches but other admittances. */
  onGrid(grid: CompiledGrid): Coefficients[] {
    const shortBranches = this.space.shortBranches.map((short) =>
      withAdmittance(grid.branches[short.branch]!, short, this.grid.branches[short.branch]!),
    );
    const currents = new LinearCurrents(grid, { ...this.space, shortBranches });
    return this.recipes.map((make) => make(currents));
  }

  private addBlockRow(into: Coefficients, bus: number, y: ComplexBlock, row: number, fr: number, fi: number): void {
    const { phases } = this.grid;
    for (let column = 0; column < phases; column += 1) {
      const k = 2 * (row * phases + column);
      const re = y[k]!;
      const im = y[k + 1]!;
      if (re === 0 && im === 0) continue;
      addCoefficient(into, this.voltageState(bus, column), fr * re - fi * im, fr * im + fi * re);
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
