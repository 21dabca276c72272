/** What `twin estimate` answers: the published JSON, and the same as tables for people. */
import type { CompiledGrid } from '../grids/model.ts';
import type { RemovedMeasurement } from '../platform/state-estimation/bad-data.ts';
import { branchEndFlow, busInjections, gridLosses, shuntPower } from '../platform/state-estimation/branch-flows.ts';
import type { EstimateResult, EstimationProblem } from '../platform/state-estimation/estimator.ts';
import type { Observability } from '../platform/state-estimation/observability.ts';
import type { TapEstimate } from '../platform/state-estimation/tap-positions.ts';
import type { GridAnswer, PerPhase } from './grid-answer.ts';
import { formatTable } from './text-table.ts';

type GridBus = GridAnswer['buses'][number];
type GridBranch = GridAnswer['branches'][number];

/** Beyond what a power flow answers: standard deviations (one sigma), tests, and what is missing. */
export interface EstimateAnswer extends GridAnswer {
  readonly buses: readonly (GridBus & {
    readonly vmSigmaPu: PerPhase;
    readonly vaSigmaDeg: PerPhase;
    /** Injection into the grid. */
    readonly pW: PerPhase;
    readonly qVar: PerPhase;
    readonly pSigmaW: PerPhase;
    readonly qSigmaVar: PerPhase;
  })[];
  readonly branches: readonly (GridBranch & {
    readonly pFromSigmaW: PerPhase;
    readonly qFromSigmaVar: PerPhase;
    readonly pToSigmaW: PerPhase;
    readonly qToSigmaVar: PerPhase;
    /** Magnitude of the current into the branch at each end. */
    readonly iFromA: PerPhase;
    readonly iToA: PerPhase;
    readonly iFromSigmaA: PerPhase;
    readonly iToSigmaA: PerPhase;
  })[];
  readonly lossesSigmaW: number | null;
  readonly shuntsSigmaW: number | null;
  /** How it was computed: in `current-form` or `augmented`, by the structure of grid and measurements; both answer alike. */
  readonly method?: string;
  readonly objective: number | null;
  readonly degreesOfFreedom: number;
  readonly chiSquareLimit: number;
  readonly suspects: EstimateResult['suspects'];
  readonly observable: boolean;
  readonly unobservedBuses: readonly string[];
  /** Measured minus estimated, in standard deviations of the measurement and of the residual (null: critical). */
  readonly residuals: readonly {
    readonly measurement: string;
    readonly weighted: number;
    readonly normalised: number | null;
  }[];
  /** What no other measurement checks: an error in one of these stays unseen. */
  readonly criticalMeasurements: readonly string[];
  readonly removed: readonly RemovedMeasurement[];
  /** Only where taps were to be found. */
  readonly taps?: readonly TapEstimate[];
  /** Only where buses are unobserved: buses whose flows among each other are known, and what to measure besides. */
  readonly missingValues?: number;
  readonly observableIslands?: readonly (readonly string[])[];
  readonly proposedMeasurements?: readonly { readonly kind: string; readonly at: string; readonly phase?: string }[];
}

export interface EstimateFindings {
  readonly removed: readonly RemovedMeasurement[];
  /** What is missing, where buses are unobserved. */
  readonly missing: Observability | undefined;
  readonly taps: readonly TapEstimate[];
}

const DEGREES = 180 / Math.PI;

const reasons: Readonly<Record<EstimateResult['status'], string>> = {
  converged: '',
  'not-observable': 'the measurements leave the voltage of some buses open',
  diverged: 'no convergence: measurements contradict the grid, or each other, too much',
  'no-measurements': 'there is no measurement at an energised bus or branch',
};

