/** Follows the origin of what leaves a site: own generation, directly or through the batteries, initial charge, or import. */
import type { BatterySeries, SiteSeries } from './kpis.ts';

/** Energies at the grid connection, and own generation that is in the batteries at the end, kWh. */
export interface Origins {
  readonly exportedOwn: number;
  readonly exportedInitial: number;
  readonly storedOwn: number;
}

/**
 * Generation of a step goes out first; what is exported beyond it comes from the batteries. These count as one store whose
 * content is mixed: what leaves it has the origins of what is in it (proportional sharing). What goes into it is own
 * generation as far as the step has any that did not go out, and import beyond that.
 */
export function followOrigins(
  { timeUs, generationW, exchangeW }: Pick<SiteSeries, 'timeUs' | 'generationW' | 'exchangeW'>,
  batteries: readonly BatterySeries[],
): Origins {
  const stored = timeUs.map((_, k) => batteries.reduce((sum, one) => sum + at(one.energyStoredWh, k), 0));
  // Shares of the store's content.
  let [own, initial] = [0, 1];
  let [exportedOwn, exportedInitial] = [0, 0];
  for (let k = 1; k < timeUs.length; k += 1) {
    const kiloHours = (at(timeUs, k) - at(timeUs, k - 1)) / 3600e9;
    const generated = Math.max(0, at(generationW, k));
    const exported = Math.max(0, -at(exchangeW, k));
    const direct = Math.min(exported, generated);
    const fromStore = batteries.length === 0 ? 0 : exported - direct;
    exportedOwn += (direct + own * fromStore) * kiloHours;
    exportedInitial += initial * fromStore * kiloHours;
    const charged = -batteries.reduce((sum, one) => sum + at(one.activePowerW, k), 0);
    const gained = at(stored, k) - at(stored, k - 1);
    if (!(charged > 0 && gained > 0)) continue;
    const fromGeneration = Math.min(charged, generated - direct);
    const kept = at(stored, k - 1) / at(stored, k);
    own = own * kept + (fromGeneration / charged) * (1 - kept);
    initial *= kept;
  }
  return { exportedOwn, exportedInitial, storedOwn: (own * at(stored, stored.length - 1)) / 1000 };
}

function at(values: Float64Array, k: number): number {
  return values[k] ?? Number.NaN;
}
