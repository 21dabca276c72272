/**
 * The tables of the README that are made from the code: `<!-- generated:NAME -->` to `<!-- /generated -->` is replaced.
 * `node dist/cli/readme-tables.js --write` writes them; a test fails when the README is stale.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { balPrefix, bridgedPrefix, topics } from '../platform/contract/topics.ts';
import { kpiCatalogue } from '../reports/kpi-catalogue.ts';
import { metricCatalogue } from '../reports/metrics-catalogue.ts';
import { invariantCatalogue, latencyHops, messageCounters } from '../reports/quantities.ts';
import { commands } from './commands.ts';
import { exitCodes } from './exit-codes.ts';
import { faultCatalogue } from '../sim/faults/catalogue.ts';
import { faultNames } from '../sim/scenario/schema.ts';
import { projectRoot } from '../grids/project-root.ts';

const tables: Readonly<Record<string, () => string>> = {
  commands: () =>
    table(
      ['command', 'what it does'],
      commands.map(({ usage, summary }) => [code(`twin ${usage}`), summary]),
    ),
  'exit-codes': () =>
    table(
      ['code', 'meaning'],
      Object.values(exitCodes).map(({ code: number, meaning }) => [String(number), meaning]),
    ),
  metrics: metricsTable,
  topics: topicsTable,
  faults: faultsTable,
};

export const tableNames = Object.keys(tables);

const BLOCK = /(<!-- generated:([\w-]+) -->\n)[\s\S]*?(<!-- \/generated -->)/g;

/** `text` with every marked block made anew. Throws on a marker that names no table. */
export function renderTables(text: string): string {
  return text.replaceAll(BLOCK, (_, open: string, name: string, close: string) => {
    const make = tables[name];
    if (make === undefined) throw new Error(`no table is named "${name}"; there are ${tableNames.join(', ')}`);
    return `${open}${make()}\n${close}`;
  });
}

/** Names of the blocks that `text` has. */
export function markedTables(text: string): string[] {
  return [...text.matchAll(BLOCK)].map((match) => match[2] ?? '');
}

function metricsTable(): string {
  const metrics = metricCatalogue.map(({ name, unit, statistics, formula }) => [
    code(name),
    unit,
    formula,
    statistics.join(', '),
  ]);
  const kpis = kpiCatalogue.map(({ name, unit, formula, source }) => [code(`kpi.${name}`), unit, formula, source]);
  return [
    table(['metric', 'unit', 'one sample', 'statistics'], metrics),
    table(['KPI', 'unit', 'formula', 'source'], kpis),
    `Counters: ${messageCounters.map((counter) => code(`messages.${counter}`)).join(', ')}.`,
    `Invariants, checked in every run with a battery and failing it when violated: ${invariantCatalogue
      .map(({ name, statement }) => `${code(`invariants.${name}`)} (${statement})`)
      .join(', ')}; ${code('invariants.violations')} is their sum.`,
    `Latency, in us, with \`.count\`, \`.p50\`, \`.p95\`, \`.p99\`, \`.max\`: ${latencyHops.map((hop) => code(`latency.${hop}`)).join(', ')}.`,
  ].join('\n\n');
}

function faultsTable(): string {
  const rows = faultNames.map((name) => {
    const { summary, value, probability } = faultCatalogue[name];
    const meaning = value === undefined ? '' : `${value.meaning} (${value.unit}), default ${value.default}`;
    return [code(name), summary, meaning, `${100 * probability} %`];
  });
  return table(['fault', 'what it does', '`value`', 'strikes'], rows);
}

function topicsTable(): string {
  const [site, kind, device] = ['<site>', '<kind>', '<device>'];
  return table(
    ['what', 'access layer (BAL)', 'databus (DSOTP)'],
    [
      ['everything that the bridge brings in', `${balPrefix}#`, `${bridgedPrefix}#`],
      ['measurements', topics.balMeasurement(site, kind, device), topics.bridgedMeasurement(site, kind, device)],
      ['PMUs straight to the platform', '', topics.directPmu(site, device)],
      ['calculated powers', '', topics.power(site, device)],
      ['state estimates', '', topics.estimate(site, '<estimator>')],
      ['forecasts', '', topics.forecast(site, '<issuer>')],
      ['triggers of use cases', '', topics.trigger(site, 'balancer')],
      ['answers and what is in force', '', topics.useCase(site, 'balancer')],
      ['plans', '', topics.plan(site, 'balancer')],
      ['repudiations of forged blocks', '', topics.repudiation(site, device)],
      ['setpoints', topics.balSetpoint(site, device), topics.setpoint(site, device)],
      ['ticks', topics.balTick, `${topics.bridgedTick}, ${topics.directTick}`],
      ['progress', topics.balProgress('<service>'), topics.progress('<service>')],
      ['service status', '', topics.status('<service>')],
    ].map(([what = '', ...sides]) => [what, ...sides.map((topic) => (topic === '' ? '' : code(topic)))]),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, head.map(() => '---'), ...rows];
  return lines
    .map((cells) => `| ${cells.map((cell) => cell.replaceAll('|', String.raw`\|`)).join(' | ')} |`)
    .join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

if (process.argv[1] === fileURLToPath(import.meta.url) && process.argv.includes('--write')) {
  const file = join(projectRoot(), 'README.md');
  writeFileSync(file, renderTables(readFileSync(file, 'utf8')));
}
