/** From the device entries of a scenario to single devices, each with an id and one place in the grid. */
import { closest } from '../../numerics/edit-distance.ts';
import { documentBranches } from '../../grids/document-branches.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { type Scenario, type ScenarioDevice, TOPIC_LEVEL } from './schema.ts';

/** One device: its entry's settings, its own id, and the one place where it stands. */
export type ExpandedDevice = ScenarioDevice & {
  readonly id: string;
  /** `bus:<id>`, `branch:<id>:from|to`, `load:<id>`, `battery:<id>`, without `*`, or `site`. */
  readonly at: string;
  /** Index of the entry in `devices`. */
  readonly entry: number;
};

export interface DeviceFault {
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string;
}

interface Name {
  readonly kind: string;
  readonly id: string;
}

interface ExpandedDevices {
  readonly devices: readonly ExpandedDevice[];
  /** Devices of which no more than the name is known, since they are nowhere. */
  readonly misplaced: readonly Name[];
  /** False when there may be devices that are neither. */
  readonly isComplete: boolean;
  readonly faults: readonly DeviceFault[];
}

/**
 * Devices in the order of the scenario, those of one entry in the order of the grid document. `at: "bus:house-*"` puts
 * one at each matching place (the first `count` of them); an entry with a plain place and a `count` puts all there.
 *
 * Ids: the entry's own `id`; with several devices `<id>-<element>`, or the element's id where the entry has none. A device
 * of the whole site without an `id` has its kind's name. Entries that are `doubtful` are looked at and left out.
 */
export function expandDevices(
  scenario: Pick<Scenario, 'devices'>,
  grid: GridDocument,
  doubtful: ReadonlySet<number> = new Set(),
): ExpandedDevices {
  const faults: DeviceFault[] = [];
  const misplaced: Name[] = [];
  let isComplete = true;
  const devices: ExpandedDevice[] = [];
  const owners = new Map<string, number>();
  for (const [entry, device] of scenario.devices.entries()) {
    const result = expandEntry(device, grid);
    if ('message' in result) faults.push({ ...result, path: ['devices', entry, ...result.path] });
    if ('message' in result || doubtful.has(entry)) {
      const { kind, id, count, at } = device;
      if (id === undefined || count !== undefined || at.includes('*') || doubtful.has(entry)) isComplete = false;
      else misplaced.push({ kind, id });
      continue;
    }
    for (const { id, at } of result.places) {
      if (!TOPIC_LEVEL.test(id)) {
        const message = `device id ${JSON.stringify(id)} is no level of a topic, for its / + # or control characters`;
        faults.push({
          path: ['devices', entry],
          message,
          hint: 'put devices at such elements one by one, with an `id`',
        });
        break;
      }
      const owner = owners.get(id);
      if (owner !== undefined) {
        const where = owner === entry ? 'this entry' : `devices.${owner}`;
        const path = ['devices', entry, ...(device.id === undefined ? [] : ['id'])];
        const hint = device.id === undefined ? 'give this entry an `id` of its own' : 'ids are unique over all kinds';
        faults.push({ path, message: `device id "${id}" is already used by ${where}`, hint });
        break;
      }
      owners.set(id, entry);
      devices.push({ ...device, id, at, entry });
    }
  }
  return { devices, misplaced, isComplete, faults };
}

interface Placement {
  readonly id: string;
  readonly at: string;
}

function expandEntry(
  device: ScenarioDevice,
  grid: GridDocument,
): { readonly places: readonly Placement[] } | DeviceFault {
  const { id = device.kind } = device;
  if (device.at === 'site') {
    const ids = device.count === undefined ? [id] : numbered(device.count).map((number) => `${id}-${number}`);
    return { places: ids.map((each) => ({ id: each, at: device.at })) };
  }
  const [kind = '', pattern = '', side] = device.at.split(':');
  const known = elementsOf(grid, kind);
  const matches = known.filter(matcher(pattern));
  const suffix = side === undefined ? '' : `:${side}`;
  const single = !pattern.includes('*');
  const [only] = matches;
  if (only === undefined) return { path: ['at'], ...nothingThere(kind, pattern, known) };
  if (single) {
    const at = `${kind}:${only}${suffix}`;
    const base = device.id ?? only;
    if (device.count === undefined) return { places: [{ id: base, at }] };
    return { places: numbered(device.count).map((number) => ({ id: `${base}-${number}`, at })) };
  }
  if (device.count !== undefined && device.count > matches.length) {
    const message = `asks for ${device.count} devices at ${device.at}, where the grid has ${matches.length} places`;
    return { path: ['count'], message };
  }
  return {
    places: matches.slice(0, device.count).map((element) => ({
      id: device.id === undefined ? element : `${device.id}-${element}`,
      at: `${kind}:${element}${suffix}`,
    })),
  };
}

/** Tests an id against a pattern in which `*` stands for any characters. */
export function matcher(pattern: string): (id: string) => boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  const expression = new RegExp(`^${parts.join('.*')}$`);
  return (id) => expression.test(id);
}

function elementsOf(grid: GridDocument, kind: string): string[] {
  const lists: Readonly<Record<string, readonly { readonly id: string }[]>> = {
    bus: grid.buses,
    branch: documentBranches(grid),
    load: grid.loads,
    battery: grid.batteries,
  };
  return (lists[kind] ?? []).map(({ id }) => id);
}

function nothingThere(kind: string, pattern: string, known: readonly string[]): Omit<DeviceFault, 'path'> {
  if (pattern.includes('*')) return { message: `no ${kind} of the grid matches "${pattern}"` };
  const near = closest(pattern, known);
  const message = `the grid has no ${kind} "${pattern}"`;
  return near === undefined ? { message } : { message, hint: `did you mean "${near}"?` };
}

/** 1 to `count` as texts of one width, so that they sort. */
function numbered(count: number): string[] {
  const width = String(count).length;
  return Array.from({ length: count }, (_, index) => String(index + 1).padStart(width, '0'));
}
