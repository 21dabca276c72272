/**
 * Newton-Raphson in rectangular voltages, radial or meshed, one or three phases. A bus without control contributes its
 * current mismatch F = Y v - i_sources - i_elements(v); a controlled one Re(v F*) = 0 and its voltage magnitude, so its
 * reactive power needs no unknown (current mismatch: Garcia et al., IEEE Trans. Power Systems 15 (2000) 508).
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { createRealBlockLu, type RealBlockLu } from '../../numerics/real-block-lu.ts';
import { branchCurrents, createBusAdmittance, type BusAdmittance } from './power-flow-admittance.ts';
import type { ElementPowers, GeneralPart } from './power-flow-elements.ts';
import type { MethodContext, MethodResult, MethodSolver, PowerFlowMethod } from './power-flow-method.ts';
import {
  reactivePower,
  shareReactivePower,
  voltageControls,
  type ControlState,
  type VoltageControl,
} from './power-flow-voltage-control.ts';

/** Iterations without getting a tenth nearer than ever before, after which there is no hope. */
const PATIENCE = 12;
/** A step is halved while it makes the mismatch this much worse, at most so many times. */
const WORSE = 2;
const HALVINGS = 6;
/** Rounds of switching generators between holding their voltage and standing at a limit, and how often one may switch. */
const LIMIT_ROUNDS = 40;
const LIMIT_SWITCHES = 6;
/** Relative size of a pivot under which a neutral that may float counts as held by nothing. */
const FLOATING = 1e-11;
/** Distance from a limit or setpoint that counts as none, per unit. */
const LIMIT_TOLERANCE = 1e-9;

export const newton: PowerFlowMethod = {
  name: 'newton',
  refuses: () => undefined,
  prepare: (context) => {
    const shared = prepareShared(context);
    return createSolver(shared, shared.start.slice());
  },
};

/** What all states share: the matrix, the controls, a place to start from. */
interface Shared {
  readonly context: MethodContext;
  readonly admittance: BusAdmittance;
  /** Where the neutral may float, and the negligible admittance that keeps it where no element does. */
  readonly earthed: ReadonlyMap<number, number>;
  readonly controls: readonly VoltageControl[];
  readonly lu: RealBlockLu;
  /** The part of the Jacobian that is Y, in the layout of `lu.values`; identities at given and dead places. */
  readonly base: Float64Array;
  /** Where the block of each pattern entry and of each bus stands in `lu.values`. */
  readonly transferAt: Int32Array;
  readonly ownAt: Int32Array;
  /** Places whose voltage is an unknown. */
  readonly unknown: Int32Array;
  /** Rounding of Y v at each place, per unit: no mismatch can be told from zero below it. */
  readonly noise: Float64Array;
  /** Voltages of the unloaded grid, of nominal magnitude where generators hold voltages; zero at dead places. */
  readonly start: Float64Array;
}

function prepareShared(context: MethodContext): Shared {
  const { grid } = context;
  const { earthed } = context.network();
  const admittance = createBusAdmittance(grid, new Map());
  const controls = voltageControls(grid);
  const { pattern } = admittance;
  const lu = createRealBlockLu(pattern, 2 * grid.phases);
  const row = Int32Array.from({ length: pattern.index.length });
  for (let bus = 0; bus < grid.busCount; bus++) row.fill(bus, pattern.start[bus], pattern.start[bus + 1]);
  const transferAt = Int32Array.from(pattern.index, (column, e) => lu.place(row[e]!, column));
  const ownAt = Int32Array.from({ length: grid.busCount }, (_, bus) => lu.place(bus, bus));
  const held = new Set(grid.sources.filter((source) => source.y === undefined).map((source) => source.bus));
  const isUnknown = (place: number): boolean =>
    grid.energisedPhases[place] === 1 && !held.has(Math.floor(place / grid.phases));
  const unknown = Int32Array.from(grid.energisedPhases.keys()).filter(isUnknown);
  const shared = { context, admittance, earthed, controls, lu, transferAt, ownAt, unknown };
  return {
    ...shared,
    base: baseJacobian(grid, admittance, lu, { transferAt, ownAt, row }, isUnknown),
    noise: roundingOf(grid, admittance),
    start: startVoltages(context, controls),
  };
}

