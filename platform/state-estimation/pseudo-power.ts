/** Power of customers that nobody measures: from the newest forecast, else from the grid document alone. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridBattery, GridGenerator, GridLoad } from '../../grids/schema.ts';
import { parseInstant } from '../contract/time.ts';
import type { Forecast } from '../contract/forecast.ts';
import type { Assumptions } from './config.ts';

/** Injection into the grid at one bus-phase, W and var, with standard deviations. */
export interface PseudoPower {
  readonly activeW: number;
  readonly activeSigmaW: number;
  readonly reactiveVar: number;
  readonly reactiveSigmaVar: number;
  /**
   * What one standard deviation of the site's weather adds to the active power, W; already out of `activeSigmaW`. Zero
   * unless the forecast errors of plants are taken as correlated.
   */
  readonly weatherW: number;
  /** `forecast` or `assumption`. */
  readonly source: string;
}

interface Customer {
  readonly component: string;
  /** Where the forecast knows the site's sum only, and this customer's share of it. */
  readonly siteComponent: string;
  siteShare: number;
  /** -1 for loads (consumption), +1 for generators. */
  readonly sign: number;
  readonly shares: readonly number[];
  readonly fallbackW: number;
  readonly fallbackSigmaW: number;
  readonly reactiveShare: number;
}

interface Series {
  readonly startUs: number;
  readonly stepUs: number;
  readonly activeW: readonly number[];
  readonly sigmaW: readonly number[];
  readonly reactiveVar: readonly number[] | undefined;
}

const HOURS_PER_YEAR = 8760;
/** How far single plants stray from the site's mean utilisation, relative: planes and shadows. */
const SITE_GENERATION_SPREAD = 0.2;
const PHASES = ['A', 'B', 'C'] as const;

/** Keeps the newest forecast of every component and answers with injections per bus. */
export class PseudoPowers {
  private readonly customers: ReadonlyMap<number, readonly Customer[]>;
  private readonly vague = new Set<number>();
  private readonly series = new Map<string, Series>();
  private readonly assumptions: Assumptions;

  constructor(grid: CompiledGrid, assumptions: Assumptions) {
    this.assumptions = assumptions;
    const customers = new Map<number, Customer[]>();
    const siteTotal = new Map<string, number>();
    const add = (busId: string, customer: Customer) => {
      const bus = grid.busIndex.get(busId);
      if (bus === undefined) return;
      const { siteComponent, siteShare } = customer;
      siteTotal.set(siteComponent, (siteTotal.get(siteComponent) ?? 0) + siteShare);
      customers.set(bus, [...(customers.get(bus) ?? []), customer]);
    };
    for (const load of grid.document.loads) if (load.inService) add(load.bus, loadCustomer(load, grid, assumptions));
    for (const generator of grid.document.generators) {
      if (generator.inService) add(generator.bus, generatorCustomer(generator, grid, assumptions));
    }
    for (const battery of grid.document.batteries) {
      if (!battery.inService) continue;
      add(battery.bus, batteryCustomer(battery, grid));
      const bus = grid.busIndex.get(battery.bus);
      if (bus !== undefined) this.vague.add(bus);
    }
    for (const customer of [...customers.values()].flat()) {
      customer.siteShare /= siteTotal.get(customer.siteComponent) || 1;
    }
    this.customers = customers;
  }

  /** True where a battery stands: its power may be anything within its rating, so it is assumed as a last resort only. */
  isVague(bus: number): boolean {
    return this.vague.has(bus);
  }

  /** Buses whose injection is made of loads, generators and batteries. */
  buses(): readonly number[] {
    return [...this.customers.keys()].sort((a, b) => a - b);
  }

  take(forecast: Forecast): void {
    const startUs = parseInstant(forecast.start);
    for (const series of forecast.series) {
      this.series.set(series.component, {
        startUs,
        stepUs: forecast.stepUs,
        activeW: series.activePowerW,
        sigmaW: series.activePowerSigmaW,
        reactiveVar: series.reactivePowerVar,
      });
    }
  }

  private forecastOf(customer: Customer, fromUs: number, toUs: number): Mean | undefined {
    const own = this.series.get(customer.component);
    const mean = own === undefined ? undefined : meanOver(own, fromUs, toUs);
    if (mean !== undefined) return mean;
    const site = this.series.get(customer.siteComponent);
    const siteMean = site === undefined ? undefined : meanOver(site, fromUs, toUs);
    return siteMean === undefined ? undefined : shareOfSite(siteMean, customer);
  }

  /** Mean injection at a bus-phase over (fromUs, toUs]. */
  at(bus: number, phase: number, fromUs: number, toUs: number): PseudoPower {
    const { phaseSplit, reactiveShareSigma, pseudoSigmaW, correlatedWeather } = this.assumptions;
    let weatherW = 0;
    let activeW = 0;
    let reactiveVar = 0;
    let variance = pseudoSigmaW ** 2;
    let reactiveVariance = pseudoSigmaW ** 2;
    let forecast = false;
    for (const customer of this.customers.get(bus) ?? []) {
      const share = customer.shares[phase] ?? 0;
      if (share === 0) continue;
      const mean = this.forecastOf(customer, fromUs, toUs);
      forecast ||= mean !== undefined;
      const power = mean?.activeW ?? customer.fallbackW;
      const sigma = mean?.sigmaW ?? customer.fallbackSigmaW;
      const reactive = mean?.reactiveVar ?? customer.reactiveShare * power;
      // A customer on one phase cannot split wrongly.
      const split = share < 1 ? phaseSplit * Math.abs(power) * Math.sqrt(share * (1 - share)) : 0;
      activeW += customer.sign * share * power;
      reactiveVar += customer.sign * share * reactive;
      const common = correlatedWeather ? (mean?.commonSigmaW ?? 0) : 0;
      weatherW += customer.sign * share * common;
      variance += share ** 2 * (sigma ** 2 - common ** 2) + split ** 2;
      const around = Math.abs(customer.reactiveShare) > 0 ? reactiveShareSigma : 0.05;
      reactiveVariance += (around * share) ** 2 * (power ** 2 + sigma ** 2) + (reactiveShareSigma * split) ** 2;
    }
    return {
      activeW,
      activeSigmaW: Math.sqrt(variance),
      weatherW,
      reactiveVar,
      reactiveSigmaVar: Math.sqrt(reactiveVariance),
      source: forecast ? 'forecast' : 'assumption',
    };
  }
}

