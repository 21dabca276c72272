/** What the numbers of an estimate mean: objective, degrees of freedom, standard deviations, weights, every kind counted. */
import { expect } from 'vitest';
import { chiSquareQuantile } from '../../numerics/chi-square.ts';
import { branchEndFlow, busInjections, gridLosses } from '../../platform/state-estimation/branch-flows.ts';
import type {
  EstimateResult,
  EstimationProblem,
  Estimator,
  EstimatorMeasurement,
  ScalarKind,
  ScalarMeasurement,
} from '../../platform/state-estimation/estimator.ts';
import { distance, noise, rule, solved, type EstimatorRule } from './estimator-rule.ts';
import { loadedFeeders, measure, smallFeeders, smallLoadedFeeders, type Feeder } from './random-feeder.ts';

/** No entry negative, none missing, NaN only where allowed. */
function expectSizes(values: ArrayLike<number> | undefined, length: number, openAllowed = false): void {
  expect(values).toHaveLength(length);
  const bad = Array.from(values!).filter((value) => !(value >= 0 || (openAllowed && Number.isNaN(value))));
  expect(bad).toEqual([]);
}

/** Measured values less free states; without phasors the angle of the reference is no state. */
function degreesOfFreedom({ grid, measurements, zeroInjections }: EstimationProblem): number {
  const values = measurements.reduce((sum, m) => sum + ('angleRad' in m || m.kind === 'sourceBalance' ? 2 : 1), 0);
  const synchronised = measurements.some((m) => 'angleRad' in m);
  return values - 2 * grid.phases * (grid.busCount - zeroInjections.length) + (synchronised ? 0 : 1);
}

/** Measured minus estimated of V, P and Q at buses, and the unbalance of a stiff source. */
function residualsOf({ grid, measurements }: EstimationProblem, voltage: Float64Array): number[][] {
  const injections = busInjections(grid, voltage);
  return measurements.map((m) => {
    if (m.kind === 'sourceBalance') return sequenceOf(voltage, m.sequence === 'zero' ? 0 : 1);
    if (m.place.at !== 'bus' || m.phase === 'sum') throw new Error(`${m.id} is not compared here`);
    const k = 2 * (m.place.bus * grid.phases + m.phase);
    if (m.kind === 'voltageMagnitude') return [m.value - Math.hypot(voltage[k]!, voltage[k + 1]!)];
    return [m.value - injections[m.kind === 'activePower' ? k : k + 1]!];
  });
}

/** (va + a^k vb + a^2k vc) / 3 at the first bus, with k = 0 for zero and 2 for negative sequence. */
function sequenceOf(voltage: Float64Array, negative: 0 | 1): number[] {
  const sum = [0, 0];
  for (let phase = 0; phase < 3; phase += 1) {
    const turn = (-2 * Math.PI * negative * phase) / 3;
    const [re, im] = [voltage[2 * phase]!, voltage[2 * phase + 1]!];
    sum[0]! += (re * Math.cos(turn) - im * Math.sin(turn)) / 3;
    sum[1]! += (re * Math.sin(turn) + im * Math.cos(turn)) / 3;
  }
  return sum;
}

/** |V| at the source alone, P and Q wherever something is injected: nothing is redundant, and nothing may be missing. */
function bare(feeder: Feeder, without: (m: ScalarMeasurement) => boolean = () => false): EstimationProblem {
  const problem = measure(feeder);
  const measurements = problem.measurements.filter(
    (m) =>
      m.kind === 'sourceBalance' ||
      (m.place.at === 'bus' &&
        (m.kind !== 'voltageMagnitude' || m.place.bus === 0) &&
        !('angleRad' in m || without(m))),
  );
  return { ...problem, measurements };
}

