/**
 * A time series of measurements on a generated grid: the voltage magnitude at the busbar and at every fifth bus, the powers
 * of every load (as a smart meter or a forecast gives them) and the flow into every feeder, each with a normal error. In
 * three phases the sensor at the busbar gives angles too.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { randomStream } from '../../numerics/random.ts';
import type { EstimationProblem, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { createBatchResults } from '../../sim/physics/power-flow-batch-results.ts';
import { createPowerFlowBatch } from '../../sim/physics/power-flow-batch.ts';
import { createElementModel } from '../../sim/physics/power-flow-elements.ts';
import { column } from './case-folder.ts';

export const NOMINAL_V = 20_000;
/** Standard deviations: 0.2 % of the voltage, of a load as a forecast knows it, and of a feeder's flow, 1 % of it. */
export const SIGMA = { voltageV: 0.002 * NOMINAL_V, loadW: 10_000, flowW: 30_000 } as const;

/** Measured values of all frames: per frame voltages, then P and Q of loads, then P and Q of flows, in W, var, V. */
export interface EstimationFrames {
  readonly count: number;
  readonly problem: EstimationProblem;
  /** Takes over the values of a frame, in the order of the problem's measurements and per unit. */
  readonly read: (frame: number, into: Float64Array) => void;
  readonly columns: Readonly<Record<string, ReturnType<typeof column>>>;
}

export function createEstimationFrames(grid: CompiledGrid, count: number): EstimationFrames {
  const { phases, busCount, basePowerVA, baseVoltageV, branches, document } = grid;
  const load = loadSeries(createElementModel(grid).documentPowers().load, count, phases);
  const truth = createBatchResults(grid, count);
  createPowerFlowBatch(grid, { tolerancePu: 1e-12 }).run({ count, load }, truth);
  const random = randomStream('peers', ['measurements', String(busCount)]);

  const voltageBuses = Array.from({ length: busCount }, (_, bus) => bus).filter((bus) => bus % 5 === 0);
  const flowLines = branches.filter((branch) => branch.from === 0).map((branch) => branch.index);
  const loadBuses = document.loads.map((one) => grid.busIndex.get(one.bus)!);
  const measurements: ScalarMeasurement[] = [];
  const perUnit: number[] = [];
  // Where the true value of each measurement stands: array, first entry, entries a frame; and the peers' column.
  const sources: { array: Float64Array; at: number; stride: number; sigma: number; name: string; scale: number }[] = [];
  const put = (
    kind: ScalarMeasurement['kind'],
    place: ScalarMeasurement['place'],
    phase: number,
    base: number,
    source: (typeof sources)[number],
  ): void => {
    measurements.push({ id: `m-${measurements.length}`, kind, place, phase, value: 0, sigma: source.sigma / base });
    perUnit.push(1 / base);
    sources.push(source);
  };
  // In a positive-sequence grid our powers are those of one phase, the peers' those of three.
  const share = phases === 1 ? 3 : 1;
  const each = (count: number, work: (k: number, phase: number) => void): void => {
    for (let k = 0; k < count; k++) for (let phase = 0; phase < phases; phase++) work(k, phase);
  };
  each(voltageBuses.length, (k, phase) => {
    const bus = voltageBuses[k]!;
    const sigma = SIGMA.voltageV / Math.sqrt(3);
    const source = {
      array: truth.voltageV,
      at: bus * phases + phase,
      stride: busCount * phases,
      sigma,
      name: 'voltageV',
      scale: phases === 1 ? Math.sqrt(3) : 1,
    };
    put('voltageMagnitude', { at: 'bus', bus }, phase, baseVoltageV[bus]!, source);
  });
  for (const [offset, name, kind] of [
    [0, 'activePowerW', 'activePower'],
    [1, 'reactivePowerVar', 'reactivePower'],
  ] as const) {
    each(loadBuses.length, (k, phase) => {
      const at = 2 * (k * phases + phase) + offset;
      const source = { array: load, at, stride: load.length / count, sigma: SIGMA.loadW / share, name, scale: share };
      put(kind, { at: 'bus', bus: loadBuses[k]! }, phase, -basePowerVA, source);
    });
  }
  for (const [array, name, kind] of [
    [truth.activeFromW, 'flowW', 'activePower'],
    [truth.reactiveFromVar, 'flowVar', 'reactivePower'],
  ] as const) {
    each(flowLines.length, (k, phase) => {
      const source = {
        array,
        at: flowLines[k]! * phases + phase,
        stride: branches.length * phases,
        sigma: SIGMA.flowW / share,
        name,
        scale: share,
      };
      put(kind, { at: 'from', branch: flowLines[k]! }, phase, basePowerVA, source);
    });
  }

  // Magnitudes and powers say next to nothing of the angle between two phases, so one sensor knows angles.
  const angles = phases === 1 ? 0 : 3;
  for (let phase = 0; phase < angles; phase++) {
    const source = {
      array: truth.angleRad,
      at: phase,
      stride: 3 * busCount,
      sigma: SIGMA.voltageV / NOMINAL_V,
      name: 'angleRad',
      scale: 1,
    };
    put('voltageAngle', { at: 'bus', bus: 0 }, phase, 1, source);
  }

  // In the units of their sources.
  const values = new Float64Array(count * sources.length);
  const factors = Float64Array.from(perUnit);
  const columns = new Map<string, number[]>();
  for (let frame = 0; frame < count; frame++) {
    sources.forEach(({ array, at, stride, sigma, name, scale }, k) => {
      const value = array[frame * stride + at]! + sigma * random.normal();
      values[frame * sources.length + k] = value;
      if (!columns.has(name)) columns.set(name, []);
      columns.get(name)!.push(scale * value);
    });
  }
  const shape = (name: string): number[] => {
    const length = columns.get(name)!.length / count;
    return phases === 1 ? [count, length] : [count, length / 3, 3];
  };
  const problem: EstimationProblem = {
    grid,
    measurements: measurements.map((one) => ({ ...one, sigma: Math.abs(one.sigma) })),
    zeroInjections: [],
    referenceBus: 0,
    statistics: 'never',
  };
  return {
    count,
    problem,
    read: (frame, into) => {
      const first = frame * factors.length;
      for (let k = 0; k < factors.length; k++) into[k] = factors[k]! * values[first + k]!;
    },
    columns: {
      ...Object.fromEntries(Array.from(columns, ([name, all]) => [name, column(all, ...shape(name))])),
      voltageBus: column(voltageBuses),
      flowLine: column(flowLines),
    },
  };
}

/** Every load swings by 30 % in the course of the frames, and by about one percent from one to the next. */
function loadSeries(nominal: Float64Array, count: number, phases: number): Float64Array {
  const random = randomStream('peers', ['frames', String(nominal.length)]);
  const starts = Array.from({ length: nominal.length / (2 * phases) }, () => 2 * Math.PI * random.uniform());
  const load = new Float64Array(count * nominal.length);
  for (let frame = 0; frame < count; frame++) {
    starts.forEach((start, k) => {
      const factor = 1 + 0.3 * Math.sin(start + frame / 30) + 0.01 * random.normal();
      for (let e = 2 * phases * k; e < 2 * phases * (k + 1); e++)
        load[frame * nominal.length + e] = factor * nominal[e]!;
    });
  }
  return load;
}
