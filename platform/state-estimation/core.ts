/**
 * The state-estimation service without its plumbing: measurements of an interval in, one estimate out.
 *
 * Everything that goes in stands for (t - every, t]: meter means as they come, PMU frames averaged in the frame of the
 * reference PMU, forecasts averaged over it. Where all values are instantaneous ones of t the estimate is one of t.
 */
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { Estimate } from '../contract/estimate.ts';
import type { Forecast } from '../contract/forecast.ts';
import type { Measurement } from '../contract/measurement.ts';
import { parseInstant } from '../contract/time.ts';
import type { Meter, StateEstimationConfig } from './config.ts';
import { estimateMessage } from './estimate-message.ts';
import type { EstimationProblem, Estimator, EstimatorMeasurement } from './estimator.ts';
import { Inventory } from './inventory.ts';
import { createLeastSquares } from './least-squares.ts';
import { placeMeters, type PlacedMeter } from './measurement-slots.ts';
import { ModelWatch } from './model-watch.ts';
import { MeterRows, type MeterValues, type Window } from './meter-rows.ts';
import { averageFrames, type MeanPhasors, type PmuFrame, readFrame } from './pmu-window.ts';
import { PseudoPowers } from './pseudo-power.ts';
import { sourceBalances } from './source-balance.ts';
import { phasorSigmas, samplingSigma } from './uncertainty.ts';
import { zeroInjectionBuses } from './zero-injections.ts';

const PHASE_NUMBER: Readonly<Record<string, number>> = { A: 0, B: 1, C: 2 };
const PHASE_NAMES = ['A', 'B', 'C'] as const;
/** A device that has been silent for so many intervals is no longer believed at all. */
const STALE_INTERVALS = 4;
/** Angle uncertainty of a phasor whose unit shares no time with the reference: none to speak of. */
const ANGLE_UNKNOWN_RAD = 10;

const MEASURANDS = { activepower: 'active', reactivepower: 'reactive', voltmagnitude: 'voltage' } as const;

export class EstimationCore {
  readonly grid: CompiledGrid;
  /** Devices of the configuration that stand at no place of the grid. */
  readonly unknownDevices: readonly string[];
  private readonly config: StateEstimationConfig;
  private readonly estimator: Estimator;
  private readonly pmus: readonly PlacedMeter[];
  private readonly smartMeters: readonly PlacedMeter[];
  private readonly pseudo: PseudoPowers;
  private readonly rows: MeterRows;
  private readonly watch: ModelWatch | undefined;
  private readonly zeroInjections: readonly number[];
  private readonly referenceBus: number;
  private readonly frames = new Map<string, PmuFrame[]>();
  private readonly newest = new Map<string, MeterValues>();
  private estimates = 0;
  private readonly framesMost = new Map<string, number>();

  constructor(config: StateEstimationConfig, estimator: Estimator = createLeastSquares()) {
    this.config = config;
    this.estimator = estimator;
    this.grid = compileGrid(config.grid);
    const { pmus, smartMeters, unknown } = placeMeters(this.grid, config.meters);
    this.pmus = pmus;
    this.smartMeters = smartMeters;
    this.unknownDevices = unknown;
    this.pseudo = new PseudoPowers(this.grid, config.assumptions);
    this.rows = new MeterRows(config, this.grid, this.pseudo);
    this.watch = config.modelWatch ? new ModelWatch() : undefined;
    this.referenceBus = this.grid.sources[0]?.bus ?? 0;
    const measured = smartMeters.flatMap(({ at }) => (at.place.at === 'bus' ? [at.bus] : []));
    this.zeroInjections = zeroInjectionBuses(this.grid, new Set(measured));
  }

  takeForecast(forecast: Forecast): void {
    this.pseudo.take(forecast);
  }

  takeMeasurement(kind: string, message: Measurement, timeUs: number): void {
    if (message.quality?.valid === false) return;
    if (kind === 'pmu') {
      const frame = readFrame(message, timeUs, this.grid.phases);
      if (frame === undefined) return;
      const frames = this.frames.get(message.device);
      if (frames === undefined) this.frames.set(message.device, [frame]);
      else frames.push(frame);
    } else {
      this.newest.set(message.device, this.readMeter(message, timeUs));
    }
  }

  private readMeter(message: Measurement, timeUs: number): MeterValues {
    const nan = () => new Float64Array(this.grid.phases).fill(Number.NaN);
    const three = () => ({ active: nan(), reactive: nan(), voltage: nan() });
    const value = three();
    const sigma = three();
    for (const reading of message.readings) {
      const what = MEASURANDS[reading.measurand as keyof typeof MEASURANDS];
      const phase = PHASE_NUMBER[reading.phase];
      if (what === undefined || phase === undefined || phase >= this.grid.phases) continue;
      const direction = what === 'voltage' ? 1 : (message.positiveDirection ?? 1);
      value[what][phase] = direction * reading.data;
      sigma[what][phase] = reading.sigma ?? Number.NaN;
    }
    const endUs = message.interval === undefined ? timeUs : parseInstant(message.interval.end);
    const startUs = message.interval === undefined ? timeUs : parseInstant(message.interval.start);
    return { startUs, endUs, value, sigma };
  }

