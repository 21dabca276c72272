/**
 * Standard deviations of flows and injections: g' Sigma g with the gradient g of each quantity in the voltages. Flows
 * need the covariance of their branch's two ends, which the factor's pattern holds; an injection that is measured has
 * h Sigma h' = R - R Z_mumu R, any other one a quadratic form of its own.
 */
import type { CompiledBranch, CompiledGrid } from '../../grids/model.ts';
import { ROW } from './equations/row-kinds.ts';
import { statesAt } from './equations/state-space.ts';
import type { EstimationProblem, FlowSigmas } from './estimator.ts';
import type { SolvedState } from './wls-statistics.ts';

/** Share of R below which R - R Z R has lost its digits. */
const CANCELLED = 1e-8;
const PER_BRANCH_PHASE = 6;

/** The factor must belong to the solver's state. */
export function flowSigmas(solver: SolvedState, problem: EstimationProblem): FlowSigmas {
  const { grid } = problem;
  const branch = new Float64Array(PER_BRANCH_PHASE * grid.branches.length * grid.phases).fill(Number.NaN);
  for (const one of grid.branches) branchSigmas(solver, grid, one, branch);
  return { injection: injectionSigmas(solver, problem), branch, ...totalSigmas(solver, grid) };
}

/** Gradient of one quantity in the unknowns of some states. */
interface Gradient {
  readonly unknowns: number[];
  readonly values: number[];
}

function branchSigmas(solver: SolvedState, grid: CompiledGrid, branch: CompiledBranch, out: Float64Array): void {
  const { equations } = solver;
  const { stateOf } = equations;
  const { phases } = grid;
  const states = [branch.from, branch.to].flatMap((bus) => statesAt(equations, bus, phases));
  if (states.length === 0) return;
  states.push(...(equations.seriesStates.get(branch.index) ?? []));
  const unknowns = [...new Set(states)].flatMap((state) => [2 * state, 2 * state + 1]);
  const covariance = covarianceOf(solver, unknowns);
  (['from', 'to'] as const).forEach((end, side) => {
    for (let phase = 0; phase < phases; phase += 1) {
      const at = stateOf[branch[end] * phases + phase]!;
      if (at < 0) continue;
      const current = solver.equations.currents.branchCoefficients({ at: end, branch: branch.index }, phase);
      const base = PER_BRANCH_PHASE * (branch.index * phases + phase);
      const sigma = (gradient: Gradient) => Math.sqrt(Math.max(0, form(gradient, unknowns, covariance)));
      const { p, q, i, across } = gradients(solver.x, current, at);
      out[base + 2 * side] = sigma(p);
      out[base + 2 * side + 1] = sigma(q);
      // Without a current its magnitude has no direction: the mean of both parts stands in.
      out[base + 4 + side] = across === undefined ? sigma(i) : Math.hypot(sigma(i), sigma(across)) / Math.SQRT2;
    }
  });
}

/** Gradients of P, Q and |i| with i = sum a_k v_k at the bus-phase `at`; `across` only while no current flows. */
function gradients(
  x: Float64Array,
  current: ReadonlyMap<number, readonly [number, number]>,
  at: number,
): { p: Gradient; q: Gradient; i: Gradient; across: Gradient | undefined } {
  let ir = 0;
  let ii = 0;
  for (const [state, [re, im]] of current) {
    ir += re * x[2 * state]! - im * x[2 * state + 1]!;
    ii += re * x[2 * state + 1]! + im * x[2 * state]!;
  }
  const vr = x[2 * at]!;
  const vi = x[2 * at + 1]!;
  const gradient = (alpha: number, beta: number, gamma: number, delta: number): Gradient => {
    const unknowns = [2 * at, 2 * at + 1];
    const values = [gamma, delta];
    for (const [state, [re, im]] of current) {
      unknowns.push(2 * state, 2 * state + 1);
      values.push(alpha * re + beta * im, beta * re - alpha * im);
    }
    return { unknowns, values };
  };
  const size = Math.sqrt(ir * ir + ii * ii);
  const flows = size > 1e-9;
  return {
    p: gradient(vr, vi, ir, ii),
    q: gradient(vi, -vr, -ii, ir),
    i: flows ? gradient(ir / size, ii / size, 0, 0) : gradient(1, 0, 0, 0),
    across: flows ? undefined : gradient(0, 1, 0, 0),
  };
}