/** Y as real blocks [g -b; b g] in the rows of unknown voltages, identities in the others. */
function baseJacobian(
  grid: CompiledGrid,
  { own, transfer, pattern }: BusAdmittance,
  lu: RealBlockLu,
  { transferAt, ownAt, row }: { transferAt: Int32Array; ownAt: Int32Array; row: Int32Array },
  isUnknown: (place: number) => boolean,
): Float64Array {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const order = 2 * phases;
  const base = new Float64Array(lu.values.length);
  const write = (at: number, blocks: Float64Array, block: number, bus: number, column: number): void => {
    for (let r = 0; r < phases; r++) {
      if (!isUnknown(bus * phases + r)) continue;
      for (let c = 0; c < phases; c++) {
        if (!isUnknown(column * phases + c)) continue;
        const [g, b] = [blocks[block + 2 * (r * phases + c)]!, blocks[block + 2 * (r * phases + c) + 1]!];
        const to = at + 2 * r * order + 2 * c;
        base[to] = g;
        base[to + 1] = -b;
        base[to + order] = b;
        base[to + order + 1] = g;
      }
    }
  };
  for (let bus = 0; bus < grid.busCount; bus++) {
    write(ownAt[bus]!, own, bus * entries, bus, bus);
    for (let r = 0; r < phases; r++) {
      if (isUnknown(bus * phases + r)) continue;
      base[ownAt[bus]! + 2 * r * (order + 1)] = 1;
      base[ownAt[bus]! + (2 * r + 1) * (order + 1)] = 1;
    }
  }
  pattern.index.forEach((column, e) => write(transferAt[e]!, transfer, e * entries, row[e]!, column));
  return base;
}

/** Sixteen roundings of the largest products in a row of Y v. */
function roundingOf(grid: CompiledGrid, { own, transfer, pattern }: BusAdmittance): Float64Array {
  const { phases } = grid;
  const entries = 2 * phases * phases;
  const noise = new Float64Array(grid.busCount * phases);
  for (let bus = 0; bus < grid.busCount; bus++) {
    for (let r = 0; r < phases; r++) {
      let sum = 0;
      const add = (blocks: Float64Array, block: number): void => {
        for (let k = 0; k < 2 * phases; k++) sum += Math.abs(blocks[block + 2 * phases * r + k]!);
      };
      add(own, bus * entries);
      for (let e = pattern.start[bus]!; e < pattern.start[bus + 1]!; e++) add(transfer, e * entries);
      noise[bus * phases + r] = 16 * Number.EPSILON * sum;
    }
  }
  return noise;
}

/**
 * The unloaded grid has every angle shift of its transformers. Its magnitudes serve where loads only lower them; where
 * generators hold voltages, long unloaded lines would mislead, and nominal magnitudes are nearer.
 */
function startVoltages({ grid, network, elements }: MethodContext, controls: readonly VoltageControl[]): Float64Array {
  const equations = network();
  const voltage = new Float64Array(2 * grid.phases * grid.busCount);
  const solution = equations.createSolution();
  equations.solve(solution, elements.free.buses, voltage, new Float64Array(voltage.length));
  equations.readVoltages(solution, voltage);
  const held = new Set(grid.sources.filter((source) => source.y === undefined).map((source) => source.bus));
  for (let at = 0; at < voltage.length; at += 2) {
    if (grid.energisedPhases[at >> 1] === 0) voltage.fill(0, at, at + 2);
    else if (controls.length > 0 && !held.has(Math.floor((at >> 1) / grid.phases))) setMagnitude(voltage, at, 1);
  }
  for (const { places, setpoint } of controls) for (const place of places) setMagnitude(voltage, 2 * place, setpoint);
  return voltage;
}

function setMagnitude(voltage: Float64Array, at: number, magnitude: number): void {
  const now = Math.hypot(voltage[at]!, voltage[at + 1]!);
  if (now < 0.1) return;
  voltage[at]! *= magnitude / now;
  voltage[at + 1]! *= magnitude / now;
}

/** Where the largest mismatch stands and what it is. */
interface Worst {
  mismatch: number;
  place: number;
  /** Largest mismatch beyond rounding: what convergence looks at. */
  excess: number;
}

