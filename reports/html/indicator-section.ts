/** All indicators with formula and source, the assumptions behind them, and how to run it again. */
import { formatQuantity } from '../format.ts';
import { energyAccountSource, kpiCatalogue } from '../kpi-catalogue.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { renderDeclarations } from './device-section.ts';
import { escapeHtml, html, renderAbsence, renderName, renderSection, renderTable, type Html } from './markup.ts';

export function renderIndicators({ kpis }: Score): string {
  const rowsWhere = (keep: (source: string) => boolean) =>
    kpiCatalogue.flatMap(({ name, title, formula, source }) => {
      const result = kpis[name];
      if (result === undefined || !keep(source)) return [];
      const id = renderIndicatorName(title, name);
      return [[id, formatQuantity(result.value, result.unit), html(`<code>${escapeHtml(formula)}</code>`), source]];
    });
  const columns = [{ head: 'Indicator' }, { head: 'Value', numeric: true }, { head: 'Formula' }, { head: 'Source' }];
  const indicators = rowsWhere((source) => source !== energyAccountSource);
  const account = rowsWhere((source) => source === energyAccountSource);
  const accountTable = renderTable('Energy account and peaks', columns, account);
  return renderSection({
    id: 'indicators',
    title: 'Indicators',
    lead: 'P_a is the exchange with the grid as run, P_b the same with the batteries idle; x+ and x- are the positive and negative parts. SoC-neutral: every battery is brought back to its start, a surplus counts as exported (E_out), a deficit as imported (E_in), each after the battery’s efficiency.',
    body:
      indicators.length + account.length === 0
        ? renderAbsence('The record holds no site series, so no indicator can be computed.')
        : `${renderTable('Key performance indicators', columns, indicators)}<details><summary>The energy account behind them (${account.length} figures)</summary>${accountTable}</details>`,
  });
}

/** Title and name of an indicator, one below the other. */
export function renderIndicatorName(title: string, name: string): Html {
  return html(`${escapeHtml(title)}<br><span class="quiet">${renderName(`kpi.${name}`).html}</span>`);
}

export function renderAssumptions(record: RunRecord): string {
  const items = record.manifest.assumptions.map((assumption) => `<li>${escapeHtml(assumption)}</li>`);
  const list =
    items.length === 0
      ? renderAbsence('The manifest lists no assumptions.')
      : `<ul class="plain">${items.join('')}</ul>`;
  return renderSection({
    id: 'assumptions',
    title: 'Assumptions',
    lead: 'What stands for facts that are not public. They limit what this run says about the real site.',
    body: `${list}${renderDeclarations(record)}`,
  });
}

export function renderReproduction({ manifest }: RunRecord): string {
  const versions = Object.entries(manifest.versions).map(([name, version]) => `${name} ${version}`);
  const hashes = Object.entries(manifest.inputHashes).map(([file, hash]) => [
    html(escapeHtml(file).replaceAll('/', '/<wbr>')),
    html(`<code>${escapeHtml(hash.slice(0, 16))}</code>`),
  ]);
  const { set } = manifest.options;
  const overrides = Array.isArray(set) ? set.map((override) => ` --set ${quoted(String(override))}`).join('') : '';
  const command = `node bin/twin.mjs run ${quoted(manifest.scenarioFile)} --seed ${quoted(manifest.seed)}${overrides}`;
  return renderSection({
    id: 'reproduction',
    title: 'Run it again',
    lead: 'The same commit, scenario and seed give the same accuracy hash; `twin verify` checks it.',
    body: `<pre><code>${escapeHtml(command)}</code></pre><p>${escapeHtml(`Run ${manifest.runId}, started ${manifest.startedAt}. ${versions.join(', ')}.`)}</p>${hashes.length === 0 ? '' : renderTable('Inputs', [{ head: 'File' }, { head: 'SHA-256' }], hashes)}`,
  });
}

/** For a shell: in single quotes where it would read more than the text. */
function quoted(text: string): string {
  return /^[\w./:=+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
