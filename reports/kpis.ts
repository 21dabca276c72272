/**
 * Key performance indicators of a site from its energy account: what the batteries changed against the same world with
 * the batteries idle. Formulas, units and sources stand in `kpi-catalogue.ts`; this file computes them.
 *
 * A value at instant t_k stands for the interval (t_(k-1), t_k], so row 0 (the initial state) enters no energy.
 */
import { median } from '../numerics/statistics.ts';
import { followOrigins, type Origins } from './own-generation.ts';

/** The site over time: us since the epoch and W; loads and exchange positive when consuming and importing. */
export interface SiteSeries {
  readonly timeUs: Float64Array;
  readonly loadW: Float64Array;
  readonly generationW: Float64Array;
  readonly lossesW: Float64Array;
  readonly lossesIdleW: Float64Array;
  /** Drawn by the shunts of the grid: demand beside the loads. */
  readonly shuntsW: Float64Array;
  readonly shuntsIdleW: Float64Array;
  readonly exchangeW: Float64Array;
  readonly exchangeIdleW: Float64Array;
}

/** One controllable device over time; power and setpoint discharge positive, setpoint NaN while none is in force. */
export interface BatterySeries {
  readonly device: string;
  readonly timeUs: Float64Array;
  readonly activePowerW: Float64Array;
  readonly stateOfCharge: Float64Array;
  readonly energyStoredWh: Float64Array;
  readonly setpointW: Float64Array;
  /** 1 where power, ramp or SoC window clips the setpoint. */
  readonly saturated: Float64Array;
  /** Since the start, Wh. */
  readonly lossesWh: Float64Array;
  readonly ratedPowerW: number;
  readonly capacityWh: number;
  /** Stored energy that it may have, Wh. */
  readonly windowWh: { readonly least: number; readonly most: number };
  readonly chargeEfficiency: number;
  readonly dischargeEfficiency: number;
}

export interface SiteFacts {
  /** Rating of the transformers at the grid connection, VA; undefined without one. */
  readonly transformerRatingVA: number | undefined;
  /** Without any, nothing is said of what they draw. */
  readonly hasShunts: boolean;
  /** Exchange beyond what was asked for, W, import positive, one per row; zero where nothing was asked for. */
  readonly excessW: Float64Array;
}

/** Values in the catalogue's units, by KPI name; a KPI that does not apply to the site is absent. */
export type KpiValues = Readonly<Record<string, number>>;

const HOUR_US = 3600e6;
const QUARTER_HOUR_US = 900e6;
/** An excursion of at most this long does not end a virtual island. */
const ISLAND_GRACE_US = 60e6;
/** Island band where the site has no transformer, W (proposal: the larger of 2 kW and 1 % of the rating). */
const ISLAND_BAND_W = 2000;
/** A setpoint this near to all that the battery can give stands at its limit, share of rated power. */
const AT_LIMIT = 0.01;

/** All KPIs of a site. `batteries` may be empty: then only the energy account and the shares without a battery remain. */
export function computeKpis(site: SiteSeries, batteries: readonly BatterySeries[], facts: SiteFacts): KpiValues {
  if (site.timeUs.length < 2) return {};
  const account = energyAccount(site, facts);
  const origins = followOrigins(site, batteries);
  return {
    ...account.kpis,
    ...selfConsumption(site, account, origins, batteries),
    ...peaks(site),
    ...islands(site, facts),
    ...(batteries.length === 0
      ? {}
      : { ...batteryKpis(account, origins, batteries), ...flexibility(batteries, facts) }),
  };
}

/** Hours of the interval that ends at row `k`. */
function hours(timeUs: Float64Array, k: number): number {
  return (at(timeUs, k) - at(timeUs, k - 1)) / HOUR_US;
}

function at(values: Float64Array, k: number): number {
  return values[k] ?? Number.NaN;
}

/** Imported and exported energy of one exchange series, kWh, split per step. */
interface Split {
  readonly imported: number;
  readonly exported: number;
}

function split(timeUs: Float64Array, powerAt: (k: number) => number): Split {
  let imported = 0;
  let exported = 0;
  for (let k = 1; k < timeUs.length; k += 1) {
    const energy = (powerAt(k) * hours(timeUs, k)) / 1000;
    if (energy > 0) imported += energy;
    else exported -= energy;
  }
  return { imported, exported };
}

