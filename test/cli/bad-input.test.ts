/**
 * What is wrong with a scenario and with what it names is told once, at its line and column, by `twin validate` and
 * `twin run` alike; nothing is told that would be gone with another fault; exit code 10, and nothing is written.
 */
import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createWorkshop, soundHead } from '../scenario/workshop.ts';
import { twin } from './harness.ts';

const { path, write } = createWorkshop();

const sound = `${soundHead}devices:
  - { kind: pmu, id: pmu-1, at: "branch:1:from", every: 10s }
  - { kind: smart-meter, at: "bus:1*", every: 15min }
  - { kind: bess, id: store, at: "bus:3", power: 3 kW, energy: 9 kWh, soc: 50 % }
platform:
  bridge: {}
  powerCalculation: {}
  forecasting: {}
  stateEstimation: { every: 15min }
  balancer: {}
expect:
  - messages.unexplained == 0
`;

const waits = 'balancer waits for power-calculation, which does not take part';

/** Faults as `line:column: path: beginning of the message`, of the scenario unless a file is named. */
const cases: readonly (readonly [
  name: string,
  changes: readonly (readonly [from: string, to: string])[],
  faults: readonly string[],
  options?: readonly string[],
])[] = [
  [
    'form, and who waits for whom',
    [
      ['every: 15min }\n  - { kind: bess', 'every: 15 }\n  - { kind: bess'],
      ['  powerCalculation: {}\n', ''],
    ],
    ['9:47: devices.1.every: "15" is no duration', `15:13: platform.balancer: ${waits}`],
  ],
  [
    'a service by a wrong name takes part',
    [
      ['powerCalculation', 'powerCalculatoin'],
      ['every: 10s', 'evry: 10s'],
    ],
    ['8:50: devices.0.evry: unknown key', '13:3: platform.powerCalculatoin: unknown key'],
  ],
  [
    'options that are no map hide no fault of others',
    [
      ['stateEstimation: { every: 15min }', 'stateEstimation: 15min'],
      ['  powerCalculation: {}\n', ''],
    ],
    ['14:20: platform.stateEstimation: "15min" is not false or a map', `15:13: platform.balancer: ${waits}`],
  ],
  [
    'no battery and no breaker beside a misspelt key',
    [
      ['  - { kind: bess, id: store, at: "bus:3", power: 3 kW, energy: 9 kWh, soc: 50 % }\n', ''],
      ['"branch:1:from"', '"bus:2"'],
      ['seed: s1', 'sed: s1'],
    ],
    [
      '4:1: sed: unknown key "sed" (did you mean "seed"?)',
      '15:13: platform.balancer.battery: missing (add a device of kind bess)',
      '15:13: platform.balancer.breaker: missing (add a pmu',
    ],
  ],
  [
    'a device of no kind may be the battery, and has its other faults told',
    [
      ['kind: bess', 'kind: inverter'],
      ['at: "bus:3"', 'every: 15, at: "3"'],
    ],
    ['10:13: devices.2.kind: "inverter"', '10:41: devices.2.every: "15"', '10:49: devices.2.at: "3" is no place'],
  ],
  [
    'a battery in the wrong place, with a plate that cannot be',
    [
      ['at: "bus:3", power: 3 kW', 'at: "bus:x3", power: 0 kW'],
      ['name: Sound', 'nam: Sound'],
    ],
    [
      '2:1: nam: unknown key',
      '10:34: devices.2.at: the grid has no bus "x3"',
      '10:51: devices.2.power: must be above 0 W',
    ],
  ],
  [
    'a window that cannot be read judges no state of charge',
    [['soc: 50 %', 'soc: 5 %, socMin: 5x %, evry: 3s']],
    ['10:89: devices.2.socMin: "5x %" is no share', '10:95: devices.2.evry: unknown key'],
  ],
  [
    'values outside their choices, and places',
    [
      ['every: 15min }\n  - { kind: bess', 'every: 15min, accuracyClass: D }\n  - { kind: bess'],
      ['"bus:1*"', '"bus:99"'],
      ['every: 10s', 'every: 10s, route: bol'],
      ['  bridge: {}\n', ''],
    ],
    [
      '8:69: devices.0.route: "bol"',
      '9:30: devices.1.at: the grid has no bus "99"',
      '9:69: devices.1.accuracyClass: "D"',
      '12:3: platform: has no bridge, so what store publishes',
    ],
  ],
  [
    'a mode that nobody knows hides no option',
    [['balancer: {}', 'balancer: { mode: real-time, targetW: x, evry: 3 }']],
    [
      '16:21: platform.balancer.mode: "real-time"',
      '16:41: platform.balancer.targetW: "x" is not a number',
      '16:44: platform.balancer.evry: unknown key "evry" (did you mean "every"?)',
    ],
  ],
  [
    'a grid that is not there',
    [
      ['./g.json', './h.json'],
      ['  powerCalculation: {}\n', ''],
      ['stateEstimation: { every', 'stateEstimation: { evry'],
    ],
    ['6:7: grid: file', '14:22: platform.stateEstimation.evry: unknown key', `15:13: platform.balancer: ${waits}`],
  ],
  [
    'a clock that is none, and a step that is not known',
    [
      ['duration: 1h, step: 10s', 'duration: 1x, stp: 10s'],
      ['every: 10s', 'every: 15s'],
      ['  bridge: {}\n', ''],
    ],
    ['5:56: clock.duration: "1x"', '5:60: clock.stp: unknown key', '12:3: platform: has no bridge'],
  ],
  [
    'keys given twice, and an unknown key',
    [
      ['seed: s1', 'seed: s1\nseed: s2'],
      ['every: 10s', 'evry: 10s'],
    ],
    ['5:1: key "seed" is given twice', '9:50: devices.0.evry: unknown key'],
  ],
  [
    'an open quote, and brackets before it',
    [
      ['every: 10s }', 'every: 10s'],
      ['at: "bus:3"', 'at: "bus:3'],
    ],
    ['9:3: is no valid YAML: Flow map', '10:34: is no valid YAML: a quote begins here and does not end'],
  ],
  [
    'services of the command line, by name and reach',
    [['every: 10s', 'evry: 10s']],
    [
      '--databus: foo is no broker',
      '--bal: 99999 is no port',
      '--service: the scenario has no state-estimtion (did you mean "state-estimation"?)',
      '8:50: devices.0.evry: unknown key',
    ],
    ['--databus', 'foo', '--bal', 'embedded:99999', '--service', 'state-estimtion=attach'],
  ],
  [
    'overrides, each at its own',
    [['every: 15min', 'evry: 15min']],
    [
      '--set foo: is no override',
      '--set clock.step=x: clock.step: "x" is no duration',
      '9:40: devices.1.evry: unknown key',
      '--set events.0.fault=stuc: events.0.at: missing',
      '--set events.0.fault=stuc: events.0.fault: "stuc" is not',
      '--set events.0.fault=stuc: events.0.target: missing',
    ],
    ['--set', 'foo', '--set', 'clock.step=x', '--set', 'events.0.fault=stuc'],
  ],
  [
    'a CSV file with an open quote, and devices',
    [
      ['seed: s1', 'seed: s1\nprofiles: { csv: open.csv }'],
      ['at: "bus:3"', 'at: "bus:x"'],
    ],
    [
      '11:34: devices.2.at: the grid has no bus "x"',
      'open.csv:3:1: a quote begins here',
      'open.csv:4:3: pv_kw: "x" is no',
    ],
  ],
];

