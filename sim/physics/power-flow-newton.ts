/**
 * Newton-Raphson in rectangular voltages, radial or meshed, one or three phases. A bus without control contributes its
 * current mismatch F = Y v - i_sources - i_elements(v); a controlled one Re(v F*) = 0 and its voltage magnitude, so its
 * reactive power needs no unknown (current mismatch: Garcia et al., IEEE Trans. Power Systems 15 (2000) 508).
 */
import type { ElementPowers } from './power-flow-elements.ts';
import type { MethodResult, MethodSolver, PowerFlowMethod } from './power-flow-method.ts';
import { approachSolution } from './power-flow-newton-approach.ts';
import { createNewtonWork, evaluateMismatch } from './power-flow-newton-equations.ts';
import { fillJacobian } from './power-flow-newton-jacobian.ts';
import { enforceLimits, settleReactivePower, switchLimits } from './power-flow-newton-limits.ts';
import { prepareNewton, type NewtonStructure } from './power-flow-newton-structure.ts';
import type { ControlState } from './power-flow-voltage-control.ts';

/** Iterations without getting a tenth nearer than ever before, after which there is no hope. */
const PATIENCE = 12;
/** A step is halved while it makes the mismatch this much worse, at most so many times. */
const WORSE = 2;
const HALVINGS = 6;
/** Rounds of switching generators between holding their voltage and standing at a limit. */
const LIMIT_ROUNDS = 40;
/** Relative size of a pivot under which a neutral that may float counts as held by nothing. */
const FLOATING = 1e-11;

export const newton: PowerFlowMethod = {
  name: 'newton',
  refuses: () => undefined,
  prepare: (context) => {
    const shared = prepareNewton(context);
    return createSolver(shared, (shared.given ?? shared.flat).slice(), false);
  },
};

interface Outcome {
  readonly converged: boolean;
  readonly iterations: number;
}

/** `solved`: the state is a solution, and the place to go on from. */
function createSolver(shared: NewtonStructure, state: Float64Array, solved: boolean): MethodSolver {
  const { context, controls, lu, unknown, given, flat } = shared;
  const { grid, elements, tolerancePu, maxIterations } = context;
  const history = new Float64Array(maxIterations + 1);
  const work = createNewtonWork(grid);
  const states: ControlState[] = controls.map(() => 'hold');
  // The answer: the state, but not a number at dead places.
  const voltage = new Float64Array(state.length);
  let isSolved = solved;

  const publish = (): void => {
    voltage.set(state);
    for (let place = 0; place < grid.energisedPhases.length; place++)
      if (grid.energisedPhases[place] === 0) voltage.fill(Number.NaN, 2 * place, 2 * place + 2);
  };
  const flatStart = (): void => {
    state.set(given ?? flat);
    states.fill('hold');
    isSolved = false;
    publish();
  };

  /** Newton's iteration for the states as they are. Returns the linear solves so far. */
  const iterate = (powers: ElementPowers, done: number): Outcome => {
    elements.sumConstantPower(powers, work.busPower);
    let iterations = done;
    const { worst } = work;
    evaluateMismatch(shared, states, powers, state, work);
    let best = Number.POSITIVE_INFINITY;
    let patience = PATIENCE;
    /** No convergence: the best voltages on the way say more than the last. */
    const fail = (): Outcome => {
      state.set(work.best);
      evaluateMismatch(shared, states, powers, state, work);
      return { iterations, converged: false };
    };
    for (;;) {
      history[iterations] = worst.mismatch;
      if (worst.excess <= tolerancePu) return { iterations, converged: true };
      patience = worst.mismatch < 0.9 * best ? PATIENCE : patience - 1;
      if (worst.mismatch < best) {
        best = worst.mismatch;
        work.best.set(state);
      }
      if (patience === 0 || iterations >= maxIterations || !Number.isFinite(worst.mismatch)) return fail();
      fillJacobian(shared, states, powers, state, work);
      if (!lu.factorise(work.earthing || shared.earthed.size === 0 ? undefined : FLOATING)) {
        if (work.earthing || shared.earthed.size === 0) return fail();
        // Not even the elements hold the neutral of some island: from here on a negligible earthing does.
        work.earthing = true;
        evaluateMismatch(shared, states, powers, state, work);
        continue;
      }
      for (let k = 0; k < work.step.length; k++) work.step[k] = -work.residual[k]!;
      lu.solve(work.step);
      iterations++;
      const before = worst.mismatch;
      work.last.set(state);
      let length = 1;
      for (let halving = 0; ; halving++) {
        for (let n = 0; n < unknown.length; n++) {
          const at = 2 * unknown[n]!;
          state[at] = work.last[at]! + length * work.step[at]!;
          state[at + 1] = work.last[at + 1]! + length * work.step[at + 1]!;
        }
        evaluateMismatch(shared, states, powers, state, work);
        if (worst.mismatch <= WORSE * before || halving === HALVINGS) break;
        length /= 2;
      }
    }
  };

  /** Newton's iteration and the switching of generators at their limits, from the state as it is. */
  const solveFromHere = (powers: ElementPowers): Outcome => {
    enforceLimits(shared, states, powers);
    let outcome = iterate(powers, 0);
    const switches = controls.map(() => 0);
    for (let round = 0; outcome.converged && round < LIMIT_ROUNDS; round++) {
      settleReactivePower(shared, states, state, work, powers);
      if (!switchLimits(shared, states, state, work, powers, switches)) break;
      enforceLimits(shared, states, powers);
      outcome = iterate(powers, outcome.iterations);
    }
    return outcome;
  };

  /** From the last solution, then from the voltages that the document gives, then from flat ones led towards a solution. */
  const solve: MethodSolver['solve'] = (powers): MethodResult => {
    let outcome = isSolved ? solveFromHere(powers) : undefined;
    if (outcome?.converged !== true && given !== undefined) {
      flatStart();
      outcome = solveFromHere(powers);
    }
    if (outcome?.converged !== true) {
      states.fill('hold');
      state.set(flat);
      approachSolution(shared, powers, state, work);
      outcome = solveFromHere(powers);
    }
    const { converged, iterations } = outcome;
    const { worst } = work;
    isSolved = converged;
    publish();
    return {
      converged,
      iterations,
      worstMismatchPu: worst.mismatch,
      worstBus: worst.place < 0 ? -1 : Math.floor(worst.place / grid.phases),
      worstPhase: worst.place < 0 ? -1 : worst.place % grid.phases,
    };
  };

  publish();
  return {
    voltage,
    history,
    solve,
    flatStart,
    branchCurrents: (from, to) => shared.branchCurrents(state, from, to),
    limited: () =>
      controls.flatMap(({ units }, c) => (states[c] === 'hold' ? [] : units.map(({ generator }) => generator))),
    clone: () => createSolver(shared, state.slice(), isSolved),
  };
}
