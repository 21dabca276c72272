/** Why a power flow has no solution: what is left where, and how much of the powers the grid would carry. */
import type { CompiledGrid } from '../../grids/model.ts';
import { createBusAdmittance } from './power-flow-admittance.ts';
import { createElementModel } from './power-flow-elements.ts';
import type { PowerFlow, PowerFlowResult } from './power-flow.ts';
import { createPowerFlow } from './power-flow.ts';
import { stiffBuses } from './power-flow-stiff-buses.ts';

export interface PowerFlowDiagnosis {
  /** A sentence without a full stop. */
  readonly reason: string;
  /** Largest mismatch before each linear solve, VA; null where it was no number any more. */
  readonly historyVA: readonly (number | null)[];
  /** Buses with the largest mismatch at the best voltages that were found. */
  readonly worstBuses: readonly {
    readonly id: string;
    readonly phase?: string;
    readonly mismatchVA: number;
    readonly vmPu: number;
  }[];
  /** Largest share of all powers that still has a solution; undefined when not even a tenth has. */
  readonly carriedShare: number | undefined;
}

const WORST_BUSES = 5;
/** Steps of bisection, and bus-phases up to which they cost no more than the power flow itself did. */
const BISECTIONS = 8;
const SMALL = 5000;

/** After a `solve` that did not converge. Costs up to a dozen further solves. */
export function diagnosePowerFlow(flow: PowerFlow, result: PowerFlowResult): PowerFlowDiagnosis {
  const { grid } = flow;
  const base = grid.basePowerVA * (grid.phases === 1 ? 3 : 1);
  const history = Array.from(flow.history().subarray(0, result.iterations + 1), (value) => value * base);
  const worst = worstPlaces(flow).slice(0, WORST_BUSES);
  const carriedShare = largestShare(flow);
  return {
    reason: reasonOf(grid, flow, result, worst[0], carriedShare),
    historyVA: history.map((value) => (Number.isFinite(value) ? value : null)),
    worstBuses: worst.map(({ place, mismatch, vm }) => ({
      id: grid.busIds[Math.floor(place / grid.phases)]![0]!,
      ...(grid.phases === 3 && { phase: 'ABC'[place % 3]! }),
      mismatchVA: mismatch * base,
      vmPu: vm,
    })),
    carriedShare,
  };
}

interface Place {
  readonly place: number;
  readonly mismatch: number;
  readonly vm: number;
}

/** |v| |Y v - i| of every place whose voltage is solved for, largest first. */
function worstPlaces({ grid, powers, voltage }: PowerFlow): Place[] {
  const elements = createElementModel(grid);
  const live = voltage.map((value) => (Number.isFinite(value) ? value : 0));
  const net = new Float64Array(live.length);
  const injected = new Float64Array(live.length);
  const busPower = new Float64Array(live.length);
  createBusAdmittance(grid, new Map()).netCurrent(live, net);
  elements.sumConstantPower(powers, busPower);
  elements.inject(elements.free, powers, busPower, live, injected);
  const held = stiffBuses(grid);
  return Array.from(grid.energisedPhases.keys())
    .filter((place) => grid.energisedPhases[place] === 1 && !held.has(Math.floor(place / grid.phases)))
    .map((place) => {
      const at = 2 * place;
      const vm = Math.hypot(live[at]!, live[at + 1]!);
      return { place, vm, mismatch: vm * Math.hypot(net[at]! - injected[at]!, net[at + 1]! - injected[at + 1]!) };
    })
    .filter(({ mismatch }) => Number.isFinite(mismatch))
    .toSorted((a, b) => b.mismatch - a.mismatch || a.place - b.place);
}

/** Bisects the common factor of all powers between what Newton solves and what it does not. */
function largestShare(failed: PowerFlow): number | undefined {
  const flow = createPowerFlow(failed.grid, { method: 'newton' });
  const solvesAt = (share: number): boolean => {
    for (const kind of ['load', 'generator', 'battery'] as const) {
      failed.powers[kind].forEach((value, k) => (flow.powers[kind][k] = share * value));
    }
    flow.flatStart();
    return flow.solve().converged;
  };
  let low = 0.1;
  let high = 1;
  if (!solvesAt(low)) return undefined;
  const rounds = failed.voltage.length / 2 <= SMALL ? BISECTIONS : BISECTIONS / 2;
  for (let round = 0; round < rounds; round++) {
    const middle = (low + high) / 2;
    if (solvesAt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function reasonOf(
  grid: CompiledGrid,
  flow: PowerFlow,
  { iterations, worstMismatchPu, worstBus, worstPhase }: PowerFlowResult,
  worst: Place | undefined,
  carried: number | undefined,
): string {
  const place = worst?.place ?? (worstBus < 0 ? -1 : worstBus * grid.phases + worstPhase);
  const bus = place < 0 ? '' : ` at bus ${grid.busIds[Math.floor(place / grid.phases)]![0]}`;
  const phase = place < 0 || grid.phases === 1 ? '' : ` phase ${'ABC'[place % 3]}`;
  const base = grid.basePowerVA * (grid.phases === 1 ? 3 : 1);
  const left = (worst?.mismatch ?? worstMismatchPu) * base;
  const size = Number.isFinite(left) ? `a mismatch of ${left.toPrecision(3)} VA is left` : 'the mismatch is no number';
  const cause =
    carried === undefined
      ? 'not even a tenth of the powers has a solution: look at impedances, taps and voltage setpoints'
      : `the grid carries about ${(100 * carried).toFixed(0)} % of these powers`;
  return `no convergence after ${iterations} iterations (${flow.method()}): ${size}${bus}${phase}; ${cause}`;
}
