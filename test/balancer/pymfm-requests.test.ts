/** pymfm's request form: its answers in shape and figures, and every fault with its path. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { balance } from '../../cli/commands/balance.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { problemOfPymfm } from '../../platform/balancer/pymfm-optimisation.ts';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';
import { examples } from '../../platform/balancer/rest/examples.ts';
import { scheduled } from './scheduled.ts';

type Json = Record<string, unknown>;

const nearRequest = {
  id: 'case',
  application: 'pymfm',
  control_logic: 'rule_based',
  operation_mode: 'near_real_time',
  uc_start: '2021-04-01T00:00:00.000000Z',
  uc_end: '2021-04-01T23:45:00.000000Z',
  measurements_request: { timestamp: '2021-04-01T02:00:00+02:00', P_req_kW: 20, delta_T_h: 0.25, P_net_meas_kW: -25.7 },
  battery_specs: {
    bat_type: 'cbes',
    initial_SoC: 20,
    P_dis_max_kW: 300,
    P_ch_max_kW: 300,
    min_SoC: 8.75,
    max_SoC: 87.5,
    bat_capacity_kWh: 800,
  },
};
const sample = (minute: number, zone = 'Z') => ({
  timestamp: `2021-04-01T00:${String(minute).padStart(2, '0')}:00${zone}`,
  P_gen_kW: 10,
  P_load_kW: 30,
});
const scheduleRequest = {
  ...nearRequest,
  operation_mode: 'scheduling',
  uc_end: '2021-04-01T00:30:00Z',
  generation_and_load: { values: [sample(0), sample(15), sample(30)] },
  measurements_request: null,
};

describe('requests', () => {
  let folder = '';
  beforeAll(() => void (folder = mkdtempSync(join(tmpdir(), 'twin-balance-'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const faults = (request: unknown): string[] => {
    try {
      parsePymfmRequest(request);
    } catch (error) {
      if (error instanceof InvalidInputError) return error.problems.map((each) => `${each.path}: ${each.message}`);
      throw error;
    }
    return [];
  };

  test('twin balance prints the response shape, with charging positive and the step in kW', async () => {
    const file = join(folder, 'near.json');
    writeFileSync(file, JSON.stringify(nearRequest));
    expect(JSON.parse((await balance(file)).text)).toEqual({
      id: 'case',
      application: 'pymfm',
      control_logic: 'rule_based',
      operation_mode: 'near_real_time',
      // In the zone of the request, as pymfm answers.
      timestamp: '2021-04-01T02:00:00+02:00',
      'initial_SoC_bat_%': 20,
      'SoC_bat_%': expect.closeTo(21.428125, 9) as number,
      P_bat_kW: 45.7,
      P_net_meas_kW: -25.7,
      P_net_after_kW: expect.closeTo(0, 9) as number,
    });
    writeFileSync(
      file,
      JSON.stringify({ ...scheduleRequest, battery_specs: [{ ...nearRequest.battery_specs, id: 'cbes' }] }),
    );
    const answer = JSON.parse((await balance(file)).text) as { results: Json[]; uc_end: string };
    expect(answer.uc_end).toBe('2021-04-01T00:30:00.000000Z');
    expect(answer.results).toHaveLength(3);
    expect(Object.keys(answer.results[0] ?? {})).toEqual([
      'P_net_before_kW',
      'P_net_after_kW',
      'P_cbes_kW',
      'SoC_cbes_%',
      'timestamp',
    ]);
    expect(answer.results[0]).toMatchObject({
      P_net_before_kW: 20,
      P_cbes_kW: -20,
      timestamp: '2021-04-01T00:00:00.000000Z',
    });
  });

  test('answers are in the zone of the request: UTC as Python writes it, in a schedule as pymfm does', async () => {
    const measured = { ...nearRequest.measurements_request, timestamp: '2021-04-01T00:00:00Z' };
    expect(
      await answerPymfmRequest(parsePymfmRequest({ ...nearRequest, measurements_request: measured })),
    ).toMatchObject({ timestamp: '2021-04-01T00:00:00+00:00' });
    const zone = '-03:30';
    const local = {
      ...scheduleRequest,
      uc_start: `2021-04-01T00:00:00${zone}`,
      uc_end: `2021-04-01T00:30:00${zone}`,
      generation_and_load: { values: [sample(0, zone), sample(15, zone), sample(30, zone)] },
    };
    for (const control_logic of ['rule_based', 'optimization_based']) {
      const answer = await scheduled({
        ...local,
        control_logic,
        battery_specs: { id: 'b', ...nearRequest.battery_specs },
      });
      expect(answer).toMatchObject({
        uc_start: '2021-04-01T00:00:00.000000-03:30',
        uc_end: '2021-04-01T00:30:00.000000-03:30',
      });
      expect(answer.results.map(({ timestamp }) => timestamp)).toEqual(
        ['00', '15', '30'].map((minute) => `2021-04-01T00:${minute}:00.000000-03:30`),
      );
    }
  });

  test('the request that comes with the documentation is answered, and is what the description of the API has', async () => {
    const file = 'docs/examples/balance-request.json';
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(examples.scheduling.value);
    const { text, met } = await balance(file);
    expect(met).toBe(true);
    expect((JSON.parse(text) as { results: unknown[] }).results).toHaveLength(8);
  });

  test('samples outside uc_start to uc_end are left out', async () => {
    const request = { ...scheduleRequest, uc_start: '2021-04-01T00:15:00Z', uc_end: '2021-04-01T00:15:00Z' };
    const answer = await scheduled(request);
    expect(answer.results.map((row) => row['timestamp'])).toEqual(['2021-04-01T00:15:00.000000Z']);
  });

  test('every fault of shape has its path, in one go', () => {
    const bad = {
      ...nearRequest,
      control_logic: 'rules',
      uc_strat: '2021',
      battery_specs: { ...nearRequest.battery_specs, initial_SoC: 200, bat_capacity_kWh: undefined, min_Soc: 3 },
      measurements_request: { ...nearRequest.measurements_request, P_net_meas_kW: 'NaN' },
    };
    const found = faults(bad);
    expect(found.map((each) => each.split(':')[0] ?? '').sort((a, b) => a.localeCompare(b, 'en'))).toEqual([
      'battery_specs.bat_capacity_kWh',
      'battery_specs.initial_SoC',
      'battery_specs.min_Soc',
      'control_logic',
      'measurements_request.P_net_meas_kW',
      'uc_strat',
    ]);
    expect(found).toContain('battery_specs.bat_capacity_kWh: missing');
    expect(() => parsePymfmRequest(bad)).toThrow(/did you mean "min_SoC"\?/);
    expect(faults(null).length).toBeGreaterThan(0);
    expect(faults([]).length).toBeGreaterThan(0);
  });

  const wholeFault = {
    ...scheduleRequest,
    control_logic: 'optimization_based',
    uc_strat: 1,
    uc_end: '2021-04-01T01:30:00Z',
    generation_and_load: {
      values: [
        { ...sample(0), P_gen_kW: 'much' },
        sample(30),
        sample(15),
        { P_gen_kW: 1, P_load_kW: 1 },
        sample(45, '+01:00'),
        { ...sample(50), timestamp: 'soon' },
      ],
    },
    bulk: { bulk_start: '2021-04-01T00:30:00Z', bulk_end: '2021-04-01T00:00:00Z', bulk_energy_kWh: '10' },
    P_net_after_kW_limitation: [
      { timestamp: '2021-04-01T00:15:00Z', upper_bound: 1, lower_bound: 2 },
      { timestamp: '2021-04-01T00:15:00Z', upper_bound: true },
    ],
    battery_specs: [
      { ...nearRequest.battery_specs, id: 'a', initial_SoC: 5, bat_type: 'car' },
      { ...nearRequest.battery_specs, id: 'a', min_SoC: 90 },
      { ...nearRequest.battery_specs, id: 'c', max_SoC: 'full', initial_SoC: 5 },
    ],
  };

  test('faults of shape hide no others', () => {
    expect(faults(wholeFault).map((each) => each.replace('generation_and_load.', ''))).toEqual([
      'values[0].P_gen_kW: "much" is not a number',
      'values[3].timestamp: missing',
      'bulk.bulk_energy_kWh: "10" is not a number',
      'P_net_after_kW_limitation[1].upper_bound: true is not a number',
      expect.stringContaining('battery_specs[0].bat_type: ') as string,
      'battery_specs[2].max_SoC: "full" is not a number',
      'uc_strat: unknown key "uc_strat"',
      'battery_specs[0].initial_SoC: 5 % is outside 8.75 % to 87.5 %',
      'battery_specs[1].min_SoC: 90 % is not below max_SoC, 87.5 %',
      'values[5].timestamp: "soon" is no instant: write ISO 8601 with a zone, for example 2021-04-01T00:00:00Z',
      'values[2].timestamp: 2021-04-01T00:15:00Z does not come after the sample before it',
      'values[4].timestamp: 2021-04-01T00:45:00+01:00 is in another zone than 2021-04-01T00:00:00Z',
      'battery_specs[1].id: "a" is the id of another battery, too',
      'P_net_after_kW_limitation[0].lower_bound: 2 kW is above upper_bound, 1 kW',
      'P_net_after_kW_limitation[1].timestamp: 2021-04-01T00:15:00Z has a limit already',
      'bulk.bulk_end: 2021-04-01T00:00:00Z is before bulk_start, 2021-04-01T00:30:00Z',
    ]);
  });

  test('whatever stands in place of a part, its faults are told and no check stumbles', () => {
    const paths = (node: unknown, path: readonly string[] = []): (readonly string[])[] =>
      typeof node === 'object' && node !== null
        ? [path, ...Object.entries(node).flatMap(([key, below]) => paths(below, [...path, key]))]
        : [path];
    const put = (node: unknown, [key, ...rest]: readonly string[], value: unknown): unknown => {
      if (key === undefined) return value;
      const below = put((node as Json)[key], rest, value);
      return Array.isArray(node) ? node.with(Number(key), below) : { ...(node as Json), [key]: below };
    };
    const household = { ...examples.optimised.value, bulk: wholeFault.bulk, day_end: '2021-04-01T00:15:00Z' };
    const wholes: readonly object[] = [nearRequest, scheduleRequest, household, wholeFault];
    fc.assert(
      fc.property(
        fc
          .constantFrom(...wholes)
          .chain((whole) => fc.tuple(fc.constant(whole), fc.subarray(paths(whole), { minLength: 1, maxLength: 4 }))),
        fc.constantFrom(undefined, null, 'x', -1, Number.NaN, true, [], {}, [null], '2021-04-01T00:15:00Z'),
        ([whole, places], value) => {
          const broken = places.reduce<unknown>((request, place) => {
            try {
              return put(request, place, value);
            } catch {
              return request;
            }
          }, whole);
          const found = faults(broken);
          expect(found.filter((each) => /NaN|undefined|Infinity/.test(each.replace(/: NaN is not/, '')))).toEqual([]);
          expect(new Set(found).size).toBe(found.length);
        },
      ),
      { numRuns: 500, seed: 4 },
    );
  });

  test.each([
    [
      'two batteries',
      { battery_specs: [nearRequest.battery_specs, nearRequest.battery_specs] },
      'battery_specs: rule_based takes one',
    ],
    ['no battery', { battery_specs: [] }, 'battery_specs: '],
    [
      'a window upside down',
      { battery_specs: [{ ...nearRequest.battery_specs, min_SoC: 90 }] },
      'battery_specs[0].min_SoC: 90 % is not below',
    ],
    [
      'a start outside the window',
      { battery_specs: { ...nearRequest.battery_specs, initial_SoC: 5 } },
      'battery_specs.initial_SoC: 5 % is outside',
    ],
    [
      'an end outside the window',
      { battery_specs: { ...nearRequest.battery_specs, final_SoC: 95 } },
      'battery_specs.final_SoC: 95 % is outside',
    ],
    ['no measurement', { measurements_request: undefined }, 'measurements_request: is missing'],
    ['times without a zone', { uc_start: '2021-04-01T00:00:00' }, 'uc_start: "2021-04-01T00:00:00" is no instant'],
    ['an end before the start', { uc_end: '2021-03-31T00:00:00Z' }, 'uc_end: 2021-03-31T00:00:00Z is before uc_start'],
    [
      'efficiency above 1',
      { battery_specs: { ...nearRequest.battery_specs, ch_efficiency: 1.1 } },
      'battery_specs.ch_efficiency: ',
    ],
  ])('near real time with %s', (_, change, fault) => {
    const found = faults({ ...nearRequest, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(fault);
  });

  test.each([
    ['no series', { generation_and_load: null }, 'generation_and_load: is missing'],
    [
      'one sample',
      { generation_and_load: { values: [sample(0)] } },
      'generation_and_load.values: needs at least two samples',
    ],
    [
      'an unsorted series',
      { generation_and_load: { values: [sample(0), sample(15), sample(10), sample(30)] } },
      'values[2].timestamp: 2021-04-01T00:10:00Z does not come after',
    ],
    [
      'an uneven series',
      { generation_and_load: { values: [sample(0), sample(15), sample(31)] } },
      'values[2].timestamp: 2021-04-01T00:31:00Z is 960 s after',
    ],
    [
      'mixed zones',
      { generation_and_load: { values: [sample(0), sample(15, '+00:30'), sample(30)] } },
      'is in another zone',
    ],
    ['a series that begins late', { uc_start: '2021-03-31T23:45:00Z' }, 'values[0].timestamp: the series begins at'],
    ['a series that ends early', { uc_end: '2021-04-01T00:45:00Z' }, 'values[2].timestamp: the series ends at'],
    [
      'an unreadable sample',
      { generation_and_load: { values: [sample(0), { ...sample(15), timestamp: 'now' }, sample(30)] } },
      'values[1].timestamp: "now" is no instant',
    ],
  ])('scheduling with %s', (_, change, fault) => {
    const found = faults({ ...scheduleRequest, ...change });
    expect(found.join('\n')).toContain(fault);
    expect(found.length).toBeLessThanOrEqual(2);
  });

  const optimised = {
    ...scheduleRequest,
    control_logic: 'optimization_based',
    battery_specs: [
      { ...nearRequest.battery_specs, id: 'cbes', final_SoC: 20 },
      { ...nearRequest.battery_specs, id: 'house', bat_type: 'hbes', initial_SoC: 87.5 },
    ],
    day_end: '2021-04-01T00:30:00Z',
  };

  test('twin balance optimises: response shape, limits that are absent as null, state of charge at the start', async () => {
    const file = join(folder, 'optimised.json');
    const limits = [{ timestamp: '2021-04-01T00:15:00Z', upper_bound: 50 }];
    writeFileSync(file, JSON.stringify({ ...optimised, P_net_after_kW_limitation: limits }));
    const { text, met } = await balance(file);
    const { results, ...head } = JSON.parse(text) as { results: Json[] };
    expect(met).toBe(true);
    expect(head).toEqual({
      id: 'case',
      application: 'pymfm',
      control_logic: 'optimization_based',
      operation_mode: 'scheduling',
      uc_start: '2021-04-01T00:00:00.000000Z',
      uc_end: '2021-04-01T00:30:00.000000Z',
    });
    expect(results).toHaveLength(3);
    expect(results[1]).toEqual({
      P_net_before_kW: 20,
      P_net_before_controlled_PV_kW: 20,
      P_PV_forecast_kW: 10,
      P_PV_controlled_kW: 10,
      P_net_after_kW: expect.closeTo(20, 6) as number,
      upperb: 50,
      lowerb: null,
      P_cbes_kW: expect.closeTo(0, 6) as number,
      'SoC_cbes_%': expect.closeTo(20, 6) as number,
      P_house_kW: 0,
      'SoC_house_%': expect.closeTo(87.5, 6) as number,
      P_bat_total_kW: expect.closeTo(0, 6) as number,
      timestamp: '2021-04-01T00:15:00.000000Z',
    });
    // Until the start of the last step the community battery has to be at 20 % again; in it, it may cover the load.
    expect(results[2]).toMatchObject({ P_cbes_kW: expect.closeTo(-20, 6) as number, upperb: null });
  });

  test('twin balance says which demands clash, in the same shape', async () => {
    const file = join(folder, 'clash.json');
    const limits = optimised.generation_and_load.values.map(({ timestamp }) => ({ timestamp, upper_bound: 5 }));
    writeFileSync(file, JSON.stringify({ ...optimised, P_net_after_kW_limitation: limits }));
    const { text, met } = await balance(file);
    expect(met).toBe(false);
    expect(JSON.parse(text)).toMatchObject({
      id: 'case',
      control_logic: 'optimization_based',
      status: 'infeasible',
      explanation: expect.stringMatching(/^cannot be met together: import at most 5 kW from .*; .*; /) as string,
      clash: [
        'import at most 5 kW from 2021-04-01T00:00:00Z to 2021-04-01T00:30:00Z',
        'battery "cbes": state of charge 20 % at 2021-04-01T00:30:00Z',
        'battery "house": state of charge 87.5 % at 2021-04-01T00:30:00Z',
      ],
      results: [],
    });
  });

  test('clashes are told in the zone of the request', async () => {
    const file = join(folder, 'clash-elsewhere.json');
    const limits = optimised.generation_and_load.values.map(({ timestamp }) => ({ timestamp, upper_bound: 5 }));
    const elsewhere = JSON.stringify({ ...optimised, P_net_after_kW_limitation: limits })
      .replaceAll('2021-04-01T00:', '2021-04-01T02:')
      .replaceAll(/(:\d\d(?:\.\d+)?)Z"/g, '$1+02:00"');
    writeFileSync(file, elsewhere);
    const { text } = await balance(file);
    expect((JSON.parse(text) as { clash: string[] }).clash[0]).toBe(
      'import at most 5 kW from 2021-04-01T02:00:00+02:00 to 2021-04-01T02:30:00+02:00',
    );
  });

  test('the end of the day is the sunset in Berlin where the request has none', () => {
    const quarters = Array.from({ length: 96 }, (_, k) => {
      const [hour, minute] = [Math.floor(k / 4), 15 * (k % 4)].map((part) => String(part).padStart(2, '0'));
      return { timestamp: `2021-04-01T${hour}:${minute}:00Z`, P_gen_kW: 90, P_load_kW: 30 };
    });
    const request = {
      ...optimised,
      uc_end: '2021-04-01T23:45:00Z',
      day_end: null,
      generation_and_load: { values: quarters },
    };
    const [, household] = problemOfPymfm(parsePymfmRequest(request)).batteries;
    // The sun set at 17:41 UTC.
    expect(household?.socTargets).toEqual([{ boundary: 71, minSoc: 0.875, maxSoc: 0.875 }]);
    expect(faults({ ...optimised, day_end: undefined })).toEqual([
      'day_end: the sunset in Berlin, which stands in for it, is not between uc_start and uc_end, where household batteries have to be full',
    ]);
  });

  test.each([
    [
      'two batteries of one id',
      { battery_specs: [optimised.battery_specs[0], optimised.battery_specs[0]] },
      'battery_specs[1].id: "cbes" is the id of another battery, too',
    ],
    [
      'a limit between samples',
      { P_net_after_kW_limitation: [{ timestamp: '2021-04-01T00:20:00Z' }] },
      'P_net_after_kW_limitation[0].timestamp: 2021-04-01T00:20:00Z is the time of no sample',
    ],
    [
      'two limits at once',
      { P_net_after_kW_limitation: [{ timestamp: sample(15).timestamp }, { timestamp: sample(15).timestamp }] },
      'P_net_after_kW_limitation[1].timestamp: 2021-04-01T00:15:00Z has a limit already',
    ],
    [
      'limits upside down',
      { P_net_after_kW_limitation: [{ timestamp: sample(15).timestamp, lower_bound: 5, upper_bound: 4 }] },
      'P_net_after_kW_limitation[0].lower_bound: 5 kW is above upper_bound, 4 kW',
    ],
    [
      'a bulk that ends before it begins',
      { bulk: { bulk_start: sample(15).timestamp, bulk_end: sample(0).timestamp, bulk_energy_kWh: 1 } },
      'bulk.bulk_end: 2021-04-01T00:00:00Z is before bulk_start',
    ],
    [
      'a bulk beyond the window',
      { bulk: { bulk_start: sample(15).timestamp, bulk_end: '2021-04-01T02:00:00Z', bulk_energy_kWh: 1 } },
      'bulk.bulk_end: 2021-04-01T02:00:00Z is after uc_end',
    ],
    [
      'a bulk without a sample',
      { bulk: { bulk_start: sample(16).timestamp, bulk_end: sample(17).timestamp, bulk_energy_kWh: 1 } },
      'bulk.bulk_start: no sample lies between bulk_start and bulk_end',
    ],
    [
      'an end of the day between samples',
      { day_end: '2021-04-01T00:20:00Z' },
      'day_end: 2021-04-01T00:20:00Z is the time of no sample',
    ],
    ['an end of the day that is no time', { day_end: 'dusk' }, 'day_end: "dusk" is no instant'],
    [
      'no sample in the window',
      { uc_start: '2021-04-01T00:05:00Z', uc_end: '2021-04-01T00:10:00Z' },
      'uc_start: no sample lies between uc_start and uc_end',
    ],
    ['no series', { generation_and_load: null }, 'generation_and_load: is missing'],
  ])('optimisation with %s', (_, change, fault) => {
    const found = faults({ ...optimised, ...change });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(fault);
  });

  test('a file that is missing, no JSON, or holds NaN is bad input with its name', async () => {
    await expect(balance(join(folder, 'none.json'))).rejects.toThrow(/none\.json: file does not exist/);
    const file = join(folder, 'bad.json');
    writeFileSync(file, '{"id": ');
    await expect(balance(file)).rejects.toThrow(/bad\.json:\d+:\d+: is not valid JSON/);
    writeFileSync(file, JSON.stringify(nearRequest).replace('-25.7', 'NaN'));
    await expect(balance(file)).rejects.toThrow(/bad\.json:1:\d+: measurements_request\.P_net_meas_kW: /);
  });
});
