/**
 * The one-line diagram: buses at their places in the grid document (or in a tree layout where it gives none), coloured
 * by voltage, with the transformer, batteries and PMUs marked.
 */
import { quantile } from '../../numerics/statistics.ts';
import { documentConnections } from '../../grids/document-branches.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { formatNumber } from '../format.ts';
import { referenceBus } from '../site-facts.ts';
import { escapeHtml, renderText } from './markup.ts';

export interface DiagramValues {
  /** Voltage in % of nominal that colours each bus; buses that are not in it are drawn hollow. */
  readonly voltagePercent: ReadonlyMap<string, number>;
  /** Lowest and highest over the run, for the bus's tool tip. */
  readonly range: ReadonlyMap<string, readonly [low: number, high: number]>;
  /** Buses with a PMU, a battery. */
  readonly pmus: ReadonlySet<string>;
  readonly batteries: ReadonlySet<string>;
  /** The bus farthest from nominal, ringed. */
  readonly extreme: string | undefined;
}

interface Place {
  readonly x: number;
  readonly y: number;
}

/** Both drawings (along the page, and upright for narrow pages) with their legend. */
export function renderDiagram(grid: GridDocument, values: DiagramValues, title: string, caption: string): string {
  const limit = colourLimit(values.voltagePercent);
  const places = layOut(grid);
  const ends = links(grid);
  const wide = draw(grid, values, roomiest(places, ends, 1110, 620), limit);
  const narrow = draw(grid, values, roomiest(places, ends, 350, 700), limit);
  const label = escapeHtml(`${title}. ${caption}`);
  return `<figure class="diagram"><h3>${escapeHtml(title)}</h3>${renderLegend(values, limit)}<div role="img" aria-label="${label}"><div class="wide">${wide}</div><div class="narrow">${narrow}</div></div><figcaption>${renderText(caption)}</figcaption></figure>`;
}

/** Symmetric end of the colour scale: the largest deviation rounded up to a whole percent, at least 2 %. */
function colourLimit(voltagePercent: ReadonlyMap<string, number>): number {
  const largest = [...voltagePercent.values()].reduce((most, value) => Math.max(most, Math.abs(value - 100)), 0);
  return Math.max(2, Math.ceil(largest));
}

/** Blue below nominal, grey at it, orange above: told apart by colour-blind readers and on light and dark ground. */
function colourOf(percent: number | undefined, limit: number): string {
  if (percent === undefined) return 'var(--ground)';
  const share = Math.round(Math.min(1, Math.abs(percent - 100) / limit) * 100);
  const end = percent < 100 ? 'var(--low)' : 'var(--high)';
  return `color-mix(in oklab, ${end} ${share}%, var(--nominal))`;
}

function renderLegend({ pmus, batteries }: DiagramValues, limit: number): string {
  const symbols = [
    ...(pmus.size > 0 ? ['<li><i class="diamond"></i>PMU</li>'] : []),
    ...(batteries.size > 0 ? ['<li><i class="square"></i>battery</li>'] : []),
  ];
  return `<ul class="legend"><li class="ramp">${100 - limit} % <i></i> ${100 + limit} % of nominal</li>${symbols.join('')}</ul>`;
}

function layOut(grid: GridDocument): ReadonlyMap<string, Place> {
  const given = grid.buses.flatMap(({ id, position }) => (position === undefined ? [] : [[id, position] as const]));
  return given.length === grid.buses.length ? new Map(given) : treeLayout(grid);
}

/** Depth from the external grid to the right, leaves one below the other, parents in the middle of their children. */
function treeLayout(grid: GridDocument): ReadonlyMap<string, Place> {
  const neighbours = new Map<string, string[]>(grid.buses.map(({ id }) => [id, []]));
  for (const { from, to } of links(grid)) {
    neighbours.get(from)?.push(to);
    neighbours.get(to)?.push(from);
  }
  const places = new Map<string, Place>();
  const seen = new Set<string>();
  let row = 0;
  const visit = (bus: string, depth: number): number => {
    seen.add(bus);
    const children = (neighbours.get(bus) ?? []).filter((next) => !seen.has(next));
    const rows: number[] = [];
    for (const child of children) if (!seen.has(child)) rows.push(visit(child, depth + 1));
    const y = rows.length === 0 ? row++ : rows.reduce((sum, one) => sum + one, 0) / rows.length;
    places.set(bus, { x: depth, y });
    return y;
  };
  for (const bus of [referenceBus(grid), ...grid.buses.map(({ id }) => id)]) {
    if (bus !== undefined && !seen.has(bus)) visit(bus, 0);
  }
  return places;
}

interface Link {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly kind: 'line' | 'transformer' | 'switch';
  readonly closed: boolean;
}

function links(grid: GridDocument): readonly Link[] {
  const branches = documentConnections(grid);
  return [
    ...branches.filter(({ kind }) => kind === 'transformer'),
    ...branches.filter(({ kind }) => kind === 'line'),
    ...grid.switches.map((one) => ({ ...pickEnds(one), kind: 'switch' as const, closed: one.closed })),
  ];
}

function pickEnds({ id, from, to }: { readonly id: string; readonly from: string; readonly to: string }) {
  return { id, from, to };
}