const folder = path('');
const at = (time: string, cells: string) => `2021-04-01T${time}:00+02:00,${cells}`;
write(
  'open.csv',
  [
    'timestamp,load_kw,pv_kw',
    at('00:00', '1,2'),
    `"${at('00:15', '1,2')}`,
    at('00:30', '1,x'),
    at('00:45', '1,2'),
  ].join('\n'),
);

describe('faults of a scenario', () => {
  const named = cases.map(([name, changes, faults, options = []]) => ({ name, changes, faults, options }));
  it.each(named)('$name', async ({ changes, faults, options }) => {
    const text = changes.reduce((before, [from, to]) => {
      if (!before.includes(from)) throw new Error(`the scenario has no ${from}`);
      return before.replace(from, to);
    }, sound);
    const file = write('s.yaml', text);
    const ran = await twin(['run', file, '--out', path('out'), ...options]);
    const told = ran.err.replaceAll(`${folder}/`, '').replaceAll('s.yaml:', '').trimEnd().split('\n');
    expect(told.map((line, i) => line.slice(0, faults[i]?.length ?? 0))).toEqual(faults);
    expect({ ...ran, err: '' }).toEqual({ code: 10, out: '', err: '' });
    expect(existsSync(path('out'))).toBe(false);
    // What the command line of a run says is no matter of the file.
    expect(options.length === 0 ? await twin(['validate', file]) : ran).toEqual(ran);
  });
});

describe('faults of logins', () => {
  it.each([
    [
      'bal: { username: "", pasword: hush }\nbal: { username: a, pasword: hush }\ndatabus: "user:hush"\n',
      [
        'logins.yaml:2:1: key "bal" is given twice in one map',
        'logins.yaml:2:21: bal.pasword: unknown key "pasword" (did you mean "password"?)',
        'logins.yaml:3:10: databus: what is given is not a map of keys and values',
      ],
    ],
    ['hush\n', ['logins.yaml:1:1: what is given is not a map of keys and values']],
  ])('stand beside those of the scenario, and show no secret: %j', async (text, faults) => {
    const scenario = write('s.yaml', sound.replace('every: 10s', 'evry: 10s'));
    const { code, err } = await twin(['run', scenario, '--credentials', write('logins.yaml', text)]);
    const told = err.replaceAll(`${folder}/`, '').trimEnd().split('\n');
    expect(told).toEqual([...faults, 's.yaml:8:50: devices.0.evry: unknown key "evry" (did you mean "every"?)']);
    expect({ code, shown: err.includes('hush') }).toEqual({ code: 10, shown: false });
  });
});
