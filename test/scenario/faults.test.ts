/** Every fault of a scenario is found in one go, named in words, and mapped to the line and column where it stands. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createWorkshop, soundScenario } from './workshop.ts';

const { write, faultsOf, faultsWith } = createWorkshop();

it('finds nothing wrong with a sound scenario', async () => {
  expect(await faultsOf(write('s.yaml', soundScenario))).toEqual([]);
});

describe('form', () => {
  it.each([
    ['site: germany', 'sit: germany', 's.yaml:3:1: sit: unknown key "sit" (did you mean "site"?)'],
    ['every: 10s', 'evry: 10s', 's.yaml:8:42: devices.0.evry: unknown key "evry" (did you mean "every"?)'],
    ['every: 10s', 'zzz: 10s', 's.yaml:8:42: devices.0.zzz: unknown key "zzz"'],
    [
      'kind: pmu',
      'kind: pmv',
      's.yaml:8:13: devices.0.kind: "pmv" is not one of "pmu", "smart-meter", "bess", "weather-station" (did you mean "pmu"?)',
    ],
    [
      '{ kind: pmu, ',
      '{ ',
      's.yaml:8:5: devices.0.kind: missing: one of "pmu", "smart-meter", "bess", "weather-station"',
    ],
    [
      'duration: 1h',
      'duration: 1x',
      's.yaml:5:56: clock.duration: "1x" is no duration: write a number with us, ms, s, min, h, d, for example "15min"',
    ],
    ['duration: 1h', 'duration: -1h', 's.yaml:5:56: clock.duration: "-1h" is negative'],
    ['duration: 1h', 'duration: [1h]', 's.yaml:5:56: clock.duration: a list is no duration: write for example "15min"'],
    ['duration: 1h, ', '', 's.yaml:5:8: clock.duration: missing'],
    [
      '"2021-04-01T00:00:00+02:00"',
      '"2021-04-01 00:00"',
      's.yaml:5:17: clock.start: "2021-04-01 00:00" is no instant: write ISO 8601 with its zone, for example "2021-04-01T00:00:00+02:00"',
    ],
    [
      'at: "bus:2"',
      'at: "2"',
      's.yaml:8:33: devices.0.at: "2" is no place: write bus:<id>, branch:<id>:from, branch:<id>:to, load:<id> or battery:<id>',
    ],
    ['schema: 1', 'schema: 2', 's.yaml:1:9: schema: 2 is not 1'],
    ['name: Sound', 'name: ""', 's.yaml:2:7: name: must not be empty'],
    [
      'powerCalculation: {}',
      'powerCalculation: on',
      's.yaml:11:21: platform.powerCalculation: "on" is not false or a map of keys and values',
    ],
    [
      'powerCalculation: {}',
      'powerCalculation:',
      's.yaml:11:3: platform.powerCalculation: an empty value is not false or a map of keys and values',
    ],
    [
      'powerCalculation: {}',
      'powerCalculation: { sequenceComponent: true }',
      's.yaml:11:23: platform.powerCalculation.sequenceComponent: unknown key "sequenceComponent" (did you mean "sequenceComponents"?)',
    ],
    [
      'powerCalculation: {}',
      'powerCalculation: { sequenceComponents: 3 }',
      's.yaml:11:43: platform.powerCalculation.sequenceComponents: 3 is not true or false',
    ],
    [
      'powerCalculation: {}',
      'powerCalculation: { commonAngleSigma: 5 km }',
      's.yaml:11:41: platform.powerCalculation.commonAngleSigma: "5 km" is no angle: write a number with rad, mrad, deg, for example "5 mrad"',
    ],
    [
      'powerCalculation: {}',
      'balancer: { usecase: 2, exchange: 4 kW }',
      's.yaml:11:15: platform.balancer.usecase: unknown key "usecase" (did you mean "useCase"?)',
    ],
    [
      'platform:\n',
      'platform:\n  powerCalculatoin: {}\n',
      's.yaml:11:3: platform.powerCalculatoin: unknown key "powerCalculatoin" (did you mean "powerCalculation"?)',
    ],
    [
      'seed: s1',
      'seed: s1\nprofiles: { load: { kind: h1 } }',
      's.yaml:5:27: profiles.load.kind: "h1" is not one of "h0", "csv", "grid" (did you mean "h0"?)',
    ],
    [
      'seed: s1',
      'seed: s1\nprofiles: { csv: { fil: x } }',
      's.yaml:5:20: profiles.csv.fil: unknown key "fil" (did you mean "file"?)',
    ],
    [
      'every: 10s',
      'every: 10s, voltageTransformerClass: 0,5',
      's.yaml:8:81: devices.0.5: unknown key "5" (decimals have a point, as a comma begins the next entry)',
    ],
    [
      'seed: s1',
      'seed: s1\nevents: [{ at: 5min, useCas: 2 }]',
      's.yaml:5:22: events.0.useCas: unknown key "useCas" (did you mean "useCase"?)',
    ],
    [
      'seed: s1',
      'seed: s1\ntickless: { power-calculation: { input: pmu, outputs: { pwer: 1 } } }',
      's.yaml:5:57: tickless.power-calculation.outputs.pwer: unknown key "pwer" (did you mean "power"?)',
    ],
    ['seed: s1', 'seed: s1\n"\\e[2J\\n": 1', 's.yaml:5:1: \\u001b[2J\\u000a: unknown key "\\u001b[2J\\u000a"'],
    [
      'seed: s1',
      'seed: s1\npace: 20',
      's.yaml:5:7: pace: 20 is no pace: write lockstep, realtime, quiet or a factor such as 60x',
    ],
    [
      'seed: s1',
      'seed: s1\npace: 0.0x',
      's.yaml:5:7: pace: "0.0x" is no pace: write lockstep, realtime, quiet or a factor such as 60x',
    ],
    [
      'seed: s1',
      'seed: s1\npace: fast',
      's.yaml:5:7: pace: "fast" is no pace: write lockstep, realtime, quiet or a factor such as 60x',
    ],
  ])('%s -> %s', async (from, to, fault) => {
    expect(await faultsWith(from, to)).toEqual([fault].flat());
  });

  it.each([
    [
      'name: Sound',
      'name: [',
      /^s\.yaml:3:1: is no valid YAML: Flow sequence in block collection must be sufficiently indented/,
    ],
    ['name: Sound', 'name: Sound\nname: Again', /^s\.yaml:3:1: key "name" is given twice in one map$/],
    ['name: Sound', 'name: *n', /^s\.yaml:2:7: is no valid YAML: no anchor &n stands before its alias \*n$/],
    ['name: Sound', 'name: Sound\n---\nname: x', /^s\.yaml:\d+:1: .*: a second document begins here, and one is read$/],
    ['name: Sound', 'name: "Sound', /^s\.yaml:2:7: is no valid YAML: a quote begins here and does not end$/],
  ])('malformed YAML: %s -> %s', async (from, to, fault) => {
    expect((await faultsWith(from, to))[0]).toMatch(fault);
  });

  it('says when a file is empty, missing, a folder or no map', async () => {
    expect(await faultsOf(write('empty.yaml', '# nothing\n'))).toEqual(['empty.yaml:1:1: is empty']);
    expect(await faultsOf(write('list.yaml', '- a\n'))).toEqual([
      'list.yaml:1:1: a list is not a map of keys and values',
    ]);
    expect((await faultsOf('test/scenario/nowhere.yaml'))[0]).toBe('test/scenario/nowhere.yaml: file does not exist');
    expect((await faultsOf('test/scenario'))[0]).toBe('test/scenario: is a folder, not a scenario file');
  });

  it.each(['[', 'a: {', '- ', '? '])('stops at a hundred thousand "%s"', async (text) => {
    expect(await faultsOf(write('deep.yaml', text.repeat(100_000)))).toEqual(['deep.yaml: nests too deeply']);
  });

  it('stops at a bomb of aliases', async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `l${i + 1}: &l${i + 1} [${`*l${i},`.repeat(9)}*l${i}]`);
    const bomb = `l0: &l0 [x]\n${levels.join('\n')}\n`;
    expect(await faultsOf(write('bomb.yaml', bomb))).toEqual(['bomb.yaml: nests or repeats too many nodes']);
  });
});

describe('sense', () => {
  it.each([
    [
      'duration: 1h',
      'duration: 65s',
      's.yaml:5:56: clock.duration: a duration of 65 s is no multiple of the step of 10 s',
    ],
    ['duration: 1h', 'duration: 0s', 's.yaml:5:56: clock.duration: a duration of zero has no instant'],
    ['step: 10s', 'step: 0s', 's.yaml:5:66: clock.step: a step of zero never ends'],
    [
      'kind: pmu, id: pmu-1, at: "bus:2", every: 10s',
      'kind: weather-station',
      's.yaml:8:13: devices.0.kind: a weather station has nothing to measure: the scenario has no profiles.temperature (add profiles: { temperature: {} })',
    ],
    [
      'grid: ./g.json',
      'grid: ./g.json\nprofiles: { load: { kind: grid }, temperature: { loadPerKelvin: 1 % } }',
      's.yaml:7:65: profiles.temperature.loadPerKelvin: acts on H0 loads only, and those of this scenario are of kind grid',
    ],
    [
      'grid: ./g.json',
      'grid: ./g.json\nprofiles: { temperature: { anomaly: -8 C } }',
      's.yaml:7:37: profiles.temperature.anomaly: "-8 C" is no temperature difference: write a number with K, for example "8 K"',
    ],
    [
      'grid: ./g.json',
      'grid: ./g.json\nprofiles: { temperature: { csv: { file: nowhere.csv } } }',
      's.yaml:7:41: profiles.temperature.csv.file: file "nowhere.csv" does not exist',
    ],
    [
      'grid: ./g.json',
      'grid: ./g.json\nprofiles: { temperature: { kind: csv } }',
      's.yaml:7:26: profiles.temperature.csv: missing: the kind is csv (add csv: { file: ... })',
    ],
    ['duration: 1h', 'duration: 1000000000h', 's.yaml:5:56: clock.duration: leads out of the years 1970 to 9999'],
    ['"2021-04-01T', '"0021-04-01T', 's.yaml:5:17: clock.start: leads out of the years 1970 to 9999'],
    [
      'id: pmu-1',
      'id: a/b',
      's.yaml:8:22: devices.0.id: "a/b" is no level of a topic: leave out / + # and control characters',
    ],
    ['every: 10s', 'every: 15s', 's.yaml:8:49: devices.0.every: 15 s is no multiple of the step of 10 s'],
    ['at: "bus:2"', 'at: "bus:44"', 's.yaml:8:33: devices.0.at: the grid has no bus "44"'],
    ['at: "bus:1*"', 'at: "bus:x*"', 's.yaml:9:30: devices.1.at: no bus of the grid matches "x*"'],
    [
      'at: "bus:1*"',
      'at: "bus:1*", count: 40',
      's.yaml:9:47: devices.1.count: asks for 40 devices at bus:1*, where the grid has 11 places',
    ],
    [
      'id: pmu-1',
      'id: "11"',
      's.yaml:9:5: devices.1: device id "11" is already used by devices.0 (give this entry an `id` of its own)',
    ],
    [
      'grid: ./g.json',
      'grid: ieee-34',
      's.yaml:6:7: grid: "ieee-34" is neither a native network nor a file (did you mean "ieee-33"?)',
    ],
    [
      'unexplained ==',
      'unexplaned ==',
      's.yaml:13:5: expect.0: "messages.unexplaned" is no metric, KPI or counter (did you mean "messages.unexplained"?)',
    ],
    ['unexplained == 0', 'unexplained = 0', 's.yaml:13:26: expect.0: "=" is no comparison (did you mean "=="?)'],
    [
      'seed: s1',
      'seed: s1\nprofiles: { csv: { file: nowhere.csv } }',
      expect.stringMatching(/^s\.yaml:5:26: profiles\.csv\.file: file ".*nowhere\.csv" does not exist$/),
    ],
    [
      'seed: s1',
      'seed: s1\nprofiles: { load: { kind: csv } }',
      's.yaml:5:19: profiles.load.csv: missing: the kind is csv (add csv: { file: ... })',
    ],
    [
      'platform:',
      'platform:\n  gridChanges: { "lines.1-2.lengthM": 5, "buses.2.nominalVoltageV": -1 }',
      [
        's.yaml:11:18: platform.gridChanges.lines.1-2.lengthM: lines has no element "1-2" (did you mean "12"?)',
        's.yaml:11:42: platform.gridChanges.buses.2.nominalVoltageV: -1 is not above 0 in "2"',
      ],
    ],
  ])('%s -> %s', async (from, to, fault) => {
    expect(await faultsWith(from, to)).toEqual([fault].flat());
  });

  it('finds every fault of the bridge where it stands', async () => {
    const bridge = `  bridge:
    topics:
      - "topic # in 1 /bal/ platone/dsotp/"
      - topic a sideways 7
      - topic # out 1
      - 5
    windowMax: 0
    url: mqtt://x
`;
    expect(await faultsWith('  powerCalculation: {}\n', bridge)).toEqual([
      's.yaml:18:5: platform.bridge.url: unknown key "url"',
      's.yaml:14:9: platform.bridge.topics.1: "sideways" is no direction (write in, out or both)',
      's.yaml:14:9: platform.bridge.topics.1: "7" is no quality of service (write 0, 1 or 2)',
      's.yaml:15:9: platform.bridge.topics.2: "topic" is no topic rule (write "topic <pattern> [in|out|both] [qos] [local-prefix] [remote-prefix]", in quotes: in YAML " #" begins a comment)',
      's.yaml:16:9: platform.bridge.topics.3: 5 is not a text',
      's.yaml:17:16: platform.bridge.windowMax: 0 is not above 0',
    ]);
    const round = '  bridge: { topics: ["topic x out 1", "topic y in 3", "topic a/# in 1", "topic a/b out 1"] }\n';
    expect(await faultsWith('  powerCalculation: {}\n', round)).toEqual([
      's.yaml:11:39: platform.bridge.topics.1: "3" is no quality of service (write 0, 1 or 2)',
      's.yaml:11:55: platform.bridge.topics.2: "topic a/# in 1 "" """ and "topic a/b out 1 "" """ send messages round in a circle (give the two directions prefixes that do not overlap)',
    ]);
  });

  it('refuses grid changes that leave no valid grid, at the change where that is to blame alone', async () => {
    const voltage = '"buses.18.nominalVoltageV": 400';
    const together = [
      expect.stringMatching(/^s\.yaml:11:16: platform\.gridChanges: leaves the grid invalid: lines\[\d+\]/),
      expect.stringMatching(/^s\.yaml:11:16: platform\.gridChanges: leaves the grid invalid: lines\[\d+\]/),
    ];
    expect(await faultsWith('platform:', `platform:\n  gridChanges: { "lines.1.to": "1", ${voltage} }`)).toEqual([
      's.yaml:11:18: platform.gridChanges.lines.1.to: line "1" has both ends at bus "1"',
      ...together,
    ]);
    expect(await faultsWith('platform:', `platform:\n  gridChanges: { ${voltage} }`)).toEqual(together);
  });

  const battery = '  - { kind: bess, id: b, at: "bus:3", power: 3 kW, energy: 9 kWh, soc: SOC }\nplatform:';
  it.each([
    ['5 %, socMin: 8 %', 's.yaml:10:72: devices.2.soc: 5 % is outside the window of 8 % to 87.5 %'],
    ['50 %, socMin: 80 %, socMax: 20 %', 's.yaml:10:86: devices.2.socMin: 80 % is not below socMax of 20 %'],
    ['50', 's.yaml:10:72: devices.2.soc: "50" is outside 0 % to 100 %'],
  ])('state of charge %s', async (soc, fault) => {
    expect(await faultsWith('platform:', battery.replace('SOC', soc))).toEqual([fault]);
  });

  const event = (fields: string) => ['expect:', `events:\n  - { ${fields}, fault: stuck }\nexpect:`] as const;
  it.each([
    [
      'at: "25:00", target: pmu-1',
      's.yaml:13:11: events.0.at: "25:00" is no time: write an offset from the start ("90min"), a time of the first day ("12:00") or ISO 8601 with its zone',
    ],
    [
      'at: 61min, target: pmu-1',
      's.yaml:13:11: events.0.at: 2021-04-01T01:01:00+02:00 is outside the run (2021-04-01T00:00:00+02:00 to 2021-04-01T01:00:00+02:00)',
    ],
    [
      'at: "00:30", for: 1h, target: pmu-1',
      's.yaml:13:25: events.0.for: lasts until 2021-04-01T01:30:00+02:00, after the end of the run (2021-04-01T01:00:00+02:00)',
    ],
    ['at: 5min, for: 0s, target: pmu-1', 's.yaml:13:22: events.0.for: a fault of no duration strikes nothing'],
    ['at: 5min, target: pmu-2', 's.yaml:13:25: events.0.target: there is no device "pmu-2" (did you mean "pmu-1"?)'],
    ['at: 5min, target: "smart-meter/pmu*"', 's.yaml:13:25: events.0.target: no device matches "smart-meter/pmu*"'],
  ])('event %s', async (fields, fault) => {
    expect(await faultsWith(...event(fields))).toEqual([fault]);
  });

  it.each([
    ['fault: delay, value: -3s', '"-3s" is no value for delay'],
    ['fault: stuck, value: 3', 'stuck takes no value'],
    ['fault: derating, value: 300 %', '"300 %" is no value for derating'],
    ['fault: bias, measurand: activpower', '"activpower" is not one of "voltmagnitude", '],
  ])('an event with %s', async (fields, sentence) => {
    const events = `events:\n  - { at: 5min, target: "*", ${fields} }\nexpect:`;
    const [fault, ...others] = (await faultsWith('expect:', events)).filter((line) => !line.includes('is none'));
    expect(fault).toMatch(/^s\.yaml:13:\d+: events\.0\.(value|measurand): /);
    expect(fault).toContain(sentence);
    expect(others).toEqual([]);
  });

  it('an id of the grid that no topic can carry names its device entry', async () => {
    const grid = JSON.parse(readFileSync('grids/networks/ieee-33/grid.json', 'utf8')) as { buses: { id: string }[] };
    write('grid.json', JSON.stringify(grid).replaceAll('"17"', '"1/7"'));
    expect(await faultsWith('./g.json', './grid.json')).toEqual([
      's.yaml:9:5: devices.1: device id "1/7" is no level of a topic, for its / + # or control characters (put devices at such elements one by one, with an `id`)',
    ]);
  });

  it.each(['at: "00:30", target: pmu-1', 'at: "2021-04-01T00:10:00+02:00", target: "pmu/*"', 'at: 5min, target: "1*"'])(
    'accepts the event %s',
    async (fields) => {
      expect(await faultsWith(...event(fields))).toEqual([]);
    },
  );

  it('finds all faults at once', async () => {
    const text = soundScenario
      .replace('duration: 1h', 'duration: 65s')
      .replace('bus:2', 'bus:99')
      .replace('== 0', '== x');
    expect((await faultsOf(write('many.yaml', text))).map((line) => line.split(': ')[0])).toEqual([
      'many.yaml:5:56',
      'many.yaml:8:33',
      'many.yaml:13:29',
    ]);
  });

  it('names a misspelt fault with what was meant', async () => {
    const event = 'seed: s1\nevents:\n  - { at: 30min, fault: comm-outtage, target: pmu-1 }';
    const [fault, ...others] = await faultsWith('seed: s1', event);
    expect(fault).toMatch(/^s\.yaml:6:25: events\.0\.fault: "comm-outtage" is not one of "gross-error", /);
    expect(fault).toMatch(/\(did you mean "comm-outage"\?\)$/);
    expect(others).toEqual([]);
  });

  it.each(['forged-certificate', 'wrong-password'])('%s strikes behind the access layer only', async (fault) => {
    const events = `events:\n  - { at: 5min, fault: ${fault}, target: "p*" }\n`;
    const routed = (route: string) =>
      faultsOf(write('s.yaml', soundScenario.replace('every: 10s }', `every: 10s, route: ${route} }`).concat(events)));
    expect(await routed('bal')).toEqual([]);
    expect(await routed('direct')).toEqual([
      expect.stringMatching(
        `^s.yaml:15:\\d+: events.0.target: ${fault} acts at the access layer, which pmu-1 passes by \\(route: direct\\)`,
      ),
    ]);
  });

  it('faults of form hide none of times, targets and expectations', async () => {
    const text = soundScenario
      .replace('name: Sound', 'nam: Sound')
      .replace('every: 10s', 'evry: 10s')
      .replace('powerCalculation: {}', 'powerCalculation: { sequenceComponents: 3 }')
      .replace('== 0', '== x')
      .concat(
        [
          'events:',
          '  - { at: 30min, fault: comm-outtage, target: pmu-1 }',
          '  - { at: 99h, for: 5 mn, fault: bias, target: pmv-1, probabilty: 3 }',
          '  - { at: 30min, fault: bias, target: pmu-2 }',
        ].join('\n'),
      );
    expect((await faultsOf(write('both.yaml', text))).map((line) => line.split(': ')[1])).toEqual([
      'devices.0.evry',
      'events.0.fault',
      'events.1.for',
      'events.1.probabilty',
      'nam',
      'events.1.at',
      'events.1.target',
      'events.2.target',
      'expect.0',
      'platform.powerCalculation.sequenceComponents',
    ]);
  });

  it('expectations are read where too much else is wrong for further checks', async () => {
    const text = soundScenario.replace('duration: 1h', 'duration: 1x').replace('unexplained ==', 'unexplaned ==');
    expect(await faultsOf(write('clock.yaml', text))).toEqual([
      expect.stringMatching(/^clock\.yaml:5:56: clock\.duration: "1x" is no duration/),
      expect.stringMatching(/^clock\.yaml:13:5: expect\.0: .*did you mean "messages\.unexplained"/),
    ]);
  });
});

describe('CSV profiles', () => {
  const rows = [
    'timestamp,load_kw,pv_kw',
    ...['00:00', '00:15', '00:30', '00:45'].map((t) => `2021-04-01T${t}:00+02:00,10,0`),
  ];
  const withCsv = 'seed: s1\nprofiles: { csv: day.csv }';

  it('serve load and PV', async () => {
    write('day.csv', rows.join('\n'));
    expect(await faultsWith('seed: s1', withCsv)).toEqual([]);
  });

  it('are checked row by row', async () => {
    write('day.csv', rows.join('\n').replace('00:30:00+02:00,10', '00:30:00+02:00,ten'));
    expect((await faultsWith('seed: s1', withCsv))[0]).toMatch(/day\.csv:4:2: load_kw: "ten" is no number/);
  });

  it('must have the columns', async () => {
    write('day.csv', rows.join('\n').replace('load_kw', 'demand'));
    expect((await faultsWith('seed: s1', withCsv))[0]).toMatch(/day\.csv:1: load_kw: has no column "load_kw"/);
  });

  it('must cover the run', async () => {
    write('day.csv', rows.slice(0, 4).join('\n'));
    // Once, though load and PV both come from it.
    expect(await faultsWith('seed: s1', withCsv)).toEqual([
      expect.stringMatching(/day\.csv: covers .* but the scenario runs/),
    ]);
  });
});
