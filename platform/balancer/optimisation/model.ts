/**
 * A planning problem as a linear program in kW and kWh. What cannot be otherwise (energy balances, the forecast, where the
 * batteries start) stands in the program; what somebody demands stands beside it as bounds, each with its group, so that
 * a clash can be traced to the demands that it comes from.
 *
 *   load + sum ch + export = generation - curtailed + sum dis + import                       each step
 *   E(k + 1) = E(k) + h (eta_c ch - dis / eta_d)                                             each battery and step
 *   import <= import peak,  export <= export peak,  import - export - above + below = target
 */
import { createLinearProgram, type Bounds, type LinearProgram } from '../../../numerics/linear-program.ts';
import type { DemandKind } from './plan.ts';
import type { EnergyPackage, PlanBattery, PlanProblem } from './problem.ts';

/** Demands that belong together in people's eyes: the state-of-charge window of one battery, an upper limit of the exchange. */
export interface DemandGroup {
  readonly demand: DemandKind;
  /** Id of the battery or package. */
  readonly of?: string;
}

/** One bound of one step that a demand sets. */
export interface Demand {
  readonly group: number;
  /** Step, or boundary for a state of charge; first step of the slot for a package's energy. */
  readonly step: number;
  readonly on: 'column' | 'row';
  readonly index: number;
  readonly side: 'lower' | 'upper';
  /** kW or kWh. */
  readonly value: number;
}

export interface PlanModel {
  readonly problem: PlanProblem;
  /** Length of each step, h. */
  readonly hours: readonly number[];
  /** With the bounds that remain when nobody demands anything. */
  readonly program: LinearProgram;
  readonly groups: readonly DemandGroup[];
  readonly demands: readonly Demand[];
  readonly columns: PlanColumns;
  /** The rows by step that keep the import and the export below their peaks; none where a peak costs nothing. */
  readonly peakRows: PeakRows;
  /** What the objective of the plan is above that of the program: it counts peaks that are paid and all production. */
  readonly costOffset: number;
}

/** Numbers of the program's columns by step (or boundary), and by battery where there is one for each. */
export interface PlanColumns {
  readonly import: readonly number[];
  readonly export: readonly number[];
  readonly generation: readonly number[];
  readonly charge: readonly (readonly number[])[];
  readonly discharge: readonly (readonly number[])[];
  /** T + 1 boundaries. */
  readonly energy: readonly (readonly number[])[];
  /** Highest import and export, each where it costs something. */
  readonly importPeak: number | undefined;
  readonly exportPeak: number | undefined;
}

/**
 * `plan` carries the costs. `feasibility` asks only whether the demands can be met: every kWh that moves costs a little,
 * so that nothing circulates without need.
 */
export function buildPlanModel(problem: PlanProblem, purpose: 'plan' | 'feasibility'): PlanModel {
  const hours = problem.stepS.map((seconds) => seconds / 3600);
  const program = createLinearProgram();
  const prices = purpose === 'plan' ? planPrices(problem, hours) : feasibilityPrices(hours);
  const powers = addColumns(problem, program, prices, unlimitedPower(problem, hours));
  addBalances(problem, program, powers, hours);
  const isPlan = purpose === 'plan';
  const { importPeak, exportPeak } = isPlan ? addPeaks(problem, program, powers) : NO_PEAKS;
  const columns = { ...powers, importPeak: importPeak.column, exportPeak: exportPeak.column };
  const peakRows = { import: importPeak.rows, export: exportPeak.rows };
  if (isPlan) addDeviations(problem, program, columns, hours);
  const book = createDemandBook(program);
  demandExchange(problem, columns, book);
  demandProduction(problem, columns, book);
  if (problem.chargeFrom === 'surplus') demandSurplusOnly(problem, columns, book);
  for (const [index, battery] of problem.batteries.entries()) demandOfBattery(battery, index, columns, book);
  for (const each of problem.packages) demandPackage(each, problem, columns, hours, book);
  const costOffset = isPlan ? offsetOf(problem, hours) : 0;
  return { problem, hours, program, groups: book.groups, demands: book.demands, columns, peakRows, costOffset };
}