function createSolver(shared: Shared, state: Float64Array): MethodSolver {
  const { context, controls, lu, unknown, start } = shared;
  const { grid, elements, tolerancePu } = context;
  const { maxIterations } = context;
  const history = new Float64Array(maxIterations + 1);
  const work = createWork(grid);
  const states: ControlState[] = controls.map(() => 'hold');
  // The answer: the state, but not a number at dead places.
  const voltage = new Float64Array(state.length);
  let diverged = false;

  const publish = (): void => {
    voltage.set(state);
    grid.energisedPhases.forEach((live, place) => {
      if (live === 0) voltage.fill(Number.NaN, 2 * place, 2 * place + 2);
    });
  };
  const flatStart = (): void => {
    state.set(start);
    states.fill('hold');
    diverged = false;
    publish();
  };

  /** Newton's iteration for the states as they are. Returns the linear solves so far. */
  const iterate = (powers: ElementPowers, done: number): { iterations: number; worst: Worst; converged: boolean } => {
    elements.sumConstantPower(powers, work.busPower);
    let iterations = done;
    let worst = evaluate(shared, states, powers, state, work);
    let best = Number.POSITIVE_INFINITY;
    let patience = PATIENCE;
    /** No convergence: the best voltages on the way say more than the last. */
    const fail = (): { iterations: number; worst: Worst; converged: boolean } => {
      state.set(work.best);
      return { iterations, worst: evaluate(shared, states, powers, state, work), converged: false };
    };
    for (;;) {
      history[iterations] = worst.mismatch;
      if (worst.excess <= tolerancePu) return { iterations, worst, converged: true };
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
        worst = evaluate(shared, states, powers, state, work);
        continue;
      }
      for (let k = 0; k < work.step.length; k++) work.step[k] = -work.residual[k]!;
      lu.solve(work.step);
      iterations++;
      const before = worst;
      work.last.set(state);
      let length = 1;
      for (let halving = 0; ; halving++) {
        for (const place of unknown) {
          state[2 * place] = work.last[2 * place]! + length * work.step[2 * place]!;
          state[2 * place + 1] = work.last[2 * place + 1]! + length * work.step[2 * place + 1]!;
        }
        worst = evaluate(shared, states, powers, state, work);
        if (worst.mismatch <= WORSE * before.mismatch || halving === HALVINGS) break;
        length /= 2;
      }
    }
  };

  const solve: MethodSolver['solve'] = (powers): MethodResult => {
    if (diverged) flatStart();
    enforceStates(shared, states, powers);
    let outcome = iterate(powers, 0);
    const switches = controls.map(() => 0);
    for (let round = 0; outcome.converged && round < LIMIT_ROUNDS; round++) {
      settleReactivePower(shared, states, state, work, powers);
      if (!switchLimits(shared, states, state, powers, switches)) break;
      enforceStates(shared, states, powers);
      outcome = iterate(powers, outcome.iterations);
    }
    const { converged, iterations, worst } = outcome;
    diverged = !converged;
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
    branchCurrents: (from, to) => branchCurrents(grid, state, from, to),
    limited: () =>
      controls.flatMap(({ units }, c) => (states[c] === 'hold' ? [] : units.map(({ generator }) => generator))),
    clone: () => createSolver(shared, state.slice()),
  };
}

/** Arrays of one state, reused in every iteration. */
interface Work {
  earthing: boolean;
  readonly busPower: Float64Array;
  readonly injected: Float64Array;
  /** F = Y v - i_sources - i_elements at every place. */
  readonly mismatch: Float64Array;
  /** The equations: F, or what stands for it at controlled places. */
  readonly residual: Float64Array;
  readonly step: Float64Array;
  readonly last: Float64Array;
  readonly best: Float64Array;
}

function createWork(grid: CompiledGrid): Work {
  const make = (): Float64Array => new Float64Array(2 * grid.phases * grid.busCount);
  return {
    earthing: false,
    busPower: make(),
    injected: make(),
    mismatch: make(),
    residual: make(),
    step: make(),
    last: make(),
    best: make(),
  };
}

