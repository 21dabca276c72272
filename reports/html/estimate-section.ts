/** Estimate against truth: error over time, along the feeder and per bus, the stated uncertainty. */
import { quantile } from '../../numerics/statistics.ts';
import { documentConnections } from '../../grids/document-branches.ts';
import type { GridDocument } from '../../grids/schema.ts';
import type { EstimateComparison } from '../estimate-metrics.ts';
import { formatClock, formatNumber } from '../format.ts';
import { nominalByBus } from '../grid-metrics.ts';
import type { Score } from '../score.ts';
import { referenceBus } from '../site-facts.ts';
import { renderChart } from './chart.ts';
import { renderFindings } from './finding-table.ts';
import { renderAbsence, renderPair, renderSection, renderTable } from './markup.ts';

export function renderEstimates(score: Score, offsetUs: number): string {
  const { estimates, grid, model } = score.details;
  return renderSection({
    id: 'estimate',
    title: 'Estimate against truth',
    lead: 'How well the state estimator knows the grid. Interval estimates are held against the interval mean of truth, instantaneous ones against the value at their instant.',
    body:
      estimates.rows === 0
        ? renderAbsence('No estimate of this run has truth beside it: the estimator was off or never answered.')
        : [
            renderPair(renderErrors(estimates, offsetUs), renderWorstBus(grid, estimates, offsetUs)),
            renderPair(renderFeeder(grid, estimates, offsetUs), renderSummary(score)),
            renderBuses(estimates),
            renderFindings(model, offsetUs),
          ].join(''),
  });
}

function renderErrors(estimates: EstimateComparison, offsetUs: number): string {
  const byTime = new Map<number, number[]>();
  for (let i = 0; i < estimates.rows; i += 1) {
    const time = estimates.timeUs[i] ?? 0;
    const error = Math.abs(estimates.errorPercent[i] ?? 0);
    const known = byTime.get(time);
    if (known === undefined) byTime.set(time, [error]);
    else known.push(error);
  }
  const instants = [...byTime]
    .toSorted(([a], [b]) => a - b)
    .map(([time, errors]) => ({ time, ascending: Float64Array.from(errors).sort() }));
  const x = instants.map(({ time }) => time);
  const at = (probability: number) => instants.map(({ ascending }) => quantile(ascending, probability));
  return renderChart({
    title: 'Voltage error over time',
    caption:
      'Magnitude of the error over all bus-phases of each estimate: half of them, 95 % of them, and all lie below.',
    x: { kind: 'clock', offsetUs },
    yLabel: '% of true voltage',
    include: [0],
    half: true,
    lines: [
      { label: 'largest', colour: '--before', x, y: at(1) },
      { label: '95 %', colour: '--after', x, y: at(0.95) },
      { label: 'median', colour: '--load', x, y: at(0.5) },
    ],
  });
}

/** Rows of one bus-phase or one instant in an order that can be drawn. */
function rowsWhere(estimates: EstimateComparison, keep: (row: number) => boolean): readonly number[] {
  return Array.from({ length: estimates.rows }, (_, row) => row).filter(keep);
}

/** The row whose true voltage is farthest from nominal. */
function farthestRow(grid: GridDocument, { bus, trueV, rows }: EstimateComparison): number {
  const nominal = nominalByBus(grid, bus);
  let farthest = 0;
  let deviation = -1;
  for (let row = 0; row < rows; row += 1) {
    const now = Math.abs((trueV[row] ?? 0) / (nominal[bus.index[row] ?? 0] ?? Number.NaN) - 1);
    if (now <= deviation) continue;
    deviation = now;
    farthest = row;
  }
  return farthest;
}

