/**
 * What meters, forecasts and memory say of powers and voltages, as measurements of fixed structure: each quantity has its
 * row at every estimate, with an infinite sigma when nobody knows it at present.
 */
import type { CompiledGrid } from '../../grids/model.ts';
import { busInjections } from './branch-flows.ts';
import type { Meter, StateEstimationConfig } from './config.ts';
import { DeviationTracker } from './deviation-tracker.ts';
import type { EstimateResult, EstimatorMeasurement, ScalarMeasurement } from './estimator.ts';
import type { Inventory } from './inventory.ts';
import type { PlacedMeter } from './measurement-slots.ts';
import type { PseudoPowers } from './pseudo-power.ts';
import { meterPowerSigma, meterVoltageSigma, stalenessSigma } from './uncertainty.ts';

const PHASE_NAMES = ['A', 'B', 'C'] as const;
/** Forecasts of different plants err together under one sky. */
const WEATHER = 'weather';

/** Newest message of a meter: per phase P and Q (W, var, into the load or branch) and |V| (V); NaN where not reported. */
export interface MeterValues {
  readonly startUs: number;
  readonly endUs: number;
  readonly value: Record<'active' | 'reactive' | 'voltage', Float64Array>;
  readonly sigma: Record<'active' | 'reactive' | 'voltage', Float64Array>;
}

/** What is asked of one estimate. */
export interface Window {
  readonly fromUs: number;
  readonly toUs: number;
  /** Use also what is hardly known: battery powers anywhere within their rating. */
  readonly lastResort: boolean;
}

/** A power as it is taken into an estimate, W or var into the grid, and where it comes from. */
interface Power {
  readonly value: number;
  readonly sigma: number;
  /** What the weather may do to it, W per standard deviation of the weather. */
  readonly weather: number;
}

export class MeterRows {
  private readonly config: StateEstimationConfig;
  private readonly grid: CompiledGrid;
  private readonly pseudo: PseudoPowers;
  /** Memory of deviations from the forecast, where the configuration wants one. */
  private readonly tracker: DeviationTracker | undefined;
  /** What the forecast alone said at the last estimate, W at `2 * (bus * phases + phase)`; NaN where there is none. */
  private readonly forecast: Float64Array;

  constructor(config: StateEstimationConfig, grid: CompiledGrid, pseudo: PseudoPowers) {
    this.config = config;
    this.grid = grid;
    this.pseudo = pseudo;
    this.forecast = new Float64Array(2 * grid.busCount * grid.phases).fill(Number.NaN);
    const { tracking } = config;
    this.tracker = tracking && new DeviationTracker(this.forecast.length, tracking.timeConstantUs);
  }

  /** P and Q into the grid at a bus: from its meter while that is fresh or better than the forecast, else assumed. */
  addInjection(
    into: EstimatorMeasurement[],
    bus: number,
    meter: PlacedMeter | undefined,
    live: MeterValues | undefined,
    window: Window,
    inventory: Inventory,
  ): void {
    const base = this.grid.basePowerVA;
    const withheld = this.pseudo.isVague(bus) && !window.lastResort;
    const fresh = live !== undefined && live.endUs === window.toUs;
    for (let phase = 0; phase < this.grid.phases; phase += 1) {
      const active = meter && this.meterPower(meter.meter, live, 'active', phase, window);
      const reactive = meter && this.meterPower(meter.meter, live, 'reactive', phase, window);
      // What a fresh meter says needs no forecast beside it; memory wants to know it all the same.
      const known = fresh && active !== undefined && reactive !== undefined && this.tracker === undefined;
      const assumed = known ? undefined : this.assumed(bus, phase, window);
      for (const what of ['active', 'reactive'] as const) {
        const measured = what === 'active' ? active : reactive;
        const other = assumed?.powers[what];
        const fromMeter = measured !== undefined && (fresh || other === undefined || measured.sigma <= other.sigma);
        const sigma = fromMeter ? measured.sigma : withheld ? Infinity : other!.sigma;
        const kind = `${what}Power` as const;
        if (fromMeter) inventory.add('smart-meter', kind, live!.endUs, sigma / base);
        else if (!withheld) inventory.add(assumed!.source, kind, window.toUs, sigma / base);
        const owner = fromMeter
          ? `smart-meter/${meter!.meter.device}`
          : `${assumed!.source}/${this.grid.busIds[bus]![0]!}`;
        const row: ScalarMeasurement = {
          id: `${owner}:${what}power:${PHASE_NAMES[phase]!}`,
          kind,
          place: { at: 'bus', bus },
          phase,
          value: (fromMeter ? -measured.value : other!.value) / base,
          sigma: sigma / base,
        };
        const sensitivity = fromMeter ? 0 : other!.weather / base;
        const shares = this.config.assumptions.correlatedWeather && what === 'active';
        into.push(shares ? { ...row, shared: { cause: WEATHER, sensitivity } } : row);
      }
    }
  }

