/** The use case: what was asked for, what was planned, what the batteries were told, what they did, and what came of it. */
import { parseInstant } from '../../platform/contract/time.ts';
import { useCaseWishSchema } from '../../platform/contract/trigger.ts';
import { formatClock, formatDuration, formatNumber, formatQuantity } from '../format.ts';
import { lastForecasts } from '../forecast-metrics.ts';
import { kpiCatalogue } from '../kpi-catalogue.ts';
import type { RunRecord } from '../record-reader.ts';
import type { Score } from '../score.ts';
import { timelineOf } from '../use-case-timeline.ts';
import { renderBatteries, renderResponse } from './battery-charts.ts';
import { renderChart, type Line, type Shade } from './chart.ts';
import { renderIndicatorName } from './indicator-section.ts';
import { escapeHtml, html, renderAbsence, renderPair, renderSection, renderTable, type Cell } from './markup.ts';
import { planAhead } from './plan-lines.ts';

const kilo = (values: ArrayLike<number>) => Float64Array.from(values, (value) => value / 1000);

/** What the numbers of the use cases stand for (UC-DE-n of the German demo site). */
const useCaseNames: Readonly<Record<number, string>> = {
  0: 'none',
  1: 'UC-DE-1 virtual island',
  2: 'UC-DE-2 flexibility for a third party',
  3: 'UC-DE-3 energy delivered in packages',
  4: 'UC-DE-4 export in packages',
};

export function renderUseCase(record: RunRecord, score: Score, offsetUs: number): string {
  const { site, batteries } = score.details;
  const shades = slotShades(record, site.timeUs);
  const parts =
    site.timeUs.length < 2
      ? [
          renderAbsence('The record holds no site series, so there is nothing to compare a plan with.'),
          renderBatteries(record, batteries, shades, offsetUs),
        ]
      : [
          renderOrders(record, offsetUs),
          renderExchange(record, score, shades, offsetUs),
          renderBatteries(record, batteries, shades, offsetUs),
          pairOf(renderResponse(batteries, offsetUs), renderReserve(record, score, shades, offsetUs)),
          renderForecasts(record, score, offsetUs),
          renderWindows(record, score, offsetUs),
          renderKpis(score),
        ];
  return renderSection({
    id: 'use-case',
    title: 'Use case',
    lead: 'What was asked for, what the balancer planned, what it told the batteries, what they did, and what came of it at the grid connection.',
    body: parts.join(''),
  });
}

function pairOf(...figures: readonly string[]): string {
  const there = figures.filter((figure) => figure !== '');
  return there.length === 0 ? '' : renderPair(...there);
}

/** Values at the instants that they stand for the interval before: drawn in its middle. */
function midpoints(timeUs: Float64Array): Float64Array {
  return timeUs.map((time, k) => (k === 0 ? time : (time + (timeUs[k - 1] ?? time)) / 2));
}

/** Holds and packages over the run, as shaded stretches. */
function slotShades(record: RunRecord, timeUs: Float64Array): readonly Shade[] {
  return windowsOf(record, timeUs).map(({ kind, fromUs, toUs, leastW, mostW }) => {
    const imports = mostW + leastW > 0;
    const label = kind === 'hold' ? 'hold' : imports ? 'import package' : 'export package';
    return { label, colour: kind === 'hold' ? '--after' : '--pv', from: fromUs, to: toUs };
  });
}

interface SlotWindow {
  readonly kind: 'hold' | 'package';
  readonly fromUs: number;
  readonly toUs: number;
  readonly leastW: number;
  readonly mostW: number;
}

function windowsOf({ tables }: RunRecord, timeUs: Float64Array): readonly SlotWindow[] {
  const { entries } = timelineOf(tables['use-cases'], tables['plan-windows']);
  const endUs = timeUs.at(-1) ?? 0;
  return entries.flatMap(({ kind, sinceUs, leastW, mostW }, index) =>
    kind === 'hold' || kind === 'package'
      ? [{ kind, fromUs: sinceUs, toUs: entries[index + 1]?.sinceUs ?? endUs, leastW, mostW }]
      : [],
  );
}

