/**
 * Smart meter: interval averages of active and reactive power and voltage per phase, and the energy registers 1.8.0 and
 * 2.8.0. At `bus:<id>` it meters the connection of everything at that bus (loads less generators and batteries, import
 * positive), at `load:<id>` that load alone.
 *
 * The registers count what the meter measures, phases summed at every step as German meters do, import and export apart.
 * In a positive-sequence grid there is one phase `A` with a third of the power, and the registers count three of it.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { randomStream } from '../../numerics/random.ts';
import type { Reading, ReadingPhase } from '../../platform/contract/measurement.ts';
import type { Truth } from '../physics/truth.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { MeteringDevice } from './device.ts';
import {
  combineSigmas,
  drawSpecimen,
  limitSigma,
  meterClassLimits,
  resolutionSigma,
  type ErrorModel,
} from './error-model.ts';
import { createPostman, isDue, reading, type DeviceClock } from './message.ts';

export type MeterDevice = Extract<ExpandedDevice, { kind: 'smart-meter' }>;

const PHASES: readonly ReadingPhase[] = ['A', 'B', 'C'];
const HOUR_US = 3600e6;
const DEFAULT_INTERVAL_US = 900e6;
/** As German meters show on their local interface. */
const DEFAULT_REGISTER_RESOLUTION_WH = 0.1;
const POWER_RESOLUTION_W = 1;
const VOLTAGE_RESOLUTION_V = 0.1;
const VOLTAGE_LIMIT = 0.005;
/** Of the class limit: what all phases of a meter have in common (its reference), and what each adds of its own. */
const COMMON_SHARE = 0.8;
/** Sigma of an interval average beside its gain error, relative to the class limit. */
const NOISE_SHARE = 0.05;

/** OBIS codes of the registers: active energy import and export, all tariffs (IEC 62056-6-1). */
const OBIS_IMPORT = '1-0:1.8.0*255';
const OBIS_EXPORT = '1-0:2.8.0*255';
/**
 * Codes of net active power and voltage by phase: averages of the last interval (5) or instantaneous (7). Reactive power has
 * codes by direction only, none for the net of both.
 */
const obisByPhase = (kind: 5 | 7) =>
  [20, 40, 60].map((phase) => ({
    power: `1-0:${16 + phase}.${kind}.0*255`,
    voltage: `1-0:${12 + phase}.${kind}.0*255`,
  }));
const OBIS_AVERAGE = obisByPhase(5);
const OBIS_INSTANTANEOUS = obisByPhase(7);

/** Where the meter's currents flow: entries of the power arrays and the sign with which each one counts as import. */
export interface MeterPoint {
  readonly bus: number;
  readonly loads: readonly number[];
  readonly generators: readonly number[];
  readonly batteries: readonly number[];
}

/** Elements that a meter at `place` counts; undefined when the grid has no such place. */
export function meterPointAt(grid: CompiledGrid, place: string): MeterPoint | undefined {
  const { loads, generators, batteries } = grid.document;
  const [what, id] = place.split(':');
  if (what === 'load') {
    const index = loads.findIndex((load) => load.id === id);
    const bus = grid.busIndex.get(loads[index]?.bus ?? '');
    return bus === undefined ? undefined : { bus, loads: [index], generators: [], batteries: [] };
  }
  const bus = what === 'bus' && id !== undefined ? grid.busIndex.get(id) : undefined;
  if (bus === undefined) return undefined;
  const here = (elements: readonly { readonly bus: string }[]) =>
    elements.flatMap((element, index) => (element.bus === id ? [index] : []));
  return { bus, loads: here(loads), generators: here(generators), batteries: here(batteries) };
}