function offsetOf({ costs, generationW }: PlanProblem, hours: readonly number[]): number {
  const produced = sum(generationW.map((powerW, step) => (powerW / 1000) * (hours[step] as number)));
  const paid = costs.importPeakPerKW * costs.importPeakSoFarW + costs.exportPeakPerKW * costs.exportPeakSoFarW;
  return costs.curtailmentPerKWh * produced - paid / 1000;
}

/**
 * The bounds with the demands that `isActive` lets through, each as tight as the tightest. Each may give way by `slack`, kW
 * or kWh, but for powers that have to be zero.
 */
export function boundsWith(model: PlanModel, isActive: (demand: Demand, index: number) => boolean, slack = 0): Bounds {
  const { program } = model;
  const bounds = {
    columnLower: [...program.columnLower],
    columnUpper: [...program.columnUpper],
    rowLower: [...program.rowLower],
    rowUpper: [...program.rowUpper],
  };
  for (const [index, demand] of model.demands.entries()) {
    if (!isActive(demand, index)) continue;
    const give = demand.on === 'column' && demand.value === 0 ? 0 : slack;
    if (demand.side === 'lower') {
      const lower = demand.on === 'column' ? bounds.columnLower : bounds.rowLower;
      lower[demand.index] = Math.max(lower[demand.index] as number, demand.value - give);
    } else {
      const upper = demand.on === 'column' ? bounds.columnUpper : bounds.rowUpper;
      upper[demand.index] = Math.min(upper[demand.index] as number, demand.value + give);
    }
  }
  return bounds;
}

/**
 * With all demands active: no more import or export than the powers of the site can add up to. A pair of them at once, as
 * negative prices invite, is bounded so, and the rows that tighten it bite.
 */
export function planBounds(model: PlanModel): Bounds {
  const bounds = boundsWith(model, () => true);
  const { problem, columns } = model;
  const charge = sum(problem.batteries.map((battery) => battery.maxChargeW)) / 1000;
  const discharge = sum(problem.batteries.map((each) => (each.mayDischarge ? each.maxDischargeW : 0))) / 1000;
  const importUpper = [...bounds.columnUpper];
  for (const [step, loadW] of problem.loadW.entries()) {
    const generation = (problem.generationW[step] as number) / 1000;
    const importMost = loadW / 1000 - (problem.curtailment ? 0 : generation) + charge;
    const exportMost = generation - loadW / 1000 + discharge;
    // While the exchange is an import, it is at most its limit; while it is an export, its import is zero.
    const importLimit = Math.max(0, Math.min(importMost, (problem.exchange.maxW[step] as number) / 1000));
    const exportLimit = Math.max(0, Math.min(exportMost, -(problem.exchange.minW[step] as number) / 1000));
    for (const [column, limit] of [
      [columns.import[step] as number, importLimit],
      [columns.export[step] as number, exportLimit],
    ] as const) {
      importUpper[column] = Math.min(importUpper[column] as number, limit);
    }
  }
  return { ...bounds, columnUpper: importUpper };
}

interface Prices {
  /** Cost of a kW over each step. */
  readonly import: readonly number[];
  readonly export: readonly number[];
  readonly generation: readonly number[];
  /** Of a kW through the terminals of battery n over step t. */
  battery(battery: PlanBattery, step: number): number;
  /** Of a kWh left in a battery. */
  readonly stored: number;
}

function planPrices({ costs, exchange }: PlanProblem, hours: readonly number[]): Prices {
  // Where the target is zero, the deviation is import plus export and needs no columns of its own.
  const onTarget = (step: number, price: number) => (exchange.targetW[step] === 0 ? price : 0);
  return {
    import: hours.map(
      (h, t) => h * ((costs.importPricePerKWh[t] as number) + onTarget(t, costs.aboveTargetPerKWh[t] as number)),
    ),
    export: hours.map(
      (h, t) => h * (onTarget(t, costs.belowTargetPerKWh[t] as number) - (costs.exportPricePerKWh[t] as number)),
    ),
    // Each kW that is not held back saves the cost of holding it back.
    generation: hours.map((h) => -h * costs.curtailmentPerKWh),
    battery: (battery, step) => (hours[step] as number) * battery.wearPerKWh,
    stored: -costs.storedValuePerKWh,
  };
}

