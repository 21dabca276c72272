/** What the devices say against what is: vector errors of the PMUs, meters, and their error models in words. */
import { median } from '../../numerics/statistics.ts';
import { formatDuration, formatNumber } from '../format.ts';
import { metricCatalogue } from '../metrics-catalogue.ts';
import type { RunRecord } from '../record-reader.ts';
import { scenarioFacts } from '../scenario-facts.ts';
import type { Score } from '../score.ts';
import { renderChart } from './chart.ts';
import {
  escapeHtml,
  html,
  renderAbsence,
  renderName,
  renderPair,
  renderSection,
  renderTable,
  type Cell,
} from './markup.ts';

export function renderDevices(record: RunRecord, score: Score, offsetUs: number): string {
  return renderSection({
    id: 'devices',
    title: 'Devices',
    lead: 'What PMUs and meters report against the truth at their own terminals and at the instants that they name: faulted readings and wrong clocks included.',
    body:
      renderPair(
        renderVectorErrors(score, offsetUs),
        `<div>${renderDeviceMetrics(score)}${renderBetween(score)}${renderUnscored(score, deviceMetricNames)}</div>`,
      ) + renderFaults(record),
  });
}

/** What the scenario does to devices, messages and connections; nothing where it leaves them alone. */
function renderFaults({ manifest }: RunRecord): string {
  const rows = scenarioFacts(manifest).faults.map(({ fault, target, at, durationUs, parameters }) => [
    fault,
    renderName(target),
    at,
    Number.isNaN(durationUs) ? 'to the end' : formatDuration(durationUs),
    parameters.map(([name, value]) => `${name} ${value}`).join(', '),
  ]);
  if (rows.length === 0) return '';
  return renderTable(
    'Faults that the scenario injects',
    [{ head: 'Fault' }, { head: 'Target' }, { head: 'From' }, { head: 'For' }, { head: 'With' }],
    rows,
  );
}

function renderVectorErrors({ details }: Score, offsetUs: number): string {
  const { timeUs, device, voltagePercent, currentPercent } = details.devices.vectorErrors;
  const voltage = highestByTime(timeUs, voltagePercent);
  const current = highestByTime(timeUs, currentPercent);
  if (voltage.x.length + current.x.length === 0) {
    return renderAbsence('No PMU frame of this run has truth beside it, so there is no total vector error.');
  }
  const who = device.length === 1 ? `PMU ${device[0]}` : `${device.length} PMUs`;
  return renderChart({
    title: 'Total vector error',
    caption: `${who}: the largest of all phases of each frame. IEC/IEEE 60255-118-1 allows 1 % in steady state.`,
    x: { kind: 'clock', offsetUs },
    yLabel: '%',
    include: [0],
    half: true,
    marks: [{ value: 1, label: 'limit 1 %' }],
    lines: [
      { label: 'current', colour: '--pv', ...current },
      { label: 'voltage', colour: '--after', ...voltage },
    ],
  });
}

/** Where tags are off the instants of the record: what their phasors were held against, and what TVE cannot see. */
function renderBetween({ details: { grid, devices } }: Score): string {
  const { betweenInstants, vectorErrors } = devices;
  if (betweenInstants === 0) return '';
  return `<p>${formatNumber(betweenInstants)} of ${formatNumber(vectorErrors.timeUs.length)} reported phases carry a tag at which truth was not recorded: there it is computed from the instants around. A clock that is off by whole periods of ${formatNumber(grid.frequencyHz)} Hz hardly shows in a vector error.</p>`;
}

function highestByTime(timeUs: Float64Array, values: Float64Array): { readonly x: number[]; readonly y: number[] } {
  const highest = new Map<number, number>();
  for (let row = 0; row < values.length; row += 1) {
    const value = values[row] ?? Number.NaN;
    if (!Number.isFinite(value)) continue;
    const time = timeUs[row] ?? 0;
    const known = highest.get(time);
    if (known === undefined || value > known) highest.set(time, value);
  }
  const instants = [...highest].toSorted(([a], [b]) => a - b);
  const intervals = instants.slice(1).map(([time], k) => time - instants[k]![0]);
  const usual = intervals.length === 0 ? 0 : median(intervals);
  // While nothing was reported the line stops.
  const drawn = instants.flatMap(([time, value], k) =>
    (intervals[k] ?? 0) > SILENCE * usual
      ? [[time, value] as const, [time, Number.NaN] as const]
      : [[time, value] as const],
  );
  return { x: drawn.map(([time]) => time), y: drawn.map(([, value]) => value) };
}

/** So many times the usual interval without a frame is a gap. */
const SILENCE = 3;

const deviceMetrics = [
  ['pmu.tve.voltage', 'PMU voltage phasors, TVE'],
  ['pmu.tve.current', 'PMU current phasors, TVE'],
  ['pmu.frequency.error', 'PMU frequency'],
  ['power.active.error', 'Calculated power'],
  ['power.active.error.rated', 'Calculated power, of rated'],
  ['meter.energy.error', 'Metered energy'],
  ['meter.energy.error.small', 'Metered energy, small intervals'],
  ['setpoint.tracking.error', 'Setpoint tracking'],
] as const;
const deviceMetricNames: readonly string[] = deviceMetrics.map(([name]) => name);