function extentOf(places: ReadonlyMap<string, Place>) {
  const xs = [...places.values()].map(({ x }) => x);
  const ys = [...places.values()].map(({ y }) => y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

/** As given or turned by a right angle, whichever leaves more room between neighbours. */
function roomiest(places: ReadonlyMap<string, Place>, ends: readonly Link[], width: number, height: number): Fitted {
  const turned = new Map([...places].map(([id, { x, y }]) => [id, { x: y, y: x }]));
  const [given, other] = [fit(places, ends, width, height), fit(turned, ends, width, height)];
  return other.spacing > given.spacing * 1.2 ? other : given;
}

interface Fitted {
  readonly width: number;
  /** Length that all but the shortest tenth of the connections exceed. */
  readonly spacing: number;
  readonly height: number;
  readonly places: ReadonlyMap<string, Place>;
}

const MARGIN = 34;

/** Stretches each axis by itself to fill `width` x at most `height`: a one-line diagram has no scale of length. */
function fit(places: ReadonlyMap<string, Place>, ends: readonly Link[], width: number, height: number): Fitted {
  const { left, right, top, bottom } = extentOf(places);
  const rows = new Set([...places.values()].map(({ y }) => y)).size;
  const used = Math.min(height, Math.max(150, MARGIN * 2 + (rows - 1) * 42));
  const along = (value: number, low: number, high: number, size: number) =>
    high > low ? MARGIN + ((value - low) / (high - low)) * (size - 2 * MARGIN) : size / 2;
  const fitted = [...places].map(
    ([id, { x, y }]) => [id, { x: along(x, left, right, width), y: along(y, top, bottom, used) }] as const,
  );
  const placed = new Map(fitted);
  const lengths = ends.flatMap(({ from, to }) => {
    const [a, b] = [placed.get(from), placed.get(to)];
    return a === undefined || b === undefined ? [] : [Math.hypot(a.x - b.x, a.y - b.y)];
  });
  const spacing = lengths.length === 0 ? width : quantile(Float64Array.from(lengths).sort(), 0.1);
  return { width, height: used, spacing, places: placed };
}

function draw(
  grid: GridDocument,
  values: DiagramValues,
  { width, height, places, spacing }: Fitted,
  limit: number,
): string {
  const radius = Math.max(2.5, Math.min(8, 0.3 * spacing));
  const edges = links(grid).map((link) => drawLink(link, places, radius));
  const buses = grid.buses.map(({ id, name }) => {
    const place = places.get(id);
    return place === undefined ? '' : drawBus(id, name ?? id, place, radius, values, limit);
  });
  const label = drawLabel('grid', places.get(referenceBus(grid) ?? ''), radius, width);
  return `<svg viewBox="0 0 ${width} ${Math.ceil(height)}" aria-hidden="true" focusable="false">${edges.join('')}${buses.join('')}${label}</svg>`;
}

function drawLink({ id, from, to, kind, closed }: Link, places: ReadonlyMap<string, Place>, radius: number): string {
  const a = places.get(from);
  const b = places.get(to);
  if (a === undefined || b === undefined) return '';
  const path = `<path class="link${closed ? '' : ' open'}" d="M${round(a.x)} ${round(a.y)}L${round(b.x)} ${round(b.y)}"><title>${escapeHtml(id)}</title></path>`;
  if (kind !== 'transformer') return path;
  // IEC 60617: two circles that overlap, along the connection.
  const length = Math.hypot(b.x - a.x, b.y - a.y) || 1;
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const size = Math.min(radius + 4, length * 0.2);
  const centre = (side: number) =>
    `cx="${round((a.x + b.x) / 2 + side * ux * size * 0.62)}" cy="${round((a.y + b.y) / 2 + side * uy * size * 0.62)}" r="${round(size)}"`;
  return `${path}<circle class="winding ground" ${centre(-1)}/><circle class="winding ground" ${centre(1)}/><circle class="winding" ${centre(-1)}/>`;
}

function drawBus(
  id: string,
  name: string,
  { x, y }: Place,
  radius: number,
  { voltagePercent, range, pmus, batteries, extreme }: DiagramValues,
  limit: number,
): string {
  const now = voltagePercent.get(id);
  const ends = range.get(id);
  const figures =
    now === undefined || ends === undefined
      ? 'no voltage recorded'
      : `${formatNumber(now)} % of nominal, over the run ${formatNumber(ends[0])} to ${formatNumber(ends[1])} %`;
  const marks = [
    ...(batteries.has(id) ? [drawBattery({ x, y }, radius)] : []),
    ...(pmus.has(id)
      ? [
          `<path class="symbol" d="M${round(x)} ${round(y - radius - 6)}l${radius + 6} ${radius + 6}l${-radius - 6} ${radius + 6}l${-radius - 6} ${-radius - 6}z"/>`,
        ]
      : []),
  ];
  return `${marks.join('')}<circle class="bus${id === extreme ? ' extreme' : ''}" cx="${round(x)}" cy="${round(y)}" r="${round(radius)}" style="fill:${colourOf(now, limit)}"><title>${escapeHtml(`${name}: ${figures}`)}</title></circle>`;
}

/** A square that hangs below its bus. */
function drawBattery({ x, y }: Place, radius: number): string {
  const size = radius + 5;
  return `<path class="link" d="M${round(x)} ${round(y)}v${round(radius + 14)}"/><rect class="symbol" x="${round(x - size / 2)}" y="${round(y + radius + 14)}" width="${round(size)}" height="${round(size)}"/>`;
}

function drawLabel(text: string, place: Place | undefined, radius: number, width: number): string {
  if (place === undefined) return '';
  const anchor = place.x > width - 90 ? ' end' : place.x < 90 ? ' start' : '';
  return `<text class="tick strong halo${anchor}" x="${round(place.x)}" y="${round(place.y - radius - 9)}">${escapeHtml(text)}</text>`;
}

function round(value: number): string {
  return value.toFixed(1);
}