function feasibilityPrices(hours: readonly number[]): Prices {
  const exchange = hours.map((h) => 0.01 * h);
  return {
    import: exchange,
    export: exchange,
    generation: hours.map(() => 0),
    battery: (_, step) => hours[step] as number,
    stored: 0,
  };
}

/** A power that nothing in the problem can ask for, kW: the bound of what nobody limits. */
function unlimitedPower(problem: PlanProblem, hours: readonly number[]): number {
  const shortest = Math.min(...hours);
  const finite = (values: readonly number[]) => sum(values.filter(Number.isFinite).map(Math.abs));
  const site = Math.max(...problem.loadW.map(Math.abs)) + Math.max(...problem.generationW);
  const batteries = sum(
    problem.batteries.map((each) => each.maxChargeW + each.maxDischargeW + (2 * each.capacityWh) / shortest),
  );
  const packages = finite(problem.packages.flatMap((each) => [each.minEnergyWh, each.maxEnergyWh])) / shortest;
  const limits = [...problem.exchange.minW, ...problem.exchange.maxW].filter(Number.isFinite).map(Math.abs);
  return (2 * (site + batteries + packages + Math.max(0, ...limits)) + 1000) / 1000;
}

export interface PeakRows {
  readonly import: readonly number[];
  readonly export: readonly number[];
}

/** Without those of the peaks. */
type PowerColumns = Omit<PlanColumns, 'importPeak' | 'exportPeak'>;

interface Peak {
  readonly column: number | undefined;
  readonly rows: readonly number[];
}

type Peaks = Readonly<Record<'importPeak' | 'exportPeak', Peak>>;

const NO_PEAK: Peak = { column: undefined, rows: [] };
const NO_PEAKS: Peaks = { importPeak: NO_PEAK, exportPeak: NO_PEAK };

function addColumns(problem: PlanProblem, program: LinearProgram, prices: Prices, unlimited: number): PowerColumns {
  const steps = problem.stepS.length;
  const column = (cost: number, lower: number, upper: number) => program.addColumn(cost, lower, upper);
  const everyStep = (add: (step: number) => number) => Array.from({ length: steps }, (_, step) => add(step));
  return {
    import: everyStep((t) => column(prices.import[t] as number, 0, unlimited)),
    export: everyStep((t) => column(prices.export[t] as number, 0, unlimited)),
    generation: everyStep((t) => column(prices.generation[t] as number, 0, (problem.generationW[t] as number) / 1000)),
    charge: problem.batteries.map((each) => everyStep((t) => column(prices.battery(each, t), 0, unlimited))),
    discharge: problem.batteries.map((each) => everyStep((t) => column(prices.battery(each, t), 0, unlimited))),
    energy: problem.batteries.map((each) => {
      const initial = each.initialSoc * (each.capacityWh / 1000);
      const start = column(0, initial, initial);
      return [start, ...everyStep((t) => column(t === steps - 1 ? prices.stored : 0, -Infinity, Infinity))];
    }),
  };
}

function addBalances(
  problem: PlanProblem,
  program: LinearProgram,
  columns: PowerColumns,
  hours: readonly number[],
): void {
  const batteries = problem.batteries;
  const signs = [1, -1, 1, ...batteries.map(() => -1), ...batteries.map(() => 1)];
  for (const [t, loadW] of problem.loadW.entries()) {
    const exchange = [columns.import[t], columns.export[t], columns.generation[t]] as number[];
    const powers = [...columns.charge, ...columns.discharge].map((each) => each[t] as number);
    program.addRow(loadW / 1000, loadW / 1000, [...exchange, ...powers], signs);
  }
  for (const [n, battery] of batteries.entries()) {
    const energy = columns.energy[n] as readonly number[];
    for (const [t, h] of hours.entries()) {
      const entries = [energy[t + 1], energy[t], columns.charge[n]?.[t], columns.discharge[n]?.[t]] as number[];
      program.addRow(0, 0, entries, [1, -1, -h * battery.chargeEfficiency, h / battery.dischargeEfficiency]);
    }
  }
}

