/** The top of the page: what was run, what came of it, and the figures that one asks for first. */
import { parseInstant } from '../../platform/contract/time.ts';
import { formatClock, formatDay, formatDuration, formatNumber, formatQuantity } from '../format.ts';
import { invariantCatalogue } from '../quantities.ts';
import { scenarioFacts } from '../scenario-facts.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import {
  escapeHtml,
  html,
  renderAbsence,
  renderFacts,
  renderMark,
  renderName,
  renderSection,
  renderTable,
  type Cell,
} from './markup.ts';

const verdictSentence = {
  pass: 'Every expectation of the scenario holds and every message is accounted for.',
  fail: 'At least one expectation of the scenario does not hold.',
  invalid: 'This run proves nothing: the reasons stand below.',
} as const;

export function renderHeader({ manifest }: RunRecord, score: Score, accuracyHash: string): string {
  const facts = scenarioFacts(manifest);
  const place = [facts.useCase, facts.site].filter((one) => one !== undefined).join(' · ');
  const when = Number.isFinite(facts.startUs) ? formatDay(facts.startUs, facts.offsetUs) : '';
  const eyebrow = [place, when].filter((one) => one !== '').join(' · ');
  const description =
    facts.description === undefined ? '' : `<p class="description">${escapeHtml(facts.description)}</p>`;
  return `<header><p class="eyebrow">${escapeHtml(eyebrow)}</p><h1>${escapeHtml(facts.name)}</h1>${description}<p class="verdict ${score.verdict}"><strong>${score.verdict}</strong><span>${verdictSentence[score.verdict]}</span></p>${renderBanner(manifest.state, score.reasons)}${renderRunFacts(manifest, accuracyHash, facts)}</header>`;
}

/** Plain words for a run that is not to be relied on. */
function renderBanner(state: string, reasons: readonly string[]): string {
  if (reasons.length === 0) return '';
  const shown = reasons.slice(0, 20).map((reason) => `<li>${escapeHtml(reason)}</li>`);
  const more = reasons.length > 20 ? `<li>and ${reasons.length - 20} more</li>` : '';
  const title = state === 'complete' ? 'This run is invalid' : `This run was ${state}`;
  return `<div class="banner" role="alert"><h2>${escapeHtml(title)}</h2><p>The figures below describe what was recorded until then. They are no result.</p><ul>${shown.join('')}${more}</ul></div>`;
}

function renderRunFacts(
  manifest: RunRecord['manifest'],
  accuracyHash: string,
  facts: ReturnType<typeof scenarioFacts>,
): string {
  const duration = Number.isFinite(facts.durationUs)
    ? `${formatDuration(facts.durationUs)} in steps of ${formatDuration(facts.stepUs)}`
    : `${formatNumber(manifest.instants)} instants`;
  const commit = `${manifest.commit.slice(0, 12)}${manifest.dirty ? ' + local changes' : ''}`;
  return renderFacts([
    ['Seed', manifest.seed],
    ['Class', manifest.class],
    ['Simulated', duration],
    ['Computed in', formatDuration(manifest.loopSeconds * 1e6)],
    ['Commit', html(`<code>${escapeHtml(commit)}</code>`)],
    ['Accuracy hash', html(`<code title="${accuracyHash}">${accuracyHash.slice(0, 16)}</code>`)],
  ]);
}

interface Tile {
  readonly label: string;
  readonly value: string;
  readonly note: string;
}

export function renderGlance(score: Score): string {
  const tiles = [
    ...beforeAfter(score, 'Exchanged with the grid', 'exchangedEnergyReduction', 'exchangedEnergyReductionSocNeutral'),
    ...improved(score, 'Load served by own sources', 'selfSufficiency', 'selfSufficiencyBefore'),
    ...island(score),
    ...estimate(score),
    ...vectorError(score),
    messages(score),
  ].map(
    ({ label, value, note }) =>
      `<li><span>${escapeHtml(label)}</span><strong>${escapeHtml(value)}</strong><small>${escapeHtml(note)}</small></li>`,
  );
  return `<ul class="tiles" aria-label="Key figures">${tiles.join('')}</ul>`;
}

function beforeAfter({ kpis }: Score, label: string, name: string, neutral: string): readonly Tile[] {
  const [change, twin] = [kpis[name], kpis[neutral]];
  if (change === undefined) return [];
  const note = twin === undefined ? '' : `${signed(-twin.value)}\u00A0% with the battery brought back to its start`;
  return [{ label, value: `${signed(-change.value)}\u00A0%`, note: `against an idle battery; ${note}` }];
}

function signed(value: number): string {
  return value > 0 ? `+${formatNumber(value, 3)}` : formatNumber(value, 3);
}

