/** The Abbenhausen grid with a power flow as truth, and the messages that devices would send of it. */
import { compileGrid } from '../grids/compile.ts';
import { loadGrid } from '../grids/load.ts';
import type { CompiledGrid } from '../grids/model.ts';
import type { Measurement, Reading } from '../platform/contract/measurement.ts';
import { formatInstant } from '../platform/contract/time.ts';
import { type Meter, stateEstimationConfigSchema } from '../platform/state-estimation/config.ts';
import { EstimationCore } from '../platform/state-estimation/core.ts';
import { createPowerFlow, type PowerFlow } from '../sim/physics/power-flow.ts';

export const startUs = 1_617_228_000_000_000;
export const quarterUs = 900_000_000;

const PHASES = ['A', 'B', 'C'] as const;

export const meters: readonly Meter[] = [
  { device: 'pmu-breaker', kind: 'pmu', at: 'branch:transformer:to' },
  ...Array.from({ length: 90 }, (_, i): Meter => {
    const number = String(i + 1).padStart(2, '0');
    return { device: `meter-${number}`, kind: 'smart-meter', at: `bus:house-${number}`, accuracyClass: 'B' };
  }),
];

export interface Village {
  readonly grid: CompiledGrid;
  readonly flow: PowerFlow;
  /** Sets loads and generators to a situation that differs with `time` and solves it. */
  live(time: number): void;
  /** Voltages turned so that phase A of the source bus is real. */
  truth(): Float64Array;
  /** Message of a device about the present situation; `systemAngleRad` turns all phasors. */
  message(meter: Meter, timeUs: number, options?: MessageOptions): Measurement;
}

interface MessageOptions {
  readonly systemAngleRad?: number;
  readonly intervalStartUs?: number;
  /** Relative error of every magnitude and power, by reading. */
  readonly error?: (reading: number) => number;
}

export function createVillage(): Village {
  const grid = compileGrid(loadGrid('abbenhausen'));
  const flow = createPowerFlow(grid, { tolerancePu: 1e-13 });
  const nominal = { load: flow.powers.load.slice(), generator: flow.powers.generator.slice() };
  return {
    grid,
    flow,
    live(time) {
      flow.powers.load.set(nominal.load.map((w, i) => w * (1 + 0.6 * Math.sin(i + time))));
      const rated = grid.document.generators.map((generator) => generator.ratedPowerW ?? 0);
      flow.powers.generator.forEach((_, i) => {
        const generator = grid.document.generators[Math.floor(i / 6)]!;
        const phase = Math.floor((i % 6) / 2);
        const single = generator.connection === 'A' || generator.connection === 'B' || generator.connection === 'C';
        const share = single ? (PHASES[phase] === generator.connection ? 1 : 0) : 1 / 3;
        const sun = 0.4 + 0.3 * Math.sin(time);
        flow.powers.generator[i] = i % 2 === 0 ? sun * share * rated[Math.floor(i / 6)]! : 0;
      });
      const { converged } = flow.solve();
      if (!converged) throw new Error('the village does not converge');
    },
    truth() {
      const source = grid.sources[0]!.bus;
      const re = flow.voltage[6 * source]!;
      const im = flow.voltage[6 * source + 1]!;
      const size = Math.hypot(re, im);
      const turned = flow.voltage.slice();
      for (let k = 0; k < turned.length; k += 2) {
        turned[k] = (flow.voltage[k]! * re + flow.voltage[k + 1]! * im) / size;
        turned[k + 1] = (flow.voltage[k + 1]! * re - flow.voltage[k]! * im) / size;
      }
      return turned;
    },
    message: (meter, timeUs, options = {}) => messageOf(grid, flow, meter, timeUs, options),
  };
}

function messageOf(
  grid: CompiledGrid,
  flow: PowerFlow,
  meter: Meter,
  timeUs: number,
  options: MessageOptions,
): Measurement {
  const readings: Reading[] = [];
  const add = (measurand: Reading['measurand'], phase: number, data: number) => {
    const error = measurand.endsWith('angle') ? 0 : (options.error?.(readings.length) ?? 0);
    readings.push({ component: meter.at, measurand, phase: PHASES[phase]!, data: data * (1 + error) });
  };
  const turn = options.systemAngleRad ?? 0;
  const [what, id, end] = meter.at.split(':') as [string, string, 'from' | 'to'];
  const branch = what === 'branch' ? grid.branches[grid.branchIndex.get(id)!]! : undefined;
  const busId = branch === undefined ? id : grid.busIds[branch[end]]![0]!;
  const bus = grid.busIndex.get(busId)!;
  const base = grid.baseVoltageV[bus]!;
  const currents = flow.branchCurrents();
  for (let phase = 0; phase < 3; phase += 1) {
    const k = 6 * bus + 2 * phase;
    const [vr, vi] = [flow.voltage[k]!, flow.voltage[k + 1]!];
    add('voltmagnitude', phase, Math.hypot(vr, vi) * base);
    if (meter.kind === 'pmu') {
      add('voltangle', phase, Math.atan2(vi, vr) + turn);
      if (branch === undefined) continue;
      const at = 6 * branch.index + 2 * phase;
      const [ir, ii] = [currents[end][at]!, currents[end][at + 1]!];
      add('currmagnitude', phase, (Math.hypot(ir, ii) * grid.basePowerVA) / base);
      add('currangle', phase, Math.atan2(ii, ir) + turn);
      continue;
    }
    const power = [0, 0];
    const actual = flow.actualPowers();
    grid.document.loads.forEach((load, i) => {
      if (load.bus === busId) for (const q of [0, 1]) power[q]! += actual.load[6 * i + 2 * phase + q]!;
    });
    grid.document.generators.forEach((generator, i) => {
      if (generator.bus === busId) for (const q of [0, 1]) power[q]! -= actual.generator[6 * i + 2 * phase + q]!;
    });
    add('activepower', phase, power[0]!);
    add('reactivepower', phase, power[1]!);
  }
  return {
    schema: 'platone.measurement/1',
    device: meter.device,
    timestamp: formatInstant(timeUs),
    sequence: 0,
    ...(options.intervalStartUs !== undefined && {
      interval: { start: formatInstant(options.intervalStartUs), end: formatInstant(timeUs) },
    }),
    positiveDirection: 1,
    readings,
  };
}

export function createCore(changes: object = {}): EstimationCore {
  return new EstimationCore(
    stateEstimationConfigSchema.parse({ site: 'germany', grid: loadGrid('abbenhausen'), meters, startUs, ...changes }),
  );
}
