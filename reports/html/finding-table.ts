/** What the estimator found to be wrong in its picture of the grid: when, on what evidence, and whether it was so. */
import type { ModelFeature } from '../../platform/contract/estimate.ts';
import { formatClock, formatNumber } from '../format.ts';
import type { ModelComparison } from '../model-metrics.ts';
import type { ModelFault } from '../record.ts';
import { renderAbsence, renderMark, renderTable, type Cell } from './markup.ts';

/** Nothing where no estimator watched its model. */
export function renderFindings({ watched, told, missed }: ModelComparison, offsetUs: number): string {
  if (!watched) return '';
  if (told.length + missed.length === 0) {
    return renderAbsence(
      'The estimator watched its picture of the grid. Nothing was wrong in it, and nothing was named.',
    );
  }
  const named = told.map(({ timeUs, finding, right }): readonly Cell[] => [
    formatClock(timeUs, offsetUs),
    renderMark(right, right ? 'right' : 'wrong'),
    finding.says,
    formatNumber(finding.evidence, 3),
    formatNumber(finding.estimates),
  ]);
  const unnamed = missed.map((fault): readonly Cell[] => [
    'never',
    renderMark(false, 'missed'),
    inWords(fault),
    '',
    '',
  ]);
  const table = renderTable(
    'Findings about the model',
    [
      { head: 'Named at' },
      { head: 'Truth' },
      { head: 'What is otherwise than on paper' },
      { head: 'Evidence', numeric: true },
      { head: 'Estimates', numeric: true },
    ],
    [...named, ...unnamed],
  );
  return `${table}<p>Evidence is twice the logarithm of how much likelier the measurements are if it is so, and was gathered over so many estimates. Right: it was so in the field at that time.</p>`;
}

const things = {
  lineClosed: 'line',
  transformerClosed: 'transformer',
  switchClosed: 'switch',
  tapPosition: 'tap of',
  meterPhases: 'phases of the meter at',
} as const satisfies Record<ModelFeature, string>;

function inWords({ feature, id, inField, onPaper }: ModelFault): string {
  return `${things[feature]} ${id}: ${stateOf(inField)} in the field, ${stateOf(onPaper)} on paper`;
}

function stateOf(value: ModelFault['inField']): string {
  if (typeof value !== 'boolean') return String(value);
  return value ? 'closed' : 'open';
}