/** Integral of a series over the whole run, kWh. */
function energy(timeUs: Float64Array, powerW: Float64Array): number {
  const { imported, exported } = split(timeUs, (k) => at(powerW, k));
  return imported - exported;
}

/** What a site needs, and how much of it does not come from the grid, kWh. */
interface Supply {
  readonly demand: number;
  readonly served: number;
}

/**
 * Step by step, of the demand what is not imported. Import beyond the demand goes into a battery and serves nothing yet, so
 * that a battery that buys at night does not make the share negative.
 */
function supply(timeUs: Float64Array, demandAt: (k: number) => number, importAt: (k: number) => number): Supply {
  let demand = 0;
  let served = 0;
  for (let k = 1; k < timeUs.length; k += 1) {
    const needed = Math.max(0, demandAt(k));
    demand += (needed * hours(timeUs, k)) / 1000;
    served += (Math.max(0, needed - Math.max(0, importAt(k))) * hours(timeUs, k)) / 1000;
  }
  return { demand, served };
}

interface Account {
  readonly after: Split;
  readonly before: Split;
  readonly afterWithoutLosses: Split;
  readonly beforeWithoutLosses: Split;
  readonly generation: number;
  /** Demand: loads, shunts and losses of the grid. */
  readonly supplyAfter: Supply;
  readonly kpis: KpiValues;
}

function energyAccount(site: SiteSeries, { hasShunts }: SiteFacts): Account {
  const { timeUs, exchangeW, exchangeIdleW, lossesW, lossesIdleW, shuntsW, shuntsIdleW } = site;
  const after = split(timeUs, (k) => at(exchangeW, k));
  const before = split(timeUs, (k) => at(exchangeIdleW, k));
  const afterWithoutLosses = split(timeUs, (k) => at(exchangeW, k) - at(lossesW, k));
  const beforeWithoutLosses = split(timeUs, (k) => at(exchangeIdleW, k) - at(lossesIdleW, k));
  const generation = energy(timeUs, site.generationW);
  const consumed = (k: number) => at(site.loadW, k) + at(shuntsW, k);
  const consumedIdle = (k: number) => at(site.loadW, k) + at(shuntsIdleW, k);
  const [loss, lossIdle] = [(k: number) => at(lossesW, k), (k: number) => at(lossesIdleW, k)];
  const [exchange, exchangeIdle] = [(k: number) => at(exchangeW, k), (k: number) => at(exchangeIdleW, k)];
  const supplyAfter = supply(timeUs, (k) => consumed(k) + loss(k), exchange);
  const kpis = {
    ...shareServed('selfSufficiency', supplyAfter),
    ...shareServed(
      'selfSufficiencyBefore',
      supply(timeUs, (k) => consumedIdle(k) + lossIdle(k), exchangeIdle),
    ),
    ...shareServed(
      'selfSufficiencyWithoutLosses',
      supply(timeUs, consumed, (k) => exchange(k) - loss(k)),
    ),
    ...shareServed(
      'selfSufficiencyWithoutLossesBefore',
      supply(timeUs, consumedIdle, (k) => exchangeIdle(k) - lossIdle(k)),
    ),
    importedEnergy: after.imported,
    importedEnergyBefore: before.imported,
    exportedEnergy: after.exported,
    exportedEnergyBefore: before.exported,
    importWithoutLosses: afterWithoutLosses.imported,
    importWithoutLossesBefore: beforeWithoutLosses.imported,
    exportWithoutLosses: afterWithoutLosses.exported,
    exportWithoutLossesBefore: beforeWithoutLosses.exported,
    loadEnergy: energy(timeUs, site.loadW),
    ...(hasShunts && { shuntsEnergy: energy(timeUs, shuntsW), shuntsEnergyBefore: energy(timeUs, shuntsIdleW) }),
    generationEnergy: generation,
    lossesEnergy: energy(timeUs, lossesW),
    lossesEnergyBefore: energy(timeUs, lossesIdleW),
  };
  return { after, before, afterWithoutLosses, beforeWithoutLosses, generation, supplyAfter, kpis };
}