/** Who asked for what, and the balancer's answers. */
function renderOrders({ tables }: RunRecord, offsetUs: number): string {
  const [messages, triggers] = [tables['use-cases'], tables.triggers];
  if (messages.rows === 0) {
    return renderAbsence('The balancer said nothing about use cases: it held one target all the time.');
  }
  const text = (table: typeof messages, column: string, row: number) => {
    const { names, index } = table.text(column);
    return names[index[row] ?? -1] ?? '';
  };
  const number = (column: string, row: number) => messages.number(column)[row] ?? Number.NaN;
  const asked = new Map<string, { readonly issuer: string; readonly words: string }>();
  for (let row = 0; row < triggers.rows; row += 1) {
    const words = orderWords(triggers.number('useCase')[row] ?? 0, text(triggers, 'parameters', row), offsetUs);
    asked.set(text(triggers, 'request', row), { issuer: text(triggers, 'issuer', row), words });
  }
  const rows: (readonly Cell[])[] = [];
  for (let row = 0; row < messages.rows; row += 1) {
    const cause = text(messages, 'cause', row);
    if (cause === 'update') continue;
    const order = asked.get(text(messages, 'request', row));
    const reasons = text(messages, 'reasons', row);
    const answer = number('accepted', row) === 1 ? 'accepted' : 'refused';
    const target = number('targetW', row);
    rows.push([
      formatClock(number('timeUs', row), offsetUs),
      order === undefined ? (causeWords[cause] ?? cause) : `${order.issuer}: ${order.words}`,
      order === undefined
        ? ''
        : html(
            `<span class="mark ${answer === 'accepted' ? 'pass' : 'fail'}">${answer}</span>${reasons === '' ? '' : `<br>${escapeHtml(reasons)}`}`,
          ),
      useCaseNames[number('useCase', row)] ?? '',
      Number.isNaN(target) ? 'none' : formatQuantity(target / 1000, 'kW', 3),
    ]);
  }
  const columns = [
    { head: 'Time' },
    { head: 'What happened' },
    { head: 'Answer' },
    { head: 'In force from then on' },
    { head: 'Exchange to hold', numeric: true },
  ];
  return renderTable('Requests and what the balancer made of them', columns, rows);
}

const causeWords: Readonly<Record<string, string>> = {
  start: 'the run begins',
  'hold-begins': 'the hold begins',
  'hold-ends': 'the hold ends',
  'package-begins': 'a package begins',
  'package-ends': 'the package ends',
};

/** `UC-DE-2; −40 kW for 1 h`. Throws on parameters that no historian wrote. */
function orderWords(useCase: number, parameters: string, offsetUs: number): string {
  const said = JSON.parse(parameters === '' ? '{}' : parameters) as object;
  const wish = useCaseWishSchema.parse({ useCase, ...said });
  const name = wish.useCase === 0 ? 'stop' : `UC-DE-${wish.useCase}`;
  const clock = (start: string) => formatClock(parseInstant(start), offsetUs);
  if (wish.useCase === 2) {
    const later = wish.start === undefined ? '' : ` from ${clock(wish.start)}`;
    return `${name}; ${formatQuantity(wish.targetW / 1000, 'kW', 3)} for ${formatDuration(wish.durationUs)}${later}`;
  }
  const slots = 'slots' in wish ? wish.slots : [];
  const words = slots.map(
    ({ start, durationUs, powerW }) =>
      `${clock(start)}, ${formatDuration(durationUs)} of ${formatQuantity(powerW / 1000, 'kW', 3)}`,
  );
  return [name, ...words].join('; ');
}

