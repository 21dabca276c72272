/** A demand in words, with ids, units and times as people use them. */
import { formatInstant } from '../../contract/time.ts';
import type { DemandKind } from './plan.ts';
import type { EnergyPackage, PlanBattery, PlanProblem } from './problem.ts';

/** `of` are the ids of its batteries or its package; `steps` are boundaries for a state of charge. */
export function demandText(
  problem: PlanProblem,
  demand: DemandKind,
  of: readonly string[],
  steps: readonly number[],
): string {
  const { maxW, minW } = problem.exchange;
  const limits = (limitsW: readonly number[]) => steps.map((step) => limitsW[step] as number);
  const batteries = problem.batteries.filter(({ id }) => of.includes(id));
  const all = (value: (battery: PlanBattery) => number) => batteries.map(value);
  const each = problem.packages.find(({ id }) => of.includes(id));
  const what: Readonly<Record<DemandKind, () => string>> = {
    'exchange-max': () => limitText('most', limits(maxW)),
    'exchange-min': () => limitText('least', limits(minW)),
    'package-energy': () => packageText(each),
    'package-constant-power': () => `package "${each?.id}": one constant power`,
    'soc-target': () => `${namesOf(of)}: ${targetText(batteries, steps)}`,
    'soc-min': () => `${namesOf(of)}: state of charge at least ${percents(all(({ socMin }) => socMin))}`,
    'soc-max': () => `${namesOf(of)}: state of charge at most ${percents(all(({ socMax }) => socMax))}`,
    'charge-power': () => `${namesOf(of)}: charging with at most ${kilowatts(all(({ maxChargeW }) => maxChargeW))}`,
    'discharge-power': () =>
      `${namesOf(of)}: discharging with at most ${kilowatts(all(({ maxDischargeW }) => maxDischargeW))}`,
    'charge-only': () => `${namesOf(of)}: never discharging`,
    'surplus-only': () => 'charging from surplus only, importing for the deficit only',
    'no-curtailment': () => 'no curtailment of production',
  };
  const when = demand.startsWith('soc-') ? instantsOf(problem, steps) : spansOf(problem, steps);
  return `${what[demand]()} ${when}`;
}

/** `battery "a"`, or `5 batteries ("a", "b", "c" and 2 more)`. */
function namesOf(ids: readonly string[]): string {
  if (ids.length === 1) return `battery "${ids[0]}"`;
  const more = ids.length - LISTED_MAX;
  const named = ids.slice(0, LISTED_MAX).map((id) => `"${id}"`);
  return `${ids.length} batteries (${named.join(', ')}${more > 0 ? ` and ${more} more` : ''})`;
}

/** A limit of the exchange as people see it: the same number is an import above zero and an export below. */
function limitText(side: 'most' | 'least', limitsW: readonly number[]): string {
  const [low, high] = [Math.min(...limitsW), Math.max(...limitsW)];
  if (low === 0 && high === 0) return side === 'most' ? 'no import' : 'no export';
  if (side === 'most' ? low >= 0 : low > 0) return `import at ${side} ${kilowatts(limitsW)}`;
  if (side === 'least' ? high <= 0 : high < 0)
    return `export at ${side === 'most' ? 'least' : 'most'} ${kilowatts(limitsW.map((each) => -each))}`;
  return `grid exchange at ${side} ${kilowatts(limitsW)} (import positive)`;
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

function targetText(batteries: readonly PlanBattery[], steps: readonly number[]): string {
  const targets = batteries.flatMap(({ socTargets }) => socTargets.filter(({ boundary }) => steps.includes(boundary)));
  const span = percents(targets.flatMap(({ minSoc, maxSoc }) => [minSoc, maxSoc]));
  return batteries.length > 1 ? `state of charge as demanded of each, within ${span}` : `state of charge ${span}`;
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

function boundary({ startUs, stepS, zoneOffsetUs }: PlanProblem, index: number): string {
  const seconds = stepS.slice(0, index).reduce((sum, each) => sum + each, 0);
  return formatInstant(startUs + Math.round(seconds * 1e6), zoneOffsetUs);
}

function kilo(value: number): string {
  return String(Number((value / 1000).toFixed(3)));
}

function kilowatts(valuesW: readonly number[]): string {
  return `${spanOf(valuesW.map((value) => Number(kilo(value))))} kW`;
}

function percents(shares: readonly number[]): string {
  return spanOf(shares.map((share) => Number((share * 100).toFixed(2)))) + ' %';
}

function spanOf(values: readonly number[]): string {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return low === high ? String(low) : `${low} to ${high}`;
}