/** Fills mismatch and residual at the given voltages, and finds the largest: |v| |F| in power, or what control leaves. */
function evaluate(
  { context, admittance, earthed, controls, unknown, noise }: Shared,
  states: readonly ControlState[],
  powers: ElementPowers,
  voltage: Float64Array,
  work: Work,
): Worst {
  const { elements, grid } = context;
  const { mismatch, injected, residual } = work;
  admittance.netCurrent(voltage, mismatch);
  if (work.earthing) {
    for (const [bus, size] of earthed) {
      for (let k = 2 * grid.phases * bus; k < 2 * grid.phases * (bus + 1); k++) mismatch[k]! += size * voltage[k]!;
    }
  }
  injected.fill(0);
  elements.inject(elements.free, powers, work.busPower, voltage, injected);
  residual.fill(0);
  for (const place of unknown) {
    for (let k = 2 * place; k < 2 * place + 2; k++) {
      mismatch[k]! -= injected[k]!;
      residual[k] = mismatch[k]!;
    }
  }
  controls.forEach((control, c) => {
    if (states[c] === 'hold') controlResidual(control, voltage, mismatch, residual);
  });
  const controlled = new Set(controls.filter((_, c) => states[c] === 'hold').map(({ bus }) => bus));
  const worst: Worst = { mismatch: 0, place: -1, excess: 0 };
  for (const place of unknown) {
    const at = 2 * place;
    const size = Math.hypot(residual[at]!, residual[at + 1]!);
    // A controlled bus has powers and squared voltages as residuals already.
    const power = controlled.has(Math.floor(place / grid.phases))
      ? size
      : size * Math.hypot(voltage[at]!, voltage[at + 1]!);
    if (Number.isNaN(power)) return { mismatch: Number.NaN, place, excess: Number.NaN };
    worst.excess = Math.max(worst.excess, power - noise[place]!);
    if (power <= worst.mismatch) continue;
    worst.mismatch = power;
    worst.place = place;
  }
  return worst;
}

/** a^0, a^1, a^2 with a = exp(j 120 deg): weights of the positive sequence, v1 = (va + a vb + a^2 vc) / 3. */
const TURN_RE = [1, -0.5, -0.5] as const;
const TURN_IM = [0, Math.sqrt(3) / 2, -Math.sqrt(3) / 2] as const;

function positiveSequence(places: readonly number[], voltage: Float64Array): [number, number] {
  let [re, im] = [0, 0];
  places.forEach((place, k) => {
    const [vr, vi] = [voltage[2 * place]!, voltage[2 * place + 1]!];
    re += (TURN_RE[k]! * vr - TURN_IM[k]! * vi) / 3;
    im += (TURN_RE[k]! * vi + TURN_IM[k]! * vr) / 3;
  });
  return [re, im];
}

/**
 * Row 2k: active power Re(v F*) = 0 of each held place. Row 2k + 1: |v|^2 = setpoint^2; or, when the positive sequence
 * is held by equal reactive powers, q_A = q_B, q_B = q_C and |v1|^2 = setpoint^2.
 */
function controlResidual(
  { places, holds, setpoint }: VoltageControl,
  voltage: Float64Array,
  mismatch: Float64Array,
  residual: Float64Array,
): void {
  const reactive: number[] = [];
  for (const place of places) {
    const at = 2 * place;
    const [vr, vi, fr, fi] = [voltage[at]!, voltage[at + 1]!, mismatch[at]!, mismatch[at + 1]!];
    residual[at] = vr * fr + vi * fi;
    residual[at + 1] = vr * vr + vi * vi - setpoint * setpoint;
    reactive.push(vi * fr - vr * fi);
  }
  if (holds === 'each-phase') return;
  const [re, im] = positiveSequence(places, voltage);
  residual[2 * places[0]! + 1] = reactive[0]! - reactive[1]!;
  residual[2 * places[1]! + 1] = reactive[1]! - reactive[2]!;
  residual[2 * places[2]! + 1] = re * re + im * im - setpoint * setpoint;
}

