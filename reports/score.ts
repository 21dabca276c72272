/** Turns a run's record into its score: metrics, KPIs, message totals, latency, expectations and the verdict. */
import { summariseErrors, summariseValues } from '../numerics/statistics.ts';
import type { GridDocument } from '../grids/schema.ts';
import { compareDevices, type DeviceComparison } from './device-metrics.ts';
import { compareEstimates, type EstimateComparison } from './estimate-metrics.ts';
import type { ExpectationResult } from './expectations.ts';
import { batterySamples, branchSamples, busSamples, siteBalance, type BusSamples } from './grid-metrics.ts';
import { compareForecasts } from './forecast-metrics.ts';
import { computeKpis, islandBandW, type BatterySeries, type KpiValues, type SiteSeries } from './kpis.ts';
import { compareFindings, type ModelComparison } from './model-metrics.ts';
import { computeLatencies, type Latencies } from './latency.ts';
import { kpiCatalogue } from './kpi-catalogue.ts';
import { metricCatalogue, type MetricDefinition, type StatisticName } from './metrics-catalogue.ts';
import { latencyStatistics } from './quantities.ts';
import type { Audit, InvariantCount } from './record.ts';
import type { RunRecord, Table } from './record-reader.ts';
import { batteriesOf, connectionRatingVA, gridOf, referenceBus } from './site-facts.ts';
import { computeUseCaseKpis } from './use-case-kpis.ts';
import { excessOver, timelineOf } from './use-case-timeline.ts';
import { judge, type Verdict } from './verdict.ts';

/** Statistics of one metric, those that its kind of sample allows. */
type MetricSummary = { readonly unit: string } & Readonly<Partial<Record<StatisticName, number>>>;

interface KpiResult {
  readonly value: number;
  readonly unit: string;
}

/** Message audit added up over all hops. */
interface MessageTotals {
  readonly published: number;
  readonly delivered: number;
  readonly refused: number;
  readonly lost: { readonly injected: number; readonly observed: number };
  readonly inFlight: number;
  readonly unexplained: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly late: number;
}

export interface Score {
  readonly verdict: Verdict;
  /** Why the verdict is `invalid`, one sentence each; empty otherwise. */
  readonly reasons: readonly string[];
  /** Metrics with at least one sample, in the catalogue's order. */
  readonly metrics: Readonly<Record<string, MetricSummary>>;
  /** By metric: delivered readings that are not in it, because the record has no truth (or rating) to hold them against. */
  readonly unscored: Readonly<Record<string, number>>;
  readonly kpis: Readonly<Record<string, KpiResult>>;
  readonly expectations: readonly ExpectationResult[];
  readonly messages: MessageTotals;
  /** What was checked in every run, how often, and what did not hold. */
  readonly invariants: readonly InvariantCount[];
  readonly latency: Latencies['summaries'];
  /** What the report draws, kept so that nothing is computed twice. */
  readonly details: ScoreDetails;
}

interface ScoreDetails {
  readonly grid: GridDocument;
  readonly site: SiteSeries & { readonly batteryW: Float64Array; readonly frequencyHz: Float64Array };
  readonly batteries: readonly BatterySeries[];
  readonly devices: DeviceComparison;
  readonly estimates: EstimateComparison;
  readonly model: ModelComparison;
  readonly buses: BusSamples;
  readonly latencies: Latencies;
}

/** Scores a record. Pure: the same record gives the same score, bit for bit. */
export function score(record: RunRecord): Score {
  const details = computeDetails(record);
  const { tables, audit } = record;
  const forecasts = compareForecasts(tables.forecasts, tables['truth-site']);
  const samples: Readonly<Record<string, Float64Array>> = {
    ...details.devices.samples,
    ...details.estimates.samples,
    ...details.model.samples,
    ...siteBalance(tables['truth-site']),
    ...batterySamples(details.batteries),
    ...branchSamples(tables['truth-branch']),
    ...details.buses.samples,
    ...forecasts.samples,
  };
  const metrics = summarise(samples);
  const kpis = labelKpis({
    ...siteKpis(record, details),
    ...forecasts.kpis,
  });
  const messages = totalMessages(audit);
  const latency = details.latencies.summaries;
  const unscored = { ...details.devices.unscored, ...details.estimates.unscored };
  const judgement = judge(record, {
    value: (quantity) =>
      quantity.startsWith('invariants.')
        ? invariantViolations(audit, quantity.slice(11))
        : lookUp({ metrics, kpis, messages, latency }, quantity),
    unscored: (quantity) => unscored[metricOf(quantity)?.name ?? ''] ?? 0,
  });
  const invariants = audit.invariants ?? [];
  return { ...judgement, metrics, unscored, kpis, messages, invariants, latency, details };
}

function computeDetails({ manifest, tables }: RunRecord): ScoreDetails {
  const grid = gridOf(manifest);
  const site = tables['truth-site'];
  return {
    grid,
    site: siteSeries(site),
    batteries: batteriesOf(manifest, grid, tables['device-states']),
    devices: compareDevices(grid, tables.measurements, tables['truth-terminal'], tables['truth-energy'], site),
    estimates: compareEstimates(tables.estimates, tables['estimate-runs'], tables['truth-bus'], referenceBus(grid)),
    model: compareFindings(manifest.modelFaults, tables['estimate-runs']),
    buses: busSamples(grid, tables['truth-bus']),
    latencies: computeLatencies(tables.messages),
  };
}

