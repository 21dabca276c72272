/**
 * Charts as plain SVG, each drawn twice: for a wide and for a narrow page, so that its text keeps its size. Colours are
 * CSS variables, so one drawing serves light and dark pages and print.
 */
import { formatClock, formatDuration, formatNumber } from '../format.ts';
import { escapeHtml, renderText } from './markup.ts';
import { clockScale, decadeScale, roundScale, thin, type Scale } from './scale.ts';

export interface Line {
  readonly label: string;
  /** Name of a CSS variable, such as `--load`. */
  readonly colour: string;
  readonly x: ArrayLike<number>;
  readonly y: ArrayLike<number>;
  readonly dashed?: boolean;
  /** Fills down to zero. */
  readonly filled?: boolean;
  /** Dots in place of a line. */
  readonly dots?: boolean;
  /** Keeps each value until the next one, as a setpoint does. */
  readonly stepped?: boolean;
}

interface Band {
  readonly label: string;
  readonly colour: string;
  readonly x: ArrayLike<number>;
  readonly low: ArrayLike<number>;
  readonly high: ArrayLike<number>;
  /** Keeps each pair until the next one. */
  readonly stepped?: boolean;
}

interface Mark {
  readonly value: number;
  readonly label: string;
  /** A border that is there by design, as against a limit that must not be passed. */
  readonly quiet?: boolean;
}

/** A stretch of the x axis that stands out from top to bottom, such as a slot. */
export interface Shade {
  readonly label: string;
  readonly colour: string;
  readonly from: number;
  readonly to: number;
}

type XAxis =
  | { readonly kind: 'clock'; readonly offsetUs: number }
  | { readonly kind: 'number'; readonly label: string }
  /** Durations in us on a logarithmic axis. */
  | { readonly kind: 'duration' };

export interface Chart {
  readonly title: string;
  /** What one sees, in words: the figure's caption and its alternative text. */
  readonly caption: string;
  readonly x: XAxis;
  readonly yLabel: string;
  readonly lines: readonly Line[];
  readonly bands?: readonly Band[];
  /** Horizontal limits and references. */
  readonly marks?: readonly Mark[];
  readonly shades?: readonly Shade[];
  /** Always shown on the x axis. */
  readonly includeX?: readonly number[];
  /** Always shown on the y axis. */
  readonly include?: readonly number[];
  /** Takes half of a wide page. */
  readonly half?: boolean;
}

