/** What makes a planning problem unreadable: lengths that differ, numbers that are none, limits upside down. */
import { InvalidInputError, type Problem } from '../../../grids/problem.ts';
import type { EnergyPackage, PlanBattery, PlanCosts, PlanProblem } from './problem.ts';

/**
 * Throws `InvalidInputError` with every fault of the problem. Demands that merely cannot be met together are no fault:
 * the plan says so.
 */
export function checkPlanProblem(problem: PlanProblem): void {
  const faults: Problem[] = [];
  const report = (path: string, message: string) => void faults.push({ path, message });
  const steps = problem.stepS.length;
  if (steps === 0) report('stepS', 'has no steps');
  if (!Number.isFinite(problem.startUs)) report('startUs', `${problem.startUs} is no instant`);
  checkSeries('stepS', problem.stepS, steps, report, { above: 0 });
  checkSeries('loadW', problem.loadW, steps, report);
  checkSeries('generationW', problem.generationW, steps, report, { min: 0 });
  checkExchange(problem, steps, report);
  const ids = new Set<string>();
  for (const [index, battery] of problem.batteries.entries()) {
    if (ids.has(battery.id)) report(`batteries[${index}].id`, `"${battery.id}" is the id of another battery, too`);
    ids.add(battery.id);
    checkBattery(`batteries[${index}]`, battery, steps, report);
  }
  const packageIds = new Set<string>();
  for (const [index, each] of problem.packages.entries()) {
    if (packageIds.has(each.id)) report(`packages[${index}].id`, `"${each.id}" is the id of another package, too`);
    packageIds.add(each.id);
    checkPackage(`packages[${index}]`, each, steps, report);
  }
  checkCosts(problem.costs, steps, report);
  if (faults.length > 0) throw new InvalidInputError(faults);
}

type Report = (path: string, message: string) => void;

interface Range {
  readonly min?: number;
  readonly max?: number;
  /** Exclusive. */
  readonly above?: number;
}

function checkSeries(path: string, values: readonly number[], steps: number, report: Report, range: Range = {}): void {
  if (values.length !== steps) report(path, `has ${values.length} entries, there are ${steps} steps`);
  for (const [index, value] of values.entries()) checkNumber(`${path}[${index}]`, value, report, range);
}

function checkNumber(path: string, value: number, report: Report, { min, max, above }: Range = {}): void {
  if (!Number.isFinite(value)) report(path, `${value} is no finite number`);
  else if (min !== undefined && value < min) report(path, `${value} is below ${min}`);
  else if (max !== undefined && value > max) report(path, `${value} is above ${max}`);
  else if (above !== undefined && value <= above) report(path, `${value} is not above ${above}`);
}

function checkExchange({ exchange }: PlanProblem, steps: number, report: Report): void {
  checkSeries('exchange.targetW', exchange.targetW, steps, report);
  for (const side of ['minW', 'maxW'] as const) {
    const values = exchange[side];
    if (values.length !== steps) report(`exchange.${side}`, `has ${values.length} entries, there are ${steps} steps`);
    const impossible = side === 'minW' ? Infinity : -Infinity;
    for (const [index, value] of values.entries()) {
      if (Number.isNaN(value) || value === impossible) report(`exchange.${side}[${index}]`, `${value} is no limit`);
    }
  }
  for (const [index, min] of exchange.minW.entries()) {
    const max = exchange.maxW[index] ?? Infinity;
    if (min > max) report(`exchange.minW[${index}]`, `${min} W is above maxW, ${max} W`);
  }
}

function checkBattery(path: string, battery: PlanBattery, steps: number, report: Report): void {
  const share = { min: 0, max: 1 };
  checkNumber(`${path}.maxDischargeW`, battery.maxDischargeW, report, { min: 0 });
  checkNumber(`${path}.maxChargeW`, battery.maxChargeW, report, { min: 0 });
  checkNumber(`${path}.capacityWh`, battery.capacityWh, report, { above: 0 });
  checkNumber(`${path}.socMin`, battery.socMin, report, share);
  checkNumber(`${path}.socMax`, battery.socMax, report, share);
  checkNumber(`${path}.chargeEfficiency`, battery.chargeEfficiency, report, { above: 0, max: 1 });
  checkNumber(`${path}.dischargeEfficiency`, battery.dischargeEfficiency, report, { above: 0, max: 1 });
  checkNumber(`${path}.wearPerKWh`, battery.wearPerKWh, report, { min: 0 });
  if (battery.socMin > battery.socMax) report(`${path}.socMin`, `${battery.socMin} is above socMax, ${battery.socMax}`);
  else checkNumber(`${path}.initialSoc`, battery.initialSoc, report, { min: battery.socMin, max: battery.socMax });
  for (const [index, target] of battery.socTargets.entries()) {
    const at = `${path}.socTargets[${index}]`;
    if (!Number.isInteger(target.boundary) || target.boundary < 0 || target.boundary > steps) {
      report(`${at}.boundary`, `${target.boundary} is none of the boundaries 0 to ${steps}`);
    }
    checkNumber(`${at}.minSoc`, target.minSoc, report, share);
    checkNumber(`${at}.maxSoc`, target.maxSoc, report, share);
    if (target.minSoc > target.maxSoc) report(`${at}.minSoc`, `${target.minSoc} is above maxSoc, ${target.maxSoc}`);
  }
}

function checkPackage(path: string, each: EnergyPackage, steps: number, report: Report): void {
  const { fromStep, untilStep, minEnergyWh, maxEnergyWh } = each;
  if (!Number.isInteger(fromStep) || fromStep < 0 || fromStep >= steps) {
    report(`${path}.fromStep`, `${fromStep} is none of the steps 0 to ${steps - 1}`);
  }
  if (!Number.isInteger(untilStep) || untilStep <= fromStep || untilStep > steps) {
    report(`${path}.untilStep`, `${untilStep} is not between ${fromStep + 1} and ${steps}`);
  }
  checkNumber(`${path}.minEnergyWh`, minEnergyWh, report, { min: 0 });
  if (Number.isNaN(maxEnergyWh) || maxEnergyWh < minEnergyWh) {
    report(`${path}.maxEnergyWh`, `${maxEnergyWh} Wh is not at least minEnergyWh, ${minEnergyWh} Wh`);
  }
  if (each.constantPower && each.at !== 'grid') {
    report(`${path}.constantPower`, 'is possible for packages at the grid only');
  }
}

function checkCosts(costs: PlanCosts, steps: number, report: Report): void {
  checkSeries('costs.aboveTargetPerKWh', costs.aboveTargetPerKWh, steps, report, { min: 0 });
  checkSeries('costs.belowTargetPerKWh', costs.belowTargetPerKWh, steps, report, { min: 0 });
  checkSeries('costs.importPricePerKWh', costs.importPricePerKWh, steps, report);
  checkSeries('costs.exportPricePerKWh', costs.exportPricePerKWh, steps, report);
  const single = ['importPeakPerKW', 'exportPeakPerKW', 'importPeakSoFarW', 'exportPeakSoFarW', 'curtailmentPerKWh'];
  for (const key of single as (keyof PlanCosts)[]) {
    checkNumber(`costs.${key}`, costs[key] as number, report, { min: 0 });
  }
  checkNumber('costs.storedValuePerKWh', costs.storedValuePerKWh, report);
}