  /** True when everything that arrived for t describes t itself: then there is no interval to wait for. */
  isInstantaneous(timeUs: number): boolean {
    let any = false;
    for (const values of this.newest.values()) {
      if (values.endUs !== timeUs) continue;
      if (values.startUs !== timeUs) return false;
      any = true;
    }
    return any;
  }

  /** The estimate for (timeUs - every, timeUs], or for timeUs alone. Frames that it used up are dropped. */
  estimate(timeUs: number): Estimate {
    const { everyUs, sigmasEveryCount } = this.config;
    const instantaneous = this.isInstantaneous(timeUs);
    const fromUs = instantaneous ? timeUs : timeUs - everyUs;
    const withSigmas = sigmasEveryCount > 0 && this.estimates % sigmasEveryCount === 0;
    this.estimates += 1;
    const attempt = (lastResort: boolean) => {
      const inventory = new Inventory(timeUs);
      const problem: EstimationProblem = {
        grid: this.grid,
        measurements: this.collect({ fromUs, toUs: timeUs, lastResort }, inventory),
        zeroInjections: this.zeroInjections,
        referenceBus: this.referenceBus,
        statistics: this.config.tracking !== undefined ? 'full' : withSigmas ? 'always' : 'on-suspicion',
      };
      return { problem, inventory, result: this.estimator.estimate(problem) };
    };
    let answer = attempt(false);
    if (answer.result.status === 'not-observable') answer = attempt(true);
    this.rows.learn(answer.result, { fromUs, toUs: timeUs, lastResort: false });
    this.watch?.observe(answer.problem);
    this.frames.clear();
    return estimateMessage(answer.problem, answer.result, {
      estimator: this.estimator.name,
      timeUs,
      fromUs,
      inventory: answer.inventory.rows(),
      ...(this.watch !== undefined && { modelFindings: this.watch.findings }),
    });
  }

  /** All slots in fixed order: phasors, meters, pseudo-measurements, assumptions. */
  private collect(window: Window, inventory: Inventory): EstimatorMeasurement[] {
    const measurements: EstimatorMeasurement[] = [];
    const phasors = this.averagePmus(window);
    let voltages = 0;
    for (const pmu of this.pmus) {
      const mean = phasors.get(pmu.meter.device);
      if (mean !== undefined) voltages += 1;
      this.addPhasors(measurements, pmu, mean, window, inventory);
    }
    const covered = new Set<number>();
    for (const meter of this.smartMeters) {
      const live = this.liveValues(meter.meter, window);
      if (live !== undefined && live.value.voltage.some((v) => v > 0)) voltages += 1;
      if (meter.at.place.at === 'bus' && !covered.has(meter.at.bus)) {
        covered.add(meter.at.bus);
        this.rows.addInjection(measurements, meter.at.bus, meter, live, window, inventory);
      } else this.rows.addPowers(measurements, meter, live, window, inventory);
      this.rows.addVoltages(measurements, meter, live, window, inventory);
    }
    for (const bus of this.pseudo.buses()) {
      if (!covered.has(bus)) this.rows.addInjection(measurements, bus, undefined, undefined, window, inventory);
    }
    this.addAssumptions(measurements, voltages === 0, inventory);
    return measurements;
  }

  /** Mean phasors of every unit that has frames in the window, all in the frame of the first synchronised one. */
  private averagePmus(window: Window): Map<string, MeanPhasors & { readonly aligned: boolean }> {
    const inWindow = new Map<string, readonly PmuFrame[]>();
    for (const { meter } of this.pmus) {
      const frames = (this.frames.get(meter.device) ?? []).filter(
        ({ timeUs }) => timeUs <= window.toUs && (timeUs > window.fromUs || window.fromUs === window.toUs),
      );
      const here = window.fromUs === window.toUs ? frames.filter(({ timeUs }) => timeUs === window.toUs) : frames;
      if (here.length > 0) inWindow.set(meter.device, here);
    }
    const devices = [...inWindow.keys()];
    const reference =
      devices.find((device) => inWindow.get(device)!.every((frame) => frame.synchronised)) ?? devices[0];
    const angles = new Map(inWindow.get(reference ?? '')?.map((frame) => [frame.timeUs, frame.angleRad[0]!]));
    const means = new Map<string, MeanPhasors & { readonly aligned: boolean }>();
    for (const [device, frames] of inWindow) {
      const synchronised = device === reference || frames.every((frame) => frame.synchronised);
      const common = synchronised ? averageFrames(frames, (timeUs) => angles.get(timeUs)) : undefined;
      const own = new Map(frames.map((frame) => [frame.timeUs, frame.angleRad[0]!]));
      const mean = common ?? averageFrames(frames, (timeUs) => own.get(timeUs));
      if (mean !== undefined) means.set(device, { ...mean, aligned: common !== undefined });
    }
    return means;
  }

