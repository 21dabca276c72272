/** Random districts: 20 kV lines of all lengths with villages behind small transformers, and meters of every kind with noise. */
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { type GridDocumentInput, gridDocumentSchema } from '../../grids/schema.ts';
import { randomStream } from '../../numerics/random.ts';
import { branchEndFlow, busInjections } from '../../platform/state-estimation/branch-flows.ts';
import type { EstimationProblem, ScalarKind, ScalarMeasurement } from '../../platform/state-estimation/estimator.ts';
import { zeroInjectionBuses } from '../../platform/state-estimation/zero-injections.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';

export interface District {
  readonly grid: CompiledGrid;
  /** Voltages of a power flow, interleaved by bus-phase. */
  readonly truth: Float64Array;
  /** The same with every load up to half larger or smaller, an own part each. */
  readonly truthAt: (time: number) => Float64Array;
}

const MEDIUM = {
  r1OhmPerKm: 0.16,
  x1OhmPerKm: 0.12,
  c1FPerKm: 2.7e-7,
  r0OhmPerKm: 0.5,
  x0OhmPerKm: 0.4,
  c0FPerKm: 2.7e-7,
};
const LOW = { r1OhmPerKm: 0.2, x1OhmPerKm: 0.08, c1FPerKm: 2.6e-7, r0OhmPerKm: 0.8, x0OhmPerKm: 0.3, c0FPerKm: 1e-7 };
const GROUPS = ['Dyn5', 'Dyn11', 'Yzn5', 'YNyn0', 'Yzn11'] as const;

type List<Key extends keyof GridDocumentInput> = NonNullable<GridDocumentInput[Key]>;

/** Lines between 50 m and 15 km above, 3 m and 300 m below, some of them open at their far end, and now and then a loop. */
export function randomDistrict(seed: number, phases: 1 | 3): District {
  const random = randomStream(`district-${seed}`, []);
  const uniform = () => random.uniform();
  const within = (least: number, most: number) => least * (most / least) ** uniform();
  const any = <T>(list: readonly T[]): T => list[Math.floor(list.length * uniform())]!;
  const buses: List<'buses'> = [];
  const lines: List<'lines'> = [];
  const transformers: List<'transformers'> = [];
  const loads: List<'loads'> = [];
  const addLoad = (bus: string, peakW: number): void => {
    const share = () => (peakW / 3) * uniform();
    const activePowerW = phases === 3 ? { A: share(), B: share(), C: share() } : peakW * uniform();
    loads.push({ id: `load-${loads.length}`, bus, activePowerW, reactivePowerVar: peakW * 0.3 * uniform() });
  };
  /** A tree of lines from `head` on, every fifth one with a loop. */
  const grow = (
    head: string,
    count: number,
    grow: { voltageV: number; metres: readonly [number, number]; of: typeof LOW },
  ) => {
    const grown = [head];
    const addLine = (from: string, to: string, toClosed: boolean): void => {
      const lengthM = within(...grow.metres);
      lines.push({ id: `line-${lines.length}`, from, to, lengthM, toClosed, ...grow.of });
    };
    for (let i = 1; i <= count; i += 1) {
      const id = `${head}-${i}`;
      buses.push({ id, nominalVoltageV: grow.voltageV });
      const isOpen = uniform() < 0.05;
      addLine(any(grown), id, !isOpen);
      if (!isOpen) grown.push(id);
    }
    if (uniform() < 0.2) addLine(head, grown.at(-1)!, true);
    return grown.slice(1);
  };
  buses.push({ id: 'head', nominalVoltageV: 20_000 });
  for (const station of grow('head', 3 + Math.floor(8 * uniform()), {
    voltageV: 20_000,
    metres: [50, 15_000],
    of: MEDIUM,
  })) {
    if (uniform() < 0.3) addLoad(station, 200_000);
    if (uniform() < 0.4) continue;
    const ratedPowerVA = any([50e3, 100e3, 250e3, 630e3]);
    const village = `${station}-village`;
    buses.push({ id: village, nominalVoltageV: 400 });
    transformers.push({
      id: `${station}-transformer`,
      from: station,
      to: village,
      ratedPowerVA,
      ratedVoltageFromV: 20_000,
      ratedVoltageToV: 400,
      vkPercent: 4,
      vkrPercent: 1.2,
      ironLossW: 0.002 * ratedPowerVA,
      noLoadCurrentPercent: 0.3,
      vectorGroup: any(GROUPS),
    });
    const houses = grow(village, 1 + Math.floor(9 * uniform()), { voltageV: 400, metres: [3, 300], of: LOW });
    for (const house of houses) if (uniform() < 0.7) addLoad(house, ratedPowerVA / 2 / houses.length);
  }
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'random district',
      representation: phases === 3 ? 'three' : 'positive-sequence',
      buses,
      lines,
      transformers,
      loads: loads.length > 0 ? loads : [{ id: 'only', bus: 'head-1', activePowerW: 1000 }],
      externalGrids: [{ id: 'grid', bus: 'head' }],
    }),
  );
  const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
  if (!flow.solve().converged) throw new Error(`district ${seed} has no power flow`);
  const nominal = flow.powers.load.slice();
  return {
    grid,
    truth: flow.voltage.slice(),
    truthAt: (time) => {
      flow.powers.load.set(nominal.map((power, k) => power * (1 + 0.5 * Math.sin(k + 1.7 * time))));
      if (!flow.solve().converged) throw new Error(`district ${seed} has no power flow at ${time}`);
      return flow.voltage.slice();
    },
  };
}

