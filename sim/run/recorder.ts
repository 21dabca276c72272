/** Writes down the truth while a run goes on: the tables of `reports/record.ts` that the platform must never see. */
import { join } from 'node:path';
import type { CompiledGrid } from '../../grids/model.ts';
import { createTable } from '../../platform/historian/table.ts';
import { recordTables } from '../../reports/record.ts';
import type { DevicePark } from '../devices/create-device.ts';
import type { DeviceMessage, MeteringDevice, PhasorDevice } from '../devices/device.ts';
import { baseCurrentA } from '../devices/place.ts';
import type { AirTemperature } from '../profiles/air-temperature.ts';
import type { Truth } from '../physics/truth.ts';

const PHASES = ['A', 'B', 'C'] as const;

export interface RecorderOptions {
  readonly grid: CompiledGrid;
  readonly startUs: number;
  /** Length of the intervals over which bus voltages and branch loadings are pooled, us. */
  readonly intervalUs: number;
  readonly park: DevicePark;
  readonly air: Pick<AirTemperature, 'meanC'>;
}

/** What the world says of an instant besides the truth itself. */
export interface SiteRecord {
  readonly exchangeIdleW: number;
  readonly lossesIdleW: number;
  readonly shuntsIdleW: number;
}

export class Recorder {
  readonly #options: RecorderOptions;
  readonly #site = createTable(recordTables['truth-site']);
  readonly #weather = createTable(recordTables['truth-weather']);
  readonly #bus = createTable(recordTables['truth-bus']);
  readonly #branch = createTable(recordTables['truth-branch']);
  readonly #terminal = createTable(recordTables['truth-terminal']);
  readonly #energy = createTable(recordTables['truth-energy']);
  readonly #states = createTable(recordTables['device-states']);
  readonly #phasorDevices: ReadonlyMap<string, PhasorDevice>;
  readonly #meters: ReadonlyMap<string, MeteringDevice>;
  readonly #busPool: BusPool;
  readonly #branchPool: BranchPool;

  constructor(options: RecorderOptions) {
    this.#options = options;
    const { grid, park } = options;
    this.#phasorDevices = new Map(park.phasorDevices.map((device) => [device.id, device]));
    this.#meters = new Map(park.meters.map((device) => [device.id, device]));
    this.#busPool = new BusPool(grid);
    this.#branchPool = new BranchPool(grid);
  }

  /** After the power flow of an instant. */
  instant(truth: Truth, site: SiteRecord): void {
    const { timeUs } = truth;
    const { phases } = truth.grid;
    this.#site.push(
      timeUs,
      truth.frequencyHz,
      sumOfPowers(truth.loadPower, phases),
      sumOfPowers(truth.generatorPower, phases),
      sumOfPowers(truth.batteryPower, phases),
      truth.lossesW,
      truth.shuntsW,
      truth.exchangeW,
      truth.exchangeVar,
      site.exchangeIdleW,
      site.lossesIdleW,
      site.shuntsIdleW,
      truth.iterations,
    );
    for (const device of this.#options.park.controllables) {
      const state = device.state();
      this.#states.append({ timeUs, device: device.id, ...state });
    }
    // The start is no interval: it only opens the first one.
    const sinceStart = timeUs - this.#options.startUs;
    const wholeInterval = sinceStart % this.#options.intervalUs === 0;
    if (wholeInterval) this.#weather.push(timeUs, this.#airTemperatureC(timeUs));
    if (sinceStart > 0 || wholeInterval) this.#pool(truth, wholeInterval);
  }

  /** The truth behind a message that a device has just sampled. */
  message(truth: Truth, message: DeviceMessage): void {
    const pmu = this.#phasorDevices.get(message.device);
    if (pmu !== undefined) this.#terminalRows(truth, pmu);
    const energy = this.#meters.get(message.device)?.trueEnergy();
    if (energy !== undefined) this.#energy.push(truth.timeUs, message.device, energy.importWh, energy.exportWh);
  }

  write(folder: string): void {
    const tables = {
      'truth-site': this.#site,
      'truth-weather': this.#weather,
      'truth-bus': this.#bus,
      'truth-branch': this.#branch,
      'truth-terminal': this.#terminal,
      'truth-energy': this.#energy,
      'device-states': this.#states,
    };
    for (const [name, table] of Object.entries(tables)) table.write(join(folder, `${name}.parquet`));
  }

  #airTemperatureC(timeUs: number): number {
    const { air, startUs, intervalUs } = this.#options;
    return air.meanC(Math.max(startUs, timeUs - intervalUs), timeUs);
  }

  #terminalRows({ timeUs, grid: { phases } }: Truth, pmu: PhasorDevice): void {
    const own = pmu.terminal();
    const primary = pmu.primary();
    for (let phase = 0; phase < phases; phase += 1) {
      const v = 2 * phase;
      const i = 2 * (phases + phase);
      this.#terminal.push(
        timeUs,
        pmu.id,
        PHASES[phase] ?? '',
        own[v] as number,
        own[v + 1] as number,
        own[i] as number,
        own[i + 1] as number,
        primary[v] as number,
        primary[v + 1] as number,
        primary[i] as number,
        primary[i + 1] as number,
      );
    }
  }

  #pool(truth: Truth, close: boolean): void {
    this.#busPool.add(truth);
    this.#branchPool.add(truth);
    if (!close) return;
    this.#busPool.close(truth, (...row) => this.#bus.push(truth.timeUs, ...row));
    this.#branchPool.close((...row) => this.#branch.push(truth.timeUs, ...row));
  }
}