/** Interval mean of a forecast. */
interface Mean {
  readonly activeW: number;
  readonly sigmaW: number;
  /** The part of it that all plants of the site have in common. */
  readonly commonSigmaW?: number;
  readonly reactiveVar: number | undefined;
}

/** A customer's share of the site's sum; one household scatters about its share as it does about its own mean. */
function shareOfSite(site: Mean, customer: Customer): Mean {
  const { siteShare, fallbackSigmaW } = customer;
  return {
    activeW: siteShare * site.activeW,
    // Households scatter each for itself, plants stand under one sky.
    commonSigmaW: customer.sign < 0 ? 0 : siteShare * site.sigmaW,
    sigmaW: Math.hypot(
      siteShare * site.sigmaW,
      customer.sign < 0 ? fallbackSigmaW : SITE_GENERATION_SPREAD * siteShare * site.activeW,
    ),
    reactiveVar: site.reactiveVar === undefined ? undefined : siteShare * site.reactiveVar,
  };
}

function loadCustomer(load: GridLoad, grid: CompiledGrid, assumptions: Assumptions): Customer {
  const documented = sumOf(load.activePowerW);
  const mean = load.annualEnergyWh === undefined ? documented : load.annualEnergyWh / HOURS_PER_YEAR;
  const reactive = sumOf(load.reactivePowerVar);
  return {
    component: `load:${load.id}`,
    siteComponent: 'site:load',
    siteShare: Math.abs(mean),
    sign: -1,
    shares: sharesOf(load.connection, load.activePowerW, grid.phases),
    fallbackW: mean,
    fallbackSigmaW: assumptions.loadSpread * Math.abs(mean),
    reactiveShare: documented === 0 ? assumptions.reactiveShare : reactive / documented,
  };
}

function generatorCustomer(generator: GridGenerator, grid: CompiledGrid, assumptions: Assumptions): Customer {
  const rated = generator.ratedPowerW ?? Math.abs(sumOf(generator.activePowerW));
  return {
    component: `generator:${generator.id}`,
    siteComponent: 'site:generation',
    siteShare: rated,
    sign: 1,
    shares: sharesOf(generator.connection, generator.activePowerW, grid.phases),
    fallbackW: assumptions.generationMean * rated,
    fallbackSigmaW: assumptions.generationSpread * rated,
    reactiveShare: 0,
  };
}

/** Any power within the rating is as likely as any other: standard deviation rating / sqrt(3). */
function batteryCustomer(battery: GridBattery, grid: CompiledGrid): Customer {
  return {
    component: `battery:${battery.id}`,
    siteComponent: '',
    siteShare: 0,
    sign: 1,
    shares: sharesOf(battery.connection, 0, grid.phases),
    fallbackW: 0,
    fallbackSigmaW: battery.ratedPowerW / Math.sqrt(3),
    reactiveShare: 0,
  };
}

type PhasePower = GridLoad['activePowerW'];

function sumOf(power: PhasePower): number {
  return typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0);
}

/** How a customer's power spreads over the grid's phases; in a positive-sequence grid a third of it is per phase. */
function sharesOf(connection: GridLoad['connection'], power: PhasePower, phases: number): number[] {
  if (phases === 1) return [1 / 3];
  if (connection === 'A' || connection === 'B' || connection === 'C') {
    return PHASES.map((phase) => (phase === connection ? 1 : 0));
  }
  // Between two phases each of them carries about half.
  if (connection.length === 2) return PHASES.map((phase) => (connection.includes(phase) ? 0.5 : 0));
  const total = sumOf(power);
  if (typeof power === 'number' || !(total > 0)) return [1 / 3, 1 / 3, 1 / 3];
  return PHASES.map((phase) => (power[phase] ?? 0) / total);
}

/** Mean over the steps that (fromUs, toUs] touches, weighted by overlap; undefined outside the forecast. */
function meanOver(series: Series, fromUs: number, toUs: number): Mean | undefined {
  const { startUs, stepUs } = series;
  const instant = toUs <= fromUs;
  const first = Math.floor((fromUs - startUs) / stepUs);
  const last = instant ? first : Math.ceil((toUs - startUs) / stepUs) - 1;
  let weight = 0;
  let activeW = 0;
  let sigmaW = 0;
  let reactiveVar = 0;
  for (let step = Math.max(0, first); step <= last && step < series.activeW.length; step += 1) {
    const begin = startUs + step * stepUs;
    const overlap = instant ? 1 : Math.min(toUs, begin + stepUs) - Math.max(fromUs, begin);
    weight += overlap;
    activeW += overlap * series.activeW[step]!;
    sigmaW += overlap * (series.sigmaW[step] ?? 0);
    reactiveVar += overlap * (series.reactiveVar?.[step] ?? 0);
  }
  if (weight === 0) return undefined;
  return {
    activeW: activeW / weight,
    sigmaW: sigmaW / weight,
    reactiveVar: series.reactiveVar === undefined ? undefined : reactiveVar / weight,
  };
}
