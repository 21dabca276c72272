/** Which measurements went into the estimates: how many, how old, how exact. */
import { BASE_POWER_VA } from '../../grids/model.ts';
import { median } from '../../numerics/statistics.ts';
import type { Estimate } from '../../platform/contract/estimate.ts';
import { formatDuration, formatNumber, formatQuantity } from '../format.ts';
import type { RunRecord, Table } from '../record-reader.ts';
import { renderAbsence, renderSection, renderTable } from './markup.ts';

export function renderInventory(record: RunRecord): string {
  const rows = groupInventory(record.tables['estimate-runs']).map(({ source, kind, counts, ageUsMax, sigmas }) => [
    inWords(source),
    inWords(kind),
    formatNumber(median(Float64Array.from(counts))),
    formatDuration(ageUsMax),
    sigmaText(kind, median(Float64Array.from(sigmas))),
  ]);
  const table = renderTable(
    'Measurements used by the state estimator',
    [
      { head: 'Source' },
      { head: 'Quantity' },
      { head: 'Values per estimate', numeric: true },
      { head: 'Oldest', numeric: true },
      { head: 'Median sigma', numeric: true },
    ],
    rows.slice(0, INVENTORY_SHOWN),
  );
  const more = rows.length > INVENTORY_SHOWN ? `<p>And ${rows.length - INVENTORY_SHOWN} further sources.</p>` : '';
  return renderSection({
    id: 'inventory',
    title: 'Measurement inventory',
    lead: 'What went into the estimates: measured values, and pseudo-measurements from forecasts where nothing is measured. Sigma of each phase: of voltages relative to the nominal one, of currents as the power that they carry at nominal voltage.',
    body: rows.length === 0 ? renderAbsence('No estimate lists what went into it.') : `${table}${more}`,
  });
}

const INVENTORY_SHOWN = 30;

/** From per unit of the estimator's base to what people read; in a positive-sequence grid a phase is a third of the sum. */
function sigmaText(kind: string, sigma: number): string {
  if (kind.startsWith('current')) return formatQuantity(sigma * BASE_POWER_VA, 'VA', 3);
  if (kind === 'activePower') return formatQuantity(sigma * BASE_POWER_VA, 'W', 3);
  if (kind === 'reactivePower') return formatQuantity(sigma * BASE_POWER_VA, 'var', 3);
  return formatQuantity(100 * sigma, '%', 3);
}

/** `smart-meter` and `activePower` as people write them. */
function inWords(name: string): string {
  if (name === 'pmu') return 'PMU';
  return name.replaceAll('-', ' ').replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

interface InventoryGroup {
  readonly source: string;
  readonly kind: string;
  /** Values in each estimate that used any. */
  readonly counts: number[];
  readonly sigmas: number[];
  ageUsMax: number;
}

/** By source and quantity, those with the most values first. */
function groupInventory(runs: Table): readonly InventoryGroup[] {
  const groups = new Map<string, InventoryGroup>();
  const inventory = runs.text('inventory');
  const parsed = inventory.names.map((text) => JSON.parse(text === '' ? '[]' : text) as Estimate['inventory']);
  for (const run of inventory.index) {
    for (const { source, kind, count, ageUsMax, sigmaRelativeMedian } of parsed[run] ?? []) {
      const key = JSON.stringify([source, kind]);
      const group: InventoryGroup = groups.get(key) ?? { source, kind, counts: [], sigmas: [], ageUsMax: 0 };
      groups.set(key, group);
      group.counts.push(count);
      group.sigmas.push(sigmaRelativeMedian);
      group.ageUsMax = Math.max(group.ageUsMax, ageUsMax);
    }
  }
  const most = ({ counts }: InventoryGroup) => counts.reduce((high, one) => Math.max(high, one), 0);
  return [...groups.values()].toSorted(
    (a, b) => most(b) - most(a) || (`${a.source} ${a.kind}` < `${b.source} ${b.kind}` ? -1 : 1),
  );
}