/** Interval statistics of every energised bus-phase, angles relative to phase A of the reference bus. */
class BusPool {
  readonly #grid: CompiledGrid;
  readonly #reference: number;
  readonly #sumV: Float64Array;
  readonly #minV: Float64Array;
  readonly #maxV: Float64Array;
  /** Sum of the phasors turned by the reference angle: its argument is the mean angle. */
  readonly #sumRe: Float64Array;
  readonly #sumIm: Float64Array;
  #count = 0;

  constructor(grid: CompiledGrid) {
    this.#grid = grid;
    this.#reference = grid.sources[0]?.bus ?? 0;
    const nodes = grid.busCount * grid.phases;
    this.#sumV = new Float64Array(nodes);
    this.#minV = new Float64Array(nodes).fill(Infinity);
    this.#maxV = new Float64Array(nodes).fill(-Infinity);
    this.#sumRe = new Float64Array(nodes);
    this.#sumIm = new Float64Array(nodes);
  }

  add({ voltage }: Truth): void {
    const { phases } = this.#grid;
    const at = 2 * this.#reference * phases;
    const [refRe, refIm] = unit(voltage[at] ?? 1, voltage[at + 1] ?? 0);
    const [sumV, minV, maxV, sumRe, sumIm] = [this.#sumV, this.#minV, this.#maxV, this.#sumRe, this.#sumIm];
    for (let node = 0; node < sumV.length; node += 1) {
      const re = voltage[2 * node]!;
      const im = voltage[2 * node + 1]!;
      const magnitude = Math.sqrt(re * re + im * im);
      sumV[node]! += magnitude;
      if (magnitude < minV[node]!) minV[node] = magnitude;
      if (magnitude > maxV[node]!) maxV[node] = magnitude;
      sumRe[node]! += re * refRe + im * refIm;
      sumIm[node]! += im * refRe - re * refIm;
    }
    this.#count += 1;
  }

  close({ voltage }: Truth, row: (...cells: [string, string, number, number, number, number, number, number]) => void) {
    const grid = this.#grid;
    const { phases, baseVoltageV } = grid;
    const at = 2 * this.#reference * phases;
    const [refRe, refIm] = unit(voltage[at] ?? 1, voltage[at + 1] ?? 0);
    for (let bus = 0; bus < grid.busCount; bus += 1) {
      if (grid.energised[bus] === 0) continue;
      const base = baseVoltageV[bus] as number;
      for (let phase = 0; phase < phases; phase += 1) {
        const node = bus * phases + phase;
        const re = voltage[2 * node] as number;
        const im = voltage[2 * node + 1] as number;
        row(
          grid.busIds[bus]?.[0] ?? '',
          PHASES[phase] ?? '',
          ((this.#sumV[node] as number) / this.#count) * base,
          (this.#minV[node] as number) * base,
          (this.#maxV[node] as number) * base,
          Math.sqrt(re * re + im * im) * base,
          Math.atan2(this.#sumIm[node] as number, this.#sumRe[node] as number),
          Math.atan2(im * refRe - re * refIm, re * refRe + im * refIm),
        );
      }
    }
    for (const sums of [this.#sumV, this.#sumRe, this.#sumIm]) sums.fill(0);
    this.#minV.fill(Infinity);
    this.#maxV.fill(-Infinity);
    this.#count = 0;
  }
}

/** Interval statistics of every branch: loading of its worst end and phase, and the power into its from side. */
class BranchPool {
  readonly #grid: CompiledGrid;
  /** Per branch: sum and maximum of the loading, sums of P and Q. */
  readonly #loading: Float64Array;
  readonly #loadingMax: Float64Array;
  readonly #activeW: Float64Array;
  readonly #reactiveVar: Float64Array;
  /** Computational bus of each from side. */
  readonly #fromBus: Int32Array;
  /** Squares of the rated currents in per unit of each end's bus. */
  readonly #ratedFrom: Float64Array;
  readonly #ratedTo: Float64Array;
  #count = 0;

  constructor(grid: CompiledGrid) {
    this.#grid = grid;
    const { branches } = grid;
    this.#loading = new Float64Array(branches.length);
    this.#loadingMax = new Float64Array(branches.length);
    this.#activeW = new Float64Array(branches.length);
    this.#reactiveVar = new Float64Array(branches.length);
    this.#fromBus = Int32Array.from(branches, ({ from }) => from);
    this.#ratedFrom = Float64Array.from(branches, (b) => (b.ratedCurrentFromA / baseCurrentA(grid, b.from)) ** 2);
    this.#ratedTo = Float64Array.from(branches, (b) => (b.ratedCurrentToA / baseCurrentA(grid, b.to)) ** 2);
  }

  add(truth: Truth): void {
    const { phases, basePowerVA } = this.#grid;
    const { voltage, currentFrom, currentTo } = truth;
    const [loadingSum, loadingMax, activeW, reactiveVar] = [
      this.#loading,
      this.#loadingMax,
      this.#activeW,
      this.#reactiveVar,
    ];
    const [fromBus, ratedFrom, ratedTo] = [this.#fromBus, this.#ratedFrom, this.#ratedTo];
    // A positive-sequence grid computes one phase of three.
    const sumOfPhases = (basePowerVA * 3) / phases;
    for (let index = 0; index < fromBus.length; index += 1) {
      let worst = 0;
      let active = 0;
      let reactive = 0;
      for (let phase = 0; phase < phases; phase += 1) {
        const at = 2 * (index * phases + phase);
        const re = currentFrom[at]!;
        const im = currentFrom[at + 1]!;
        const reTo = currentTo[at]!;
        const imTo = currentTo[at + 1]!;
        const v = 2 * (fromBus[index]! * phases + phase);
        const vRe = voltage[v]!;
        const vIm = voltage[v + 1]!;
        active += vRe * re + vIm * im;
        reactive += vIm * re - vRe * im;
        const fromShare = (re * re + im * im) / ratedFrom[index]!;
        const toShare = (reTo * reTo + imTo * imTo) / ratedTo[index]!;
        if (fromShare > worst) worst = fromShare;
        if (toShare > worst) worst = toShare;
      }
      const loading = 100 * Math.sqrt(worst);
      loadingSum[index]! += loading;
      if (loading > loadingMax[index]!) loadingMax[index] = loading;
      activeW[index]! += active * sumOfPhases;
      reactiveVar[index]! += reactive * sumOfPhases;
    }
    this.#count += 1;
  }

  close(row: (...cells: [string, number, number, number, number]) => void): void {
    for (const { id, index } of this.#grid.branches) {
      const rated = Number.isFinite(this.#ratedFrom[index]) || Number.isFinite(this.#ratedTo[index]);
      row(
        id,
        rated ? (this.#loading[index] as number) / this.#count : Number.NaN,
        rated ? (this.#loadingMax[index] as number) : Number.NaN,
        (this.#activeW[index] as number) / this.#count,
        (this.#reactiveVar[index] as number) / this.#count,
      );
    }
    for (const sums of [this.#loading, this.#loadingMax, this.#activeW, this.#reactiveVar]) sums.fill(0);
    this.#count = 0;
  }
}

/** Three-phase sum over elements of the active powers in an interleaved P, Q array; one phase stands for three where there is one. */
function sumOfPowers(power: Float64Array, phases: number): number {
  let sum = 0;
  for (let at = 0; at < power.length; at += 2) sum += power[at] as number;
  return (sum * 3) / phases;
}

function unit(re: number, im: number): [number, number] {
  const magnitude = Math.sqrt(re * re + im * im);
  return [re / magnitude, im / magnitude];
}
