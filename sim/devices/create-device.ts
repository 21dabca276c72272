/** From the expanded devices of a scenario to devices that measure and act: the one place that knows all kinds. */
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import type { GridDocument } from '../../grids/schema.ts';
import type { ConditionOf } from '../faults/device-faults.ts';
import type { AirTemperature } from '../profiles/air-temperature.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import { bessFaults, createBess, type BessDevice } from './bess.ts';
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

/**
 * Builds every device. Each one's chance comes from streams named after its own kind and id, so that adding a device
 * changes no other's messages. Throws InvalidInputError with every device that does not fit its place.
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
  const problems: Problem[] = [];
  const devices: Device[] = [];
  const phasorDevices: PhasorDevice[] = [];
  const meters: MeteringDevice[] = [];
  const batteries = new Map<string, ControllableDevice>();

  for (const device of options.devices) {
    const fault = (key: string, message: string, hint?: string) =>
      problems.push({
        path: `devices.${device.entry}.${key}`,
        message: `${device.kind} "${device.id}": ${message}`,
        ...(hint === undefined ? {} : { hint }),
      });
    if (device.kind === 'pmu') {
      const terminal = terminalAt(grid, device.at);
      if (terminal === undefined)
        fault('at', `${device.at} is no place for a PMU`, 'use bus:<id> or branch:<id>:from|to');
      else phasorDevices.push(keep(devices, createPmu({ device, grid, terminal, seed, clock })));
    } else if (device.kind === 'smart-meter') {
      const point = meterPointAt(grid, device.at);
      if (point === undefined) fault('at', `${device.at} is no place for a meter`, 'use bus:<id> or load:<id>');
      else meters.push(keep(devices, createSmartMeter({ device, grid, point, seed, clock })));
    } else if (device.kind === 'weather-station') {
      if (options.air === undefined) throw new Error('a weather station needs air');
      keep(devices, createWeatherStation({ device, air: options.air, seed, clock }));
    } else {
      const battery = findBattery(device, grid.document, batteries, fault);
      for (const { key, message } of bessFaults(device)) fault(key, message);
      if (battery === undefined || problems.length > 0) continue;
      batteries.set(
        battery,
        keep(devices, createBess({ device, battery, seed, clock, condition: options.conditions?.(device) })),
      );
    }
  }
  if (problems.length > 0) throw new InvalidInputError(problems);
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
  taken: ReadonlyMap<string, unknown>,
  fault: (key: string, message: string, hint?: string) => void,
): string | undefined {
  const [what, id] = device.at.split(':');
  const here = grid.batteries.filter((battery) => (what === 'battery' ? battery.id : battery.bus) === id);
  if (what !== 'battery' && what !== 'bus') {
    fault('at', `${device.at} is no place for a battery`, 'use battery:<id> or bus:<id>');
    return undefined;
  }
  const free = here.find((battery) => !taken.has(battery.id));
  if (free === undefined) {
    const message =
      here.length === 0
        ? `the grid has no battery at ${device.at}`
        : `another device already drives ${here.map((battery) => battery.id).join(', ')}`;
    fault('at', message, 'add the battery to the grid document');
    return undefined;
  }
  return free.id;
}
