/** Automatic tap control: steps the tap changers of a grid until every controlled voltage lies in its band. */
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import type { GridDocument, GridTransformer } from '../../grids/schema.ts';
import { phaseTurn } from '../../grids/sequence.ts';
import { findIslands } from '../../grids/topology.ts';
import { add, complex, multiply, scale, type Complex } from '../../numerics/complex.ts';
import { createPowerFlow, type PowerFlow, type PowerFlowOptions, type PowerFlowResult } from './power-flow.ts';

/**
 * Which of several valid positions is wanted: the first that is met from the present one, or the one of the lowest or
 * highest voltage.
 */
export type TapStrategy = 'nearest' | 'lowest' | 'highest';

export interface TapControlResult {
  /**
   * `held`: every voltage is in its band. `limited`: some tap changer stands at the end of its range. `hunting`: a band
   * is too narrow for a step, positions repeat. `diverged`: the power flow found no solution.
   */
  readonly status: 'held' | 'limited' | 'hunting' | 'diverged';
  /** Final positions by transformer id. */
  readonly positions: ReadonlyMap<string, number>;
  /** The power flow in these positions. */
  readonly flow: PowerFlow;
  readonly result: PowerFlowResult;
  /** Power flows that were solved on the way. */
  readonly solves: number;
}

/** A tap changer with control, by its place among the transformers of the document. */
interface Regulator {
  readonly index: number;
  readonly unit: GridTransformer;
  readonly tap: NonNullable<GridTransformer['tap']>;
  readonly control: NonNullable<NonNullable<GridTransformer['tap']>['control']>;
  readonly min: number;
  readonly max: number;
  /** +1 when a higher position raises the controlled voltage. */
  readonly sense: 1 | -1;
  /** Controlled transformers between it and the nearest source: upstream ones settle first. */
  readonly rank: number;
  /** Controlled bus. */
  readonly bus: number;
}

/** More rounds than any settling control needs; a hunting one repeats a state long before. */
const MAX_ROUNDS = 1000;

/** Moves the taps of a validated document. Regulators without a path to a source keep their position. */
export function controlTaps(
  document: GridDocument,
  strategy: TapStrategy,
  options: PowerFlowOptions = {},
): TapControlResult {
  const regulators = findRegulators(document);
  const positions = new Map(regulators.map((one) => [one.index, startPosition(one, strategy)]));
  let solves = 0;
  const attempt = (): Attempt => {
    solves++;
    const flow = createPowerFlow(compileGrid(withPositions(document, positions)), options);
    const result = flow.solve();
    const wishes = result.converged
      ? regulators.map((one) => wantedPosition(one, flow, positions.get(one.index)!))
      : [];
    return { flow, result, wishes };
  };
  let settled = settle(regulators, positions, attempt);
  if (strategy !== 'nearest' && settled.status === 'held') {
    settled = pushOn(strategy, regulators, positions, settled, attempt);
  }
  const { status, flow, result } = settled;
  const names = [...positions].map(([index, at]) => [document.transformers[index]!.id, at] as const);
  return { status, positions: new Map(names), flow, result, solves };
}

/** A power flow in some positions, and where each regulator would go from there. */
interface Attempt {
  readonly flow: PowerFlow;
  readonly result: PowerFlowResult;
  readonly wishes: readonly Wish[];
}

/** Steps regulators, upstream ones first, until none wants to move or positions repeat. */
function settle(regulators: readonly Regulator[], positions: Map<number, number>, attempt: () => Attempt): Settled {
  const seen = new Set<string>();
  for (let round = 0; ; round++) {
    const tried = attempt();
    if (!tried.result.converged) return { ...tried, status: 'diverged' };
    if (!moveFirstRank(regulators, tried.wishes, positions)) {
      return { ...tried, status: tried.wishes.some((wish) => wish.blocked) ? 'limited' : 'held' };
    }
    const state = [...positions.values()].join(' ');
    if (seen.has(state) || round >= MAX_ROUNDS) return { ...tried, status: 'hunting' };
    seen.add(state);
  }
}

type Settled = Attempt & Pick<TapControlResult, 'status'>;

/**
 * What settled downstream later may leave room for a still lower (higher) voltage upstream. Steps the regulators of each
 * bus on, together and upstream ones first, lets the rest settle again, and keeps what holds every voltage.
 */
function pushOn(
  strategy: TapStrategy,
  regulators: readonly Regulator[],
  positions: Map<number, number>,
  first: Settled,
  attempt: () => Attempt,
): Settled {
  let settled = first;
  const ordered = regulators.toSorted((a, b) => a.rank - b.rank);
  for (const controlled of new Set(ordered.map(({ bus }) => bus))) {
    const group = ordered.filter(({ bus }) => bus === controlled);
    for (;;) {
      const before = new Map(positions);
      for (const { index, sense, min, max } of group) {
        const next = positions.get(index)! + (strategy === 'lowest' ? -sense : sense);
        positions.set(index, Math.min(max, Math.max(min, next)));
      }
      const wanted = group.map(({ index }) => positions.get(index));
      const tried = settle(regulators, positions, attempt);
      const kept = group.every(({ index }, k) => positions.get(index) === wanted[k]);
      const moved = group.some(({ index }) => positions.get(index) !== before.get(index));
      if (tried.status === 'held' && kept && moved) {
        settled = tried;
        continue;
      }
      for (const [index, position] of before) positions.set(index, position);
      break;
    }
  }
  return settled;
}

