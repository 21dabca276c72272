/** Requests as people send them, for the API's description; each is sent to a real server by a test. */

/** The battery of the German demo site. */
const cbes = {
  bat_type: 'cbes',
  initial_SoC: 20,
  P_dis_max_kW: 300,
  P_ch_max_kW: 300,
  min_SoC: 8.75,
  max_SoC: 87.5,
  bat_capacity_kWh: 800,
} as const;

/** Load and PV of two morning hours in steps of 15 min, kW. */
const morning: readonly (readonly [string, number, number])[] = [
  ['07:00', 0.9, 27.1],
  ['07:15', 4.6, 28.4],
  ['07:30', 11.8, 29.2],
  ['07:45', 21.3, 29.9],
  ['08:00', 33.5, 30.6],
  ['08:15', 46.9, 31.5],
  ['08:30', 60.4, 32.6],
  ['08:45', 73.2, 33.8],
];

const forecast = {
  values: morning.map(([time, generation, load]) => ({
    timestamp: `2021-04-01T${time}:00Z`,
    P_gen_kW: generation,
    P_load_kW: load,
  })),
};

const window = { uc_start: '2021-04-01T07:00:00Z', uc_end: '2021-04-01T08:45:00Z' } as const;

export const examples = {
  'near-real-time': {
    summary: 'What should the battery do now, so that 20 kW are imported?',
    value: {
      id: 'uc2-now',
      application: 'pymfm',
      control_logic: 'rule_based',
      operation_mode: 'near_real_time',
      uc_start: '2021-04-01T00:00:00Z',
      uc_end: '2021-04-02T00:00:00Z',
      measurements_request: {
        timestamp: '2021-04-01T12:00:00Z',
        P_req_kW: 20,
        delta_T_h: 0.25,
        P_net_meas_kW: -25.7,
      },
      battery_specs: cbes,
    },
  },
  scheduling: {
    summary: 'A schedule for a sunny morning by the rule of the virtual island',
    value: {
      id: 'uc1-morning',
      application: 'pymfm',
      control_logic: 'rule_based',
      operation_mode: 'scheduling',
      ...window,
      generation_and_load: forecast,
      battery_specs: { id: 'cbes', ...cbes },
    },
  },
  optimised: {
    summary: 'An optimised schedule for the community battery and one that only charges, with limits of the exchange',
    value: {
      id: 'uc3-morning',
      application: 'pymfm',
      control_logic: 'optimization_based',
      operation_mode: 'scheduling',
      ...window,
      generation_and_load: { pv_curtailment: true, ...forecast },
      P_net_after_kW_limitation: [
        { timestamp: '2021-04-01T08:30:00Z', upper_bound: 10, lower_bound: -10 },
        { timestamp: '2021-04-01T08:45:00Z', upper_bound: 10, lower_bound: -10 },
      ],
      battery_specs: [
        { id: 'cbes', ...cbes },
        {
          ...cbes,
          id: 'house-7',
          bat_type: 'hbes',
          initial_SoC: 85,
          P_dis_max_kW: 5,
          P_ch_max_kW: 5,
          bat_capacity_kWh: 10,
        },
      ],
    },
  },
  infeasible: {
    summary: 'Demands that cannot be met together: the answer names the smallest set of them',
    value: {
      id: 'uc3-too-much',
      application: 'pymfm',
      control_logic: 'optimization_based',
      operation_mode: 'scheduling',
      ...window,
      generation_and_load: { pv_curtailment: false, ...forecast },
      battery_specs: [{ id: 'cbes', ...cbes, final_SoC: 80 }],
    },
  },
  'later-names': {
    summary: 'The schedule of the sunny morning in the names of pymfm’s later versions, states of charge from 0 to 1',
    value: {
      id: 'uc1-later',
      application: 'pymfm',
      control_logic: 'rule_based',
      operation_mode: 'scheduling',
      control_start: window.uc_start,
      control_end: window.uc_end,
      generation_and_load: {
        pv_curtailment: false,
        values: forecast.values.map(({ timestamp, P_gen_kW, P_load_kW }) => ({
          timestamp,
          P_available_kW: P_gen_kW,
          P_required_kW: P_load_kW,
        })),
      },
      battery_specs: [{ ...cbes, id: 'cbes', initial_SoC: 0.2, min_SoC: 0.0875, max_SoC: 0.875 }],
    },
  },
  stop: { summary: 'No use case any more', value: { useCase: 0 } },
  island: { summary: 'UC-DE-1: the virtual island', value: { useCase: 1, request: 'island-of-april' } },
  flexibility: {
    summary: 'UC-DE-2: export 50 kW for half an hour',
    value: { useCase: 2, targetW: -50_000, durationS: 1800 },
  },
  'import-packages': {
    summary: 'UC-DE-3: the energy of the night in two packages',
    value: {
      useCase: 3,
      slots: [
        { start: '2021-04-01T13:00:00+02:00', durationS: 7200, powerW: 60_000 },
        { start: '2021-04-02T02:00:00+02:00', durationS: 3600, powerW: 40_000 },
      ],
    },
  },
  'export-packages': {
    summary: 'UC-DE-4: the surplus of the day in one package',
    value: { useCase: 4, slots: [{ start: '2021-04-01T19:00:00+02:00', durationS: 7200, powerW: 80_000 }] },
  },
  setpoint: {
    summary: 'Import nothing until noon',
    value: { targetW: 0, durationS: 5400, request: 'hold-until-noon' },
  },
} as const;
export type ExampleName = keyof typeof examples;