/** The true complex values at the end of the feeder: phase 0 of the last bus, and of the line to it. */
function endOf({ grid, truth, lineCurrent, injection }: Feeder) {
  const bus = grid.busCount - 1;
  const branch = bus - 1;
  const { from } = grid.branches[branch]!;
  const at = (values: Float64Array, element: number) => {
    const k = 2 * grid.phases * element;
    return { size: Math.hypot(values[k]!, values[k + 1]!), angle: Math.atan2(values[k + 1]!, values[k]!) };
  };
  const [near, far, current] = [at(truth, from), at(truth, bus), at(lineCurrent, branch)];
  const power = near.size * current.size;
  const turn = near.angle - current.angle;
  let sum = 0;
  for (let k = 2 * grid.phases * bus; k < 2 * grid.phases * (bus + 1); k += 1) sum += truth[k]! * injection[k]!;
  const isEnd = (m: ScalarMeasurement, ...kinds: readonly ScalarKind[]) =>
    m.place.at === 'bus' && m.place.bus === bus && m.phase === 0 && kinds.includes(m.kind);
  return { bus, branch, far, current, p: power * Math.cos(turn), q: power * Math.sin(turn), sum, isEnd };
}

/** Problems that have the truth only for whoever takes each measurement of this kind into account. */
function replacements(feeder: Feeder): readonly (readonly [what: string, problem: EstimationProblem])[] {
  const { bus, branch, far, current, p, q, sum, isEnd } = endOf(feeder);
  const source = Math.hypot(feeder.truth[0]!, feeder.truth[1]!);
  const [here, head, line] = [
    { at: 'bus', bus },
    { at: 'bus', bus: 0 },
    { at: 'from', branch },
  ] as const;
  const scalar = (kind: ScalarKind, place: ScalarMeasurement['place'], value: number, sigma = 1e-3) =>
    ({ id: `new-${kind}-${place.at}`, kind, place, phase: 0, value, sigma }) as const;
  const phasor = (kind: 'voltagePhasor' | 'currentPhasor', place: ScalarMeasurement['place'], of: typeof far) =>
    ({
      id: `new-${kind}-${Object.values(place).join('-')}`,
      kind,
      place,
      phase: 0,
      value: of.size,
      sigma: 1e-3,
      angleRad: of.angle,
      angleSigmaRad: 1e-3,
    }) as const;
  const headPhasor = phasor('voltagePhasor', head, { size: source, angle: 0 });
  const headAngle = { ...scalar('voltageAngle', head, 0), id: 'new-angle-head' };
  const instead = (without: readonly ScalarKind[], ...added: readonly EstimatorMeasurement[]): EstimationProblem => {
    const problem = bare(feeder, (m) => isEnd(m, ...without));
    return { ...problem, measurements: [...problem.measurements, ...added] };
  };
  return [
    ['voltage magnitude', instead(['activePower'], scalar('voltageMagnitude', here, far.size))],
    ['voltage angle', instead(['activePower'], headAngle, scalar('voltageAngle', here, far.angle))],
    ['active power of a branch', instead(['activePower'], scalar('activePower', line, p))],
    ['reactive power of a branch', instead(['reactivePower'], scalar('reactivePower', line, q))],
    ['sum of phases', instead(['activePower'], { ...scalar('activePower', here, sum), phase: 'sum' })],
    ['voltage phasor', instead(['activePower', 'reactivePower'], headPhasor, phasor('voltagePhasor', here, far))],
    ['current phasor', instead(['activePower', 'reactivePower'], headPhasor, phasor('currentPhasor', line, current))],
  ];
}

/** The end's power is hardly known and 20 % off; a sharp measurement of its current says better. */
function sharpCurrent(feeder: Feeder): EstimationProblem {
  const { branch, current, isEnd } = endOf(feeder);
  const problem = bare(feeder);
  const blurred = problem.measurements.map((m) =>
    m.kind !== 'sourceBalance' && !('angleRad' in m) && isEnd(m, 'activePower', 'reactivePower')
      ? { ...m, value: 1.2 * m.value, sigma: 0.05 }
      : m,
  );
  const place = { at: 'from', branch } as const;
  const sharp = { id: 'current', kind: 'currentMagnitude', place, phase: 0, value: current.size, sigma: 1e-6 } as const;
  return { ...problem, measurements: [...blurred, sharp] };
}

/** Two values of one quantity, `gap` apart, the first three times as precise as the second. */
function contradict(m: ScalarMeasurement, gap: number): ScalarMeasurement[] {
  return [
    { ...m, sigma: gap },
    { ...m, id: `${m.id}-again`, value: m.value + gap, sigma: 3 * gap },
  ];
}