/** Moves the regulators nearest to the sources that want to, all at once; false when none does. */
function moveFirstRank(
  regulators: readonly Regulator[],
  wishes: readonly Wish[],
  positions: Map<number, number>,
): boolean {
  const wanting = regulators.filter((one, k) => wishes[k]!.position !== positions.get(one.index));
  if (wanting.length === 0) return false;
  const first = Math.min(...wanting.map(({ rank }) => rank));
  for (const one of wanting) {
    if (one.rank === first) positions.set(one.index, wishes[regulators.indexOf(one)]!.position);
  }
  return true;
}

function findRegulators(document: GridDocument): Regulator[] {
  const grid = compileGrid(document);
  const offset = document.lines.length;
  const found = document.transformers.flatMap((unit, index) => {
    const { tap } = unit;
    const branch = grid.branches[offset + index]!;
    const closed = unit.inService && unit.fromClosed && unit.toClosed;
    if (tap?.control === undefined || !closed || grid.energised[branch.from] === 0) return [];
    const sense: 1 | -1 = (tap.side === tap.control.side ? 1 : -1) * (tap.stepPercent < 0 ? -1 : 1) > 0 ? 1 : -1;
    const { min = tap.position, max = tap.position, control } = tap;
    return [{ index, unit, tap, control, min, max, sense, branch }];
  });
  const distance = distances(grid, new Set(found.map(({ branch }) => branch)));
  return found.map(({ branch, ...one }) => ({
    ...one,
    rank: Math.min(distance[branch.from]!, distance[branch.to]!),
    bus: one.control.side === 'from' ? branch.from : branch.to,
  }));
}

/** For every bus, the fewest controlled transformers between it and a source. */
function distances(grid: CompiledGrid, controlled: ReadonlySet<CompiledBranch>): number[] {
  const plain = grid.branches.filter((branch) => !controlled.has(branch) && branch.yft.some((value) => value !== 0));
  const { island, count } = findIslands(grid.busCount, plain);
  const distance = Array.from({ length: count }, () => Infinity);
  for (const { bus } of grid.sources) distance[island[bus]!] = 0;
  const edges = [...controlled].map(({ from, to }) => [island[from]!, island[to]!] as const);
  for (let changed = true; changed;) {
    changed = false;
    for (const [a, b] of edges) {
      const next = Math.min(distance[a]!, distance[b]!) + 1;
      for (const end of [a, b]) {
        if (next >= distance[end]!) continue;
        distance[end] = next;
        changed = true;
      }
    }
  }
  return Array.from(island, (one) => distance[one]!);
}

function startPosition({ tap, min, max, sense }: Regulator, strategy: TapStrategy): number {
  if (strategy === 'nearest') return Math.min(max, Math.max(min, tap.position));
  return (strategy === 'lowest') === sense > 0 ? min : max;
}

function withPositions(document: GridDocument, positions: ReadonlyMap<number, number>): GridDocument {
  const transformers = document.transformers.map((unit, index) => {
    const position = positions.get(index);
    return position === undefined || unit.tap === undefined ? unit : { ...unit, tap: { ...unit.tap, position } };
  });
  return { ...document, transformers };
}

interface Wish {
  readonly position: number;
  /** Out of its band, with no step left. */
  readonly blocked: boolean;
}

/**
 * Towards the band: by half of the steps that the distance suggests, so as not to pass the nearest valid position even
 * where constant powers make the voltage move further than the tap, but at least by one.
 */
function wantedPosition(one: Regulator, flow: PowerFlow, position: number): Wish {
  const { control, tap, min, max, sense } = one;
  const voltage = controlledVoltage(one, flow);
  const low = control.voltageV - control.bandV / 2;
  const high = control.voltageV + control.bandV / 2;
  if (!(voltage < low) && !(voltage > high)) return { position, blocked: false };
  const away = voltage < low ? low - voltage : voltage - high;
  const step = Math.max(1e-9, (Math.abs(tap.stepPercent) / 100) * voltage);
  const steps = Math.max(1, Math.floor((0.5 * away) / step));
  const wanted = position + (voltage < low ? 1 : -1) * sense * steps;
  const held = Math.min(max, Math.max(min, wanted));
  return { position: held, blocked: held === position };
}

/** Line-to-line voltage of the controlled side, V, behind the line drop compensation: |v + z i| with i into the unit. */
function controlledVoltage({ index, control }: Regulator, flow: PowerFlow): number {
  const { grid } = flow;
  const branch = grid.branches[grid.document.lines.length + index]!;
  const bus = control.side === 'from' ? branch.from : branch.to;
  const current = flow.branchCurrents()[control.side];
  const base = grid.baseVoltageV[bus]!;
  const v = scale(positiveSequence(grid, flow.voltage, bus), base);
  const i = scale(positiveSequence(grid, current, branch.index), grid.basePowerVA / base);
  const z = complex(control.lineDropROhm, control.lineDropXOhm);
  const { re, im } = add(v, multiply(z, i));
  return Math.sqrt(3) * Math.hypot(re, im);
}

/** Positive sequence of the phasors that stand at a place, or the only one. */
function positiveSequence({ phases }: CompiledGrid, values: Float64Array, place: number): Complex {
  let sum = complex(0);
  for (let k = 0; k < phases; k++) {
    const at = 2 * (place * phases + k);
    sum = add(sum, multiply(complex(values[at]!, values[at + 1]), phaseTurn((3 - k) % 3)));
  }
  return scale(sum, 1 / phases);
}
