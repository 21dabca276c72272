/** `report.md`: the score as tables for job summaries, wikis and mail. */
import { formatDuration, formatNumber, formatQuantity } from './format.ts';
import { kpiCatalogue } from './kpi-catalogue.ts';
import { metricCatalogue } from './metrics-catalogue.ts';
import type { RunRecord } from './record-reader.ts';
import { scenarioFacts } from './scenario-facts.ts';
import type { Score } from './score.ts';

export function renderMarkdown({ manifest }: RunRecord, score: Score, accuracyHash: string): string {
  const { name } = scenarioFacts(manifest);
  const sections = [
    `# ${name}: ${score.verdict}`,
    `Seed \`${manifest.seed}\`, class ${manifest.class}, commit \`${manifest.commit.slice(0, 12)}\`${manifest.dirty ? ' with local changes' : ''}, accuracy \`${accuracyHash.slice(0, 16)}\`.`,
    ...(score.reasons.length === 0
      ? []
      : ['This run is invalid:', score.reasons.map((reason) => `- ${reason}`).join('\n')]),
    expectations(score),
    kpis(score),
    metrics(score),
    messages(score),
    latencies(score),
  ];
  return `${sections.join('\n\n')}\n`;
}

function table(head: readonly string[], rows: readonly (readonly string[])[], textColumns = 1): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`;
  const rule = `| ${head.map((_, i) => (i < textColumns ? '---' : '---:')).join(' | ')} |`;
  return [line(head), rule, ...rows.map(line)].join('\n');
}

/** A bar would end the cell, also inside code. */
function escapeCell(text: string): string {
  return text.replaceAll('|', '\\|');
}

function expectations({ expectations: all }: Score): string {
  if (all.length === 0) return '## Expectations\n\nThe scenario states none.';
  const rows = all.map(({ text, observed, unit, pass }) => [
    `\`${text}\``,
    observed === null ? 'no sample' : formatQuantity(observed, unit),
    pass ? 'pass' : '**fail**',
  ]);
  return `## Expectations\n\n${table(['expectation', 'observed', 'result'], rows)}`;
}

function kpis({ kpis: values }: Score): string {
  const rows = kpiCatalogue.flatMap(({ name, title, formula }) => {
    const result = values[name];
    return result === undefined ? [] : [[title, `\`${formula}\``, formatQuantity(result.value, result.unit)]];
  });
  return rows.length === 0
    ? '## Indicators\n\nThe record holds no site series.'
    : `## Indicators\n\n${table(['indicator', 'formula', 'value'], rows, 2)}`;
}

function metrics({ metrics: values, unscored }: Score): string {
  const rows = metricCatalogue.flatMap(({ name }) => {
    const one = values[name];
    if (one === undefined) return [];
    const cell = (value: number | undefined) => (value === undefined ? '' : formatNumber(value));
    return [[`\`${name}\``, one.unit, ...[one.count, one.mean, one.rmse, one.bias, one.p95, one.max].map(cell)]];
  });
  const counts = Object.entries(unscored).map(([name, count]) => `\`${name}\` ${count}`);
  return [
    '## Accuracy',
    rows.length === 0
      ? 'The record holds no samples.'
      : table(['metric', 'unit', 'count', 'mean', 'RMSE', 'bias', '95 %', 'max'], rows, 2),
    ...(counts.length === 0
      ? []
      : [`Readings left out, which the record has nothing to hold against: ${counts.join(', ')}.`]),
  ].join('\n\n');
}

function messages({ messages: totals }: Score): string {
  const { lost, ...counts } = totals;
  const rows = Object.entries({ ...counts, 'lost by design': lost.injected, 'lost unexpectedly': lost.observed });
  return `## Messages\n\n${table(
    ['count', 'over all hops'],
    rows.map(([name, value]) => [name, formatNumber(value)]),
  )}`;
}

function latencies({ latency }: Score): string {
  const rows = Object.entries(latency).map(([hop, { count, p50, p95, p99, max }]) => [
    hop,
    formatNumber(count),
    ...[p50, p95, p99, max].map(formatDuration),
  ]);
  return rows.length === 0
    ? '## Latency\n\nOnly real-time runs have latencies.'
    : `## Latency\n\n${table(['hop', 'count', '50 %', '95 %', '99 %', 'max'], rows)}`;
}
