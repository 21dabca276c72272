/** Batteries over time: what they were told and what they did, and their charge inside its window. */
import { formatClock, formatDuration, formatNumber, formatQuantity } from '../format.ts';
import type { BatterySeries } from '../kpis.ts';
import type { RunRecord } from '../record-reader.ts';
import { chargeWindow } from '../site-facts.ts';
import { renderChart, type Line, type Shade } from './chart.ts';
import { renderAbsence, renderPair } from './markup.ts';
import { planAhead } from './plan-lines.ts';

const kilo = (values: ArrayLike<number>) => Float64Array.from(values, (value) => value / 1000);

/** More than so many are drawn together: one line of their sum, one band of their charges. */
const SINGLES_MAX = 2;

export function renderBatteries(
  record: RunRecord,
  batteries: readonly BatterySeries[],
  shades: readonly Shade[],
  offsetUs: number,
): string {
  if (batteries.length === 0) return renderAbsence('No battery took part in this run.');
  const bySize = batteries.toSorted((a, b) => b.capacityWh - a.capacityWh);
  const single = batteries.length <= SINGLES_MAX ? bySize : bySize.slice(0, 1);
  const others = bySize.slice(single.length);
  return [
    ...single.map((battery) => renderBattery(record, battery, shades, offsetUs)),
    ...(others.length === 0 ? [] : [renderTogether(others, shades, offsetUs)]),
  ].join('');
}

function midpoints(timeUs: Float64Array): Float64Array {
  return timeUs.map((time, k) => (k === 0 ? time : (time + (timeUs[k - 1] ?? time)) / 2));
}

function renderBattery(record: RunRecord, battery: BatterySeries, shades: readonly Shade[], offsetUs: number): string {
  const x = { kind: 'clock', offsetUs } as const;
  const { device, timeUs, activePowerW, setpointW, stateOfCharge } = battery;
  const endUs = timeUs.at(-1) ?? Number.NaN;
  const includeX = [endUs];
  const { names, index } = record.tables['plan-batteries'].text('device');
  const isOwn = (row: number) => names[index[row] ?? -1] === device;
  const plan = planAhead(record.tables['plan-batteries'], 'activePowerW', endUs, isOwn);
  const charge = planAhead(record.tables['plan-batteries'], 'stateOfCharge', endUs, isOwn);
  const power = renderChart({
    title: `Battery ${device}: setpoint and response`,
    caption: `Discharging positive. The setpoint is the one in force after clipping to power, ramp and charge window. ${acknowledgements(record, device)}`,
    x,
    includeX,
    yLabel: 'kW',
    include: [0],
    half: true,
    // What coincides hides what it follows: the plan behind the setpoint, the setpoint behind the power.
    lines: [
      ...planned(plan.startUs, kilo(plan.y), true),
      { label: 'setpoint', colour: '--ink', x: midpoints(timeUs), y: kilo(setpointW), dashed: true },
      { label: 'power', colour: '--battery', x: midpoints(timeUs), y: kilo(activePowerW) },
    ],
    shades,
  });
  const window = chargeWindow(record.manifest, device);
  const marks = window === undefined ? [] : windowMarks(window);
  const soc = renderChart({
    title: `Battery ${device}: state of charge`,
    caption: `Energy stored, in % of ${formatQuantity(battery.capacityWh / 1000, 'kWh')}${marks.length === 0 ? '' : '; the dotted lines are the ends of its window'}.`,
    x,
    includeX,
    yLabel: '%',
    include: [0, 100],
    half: true,
    lines: [
      {
        label: 'state of charge',
        colour: '--battery',
        x: timeUs,
        y: stateOfCharge.map((share) => 100 * share),
        filled: true,
      },
      ...planned(
        charge.endUs,
        charge.y.map((share) => 100 * share),
        false,
      ),
    ],
    marks,
    shades,
  });
  return renderPair(power, soc);
}

function planned(x: Float64Array, y: Float64Array, stepped: boolean): readonly Line[] {
  return y.length === 0 ? [] : [{ label: 'planned', colour: '--before', x, y, dashed: true, stepped }];
}

function windowMarks({ min, max }: { readonly min: number; readonly max: number }) {
  return [
    { value: 100 * min, label: formatQuantity(100 * min, '%'), quiet: true },
    { value: 100 * max, label: formatQuantity(100 * max, '%'), quiet: true },
  ];
}

/** What the backend said of the setpoints, in a sentence. */
function acknowledgements({ tables }: RunRecord, device: string): string {
  const { acknowledgements: table } = tables;
  const [devices, statuses] = [table.text('device'), table.text('status')];
  const counts = new Map<string, number>();
  let total = 0;
  for (let row = 0; row < table.rows; row += 1) {
    if (devices.names[devices.index[row] ?? -1] !== device) continue;
    const status = statuses.names[statuses.index[row] ?? -1] ?? '';
    counts.set(status, (counts.get(status) ?? 0) + 1);
    total += 1;
  }
  if (total === 0) return '';
  const parts = ['accepted', 'limited', 'refused', 'expired'].flatMap((status) => {
    const count = counts.get(status);
    return count === undefined ? [] : [`${formatNumber(count)} ${status}`];
  });
  return `Its backend acknowledged them with every telemetry: ${parts.join(', ')}.`;
}

