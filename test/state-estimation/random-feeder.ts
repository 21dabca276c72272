/** Random radial feeders of three phases, or in positive sequence, with a state that solves them exactly, and measurements of that state. */
import * as fc from 'fast-check';
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import type {
  EstimationProblem,
  EstimatorMeasurement,
  MeasuredPlace,
  ScalarKind,
} from '../../platform/state-estimation/estimator.ts';
import { sourceBalances } from '../../platform/state-estimation/source-balance.ts';

export interface Feeder {
  readonly grid: CompiledGrid;
  /** True voltages, interleaved by bus-phase; source bus phase A has angle zero. */
  readonly truth: Float64Array;
  /** True currents into the grid per bus-phase, and into each line at its from side. */
  readonly injection: Float64Array;
  readonly lineCurrent: Float64Array;
  readonly zeroInjections: readonly number[];
}

const TURN = [0, (-2 * Math.PI) / 3, (2 * Math.PI) / 3];

/** Bus i + 1 hangs on bus `parent[i]`; a third of the buses has no injection. No shunts: the state follows leaf to root. */
function feedersOf(
  phases: 1 | 3,
  { branchesMax = 25, currentMin = -0.02, lengthMin = 0.5 } = {},
): fc.Arbitrary<Feeder> {
  const width = 2 * phases;
  return fc
    .record({
      parents: fc.array(fc.nat(1000), { minLength: 2, maxLength: branchesMax }),
      lengths: fc.array(fc.double({ min: lengthMin, max: 400, noNaN: true }), { minLength: 25, maxLength: 25 }),
      currents: fc.array(fc.double({ min: currentMin, max: 0.06, noNaN: true }), { minLength: 150, maxLength: 150 }),
      unloaded: fc.array(fc.boolean(), { minLength: 25, maxLength: 25 }),
    })
    .map(({ parents, lengths, currents, unloaded }) => {
      const parent = parents.map((p, i) => p % (i + 1));
      const z = { r1: 0.2, x1: 0.08, r0: 0.8, x0: 0.3 };
      const grid = compileGrid(
        gridDocumentSchema.parse({
          schema: 1,
          name: 'random feeder',
          representation: phases === 3 ? 'three' : 'positive-sequence',
          buses: Array.from({ length: parent.length + 1 }, (_, i) => ({ id: `b${i}`, nominalVoltageV: 400 })),
          lines: parent.map((p, i) => ({
            id: `l${i}`,
            from: `b${p}`,
            to: `b${i + 1}`,
            lengthM: lengths[i]!,
            r1OhmPerKm: z.r1,
            x1OhmPerKm: z.x1,
            r0OhmPerKm: z.r0,
            x0OhmPerKm: z.x0,
          })),
          externalGrids: [{ id: 'grid', bus: 'b0' }],
        }),
      );
      const count = parent.length + 1;
      const injection = new Float64Array(width * count);
      const hasChild = new Set(parent);
      const zeroInjections: number[] = [];
      for (let bus = 1; bus < count; bus += 1) {
        if (unloaded[bus - 1]! && hasChild.has(bus)) {
          zeroInjections.push(bus);
          continue;
        }
        for (let phase = 0; phase < phases; phase += 1) {
          // Load current near the phase voltage's direction; consumption is a negative injection.
          const size = currents[(phases * bus + phase) % currents.length]!;
          injection[width * bus + 2 * phase] = -size * Math.cos(TURN[phase]! - 0.3);
          injection[width * bus + 2 * phase + 1] = -size * Math.sin(TURN[phase]! - 0.3);
        }
      }
      const lineCurrent = new Float64Array(width * parent.length);
      for (let bus = count - 1; bus >= 1; bus -= 1) {
        for (let k = 0; k < width; k += 1) {
          lineCurrent[width * (bus - 1) + k]! -= injection[width * bus + k]!;
          const above = parent[bus - 1]!;
          if (above > 0) lineCurrent[width * (above - 1) + k]! += lineCurrent[width * (bus - 1) + k]!;
          else injection[k]! += lineCurrent[width * (bus - 1) + k]!;
        }
      }
      const truth = new Float64Array(width * count);
      const zBase = grid.baseVoltageV[0]! ** 2 / grid.basePowerVA;
      for (let phase = 0; phase < phases; phase += 1) {
        truth[2 * phase] = 1.02 * Math.cos(TURN[phase]!);
        truth[2 * phase + 1] = 1.02 * Math.sin(TURN[phase]!);
      }
      for (let bus = 1; bus < count; bus += 1) {
        const km = lengths[bus - 1]! / 1000 / zBase;
        const self =
          phases === 1
            ? { r: z.r1 * km, x: z.x1 * km }
            : { r: ((z.r0 + 2 * z.r1) / 3) * km, x: ((z.x0 + 2 * z.x1) / 3) * km };
        const mutual = { r: ((z.r0 - z.r1) / 3) * km, x: ((z.x0 - z.x1) / 3) * km };
        for (let row = 0; row < phases; row += 1) {
          let re = truth[width * parent[bus - 1]! + 2 * row]!;
          let im = truth[width * parent[bus - 1]! + 2 * row + 1]!;
          for (let column = 0; column < phases; column += 1) {
            const { r, x } = row === column ? self : mutual;
            const ir = lineCurrent[width * (bus - 1) + 2 * column]!;
            const ii = lineCurrent[width * (bus - 1) + 2 * column + 1]!;
            re -= r * ir - x * ii;
            im -= r * ii + x * ir;
          }
          truth[width * bus + 2 * row] = re;
          truth[width * bus + 2 * row + 1] = im;
        }
      }
      return { grid, truth, injection, lineCurrent, zeroInjections };
    });
}