/** Plan against actual at the grid connection, and how long which exchange lasted. */
function renderExchange(record: RunRecord, score: Score, shades: readonly Shade[], offsetUs: number): string {
  const { site } = score.details;
  const middle = midpoints(site.timeUs);
  const plan = planAhead(record.tables.plans, 'exchangeW', site.timeUs.at(-1) ?? Number.NaN);
  const planned: readonly Line[] =
    plan.y.length === 0
      ? []
      : [{ label: 'planned', colour: '--ink', x: plan.startUs, y: kilo(plan.y), dashed: true, stepped: true }];
  const over = renderChart({
    title: 'Exchange with the grid: asked for, planned, and as it came',
    caption: `Import positive, at the medium-voltage side of the transformer. ${
      plan.y.length === 0
        ? 'No plan was made in this run: the rule follows the measurements.'
        : 'The plan is the newest that was made before each of its steps began; it knows of no grid losses.'
    }`,
    x: { kind: 'clock', offsetUs },
    includeX: Array.from(site.timeUs.slice(-1)),
    yLabel: 'kW',
    include: [0],
    lines: [
      { label: 'battery idle', colour: '--before', x: middle, y: kilo(site.exchangeIdleW) },
      ...targetLine(record, site.timeUs),
      { label: 'as run', colour: '--after', x: middle, y: kilo(site.exchangeW) },
      ...planned,
    ],
    shades,
  });
  return `${over}${renderPair(renderDuration(score), renderBeforeAfter(score))}`;
}

/** The exchange that was to be held, where one was: steps, with gaps where none was in force. */
function targetLine({ tables }: RunRecord, timeUs: Float64Array): readonly Line[] {
  const messages = tables['use-cases'];
  if (messages.rows === 0) return [];
  const x = [...messages.number('timeUs'), timeUs.at(-1) ?? Number.NaN];
  return [{ label: 'asked for', colour: '--high', x, y: kilo(held(messages.number('targetW'))), stepped: true }];
}

/** With the last value once more: what is announced stands until the end of the run. */
function held(values: Float64Array): Float64Array {
  return Float64Array.of(...values, values.at(-1) ?? Number.NaN);
}

/** Both exchanges sorted by size: the area between the curves is what the battery took off the grid. */
function renderDuration({ details: { site } }: Score): string {
  const hours = Float64Array.from(site.timeUs, (time) => (time - (site.timeUs[0] ?? time)) / 3600e6);
  const sorted = (values: Float64Array) => kilo(values.slice(1)).toSorted((a, b) => b - a);
  const x = hours.slice(1);
  return renderChart({
    title: 'How long which exchange lasted',
    caption:
      'The same values sorted by size: import at the left, export at the right, nothing in between as long as possible.',
    x: { kind: 'number', label: 'hours' },
    yLabel: 'kW',
    include: [0],
    half: true,
    lines: [
      { label: 'battery idle', colour: '--before', x, y: sorted(site.exchangeIdleW), filled: true },
      { label: 'as run', colour: '--after', x, y: sorted(site.exchangeW), filled: true },
    ],
  });
}

function renderBeforeAfter({ kpis }: Score): string {
  const cell = (name: string) => {
    const kpi = kpis[name];
    return kpi === undefined ? '–' : formatQuantity(kpi.value, kpi.unit);
  };
  const rows = [
    ['Imported', 'importedEnergyBefore', 'importedEnergy'],
    ['Exported', 'exportedEnergyBefore', 'exportedEnergy'],
    ['Import peak', 'importPeakBefore', 'importPeak'],
    ['Back-feed peak', 'exportPeakBefore', 'exportPeak'],
    ['Load served by own sources', 'selfSufficiencyBefore', 'selfSufficiency'],
    ['Own generation consumed', 'selfConsumptionBefore', 'selfConsumption'],
  ].map(([label = '', before = '', after = '']) => [label, cell(before), cell(after)]);
  const columns = [{ head: '' }, { head: 'Battery idle', numeric: true }, { head: 'As run', numeric: true }];
  return renderTable('Grid exchange before and after', columns, rows);
}

