/** What `powerflow` prints for people. */
import type { CompiledBranch, CompiledGrid } from '../grids/model.ts';
import type { PowerFlow } from '../sim/physics/power-flow.ts';
import type { PerPhase } from './grid-answer.ts';
import type { PowerFlowAnswer } from './power-flow-answer.ts';
import { formatTable } from './text-table.ts';

/** Voltages, flows and totals in words and tables; without convergence the reason and where most is left. */
export function formatPowerFlow(flow: PowerFlow, answer: PowerFlowAnswer): string {
  const { grid } = flow;
  if (!answer.converged) return formatFailure(grid, answer);
  const phases = grid.phases === 1 ? [''] : [' A', ' B', ' C'];
  const buses = formatTable(
    ['bus', ...phases.map((phase) => `V${phase} pu`), ...phases.map((phase) => `angle${phase} deg`)],
    answer.buses.map((bus) => [
      bus.id,
      ...list(bus.vmPu).map((value) => fixed(value, 5)),
      ...list(bus.vaDeg).map((value) => fixed(value, 3)),
    ]),
  );
  const branches = formatTable(
    ['branch', 'from', 'to', 'P from kW', 'Q from kvar', 'P to kW', 'Q to kvar', 'loading %'],
    answer.branches.map((branch, b) => [
      branch.id,
      grid.busIds[grid.branches[b]!.from]![0]!,
      grid.busIds[grid.branches[b]!.to]![0]!,
      ...[branch.pFromW, branch.qFromVar, branch.pToW, branch.qToVar].map((power) => fixed(kilo(power), 2)),
      fixed(loadingPercent(flow, grid.branches[b]!), 1),
    ]),
  );
  return [`Power flow of ${grid.document.name}`, '', buses, '', branches, '', ...summary(flow, answer)].join('\n');
}

function formatFailure(grid: CompiledGrid, { reason, historyVA = [], worstBuses = [] }: PowerFlowAnswer): string {
  const table = formatTable(
    ['bus', 'mismatch VA', 'V pu'],
    worstBuses.map(({ id, phase = '', mismatchVA, vmPu }) => [
      `${id} ${phase}`.trim(),
      mismatchVA.toPrecision(3),
      fixed(vmPu, 4),
    ]),
  );
  const last = historyVA.slice(-8).map((value) => (value === null ? '-' : value.toPrecision(3)));
  return [`${grid.document.name}: ${reason}`, '', table, '', `Largest mismatch, VA: ... ${last.join(', ')}`].join('\n');
}

function summary(flow: PowerFlow, answer: PowerFlowAnswer): string[] {
  const { lossesW, shuntsW, exchangeW, exchangeVar } = flow.totals();
  const energised = answer.buses
    .flatMap((bus) => list(bus.vmPu).map((vm) => ({ id: bus.id, vm })))
    .filter((bus): bus is { id: string; vm: number } => bus.vm !== null)
    .toSorted((a, b) => a.vm - b.vm);
  const dead = answer.buses.filter((bus) => list(bus.vmPu).every((vm) => vm === null)).length;
  const low = energised[0]!;
  const high = energised.at(-1)!;
  return [
    `Converged in ${answer.iterations} iterations (${answer.method}).`,
    `Losses ${fixed(lossesW / 1000, 3)} kW,${sayShunts(flow.grid, shuntsW)} import ${fixed(exchangeW / 1000, 3)} kW and ${fixed(exchangeVar / 1000, 3)} kvar.`,
    `Lowest voltage ${low.vm.toFixed(5)} pu at bus ${low.id}, highest ${high.vm.toFixed(5)} pu at bus ${high.id}.`,
    ...(answer.taps === undefined
      ? []
      : [
          `Tap control: ${answer.taps.status}${answer.taps.positions.map(({ id, position }) => `, ${id} at ${position}`).join('')}.`,
        ]),
    ...(answer.limitedGenerators === undefined
      ? []
      : [`At a reactive limit, so without their voltage: generators ${answer.limitedGenerators.join(', ')}.`]),
    ...(dead > 0 ? [`${dead} ${dead === 1 ? 'bus is' : 'buses are'} without voltage.`] : []),
  ];
}

function sayShunts({ shunts }: CompiledGrid, powerW: number): string {
  return shunts.length === 0 ? '' : ` shunts ${fixed(powerW / 1000, 3)} kW,`;
}

function list(value: PerPhase): readonly (number | null)[] {
  return typeof value === 'number' || value === null ? [value] : value;
}

/** Sum over the phases that there are, in thousands; null when none has a voltage. */
function kilo(power: PerPhase): number | null {
  const phases = list(power).filter((value) => value !== null);
  return phases.length === 0 ? null : phases.reduce((sum, value) => sum + value, 0) / 1000;
}

function fixed(value: number | null, digits: number): string {
  if (value === null) return '-';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}

/** Largest phase current at either end over its rating; null without a rating. */
function loadingPercent(flow: PowerFlow, branch: CompiledBranch): number | null {
  const { grid } = flow;
  const { from, to } = flow.branchCurrents();
  let worst = Number.NaN;
  for (const [current, bus, rated] of [
    [from, branch.from, branch.ratedCurrentFromA],
    [to, branch.to, branch.ratedCurrentToA],
  ] as const) {
    if (Number.isNaN(rated)) continue;
    for (let phase = 0; phase < grid.phases; phase++) {
      const at = 2 * (branch.index * grid.phases + phase);
      const ampere = (Math.hypot(current[at]!, current[at + 1]!) * grid.basePowerVA) / grid.baseVoltageV[bus]!;
      worst = Math.max(Number.isNaN(worst) ? 0 : worst, (100 * ampere) / rated);
    }
  }
  return Number.isNaN(worst) ? null : worst;
}
