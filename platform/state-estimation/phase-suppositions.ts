/**
 * How likely the voltages of all meters are if some of the meters have their phases in another order.
 *
 * A supposition is a set of orders, each from some frame on. The frames are estimated with it, and it is judged by the
 * likelihood of the residuals of all voltages of all meters (`residual-series.ts`: what stays constant of a device's error
 * counts once). All suppositions are judged by the same residuals of the same frames, so any two of them compare, one meter
 * against its neighbour or one against both. Where an order begins the meter's series begins anew: who mixes up phases may
 * have exchanged the meter, and its errors with it.
 */
import type { EstimateResult, EstimationProblem } from './estimator.ts';
import { createLeastSquares } from './least-squares.ts';
import type { Fit } from './model-candidate.ts';
import { AS_NAMED } from './model-hypotheses.ts';
import type { Meter, PhaseCandidate } from './phase-candidates.ts';
import { ResidualSeries } from './residual-series.ts';

/** Frames that are looked back on: a day of quarters of an hour. */
const FRAMES_MOST = 96;

/** Another order of a meter's phases, from a frame on. */
export interface Member {
  readonly candidate: Pick<PhaseCandidate, 'bus' | 'order' | 'hypothesis'>;
  readonly from: number;
}

export interface Supposition {
  readonly members: readonly Member[];
  /**
   * Twice the logarithm, up to a constant. An order may begin at any of n frames, each one as likely as any other before
   * something is known: a member costs 2 ln n.
   */
  readonly likelihood: number;
}

/** A frame as it is estimated with a set of orders. */
interface Row {
  /** Residuals of the meters' voltages over their sigmas, three a meter; NaN where absent. */
  readonly residuals: Float64Array;
  readonly objective: number;
  readonly limit: number;
}

interface Frame {
  readonly number: number;
  readonly problem: EstimationProblem;
  /** As the model has it. */
  readonly row: Row;
}

export class PhaseSuppositions {
  /** Number of the newest frame. */
  count = 0;
  private readonly meters: readonly Meter[];
  private readonly phases: readonly (readonly number[])[];
  private readonly estimator = createLeastSquares();
  private frames: readonly Frame[] = [];
  /** By the orders that hold. What nobody asks for at a frame is forgotten at the next. */
  private estimated = new Map<string, Map<number, Row>>();
  private asked = new Map<string, Map<number, Row>>();
  private begun = new Map<PhaseCandidate, { readonly member: Member; readonly origin: number }>();
  private supposed = new Map<string, Supposition>();

  constructor(meters: readonly Meter[]) {
    this.meters = meters;
    this.phases = meters.map(({ voltages }) => AS_NAMED.filter((phase) => voltages[phase] !== -1));
  }

  observe(problem: EstimationProblem, now: EstimateResult): void {
    this.count += 1;
    const frame = { number: this.count, problem, row: this.toRow(problem, now, []) };
    this.frames = [...this.frames, frame].slice(-FRAMES_MOST);
    this.estimated = this.asked;
    this.asked = new Map();
    this.begun = new Map();
    this.supposed = new Map();
  }

  /** An order from that frame on, not before `origin`, from which it is most likely. */
  begin(candidate: PhaseCandidate, origin: number): Member {
    const known = this.begun.get(candidate);
    if (known !== undefined && known.origin <= origin) return known.member;
    const of = this.meters.findIndex(({ bus }) => bus === candidate.bus);
    const series = this.emptySeries();
    const after = new ResidualSeries(this.phases[of]!.length);
    const moved = series.map((one, k) => (k === of ? after : one));
    const possible = this.frames.filter(({ number }) => number >= origin);
    const rows = possible.map((frame) => this.rowOf(frame, [candidate]));
    for (const { number, row } of this.frames) {
      if (number < origin) series.forEach((one, k) => this.add(one, row, k));
    }
    for (const row of rows) moved.forEach((one, k) => this.add(one, row, k));
    let best = { from: origin, likelihood: -Infinity };
    possible.forEach(({ number, row }, t) => {
      const likelihood = sumOf([...series, after]);
      if (likelihood > best.likelihood) best = { from: number, likelihood };
      // From now on as named.
      moved.forEach((one, k) => this.add(one, rows[t]!, k, -1));
      series.forEach((one, k) => this.add(one, row, k));
    });
    const member = { candidate, from: best.from };
    this.begun.set(candidate, { member, origin });
    return member;
  }

