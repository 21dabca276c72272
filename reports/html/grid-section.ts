/** The grid: one-line diagram, voltages, loading and unbalance, all from truth. */
import { documentBranches } from '../../grids/document-branches.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { formatClock, formatNumber } from '../format.ts';
import { nominalByBus } from '../grid-metrics.ts';
import type { RunRecord, Table } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { renderChart, type Line } from './chart.ts';
import { renderDiagram } from './diagram.ts';
import { renderAbsence, renderPair, renderSection, renderTable } from './markup.ts';

export function renderGrid(record: RunRecord, score: Score, offsetUs: number): string {
  const voltages = summariseVoltages(record.tables['truth-bus'], score);
  const diagram =
    voltages === undefined
      ? renderAbsence('The record holds no bus voltages, so the diagram cannot be coloured.')
      : `${renderVoltageDiagram(record, score, voltages, offsetUs)}${renderPair(renderVoltages(voltages, offsetUs), renderUnbalance(score, offsetUs))}`;
  return renderSection({
    id: 'grid',
    title: 'The grid',
    lead: 'True voltages and loadings, as means over the record interval.',
    body: `${diagram}${renderLoading(score.details.grid, record.tables['truth-branch'], offsetUs)}`,
  });
}

interface Voltages {
  readonly timesUs: Float64Array;
  /** Lowest and highest bus-phase of each instant, % of nominal. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** The instant with the largest deviation and each bus's voltage then (the phase farthest from nominal). */
  readonly worstUs: number;
  readonly worst: ReadonlyMap<string, number>;
  readonly range: ReadonlyMap<string, readonly [low: number, high: number]>;
}

function summariseVoltages(buses: Table, score: Score): Voltages | undefined {
  const timeUs = buses.number('timeUs');
  const bus = buses.text('bus');
  const nominal = nominalByBus(score.details.grid, bus);
  const percent = buses
    .number('voltageMeanV')
    .map((voltage, row) => (100 * voltage) / (nominal[bus.index[row] ?? 0] ?? Number.NaN));
  const byTime = new Map<number, [low: number, high: number]>();
  const range = new Map<string, [low: number, high: number]>();
  let worstUs = Number.NaN;
  let worstBy = -1;
  for (let row = 0; row < buses.rows; row += 1) {
    const value = percent[row] ?? Number.NaN;
    if (!(value > 0)) continue;
    widen(byTime, timeUs[row] ?? 0, value);
    widen(range, bus.names[bus.index[row] ?? 0] ?? '', value);
    if (Math.abs(value - 100) <= worstBy) continue;
    worstBy = Math.abs(value - 100);
    worstUs = timeUs[row] ?? Number.NaN;
  }
  if (worstBy < 0) return undefined;
  const worst = new Map<string, number>();
  for (let row = 0; row < buses.rows; row += 1) {
    const value = percent[row] ?? Number.NaN;
    const name = bus.names[bus.index[row] ?? 0] ?? '';
    if (timeUs[row] !== worstUs || !(value > 0)) continue;
    if (Math.abs(value - 100) >= Math.abs((worst.get(name) ?? 100) - 100)) worst.set(name, value);
  }
  const instants = [...byTime].toSorted(([a], [b]) => a - b);
  return {
    timesUs: Float64Array.from(instants, ([time]) => time),
    low: Float64Array.from(instants, ([, [low]]) => low),
    high: Float64Array.from(instants, ([, [, high]]) => high),
    worstUs,
    worst,
    range,
  };
}

function widen<Key>(map: Map<Key, [low: number, high: number]>, key: Key, value: number): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value, value]);
  else if (value < known[0]) known[0] = value;
  else if (value > known[1]) known[1] = value;
}

function renderVoltageDiagram(record: RunRecord, score: Score, voltages: Voltages, offsetUs: number): string {
  const { grid } = score.details;
  const busOf = (place: string): string | undefined => {
    const [kind, id, side] = place.split(':');
    if (kind === 'bus') return id;
    if (kind === 'battery') return grid.batteries.find((one) => one.id === id)?.bus;
    const branch = documentBranches(grid).find((one) => one.id === id);
    return side === 'from' ? branch?.from : branch?.to;
  };
  const component = record.tables.measurements.text('component');
  const kind = record.tables.measurements.text('kind');
  const pmu = kind.names.indexOf('pmu');
  const measured = new Set<number>();
  for (let row = 0; row < kind.index.length; row += 1)
    if (kind.index[row] === pmu) measured.add(component.index[row] ?? 0);
  const pmus = [...measured].flatMap((number) => busOf(component.names[number] ?? '') ?? []);
  const at = formatClock(voltages.worstUs, offsetUs);
  const deviation = ([, percent]: readonly [string, number]) => Math.abs(percent - 100);
  const extreme = [...voltages.worst].toSorted((a, b) => deviation(b) - deviation(a))[0];
  const where = extreme === undefined ? '' : ` Ringed: ${extreme[0]} with ${extreme[1].toFixed(1)} %.`;
  return renderDiagram(
    grid,
    {
      voltagePercent: voltages.worst,
      range: voltages.range,
      pmus: new Set(pmus),
      batteries: new Set(grid.batteries.map(({ bus }) => bus)),
      extreme: extreme?.[0],
    },
    'One-line diagram',
    `Each bus in the colour of its voltage at ${at}, the moment farthest from nominal (the phase with the largest deviation).${where} Switched-off connections are dashed; not to scale.`,
  );
}

