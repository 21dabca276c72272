/** The summary that a person sees when a run has ended: verdict, indicators, accuracy, messages, where the report is. */
import { join } from 'node:path';
import { formatDuration, formatNumber, formatQuantity } from './format.ts';
import { kpiCatalogue } from './kpi-catalogue.ts';
import type { RunReport } from './report.ts';

type Emphasis = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

export interface SummaryOptions {
  /** Wraps text in colour; plain text without it. */
  readonly paint?: (emphasis: Emphasis, text: string) => string;
}

/** Indicators with a before and an after, and those that stand alone, in the order of interest. */
const pairs = [
  ['importedEnergy', 'importedEnergyBefore'],
  ['exportedEnergy', 'exportedEnergyBefore'],
  ['importPeak', 'importPeakBefore'],
  ['exportPeak', 'exportPeakBefore'],
  ['selfSufficiency', 'selfSufficiencyBefore'],
  ['selfConsumption', 'selfConsumptionBefore'],
] as const;
const singles = [
  'exchangedEnergyReduction',
  'exchangedEnergyReductionSocNeutral',
  'islandShare',
  'islandDuration',
  'batteryEnergyLeft',
] as const;
const accuracyRows = [
  ['estimate.voltage.error', 'estimated voltage'],
  ['estimate.angle.error', 'estimated angle'],
  ['pmu.tve', 'PMU total vector error'],
  ['power.active.error', 'calculated power'],
  ['meter.energy.error', 'metered energy'],
  ['setpoint.tracking.error', 'setpoint tracking'],
] as const;
const EXPECTATIONS_SHOWN = 6;

/** At most 40 lines, without a line end at the last one. `directory` is named as the place of the report. */
export function renderSummary(report: RunReport, directory: string, options: SummaryOptions = {}): string {
  const paint = options.paint ?? ((_, text) => text);
  return [
    ...headline(report, paint),
    '',
    ...indicators(report, paint),
    ...accuracy(report, paint),
    ...messages(report, paint),
    ...latency(report, paint),
    ...expectations(report, paint),
    '',
    `${paint('dim', 'Report')}  ${join(directory, 'report.html')}`,
  ].join('\n');
}

type Paint = NonNullable<SummaryOptions['paint']>;

function headline(report: RunReport, paint: Paint): readonly string[] {
  const colour = { pass: 'green', fail: 'red', invalid: 'yellow' } as const;
  const verdict = paint(colour[report.verdict], paint('bold', report.verdict.toUpperCase()));
  const facts = [
    `seed ${report.seed}`,
    report.class,
    `${formatNumber(report.instants)} instants in ${formatDuration(report.loopSeconds * 1e6)}`,
    `accuracy ${report.accuracyHash.slice(0, 12)}`,
  ];
  const shown = report.reasons.slice(0, 4).map((reason) => `  ${paint('yellow', '!')} ${reason}`);
  const more = report.reasons.length > 4 ? [`    and ${report.reasons.length - 4} more reasons`] : [];
  return [`${verdict}  ${report.scenario}`, paint('dim', facts.join('  ·  ')), ...shown, ...more];
}

function titleOf(name: string): string {
  return kpiCatalogue.find((kpi) => kpi.name === name)?.title ?? name;
}

const NAME_WIDTH = 42;

function indicators({ kpis }: RunReport, paint: Paint): readonly string[] {
  const paired = pairs.flatMap(([after, before]) => {
    const [now, then] = [kpis[after], kpis[before]];
    if (now === undefined || then === undefined) return [];
    const values = `${formatNumber(then.value).padStart(9)} → ${formatNumber(now.value).padStart(7)} ${now.unit}`;
    return [`  ${titleOf(after).padEnd(NAME_WIDTH)}${values}`];
  });
  const single = singles.flatMap((name) => {
    const result = kpis[name];
    if (result === undefined) return [];
    const value = `${formatNumber(result.value).padStart(19)} ${result.unit}`;
    return [`  ${titleOf(name).padEnd(NAME_WIDTH)}${value}`];
  });
  if (paired.length + single.length === 0) return [];
  return [paint('bold', 'Indicators') + paint('dim', '  battery idle → with the platform'), ...paired, ...single];
}

function accuracy({ metrics }: RunReport, paint: Paint): readonly string[] {
  const rows = accuracyRows.flatMap(([name, label]) => {
    const one = metrics[name];
    if (one?.p95 === undefined || one.max === undefined) return [];
    const values = `95 % within ${formatNumber(one.p95).padStart(7)} ${one.unit.padEnd(5)} max ${formatNumber(one.max)}`;
    return [`  ${label.padEnd(30)}${values}`];
  });
  return rows.length === 0 ? [] : [paint('bold', 'Accuracy'), ...rows];
}

function messages({ messages: { published, delivered, refused, lost, unexplained } }: RunReport, paint: Paint) {
  const counts = [
    `${formatNumber(published)} published`,
    `${formatNumber(delivered)} delivered`,
    `${formatNumber(refused)} refused`,
    `${formatNumber(lost.injected + lost.observed)} lost`,
    `${formatNumber(unexplained)} unexplained`,
  ];
  return [`${paint('bold', 'Messages')}  ${counts.join('  ·  ')}`];
}

function latency({ latency: hops }: RunReport, paint: Paint): readonly string[] {
  const end = hops['device>setpoint'] ?? hops['device>estimate'] ?? hops['bal>dsotp'];
  if (end === undefined) return [];
  const name = Object.entries(hops).find(([, one]) => one === end)?.[0] ?? '';
  const values = `p50 ${formatDuration(end.p50)}  ·  p95 ${formatDuration(end.p95)}  ·  p99 ${formatDuration(end.p99)}`;
  return [`${paint('bold', 'Latency')}   ${name}: ${values}`];
}

/** Failures first: they are what one looks for. */
function expectations({ expectations: all }: RunReport, paint: Paint): readonly string[] {
  if (all.length === 0) return [];
  const ordered = [...all.filter(({ pass }) => !pass), ...all.filter(({ pass }) => pass)];
  const passed = all.filter(({ pass }) => pass).length;
  const rows = ordered.slice(0, EXPECTATIONS_SHOWN).map(({ text, observed, unit, pass }) => {
    const seen = observed === null ? 'no sample' : formatQuantity(observed, unit);
    return `  ${pass ? paint('green', '✓') : paint('red', '✗')} ${text.padEnd(NAME_WIDTH)} ${seen}`;
  });
  const hidden = all.length - EXPECTATIONS_SHOWN;
  const more = hidden > 0 ? [`    and ${hidden} more in the report`] : [];
  return [`${paint('bold', 'Expectations')}  ${passed} of ${all.length} hold`, ...rows, ...more];
}
