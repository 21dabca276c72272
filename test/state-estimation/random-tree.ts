/** Random positive-sequence trees with a transformer, and measurements of a power flow on them. */
import * as fc from 'fast-check';
import { compileGrid, joins } from '../../grids/compile.ts';
import { gridDocumentSchema, type GridDocumentInput } from '../../grids/schema.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type {
  EstimationProblem,
  EstimatorMeasurement,
  MeasuredPlace,
  ScalarMeasurement,
} from '../../platform/state-estimation/estimator.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

/** A 10 kV feeder, a transformer with a tap, and a random low-voltage tree; some buses are connection points only. */
function villageGrid(parents: readonly number[], idle: readonly boolean[], openEnds: boolean): CompiledGrid {
  const input: GridDocumentInput = {
    schema: 1,
    name: 'tree',
    representation: 'positive-sequence',
    buses: [
      { id: 'mv', nominalVoltageV: 10_000 },
      ...['busbar', ...parents.map((_, k) => `bus-${k}`)].map((id) => ({ id, nominalVoltageV: 400 })),
    ],
    transformers: [
      {
        id: 'unit',
        from: 'mv',
        to: 'busbar',
        ratedPowerVA: 630_000,
        ratedVoltageFromV: 10_000,
        ratedVoltageToV: 400,
        vkPercent: 4,
        vkrPercent: 1.2,
        ironLossW: 900,
        noLoadCurrentPercent: 0.3,
        vectorGroup: 'Dyn5',
        tap: { position: 2, stepPercent: 2.5 },
      },
    ],
    lines: parents.map((parent, k) => ({
      id: `line-${k}`,
      from: k % 3 === 0 ? `bus-${k}` : parent < 0 ? 'busbar' : `bus-${parent}`,
      to: k % 3 === 0 ? (parent < 0 ? 'busbar' : `bus-${parent}`) : `bus-${k}`,
      lengthM: 40 + 10 * (k % 5),
      r1OhmPerKm: 0.3,
      x1OhmPerKm: 0.08,
      c1FPerKm: 3e-7,
      // Some ends stand open: what is behind is dead, and its line draws its charging current.
      ...(openEnds && k % 9 === 8 && !parents.includes(k) && { fromClosed: k % 3 !== 0, toClosed: k % 3 === 0 }),
    })),
    loads: parents.flatMap((_, k) =>
      idle[k] === true
        ? []
        : [{ id: `load-${k}`, bus: `bus-${k}`, activePowerW: 2000 + 700 * (k % 4), reactivePowerVar: 500 }],
    ),
    externalGrids: [{ id: 'grid', bus: 'mv', voltagePu: 1.01, shortCircuitPowerVA: 2e8 }],
  };
  return compileGrid(gridDocumentSchema.parse(input));
}

/** What is measured besides injections, voltage magnitudes and flows. */
export interface Besides {
  /** Phasors of voltages and branch currents, and single voltage angles, against a time base turned by this much, rad. */
  readonly phasorTurn?: number;
  /** The injection of the root. */
  readonly rootPower?: boolean;
  /** Some lines end at nothing. */
  readonly openEnds?: boolean;
}