function renderDeviceMetrics({ metrics }: Score): string {
  const rows = deviceMetrics.flatMap(([name, label]) => {
    const one = metrics[name];
    if (one === undefined) return [];
    return [
      [
        label,
        ...[one.bias, one.p95, one.max].map((value) =>
          value === undefined ? '' : `${formatNumber(value)} ${one.unit}`,
        ),
      ],
    ];
  });
  if (rows.length === 0) return renderAbsence('No device of this run has truth beside it.');
  return renderTable(
    'Errors of the devices',
    [
      { head: 'Reading' },
      { head: 'Bias', numeric: true },
      { head: '95 % within', numeric: true },
      { head: 'Largest', numeric: true },
    ],
    rows,
  );
}

/** Readings of the metrics named that are in none of the figures; nothing where there are none. */
function renderUnscored({ unscored }: Score, names: readonly string[]): string {
  const counts = names.flatMap((name) => (unscored[name] === undefined ? [] : [`${name} ${unscored[name]}`]));
  if (counts.length === 0) return '';
  return `<p>Readings left out, because the record has no truth at the instant, interval or place that they name, or the place no rating: ${counts.join(', ')}. An expectation on them makes a run invalid.</p>`;
}

/** Every metric of the catalogue that has samples, and the definitions. */
export function renderMetrics(score: Score): string {
  const { metrics } = score;
  const cell = (value: number | undefined) => (value === undefined ? '' : formatNumber(value));
  const rows = metricCatalogue.flatMap(({ name }) => {
    const one = metrics[name];
    if (one === undefined) return [];
    const { unit, count, mean, rmse, bias, min, p50, p95, p99, max } = one;
    return [[renderName(name), unit, ...[count, mean, rmse, bias, min, p50, p95, p99, max].map(cell)]];
  });
  const heads = ['Count', 'Mean', 'RMSE', 'Bias', 'Min', '50 %', '95 %', '99 %', 'Max'];
  const definitions = renderTable(
    'Definitions',
    [{ head: 'Metric' }, { head: 'One sample' }, { head: 'Source' }],
    metricCatalogue.map(({ name, formula, source }) => [renderName(name), formula, source]),
  );
  const silent = metricCatalogue.filter(({ name }) => metrics[name] === undefined).map(({ name }) => name);
  const note = silent.length === 0 ? '' : `<p>Without samples in this run: ${silent.join(', ')}.</p>`;
  const leftOut = renderUnscored(
    score,
    metricCatalogue.map(({ name }) => name),
  );
  const table = renderTable(
    'Metrics with their statistics',
    [{ head: 'Metric' }, { head: 'Unit' }, ...heads.map((head) => ({ head, numeric: true }))],
    rows,
  );
  return renderSection({
    id: 'metrics',
    title: 'All metrics',
    lead: 'Mean, percentiles and largest of an error are those of its magnitude; bias keeps the sign. A metric without samples is absent here and fails every expectation on it.',
    body: `${rows.length === 0 ? renderAbsence('The record holds no samples.') : table}${leftOut}${note}<details><summary>Definitions of all metrics</summary>${definitions}</details>`,
  });
}

/** What each device of the run was and how it erred, as the manifest declares it; those that are alike in one row. */
export function renderDeclarations({ manifest }: RunRecord): string {
  if (manifest.devices.length === 0) return renderAbsence('The manifest lists no devices.');
  const groups = new Map<string, { readonly names: string[]; readonly places: string[]; readonly model: Cell }>();
  for (const { id, at, place, ...rest } of manifest.devices) {
    const key = JSON.stringify(rest);
    const group = groups.get(key) ?? { names: [], places: [], model: renderErrorModel(rest) };
    groups.set(key, group);
    group.names.push(String(id));
    group.places.push([at, place].find((one) => typeof one === 'string') ?? '');
  }
  const rows = [...groups.values()].map(({ names, places, model }) => [firstToLast(names), firstToLast(places), model]);
  const table = renderTable(
    'Devices and their error models',
    [{ head: 'Device' }, { head: 'Place' }, { head: 'Error model' }],
    rows,
  );
  return `<details><summary>Devices and their error models (${manifest.devices.length})</summary>${table}</details>`;
}

function firstToLast(names: readonly string[]): string {
  const [first = ''] = names;
  return names.length === 1 ? first : `${first} to ${names.at(-1)} (${names.length})`;
}

/** Settings in words, the sentence of the model, and its figures by name. */
function renderErrorModel({ errors, ...settings }: RunRecord['manifest']['devices'][number]): Cell {
  const words = Object.entries(settings).flatMap(([name, value]) =>
    typeof value === 'string' ? [`${name}: ${value}`] : [],
  );
  const numbers = Object.entries(errors?.figures ?? {}).map(
    ([name, value]) =>
      `${renderName(name).html} ${typeof value === 'number' ? formatNumber(value) : escapeHtml(value)}`,
  );
  const lines = [
    escapeHtml(words.join(', ')),
    escapeHtml(errors?.summary ?? ''),
    `<span class="quiet">${numbers.join(', ')}</span>`,
  ];
  return html(lines.join('<br>'));
}