export function describeEstimate(
  { grid }: EstimationProblem,
  result: EstimateResult,
  { removed, missing, taps }: EstimateFindings,
): EstimateAnswer {
  const { phases } = grid;
  const finite = (x: number): number | null => (Number.isFinite(x) ? x : null);
  const perPhase = (of: (phase: number) => number): PerPhase =>
    phases === 1 ? finite(of(0)) : [0, 1, 2].map((phase) => finite(of(phase)));
  const { voltage, voltageMagnitudeSigma, voltageAngleSigma, flowSigmas } = result;
  const injections = busInjections(grid, voltage);
  const sigma = (values: Float64Array | undefined, k: number, scale: number): number =>
    scale * (values?.[k] ?? Number.NaN);
  const residuals = result.residuals ?? [];
  // A positive-sequence grid computes with a third of the power of its three phases.
  const watts = phases === 1 ? 3 * grid.basePowerVA : grid.basePowerVA;
  return {
    converged: result.status === 'converged',
    ...(result.status !== 'converged' && { reason: reasons[result.status] }),
    iterations: result.iterations,
    ...(result.method !== undefined && { method: result.method }),
    buses: grid.document.buses.map(({ id }) => {
      const k = grid.busIndex.get(id)! * phases;
      const at = (phase: number): number => 2 * (k + phase);
      return {
        id,
        vmPu: perPhase((phase) => Math.hypot(voltage[at(phase)]!, voltage[at(phase) + 1]!)),
        vaDeg: perPhase((phase) => DEGREES * Math.atan2(voltage[at(phase) + 1]!, voltage[at(phase)]!)),
        vmSigmaPu: perPhase((phase) => sigma(voltageMagnitudeSigma, k + phase, 1)),
        vaSigmaDeg: perPhase((phase) => sigma(voltageAngleSigma, k + phase, DEGREES)),
        pW: perPhase((phase) => injections[at(phase)]! * watts),
        qVar: perPhase((phase) => injections[at(phase) + 1]! * watts),
        pSigmaW: perPhase((phase) => sigma(flowSigmas?.injection, at(phase), watts)),
        qSigmaVar: perPhase((phase) => sigma(flowSigmas?.injection, at(phase) + 1, watts)),
      };
    }),
    branches: grid.branches.map((branch) => {
      const from = branchEndFlow(grid, branch, 'from', voltage);
      const to = branchEndFlow(grid, branch, 'to', voltage);
      const ofBranch = (which: number, scale = watts): PerPhase =>
        perPhase((phase) => sigma(flowSigmas?.branch, 6 * (branch.index * phases + phase) + which, scale));
      const ampere = (end: 'from' | 'to'): number => grid.basePowerVA / grid.baseVoltageV[branch[end]]!;
      return {
        id: branch.id,
        pFromW: perPhase((phase) => from.activePower[phase]! * watts),
        qFromVar: perPhase((phase) => from.reactivePower[phase]! * watts),
        pToW: perPhase((phase) => to.activePower[phase]! * watts),
        qToVar: perPhase((phase) => to.reactivePower[phase]! * watts),
        pFromSigmaW: ofBranch(0),
        qFromSigmaVar: ofBranch(1),
        pToSigmaW: ofBranch(2),
        qToSigmaVar: ofBranch(3),
        iFromA: perPhase((phase) => from.current[phase]! * ampere('from')),
        iToA: perPhase((phase) => to.current[phase]! * ampere('to')),
        iFromSigmaA: ofBranch(4, ampere('from')),
        iToSigmaA: ofBranch(5, ampere('to')),
      };
    }),
    lossesW: finite(gridLosses(grid, voltage) * watts),
    lossesSigmaW: finite((flowSigmas?.losses ?? Number.NaN) * watts),
    shuntsW: finite(shuntPower(grid, voltage) * watts),
    shuntsSigmaW: finite((flowSigmas?.shunts ?? Number.NaN) * watts),
    objective: finite(result.objective),
    degreesOfFreedom: result.degreesOfFreedom,
    chiSquareLimit: result.chiSquareLimit,
    suspects: result.suspects,
    observable: result.unobservedBuses.length === 0 && result.status !== 'no-measurements',
    unobservedBuses: result.unobservedBuses.flatMap((bus) => grid.busIds[bus]!),
    residuals: residuals.map(({ measurement, residual, sigma: own, normalised }) => ({
      measurement,
      weighted: residual / own,
      normalised: finite(normalised),
    })),
    criticalMeasurements: residuals
      .filter(({ normalised }) => Number.isNaN(normalised))
      .map(({ measurement }) => measurement),
    removed,
    ...(taps.length > 0 && { taps }),
    ...(missing !== undefined && describeMissing(grid, missing)),
  };
}

function describeMissing(
  grid: CompiledGrid,
  { islands, proposals, missing }: Observability,
): Pick<EstimateAnswer, 'missingValues' | 'observableIslands' | 'proposedMeasurements'> {
  return {
    missingValues: missing,
    observableIslands: islands.map((buses) => buses.flatMap((bus) => grid.busIds[bus]!)),
    proposedMeasurements: proposals.map(({ kind, bus, phase }) => ({
      kind,
      at: `bus:${grid.busIds[bus]![0]}`,
      ...(grid.phases === 3 && { phase: 'ABC'[phase]! }),
    })),
  };
}

