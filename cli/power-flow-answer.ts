/** What `powerflow` prints as JSON. */
import type { CompiledBranch } from '../grids/model.ts';
import { diagnosePowerFlow, type PowerFlowDiagnosis } from '../sim/physics/power-flow-diagnosis.ts';
import type { MethodName } from '../sim/physics/power-flow-method.ts';
import { sourcePowers } from '../sim/physics/power-flow-sources.ts';
import type { PowerFlow, PowerFlowResult } from '../sim/physics/power-flow.ts';
import type { TapControlResult } from '../sim/physics/tap-control.ts';
import type { GridAnswer, PerPhase } from './grid-answer.ts';

interface Delivered {
  readonly id: string;
  readonly pW: PerPhase;
  readonly qVar: PerPhase;
}

/** What a power flow adds to the shared answer. */
export interface PowerFlowAnswer extends GridAnswer {
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

/** Without convergence the figures are null: the last voltages mean nothing. */
export function describePowerFlow(flow: PowerFlow, result: PowerFlowResult): PowerFlowAnswer {
  const { grid } = flow;
  // Without convergence the last voltages mean nothing: they are left out rather than shown.
  const value = (x: number): number | null => (result.converged && Number.isFinite(x) ? x : null);
  const perPhase = (of: (phase: number) => number): PerPhase =>
    grid.phases === 1 ? value(of(0)) : [0, 1, 2].map((phase) => value(of(phase)));
  const currents = flow.branchCurrents();
  const { lossesW, shuntsW } = flow.totals();
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
    lossesW: value(lossesW),
    shuntsW: value(shuntsW),
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