export interface MeterOptions {
  /** Errors over their standard deviation, normal; 0 for exact values. */
  readonly noise: number;
  readonly sigma: number;
  /** Besides, a part of what is measured (default 0). */
  readonly sigmaShare?: number;
  /** Share of branch ends that are measured. */
  readonly flows: number;
  readonly currentMagnitudes: boolean;
}

/** Powers at all buses that have one, voltages at the source and a third of the buses, flows or currents in some branches. */
export function measureDistrict(
  { grid, truth }: Pick<District, 'grid' | 'truth'>,
  seed: number,
  { noise, sigma: floor, sigmaShare = 0, flows, currentMagnitudes }: MeterOptions,
): EstimationProblem {
  const { phases } = grid;
  const random = randomStream(`meters-${seed}`, []);
  const injections = busInjections(grid, truth);
  const zeroInjections = zeroInjectionBuses(grid);
  const measurements: ScalarMeasurement[] = [];
  const add = (kind: ScalarKind, place: ScalarMeasurement['place'], phase: number, exact: number): void => {
    const sigma = floor + sigmaShare * Math.abs(exact);
    const value = exact + noise * sigma * random.normal();
    measurements.push({ id: `m${measurements.length}`, kind, place, phase, value, sigma });
  };
  for (let k = 0; k < grid.busCount * phases; k += 1) {
    if (grid.energisedPhases[k] !== 1) continue;
    const [bus, phase] = [Math.floor(k / phases), k % phases];
    const place = { at: 'bus', bus } as const;
    const [re, im] = [truth[2 * k]!, truth[2 * k + 1]!];
    const isSource = bus === grid.sources[0]!.bus;
    if (isSource || random.uniform() < 0.3) add('voltageMagnitude', place, phase, Math.hypot(re, im));
    if (isSource && phases === 3) add('voltageAngle', place, phase, Math.atan2(im, re));
    if (isSource || zeroInjections.includes(bus)) continue;
    add('activePower', place, phase, injections[2 * k]!);
    add('reactivePower', place, phase, injections[2 * k + 1]!);
  }
  for (const branch of grid.branches) {
    for (const at of ['from', 'to'] as const) {
      if (random.uniform() > flows) continue;
      const { activePower, reactivePower, current } = branchEndFlow(grid, branch, at, truth);
      const isCurrent = currentMagnitudes && random.uniform() < 0.6;
      for (let phase = 0; phase < phases; phase += 1) {
        if (grid.energisedPhases[branch[at] * phases + phase] !== 1) continue;
        const place = { at, branch: branch.index };
        if (isCurrent) {
          add('currentMagnitude', place, phase, current[phase]!);
          continue;
        }
        add('activePower', place, phase, activePower[phase]!);
        add('reactivePower', place, phase, reactivePower[phase]!);
      }
    }
  }
  return { grid, measurements, zeroInjections, referenceBus: grid.sources[0]!.bus, statistics: 'full' };
}