function sigmasOf({ voltageMagnitudeSigma, voltageAngleSigma }: EstimateResult): number[] {
  return [...(voltageMagnitudeSigma ?? []), ...(voltageAngleSigma ?? [])];
}

/**
 * Everything with an error that a value can be moved by: what is assumed of a source has none, phasors fix the angles
 * instead. Of a current of nearly nothing an angle means nothing either.
 */
function movable(feeder: Feeder): EstimationProblem {
  const problem = measure(feeder, { phasorTurn: 0 });
  const measurements = problem.measurements.filter(({ kind }) => kind !== 'sourceBalance' && kind !== 'currentPhasor');
  return { ...problem, measurements };
}

type Scalar = ScalarMeasurement & { shared: NonNullable<ScalarMeasurement['shared']> };
const shares = (m: EstimatorMeasurement): m is Scalar => 'shared' in m && m.shared !== undefined;

/** Standard deviations of what follows from the voltages, by moving each error, and each cause of many, a tenth of itself. */
function carriedThrough(
  create: () => Estimator,
  problem: EstimationProblem,
  follows: (voltage: Float64Array) => readonly number[],
): number[] {
  let variance: number[] = [];
  const carry = (moved: (m: EstimatorMeasurement, index: number, share: number) => EstimatorMeasurement): void => {
    const [more, less] = [0.1, -0.1].map((share) => {
      const measurements = problem.measurements.map((m, i) => moved(m, i, share));
      return follows(solved(create().estimate({ ...problem, measurements })));
    });
    variance = more!.map((value, k) => (variance[k] ?? 0) + ((value - less![k]!) / 0.2) ** 2);
  };
  problem.measurements.forEach((one, index) => {
    if (one.kind === 'sourceBalance') return;
    carry((m, i, share) => (i === index ? { ...one, value: one.value + share * one.sigma } : m));
    if (!('angleRad' in one)) return;
    carry((m, i, share) => (i === index ? { ...one, angleRad: one.angleRad + share * one.angleSigmaRad } : m));
  });
  for (const cause of new Set(problem.measurements.filter(shares).map(({ shared }) => shared.cause))) {
    carry((m, _, share) =>
      shares(m) && m.shared.cause === cause ? { ...m, value: m.value + share * m.shared.sensitivity } : m,
    );
  }
  return variance.map(Math.sqrt);
}

/** Magnitudes, then angles, by bus-phase. */
function polar(voltage: Float64Array): number[] {
  const places = Array.from({ length: voltage.length / 2 }, (_, k) => 2 * k);
  return [
    ...places.map((k) => Math.hypot(voltage[k]!, voltage[k + 1]!)),
    ...places.map((k) => Math.atan2(voltage[k + 1]!, voltage[k]!)),
  ];
}

/** In the order of `FlowSigmas`: injections, six values of each branch and phase, losses. */
function flowsOf({ grid }: Feeder, voltage: Float64Array): number[] {
  const branches = grid.branches.flatMap((branch) => {
    const [from, to] = (['from', 'to'] as const).map((end) => branchEndFlow(grid, branch, end, voltage));
    return Array.from({ length: grid.phases }, (_, phase) => [
      ...[from!, to!].flatMap((end) => [end.activePower[phase]!, end.reactivePower[phase]!]),
      ...[from!, to!].map((end) => end.current[phase]!),
    ]).flat();
  });
  return [...busInjections(grid, voltage), ...branches, gridLosses(grid, voltage)];
}

