/** Indicators of what the use cases asked for: holds for third parties, packages of energy, and the distance to perfect foresight. */
import { type BatterySeries, isAvailable, type KpiValues, settle, type SiteSeries } from './kpis.ts';
import type { Foresight } from './record.ts';
import type { Table } from './record-reader.ts';
import type { AskedFor, Timeline } from './use-case-timeline.ts';

/** What a run's record says about its use cases. */
export interface UseCaseRecord {
  readonly timeline: Timeline;
  readonly triggers: Table;
  readonly useCases: Table;
  readonly plans: Table;
  readonly foresight: Foresight | undefined;
}

/** So many instants on end inside the band, and a request counts as answered. */
const SETTLED_COUNT = 3;
const HOUR_US = 3600e6;

/** `bandW`: what counts as held, W. Indicators that nothing in the run speaks of are absent. */
export function computeUseCaseKpis(
  site: SiteSeries,
  batteries: readonly BatterySeries[],
  record: UseCaseRecord,
  bandW: number,
): KpiValues {
  const stretches = stretchesOf(site, record.timeline);
  return {
    ...holdKpis(
      site,
      batteries,
      stretches.filter(({ asked }) => asked.kind === 'hold'),
      record,
      bandW,
    ),
    ...packageKpis(site, stretches, record.plans),
    ...foresightKpis(record.foresight, batteries),
  };
}

/** Rows `from` to `to` of the record, both inclusive, over which one thing was asked for. */
interface Stretch {
  readonly asked: AskedFor;
  readonly from: number;
  readonly to: number;
}

function stretchesOf({ timeUs }: SiteSeries, { entries }: Timeline): Stretch[] {
  return entries.flatMap((asked, index) => {
    const untilUs = entries[index + 1]?.sinceUs ?? Number.POSITIVE_INFINITY;
    // A row stands for the step before it: the first one of a stretch ends after its beginning.
    const from = timeUs.findIndex((time) => time > asked.sinceUs);
    const to = timeUs.findLastIndex((time) => time <= untilUs);
    return from === -1 || to < from ? [] : [{ asked, from, to }];
  });
}

function holdKpis(
  site: SiteSeries,
  batteries: readonly BatterySeries[],
  holds: readonly Stretch[],
  record: UseCaseRecord,
  bandW: number,
): KpiValues {
  if (holds.length === 0) return {};
  let [errorWh, askedWh, hours, free, instants] = [0, 0, 0, 0, 0];
  const responsesS: number[] = [];
  for (const hold of holds) {
    const { leastW } = hold.asked;
    const settled = settledAt(site, hold, bandW);
    if (settled !== undefined) responsesS.push((at(site.timeUs, settled) - requestedUs(hold.asked, record)) / 1e6);
    for (let k = settled ?? hold.from; k <= hold.to; k += 1) {
      const stepHours = (at(site.timeUs, k) - at(site.timeUs, k - 1)) / HOUR_US;
      errorWh += Math.abs(at(site.exchangeW, k) - leastW) * stepHours;
      askedWh += Math.abs(leastW) * stepHours;
      hours += stepHours;
    }
    for (let k = hold.from; k <= hold.to; k += 1) {
      instants += 1;
      const excessW = at(site.exchangeW, k) - leastW;
      const isFree = (battery: BatterySeries) =>
        !Number.isNaN(at(battery.setpointW, k)) && isAvailable(battery, k, excessW, bandW);
      free += batteries.every(isFree) ? 1 : 0;
    }
  }
  return {
    holdAvailability: (100 * free) / instants,
    ...(responsesS.length === holds.length ? { holdResponse: Math.max(...responsesS) } : {}),
    holdError: errorWh / hours / 1000,
    ...(askedWh > 0 ? { holdAccuracy: 100 * (1 - errorWh / askedWh) } : {}),
  };
}

/** Row of the first of some instants on end inside the band; undefined when it never came to that. */
function settledAt({ exchangeW }: SiteSeries, { asked, from, to }: Stretch, bandW: number): number | undefined {
  let inside = 0;
  for (let k = from; k <= to; k += 1) {
    inside = Math.abs(at(exchangeW, k) - asked.leastW) <= bandW ? inside + 1 : 0;
    if (inside === SETTLED_COUNT) return k - SETTLED_COUNT + 1;
  }
  return undefined;
}