/** Tables and sentences for a terminal. */
export function formatEstimate({ grid }: EstimationProblem, answer: EstimateAnswer): string {
  const title = `State estimate of ${grid.document.name}`;
  const open = sayMissing(answer);
  if (answer.objective === null) return [title, '', `No estimate: ${answer.reason}.`, ...open].join('\n');
  const phases = grid.phases === 1 ? [''] : [' A', ' B', ' C'];
  const buses = formatTable(
    [
      'bus',
      ...phases.map((phase) => `V${phase} pu`),
      ...phases.map((phase) => `sigma${phase} pu`),
      ...phases.map((phase) => `angle${phase} deg`),
    ],
    answer.buses.map((bus) => [
      bus.id,
      ...list(bus.vmPu).map((value) => fixed(value, 5)),
      ...list(bus.vmSigmaPu).map((value) => fixed(value, 5)),
      ...list(bus.vaDeg).map((value) => fixed(value, 3)),
    ]),
  );
  const branches = formatTable(
    [
      'branch',
      ...(grid.phases === 1 ? [] : ['phase']),
      'P from kW',
      'sigma',
      'Q from kvar',
      'sigma',
      'I from A',
      'sigma',
    ],
    answer.branches.flatMap((branch) =>
      phases.map((phase, k) => [
        branch.id,
        ...(grid.phases === 1 ? [] : [phase.trim()]),
        ...[branch.pFromW, branch.pFromSigmaW, branch.qFromVar, branch.qFromSigmaVar].map((power) => kilo(power, k)),
        ...[branch.iFromA, branch.iFromSigmaA].map((current) => fixed(list(current)[k]!, 2)),
      ]),
    ),
  );
  return [
    title,
    '',
    buses,
    '',
    branches,
    '',
    ...(answer.lossesW === null
      ? []
      : [
          `Losses ${kilo(answer.lossesW, 0)} kW, sigma ${kilo(answer.lossesSigmaW, 0)} kW.`,
          ...(grid.shunts.length > 0
            ? [`Shunts draw ${kilo(answer.shuntsW, 0)} kW, sigma ${kilo(answer.shuntsSigmaW, 0)} kW.`]
            : []),
        ]),
    ...(answer.converged
      ? [`Converged in ${answer.iterations} iterations (${answer.method}).`]
      : [`Incomplete: ${answer.reason}.`]),
    ...open,
    ...answer.removed.map(
      ({ measurement, normalisedResidual }) =>
        `Removed: ${measurement}, normalised residual ${normalisedResidual.toFixed(2)}`,
    ),
    ...(answer.taps ?? []).map(
      ({ transformer, position, probability }) =>
        `Tap of ${transformer}: position ${position}, ` +
        (probability === null
          ? 'without a probability: the measurements disagree'
          : `probability ${(100 * probability).toFixed(1)} %`),
    ),
    sayTest(answer, answer.objective),
    ...answer.suspects.map(
      ({ measurement, normalisedResidual, indistinguishableFrom: others = [] }) =>
        `Suspect: ${measurement}, normalised residual ${normalisedResidual.toFixed(2)}` +
        (others.length === 0 ? '' : `; cannot be told apart from ${shorten(others)}`),
    ),
    ...(answer.criticalMeasurements.length > 0
      ? [`Checked by nothing else (critical): ${shorten(answer.criticalMeasurements)}.`]
      : []),
  ].join('\n');
}

function sayTest({ degreesOfFreedom, chiSquareLimit }: EstimateAnswer, objective: number): string {
  if (degreesOfFreedom <= 0) return 'No measurement is redundant: nothing can be checked.';
  const verdict = objective <= chiSquareLimit ? 'the measurements agree' : 'bad data suspected';
  return `Objective ${objective.toFixed(3)} against ${chiSquareLimit.toFixed(3)} (chi-square, 95 %, ${degreesOfFreedom} degrees of freedom): ${verdict}.`;
}

function sayMissing({ unobservedBuses, missingValues = 0, proposedMeasurements = [] }: EstimateAnswer): string[] {
  if (unobservedBuses.length === 0) return [];
  const meters = new Map<string, string[]>();
  for (const { kind, at, phase = '' } of proposedMeasurements) {
    meters.set(at, [...(meters.get(at) ?? []), phase === '' ? kind : `${kind} ${phase}`]);
  }
  return [
    `Unobserved buses: ${unobservedBuses.join(', ')}.`,
    ...(meters.size > 0 ? ['To observe all of them, measure besides:'] : []),
    ...[...meters].map(([at, kinds]) => `  ${at}: ${kinds.join(', ')}`),
    ...(missingValues > proposedMeasurements.length
      ? [`  and then ${missingValues - proposedMeasurements.length} further values: ask again with these.`]
      : []),
  ];
}

const NAMES_MAX = 12;

function shorten(names: readonly string[]): string {
  const rest = names.length - NAMES_MAX;
  return rest > 0 ? `${names.slice(0, NAMES_MAX).join(', ')} and ${rest} more` : names.join(', ');
}

function list(value: PerPhase): readonly (number | null)[] {
  return typeof value === 'number' || value === null ? [value] : value;
}

/** One phase of a power, in thousands. */
function kilo(power: PerPhase, phase: number): string {
  const watts = list(power)[phase]!;
  return fixed(watts === null ? null : watts / 1000, 3);
}

function fixed(value: number | null, digits: number): string {
  if (value === null || Number.isNaN(value)) return '-';
  const text = value.toFixed(digits);
  return Number(text) === 0 ? (0).toFixed(digits) : text;
}