export function createSmartMeter(options: {
  readonly device: MeterDevice;
  readonly grid: CompiledGrid;
  readonly point: MeterPoint;
  readonly seed: string;
  readonly clock: DeviceClock;
}): MeteringDevice {
  const { device, grid, point, clock } = options;
  const { phases } = grid;
  const ideal = device.preset === 'ideal';
  const errors = ideal ? createNoErrors(phases) : createFieldErrors(device, phases, options.seed);
  const everyUs = device.every ?? (ideal ? clock.stepUs : DEFAULT_INTERVAL_US);
  const post = createPostman('smart-meter', device.id);
  const sums = new Sums(grid, point, errors.powerGain);
  const registers = new Registers(ideal ? 0 : (device.registerResolution ?? DEFAULT_REGISTER_RESOLUTION_WH));
  let trueEnergy: ReturnType<MeteringDevice['trueEnergy']> = { importWh: 0, exportWh: 0 };
  let intervalStartUs = clock.startUs;

  return {
    id: device.id,
    kind: 'smart-meter',
    route: device.route,
    trueEnergy: () => trueEnergy,
    describe: () => describe(device, ideal),
    sample(truth) {
      sums.add(truth, registers);
      const { timeUs } = truth;
      const opening = timeUs === clock.startUs;
      // At the start an interval meter has nothing to tell yet.
      if (!isDue(clock, everyUs, timeUs) || (opening && !ideal)) return [];
      trueEnergy = registers.takeTruth();
      const readings: Reading[] = [];
      const average = ideal ? sums.now() : sums.mean();
      for (let phase = 0; phase < phases; phase += 1) {
        readings.push(...errors.phaseReadings(device.at, phase, average));
      }
      readings.push(
        reading(device.at, 'energyimport', 'total', registers.importWh(), 0, OBIS_IMPORT),
        reading(device.at, 'energyexport', 'total', registers.exportWh(), 0, OBIS_EXPORT),
      );
      const interval = { startUs: intervalStartUs, endUs: timeUs };
      intervalStartUs = timeUs;
      sums.clear();
      return post({
        taggedUs: timeUs,
        measuredUs: timeUs,
        publishUs: timeUs,
        readings,
        ...(ideal ? {} : { interval }),
        positiveDirection: 1,
        quality: { valid: true },
      });
    },
  };
}

/** P, Q (W, var, import positive) and |V| (V) of each phase. */
interface PhaseValues {
  readonly activeW: Float64Array;
  readonly reactiveVar: Float64Array;
  readonly voltageV: Float64Array;
}

/** A meter's elements in one of the truth's power arrays: offsets of their first phase. */
function offsetsOf(elements: readonly number[], phases: number): Int32Array {
  return Int32Array.from(elements, (index) => 2 * index * phases);
}

/**
 * Adds up an interval: time integrals of true power and voltage, and of the power that the meter measures. Every meter
 * of a site is asked at every step, hence the flat arrays.
 */
class Sums {
  readonly #gain: Float64Array;
  readonly #baseVoltageV: number;
  /** Where the bus begins in the truth's voltages. */
  readonly #busAt: number;
  readonly #loads: Int32Array;
  readonly #generators: Int32Array;
  readonly #batteries: Int32Array;
  /** Each phase of a positive-sequence grid stands for three. */
  readonly #multiplicity: number;
  readonly #present: PhaseValues;
  readonly #integral: PhaseValues;
  readonly #average: PhaseValues;
  #lastUs = Number.NaN;
  #spanUs = 0;

  constructor(grid: CompiledGrid, point: MeterPoint, gain: Float64Array) {
    const { phases } = grid;
    const blank = (): PhaseValues => ({
      activeW: new Float64Array(phases),
      reactiveVar: new Float64Array(phases),
      voltageV: new Float64Array(phases),
    });
    this.#gain = gain;
    this.#baseVoltageV = grid.baseVoltageV[point.bus] ?? Number.NaN;
    this.#busAt = 2 * point.bus * phases;
    this.#loads = offsetsOf(point.loads, phases);
    this.#generators = offsetsOf(point.generators, phases);
    this.#batteries = offsetsOf(point.batteries, phases);
    this.#multiplicity = 3 / phases;
    this.#present = blank();
    this.#integral = blank();
    this.#average = blank();
  }

