/** `twin powerflow GRID`: the power flow of a grid document with the powers that stand in it. */
import { compileGrid } from '../../grids/compile.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { diagnosePowerFlow, type PowerFlowDiagnosis } from '../../sim/physics/power-flow-diagnosis.ts';
import type { MethodName } from '../../sim/physics/power-flow-method.ts';
import { createPowerFlow, type PowerFlow, type PowerFlowResult } from '../../sim/physics/power-flow.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { GridAnswer, PerPhase } from '../grid-answer.ts';
import { GRID_HELP, notesHint } from '../grid-argument.ts';
import { formatTable } from '../text-table.ts';

interface Values {
  readonly grid: readonly string[];
  readonly format: 'table' | 'json';
}

export const command = defineCommand<Values>({
  positionals: { grid: { type: 'string', array: true, describe: GRID_HELP } },
  options: { format: { choices: ['table', 'json'], default: 'table', describe: 'How to print the answer' } },
  examples: [
    { line: 'twin powerflow ieee-33', does: 'Voltages, flows and losses of a native network' },
    { line: 'twin powerflow my-grid.json --format json', does: 'The same of a file, for other programs' },
    { line: 'twin powerflow case33bw.m', does: 'The same of a file of another tool' },
  ],
  async run({ grid, format }, { terminal }) {
    const { text, converged, hint } = powerflow(grid, format);
    terminal.print(text);
    if (hint !== undefined) terminal.say(hint);
    return converged ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});

/** Throws InvalidInputError on a bad grid; no convergence is an answer, for exit code 20. */
export function powerflow(
  files: string | readonly string[],
  format: 'table' | 'json',
): { text: string; converged: boolean; hint: string | undefined } {
  const imported = readGridFiles(files);
  const flow = createPowerFlow(compileGrid(imported.grid));
  const result = flow.solve();
  const answer = describeAnswer(flow, result);
  const text = format === 'json' ? JSON.stringify(answer, undefined, 2) : formatAnswer(flow, answer);
  return { text, converged: result.converged, hint: notesHint(imported, files) };
}

/** What a power flow adds to the shared answer. */
interface PowerFlowAnswer extends GridAnswer {
  readonly method: MethodName;
  /** Generators that gave up their voltage at a reactive limit; absent when none did. */
  readonly limitedGenerators?: readonly string[];
  /** Without convergence: largest mismatch before each iteration, and the buses where most is left. */
  readonly historyVA?: PowerFlowDiagnosis['historyVA'];
  readonly worstBuses?: PowerFlowDiagnosis['worstBuses'];
}

function describeAnswer(flow: PowerFlow, result: PowerFlowResult): PowerFlowAnswer {
  const { grid } = flow;
  // Without convergence the last voltages mean nothing: they are left out rather than shown.
  const value = (x: number): number | null => (result.converged && Number.isFinite(x) ? x : null);
  const perPhase = (of: (phase: number) => number): PerPhase =>
    grid.phases === 1 ? value(of(0)) : [0, 1, 2].map((phase) => value(of(phase)));
  const currents = flow.branchCurrents();
  const limited = result.converged ? flow.limited().map((index) => grid.document.generators[index]!.id) : [];
  return {
    converged: result.converged,
    iterations: result.iterations,
    method: flow.method(),
    ...(!result.converged && diagnosis(flow, result)),
    ...(limited.length > 0 && { limitedGenerators: limited }),
    buses: grid.document.buses.map(({ id }) => {
      const at = (phase: number): number => 2 * (grid.busIndex.get(id)! * grid.phases + phase);
      const { voltage } = flow;
      return {
        id,
        vmPu: perPhase((phase) => Math.hypot(voltage[at(phase)]!, voltage[at(phase) + 1]!)),
        vaDeg: perPhase((phase) => (Math.atan2(voltage[at(phase) + 1]!, voltage[at(phase)]!) * 180) / Math.PI),
      };
    }),
    branches: grid.branches.map((branch) => {
      const from = branchPower(flow, branch, 'from', currents.from);
      const to = branchPower(flow, branch, 'to', currents.to);
      return {
        id: branch.id,
        pFromW: perPhase((phase) => from(phase).p),
        qFromVar: perPhase((phase) => from(phase).q),
        pToW: perPhase((phase) => to(phase).p),
        qToVar: perPhase((phase) => to(phase).q),
      };
    }),
    lossesW: value(flow.totals().lossesW),
  };
}

function diagnosis(
  flow: PowerFlow,
  result: PowerFlowResult,
): Pick<PowerFlowAnswer, 'reason' | 'historyVA' | 'worstBuses'> {
  const { reason, historyVA, worstBuses } = diagnosePowerFlow(flow, result);
  return { reason, historyVA, worstBuses };
}

/** Complex power into a branch at one end; in a positive-sequence grid the sum of three phases. */
function branchPower(
  { grid, voltage }: PowerFlow,
  branch: CompiledBranch,
  end: 'from' | 'to',
  current: Float64Array,
): (phase: number) => { readonly p: number; readonly q: number } {
  const base = (grid.basePowerVA * 3) / (grid.phases === 1 ? 1 : 3);
  return (phase) => {
    const v = 2 * (branch[end] * grid.phases + phase);
    const i = 2 * (branch.index * grid.phases + phase);
    const [vr, vi, ir, ii] = [voltage[v]!, voltage[v + 1]!, current[i]!, current[i + 1]!];
    return { p: base * (vr * ir + vi * ii), q: base * (vi * ir - vr * ii) };
  };
}

function formatAnswer(flow: PowerFlow, answer: PowerFlowAnswer): string {
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
  const { lossesW, exchangeW, exchangeVar } = flow.totals();
  const energised = answer.buses
    .flatMap((bus) => list(bus.vmPu).map((vm) => ({ id: bus.id, vm })))
    .filter((bus): bus is { id: string; vm: number } => bus.vm !== null)
    .toSorted((a, b) => a.vm - b.vm);
  const dead = answer.buses.filter((bus) => list(bus.vmPu).every((vm) => vm === null)).length;
  const low = energised[0]!;
  const high = energised.at(-1)!;
  return [
    `Converged in ${answer.iterations} iterations (${answer.method}).`,
    `Losses ${fixed(lossesW / 1000, 3)} kW, import ${fixed(exchangeW / 1000, 3)} kW and ${fixed(exchangeVar / 1000, 3)} kvar.`,
    `Lowest voltage ${low.vm.toFixed(5)} pu at bus ${low.id}, highest ${high.vm.toFixed(5)} pu at bus ${high.id}.`,
    ...(answer.limitedGenerators === undefined
      ? []
      : [`At a reactive limit, so without their voltage: generators ${answer.limitedGenerators.join(', ')}.`]),
    ...(dead > 0 ? [`${dead} ${dead === 1 ? 'bus is' : 'buses are'} without voltage.`] : []),
  ];
}

function list(value: PerPhase): readonly (number | null)[] {
  return typeof value === 'number' || value === null ? [value] : value;
}

/** Sum over the phases in thousands; null as soon as one phase has no voltage. */
function kilo(power: PerPhase): number | null {
  const phases = list(power);
  return phases.includes(null) ? null : phases.reduce<number>((sum, value) => sum + value!, 0) / 1000;
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