function addPeaks({ costs }: PlanProblem, program: LinearProgram, columns: PowerColumns): Peaks {
  const addPeak = (price: number, soFarW: number, powers: readonly number[]): Peak => {
    if (price === 0) return NO_PEAK;
    const column = program.addColumn(price, soFarW / 1000, Infinity);
    return { column, rows: powers.map((power) => program.addRow(-Infinity, 0, [power, column], [1, -1])) };
  };
  return {
    importPeak: addPeak(costs.importPeakPerKW, costs.importPeakSoFarW, columns.import),
    exportPeak: addPeak(costs.exportPeakPerKW, costs.exportPeakSoFarW, columns.export),
  };
}

/** The deviation from targets that are not zero. */
function addDeviations(
  { costs, exchange }: PlanProblem,
  program: LinearProgram,
  columns: PlanColumns,
  hours: readonly number[],
): void {
  for (const [t, targetW] of exchange.targetW.entries()) {
    const above = costs.aboveTargetPerKWh[t] as number;
    const below = costs.belowTargetPerKWh[t] as number;
    if (targetW === 0 || (above === 0 && below === 0)) continue;
    const over = program.addColumn((hours[t] as number) * above, 0, Infinity);
    const under = program.addColumn((hours[t] as number) * below, 0, Infinity);
    const entries = [columns.import[t] as number, columns.export[t] as number, over, under];
    program.addRow(targetW / 1000, targetW / 1000, entries, [1, -1, -1, 1]);
  }
}

/** Collects demands by group, and the rows that they need. */
interface DemandBook {
  readonly groups: DemandGroup[];
  readonly demands: Demand[];
  group(demand: DemandKind, of?: string): number;
  onColumn(group: number, step: number, side: 'lower' | 'upper', column: number, value: number): void;
  /** Adds the row, free by itself, and demands that it is at least, or at most, or exactly, something. */
  onRow(
    group: number,
    step: number,
    columns: readonly number[],
    values: readonly number[],
    bounds: readonly [lower: number, upper: number],
  ): void;
}

function createDemandBook(program: LinearProgram): DemandBook {
  const groups: DemandGroup[] = [];
  const demands: Demand[] = [];
  return {
    groups,
    demands,
    group: (demand, of) => groups.push(of === undefined ? { demand } : { demand, of }) - 1,
    onColumn(group, step, side, index, value) {
      demands.push({ group, step, on: 'column', index, side, value });
    },
    onRow(group, step, columns, values, [lower, upper]) {
      const index = program.addRow(-Infinity, Infinity, columns, values);
      if (lower > -Infinity) demands.push({ group, step, on: 'row', index, side: 'lower', value: lower });
      if (upper < Infinity) demands.push({ group, step, on: 'row', index, side: 'upper', value: upper });
    },
  };
}

function demandExchange({ exchange }: PlanProblem, columns: PlanColumns, book: DemandBook): void {
  const sides = [
    ['exchange-max', exchange.maxW],
    ['exchange-min', exchange.minW],
  ] as const;
  for (const [demand, limitsW] of sides) {
    if (!limitsW.some(Number.isFinite)) continue;
    const group = book.group(demand);
    for (const [t, limitW] of limitsW.entries()) {
      if (!Number.isFinite(limitW)) continue;
      const pair = [columns.import[t] as number, columns.export[t] as number];
      const bounds =
        demand === 'exchange-max' ? ([-Infinity, limitW / 1000] as const) : ([limitW / 1000, Infinity] as const);
      book.onRow(group, t, pair, [1, -1], bounds);
    }
  }
}