function improved({ kpis }: Score, label: string, name: string, before: string): readonly Tile[] {
  const [now, then] = [kpis[name], kpis[before]];
  if (now === undefined || then === undefined) return [];
  return [
    {
      label,
      value: formatQuantity(now.value, now.unit, 3),
      note: `${formatQuantity(then.value, then.unit, 3)} with an idle battery`,
    },
  ];
}

function island({ kpis }: Score): readonly Tile[] {
  const [share, longest] = [kpis['islandShare'], kpis['islandDuration']];
  if (share === undefined || longest === undefined) return [];
  const note = `longest stretch ${formatDuration(longest.value * 3600e6)}, within 1 % of the rating`;
  return [{ label: 'Time as a virtual island', value: formatQuantity(share.value, share.unit, 3), note }];
}

function estimate({ metrics }: Score): readonly Tile[] {
  const error = metrics['estimate.voltage.error'];
  const coverage = metrics['estimate.sigma2.coverage'];
  if (error?.p95 === undefined || error.count === undefined) return [];
  const inside = coverage?.mean === undefined ? '' : `, ${formatNumber(coverage.mean, 3)}\u00A0% inside ±2\u00A0sigma`;
  return [
    {
      label: 'Estimated voltage, 95 % within',
      value: formatQuantity(error.p95, error.unit, 3),
      note: `${formatNumber(error.count)} bus-phase values${inside}`,
    },
  ];
}

function vectorError({ metrics }: Score): readonly Tile[] {
  const error = metrics['pmu.tve'];
  if (error?.p95 === undefined || error.max === undefined) return [];
  return [
    {
      label: 'PMU total vector error, 95 % within',
      value: formatQuantity(error.p95, error.unit, 3),
      note: `highest ${formatQuantity(error.max, error.unit, 3)}`,
    },
  ];
}

function messages({ messages: { published, lost, refused, unexplained } }: Score): Tile {
  return {
    label: 'Messages unexplained',
    value: formatNumber(unexplained),
    note: `of ${formatNumber(published)} over all hops; ${formatNumber(refused)} refused, ${formatNumber(lost.injected + lost.observed)} lost`,
  };
}

export function renderExpectations({ expectations, invariants }: Score, offsetUs: number): string {
  const rows = expectations.map(({ text, observed, unit, pass }): readonly Cell[] => [
    renderMark(pass, pass ? 'pass' : 'fail'),
    // A narrow page breaks it before the comparison, and keeps that in one piece.
    renderName(text.replaceAll(/ (?![<>=!])/g, '\u00A0')),
    observed === null ? 'no sample' : formatQuantity(observed, unit),
  ]);
  const body =
    rows.length === 0
      ? renderAbsence('The scenario states no expectations.')
      : renderTable(
          'Expectations of the scenario',
          [{ head: 'Result' }, { head: 'Expectation' }, { head: 'Observed', numeric: true }],
          rows,
        );
  return renderSection({
    id: 'expectations',
    title: 'Expectations',
    lead: 'What the scenario says must hold. A quantity without a single sample never passes, nor does one that readings are missing from because truth does not know them.',
    body: `${body}${renderSafety(invariants, offsetUs)}`,
  });
}

/** The rules of safety: in a sentence and a fold where all were kept, else every rule, those that were broken first. */
function renderSafety(invariants: Score['invariants'], offsetUs: number): string {
  if (invariants.length === 0) return '';
  const broken = invariants.filter(({ violations }) => violations > 0);
  const kept = invariants.filter(({ violations }) => violations === 0);
  const rows = [...broken, ...kept].map(({ name, checked, violations, first }): readonly Cell[] => [
    renderMark(violations === 0, violations === 0 ? 'kept' : 'broken'),
    html(`${escapeHtml(statementOf(name))}<br><span class="quiet">${renderName(`invariants.${name}`).html}</span>`),
    formatNumber(checked),
    formatNumber(violations),
    first === undefined ? '' : atClock(first, offsetUs),
  ]);
  const table = renderTable(
    'Rules of safety',
    [
      { head: 'Result' },
      { head: 'Rule' },
      { head: 'Checks', numeric: true },
      { head: 'Breaches', numeric: true },
      { head: 'First breach' },
    ],
    rows,
  );
  if (broken.length > 0) return table;
  const checks = invariants.reduce((sum, { checked }) => sum + checked, 0);
  return `<details><summary>All ${invariants.length} rules of safety were kept (${formatNumber(checks)} checks)</summary>${table}</details>`;
}

function statementOf(invariant: string): string {
  return invariantCatalogue.find(({ name }) => name === invariant)?.statement ?? invariant;
}

/** `2021-04-01T10:00:10Z: what happened` with the time of the site in place of the instant. */
function atClock(first: string, offsetUs: number): string {
  const [, instant = '', what = ''] = /^(\S+Z): (.*)$/s.exec(first) ?? [];
  const timeUs = parseInstant(instant);
  return Number.isNaN(timeUs) ? first : `${formatClock(timeUs, offsetUs)}: ${what}`;
}