/** Y less the derivatives of the elements' currents; rows of held places by the chain rule. */
function fillJacobian(
  shared: Shared,
  states: readonly ControlState[],
  powers: ElementPowers,
  voltage: Float64Array,
  work: Work,
): void {
  const { context, controls, earthed, lu, base, ownAt } = shared;
  const { grid, elements } = context;
  const order = 2 * grid.phases;
  lu.values.set(base);
  for (const [bus, size] of work.earthing ? earthed : []) {
    for (let e = 0; e < order; e++) lu.values[ownAt[bus]! + e * (order + 1)]! += size;
  }
  const addOwn = (rowPlace: number, columnPlace: number, derivative: Derivative, factor: number): void => {
    const bus = Math.floor(rowPlace / grid.phases);
    const to = ownAt[bus]! + 2 * (rowPlace % grid.phases) * order + 2 * (columnPlace % grid.phases);
    lu.values[to]! += factor * derivative.rr;
    lu.values[to + 1]! += factor * derivative.ri;
    lu.values[to + order]! += factor * derivative.ir;
    lu.values[to + order + 1]! += factor * derivative.ii;
  };
  for (const place of elements.free.places) {
    const at = 2 * place;
    const [p, q] = [work.busPower[at]!, work.busPower[at + 1]!];
    if (p === 0 && q === 0) continue;
    const [re, im] = [voltage[at]!, voltage[at + 1]!];
    const d = re * re + im * im;
    addOwn(place, place, currentDerivative(re, im, p / d, q / d, -p / (d * d), -q / (d * d)), -1);
  }
  for (const part of elements.free.general) {
    const derivative = partDerivative(part, powers[part.kind], grid.basePowerVA, voltage);
    if (derivative === undefined) continue;
    const near = part.near >> 1;
    addOwn(near, near, derivative, -1);
    if (part.far < 0) continue;
    const far = part.far >> 1;
    addOwn(near, far, derivative, 1);
    addOwn(far, near, derivative, 1);
    addOwn(far, far, derivative, -1);
  }
  controls.forEach((control, c) => {
    if (states[c] === 'hold') controlRows(shared, control, voltage, work.mismatch);
  });
}

/** d(i_re, i_im) / d(v_re, v_im). */
interface Derivative {
  readonly rr: number;
  readonly ri: number;
  readonly ir: number;
  readonly ii: number;
}

/** Of i = (a re + b im) + j (a im - b re) with a = P / |v|^2, b = Q / |v|^2 and their slopes against |v|^2. */
function currentDerivative(re: number, im: number, a: number, b: number, da: number, db: number): Derivative {
  const real = 2 * (da * re + db * im);
  const imaginary = 2 * (da * im - db * re);
  return { rr: a + re * real, ri: b + im * real, ir: -b + re * imaginary, ii: a + im * imaginary };
}

/** With u = |v| / n: P(u) / |v|^2 = P0 (z / n^2 + i / (n |v|) + p / |v|^2). */
function partDerivative(
  part: GeneralPart,
  power: Float64Array,
  basePowerVA: number,
  voltage: Float64Array,
): Derivative | undefined {
  const { own, near, far, sign, nominal, active, reactive } = part;
  const p0 = (sign * power[own]!) / basePowerVA;
  const q0 = (sign * power[own + 1]!) / basePowerVA;
  if (p0 === 0 && q0 === 0) return undefined;
  const re = voltage[near]! - (far < 0 ? 0 : voltage[far]!);
  const im = voltage[near + 1]! - (far < 0 ? 0 : voltage[far + 1]!);
  const d = re * re + im * im;
  const magnitude = Math.sqrt(d);
  const over = ({ z, i, p }: GeneralPart['active']): number =>
    z / (nominal * nominal) + i / (nominal * magnitude) + p / d;
  const slope = ({ i, p }: GeneralPart['active']): number => -i / (2 * nominal * magnitude * d) - p / (d * d);
  return currentDerivative(re, im, p0 * over(active), q0 * over(reactive), p0 * slope(active), q0 * slope(reactive));
}