  suppose(members: readonly Member[]): Supposition {
    const key = members
      .map(({ candidate, from }) => `${keyOf(candidate)}@${from}`)
      .toSorted()
      .join(' ');
    let supposition = this.supposed.get(key);
    if (supposition === undefined) {
      const [before, after] = [this.emptySeries(), this.emptySeries()];
      const begins = this.meters.map(({ bus }) => members.find(({ candidate }) => candidate.bus === bus)?.from);
      this.rowsOf(members).forEach((row, t) => {
        const { number } = this.frames[t]!;
        begins.forEach((from = Infinity, k) => this.add((number < from ? before : after)[k]!, row, k));
      });
      const likelihood = sumOf([...before, ...after]) - 2 * members.length * Math.log(this.frames.length);
      this.supposed.set(key, (supposition = { members, likelihood }));
    }
    return supposition;
  }

  /** Over the frames since the first order. */
  fit({ members }: Supposition): Fit {
    const first = Math.min(...members.map(({ from }) => from));
    const rows = this.rowsOf(members);
    let [gain, excess] = [0, 0];
    this.frames.forEach(({ number, row }, t) => {
      if (number < first) return;
      gain += row.objective - rows[t]!.objective;
      excess += rows[t]!.objective - rows[t]!.limit;
    });
    return { gain, excess };
  }

  /**
   * Buses of the meters whose voltages an order moves most in the frames from `origin` on, at most so many. What one bus
   * does to another the other does to it, so the orders of these meters are those that it may be taken for.
   */
  movedBy(candidate: PhaseCandidate, most: number, origin: number): ReadonlySet<number> {
    const moved = new Float64Array(this.meters.length);
    for (const frame of this.frames) {
      if (frame.number < origin) continue;
      const own = this.rowOf(frame, [candidate]).residuals;
      frame.row.residuals.forEach((named, k) => (moved[Math.floor(k / 3)]! += Math.abs(own[k]! - named) || 0));
    }
    const order = this.meters.map((_, k) => k).toSorted((a, b) => moved[b]! - moved[a]!);
    return new Set(order.slice(0, most).map((k) => this.meters[k]!.bus));
  }

  private rowsOf(members: readonly Member[]): Row[] {
    // An order as named only begins a series anew.
    const moved = members.filter(({ candidate }) => candidate.order !== AS_NAMED);
    return this.frames.map((frame) =>
      this.rowOf(
        frame,
        moved.filter(({ from }) => frame.number >= from).map(({ candidate }) => candidate),
      ),
    );
  }

  private rowOf(frame: Frame, orders: readonly Member['candidate'][]): Row {
    if (orders.length === 0) return frame.row;
    const key = orders.map(keyOf).toSorted().join(' ');
    const rows = this.asked.get(key) ?? this.estimated.get(key) ?? new Map<number, Row>();
    this.asked.set(key, rows);
    let row = rows.get(frame.number);
    if (row === undefined) {
      const moved = orders.reduce((problem, { hypothesis }) => hypothesis.apply(problem) ?? problem, frame.problem);
      const result = this.estimator.estimate({ ...moved, statistics: 'never' });
      // What cannot be estimated explains nothing.
      row = result.status === 'converged' ? this.toRow(frame.problem, result, orders) : frame.row;
      rows.set(frame.number, row);
    }
    return row;
  }

  private toRow(
    { measurements }: EstimationProblem,
    { voltage, objective, chiSquareLimit: limit }: EstimateResult,
    orders: readonly Member['candidate'][],
  ): Row {
    const residuals = new Float64Array(3 * this.meters.length).fill(Number.NaN);
    this.meters.forEach(({ bus, voltages }, k) => {
      const order = orders.find((one) => one.bus === bus)?.order ?? AS_NAMED;
      for (const phase of this.phases[k]!) {
        const m = measurements[voltages[phase]!]!;
        if (m.kind !== 'voltageMagnitude' || !(m.sigma < Infinity)) continue;
        const at = 2 * (3 * bus + order[phase]!);
        residuals[3 * k + phase] = (m.value - Math.sqrt(voltage[at]! ** 2 + voltage[at + 1]! ** 2)) / m.sigma;
      }
    });
    return { residuals, objective, limit };
  }

  private emptySeries(): ResidualSeries[] {
    return this.phases.map((phases) => new ResidualSeries(phases.length));
  }

  /** Takes one meter's part of a row into a series, or out of it again. */
  private add(series: ResidualSeries, { residuals }: Row, meter: number, times: 1 | -1 = 1): void {
    const weighted = this.phases[meter]!.map((phase) => residuals[3 * meter + phase]!);
    if (!weighted.some(Number.isNaN)) series.add(weighted, times);
  }
}

function keyOf({ bus, order }: Member['candidate']): string {
  return `${bus}:${order.join('')}`;
}

function sumOf(series: readonly ResidualSeries[]): number {
  return series.reduce((sum, one) => sum + one.twiceLogLikelihood(), 0);
}
