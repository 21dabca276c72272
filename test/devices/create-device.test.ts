import { describe, expect, test } from 'vitest';
import { createDevices, placeDevices } from '../../sim/devices/create-device.ts';
import { expandDevices } from '../../sim/scenario/expand-devices.ts';
import { deviceSchema } from '../../sim/scenario/schema.ts';
import { clock, grid, START_US, STEP_US, truthOf } from './bench-house.ts';

type Entries = readonly Readonly<Record<string, unknown>>[];

function expanded(entries: Entries) {
  const parsed = entries.map((entry) => deviceSchema.parse(entry));
  return expandDevices({ devices: parsed }, grid.document).devices;
}

function park(entries: Entries, seed = '1') {
  return createDevices({ devices: expanded(entries), grid, seed, clock });
}

const meters = { kind: 'smart-meter', at: 'load:*', every: '30s' };
const pmu = { kind: 'pmu', id: 'pmu', at: 'branch:service:to' };
const battery = { kind: 'bess', id: 'store', at: 'bus:house', power: '5 kW', energy: '10 kWh', soc: '50 %' };

/** Messages of a device as they would be encoded, over 20 steps. */
function bytes(entries: readonly Readonly<Record<string, unknown>>[], id: string, seed = '1'): string[] {
  const { devices } = park(entries, seed);
  return Array.from({ length: 20 }, (_, step) => {
    const truth = truthOf({
      timeUs: START_US + step * STEP_US,
      kitchenW: [10 * step, 500, 20],
      workshopW: [100, 7 * step, 9],
      systemAngleRad: 0.3 * step,
    });
    return devices.flatMap((device) => device.sample(truth)).filter((message) => message.device === id);
  })
    .flat()
    .map(({ measurement }) => JSON.stringify(measurement));
}

describe('the park of devices', () => {
  test('adding, removing or reordering devices leaves the bytes of the others', () => {
    const alone = bytes([pmu], 'pmu');
    expect(alone).toHaveLength(20);
    const crowd = [battery, meters, { ...pmu, id: 'pmu-2', at: 'bus:street' }, pmu];
    expect(bytes(crowd, 'pmu')).toEqual(alone);
    const kitchen = bytes([meters], 'kitchen');
    expect(kitchen.length).toBeGreaterThan(5);
    expect(bytes([...crowd].reverse(), 'kitchen')).toEqual(kitchen);
    expect(bytes([{ ...meters, at: 'load:kitchen' }], 'kitchen')).toEqual(kitchen);
    expect(bytes([meters], 'kitchen', '2')).not.toEqual(kitchen);
  });

  test('two devices of one kind at one place err each in its own way', () => {
    const values = (entries: readonly Readonly<Record<string, unknown>>[], id: string) =>
      bytes(entries, id).map((text) => text.replaceAll(id, 'x'));
    const twins = [pmu, { ...pmu, id: 'twin' }];
    expect(values(twins, 'twin')).toHaveLength(20);
    expect(values(twins, 'twin')).not.toEqual(values(twins, 'pmu'));
    const meterTwins = [
      { ...meters, id: 'one', at: 'load:kitchen' },
      { ...meters, id: 'two', at: 'load:kitchen' },
    ];
    expect(values(meterTwins, 'one')).not.toEqual(values(meterTwins, 'two'));
  });

  test('devices are sorted by what they can do, batteries by the battery that they drive', () => {
    const { devices, phasorDevices, meters: metering, controllables, batteries } = park([pmu, meters, battery]);
    expect(devices.map(({ id }) => id)).toEqual(['pmu', 'kitchen', 'workshop', 'store']);
    expect(phasorDevices.map(({ id }) => id)).toEqual(['pmu']);
    expect(metering.map(({ id }) => id)).toEqual(['kitchen', 'workshop']);
    expect(controllables.map(({ id }) => id)).toEqual(['store']);
    expect(batteries.get('cellar')?.id).toBe('store');
    for (const device of devices) expect(device.describe().summary.length).toBeGreaterThan(20);
  });

  test('every device that does not fit its place is told', () => {
    const entries = [
      { ...pmu, at: 'load:kitchen' },
      { kind: 'smart-meter', id: 'm', at: 'branch:service:from' },
      { ...battery, at: 'bus:street' },
      { ...battery, id: 'second', at: 'battery:cellar' },
      { ...battery, id: 'third', at: 'load:kitchen' },
    ];
    const { driven, faults } = placeDevices(expanded(entries), grid);
    expect([...driven]).toEqual([['second', 'cellar']]);
    expect(faults.map(({ path, message }) => `${path.join('.')} ${message}`)).toEqual([
      'devices.0.at pmu "pmu": load:kitchen is no place for a PMU',
      'devices.1.at smart-meter "m": branch:service:from is no place for a meter',
      'devices.2.at bess "store": the grid has no battery at bus:street',
      'devices.4.at bess "third": load:kitchen is no place for a battery',
    ]);
    expect(() => park(entries)).toThrow('unchecked device: pmu "pmu"');
  });

  test('two devices cannot drive one battery', () => {
    expect(() => park([battery, { ...battery, id: 'twin' }])).toThrow('another device already drives cellar');
  });
});