function siteKpis({ tables, foresight }: RunRecord, { grid, site, batteries }: ScoreDetails): KpiValues {
  const transformerRatingVA = connectionRatingVA(grid);
  const useCases = tables['use-cases'];
  const timeline = timelineOf(useCases, tables['plan-windows']);
  const record = { timeline, triggers: tables.triggers, useCases, plans: tables.plans, foresight };
  return {
    ...computeKpis(site, batteries, {
      transformerRatingVA,
      hasShunts: grid.shunts.some(({ inService }) => inService),
      excessW: excessOver(timeline, site.timeUs, site.exchangeW),
    }),
    ...computeUseCaseKpis(site, batteries, record, islandBandW(transformerRatingVA)),
  };
}

function siteSeries(site: Table): ScoreDetails['site'] {
  return {
    timeUs: site.number('timeUs'),
    frequencyHz: site.number('frequencyHz'),
    loadW: site.number('loadW'),
    generationW: site.number('generationW'),
    batteryW: site.number('batteryW'),
    lossesW: site.number('lossesW'),
    lossesIdleW: site.number('lossesIdleW'),
    shuntsW: site.number('shuntsW'),
    shuntsIdleW: site.number('shuntsIdleW'),
    exchangeW: site.number('exchangeW'),
    exchangeIdleW: site.number('exchangeIdleW'),
  };
}

/** A metric without samples is absent, so that an expectation on it finds nothing and fails. */
function summarise(samples: Readonly<Record<string, Float64Array>>): Record<string, MetricSummary> {
  const unknown = Object.keys(samples).find((name) => !metricCatalogue.some((metric) => metric.name === name));
  if (unknown !== undefined) throw new Error(`metric ${unknown} is not in the catalogue`);
  return Object.fromEntries(
    metricCatalogue.flatMap((metric) => {
      const values = samples[metric.name];
      return values === undefined || values.length === 0 ? [] : [[metric.name, summary(metric, values)]];
    }),
  );
}

function summary({ unit, samples, statistics }: MetricDefinition, values: Float64Array): MetricSummary {
  const all = samples === 'error' ? summariseErrors(values) : summariseValues(values);
  return { unit, ...Object.fromEntries(statistics.map((name) => [name, all[name]])) };
}

function labelKpis(values: Readonly<Record<string, number>>): Record<string, KpiResult> {
  const unknown = Object.keys(values).find((name) => !kpiCatalogue.some((kpi) => kpi.name === name));
  if (unknown !== undefined) throw new Error(`KPI ${unknown} is not in the catalogue`);
  return Object.fromEntries(
    kpiCatalogue.flatMap(({ name, unit }) => {
      const value = values[name];
      return value === undefined || !Number.isFinite(value) ? [] : [[name, { value, unit }]];
    }),
  );
}

function totalMessages({ hops }: Audit): MessageTotals {
  const total = (pick: (hop: Audit['hops'][number]) => number) => hops.reduce((sum, hop) => sum + pick(hop), 0);
  return {
    published: total((hop) => hop.published),
    delivered: total((hop) => hop.delivered),
    refused: total((hop) => hop.refused),
    lost: { injected: total((hop) => hop.lostInjected), observed: total((hop) => hop.lostObserved) },
    inFlight: total((hop) => hop.inFlight),
    unexplained: total((hop) => hop.unexplained),
    duplicated: total((hop) => hop.duplicated),
    reordered: total((hop) => hop.reordered),
    late: total((hop) => hop.late),
  };
}

/** The value of a catalogue name; undefined when the run gave no sample of it. */
function lookUp(
  { metrics, kpis, messages, latency }: Pick<Score, 'metrics' | 'kpis' | 'messages' | 'latency'>,
  quantity: string,
): number | undefined {
  if (quantity.startsWith('kpi.')) return kpis[quantity.slice(4)]?.value;
  if (quantity.startsWith('messages.')) return messageCount(messages, quantity.slice(9));
  if (quantity.startsWith('latency.')) return latencyStatistic(latency, quantity.slice(8));
  const metric = metricOf(quantity);
  return metric === undefined ? undefined : metrics[metric.name]?.[metric.statistic];
}

/** The metric and statistic that a name of the catalogue stands for. */
function metricOf(quantity: string): { readonly name: string; readonly statistic: StatisticName } | undefined {
  for (const { name, headline, statistics } of metricCatalogue) {
    if (quantity === name) return { name, statistic: headline };
    const statistic = statistics.find((one) => quantity === `${name}.${one}`);
    if (statistic !== undefined) return { name, statistic };
  }
  return undefined;
}

/** Violations of one invariant, or of all; undefined where nothing was checked. */
function invariantViolations({ invariants = [] }: Audit, name: string): number | undefined {
  const counted = name === 'violations' ? invariants : invariants.filter((each) => each.name === name);
  return counted.length === 0 ? undefined : counted.reduce((sum, { violations }) => sum + violations, 0);
}

function messageCount({ lost, ...counts }: MessageTotals, counter: string): number | undefined {
  const all: Readonly<Record<string, number>> = {
    ...counts,
    lost: lost.injected + lost.observed,
    lostInjected: lost.injected,
    lostObserved: lost.observed,
  };
  return all[counter];
}

function latencyStatistic(latency: Score['latency'], name: string): number | undefined {
  const statistic = latencyStatistics.find((one) => name.endsWith(`.${one}`));
  if (statistic === undefined) return undefined;
  const hop = Object.entries(latency).find(([key]) => `${key}.${statistic}` === name)?.[1];
  return hop?.[statistic];
}