/** Covariance -Z of some unknowns, row major. */
function covarianceOf(solver: SolvedState, unknowns: readonly number[]): Float64Array {
  const n = unknowns.length;
  const covariance = new Float64Array(n * n);
  for (let a = 0; a < n; a += 1) {
    for (let b = a; b < n; b += 1) {
      const value = -solver.ldl.inverseEntry(unknowns[a]!, unknowns[b]!);
      covariance[a * n + b] = value;
      covariance[b * n + a] = value;
    }
  }
  return covariance;
}

function form(gradient: Gradient, unknowns: readonly number[], covariance: Float64Array): number {
  const n = unknowns.length;
  const g = new Float64Array(n);
  gradient.unknowns.forEach((unknown, i) => (g[unknowns.indexOf(unknown)]! += gradient.values[i]!));
  let sum = 0;
  for (let a = 0; a < n; a += 1) {
    // An open branch does not couple its ends: the covariance of these is not known, and does not matter.
    for (let b = 0; b < n; b += 1) if (g[a] !== 0 && g[b] !== 0) sum += g[a]! * covariance[a * n + b]! * g[b]!;
  }
  return sum;
}

function injectionSigmas(solver: SolvedState, problem: EstimationProblem): Float64Array {
  const { grid } = problem;
  const { phases } = grid;
  const { stateOf } = solver.equations;
  const sigmas = measuredInjectionSigmas(solver, grid.busCount * phases);
  const exact = new Set(problem.zeroInjections);
  for (let k = 0; k < stateOf.length; k += 1) {
    const state = stateOf[k]!;
    if (state < 0) continue;
    const bus = Math.floor(k / phases);
    if (exact.has(bus)) sigmas.fill(0, 2 * k, 2 * k + 2);
    if (!Number.isNaN(sigmas[2 * k]! + sigmas[2 * k + 1]!)) continue;
    const current = solver.equations.currents.injectionCoefficients(bus, k % phases);
    const { p, q } = gradients(solver.x, current, state);
    [p, q].forEach(({ unknowns, values }, part) => {
      sigmas[2 * k + part] = Math.sqrt(Math.max(0, -solver.ldl.quadraticForm(unknowns, values)));
    });
  }
  return sigmas;
}

/**
 * What shunts draw, and losses: what is injected at all buses together less what shunts draw. So are their gradients, of
 * all these active powers.
 */
function totalSigmas(solver: SolvedState, { phases, shunts }: CompiledGrid): Pick<FlowSigmas, 'losses' | 'shunts'> {
  const { stateOf, currents } = solver.equations;
  const live = Array.from(stateOf.keys()).filter((k) => stateOf[k]! >= 0);
  const injected = live.map((k) => {
    const current = currents.injectionCoefficients(Math.floor(k / phases), k % phases);
    return gradients(solver.x, current, stateOf[k]!).p;
  });
  const drawn = shunts.flatMap((shunt) =>
    live
      .filter((k) => Math.floor(k / phases) === shunt.bus)
      .map((k) => gradients(solver.x, currents.shuntCoefficients(shunt, k % phases), stateOf[k]!).p),
  );
  const sigma = (parts: readonly Gradient[]): number => {
    const unknowns = parts.flatMap((part) => part.unknowns);
    const values = parts.flatMap((part) => part.values);
    return Math.sqrt(Math.max(0, -solver.ldl.quadraticForm(unknowns, values)));
  };
  const less = drawn.map(({ unknowns, values }) => ({ unknowns, values: values.map((value) => -value) }));
  return { losses: sigma([...injected, ...less]), shunts: sigma(drawn) };
}

/** R less the residual's variance, of the P and Q injections that are measured themselves; NaN at all others. */
function measuredInjectionSigmas(solver: SolvedState, busPhases: number): Float64Array {
  const { measuredRows, kind, active, partStart, partOwn, causeEntry, variance } = solver.equations;
  const { busPhaseOfState, injectionOf } = solver.equations;
  const sigmas = new Float64Array(2 * busPhases).fill(Number.NaN);
  for (let row = 0; row < measuredRows; row += 1) {
    const part = kind[row] === ROW.activePower ? 0 : kind[row] === ROW.reactivePower ? 1 : -1;
    const first = partStart[row]!;
    if (part < 0 || active[row] !== 1 || causeEntry[row]! >= 0 || partStart[row + 1]! !== first + 1) continue;
    const state = partOwn[first]!;
    if (injectionOf[state] !== solver.equations.partCurrent[first]) continue;
    const r = variance[row]!;
    const known = r - solver.residualVariance(row);
    if (known > CANCELLED * r) sigmas[2 * busPhaseOfState[state]! + part] = Math.sqrt(known);
  }
  return sigmas;
}