function renderVoltages({ timesUs, low, high }: Voltages, offsetUs: number): string {
  return renderChart({
    title: 'Voltage band',
    caption: 'Lowest and highest bus-phase of the grid. EN 50160 asks for 90 to 110 % of nominal.',
    x: { kind: 'clock', offsetUs },
    yLabel: '% of nominal',
    include: [97, 103],
    half: true,
    lines: [
      { label: 'highest', colour: '--high', x: timesUs, y: high },
      { label: 'lowest', colour: '--low', x: timesUs, y: low },
    ],
    bands: [{ label: 'all bus-phases', colour: '--band', x: timesUs, low, high }],
  });
}

function renderUnbalance({ details }: Score, offsetUs: number): string {
  const { timeUs, percent } = details.buses.unbalance;
  if (percent.length === 0) {
    return renderAbsence('No bus has three recorded phases, so there is no unbalance to show.');
  }
  const highest = new Map<number, number>();
  for (let i = 0; i < percent.length; i += 1) {
    const time = timeUs[i] ?? 0;
    highest.set(time, Math.max(highest.get(time) ?? 0, percent[i] ?? 0));
  }
  const instants = [...highest].toSorted(([a], [b]) => a - b);
  return renderChart({
    title: 'Voltage unbalance',
    caption: 'Negative over positive sequence at the worst bus. EN 50160 asks for at most 2 %.',
    x: { kind: 'clock', offsetUs },
    yLabel: '%',
    include: [0],
    half: true,
    marks: [{ value: 2, label: 'EN 50160: 2 %' }],
    lines: [
      {
        label: 'worst bus',
        colour: '--after',
        x: instants.map(([time]) => time),
        y: instants.map(([, value]) => value),
      },
    ],
  });
}

interface BranchLoading {
  readonly name: string;
  readonly timesUs: readonly number[];
  readonly means: readonly number[];
  readonly highestMean: number;
  readonly peak: number;
  readonly peakUs: number;
}

const lineColours = ['--after', '--load', '--pv', '--battery'] as const;

function renderLoading(grid: GridDocument, branches: Table, offsetUs: number): string {
  const loadings = loadingByBranch(branches).toSorted((a, b) => b.peak - a.peak || (a.name < b.name ? -1 : 1));
  const transformers = new Set(grid.transformers.map(({ id }) => id));
  const drawn = [
    ...loadings.filter(({ name }) => transformers.has(name)).slice(0, 2),
    ...loadings.filter(({ name }) => !transformers.has(name)),
  ].slice(0, lineColours.length);
  if (loadings.length === 0) return renderAbsence('No branch has a rated current and a recorded loading.');
  const lines = drawn.map(({ name, timesUs, means }, i): Line => ({
    label: name,
    colour: lineColours[i] ?? '--ink',
    x: timesUs,
    y: means,
  }));
  const rows = loadings
    .slice(0, 10)
    .map(({ name, highestMean, peak, peakUs }) => [
      name,
      formatNumber(highestMean),
      formatNumber(peak),
      formatClock(peakUs, offsetUs),
    ]);
  const chart = renderChart({
    title: 'Transformer and line loading',
    caption:
      'Transformers and the most loaded lines: mean over each interval at the worst end and phase, in % of the rated current.',
    x: { kind: 'clock', offsetUs },
    yLabel: '% of rated',
    include: [0],
    half: true,
    lines,
  });
  const table = renderTable(
    'Highest loading, % of rated current',
    [
      { head: 'Branch' },
      { head: 'Highest mean', numeric: true },
      { head: 'Peak', numeric: true },
      { head: 'At', numeric: true },
    ],
    rows,
  );
  return renderPair(chart, `<div>${table}</div>`);
}

function loadingByBranch(branches: Table): readonly BranchLoading[] {
  const timeUs = branches.number('timeUs');
  const mean = branches.number('loadingMeanPercent');
  const peak = branches.number('loadingMaxPercent');
  const branch = branches.text('branch');
  const found = branch.names.map((name) => ({
    name,
    timesUs: [] as number[],
    means: [] as number[],
    highestMean: -1,
    peak: -1,
    peakUs: Number.NaN,
  }));
  for (let row = 0; row < branches.rows; row += 1) {
    const one = found[branch.index[row] ?? 0];
    const [value, top] = [mean[row] ?? Number.NaN, peak[row] ?? Number.NaN];
    if (one === undefined || !Number.isFinite(value)) continue;
    one.timesUs.push(timeUs[row] ?? 0);
    one.means.push(value);
    one.highestMean = Math.max(one.highestMean, value);
    if (top <= one.peak) continue;
    one.peak = top;
    one.peakUs = timeUs[row] ?? Number.NaN;
  }
  return found.filter(({ means }) => means.length > 0);
}