function demandProduction(problem: PlanProblem, columns: PlanColumns, book: DemandBook): void {
  if (problem.curtailment || problem.generationW.every((powerW) => powerW === 0)) return;
  const group = book.group('no-curtailment');
  for (const [t, powerW] of problem.generationW.entries()) {
    if (powerW > 0) book.onColumn(group, t, 'lower', columns.generation[t] as number, powerW / 1000);
  }
}

/** Import at most the deficit, charging at most the surplus of the forecast. */
function demandSurplusOnly(problem: PlanProblem, columns: PlanColumns, book: DemandBook): void {
  const group = book.group('surplus-only');
  for (const [t, loadW] of problem.loadW.entries()) {
    const net = (loadW - (problem.generationW[t] as number)) / 1000;
    const charges = columns.charge.map((each) => each[t] as number);
    book.onColumn(group, t, 'upper', columns.import[t] as number, Math.max(0, net));
    if (net >= 0) for (const charge of charges) book.onColumn(group, t, 'upper', charge, 0);
    else if (charges.length > 0)
      book.onRow(
        group,
        t,
        charges,
        charges.map(() => 1),
        [-Infinity, -net],
      );
  }
}

function demandOfBattery(battery: PlanBattery, n: number, columns: PlanColumns, book: DemandBook): void {
  const onEvery = (group: number, side: 'lower' | 'upper', of: readonly number[], value: number) => {
    for (const [step, column] of of.entries()) book.onColumn(group, step, side, column, value);
  };
  const capacity = battery.capacityWh / 1000;
  const discharge = columns.discharge[n] as readonly number[];
  const energy = columns.energy[n] as readonly number[];
  onEvery(
    book.group('charge-power', battery.id),
    'upper',
    columns.charge[n] as readonly number[],
    battery.maxChargeW / 1000,
  );
  onEvery(book.group('discharge-power', battery.id), 'upper', discharge, battery.maxDischargeW / 1000);
  if (!battery.mayDischarge) onEvery(book.group('charge-only', battery.id), 'upper', discharge, 0);
  onEvery(book.group('soc-min', battery.id), 'lower', energy, battery.socMin * capacity);
  onEvery(book.group('soc-max', battery.id), 'upper', energy, battery.socMax * capacity);
  for (const target of battery.socTargets) {
    const group = book.group('soc-target', battery.id);
    const column = energy[target.boundary] as number;
    book.onColumn(group, target.boundary, 'lower', column, target.minSoc * capacity);
    book.onColumn(group, target.boundary, 'upper', column, target.maxSoc * capacity);
  }
}

function demandPackage(
  each: EnergyPackage,
  problem: PlanProblem,
  columns: PlanColumns,
  hours: readonly number[],
  book: DemandBook,
): void {
  const sign = each.direction === 'in' ? 1 : -1;
  const entries: number[] = [];
  const values: number[] = [];
  for (let t = each.fromStep; t < each.untilStep; t += 1) {
    const h = sign * (hours[t] as number);
    if (each.at === 'grid') {
      entries.push(columns.import[t] as number, columns.export[t] as number);
      values.push(h, -h);
      continue;
    }
    for (const [n, battery] of problem.batteries.entries()) {
      entries.push(columns.charge[n]?.[t] as number, columns.discharge[n]?.[t] as number);
      values.push(h * battery.chargeEfficiency, -h / battery.dischargeEfficiency);
    }
  }
  const energy = [each.minEnergyWh / 1000, each.maxEnergyWh / 1000] as const;
  book.onRow(book.group('package-energy', each.id), each.fromStep, entries, values, energy);
  if (!each.constantPower) return;
  const group = book.group('package-constant-power', each.id);
  for (let t = each.fromStep; t + 1 < each.untilStep; t += 1) {
    const pair = [columns.import[t], columns.export[t], columns.import[t + 1], columns.export[t + 1]] as number[];
    book.onRow(group, t, pair, [1, -1, -1, 1], [0, 0]);
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