/** What the batteries could still have done: the reserve that a third party may ask for. */
function renderReserve(record: RunRecord, { details }: Score, shades: readonly Shade[], offsetUs: number): string {
  const messages = record.tables['use-cases'];
  const { site } = details;
  const [low, high] = [messages.number('lowestW'), messages.number('highestW')];
  const accounts = low.filter(Number.isFinite).length;
  if (accounts === 0) return '';
  const x = [...messages.number('timeUs'), site.timeUs.at(-1) ?? Number.NaN];
  const account =
    accounts === 1
      ? 'By the balancer’s only account of the run, from net power, state of charge and ratings at its beginning'
      : `By the balancer’s own accounts, ${formatNumber(accounts)} in this run, from net power, state of charge and ratings; each is drawn until the next`;
  return renderChart({
    title: 'Exchange that the batteries could hold',
    caption: `${account}: inside the band a request can be met. The line is the exchange as it came.`,
    x: { kind: 'clock', offsetUs },
    yLabel: 'kW',
    include: [0],
    half: true,
    bands: [{ label: 'possible', colour: '--band', x, low: kilo(held(low)), high: kilo(held(high)), stepped: true }],
    lines: [
      ...targetLine(record, site.timeUs),
      { label: 'as run', colour: '--after', x: midpoints(site.timeUs), y: kilo(site.exchangeW) },
    ],
    shades,
  });
}

/** Forecast of load and generation, with the quantiles that it states, against what came. */
function renderForecasts(record: RunRecord, score: Score, offsetUs: number): string {
  const { site } = score.details;
  const charts = [
    { component: 'site:load', title: 'Load', colour: '--load', truthW: site.loadW, name: 'Load' },
    { component: 'site:generation', title: 'Generation', colour: '--pv', truthW: site.generationW, name: 'Generation' },
  ].flatMap(({ component, title, colour, truthW, name }) => {
    const end = site.timeUs.at(-1) ?? 0;
    const steps = lastForecasts(record.tables.forecasts, component).filter(({ endUs }) => endUs <= end);
    if (steps.length === 0) return [];
    const x = steps.map(({ startUs, endUs }) => (startUs + endUs) / 2);
    const band = steps.some(({ quantile10W }) => Number.isFinite(quantile10W));
    return [
      renderChart({
        title: `${title} and its forecast`,
        caption: forecastCaption(score, name, component.slice(5)),
        x: { kind: 'clock', offsetUs },
        includeX: [site.timeUs[0] ?? end, end],
        yLabel: 'kW',
        include: [0],
        half: true,
        bands: band
          ? [
              {
                label: '10 % to 90 %',
                colour,
                x,
                low: kilo(steps.map(({ quantile10W }) => quantile10W)),
                high: kilo(steps.map(({ quantile90W }) => quantile90W)),
              },
            ]
          : [],
        lines: [
          {
            label: title.toLowerCase(),
            colour,
            x,
            y: kilo(steps.map(({ startUs, endUs }) => meanOver(site.timeUs, truthW, startUs, endUs))),
          },
          { label: 'forecast', colour: '--ink', x, y: kilo(steps.map(({ powerW }) => powerW)), dashed: true },
        ],
      }),
    ];
  });
  return pairOf(...charts);
}

/** Mean of the values whose instants lie in (fromUs, toUs]; NaN where there are none. */
function meanOver(timeUs: Float64Array, values: Float64Array, fromUs: number, toUs: number): number {
  let sum = 0;
  let count = 0;
  for (let k = timeUs.findIndex((time) => time > fromUs); k >= 0 && (timeUs[k] ?? Infinity) <= toUs; k += 1) {
    sum += values[k] ?? Number.NaN;
    count += 1;
  }
  return sum / count;
}

function forecastCaption({ kpis, metrics }: Score, name: string, component: string): string {
  const hour = kpis[`forecast${name}Skill`];
  const day = kpis[`forecast${name}SkillDayAhead`];
  const coverage = metrics[`forecast.${component}.coverage`]?.mean;
  const parts = [
    'Means over the steps of the forecast; the forecast is the last one issued before each step.',
    ...(hour === undefined
      ? []
      : [`An hour ahead its error is ${skillWords(hour.value)} that of holding the last value.`]),
    ...(day === undefined ? [] : [`A day ahead it is ${skillWords(day.value)} that of the day before.`]),
    ...(coverage === undefined
      ? []
      : [
          `Up to 24 h ahead ${formatNumber(coverage, 3)} % of the truth lay between the two quantiles; 80 % would be right.`,
        ]),
  ];
  return parts.join(' ');
}