  private addPhasors(
    measurements: EstimatorMeasurement[],
    { meter, at }: PlacedMeter,
    mean: (MeanPhasors & { readonly aligned: boolean }) | undefined,
    window: Window,
    inventory: Inventory,
  ): void {
    const { phases } = this.grid;
    const baseVoltage = this.grid.baseVoltageV[at.bus]!;
    const baseCurrent = this.grid.basePowerVA / baseVoltage;
    const channels = at.place.at === 'bus' ? phases : 2 * phases;
    for (let channel = 0; channel < channels; channel += 1) {
      const isVoltage = channel < phases;
      const base = isVoltage ? baseVoltage : baseCurrent;
      const magnitude = mean?.magnitude[channel] ?? Number.NaN;
      const angleRad = mean?.angleRad[channel] ?? Number.NaN;
      const usable = mean !== undefined && Number.isFinite(magnitude + angleRad) && (isVoltage || mean.aligned);
      let sigma = Infinity;
      let angleSigmaRad = ANGLE_UNKNOWN_RAD;
      if (usable) {
        const spread = this.phasorSpread(meter, mean, channel, window);
        sigma = spread.sigma;
        if (mean.aligned) angleSigmaRad = spread.angleSigmaRad;
        inventory.add('pmu', isVoltage ? 'voltagePhasor' : 'currentPhasor', mean.newestUs, sigma / base);
      }
      const kind = isVoltage ? 'voltagePhasor' : 'currentPhasor';
      const name = `pmu/${meter.device}:${isVoltage ? 'volt' : 'curr'}`;
      const phase = channel % phases;
      measurements.push({
        id: `${name}magnitude:${PHASE_NAMES[phase]!}`,
        angleId: `${name}angle:${PHASE_NAMES[phase]!}`,
        kind,
        place: isVoltage ? { at: 'bus', bus: at.bus } : at.place,
        phase,
        value: usable ? magnitude / base : 0,
        sigma: sigma / base,
        angleRad: usable ? angleRad : 0,
        angleSigmaRad,
      });
    }
  }

  /** Class or stated sigma, and how well the frames cover the interval. */
  private phasorSpread(
    meter: Meter,
    mean: MeanPhasors,
    channel: number,
    window: Window,
  ): { readonly sigma: number; readonly angleSigmaRad: number } {
    const isVoltage = channel < this.grid.phases;
    const byClass = phasorSigmas(meter, isVoltage ? 'voltage' : 'current', mean.magnitude[channel]!);
    const stated = mean.magnitudeSigma[channel]!;
    const statedAngle = mean.angleSigmaRad[channel]!;
    const count = mean.counts[channel]!;
    const share = this.coveredShare(meter.device, count, window);
    return {
      sigma: Math.hypot(
        stated > 0 ? stated : byClass.magnitude,
        samplingSigma(mean.magnitudeVariance[channel]!, count, share),
      ),
      angleSigmaRad: Math.hypot(
        statedAngle > 0 ? statedAngle : byClass.angleRad,
        samplingSigma(mean.angleVariance[channel]!, count, share),
      ),
    };
  }

  /** Frames against the most that this unit delivered in an interval so far. */
  private coveredShare(device: string, count: number, window: Window): number {
    if (window.fromUs === window.toUs) return 1;
    const most = Math.max(this.framesMost.get(device) ?? 1, count);
    this.framesMost.set(device, most);
    return count / most;
  }

  private liveValues(meter: Meter, window: Window): MeterValues | undefined {
    const values = this.newest.get(meter.device);
    if (values === undefined) return undefined;
    return window.toUs - values.endUs <= STALE_INTERVALS * this.config.everyUs ? values : undefined;
  }

  private addAssumptions(measurements: EstimatorMeasurement[], noVoltage: boolean, inventory: Inventory): void {
    const { sourceUnbalancePu, sourceVoltagePu } = this.config.assumptions;
    for (const balance of sourceBalances(this.grid, sourceUnbalancePu)) {
      measurements.push(balance);
      inventory.add('assumption', 'sourceBalance', Number.NaN, sourceUnbalancePu);
    }
    this.grid.sources.forEach((source) => {
      if (noVoltage) inventory.add('assumption', 'voltageMagnitude', Number.NaN, sourceVoltagePu);
      measurements.push({
        id: `assumption/${source.id}:voltmagnitude:A`,
        kind: 'voltageMagnitude',
        place: { at: 'bus', bus: source.bus },
        phase: 0,
        value: 1,
        sigma: noVoltage ? sourceVoltagePu : Infinity,
      });
    });
  }
}
