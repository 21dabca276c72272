/** `twin powerflow GRID`: the power flow of a grid document with the powers that stand in it. */
import { compileGrid } from '../../grids/compile.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { diagnosePowerFlow, type PowerFlowDiagnosis } from '../../sim/physics/power-flow-diagnosis.ts';
import type { MethodName } from '../../sim/physics/power-flow-method.ts';
import {
  createPowerFlow,
  methodRefusal,
  type PowerFlow,
  type PowerFlowOptions,
  type PowerFlowResult,
} from '../../sim/physics/power-flow.ts';
import { sourcePowers } from '../../sim/physics/power-flow-sources.ts';
import { controlTaps, type TapControlResult, type TapStrategy } from '../../sim/physics/tap-control.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import type { GridAnswer, PerPhase } from '../grid-answer.ts';
import { GRID_HELP, notesHint } from '../grid-argument.ts';
import { formatTable } from '../text-table.ts';

/** What may be asked of a power flow beyond its grid. */
interface PowerFlowChoices {
  readonly method?: MethodName | 'auto';
  readonly taps?: TapStrategy | 'fixed';
  readonly limits?: 'document' | 'keep' | 'ignore';
}

interface Values extends PowerFlowChoices {
  readonly grid: readonly string[];
  readonly format: 'table' | 'json';
}

export const command = defineCommand<Values>({
  positionals: { grid: { type: 'string', array: true, describe: GRID_HELP } },
  options: {
    format: { choices: ['table', 'json'], default: 'table', describe: 'How to print the answer' },
    method: {
      choices: ['auto', 'sweep', 'newton', 'current-injection', 'linear'],
      default: 'auto',
      describe: 'How to solve; auto goes by the structure of the grid, linear takes every load as an impedance',
    },
    taps: {
      choices: ['fixed', 'nearest', 'lowest', 'highest'],
      default: 'fixed',
      describe: 'Move controlled taps until their voltages lie in their bands: which of the valid positions',
    },
    limits: {
      choices: ['document', 'keep', 'ignore'],
      default: 'document',
      describe: 'Reactive limits of voltage-controlled generators: as the document says, keep all, or none',
    },
  },
  examples: [
    { line: 'twin powerflow ieee-33', does: 'Voltages, flows and losses of a native network' },
    { line: 'twin powerflow my-grid.json --format json', does: 'The same of a file, for other programs' },
    { line: 'twin powerflow case33bw.m', does: 'The same of a file of another tool' },
    { line: 'twin powerflow my-grid.json --taps nearest', does: 'With tap changers that hold their voltages' },
  ],
  async run({ grid, format, ...choices }, { terminal }) {
    const { text, converged, hint } = powerflow(grid, format, choices);
    terminal.print(text);
    if (hint !== undefined) terminal.say(hint);
    return converged ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});

/** Throws InvalidInputError on a bad grid; no convergence is an answer, for exit code 20. */
export function powerflow(
  files: string | readonly string[],
  format: 'table' | 'json',
  { method = 'auto', taps = 'fixed', limits = 'document' }: PowerFlowChoices = {},
): { text: string; converged: boolean; hint: string | undefined } {
  const imported = readGridFiles(files);
  const document = withLimits(imported.grid, limits);
  const options = method === 'auto' ? {} : { method };
  const refused = method === 'auto' ? undefined : methodRefusal(compileGrid(document), method);
  if (refused !== undefined) {
    const message = `--method ${method} cannot solve this grid: ${refused}`;
    throw new InvalidInputError([{ path: '', message, hint: 'leave --method away' }]);
  }
  const { flow, result, control } = solve(document, taps, options);
  const answer = { ...describeAnswer(flow, result), ...control };
  const text = format === 'json' ? JSON.stringify(answer, undefined, 2) : formatAnswer(flow, answer);
  return { text, converged: result.converged, hint: notesHint(imported, files) };
}

/** All reactive limits kept, or none, whatever the document says of each generator. */
function withLimits(document: GridDocument, limits: 'document' | 'keep' | 'ignore'): GridDocument {
  if (limits === 'document') return document;
  const enforceLimits = limits === 'keep';
  const generators = document.generators.map((item) =>
    item.voltageControl === undefined ? item : { ...item, voltageControl: { ...item.voltageControl, enforceLimits } },
  );
  return { ...document, generators };
}

function solve(
  document: GridDocument,
  taps: TapStrategy | 'fixed',
  options: PowerFlowOptions,
): { flow: PowerFlow; result: PowerFlowResult; control?: Pick<PowerFlowAnswer, 'taps'> } {
  if (taps === 'fixed') {
    const flow = createPowerFlow(compileGrid(document), options);
    return { flow, result: flow.solve() };
  }
  const { flow, result, status, positions } = controlTaps(document, taps, options);
  const moved = [...positions].map(([id, position]) => ({ id, position }));
  return { flow, result, control: { taps: { status, positions: moved } } };
}

interface Delivered {
  readonly id: string;
  readonly pW: PerPhase;
  readonly qVar: PerPhase;
}

/** What a power flow adds to the shared answer. */
interface PowerFlowAnswer extends GridAnswer {
  readonly method: MethodName;
  /** What each delivers to the grid, W and var; in service or not, generators also where they hold a voltage. */
  readonly externalGrids: readonly Delivered[];
  readonly generators: readonly Delivered[];
  /** Where tap control left the controlled transformers; absent when taps are fixed. */
  readonly taps?: {
    readonly status: TapControlResult['status'];
    readonly positions: readonly { readonly id: string; readonly position: number }[];
  };
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
  const { generator: actual } = flow.actualPowers();
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
    externalGrids: sourcePowers(flow).map(({ id, activePowerW, reactivePowerVar }) => ({
      id,
      pW: perPhase((phase) => activePowerW[phase]!),
      qVar: perPhase((phase) => reactivePowerVar[phase]!),
    })),
    generators: grid.document.generators.map(({ id }, index) => {
      const at = (phase: number): number => 2 * (index * grid.phases + phase);
      const parts = grid.phases === 1 ? 3 : 1;
      return {
        id,
        pW: perPhase((phase) => actual[at(phase)]! * parts),
        qVar: perPhase((phase) => actual[at(phase) + 1]! * parts),
      };
    }),
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