interface Frame {
  readonly width: number;
  readonly height: number;
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

const narrowFrame: Frame = { width: 350, height: 240, left: 46, right: 8, top: 24, bottom: 30 };
const halfFrame: Frame = { width: 540, height: 270, left: 52, right: 12, top: 24, bottom: 32 };
const wideFrame: Frame = { width: 1110, height: 320, left: 54, right: 12, top: 24, bottom: 32 };

/** The figure: title, legend, both drawings, caption. */
export function renderChart(chart: Chart): string {
  const label = escapeHtml(`${chart.title}. ${chart.caption}`);
  const wide = draw(chart, chart.half === true ? halfFrame : wideFrame);
  const narrow = draw(chart, narrowFrame);
  return `<figure class="chart"><h3>${escapeHtml(chart.title)}</h3>${renderLegend(chart)}<div role="img" aria-label="${label}"><div class="wide">${wide}</div><div class="narrow">${narrow}</div></div><figcaption>${renderText(chart.caption)}</figcaption></figure>`;
}

function renderLegend({ lines, bands = [], shades = [] }: Chart): string {
  const stretches = [...new Map(shades.map((shade) => [shade.label, shade])).values()];
  const entries = [
    ...lines.map(({ label, colour, dashed, dots }) => {
      const kind = dots === true ? 'dot' : dashed === true ? 'dashed' : 'solid';
      return `<li><i class="${kind}" style="--c:var(${colour})"></i>${escapeHtml(label)}</li>`;
    }),
    ...[...bands, ...stretches].map(
      ({ label, colour }) => `<li><i class="band" style="--c:var(${colour})"></i>${escapeHtml(label)}</li>`,
    ),
  ];
  return entries.length < 2 ? '' : `<ul class="legend">${entries.join('')}</ul>`;
}

interface Axes {
  readonly frame: Frame;
  readonly x: Scale;
  readonly y: Scale;
  readonly px: (x: number) => string;
  readonly py: (y: number) => string;
}

function draw(chart: Chart, frame: Frame): string {
  const axes = layAxes(chart, frame);
  const buckets = Math.round((frame.width - frame.left - frame.right) / 2);
  const content = [
    ...(chart.shades ?? []).map((shade) => drawShade(shade, axes)),
    drawGrid(chart, axes),
    ...(chart.bands ?? []).map((band) => drawBand(band, axes, buckets)),
    ...chart.lines.map((line) => drawLine(line, axes, buckets)),
    ...(chart.marks ?? []).map((mark) => drawMark(mark, axes)),
  ];
  return `<svg viewBox="0 0 ${frame.width} ${frame.height}" aria-hidden="true" focusable="false">${content.join('')}</svg>`;
}

function layAxes(chart: Chart, frame: Frame): Axes {
  const [xLow, xHigh] = extent([
    ...chart.lines.map(({ x }) => x),
    ...(chart.bands ?? []).map(({ x }) => x),
    chart.includeX ?? [],
  ]);
  const [yLow, yHigh] = extent([
    ...chart.lines.map(({ y }) => y),
    ...(chart.bands ?? []).flatMap(({ low, high }) => [low, high]),
    chart.include ?? [],
    (chart.marks ?? []).map(({ value }) => value),
  ]);
  const innerWidth = frame.width - frame.left - frame.right;
  const innerHeight = frame.height - frame.top - frame.bottom;
  const x = layX(chart.x, xLow, xHigh, innerWidth);
  const y = roundScale(yLow, yHigh, Math.max(3, Math.floor(innerHeight / 44)));
  const place = (value: number, { low, high }: Scale) => (high > low ? (value - low) / (high - low) : 0.5);
  const along =
    chart.x.kind === 'duration'
      ? (value: number) => Math.log10(value / x.low) / Math.log10(x.high / x.low)
      : (value: number) => place(value, x);
  return {
    frame,
    x,
    y,
    px: (value) => (frame.left + along(value) * innerWidth).toFixed(1),
    py: (value) => (frame.top + (1 - place(value, y)) * innerHeight).toFixed(1),
  };
}

function layX(axis: XAxis, low: number, high: number, width: number): Scale {
  if (axis.kind === 'duration') {
    const decades = decadeScale(low, high);
    const every = Math.ceil((decades.ticks.length * DECADE_LABEL_WIDTH) / width);
    return { ...decades, ticks: decades.ticks.filter((_, i) => i % every === 0) };
  }
  if (axis.kind === 'clock') {
    return clockScale(low, high, Math.max(2, Math.floor(width / clockLabelWidth(high - low))), axis.offsetUs);
  }
  const { ticks } = roundScale(low, high, Math.max(3, Math.floor(width / 90)));
  return { low, high, ticks: ticks.filter((tick) => tick >= low && tick <= high) };
}

/** Room for `100 ms`. */
const DECADE_LABEL_WIDTH = 52;

/** Room for `14:05`, or for `14:05:10` where ticks fall on seconds. */
function clockLabelWidth(spanUs: number): number {
  return spanUs < 300e6 ? 96 : 66;
}

function extent(series: readonly ArrayLike<number>[]): readonly [low: number, high: number] {
  let low = Infinity;
  let high = -Infinity;
  for (const values of series) {
    for (let i = 0; i < values.length; i += 1) {
      const value = values[i] ?? Number.NaN;
      if (value < low) low = value;
      if (value > high && value !== Infinity) high = value;
    }
  }
  return low <= high ? [low, high] : [0, 1];
}

function drawGrid(chart: Chart, { frame, x, y, px, py }: Axes): string {
  const right = frame.width - frame.right;
  const bottom = frame.height - frame.bottom;
  const horizontal = y.ticks.map((tick) => {
    const kind = tick === 0 ? 'axis' : 'grid';
    return `<path class="${kind}" d="M${frame.left} ${py(tick)}H${right}"/><text class="tick end" x="${frame.left - 7}" y="${py(tick)}" dy=".35em">${formatNumber(tick)}</text>`;
  });
  const vertical = x.ticks.map((tick) => {
    const text = tickText(chart.x, tick);
    const place = Number(px(tick));
    // The last label is drawn inwards, so that it is not cut off at the edge of the picture.
    const anchor = place > right - 10 ? ' end' : '';
    return `<path class="grid" d="M${place} ${bottom}v4"/><text class="tick${anchor}" x="${place}" y="${bottom + 18}">${text}</text>`;
  });
  const xLabel =
    chart.x.kind === 'number' ? `<text class="unit end" x="${right}" y="12">→ ${escapeHtml(chart.x.label)}</text>` : '';
  return `${horizontal.join('')}${vertical.join('')}<text class="unit" x="2" y="12">${escapeHtml(chart.yLabel)}</text>${xLabel}`;
}

function tickText(axis: XAxis, tick: number): string {
  if (axis.kind === 'clock') return formatClock(tick, axis.offsetUs);
  return axis.kind === 'duration' ? formatDuration(tick) : formatNumber(tick);
}

function drawLine(
  { colour, x, y, dashed, filled, dots, stepped }: Line,
  { px, py }: Pick<Axes, 'px' | 'py'>,
  buckets: number,
): string {
  const runs = thin(x, y, buckets);
  if (dots === true) {
    const path = runs.flatMap((run) => run.map(([a, b]) => `M${px(a)} ${py(b)}h0`)).join('');
    return `<path class="dots" style="stroke:var(${colour})" d="${path}"/>`;
  }
  if (runs.every((run) => run.length < 2))
    return drawLine({ label: '', colour, x, y, dots: true }, { px, py }, buckets);
  const path = runs.map((run) => (stepped === true ? steps(run, px, py) : straight(run, px, py))).join('');
  const area = filled === true ? runs.map((run) => closedToZero(run, px, py)).join('') : '';
  return `${area === '' ? '' : `<path class="area" style="fill:var(${colour})" d="${area}"/>`}<path class="line${dashed === true ? ' dashed' : ''}" style="stroke:var(${colour})" d="${path}"/>`;
}

type Run = readonly (readonly [number, number])[];
type Place = (value: number) => string;

function straight(run: Run, px: Place, py: Place): string {
  return `M${run.map(([a, b]) => `${px(a)} ${py(b)}`).join('L')}`;
}

function steps(run: Run, px: Place, py: Place): string {
  return run.map(([a, b], i) => (i === 0 ? `M${px(a)} ${py(b)}` : `H${px(a)}V${py(b)}`)).join('');
}

function closedToZero(
  run: readonly (readonly [number, number])[],
  px: (x: number) => string,
  py: (y: number) => string,
): string {
  const first = run[0];
  const last = run.at(-1);
  if (first === undefined || last === undefined) return '';
  return `M${px(first[0])} ${py(0)}L${run.map(([a, b]) => `${px(a)} ${py(b)}`).join('L')}L${px(last[0])} ${py(0)}Z`;
}

function drawBand({ colour, x, low, high, stepped }: Band, { px, py }: Axes, buckets: number): string {
  const size = Math.max(1, Math.ceil(x.length / buckets));
  const upper: string[] = [];
  const lower: string[] = [];
  for (let i = 0; i < x.length; i += 1) {
    // Thinned to what the picture can show; the last one says how far it goes.
    if (i % size !== 0 && i !== x.length - 1) continue;
    const [a, l, h] = [x[i] ?? Number.NaN, low[i] ?? Number.NaN, high[i] ?? Number.NaN];
    if (!Number.isFinite(l + h)) continue;
    // A step ends where the next value begins: at the height of the one before.
    if (stepped === true && upper.length > 0) {
      upper.push(`${px(a)} ${upper.at(-1)?.split(' ')[1]}`);
      lower.push(`${px(a)} ${lower.at(-1)?.split(' ')[1]}`);
    }
    upper.push(`${px(a)} ${py(h)}`);
    lower.push(`${px(a)} ${py(l)}`);
  }
  if (upper.length === 0) return '';
  return `<path class="band" style="fill:var(${colour})" d="M${upper.join('L')}L${lower.reverse().join('L')}Z"/>`;
}

function drawMark({ value, label, quiet }: Mark, { frame, py }: Axes): string {
  const right = frame.width - frame.right;
  const kind = quiet === true ? ' quiet-mark' : '';
  return `<path class="mark${kind}" d="M${frame.left} ${py(value)}H${right}"/><text class="mark-label end halo${kind}" x="${right - 4}" y="${py(value)}" dy="-.4em">${escapeHtml(label)}</text>`;
}

/** Behind everything else, cut off at the ends of the axis. */
function drawShade({ colour, from, to }: Shade, { frame, x, px }: Axes): string {
  const [start, end] = [Math.max(from, x.low), Math.min(to, x.high)];
  if (!(end > start)) return '';
  const width = (Number(px(end)) - Number(px(start))).toFixed(1);
  return `<rect class="shade" style="fill:var(${colour})" x="${px(start)}" y="${frame.top}" width="${width}" height="${frame.height - frame.top - frame.bottom}"/>`;
}
