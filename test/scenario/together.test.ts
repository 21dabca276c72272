/** No fault hides another, and none is told that would be gone with another: what is wrong twice has the faults of both. */
import { expect, it } from 'vitest';
import { createWorkshop, soundHead } from './workshop.ts';

const { write, faultsOfRun } = createWorkshop();

const text = `${soundHead}profiles:
  csv: { file: day.csv, load: load_kw, pv: pv_kw, unit: kW, gaps: error }
  temperature: { anomaly: 1 K }
devices:
  - { kind: pmu, id: pmu-1, at: "branch:1:to", every: 10s }
  - { kind: smart-meter, at: "bus:1*", every: 15min }
  - { kind: bess, id: store, at: "bus:3", power: 3 kW, energy: 9 kWh, soc: 50 % }
  - { kind: weather-station }
tickless: { power-calculation: { input: pmu, outputs: { power: 1 } } }
platform:
  bridge: {}
  powerCalculation: {}
  forecasting: {}
  stateEstimation: { every: 15min }
  balancer: { mode: near-real-time, useCase: 3, packages: [{ at: "00:30", for: 10min, power: 1 kW }] }
events:
  - { at: 10min, fault: stuck, target: pmu-1 }
  - { at: 20min, for: 5min, fault: derating, target: store, value: 50 % }
  - { at: 30min, fault: bias, target: "smart-meter/1*", value: 3 }
  - { at: 40min, useCase: 2, exchange: 5 kW, for: 10min }
expect:
  - messages.unexplained == 0
`;

/** Each finds its fault, and only that. */
const slips: readonly (readonly [from: string, to: string, path: string])[] = [
  ['kind: pmu,', 'kind: pmuu,', 'devices.0.kind'],
  ['kind: smart-meter', 'kind: inverter', 'devices.1.kind'],
  ['kind: bess, id: store', 'kind: 5, id: store', 'devices.2.kind'],
  ['at: "branch:1:to"', 'at: "branch:99:to"', 'devices.0.at'],
  ['at: "bus:1*"', 'at: "1*"', 'devices.1.at'],
  ['at: "bus:3"', 'at: "bus:x3"', 'devices.2.at'],
  ['profiles:', 'profiles:\n  load: { households: 7 }', 'profiles.load.households'],
  ['every: 10s', 'every: 15s', 'devices.0.every'],
  ['every: 15min', 'every: 15', 'devices.1.every'],
  ['id: pmu-1', 'id: 7', 'devices.0.id'],
  ['power: 3 kW', 'power: 3 kwh', 'devices.2.power'],
  ['soc: 50 %', 'soc: 5 %', 'devices.2.soc'],
  ['energy: 9 kWh', 'energie: 9 kWh', 'devices.2.energie'],
  ['{ kind: weather-station }', 'weather-station', 'devices.3'],
  ['start: "2021-04-01T00:00:00+02:00"', 'start: yesterday', 'clock.start'],
  ['duration: 1h', 'duration: 1x', 'clock.duration'],
  ['step: 10s', 'step: -10s', 'clock.step'],
  ['site: germany', 'sit: germany', 'sit'],
  ['grid: ./g.json', 'grid: 33', 'grid'],
  ['unit: kW', 'unit: kwh', 'profiles.csv.unit'],
  ['gaps: error', 'gaps: fill', 'profiles.csv.gaps'],
  ['anomaly: 1 K', 'anomaly: 1 C', 'profiles.temperature.anomaly'],
  ['temperature: { anomaly: 1 K }', 'temperature: warm', 'profiles.temperature'],
  ['mode: near-real-time', 'mode: real-time', 'platform.balancer.mode'],
  ['packages: [{ at: "00:30"', 'packages: [{ at: "0030"', 'platform.balancer.packages.0.at'],
  ['at: 10min, fault: stuck', 'at: 99h, fault: stuck', 'events.0.at'],
  ['target: pmu-1', 'target: pmu-2', 'events.0.target'],
  ['fault: derating', 'fault: deratin', 'events.1.fault'],
  ['for: 5min', 'for: 5h', 'events.1.for'],
  ['target: "smart-meter/1*"', 'target: "smart-meter/x*"', 'events.2.target'],
  ['exchange: 5 kW', 'exchange: 5 kWh', 'events.3.exchange'],
  ['unexplained == 0', 'unexplaned == 0', 'expect.0'],
  ['at: "branch:1:to"', 'at: "bus:2"', 'platform.balancer.breaker'],
  ['  bridge: {}\n', '', 'platform'],
  ['  powerCalculation: {}\n', '', 'tickless.power-calculation platform.balancer'],
  ['powerCalculation: {}', 'powerCalculation: { sequence: 1 }', 'platform.powerCalculation.sequence'],
  ['forecasting: {}', 'forecasting: on', 'platform.forecasting'],
  ['forecasting: {}', 'forecastin: {}', 'platform.forecastin'],
  ['forecasting: {}', 'forecasting: false\n  weather: {}', 'platform.weather'],
  ['every: 15min }\n  balancer', 'every: 15 m }\n  balancer', 'platform.stateEstimation.every'],
  ['input: pmu', 'input: pmuu', 'tickless.power-calculation.input'],
];