/** When somebody asked for a hold that was to begin at once; else when it was agreed to begin. */
function requestedUs({ sinceUs }: AskedFor, { useCases, triggers }: UseCaseRecord): number {
  const announced = useCases.number('timeUs').indexOf(sinceUs);
  const request = textAt(useCases, 'request', announced);
  for (let row = 0; row < triggers.rows; row += 1) {
    if (request !== '' && textAt(triggers, 'request', row) === request) return at(triggers.number('timeUs'), row);
  }
  return sinceUs;
}

function packageKpis(site: SiteSeries, stretches: readonly Stretch[], plans: Table): KpiValues {
  const packages = stretches.filter(({ asked }) => asked.kind === 'package');
  if (packages.length === 0) return {};
  let [deliveredWh, plannedWh, errorWh] = [0, 0, 0];
  for (const slot of packages) {
    const sign = slot.asked.mostW > 0 ? 1 : -1;
    const inDirection = (powerW: number) => Math.max(0, sign * powerW);
    const delivered = sumWh(site, slot, (k) => inDirection(at(site.exchangeW, k)));
    const planned = plannedEnergy(plans, slot, site, inDirection);
    deliveredWh += delivered;
    plannedWh += planned;
    errorWh += Math.abs(delivered - planned);
  }
  const outside = stretches.filter(({ asked }) => asked.useCase >= 3 && asked.kind === 'island');
  const after = outside.reduce((sum, stretch) => sum + sumWh(site, stretch, (k) => Math.abs(at(site.exchangeW, k))), 0);
  const idle = outside.reduce(
    (sum, stretch) => sum + sumWh(site, stretch, (k) => Math.abs(at(site.exchangeIdleW, k))),
    0,
  );
  return {
    packageEnergy: deliveredWh / 1000,
    ...(Number.isFinite(plannedWh) ? { packagePlanned: plannedWh / 1000, packageError: errorWh / 1000 } : {}),
    exchangeOutsidePackages: after / 1000,
    ...(idle > 0 ? { exchangeOutsidePackagesReduction: 100 * (1 - after / idle) } : {}),
  };
}

function sumWh({ timeUs }: SiteSeries, { from, to }: Stretch, powerW: (k: number) => number): number {
  let sum = 0;
  for (let k = from; k <= to; k += 1) sum += (powerW(k) * (at(timeUs, k) - at(timeUs, k - 1))) / HOUR_US;
  return sum;
}

/** Exchange in the package's direction that the last plan from before the slot, or the very first, had for it, Wh. */
function plannedEnergy(
  plans: Table,
  { from, to }: Stretch,
  { timeUs }: SiteSeries,
  inDirection: (powerW: number) => number,
): number {
  const [startUs, endUs] = [at(timeUs, from - 1), at(timeUs, to)];
  const issuedUs = plans.number('issuedUs');
  const before = issuedUs.filter((issued) => issued <= startUs);
  const issue = before.length > 0 ? before.at(-1) : issuedUs[0];
  const stepEndUs = plans.number('timeUs');
  const rows = [...issuedUs.keys()].filter((row) => issuedUs[row] === issue);
  const stepUs = at(stepEndUs, rows[1] ?? -1) - at(stepEndUs, rows[0] ?? -1);
  return rows.reduce((sum, row) => {
    const stepEnd = at(stepEndUs, row);
    const overlapUs = Math.min(stepEnd, endUs) - Math.max(stepEnd - stepUs, startUs);
    return overlapUs <= 0 ? sum : sum + (inDirection(at(plans.number('exchangeW'), row)) * overlapUs) / HOUR_US;
  }, 0);
}

function foresightKpis(foresight: Foresight | undefined, batteries: readonly BatterySeries[]): KpiValues {
  if (foresight === undefined) return {};
  const { idleKWh, actualKWh, bestKWh } = foresight;
  const settled = settle(batteries);
  return {
    energyOffTarget: actualKWh,
    energyOffTargetBefore: idleKWh,
    energyOffTargetForesight: bestKWh,
    gainOverIdle: idleKWh - actualKWh,
    gainOverIdleSocNeutral: idleKWh - actualKWh - settled.imported - settled.exported,
    regret: actualKWh - bestKWh,
    ...(idleKWh > 0 ? { regretShare: (100 * (actualKWh - bestKWh)) / idleKWh } : {}),
  };
}

function at(values: Float64Array, k: number): number {
  return values[k] ?? Number.NaN;
}

function textAt(table: Table, column: string, row: number): string {
  const { names, index } = table.text(column);
  return names[index[row] ?? -1] ?? '';
}