export const feeders = feedersOf(3);
export const positiveSequenceFeeders = feedersOf(1);
/** For what takes an estimate per measurement. */
export const smallFeeders = fc.oneof(feedersOf(3, { branchesMax: 4 }), feedersOf(1, { branchesMax: 4 }));
const loaded = { currentMin: 0.02, lengthMin: 20 };
const loadedAndSmall = { ...loaded, branchesMax: 4 };
export const smallLoadedFeeders = fc.oneof(feedersOf(3, loadedAndSmall), feedersOf(1, loadedAndSmall));
/** Something flows in every line, and can be seen in the voltages. */
export const loadedFeeders = fc.oneof(feedersOf(3, loaded), feedersOf(1, loaded));

export interface Choice {
  /** Phasors of voltage at the source bus and of current into the first line, turned by this angle; none when absent. */
  readonly phasorTurn?: number;
  /** Relative error of each value, by index. */
  readonly error?: (index: number) => number;
  readonly sigmaScale?: number;
}

/** P and Q at every bus with an injection, magnitudes everywhere, as the feeder's truth has them (plus errors). */
export function measure(feeder: Feeder, choice: Choice = {}): EstimationProblem {
  const { grid, truth, injection, lineCurrent } = feeder;
  const { phases } = grid;
  const measurements: EstimatorMeasurement[] = [];
  const scale = choice.sigmaScale ?? 1;
  const add = (kind: ScalarKind, place: MeasuredPlace, phase: number, value: number, sigma: number) => {
    const error = choice.error?.(measurements.length) ?? 0;
    const id = `${kind}-${place.at === 'bus' ? place.bus : `${place.branch}-${place.at}`}-${phase}`;
    measurements.push({ id, kind, place, phase, value: value + error * sigma, sigma: sigma * scale });
  };
  for (let bus = 0; bus < grid.busCount; bus += 1) {
    for (let phase = 0; phase < phases; phase += 1) {
      const k = 2 * (phases * bus + phase);
      const [vr, vi, ir, ii] = [truth[k]!, truth[k + 1]!, injection[k]!, injection[k + 1]!];
      const place = { at: 'bus', bus } as const;
      add('voltageMagnitude', place, phase, Math.hypot(vr, vi), 1e-3);
      if (bus === 0 || feeder.zeroInjections.includes(bus)) continue;
      add('activePower', place, phase, vr * ir + vi * ii, 1e-4);
      add('reactivePower', place, phase, vi * ir - vr * ii, 1e-4);
    }
  }
  if (choice.phasorTurn !== undefined) {
    for (let phase = 0; phase < phases; phase += 1) {
      const turn = choice.phasorTurn;
      const common = { phase, angleSigmaRad: 1e-3 * scale };
      const v = { value: Math.hypot(truth[2 * phase]!, truth[2 * phase + 1]!), at: truth };
      const i = { value: Math.hypot(lineCurrent[2 * phase]!, lineCurrent[2 * phase + 1]!), at: lineCurrent };
      const angle = (of: Float64Array) => Math.atan2(of[2 * phase + 1]!, of[2 * phase]!) + turn;
      measurements.push(
        {
          ...common,
          id: `v-${phase}`,
          kind: 'voltagePhasor',
          place: { at: 'bus', bus: 0 },
          value: v.value,
          sigma: 2e-3 * scale,
          angleRad: angle(v.at),
        },
        {
          ...common,
          id: `i-${phase}`,
          kind: 'currentPhasor',
          place: { at: 'from', branch: 0 },
          value: i.value,
          sigma: 2e-4 * scale,
          angleRad: angle(i.at),
        },
      );
    }
  }
  measurements.push(...sourceBalances(grid, 1e-3 * scale));
  return { grid, measurements, zeroInjections: feeder.zeroInjections, referenceBus: 0, statistics: 'always' };
}
