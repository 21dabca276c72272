/** Messages: the audit hop by hop, what was refused and why, and how long each hop took. */
import { formatDuration, formatNumber } from '../format.ts';
import type { AuditHop } from '../record.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { renderChart } from './chart.ts';
import { html, renderAbsence, renderHop, renderPair, renderSection, renderTable } from './markup.ts';

const counts = [
  ['published', 'Published'],
  ['delivered', 'Delivered'],
  ['refused', 'Refused'],
  ['lostInjected', 'Lost by design'],
  ['lostObserved', 'Lost'],
  ['inFlight', 'In flight'],
  ['unexplained', 'Unexplained'],
  ['duplicated', 'Duplicated'],
  ['reordered', 'Reordered'],
  ['late', 'Late'],
] as const satisfies readonly (readonly [keyof AuditHop, string])[];

export function renderMessages({ audit }: RunRecord): string {
  const rows = audit.hops.map((hop) => [
    renderHop(hop.hop),
    hop.kind,
    ...counts.map(([name]) => (hop[name] === 0 ? html('<span class="nil">0</span>') : formatNumber(hop[name]))),
  ]);
  const table = renderTable(
    'Message audit per hop and kind',
    [{ head: 'Hop' }, { head: 'Kind' }, ...counts.map(([, head]) => ({ head, numeric: true }))],
    rows,
  );
  return renderSection({
    id: 'messages',
    title: 'Message audit',
    lead: 'Counted by observers beside the data path. Published = delivered + refused + lost + in flight + unexplained, on every hop. Where the page is narrow, counts of zero are left out.',
    body: rows.length === 0 ? renderAbsence('The audit saw no message.') : `${table}${renderRefusals(audit.refused)}`,
  });
}

function renderRefusals(refused: RunRecord['audit']['refused']): string {
  const rows = Object.entries(refused).flatMap(([receiver, reasons]) =>
    Object.entries(reasons).map(([reason, count]) => [receiver, reason, formatNumber(count)]),
  );
  if (rows.length === 0) return '<p>No message was refused.</p>';
  return renderTable(
    'Refused messages',
    [{ head: 'Receiver' }, { head: 'Reason' }, { head: 'Messages', numeric: true }],
    rows,
  );
}

const hopColours = ['--load', '--after', '--pv', '--battery', '--before', '--high', '--low'] as const;

export function renderLatency({ manifest }: RunRecord, { latency, details }: Score): string {
  const rows = Object.entries(latency).map(([hop, { count, p50, p95, p99, max }]) => [
    renderHop(hop),
    formatNumber(count),
    ...[p50, p95, p99, max].map(formatDuration),
  ]);
  const absence =
    manifest.class === 'realtime'
      ? 'No message of this run carries the wall times of both ends of a hop.'
      : `This run is of class "${manifest.class}": its time is virtual, so latencies can only be drawn from real-time runs.`;
  return renderSection({
    id: 'latency',
    title: 'Hop latencies',
    lead: 'Wall-clock time from hop to hop. A result is timed from the last measurement of the instant that it answers.',
    body:
      rows.length === 0
        ? renderAbsence(absence)
        : renderPair(
            renderChart({
              title: 'Distribution of latency',
              caption: 'Share of messages that took at most so long; logarithmic.',
              x: { kind: 'duration' },
              yLabel: '% of messages',
              include: [0, 100],
              half: true,
              lines: Object.entries(details.latencies.samples).map(([hop, ascending], i) => ({
                label: hop,
                colour: hopColours[i % hopColours.length] ?? '--ink',
                dashed: i >= hopColours.length,
                // A logarithmic axis has no place for a zero: two arrivals within one microsecond.
                x: ascending.map((us) => Math.max(us, 1)),
                y: ascending.map((_, rank) => (100 * (rank + 1)) / ascending.length),
              })),
            }),
            `<div>${renderTable(
              'Latency per hop',
              [
                { head: 'Hop' },
                ...['Messages', '50 %', '95 %', '99 %', 'Max'].map((head) => ({ head, numeric: true })),
              ],
              rows,
            )}</div>`,
          ),
  });
}
