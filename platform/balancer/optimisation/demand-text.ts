/** A demand in words, with ids, units and times as people use them. */
import { formatInstant } from '../../contract/time.ts';
import type { DemandKind } from './plan.ts';
import type { EnergyPackage, PlanBattery, PlanProblem } from './problem.ts';

/** `of` is the id of its battery or package; `steps` are boundaries for a state of charge. */
export function demandText(
  problem: PlanProblem,
  demand: DemandKind,
  of: string | undefined,
  steps: readonly number[],
): string {
  const { maxW, minW } = problem.exchange;
  const limits = (limitsW: readonly number[]) => steps.map((step) => limitsW[step] as number);
  const battery = problem.batteries.find(({ id }) => id === of);
  const each = problem.packages.find(({ id }) => id === of);
  const what: Readonly<Record<DemandKind, () => string>> = {
    'exchange-max': () => limitText('most', limits(maxW)),
    'exchange-min': () => limitText('least', limits(minW)),
    'package-energy': () => packageText(each),
    'package-constant-power': () => `package "${of}": one constant power`,
    'soc-target': () => `battery "${of}": ${targetText(battery, steps)}`,
    'soc-min': () => `battery "${of}": state of charge at least ${percent(battery?.socMin)}`,
    'soc-max': () => `battery "${of}": state of charge at most ${percent(battery?.socMax)}`,
    'charge-power': () => `battery "${of}": charging with at most ${kilo(battery?.maxChargeW)} kW`,
    'discharge-power': () => `battery "${of}": discharging with at most ${kilo(battery?.maxDischargeW)} kW`,
    'charge-only': () => `battery "${of}": never discharging`,
    'surplus-only': () => 'charging from surplus only, importing for the deficit only',
    'no-curtailment': () => 'no curtailment of production',
  };
  const when = demand.startsWith('soc-') ? instantsOf(problem, steps) : spansOf(problem, steps);
  return `${what[demand]()} ${when}`;
}

/** A limit of the exchange as people see it: the same number is an import above zero and an export below. */
function limitText(side: 'most' | 'least', limitsW: readonly number[]): string {
  const low = Math.min(...limitsW);
  const high = Math.max(...limitsW);
  const span = (a: number, b: number) => (a === b ? `${kilo(a)} kW` : `${kilo(a)} to ${kilo(b)} kW`);
  if (low === 0 && high === 0) return side === 'most' ? 'no import' : 'no export';
  if (side === 'most' ? low >= 0 : low > 0) return `import at ${side} ${span(low, high)}`;
  if (side === 'least' ? high <= 0 : high < 0)
    return `export at ${side === 'most' ? 'least' : 'most'} ${span(-high, -low)}`;
  return `grid exchange at ${side} ${span(low, high)} (import positive)`;
}

function packageText(each: EnergyPackage | undefined): string {
  if (each === undefined) return 'package';
  const { id, at, direction, minEnergyWh, maxEnergyWh } = each;
  const amount =
    minEnergyWh === maxEnergyWh
      ? `${kilo(minEnergyWh)} kWh`
      : [
          ...(minEnergyWh > 0 ? [`at least ${kilo(minEnergyWh)} kWh`] : []),
          ...(maxEnergyWh < Infinity ? [`at most ${kilo(maxEnergyWh)} kWh`] : []),
        ].join(' and ');
  const where = {
    grid: { in: 'from the grid', out: 'to the grid' },
    batteries: { in: 'into the batteries', out: 'out of the batteries' },
  }[at][direction];
  return `package "${id}": ${amount} ${where}`;
}

function targetText(battery: PlanBattery | undefined, steps: readonly number[]): string {
  const target = battery?.socTargets.find(({ boundary }) => boundary === steps[0]);
  if (target === undefined) return 'state of charge';
  const { minSoc, maxSoc } = target;
  return `state of charge ${minSoc === maxSoc ? percent(minSoc) : `${percent(minSoc)} to ${percent(maxSoc)}`}`;
}

/** `from A to B`, a few of them when the steps are apart. */
function spansOf(problem: PlanProblem, steps: readonly number[]): string {
  return listed(
    runsOf(steps).map(([first, last]) => `from ${boundary(problem, first)} to ${boundary(problem, last + 1)}`),
  );
}

function instantsOf(problem: PlanProblem, boundaries: readonly number[]): string {
  return listed(
    runsOf(boundaries).map(([first, last]) =>
      first === last
        ? `at ${boundary(problem, first)}`
        : `from ${boundary(problem, first)} to ${boundary(problem, last)}`,
    ),
  );
}

const LISTED_MAX = 3;

function listed(parts: readonly string[]): string {
  const more = parts.length - LISTED_MAX;
  return [...parts.slice(0, LISTED_MAX), ...(more > 0 ? [`${more} times more`] : [])].join(' and ');
}

/** First and last of each run of neighbours. */
function runsOf(steps: readonly number[]): [number, number][] {
  const runs: [number, number][] = [];
  for (const step of steps) {
    const run = runs.at(-1);
    if (run !== undefined && step === run[1] + 1) run[1] = step;
    else runs.push([step, step]);
  }
  return runs;
}

function boundary({ startUs, stepS }: PlanProblem, index: number): string {
  const seconds = stepS.slice(0, index).reduce((sum, each) => sum + each, 0);
  return formatInstant(startUs + Math.round(seconds * 1e6));
}

function kilo(value = Number.NaN): string {
  return String(Number((value / 1000).toFixed(3)));
}

function percent(share = Number.NaN): string {
  return `${Number((share * 100).toFixed(2))} %`;
}