function renderWorstBus(grid: GridDocument, estimates: EstimateComparison, offsetUs: number): string {
  const { bus, phase, timeUs, trueV, estimateV, sigmaV } = estimates;
  const chosen = farthestRow(grid, estimates);
  const rows = rowsWhere(
    estimates,
    (row) => bus.index[row] === bus.index[chosen] && phase.index[row] === phase.index[chosen],
  ).toSorted((a, b) => (timeUs[a] ?? 0) - (timeUs[b] ?? 0));
  const pick = (values: Float64Array) => rows.map((row) => values[row] ?? Number.NaN);
  const sigma = pick(sigmaV);
  const x = pick(timeUs);
  const y = pick(estimateV);
  return renderChart({
    title: `Bus ${bus.names[bus.index[chosen] ?? 0]}, phase ${phase.names[phase.index[chosen] ?? 0]}`,
    caption:
      'The bus-phase whose true voltage goes farthest from nominal, with the uncertainty that the estimator states.',
    x: { kind: 'clock', offsetUs },
    yLabel: 'V to ground',
    half: true,
    lines: [
      { label: 'truth', colour: '--ink', x, y: pick(trueV) },
      { label: 'estimate', colour: '--after', x, y, dots: true },
    ],
    bands: [
      {
        label: '±2 sigma',
        colour: '--after',
        x,
        low: y.map((value, i) => value - 2 * (sigma[i] ?? Number.NaN)),
        high: y.map((value, i) => value + 2 * (sigma[i] ?? Number.NaN)),
      },
    ],
  });
}

/** Buses from the external grid to `end` with their distance in line metres. */
function pathTo(grid: GridDocument, end: string): readonly { readonly bus: string; readonly metres: number }[] {
  const start = referenceBus(grid);
  if (start === undefined) return [];
  const edges = [
    ...documentConnections(grid).map(({ from, to, lengthM }) => ({ from, to, metres: lengthM })),
    ...grid.switches.filter(({ closed }) => closed).map(({ from, to }) => ({ from, to, metres: 0 })),
  ];
  const neighbours = new Map<string, { readonly bus: string; readonly metres: number }[]>();
  for (const { from, to, metres } of edges) {
    neighbours.set(from, [...(neighbours.get(from) ?? []), { bus: to, metres }]);
    neighbours.set(to, [...(neighbours.get(to) ?? []), { bus: from, metres }]);
  }
  const reached = new Map<string, { readonly before: string | undefined; readonly metres: number }>([
    [start, { before: undefined, metres: 0 }],
  ]);
  const queue = [start];
  for (let bus = queue.shift(); bus !== undefined && !reached.has(end); bus = queue.shift()) {
    for (const next of neighbours.get(bus) ?? []) {
      if (reached.has(next.bus)) continue;
      reached.set(next.bus, { before: bus, metres: (reached.get(bus)?.metres ?? 0) + next.metres });
      queue.push(next.bus);
    }
  }
  const path: { bus: string; metres: number }[] = [];
  for (let bus: string | undefined = end; bus !== undefined; bus = reached.get(bus)?.before) {
    path.unshift({ bus, metres: reached.get(bus)?.metres ?? 0 });
  }
  return path;
}

function renderFeeder(grid: GridDocument, estimates: EstimateComparison, offsetUs: number): string {
  const { bus, phase, timeUs, trueV, estimateV, sigmaV } = estimates;
  const chosen = farthestRow(grid, estimates);
  const instant = timeUs[chosen] ?? 0;
  const nominal = nominalByBus(grid, bus);
  const rowByBus = new Map(
    rowsWhere(estimates, (row) => timeUs[row] === instant && phase.index[row] === phase.index[chosen]).map((row) => [
      bus.names[bus.index[row] ?? 0] ?? '',
      row,
    ]),
  );
  const points = pathTo(grid, bus.names[bus.index[chosen] ?? 0] ?? '').flatMap(({ bus: id, metres }) => {
    const row = rowByBus.get(id);
    if (row === undefined) return [];
    const percent = 100 / (nominal[bus.index[row] ?? 0] ?? Number.NaN);
    const scaled = (values: Float64Array) => (values[row] ?? Number.NaN) * percent;
    return [{ metres, truth: scaled(trueV), estimate: scaled(estimateV), sigma: scaled(sigmaV) }];
  });
  if (points.length < 2)
    return renderAbsence('The estimated buses do not form a path that could be drawn as a feeder.');
  const x = points.map(({ metres }) => metres);
  return renderChart({
    title: 'Along the feeder',
    caption: `From the grid connection to that bus at ${formatClock(instant, offsetUs)}, phase ${phase.names[phase.index[chosen] ?? 0]}.`,
    x: { kind: 'number', label: 'm' },
    yLabel: '% of nominal',
    half: true,
    lines: [
      { label: 'truth', colour: '--ink', x, y: points.map(({ truth }) => truth) },
      { label: 'estimate', colour: '--after', x, y: points.map(({ estimate }) => estimate), dots: true },
    ],
    bands: [
      {
        label: '±2 sigma',
        colour: '--after',
        x,
        low: points.map(({ estimate, sigma }) => estimate - 2 * sigma),
        high: points.map(({ estimate, sigma }) => estimate + 2 * sigma),
      },
    ],
  });
}