/** Before and after the largest step of the setpoint, in the record's own resolution. */
const BEFORE_STEPS = 6;
const AFTER_STEPS = 14;

/** How the largest battery answered its largest setpoint step; nothing where no step was worth looking at. */
export function renderResponse(batteries: readonly BatterySeries[], offsetUs: number): string {
  const [battery] = batteries.toSorted((a, b) => b.capacityWh - a.capacityWh);
  if (battery === undefined) return '';
  const { device, timeUs, activePowerW, setpointW, ratedPowerW } = battery;
  let largest = 0;
  let at = -1;
  for (let k = 1; k < setpointW.length; k += 1) {
    const step = Math.abs((setpointW[k] ?? Number.NaN) - (setpointW[k - 1] ?? Number.NaN));
    if (step > largest) [largest, at] = [step, k];
  }
  if (at < 0 || largest < 0.02 * ratedPowerW) return '';
  const [from, to] = [Math.max(1, at - BEFORE_STEPS), Math.min(timeUs.length, at + AFTER_STEPS)];
  const stepUs = (timeUs[at] ?? 0) - (timeUs[at - 1] ?? 0);
  // A value stands for the step that ends at its instant: it begins where the one before ends.
  const x = timeUs.slice(from - 1, to);
  const y = (values: Float64Array) => [...kilo(values.slice(from, to)), (values[to - 1] ?? Number.NaN) / 1000];
  return renderChart({
    title: `Battery ${device}: response to its largest setpoint step`,
    caption: `${formatQuantity(largest / 1000, 'kW', 3)} at once, at ${formatClock(timeUs[at - 1] ?? 0, offsetUs)}. Means of ${formatDuration(stepUs)}: on the way from one level to the next they hold a piece of both.`,
    x: { kind: 'clock', offsetUs },
    yLabel: 'kW',
    half: true,
    lines: [
      { label: 'setpoint', colour: '--ink', x, y: y(setpointW), stepped: true, dashed: true },
      { label: 'power', colour: '--battery', x, y: y(activePowerW), stepped: true },
    ],
  });
}

/** Many small ones: their sum, and the spread of their charges. */
function renderTogether(batteries: readonly BatterySeries[], shades: readonly Shade[], offsetUs: number): string {
  const [first] = batteries;
  if (first === undefined) return '';
  const { timeUs } = first;
  const x = { kind: 'clock', offsetUs } as const;
  const sum = (of: (battery: BatterySeries) => Float64Array) =>
    timeUs.map((_, k) => batteries.reduce((total, battery) => total + (of(battery)[k] ?? 0), 0));
  const charges = timeUs.map(
    (_, k) =>
      (100 * batteries.reduce((total, { energyStoredWh }) => total + (energyStoredWh[k] ?? 0), 0)) /
      capacityOf(batteries),
  );
  const extreme = (pick: (...values: number[]) => number) =>
    timeUs.map((_, k) => 100 * pick(...batteries.map(({ stateOfCharge }) => stateOfCharge[k] ?? Number.NaN)));
  return renderPair(
    renderChart({
      title: `The ${batteries.length} other batteries together: setpoint and response`,
      caption: 'Sum of their powers, discharging positive.',
      x,
      includeX: Array.from(timeUs.slice(-1)),
      yLabel: 'kW',
      include: [0],
      half: true,
      lines: [
        { label: 'power', colour: '--battery', x: midpoints(timeUs), y: kilo(sum(({ activePowerW }) => activePowerW)) },
        {
          label: 'setpoints',
          colour: '--ink',
          x: midpoints(timeUs),
          y: kilo(sum(({ setpointW }) => setpointW)),
          dashed: true,
        },
      ],
      shades,
    }),
    renderChart({
      title: `The ${batteries.length} other batteries: state of charge`,
      caption: `Energy stored in all of them in % of ${formatQuantity(capacityOf(batteries) / 1000, 'kWh')}, and the emptiest and the fullest.`,
      x,
      includeX: Array.from(timeUs.slice(-1)),
      yLabel: '%',
      include: [0, 100],
      half: true,
      bands: [
        {
          label: 'emptiest to fullest',
          colour: '--battery',
          x: timeUs,
          low: extreme(Math.min),
          high: extreme(Math.max),
        },
      ],
      lines: [{ label: 'all of them', colour: '--battery', x: timeUs, y: charges }],
      shades,
    }),
  );
}

function capacityOf(batteries: readonly BatterySeries[]): number {
  return batteries.reduce((total, { capacityWh }) => total + capacityWh, 0);
}