/** 100 (1 - part / whole), absent where there is no whole to relate to. */
function complement(name: string, part: number, whole: number): KpiValues {
  return whole > 0 ? { [name]: 100 * (1 - part / whole) } : {};
}

function shareServed(name: string, { demand, served }: Supply): KpiValues {
  return complement(name, demand - served, demand);
}

function selfConsumption(
  site: SiteSeries,
  { generation }: Account,
  after: Origins,
  batteries: readonly BatterySeries[],
): KpiValues {
  const before = followOrigins({ ...site, exchangeW: site.exchangeIdleW }, []);
  return {
    ...complement('selfConsumption', after.exportedOwn, generation),
    ...complement('selfConsumptionBefore', before.exportedOwn, generation),
    ...(batteries.length > 0 &&
      complement('selfConsumptionSocNeutral', ownExportNeutral(after, batteries), generation)),
  };
}

/**
 * Own generation exported, kWh, had every battery ended as it began. A surplus of own generation would have gone out too.
 * A deficit was room that the battery made by giving initial charge: what of it was not exported itself let as much of
 * the own generation out.
 */
function ownExportNeutral(
  { exportedOwn, exportedInitial, storedOwn }: Origins,
  batteries: readonly BatterySeries[],
): number {
  const surplus = batteries.reduce((sum, battery) => sum + Math.max(0, energyLeft(battery)), 0);
  const ownShare = surplus > 0 ? Math.min(1, storedOwn / surplus) : 0;
  const couldBeKept = Math.max(0, deficitGiven(batteries) - exportedInitial);
  return Math.max(0, exportedOwn - couldBeKept) + ownShare * settle(batteries).exported;
}

/** What the batteries gave by ending emptier than they began, kWh. */
function deficitGiven(batteries: readonly BatterySeries[]): number {
  return batteries.reduce((sum, one) => sum + Math.max(0, -energyLeft(one)) * one.dischargeEfficiency, 0);
}

function peaks({ exchangeW, exchangeIdleW }: SiteSeries): KpiValues {
  const after = extremes(exchangeW);
  const before = extremes(exchangeIdleW);
  return {
    importPeak: after.import / 1000,
    importPeakBefore: before.import / 1000,
    exportPeak: after.export / 1000,
    exportPeakBefore: before.export / 1000,
    ...complement('backFeedPeakReduction', after.export, before.export),
  };
}

function extremes(exchangeW: Float64Array): { readonly import: number; readonly export: number } {
  let importPeak = 0;
  let exportPeak = 0;
  for (let k = 1; k < exchangeW.length; k += 1) {
    importPeak = Math.max(importPeak, at(exchangeW, k));
    exportPeak = Math.max(exportPeak, -at(exchangeW, k));
  }
  return { import: importPeak, export: exportPeak };
}

/** Exchange that counts as held, W: 1 % of the transformer's rating, or 2 kW where there is none. */
export function islandBandW(transformerRatingVA: number | undefined): number {
  return transformerRatingVA === undefined ? ISLAND_BAND_W : 0.01 * transformerRatingVA;
}

function islands({ timeUs, exchangeW }: SiteSeries, { transformerRatingVA }: SiteFacts): KpiValues {
  const bandW = islandBandW(transformerRatingVA);
  const total = at(timeUs, timeUs.length - 1) - at(timeUs, 0);
  const fine = islandDurations(timeUs, exchangeW, bandW);
  const means = quarterHourMeans(timeUs, exchangeW);
  const coarse = islandDurations(means.timeUs, means.powerW, bandW);
  const sum = (durations: readonly number[]) => durations.reduce((all, one) => all + one, 0);
  const mean = fine.length === 0 ? {} : { islandDurationMean: sum(fine) / fine.length / HOUR_US };
  const shortest = fine.length === 0 ? {} : { islandDurationMin: Math.min(...fine) / HOUR_US };
  return {
    islandDuration: Math.max(0, ...fine) / HOUR_US,
    ...mean,
    ...shortest,
    islandShare: (100 * sum(fine)) / total,
    islandDurationQuarterHour: Math.max(0, ...coarse) / HOUR_US,
    islandShareQuarterHour: (100 * sum(coarse)) / total,
  };
}

