/** What given setpoints come to: state of charge by the physics of the batteries, exchange by the balance, and the bill. */
import { balanceStep } from '../rules.ts';
import type { Plan, PlannedBattery, PlanObjective } from './plan.ts';
import type { PlanBattery, PlanProblem } from './problem.ts';

export type SettledPlan = Pick<Plan, 'batteries' | 'exchangeW' | 'generationW' | 'curtailedW' | 'objective'>;

/**
 * Follows the setpoints (W by battery and step, discharge positive) as far as the powers and the windows of the batteries
 * allow; what they cannot do is left to the grid. Other demands of the problem are not looked at.
 */
export function settle(
  problem: PlanProblem,
  setpointsW: readonly (readonly number[])[],
  curtailedW: readonly number[],
): SettledPlan {
  const batteries = problem.batteries.map((battery, n) => follow(battery, setpointsW[n] ?? [], problem.stepS));
  const generationW = problem.generationW.map((powerW, step) => positiveZero(powerW - (curtailedW[step] as number)));
  const exchangeW = problem.loadW.map((loadW, step) => {
    const batteriesW = batteries.reduce((total, { powerW }) => total + (powerW[step] as number), 0);
    return positiveZero(loadW - (generationW[step] as number) - batteriesW);
  });
  return {
    batteries,
    exchangeW,
    generationW,
    curtailedW,
    objective: bill(problem, batteries, exchangeW, curtailedW),
  };
}

function follow(battery: PlanBattery, setpointsW: readonly number[], stepS: readonly number[]): PlannedBattery {
  const powerW: number[] = [];
  const soc = [battery.initialSoc];
  for (const [step, seconds] of stepS.entries()) {
    const done = balanceStep(battery, soc[step] as number, setpointsW[step] ?? 0, 0, seconds);
    powerW.push(positiveZero(done.batteryW));
    soc.push(done.stateOfCharge);
  }
  return { id: battery.id, powerW, soc };
}

function bill(
  problem: PlanProblem,
  batteries: readonly PlannedBattery[],
  exchangeW: readonly number[],
  curtailedW: readonly number[],
): PlanObjective {
  const { costs, stepS } = problem;
  const kWh = (powerW: number, step: number) => (powerW / 1000) * ((stepS[step] as number) / 3600);
  let deviation = 0;
  let tariff = 0;
  let curtailment = 0;
  for (const [step, powerW] of exchangeW.entries()) {
    const off = kWh(powerW - (problem.exchange.targetW[step] as number), step);
    deviation +=
      off * (off > 0 ? (costs.aboveTargetPerKWh[step] as number) : -(costs.belowTargetPerKWh[step] as number));
    const price = powerW > 0 ? costs.importPricePerKWh[step] : costs.exportPricePerKWh[step];
    tariff += kWh(powerW, step) * (price as number);
    curtailment += kWh(curtailedW[step] as number, step) * costs.curtailmentPerKWh;
  }
  const importPeakW = Math.max(costs.importPeakSoFarW, ...exchangeW) - costs.importPeakSoFarW;
  const exportPeakW = Math.max(costs.exportPeakSoFarW, ...exchangeW.map((each) => -each)) - costs.exportPeakSoFarW;
  const peaks = (importPeakW * costs.importPeakPerKW + exportPeakW * costs.exportPeakPerKW) / 1000;
  let wear = 0;
  let storedEnergy = 0;
  for (const [n, battery] of problem.batteries.entries()) {
    const { powerW, soc } = batteries[n] as PlannedBattery;
    wear += battery.wearPerKWh * powerW.reduce((total, power, step) => total + kWh(Math.abs(power), step), 0);
    storedEnergy -= ((soc.at(-1) as number) * battery.capacityWh * costs.storedValuePerKWh) / 1000;
  }
  const parts = { deviation, tariff, peaks, wear, curtailment, storedEnergy };
  const total = Object.values(parts).reduce((all, part) => all + part, 0);
  return { total: positiveZero(total), ...parts, storedEnergy: positiveZero(storedEnergy) };
}

/** Minus zero does not survive JSON; nobody should have to tell the two apart. */
function positiveZero(value: number): number {
  return value === 0 ? 0 : value;
}