  /** The values at an instant stand for the time since the one before. */
  add(truth: Truth, registers: Registers): void {
    this.#read(truth);
    const elapsedUs = truth.timeUs - this.#lastUs;
    this.#lastUs = truth.timeUs;
    // NaN at the first instant.
    if (!(elapsedUs > 0)) return;
    this.#spanUs += elapsedUs;
    const { activeW, reactiveVar, voltageV } = this.#present;
    const integral = this.#integral;
    const gain = this.#gain;
    let trueW = 0;
    let measuredW = 0;
    for (let phase = 0; phase < gain.length; phase += 1) {
      const p = activeW[phase]!;
      integral.activeW[phase]! += p * elapsedUs;
      integral.reactiveVar[phase]! += reactiveVar[phase]! * elapsedUs;
      integral.voltageV[phase]! += voltageV[phase]! * elapsedUs;
      trueW += p;
      measuredW += p * gain[phase]!;
    }
    const hours = (this.#multiplicity * elapsedUs) / HOUR_US;
    registers.count(measuredW * hours, trueW * hours);
  }

  #read({ loadPower, generatorPower, batteryPower, voltage }: Truth): void {
    const { activeW, reactiveVar, voltageV } = this.#present;
    activeW.fill(0);
    reactiveVar.fill(0);
    addPowers(this.#loads, loadPower, 1, this.#present);
    addPowers(this.#generators, generatorPower, -1, this.#present);
    addPowers(this.#batteries, batteryPower, -1, this.#present);
    for (let phase = 0; phase < voltageV.length; phase += 1) {
      const re = voltage[this.#busAt + 2 * phase]!;
      const im = voltage[this.#busAt + 2 * phase + 1]!;
      voltageV[phase] = this.#baseVoltageV * Math.sqrt(re * re + im * im);
    }
  }

  /** Averages since `clear`; what is at hand where no time has passed. Reused. */
  mean(): PhaseValues {
    if (this.#spanUs === 0) return this.#present;
    for (const key of ['activeW', 'reactiveVar', 'voltageV'] as const) {
      this.#average[key].set(this.#integral[key].map((integral) => integral / this.#spanUs));
    }
    return this.#average;
  }

  now(): PhaseValues {
    return this.#present;
  }

  clear(): void {
    this.#spanUs = 0;
    for (const values of Object.values(this.#integral)) values.fill(0);
  }
}

function addPowers(offsets: Int32Array, power: Float64Array, sign: 1 | -1, to: PhaseValues): void {
  const { activeW, reactiveVar } = to;
  for (let i = 0; i < offsets.length; i += 1) {
    let at = offsets[i]!;
    for (let phase = 0; phase < activeW.length; phase += 1, at += 2) {
      activeW[phase]! += sign * power[at]!;
      reactiveVar[phase]! += sign * power[at + 1]!;
    }
  }
}

/** Registers never run backwards; they show whole steps of their resolution, cut off, and keep what is below. */
class Registers {
  readonly #resolutionWh: number;
  /** Below 1 Wh divided by whole numbers, so that 0.3 Wh stays 0.3. */
  readonly #perWh: number;
  #importedWh = 0;
  #exportedWh = 0;
  /** What flowed in truth since the last interval ended. */
  #trueImportWh = 0;
  #trueExportWh = 0;

  constructor(resolutionWh: number) {
    this.#resolutionWh = resolutionWh;
    this.#perWh = Math.round(1 / resolutionWh);
  }

  /** Import positive. */
  count(measuredWh: number, trueWh: number): void {
    if (measuredWh > 0) this.#importedWh += measuredWh;
    else this.#exportedWh -= measuredWh;
    if (trueWh > 0) this.#trueImportWh += trueWh;
    else this.#trueExportWh -= trueWh;
  }

  importWh(): number {
    return this.#shown(this.#importedWh);
  }

  exportWh(): number {
    return this.#shown(this.#exportedWh);
  }

  /** True energies since the last call. */
  takeTruth(): { readonly importWh: number; readonly exportWh: number } {
    const truth = { importWh: this.#trueImportWh, exportWh: this.#trueExportWh };
    this.#trueImportWh = 0;
    this.#trueExportWh = 0;
    return truth;
  }

  #shown(energyWh: number): number {
    const resolutionWh = this.#resolutionWh;
    if (resolutionWh === 0) return energyWh;
    return resolutionWh < 1
      ? Math.floor(energyWh * this.#perWh) / this.#perWh
      : Math.floor(energyWh / resolutionWh) * resolutionWh;
  }
}

interface MeterErrors {
  /** Measured over true power, per phase. */
  readonly powerGain: Float64Array;
  phaseReadings(component: string, phase: number, average: PhaseValues): readonly Reading[];
}

function createNoErrors(phases: number): MeterErrors {
  return {
    powerGain: new Float64Array(phases).fill(1),
    phaseReadings(component, index, { activeW, reactiveVar, voltageV }) {
      const phase = PHASES[index] ?? 'A';
      const obis = OBIS_INSTANTANEOUS[index];
      return [
        reading(component, 'activepower', phase, activeW[index] ?? Number.NaN, 0, obis?.power),
        reading(component, 'reactivepower', phase, reactiveVar[index] ?? Number.NaN),
        reading(component, 'voltmagnitude', phase, voltageV[index] ?? Number.NaN, 0, obis?.voltage),
      ];
    },
  };
}

function createFieldErrors(device: MeterDevice, phases: number, seed: string): MeterErrors {
  const stream = (name: string) => randomStream(seed, ['smart-meter', device.id, name]);
  const limit = meterClassLimits[device.accuracyClass];
  const gains = stream('gain');
  const common = drawSpecimen(gains);
  const draw = () =>
    Float64Array.from({ length: phases }, () => {
      return 1 + limit * (COMMON_SHARE * common + (1 - COMMON_SHARE) * drawSpecimen(gains));
    });
  const powerGain = draw();
  const reactiveGain = draw();
  const voltages = stream('voltage');
  const voltageGain = Float64Array.from({ length: phases }, () => 1 + VOLTAGE_LIMIT * drawSpecimen(voltages));
  const noise = stream('noise');
  return {
    powerGain,
    phaseReadings(component, index, { activeW, reactiveVar, voltageV }) {
      const phase = PHASES[index] ?? 'A';
      const at = (values: Float64Array) => values[index] ?? Number.NaN;
      const obis = OBIS_AVERAGE[index];
      const power = (measurand: 'activepower' | 'reactivepower', value: number, gain: number, code?: string) => {
        const measured = rounded(value * (gain + NOISE_SHARE * limit * noise.normal()), POWER_RESOLUTION_W);
        return reading(component, measurand, phase, measured, powerSigma(value, limit), code);
      };
      const voltage = rounded(at(voltageV) * at(voltageGain), VOLTAGE_RESOLUTION_V);
      const voltageLimit = at(voltageV) * limitSigma(VOLTAGE_LIMIT);
      const voltageSigma = combineSigmas(voltageLimit, resolutionSigma(VOLTAGE_RESOLUTION_V));
      return [
        power('activepower', at(activeW), at(powerGain), obis?.power),
        power('reactivepower', at(reactiveVar), at(reactiveGain)),
        reading(component, 'voltmagnitude', phase, voltage, voltageSigma, obis?.voltage),
      ];
    },
  };
}

function powerSigma(value: number, limit: number): number {
  return combineSigmas(
    value * limitSigma(COMMON_SHARE * limit),
    value * limitSigma((1 - COMMON_SHARE) * limit),
    value * NOISE_SHARE * limit,
    resolutionSigma(POWER_RESOLUTION_W),
  );
}

/** To the nearest step of a resolution; divided by whole numbers, so that 230.1 stays 230.1. */
function rounded(value: number, resolution: number): number {
  const perUnit = Math.round(1 / resolution);
  return Math.round(value * perUnit) / perUnit;
}

function describe(device: MeterDevice, ideal: boolean): ErrorModel {
  if (ideal) return { summary: 'ideal: instantaneous power and voltage as they are, registers unrounded', figures: {} };
  const limit = meterClassLimits[device.accuracyClass];
  return {
    summary:
      `smart meter of MID class ${device.accuracyClass}: gain error of active and reactive power drawn once, uniform within ` +
      'the class limit (four fifths common to the phases; sigma of each part = its limit / sqrt 3), a little noise on interval averages, ' +
      'voltage within 0.5 %; registers sum the phases at every step',
    figures: {
      energyGainLimit: limit,
      averageNoiseSigma: NOISE_SHARE * limit,
      voltageGainLimit: VOLTAGE_LIMIT,
      powerResolutionW: POWER_RESOLUTION_W,
      voltageResolutionV: VOLTAGE_RESOLUTION_V,
      registerResolutionWh: device.registerResolution ?? DEFAULT_REGISTER_RESOLUTION_WH,
    },
  };
}
