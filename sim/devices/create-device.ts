/** From the expanded devices of a scenario to devices that measure and act: the one place that knows all kinds. */
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument } from '../../grids/schema.ts';
import type { ConditionOf } from '../faults/device-faults.ts';
import type { AirTemperature } from '../profiles/air-temperature.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import { createBess, type BessDevice } from './bess.ts';
import type { ControllableDevice, Device, MeteringDevice, PhasorDevice } from './device.ts';
import type { DeviceClock } from './message.ts';
import { terminalAt } from './place.ts';
import { createPmu } from './pmu.ts';
import { createSmartMeter, meterPointAt } from './smart-meter.ts';
import { createWeatherStation } from './weather-station.ts';

export interface DevicePark {
  /** All of them in the order of the scenario. */
  readonly devices: readonly Device[];
  readonly phasorDevices: readonly PhasorDevice[];
  readonly meters: readonly MeteringDevice[];
  readonly controllables: readonly ControllableDevice[];
  /** By id of the battery of the grid document: the device that drives it. */
  readonly batteries: ReadonlyMap<string, ControllableDevice>;
}

/** A device that does not fit its place. */
export interface PlaceFault {
  readonly path: readonly ['devices', number, 'at'];
  readonly message: string;
  readonly hint: string;
}

interface Places {
  /** The grid's battery, by id, that each battery device drives, by its id. */
  readonly driven: ReadonlyMap<string, string>;
  readonly faults: readonly PlaceFault[];
}

/** Which devices of a scenario stand where the grid has nothing for them. */
export function placeDevices(devices: readonly ExpandedDevice[], grid: CompiledGrid): Places {
  const driven = new Map<string, string>();
  const faults = devices.flatMap((device): PlaceFault[] => {
    const fault = (message: string, hint: string): PlaceFault[] => [
      { path: ['devices', device.entry, 'at'], message: `${device.kind} "${device.id}": ${message}`, hint },
    ];
    if (device.kind === 'pmu' && terminalAt(grid, device.at) === undefined) {
      return fault(`${device.at} is no place for a PMU`, 'use bus:<id> or branch:<id>:from|to');
    }
    if (device.kind === 'smart-meter' && meterPointAt(grid, device.at) === undefined) {
      return fault(`${device.at} is no place for a meter`, 'use bus:<id> or load:<id>');
    }
    if (device.kind !== 'bess') return [];
    const battery = findBattery(device, grid.document, new Set(driven.values()));
    if (typeof battery === 'object') return fault(battery.message, battery.hint);
    driven.set(device.id, battery);
    return [];
  });
  return { driven, faults };
}

/**
 * Builds every device. Each one's chance comes from streams named after its own kind and id, so that adding a device
 * changes no other's messages. Their places and plates have to be sound: see `placeDevices` and `bessFaults`.
 */
export function createDevices(options: {
  readonly devices: readonly ExpandedDevice[];
  readonly grid: CompiledGrid;
  readonly seed: string;
  readonly clock: DeviceClock;
  /** What is wrong inside the devices and when; all are sound without it. */
  readonly conditions?: ConditionOf;
  /** What weather stations measure; without it there may be none. */
  readonly air?: Pick<AirTemperature, 'meanC'>;
}): DevicePark {
  const { grid, seed, clock } = options;
  const { driven, faults } = placeDevices(options.devices, grid);
  if (faults[0] !== undefined) throw new Error(`unchecked device: ${faults[0].message}`);
  const devices: Device[] = [];
  const phasorDevices: PhasorDevice[] = [];
  const meters: MeteringDevice[] = [];
  const batteries = new Map<string, ControllableDevice>();

  for (const device of options.devices) {
    if (device.kind === 'pmu') {
      const terminal = terminalAt(grid, device.at)!;
      phasorDevices.push(keep(devices, createPmu({ device, grid, terminal, seed, clock })));
    } else if (device.kind === 'smart-meter') {
      const point = meterPointAt(grid, device.at)!;
      meters.push(keep(devices, createSmartMeter({ device, grid, point, seed, clock })));
    } else if (device.kind === 'weather-station') {
      if (options.air === undefined) throw new Error('a weather station needs air');
      keep(devices, createWeatherStation({ device, air: options.air, seed, clock }));
    } else {
      const battery = driven.get(device.id)!;
      const condition = options.conditions?.(device);
      batteries.set(battery, keep(devices, createBess({ device, battery, seed, clock, condition })));
    }
  }
  return { devices, phasorDevices, meters, controllables: [...batteries.values()], batteries };
}

function keep<Kind extends Device>(devices: Device[], device: Kind): Kind {
  devices.push(device);
  return device;
}

/** The grid's battery that a device drives: the named one, or at a bus the one there that nobody drives yet. */
function findBattery(
  device: BessDevice,
  grid: GridDocument,
  taken: ReadonlySet<string>,
): string | Pick<PlaceFault, 'message' | 'hint'> {
  const [what, id] = device.at.split(':');
  if (what !== 'battery' && what !== 'bus') {
    return { message: `${device.at} is no place for a battery`, hint: 'use battery:<id> or bus:<id>' };
  }
  const here = grid.batteries.filter((battery) => (what === 'battery' ? battery.id : battery.bus) === id);
  const free = here.find((battery) => !taken.has(battery.id));
  if (free !== undefined) return free.id;
  const message =
    here.length === 0
      ? `the grid has no battery at ${device.at}`
      : `another device already drives ${here.map((battery) => battery.id).join(', ')}`;
  return { message, hint: 'add the battery to the grid document' };
}