/**
 * Lengths (us) of the stretches with |power| <= `bandW`. A stretch goes on over excursions of at most 60 s and ends
 * with its last interval inside the band.
 */
export function islandDurations(timeUs: Float64Array, powerW: Float64Array, bandW: number): readonly number[] {
  const durations: number[] = [];
  let start = Number.NaN;
  let lastInside = Number.NaN;
  for (let k = 1; k < timeUs.length; k += 1) {
    const inside = Math.abs(at(powerW, k)) <= bandW;
    const end = at(timeUs, k);
    if (inside) {
      if (Number.isNaN(start)) start = at(timeUs, k - 1);
      lastInside = end;
    } else if (end - lastInside > ISLAND_GRACE_US) {
      durations.push(lastInside - start);
      start = Number.NaN;
      lastInside = Number.NaN;
    }
  }
  return Number.isNaN(start) ? durations : [...durations, lastInside - start];
}

/** Means over the quarter hours of the clock (UTC), each at its end; steps longer than that stay as they are. */
function quarterHourMeans(
  timeUs: Float64Array,
  powerW: Float64Array,
): { readonly timeUs: Float64Array; readonly powerW: Float64Array } {
  const times = [at(timeUs, 0)];
  const powers = [at(powerW, 0)];
  let energyWUs = 0;
  for (let k = 1; k < timeUs.length; k += 1) {
    const end = at(timeUs, k);
    energyWUs += at(powerW, k) * (end - at(timeUs, k - 1));
    const next = at(timeUs, k + 1);
    const closes = Number.isNaN(next) || Math.ceil(next / QUARTER_HOUR_US) > Math.ceil(end / QUARTER_HOUR_US);
    if (!closes) continue;
    powers.push(energyWUs / (end - (times.at(-1) ?? Number.NaN)));
    times.push(end);
    energyWUs = 0;
  }
  return { timeUs: Float64Array.from(times), powerW: Float64Array.from(powers) };
}

function batteryKpis(
  { after, before, afterWithoutLosses, beforeWithoutLosses, supplyAfter }: Account,
  { exportedInitial }: Origins,
  batteries: readonly BatterySeries[],
): KpiValues {
  const settled = settle(batteries);
  const saved = before.imported - after.imported;
  const exchange = ({ imported, exported }: Split) => imported + exported;
  const settling = exchange(settled);
  // Initial charge that was exported served nothing here.
  const given = deficitGiven(batteries);
  const servedByDeficit = given > 0 ? settled.imported * Math.max(0, 1 - exportedInitial / given) : 0;
  return {
    ...batteryEnergies(batteries),
    savedEnergy: saved,
    savedEnergySocNeutral: saved - settled.imported,
    ...complement('exchangedEnergyReduction', exchange(after), exchange(before)),
    ...complement('exchangedEnergyReductionSocNeutral', exchange(after) + settling, exchange(before)),
    ...complement('exchangedEnergyReductionWithoutLosses', exchange(afterWithoutLosses), exchange(beforeWithoutLosses)),
    ...complement(
      'exchangedEnergyReductionWithoutLossesSocNeutral',
      exchange(afterWithoutLosses) + settling,
      exchange(beforeWithoutLosses),
    ),
    ...shareServed('selfSufficiencySocNeutral', {
      ...supplyAfter,
      served: Math.max(0, supplyAfter.served - servedByDeficit),
    }),
  };
}

/** Energy in the battery at the end less that at the start, kWh. */
function energyLeft({ energyStoredWh }: BatterySeries): number {
  return (at(energyStoredWh, energyStoredWh.length - 1) - at(energyStoredWh, 0)) / 1000;
}

/**
 * What bringing every battery back to its start would exchange with the grid, kWh: a surplus is exported after the
 * discharge efficiency, a deficit imported before the charge efficiency.
 */
export function settle(batteries: readonly BatterySeries[]): Split {
  let imported = 0;
  let exported = 0;
  for (const battery of batteries) {
    const left = energyLeft(battery);
    if (left > 0) exported += left * battery.dischargeEfficiency;
    else imported -= left / battery.chargeEfficiency;
  }
  return { imported, exported };
}