export const numberRules: readonly EstimatorRule[] = [
  rule('statistics have a number for everything, and none is negative', ({ feeder, create }) => {
    const { grid } = feeder;
    const places = grid.busCount * grid.phases;
    for (const choice of [{}, { phasorTurn: 0.3 }]) {
      const problem: EstimationProblem = { ...measure(feeder, { error: noise, ...choice }), statistics: 'full' };
      const result = create().estimate(problem);
      solved(result);
      expectSizes([result.objective, result.iterations], 2);
      expect(result.degreesOfFreedom).toBe(degreesOfFreedom(problem));
      expect(result.chiSquareLimit / chiSquareQuantile(0.95, result.degreesOfFreedom)).toBeCloseTo(1, 6);
      expectSizes(result.voltageMagnitudeSigma, places);
      expectSizes(result.voltageAngleSigma, places);
      expect(Math.min(...result.voltageMagnitudeSigma!)).toBeGreaterThan(0);
      expectSizes(result.normalisedResiduals, problem.measurements.length, true);
      if (result.flowSigmas === undefined) continue;
      expectSizes(result.flowSigmas.injection, 2 * places);
      expectSizes(result.flowSigmas.branch, 6 * grid.branches.length * grid.phases);
      expectSizes([result.flowSigmas.losses, result.flowSigmas.shunts], 2);
    }
  }),
  rule('suspects are the normalised residuals above 3, the largest first', ({ feeder, create }) => {
    const wrong = measure(feeder, { error: (index) => noise(index) + (index % 9 === 4 ? 30 : 0) });
    const { status, suspects, normalisedResiduals } = create().estimate(wrong);
    expect(status).toBe('converged');
    const sizes = suspects.map(({ normalisedResidual }) => normalisedResidual);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    const above = wrong.measurements.filter((_, i) => normalisedResiduals![i]! > 3).map(({ id }) => id);
    expect(new Set(suspects.map(({ measurement }) => measurement))).toEqual(new Set(above));
    for (const { measurement, normalisedResidual } of suspects) {
      const index = wrong.measurements.findIndex(({ id }) => id === measurement);
      expect(normalisedResidual).toBeLessThanOrEqual(normalisedResiduals![index]!);
    }
  }),
  rule(
    'the objective is the sum of squared residuals over sigmas, and residuals are measured minus estimated',
    ({ feeder, create }) => {
      const problem = measure(feeder, { error: noise });
      const result = create().estimate(problem);
      const own = residualsOf(problem, solved(result));
      const objective = own.flatMap((parts, i) => parts.map((part) => (part / problem.measurements[i]!.sigma) ** 2));
      const sum = objective.reduce((total, square) => total + square, 0);
      expect(Math.abs(result.objective - sum)).toBeLessThan(1e-5 * (1 + sum));
      for (const { index, measurement, residual, sigma } of result.residuals ?? []) {
        const of = problem.measurements[index]!;
        if (of.kind === 'sourceBalance') continue;
        expect(measurement).toBe(of.id);
        expect(Math.abs(residual - own[index]![0]!)).toBeLessThan(1e-6 * of.sigma + 1e-9);
        expect(sigma / of.sigma).toBeCloseTo(1, 9);
      }
    },
  ),
  rule('standard deviations grow with those of the measurements', ({ feeder, create }) => {
    const [one, three] = [1, 3].map((sigmaScale) =>
      sigmasOf(create().estimate(measure(feeder, { phasorTurn: 0.4, sigmaScale }))),
    );
    expect(three!.length).toBeGreaterThan(0);
    three!.forEach((sigma, k) => expect(Math.abs(sigma - 3 * one![k]!)).toBeLessThan(1e-5 * sigma + 1e-12));
  }),
  rule(
    'standard deviations are the errors of all measurements carried through',
    ({ feeder, create, tolerance, robust }) => {
      if (robust) return;
      const problem = movable(feeder);
      const carried = carriedThrough(create, problem, polar);
      sigmasOf(create().estimate(problem)).forEach((sigma, k) =>
        expect(Math.abs(sigma - carried[k]!)).toBeLessThan(2e-3 * sigma + 10 * tolerance),
      );
    },
    smallFeeders,
  ),
  rule(
    'so are those of flows, injections and losses, where they are stated',
    ({ feeder, create, tolerance, robust }) => {
      const problem: EstimationProblem = { ...movable(feeder), statistics: 'full' };
      const { flowSigmas } = create().estimate(problem);
      if (robust || flowSigmas === undefined) return;
      const carried = carriedThrough(create, problem, (voltage) => flowsOf(feeder, voltage));
      [...flowSigmas.injection, ...flowSigmas.branch, flowSigmas.losses].forEach((sigma, k) =>
        expect(Math.abs(sigma - carried[k]!)).toBeLessThan(2e-3 * sigma + 10 * tolerance),
      );
    },
    smallLoadedFeeders,
  ),
  rule(
    'a cause that measurements share moves all of them, each by its sensitivity',
    ({ feeder, create, tolerance, robust }) => {
      if (robust) return;
      const { bus, isEnd } = endOf(feeder);
      const k = 2 * feeder.grid.phases * bus;
      const gap = 2e-5;
      const shared = (times: number) => ({ cause: 'cloud', sensitivity: times * gap });
      const problem = bare(feeder);
      const measurements = problem.measurements.flatMap((m): EstimatorMeasurement[] => {
        if (m.kind === 'sourceBalance' || 'angleRad' in m) return [m];
        if (isEnd(m, 'reactivePower')) return [{ ...m, sigma: gap, shared: shared(4) }];
        if (!isEnd(m, 'activePower')) return [m];
        const again = { ...m, id: `${m.id}-again`, value: m.value + gap, sigma: gap, shared: shared(-1) };
        return [{ ...m, sigma: gap, shared: shared(2) }, again];
      });
      const clouded = { ...problem, measurements };
      const result = create().estimate(clouded);
      const found = busInjections(feeder.grid, solved(result));
      const truth = busInjections(feeder.grid, feeder.truth);
      // Of the two active powers R = [5 -2; -2 2] gap^2, and R^-1 [1 1]' is as 4 to 7. What they are apart has the variance
      // (1 + 1 + 3^2) gap^2 and the covariance 3 gap with the cause, which so is -3/11: the reactive power's error is 4 of it.
      expect((found[k]! - truth[k]!) / gap).toBeCloseTo(7 / 11, 3);
      expect((found[k + 1]! - truth[k + 1]!) / gap).toBeCloseTo(12 / 11, 3);
      if (feeder.grid.phases === 3) return;
      const carried = carriedThrough(create, clouded, polar);
      sigmasOf(result).forEach((sigma, i) =>
        expect(Math.abs(sigma - carried[i]!)).toBeLessThan(2e-3 * sigma + 10 * tolerance),
      );
    },
    smallLoadedFeeders,
  ),
  rule(
    'of two that contradict each other the more precise one wins by the inverse variances',
    ({ feeder, create, robust }) => {
      const { bus, isEnd } = endOf(feeder);
      const k = 2 * feeder.grid.phases * bus;
      for (const [gap, picked, value] of [
        [2e-4, (m: ScalarMeasurement) => m.kind === 'voltageMagnitude', (v: Float64Array) => Math.hypot(v[0]!, v[1]!)],
        [
          2e-5,
          (m: ScalarMeasurement) => isEnd(m, 'activePower'),
          (v: Float64Array) => busInjections(feeder.grid, v)[k]!,
        ],
      ] as const) {
        const problem = bare(feeder);
        const measurements = problem.measurements.flatMap((m) =>
          m.kind !== 'sourceBalance' && !('angleRad' in m) && picked(m) ? contradict(m, gap) : [m],
        );
        const share = (value(solved(create().estimate({ ...problem, measurements }))) - value(feeder.truth)) / gap;
        // 1 / 9 against 1: a tenth of the way.
        expect(share).toBeLessThan(0.1 + 1e-3);
        expect(share).toBeGreaterThan(robust ? -1e-3 : 0.1 - 1e-3);
      }
    },
  ),
  rule(
    'every kind of measurement counts: where it stands for a power that nobody measures, the truth comes back',
    ({ feeder, create, tolerance }) => {
      for (const [what, problem] of replacements(feeder)) {
        const result = create().estimate(problem);
        expect(result.status, what).toBe('converged');
        expect(distance(result.voltage, feeder.truth), what).toBeLessThan(10 * tolerance);
      }
    },
    loadedFeeders,
  ),
  rule(
    'every kind of measurement counts: a sharp current against a blurred power',
    ({ feeder, create }) => {
      const { branch, current } = endOf(feeder);
      const voltage = solved(create().estimate(sharpCurrent(feeder)));
      const found = branchEndFlow(feeder.grid, feeder.grid.branches[branch]!, 'from', voltage).current[0]!;
      expect(Math.abs(found / current.size - 1)).toBeLessThan(1e-4);
    },
    loadedFeeders,
  ),
];
