/** Microseconds of a warm three-phase power flow on Abbenhausen, and of reading its currents and totals. */
import { compileGrid } from '../grids/compile.ts';
import { loadGrid } from '../grids/load.ts';
import { median } from '../numerics/statistics.ts';
import { createPowerFlow, type PowerFlow } from '../sim/physics/power-flow.ts';

const ROUNDS = 7;
const STEPS = 2000;

/** Deterministic numbers in [0, 1). */
function stream(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Moves every house by up to 10 % about its load and the sun by 2 % of the peak: a lively 10 s step. */
function createMover(flow: PowerFlow): () => void {
  const { generators } = flow.grid.document;
  const base = flow.powers.load.slice();
  const random = stream(1);
  return () => {
    for (let load = 0; load < base.length; load += 6) {
      const factor = 0.9 + 0.2 * random();
      for (let e = load; e < load + 6; e++) flow.powers.load[e] = base[e]! * factor;
    }
    const sun = 0.5 + 0.02 * random();
    generators.forEach((unit, g) => {
      const single = 'ABC'.indexOf(unit.connection);
      for (let k = 0; k < 3; k++) {
        const share = single < 0 ? 1 / 3 : single === k ? 1 : 0;
        flow.powers.generator[2 * (3 * g + k)] = sun * share * unit.ratedPowerW!;
      }
    });
  };
}

/** Microseconds per call of the parts, over one round of steps. */
function measure(flow: PowerFlow, move: () => void): { solve: number; read: number; iterations: number } {
  let solve = 0;
  let read = 0;
  let iterations = 0;
  for (let step = 0; step < STEPS; step++) {
    move();
    const start = performance.now();
    const result = flow.solve();
    const solvedAt = performance.now();
    flow.branchCurrents();
    flow.totals();
    read += performance.now() - solvedAt;
    solve += solvedAt - start;
    iterations += result.iterations;
    if (!result.converged) throw new Error(`step ${step} does not converge`);
  }
  return { solve: (1000 * solve) / STEPS, read: (1000 * read) / STEPS, iterations: iterations / STEPS };
}

const started = performance.now();
const flow = createPowerFlow(compileGrid(loadGrid('abbenhausen')));
flow.solve();
const first = performance.now() - started;
const move = createMover(flow);
// The first round warms the compiler up.
const rounds = Array.from({ length: ROUNDS }, () => measure(flow, move)).slice(1);
const least = (values: number[]): string => Math.min(...values).toFixed(1);
const solves = rounds.map((round) => round.solve);
const reads = rounds.map((round) => round.read);
console.log(`power flow of abbenhausen, ${flow.grid.busCount} buses, three phases, ${STEPS} steps a round`);
console.log(`warm solve              ${median(solves).toFixed(1)} us median, ${least(solves)} us least`);
console.log(`branch currents, totals ${median(reads).toFixed(1)} us median, ${least(reads)} us least`);
console.log(`iterations a solve      ${rounds[0]!.iterations.toFixed(2)}`);
console.log(`load, compile, factorise, first solve ${first.toFixed(1)} ms`);