/** Faults that cannot be told beside another: what they depend on is not known. */
const unknowable = new Map([
  // Without the start nobody knows when "99h" is, without the duration when the run is over.
  ['clock.start', ['events.0.at', 'events.1.for']],
  ['clock.duration', ['events.0.at', 'events.1.for']],
  // Multiples of an unknown step, places in an unknown grid, limits of an unknown profile.
  ['clock.step', ['devices.0.every']],
  ['grid', ['profiles.load.households', 'devices.0.at', 'devices.2.at', 'events.0.target', 'events.2.target']],
  // Whose devices they would be is not known.
  ['devices.0.id', ['events.0.target', 'events.2.target']],
  ['devices.1.kind', ['events.0.target', 'events.2.target', 'platform.balancer.breaker']],
  ['devices.2.kind', ['events.0.target', 'events.2.target', 'platform.balancer.breaker']],
  ['devices.3', ['events.0.target', 'events.2.target', 'platform.balancer.breaker']],
  ['devices.1.at', ['events.0.target', 'events.2.target']],
  // Another mode may need neither; a service of another name may be any.
  ['platform.balancer.mode', ['platform.balancer.breaker', 'platform.balancer']],
  ['platform.weather', ['platform', 'platform.balancer', 'tickless.power-calculation']],
]);

const rows = ['00:00', '00:15', '00:30', '00:45'].map((time) => `2021-04-01T${time}:00+02:00,10,0`);
write('day.csv', ['timestamp,load_kw,pv_kw', ...rows].join('\n'));

async function pathsWith(...changes: readonly (readonly [string, string, string])[]): Promise<string> {
  const changed = changes.reduce((before, [from, to]) => {
    if (!before.includes(from)) throw new Error(`the scenario has no "${from}"`);
    return before.replace(from, to);
  }, text);
  const faults = await faultsOfRun(write('s.yaml', changed));
  return faults.map((line) => line.split(': ')[1]).join(' ');
}

it('alone', async () => {
  expect(await pathsWith()).toBe('');
  for (const slip of slips) expect([slip[1], await pathsWith(slip)]).toEqual([slip[1], slip[2]]);
});

it('a device in the wrong place is told beside what is wrong elsewhere', async () => {
  const place = ['at: "bus:3"', 'at: "bus:4"', ''] as const;
  expect(await pathsWith(place, ['site: germany', 'sit: germany', ''], ['for: 5min', 'for: 5h', ''])).toBe(
    'sit devices.2.at events.1.for',
  );
});

it('without devices nothing is said of what would come from them', async () => {
  const list = text.slice(text.indexOf('devices:'), text.indexOf('tickless:'));
  const events = text.slice(text.indexOf('events:'), text.indexOf('expect:'));
  const none = [list, 'devices: []\n', ''] as const;
  expect(await pathsWith(none, [events, '', ''], ['  powerCalculation: {}\n', '', ''])).toBe(
    'devices tickless.power-calculation platform.balancer',
  );
});

const sorted = (paths: string) => paths.split(' ').sort();

it.each(slips)('%s -> %s beside all others', async (...one) => {
  for (const other of slips.slice(slips.findIndex(([, to]) => to === one[1]) + 1)) {
    const overlap =
      text.indexOf(one[0]) < text.indexOf(other[0]) + other[0].length &&
      text.indexOf(other[0]) < text.indexOf(one[0]) + one[0].length;
    if (overlap) continue;
    const hidden = [...(unknowable.get(one[2]) ?? []), ...(unknowable.get(other[2]) ?? [])];
    const expected = `${one[2]} ${other[2]}`.split(' ').filter((path) => !hidden.includes(path));
    expect([other[1], sorted(await pathsWith(one, other))]).toEqual([other[1], expected.sort()]);
  }
});
