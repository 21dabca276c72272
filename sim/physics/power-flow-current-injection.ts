/**
 * Power flow by current injection: Y v = i(v) with Y factorised once, radial or meshed, one or three phases. On a radial
 * grid each iteration is a backward-forward sweep (see `numerics/block-lu.ts`).
 */
import {
  worstMismatch,
  type MethodContext,
  type MethodResult,
  type MethodSolver,
  type PowerFlowMethod,
} from './power-flow-method.ts';

export const currentInjection: PowerFlowMethod = {
  name: 'current-injection',
  refuses: (grid) =>
    grid.document.generators.some((one) => one.voltageControl !== undefined && one.inService)
      ? 'it cannot hold the voltage of a generator'
      : undefined,
  prepare: (context) => {
    const length = 2 * context.grid.phases * context.grid.busCount;
    const solver = createSolver(context, {
      solution: context.network().createSolution(),
      voltage: new Float64Array(length),
      current: new Float64Array(length),
    });
    solver.flatStart();
    return solver;
  },
};

/** A solution of the network equations and the phase voltages and element currents that belong to it. */
interface State {
  readonly solution: Float64Array;
  readonly voltage: Float64Array;
  readonly current: Float64Array;
}

function createSolver(context: MethodContext, { solution, voltage, current }: State): MethodSolver {
  const { grid, elements, tolerancePu, maxIterations } = context;
  const network = context.network();
  const { buses, places } = elements.free;
  const next = new Float64Array(voltage.length);
  const busPower = new Float64Array(voltage.length);
  const history = new Float64Array(maxIterations + 1);
  let diverged = false;

  const flatStart = (): void => {
    current.fill(0);
    network.solve(solution, buses, current, voltage);
    network.readVoltages(solution, voltage);
    diverged = false;
  };

  const solve: MethodSolver['solve'] = (powers): MethodResult => {
    if (diverged) flatStart();
    elements.sumConstantPower(powers, busPower);
    for (let iterations = 0; ; iterations++) {
      elements.inject(elements.free, powers, busPower, voltage, next);
      // Y v = sources + current holds exactly, so the mismatch of s = v conj(i) is |v| |next - current|: it costs no
      // product with Y.
      const worst = worstMismatch(places, grid.phases, voltage, next, current);
      history[iterations] = worst.worstMismatchPu;
      const converged = worst.worstMismatchPu <= tolerancePu;
      if (converged || iterations >= maxIterations || !Number.isFinite(worst.worstMismatchPu)) {
        diverged = !converged;
        network.readVoltages(solution, voltage);
        return { converged, iterations, ...worst };
      }
      current.set(next);
      network.solve(solution, buses, current, voltage);
    }
  };

  return {
    voltage,
    history,
    solve,
    flatStart,
    branchCurrents: (from, to) => network.branchCurrents(solution, from, to),
    clone: () =>
      createSolver(context, { solution: solution.slice(), voltage: voltage.slice(), current: current.slice() }),
  };
}