function renderSummary({ metrics, details }: Score): string {
  const share = (name: string) => {
    const mean = metrics[name]?.mean;
    return mean === undefined ? 'no sample' : `${formatNumber(mean)} %`;
  };
  const within = (name: string) => {
    const one = metrics[name];
    return one?.p95 === undefined ? 'no sample' : `${formatNumber(one.p95)} ${one.unit}`;
  };
  const bias = metrics['estimate.voltage.error']?.bias;
  return `<div>${renderTable(
    'The estimate in figures',
    [{ head: 'Figure' }, { head: 'Value', numeric: true }],
    [
      ['Voltage error, 95 % within', within('estimate.voltage.error')],
      ['Voltage error, bias', bias === undefined ? 'no sample' : `${formatNumber(bias)} %`],
      ['Angle error, 95 % within', within('estimate.angle.error')],
      ['Truth inside ±2 sigma (95.4 % when sigma is right)', share('estimate.sigma2.coverage')],
      ['Bus-phases and intervals with an estimate', share('estimate.coverage')],
      ['Answers that converged', share('estimate.converged')],
      ['Values without truth beside them', formatNumber(details.estimates.unmatched)],
    ],
  )}</div>`;
}

const SHOWN = 8;

function renderBuses({ bus, errorPercent, trueV, estimateV, sigmaV, rows }: EstimateComparison): string {
  const byBus = bus.names.map((name) => ({ name, errors: [] as number[], inside: 0, judged: 0 }));
  for (let row = 0; row < rows; row += 1) {
    const one = byBus[bus.index[row] ?? 0];
    if (one === undefined) continue;
    one.errors.push(Math.abs(errorPercent[row] ?? 0));
    const sigma = sigmaV[row] ?? Number.NaN;
    if (!Number.isFinite(sigma)) continue;
    one.judged += 1;
    if (Math.abs((estimateV[row] ?? 0) - (trueV[row] ?? 0)) <= 2 * sigma) one.inside += 1;
  }
  const ranked = byBus
    .filter(({ errors }) => errors.length > 0)
    .map(({ name, errors, inside, judged }) => {
      const ascending = Float64Array.from(errors).sort();
      const p95 = quantile(ascending, 0.95);
      return { name, median: quantile(ascending, 0.5), p95, max: quantile(ascending, 1), inside, judged };
    })
    .toSorted((a, b) => b.p95 - a.p95 || (a.name < b.name ? -1 : 1));
  const worst = ranked[0]?.p95 ?? 1;
  const toRow = (one: (typeof ranked)[number]) => [
    one.name,
    {
      html: `<span class="bar" style="--share:${(worst > 0 ? (100 * one.p95) / worst : 0).toFixed(0)}%">${formatNumber(one.p95)}</span>`,
    },
    formatNumber(one.median),
    formatNumber(one.max),
    one.judged === 0 ? 'no sigma' : `${formatNumber((100 * one.inside) / one.judged)} %`,
  ];
  const columns = [
    { head: 'Bus' },
    { head: '95 % within, %', numeric: true },
    { head: 'Median, %', numeric: true },
    { head: 'Largest, %', numeric: true },
    { head: 'Inside ±2 sigma', numeric: true },
  ];
  const top = renderTable('Voltage error per bus, largest first', columns, ranked.slice(0, SHOWN).map(toRow));
  const rest = ranked.slice(SHOWN);
  if (rest.length === 0) return top;
  return `${top}<details><summary>The other ${rest.length} buses</summary>${renderTable('Voltage error of the other buses', columns, rest.map(toRow))}</details>`;
}