/** Injections everywhere but at the root, flows and voltages here and there, with errors of `noise` sigmas. */
export function measureTree(
  grid: CompiledGrid,
  root: number,
  idle: ReadonlySet<number>,
  noise: (k: number) => number,
  besides: Besides = {},
): EstimationProblem {
  const flow = createPowerFlow(grid, { tolerancePu: 1e-12 });
  if (!flow.solve().converged) throw new Error('the power flow does not converge');
  const { from, to } = flow.branchCurrents();
  const { voltage } = flow;
  const injection = new Float64Array(2 * grid.busCount);
  const measurements: EstimatorMeasurement[] = [];
  const add = (
    kind: ScalarMeasurement['kind'],
    place: ScalarMeasurement['place'],
    value: number,
    sigma: number,
  ): void => {
    const id = `${kind}-${measurements.length}`;
    measurements.push({ id, kind, place, phase: 0, value: value + sigma * noise(measurements.length), sigma });
  };
  const { phasorTurn, rootPower = false } = besides;
  const addPhasor = (kind: 'voltagePhasor' | 'currentPhasor', place: MeasuredPlace, re: number, im: number): void => {
    const k = measurements.length;
    const [sigma, angleSigmaRad] = kind === 'voltagePhasor' ? [5e-4, 1e-3] : [2e-4, 2e-3];
    measurements.push({
      id: `${kind}-${k}`,
      angleId: `${kind}-${k}-angle`,
      kind,
      place,
      phase: 0,
      value: Math.hypot(re, im) + sigma * noise(k),
      sigma,
      angleRad: Math.atan2(im, re) + phasorTurn! + angleSigmaRad * noise(k + 0.5),
      angleSigmaRad,
    });
  };
  const power = (v: number, current: Float64Array, i: number): [number, number] => [
    voltage[v]! * current[i]! + voltage[v + 1]! * current[i + 1]!,
    voltage[v + 1]! * current[i]! - voltage[v]! * current[i + 1]!,
  ];
  for (const branch of grid.branches) {
    for (const [end, current] of [
      ['from', from],
      ['to', to],
    ] as const) {
      if (grid.energised[branch[end]] !== 1) continue;
      const [p, q] = power(2 * branch[end], current, 2 * branch.index);
      injection[2 * branch[end]]! += p;
      injection[2 * branch[end] + 1]! += q;
      if (!joins(branch)) continue;
      if ((branch.index + (end === 'to' ? 1 : 0)) % 4 === 0)
        add('activePower', { at: end, branch: branch.index }, p, 2e-4);
      if ((branch.index + (end === 'to' ? 1 : 0)) % 5 === 0)
        add('reactivePower', { at: end, branch: branch.index }, q, 3e-4);
      const [re, im] = [current[2 * branch.index]!, current[2 * branch.index + 1]!];
      const which = (2 * branch.index + (end === 'to' ? 1 : 0)) % 7;
      const place = { at: end, branch: branch.index };
      if (phasorTurn !== undefined && which === 5) addPhasor('currentPhasor', place, re, im);
    }
  }
  for (let bus = 0; bus < grid.busCount; bus++) {
    if (grid.energised[bus] !== 1) continue;
    if (bus === root || bus % 3 === 0)
      add('voltageMagnitude', { at: 'bus', bus }, Math.hypot(voltage[2 * bus]!, voltage[2 * bus + 1]!), 1e-3);
    if (phasorTurn !== undefined && bus % 4 === 1)
      addPhasor('voltagePhasor', { at: 'bus', bus }, voltage[2 * bus]!, voltage[2 * bus + 1]!);
    if (phasorTurn !== undefined && bus % 6 === 5) {
      const rad = Math.atan2(voltage[2 * bus + 1]!, voltage[2 * bus]!);
      add('voltageAngle', { at: 'bus', bus }, rad + phasorTurn, 2e-3);
    }
    if ((bus === root && !rootPower) || idle.has(bus)) continue;
    add('activePower', { at: 'bus', bus }, injection[2 * bus]!, 1e-3);
    add('reactivePower', { at: 'bus', bus }, injection[2 * bus + 1]!, 5e-4);
    if (bus % 7 === 2) add('activePower', { at: 'bus', bus }, injection[2 * bus]!, 2e-3);
  }
  return { grid, measurements, zeroInjections: [...idle], referenceBus: root, statistics: 'never' };
}

export const trees = fc.array(
  fc.record({ parent: fc.double({ min: 0, max: 0.999, noNaN: true }), idle: fc.boolean() }),
  {
    minLength: 1,
    maxLength: 25,
  },
);

export function randomTreeProblem(
  buses: readonly { parent: number; idle: boolean }[],
  noise: (k: number) => number,
  besides: Besides = {},
): EstimationProblem {
  const grid = villageGrid(
    buses.map(({ parent }, k) => Math.floor(parent * (k + 1)) - 1),
    buses.map(({ idle }) => idle),
    besides.openEnds === true,
  );
  const idle = new Set([grid.busIndex.get('busbar')!]);
  buses.forEach((bus, k) => {
    if (bus.idle) idle.add(grid.busIndex.get(`bus-${k}`)!);
  });
  return measureTree(grid, grid.busIndex.get('mv')!, idle, noise, besides);
}
