/**
 * Whether a plan keeps what its problem demands, worked out anew from the setpoints: it shares no code with the planner.
 * Answers with what is wrong, one line each.
 */
import type { Plan } from '../../platform/balancer/optimisation/plan.ts';
import type { PlanBattery, PlanProblem } from '../../platform/balancer/optimisation/problem.ts';

/** W, Wh and share of the capacity that count as rounding; the solver keeps 1e-7 kW. */
const WATT = 0.01;
const SHARE = 1e-7;

export function faultsOfPlan(problem: PlanProblem, plan: Plan): string[] {
  const faults: string[] = [];
  const check = (holds: boolean, what: string) => {
    if (!holds) faults.push(what);
  };
  const at = (values: readonly number[], step: number) => values[step] ?? Number.NaN;
  const near = (a: number, b: number, tolerance: number) => Math.abs(a - b) <= tolerance;

  for (const [n, battery] of problem.batteries.entries()) {
    const planned = plan.batteries[n];
    check(planned?.id === battery.id, `battery ${n} is called ${planned?.id}`);
    check(planned?.powerW.length === problem.stepS.length, `${battery.id}: ${planned?.powerW.length} powers`);
    let storedWh = battery.initialSoc * battery.capacityWh;
    for (const [step, seconds] of problem.stepS.entries()) {
      const power = at(planned?.powerW ?? [], step);
      check(power <= battery.maxDischargeW && power >= -battery.maxChargeW, `${battery.id}: ${power} W at ${step}`);
      check(battery.mayDischarge || power <= 0, `${battery.id} discharges ${power} W at ${step}`);
      const terminalsWh = (power * seconds) / 3600;
      storedWh -= power >= 0 ? terminalsWh / battery.dischargeEfficiency : terminalsWh * battery.chargeEfficiency;
      const soc = at(planned?.soc ?? [], step + 1);
      check(
        near(soc, storedWh / battery.capacityWh, SHARE),
        `${battery.id}: state of charge does not follow at ${step}`,
      );
      check(soc >= battery.socMin - SHARE && soc <= battery.socMax + SHARE, `${battery.id}: ${soc} after ${step}`);
    }
    for (const { boundary, minSoc, maxSoc } of battery.socTargets) {
      const soc = at(planned?.soc ?? [], boundary);
      check(soc >= minSoc - SHARE && soc <= maxSoc + SHARE, `${battery.id}: ${soc} at boundary ${boundary}`);
    }
  }
  for (const [step, loadW] of problem.loadW.entries()) {
    const batteriesW = plan.batteries.reduce((sum, { powerW }) => sum + at(powerW, step), 0);
    const exchange = at(plan.exchangeW, step);
    const generation = at(plan.generationW, step);
    const forecast = at(problem.generationW, step);
    check(near(exchange, loadW - generation - batteriesW, WATT), `balance at ${step}`);
    check(near(generation + at(plan.curtailedW, step), forecast, WATT), `curtailment at ${step}`);
    check(generation >= -WATT && generation <= forecast + WATT, `production ${generation} W at ${step}`);
    check(problem.curtailment || near(generation, forecast, WATT), `production is held back at ${step}`);
    check(exchange >= at(problem.exchange.minW, step) - WATT, `exchange ${exchange} W below its limit at ${step}`);
    check(exchange <= at(problem.exchange.maxW, step) + WATT, `exchange ${exchange} W above its limit at ${step}`);
    if (problem.chargeFrom === 'surplus') {
      const charging = plan.batteries.reduce((sum, { powerW }) => sum + Math.max(0, -at(powerW, step)), 0);
      check(charging <= Math.max(0, forecast - loadW) + WATT, `charges ${charging} W without surplus at ${step}`);
      check(exchange <= Math.max(0, loadW - forecast) + WATT, `imports ${exchange} W beyond the deficit at ${step}`);
    }
  }
  for (const each of problem.packages) {
    const energyWh = range(each.fromStep, each.untilStep).reduce((sum, step) => {
      if (each.at === 'grid') return sum + (at(plan.exchangeW, step) * at(problem.stepS, step)) / 3600;
      const stored = problem.batteries.reduce((total, battery, n) => {
        const soc = plan.batteries[n]?.soc ?? [];
        return total + (at(soc, step + 1) - at(soc, step)) * battery.capacityWh;
      }, 0);
      return sum + stored;
    }, 0);
    const inDirection = each.direction === 'in' ? energyWh : -energyWh;
    check(inDirection >= each.minEnergyWh - 1, `package ${each.id} has ${inDirection} Wh only`);
    check(inDirection <= each.maxEnergyWh + 1, `package ${each.id} has ${inDirection} Wh`);
    const first = at(plan.exchangeW, each.fromStep);
    const constant = range(each.fromStep, each.untilStep).every((step) => near(at(plan.exchangeW, step), first, WATT));
    check(!each.constantPower || constant, `package ${each.id} is not constant`);
  }
  const { total, ...parts } = plan.objective;
  const billed = billOf(problem, plan);
  check(near(total, billed, 1e-6 * Math.max(1, Math.abs(billed))), `the bill says ${total}, it is ${billed}`);
  check(
    near(
      total,
      Object.values(parts).reduce((sum, part) => sum + part, 0),
      1e-9,
    ),
    'the parts are not the total',
  );
  return faults;
}

/** The objective of any setpoints and exchange, from the words of the problem's types. */
function billOf({ costs, exchange, stepS, batteries }: PlanProblem, plan: Plan): number {
  let bill = 0;
  for (const [step, seconds] of stepS.entries()) {
    const hours = seconds / 3600;
    const kW = (plan.exchangeW[step] ?? Number.NaN) / 1000;
    const off = kW - (exchange.targetW[step] ?? Number.NaN) / 1000;
    bill += hours * Math.max(0, off) * (costs.aboveTargetPerKWh[step] ?? Number.NaN);
    bill += hours * Math.max(0, -off) * (costs.belowTargetPerKWh[step] ?? Number.NaN);
    bill += hours * Math.max(0, kW) * (costs.importPricePerKWh[step] ?? Number.NaN);
    bill -= hours * Math.max(0, -kW) * (costs.exportPricePerKWh[step] ?? Number.NaN);
    bill += (hours * (plan.curtailedW[step] ?? Number.NaN) * costs.curtailmentPerKWh) / 1000;
    for (const [n, battery] of batteries.entries()) {
      bill += (hours * Math.abs(plan.batteries[n]?.powerW[step] ?? Number.NaN) * battery.wearPerKWh) / 1000;
    }
  }
  const most = (values: readonly number[], soFarW: number) => Math.max(0, Math.max(...values) - soFarW) / 1000;
  bill += costs.importPeakPerKW * most(plan.exchangeW, costs.importPeakSoFarW);
  bill +=
    costs.exportPeakPerKW *
    most(
      plan.exchangeW.map((power) => -power),
      costs.exportPeakSoFarW,
    );
  for (const [n, battery] of batteries.entries()) bill -= storedKWh(battery, plan, n) * costs.storedValuePerKWh;
  return bill;
}

function storedKWh(battery: PlanBattery, plan: Plan, n: number): number {
  return ((plan.batteries[n]?.soc.at(-1) ?? Number.NaN) * battery.capacityWh) / 1000;
}

function range(from: number, until: number): number[] {
  return Array.from({ length: until - from }, (_, index) => from + index);
}
