/** `report.html`: one self-contained page without script or outside request, readable wide and narrow, light, dark and printed. */
import { scenarioFacts } from '../scenario-facts.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { renderBalance, renderDay } from './day-section.ts';
import { renderDevices, renderMetrics } from './device-section.ts';
import { renderEstimates } from './estimate-section.ts';
import { renderGrid } from './grid-section.ts';
import { renderAssumptions, renderIndicators, renderReproduction } from './indicator-section.ts';
import { renderInventory } from './inventory-section.ts';
import { escapeHtml } from './markup.ts';
import { renderLatency, renderMessages } from './message-section.ts';
import { renderExpectations, renderGlance, renderHeader } from './overview.ts';
import { style } from './style.ts';
import { renderUseCase } from './use-case-section.ts';

/** Ids of the sections with their names in the contents, in the order of the page. */
export const pageSections = [
  ['expectations', 'Expectations'],
  ['day', 'Site'],
  ['use-case', 'Use case'],
  ['grid', 'Grid'],
  ['estimate', 'Estimate'],
  ['inventory', 'Inventory'],
  ['devices', 'Devices'],
  ['messages', 'Messages'],
  ['latency', 'Latency'],
  ['balance', 'Balance'],
  ['indicators', 'Indicators'],
  ['metrics', 'Metrics'],
  ['assumptions', 'Assumptions'],
  ['reproduction', 'Run it again'],
] as const;

export function renderPage(record: RunRecord, score: Score, accuracyHash: string): string {
  const { name, offsetUs } = scenarioFacts(record.manifest);
  const title = escapeHtml(`${name}: ${score.verdict}`);
  const contents = pageSections.map(([id, label]) => `<li><a href="#${id}">${label}</a></li>`).join('');
  const sections = [
    renderGlance(score),
    renderExpectations(score, offsetUs),
    renderDay(record, score, offsetUs),
    renderUseCase(record, score, offsetUs),
    renderGrid(record, score, offsetUs),
    renderEstimates(score, offsetUs),
    renderInventory(record),
    renderDevices(record, score, offsetUs),
    renderMessages(record),
    renderLatency(record, score),
    renderBalance(score),
    renderIndicators(score),
    renderMetrics(score),
    renderAssumptions(record),
    renderReproduction(record),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
<div class="top" id="content">
${renderHeader(record, score, accuracyHash)}
</div>
<nav aria-label="Contents"><ul>${contents}</ul></nav>
<main>
${sections.join('\n')}
</main>
<footer>Made by platone-twin from the record of run ${escapeHtml(record.manifest.runId)}. Everything on this page is computed from that folder.</footer>
</body>
</html>
`;
}