function batteryEnergies(batteries: readonly BatterySeries[]): KpiValues {
  let charged = 0;
  let discharged = 0;
  let losses = 0;
  let left = 0;
  let capacity = 0;
  for (const battery of batteries) {
    // Discharging is positive, so what `split` calls imported is what the battery delivered.
    const { imported, exported } = split(battery.timeUs, (k) => at(battery.activePowerW, k));
    discharged += imported;
    charged += exported;
    losses += (at(battery.lossesWh, battery.lossesWh.length - 1) - at(battery.lossesWh, 0)) / 1000;
    left += energyLeft(battery);
    capacity += battery.capacityWh / 1000;
  }
  return {
    batteryCharged: charged,
    batteryDischarged: discharged,
    batteryLosses: losses,
    batteryEnergyLeft: left,
    ...(capacity > 0 ? { batteryCycles: discharged / capacity } : {}),
  };
}

/**
 * Whether the battery gives at row `k` what is asked of it: no limit of its own clips the setpoint, nor has whoever sent the
 * setpoint already stopped at the limit (rated power, or what is left of the window in this step) while the exchange misses
 * what was asked for by more than `bandW`. The ramp is no such limit: it is seen in the response.
 */
export function isAvailable(battery: BatterySeries, k: number, excessW: number, bandW: number): boolean {
  if (at(battery.saturated, k) === 1) return false;
  if (!(Math.abs(excessW) > bandW)) return true;
  const { ratedPowerW, windowWh, chargeEfficiency, dischargeEfficiency } = battery;
  const storedWh = at(battery.energyStoredWh, k - 1);
  // Too much import wants more discharge, too much export more charge.
  const roomWh =
    excessW > 0 ? (storedWh - windowWh.least) * dischargeEfficiency : (windowWh.most - storedWh) / chargeEfficiency;
  const mostW = Math.min(ratedPowerW, roomWh / hours(battery.timeUs, k));
  return Math.sign(excessW) * at(battery.setpointW, k) < mostW - AT_LIMIT * ratedPowerW;
}

/** Availability, accuracy and responsiveness of the batteries, pooled over their instants. */
function flexibility(batteries: readonly BatterySeries[], { transformerRatingVA, excessW }: SiteFacts): KpiValues {
  const bandW = islandBandW(transformerRatingVA);
  let inForce = 0;
  let free = 0;
  let deviation = 0;
  const responses: number[] = [];
  for (const battery of batteries) {
    for (let k = 1; k < battery.timeUs.length; k += 1) {
      const setpoint = at(battery.setpointW, k);
      if (Number.isNaN(setpoint)) continue;
      inForce += 1;
      free += isAvailable(battery, k, at(excessW, k), bandW) ? 1 : 0;
      deviation += Math.abs(at(battery.activePowerW, k) - setpoint) / battery.ratedPowerW;
    }
    responses.push(...responseTimes(battery));
  }
  if (inForce === 0) return {};
  const response =
    responses.length === 0 ? {} : { flexibilityResponsiveness: median(Float64Array.from(responses)) / 1e6 };
  return {
    flexibilityAvailability: (100 * free) / inForce,
    flexibilityAccuracy: 100 * (1 - deviation / inForce),
    ...response,
  };
}

/**
 * For each step of the setpoint of at least 5 % of rated power: us until the power is within 2 % of rated power of it.
 * A step whose successor comes first is left out. The resolution is that of the record.
 */
function responseTimes({ timeUs, activePowerW, setpointW, ratedPowerW }: BatterySeries): readonly number[] {
  const times: number[] = [];
  let since = Number.NaN;
  for (let k = 1; k < timeUs.length; k += 1) {
    const setpoint = at(setpointW, k);
    if (Math.abs(setpoint - at(setpointW, k - 1)) >= 0.05 * ratedPowerW) since = at(timeUs, k - 1);
    if (Number.isNaN(since) || Math.abs(at(activePowerW, k) - setpoint) > 0.02 * ratedPowerW) continue;
    times.push(at(timeUs, k) - since);
    since = Number.NaN;
  }
  return times;
}