  /** The forecast, corrected by memory where there is one. */
  private assumed(
    bus: number,
    phase: number,
    window: Window,
  ): { readonly source: string; readonly powers: Record<'active' | 'reactive', Power> } {
    const pseudo = this.pseudo.at(bus, phase, window.fromUs, window.toUs);
    const quantity = 2 * (bus * this.grid.phases + phase);
    const believe = (part: 0 | 1, value: number, sigma: number, weather: number): Power => {
      this.forecast[quantity + part] = value;
      if (this.tracker === undefined) return { value, sigma, weather };
      return { ...this.tracker.predict(quantity + part, window.toUs, { value, sigma }), weather };
    };
    return {
      source: pseudo.source,
      powers: {
        active: believe(0, pseudo.activeW, pseudo.activeSigmaW, pseudo.weatherW),
        reactive: believe(1, pseudo.reactiveVar, pseudo.reactiveSigmaVar, 0),
      },
    };
  }

  /** Remembers what an estimate with standard deviations found; nothing without a memory. */
  learn(result: EstimateResult, window: Window): void {
    if (this.tracker === undefined || result.flowSigmas === undefined) return;
    const base = this.grid.basePowerVA;
    const found = busInjections(this.grid, result.voltage);
    for (let quantity = 0; quantity < found.length; quantity += 1) {
      const forecast = this.forecast[quantity]!;
      if (Number.isNaN(forecast)) continue;
      const sigma = base * result.flowSigmas.injection[quantity]!;
      this.tracker.learn(quantity, window.toUs, forecast, { value: base * found[quantity]!, sigma });
    }
  }

  /** Consumption positive as the meter counts; undefined without a usable reading. */
  private meterPower(
    meter: Meter,
    live: MeterValues | undefined,
    what: 'active' | 'reactive',
    phase: number,
    window: Window,
  ): { readonly value: number; readonly sigma: number } | undefined {
    const value = live?.value[what][phase] ?? Number.NaN;
    if (live === undefined || Number.isNaN(value)) return undefined;
    const stated = live.sigma[what][phase]!;
    const own = stated > 0 ? stated : meterPowerSigma(meter, value, what === 'reactive');
    const stale = stalenessSigma(this.config.assumptions.driftWPerSqrtHour, ageUs(live, window));
    return { value, sigma: Math.hypot(own, stale) };
  }

  /** A meter on a branch, or a second one at a bus: its powers flow into that branch, or into the load. */
  addPowers(
    into: EstimatorMeasurement[],
    { meter, at }: PlacedMeter,
    live: MeterValues | undefined,
    window: Window,
    inventory: Inventory,
  ): void {
    const base = this.grid.basePowerVA;
    for (let phase = 0; phase < this.grid.phases; phase += 1) {
      for (const what of ['active', 'reactive'] as const) {
        // A second meter at a bus sees a part of its injection only: kept out until somebody says which part.
        const measured = at.place.at === 'bus' ? undefined : this.meterPower(meter, live, what, phase, window);
        const kind = `${what}Power` as const;
        if (measured !== undefined) inventory.add('smart-meter', kind, live!.endUs, measured.sigma / base);
        into.push({
          id: `smart-meter/${meter.device}:${what}power:${PHASE_NAMES[phase]!}`,
          kind,
          place: at.place,
          phase,
          value: (measured?.value ?? 0) / base,
          sigma: (measured?.sigma ?? Infinity) / base,
        });
      }
    }
  }

  addVoltages(
    into: EstimatorMeasurement[],
    { meter, at }: PlacedMeter,
    live: MeterValues | undefined,
    window: Window,
    inventory: Inventory,
  ): void {
    const base = this.grid.baseVoltageV[at.bus]!;
    for (let phase = 0; phase < this.grid.phases; phase += 1) {
      const value = live?.value.voltage[phase] ?? Number.NaN;
      let sigma = Infinity;
      if (live !== undefined && value > 0) {
        const stated = live.sigma.voltage[phase]!;
        const own = (stated > 0 ? stated : meterVoltageSigma(value)) / base;
        sigma = Math.hypot(own, stalenessSigma(this.config.assumptions.driftPuPerSqrtHour, ageUs(live, window)));
        inventory.add('smart-meter', 'voltageMagnitude', live.endUs, sigma);
      }
      into.push({
        id: `smart-meter/${meter.device}:voltmagnitude:${PHASE_NAMES[phase]!}`,
        kind: 'voltageMagnitude',
        place: { at: 'bus', bus: at.bus },
        phase,
        value: sigma < Infinity ? value / base : 0,
        sigma,
      });
    }
  }
}

/** How far the middle of what a value stands for lies from the middle of what is asked. */
function ageUs(values: MeterValues, window: Window): number {
  return Math.abs((window.fromUs + window.toUs) / 2 - (values.startUs + values.endUs) / 2);
}