function skillWords(skillPercent: number): string {
  return `${formatNumber(Math.abs(skillPercent), 3)} % ${skillPercent >= 0 ? 'below' : 'above'}`;
}

/** Each hold and package: what was asked for and what came, from the exchange on the low-voltage side of the losses. */
function renderWindows(record: RunRecord, { details: { site } }: Score, offsetUs: number): string {
  const windows = windowsOf(record, site.timeUs);
  if (windows.length === 0) return '';
  const rows = windows.map(({ kind, fromUs, toUs, leastW, mostW }) => {
    const isImport = mostW + leastW > 0;
    const askedW = Math.abs(mostW) > Math.abs(leastW) ? mostW : leastW;
    let energyWh = 0;
    let squares = 0;
    let seconds = 0;
    for (let k = 1; k < site.timeUs.length; k += 1) {
      const [begin, end] = [site.timeUs[k - 1] ?? 0, site.timeUs[k] ?? 0];
      if (begin < fromUs || end > toUs) continue;
      const power = (site.exchangeW[k] ?? 0) - (site.lossesW[k] ?? 0);
      const length = (end - begin) / 1e6;
      energyWh += (power * length) / 3600;
      squares += (power - askedW) ** 2 * length;
      seconds += length;
    }
    const askedWh = (askedW * (toUs - fromUs)) / 3600e6;
    const label = kind === 'hold' ? 'hold' : isImport ? 'import package' : 'export package';
    return [
      label,
      `${formatClock(fromUs, offsetUs)} to ${formatClock(toUs, offsetUs)}`,
      formatQuantity(askedW / 1000, 'kW', 3),
      formatQuantity(askedWh / 1000, 'kWh'),
      formatQuantity(energyWh / 1000, 'kWh'),
      seconds === 0 ? '–' : formatQuantity(Math.sqrt(squares / seconds) / 1000, 'kW', 3),
    ];
  });
  const columns = [
    { head: 'Slot' },
    { head: 'From, to' },
    { head: 'Power', numeric: true },
    { head: 'Energy at that power', numeric: true },
    { head: 'Energy that passed', numeric: true },
    { head: 'RMS deviation', numeric: true },
  ];
  const note =
    '<p class="quiet">Exchange without grid losses, import positive. A package may carry less than its power allows: how much is in the plan.</p>';
  return `${renderTable('Holds and packages', columns, rows)}${note}`;
}

/** The indicators that the use cases name, each beside its twin that counts back what was left in the battery. */
function renderKpis({ kpis }: Score): string {
  const rows = kpiCatalogue.flatMap(({ name, title, formula, source }) => {
    const value = kpis[name];
    if (value === undefined || !isOfUseCase(name, source)) return [];
    const twin = kpis[`${name}SocNeutral`];
    return [
      [
        renderIndicatorName(title, name),
        formatQuantity(value.value, value.unit),
        twin === undefined ? '' : formatQuantity(twin.value, twin.unit),
        html(`<code>${escapeHtml(formula)}</code>`),
      ],
    ];
  });
  if (rows.length === 0) return '';
  const columns = [
    { head: 'Indicator' },
    { head: 'Value', numeric: true },
    { head: 'SoC-neutral', numeric: true },
    { head: 'Formula' },
  ];
  return renderTable('Indicators of the use cases', columns, rows);
}

/** Named by the use cases, or about what they asked for; twins stand beside their sibling. */
function isOfUseCase(name: string, source: string): boolean {
  if (name.endsWith('SocNeutral')) return false;
  return (
    source.includes('Platone use cases') || /^(hold|package|regret|gain|energyOffTarget|exchangeOutside)/.test(name)
  );
}