/** Turns the rows dF of a held bus into those of its control equations, in its own and all its transfer blocks. */
function controlRows(shared: Shared, control: VoltageControl, voltage: Float64Array, mismatch: Float64Array): void {
  const { admittance, lu, ownAt, transferAt, context } = shared;
  const { start } = admittance.pattern;
  const { bus, places, holds } = control;
  const { phases } = context.grid;
  const order = 2 * phases;
  const { values } = lu;
  const blocks = [ownAt[bus]!, ...transferAt.subarray(start[bus], start[bus + 1])];
  const rowOf = (k: number): number => 2 * (places[k]! % phases) * order;

  blocks.forEach((block, b) => {
    const reactive = places.map((place, k) => {
      const row = block + rowOf(k);
      const [vr, vi] = [voltage[2 * place]!, voltage[2 * place + 1]!];
      const q = new Float64Array(order);
      for (let c = 0; c < order; c++) {
        const [fr, fi] = [values[row + c]!, values[row + order + c]!];
        q[c] = vi * fr - vr * fi;
        values[row + c] = vr * fr + vi * fi;
        values[row + order + c] = 0;
      }
      if (b > 0) return q;
      const own = 2 * (place % phases);
      values[row + own]! += mismatch[2 * place]!;
      values[row + own + 1]! += mismatch[2 * place + 1]!;
      q[own]! -= mismatch[2 * place + 1]!;
      q[own + 1]! += mismatch[2 * place]!;
      return q;
    });
    if (holds === 'each-phase') return;
    for (let c = 0; c < order; c++) {
      values[block + rowOf(0) + order + c] = reactive[0]![c]! - reactive[1]![c]!;
      values[block + rowOf(1) + order + c] = reactive[1]![c]! - reactive[2]![c]!;
    }
  });
  if (holds === 'each-phase') {
    places.forEach((place, k) => {
      const to = ownAt[bus]! + rowOf(k) + order + 2 * (place % phases);
      values[to] = 2 * voltage[2 * place]!;
      values[to + 1] = 2 * voltage[2 * place + 1]!;
    });
    return;
  }
  // d|v1|^2 / d(re, im) of phase k, with v1 = sum a^k v_k / 3.
  const [re, im] = positiveSequence(places, voltage);
  places.forEach((_, k) => {
    const to = ownAt[bus]! + rowOf(2) + order + 2 * k;
    values[to] = (2 / 3) * (re * TURN_RE[k]! + im * TURN_IM[k]!);
    values[to + 1] = (2 / 3) * (im * TURN_RE[k]! - re * TURN_IM[k]!);
  });
}

/** Writes the limits into the powers of generators that stand at one. */
function enforceStates({ controls, context }: Shared, states: readonly ControlState[], powers: ElementPowers): void {
  controls.forEach((control, c) => {
    const state = states[c]!;
    if (state === 'hold') return;
    const total = control[state];
    const each = control.places.map(() => total / control.places.length);
    shareReactivePower(control, context.grid, each, powers);
  });
}

/** What each held bus lacks in reactive power, Im(v F*), is what its generators make besides. */
function settleReactivePower(
  { controls, context }: Shared,
  states: readonly ControlState[],
  voltage: Float64Array,
  work: Work,
  powers: ElementPowers,
): void {
  const { grid } = context;
  controls.forEach((control, c) => {
    if (states[c] !== 'hold') return;
    const wanted = control.places.map((place) => {
      const at = 2 * place;
      let q = voltage[at + 1]! * work.mismatch[at]! - voltage[at]! * work.mismatch[at + 1]!;
      for (const { generator } of control.units) {
        q += powers.generator[2 * (generator * grid.phases + (place % grid.phases)) + 1]! / grid.basePowerVA;
      }
      return q;
    });
    shareReactivePower(control, grid, wanted, powers);
  });
}

/** Generators beyond a limit stop there; one at a limit whose voltage has passed its setpoint holds it again. */
function switchLimits(
  { controls, context }: Shared,
  states: ControlState[],
  voltage: Float64Array,
  powers: ElementPowers,
  switches: number[],
): boolean {
  let changed = false;
  controls.forEach((control, c) => {
    const { min, max, setpoint } = control;
    const now = states[c]!;
    let next: ControlState = now;
    if (now === 'hold') {
      const q = reactivePower(control, context.grid, powers);
      if (q > max + LIMIT_TOLERANCE) next = 'max';
      else if (q < min - LIMIT_TOLERANCE) next = 'min';
    } else if (switches[c]! < LIMIT_SWITCHES) {
      const vm = heldMagnitude(control, voltage);
      if (now === 'max' && vm > setpoint + LIMIT_TOLERANCE) next = 'hold';
      if (now === 'min' && vm < setpoint - LIMIT_TOLERANCE) next = 'hold';
    }
    if (next === now) return;
    states[c] = next;
    switches[c]!++;
    changed = true;
  });
  return changed;
}

function heldMagnitude({ places, holds }: VoltageControl, voltage: Float64Array): number {
  if (holds === 'positive-sequence') return Math.hypot(...positiveSequence(places, voltage));
  return (
    places.reduce((sum, place) => sum + Math.hypot(voltage[2 * place]!, voltage[2 * place + 1]!), 0) / places.length
  );
}
