/** The small site of the fixture: its grid, its battery, and the papers of a run in it. Every figure is made up here. */
import type { Estimate } from '../../platform/contract/estimate.ts';
import type { Audit, Manifest } from '../../reports/record.ts';
import { noMessages } from './no-messages.ts';

export interface FixtureOptions {
  readonly steps?: number;
  readonly stepUs?: number;
  readonly houses?: number;
  readonly pmus?: number;
  readonly class?: Manifest['class'];
  readonly state?: Manifest['state'];
  readonly expect?: readonly string[];
  /** Events of the scenario, as the manifest has them. */
  readonly events?: readonly object[];
  readonly audit?: Partial<Audit>;
  /** Tables that are left out of the folder. */
  readonly without?: readonly string[];
  /** Relative magnitude error, angle error (rad) of every PMU phasor, and noise on top (relative). */
  readonly pmuError?: { readonly magnitude: number; readonly angleRad: number; readonly noise: number };
  /** Relative error of the estimate, its stated sigma (relative), and noise on top. */
  readonly estimateError?: {
    readonly voltage: number;
    readonly angleRad: number;
    readonly sigma: number;
    readonly noise: number;
  };
  readonly positions?: boolean;
  /** What was made wrong on paper, and what every estimate says of it; absent: the estimator does not watch. */
  readonly modelFaults?: Manifest['modelFaults'];
  readonly modelFindings?: Estimate['modelFindings'];
}

export const phases = ['A', 'B', 'C'] as const;
export const houseCount = (options: FixtureOptions) => options.houses ?? 6;

export const fixtureBattery = {
  powerW: 300_000,
  capacityWh: 800_000,
  min: 0.0875,
  max: 0.875,
  efficiency: 0.95,
} as const;

export function feeders(options: FixtureOptions): number {
  return Math.ceil(houseCount(options) / 6);
}

export function busIds(options: FixtureOptions): readonly string[] {
  return ['mv', 'busbar', ...Array.from({ length: houseCount(options) }, (_, h) => `house-${h + 1}`)];
}

function gridDocument(options: FixtureOptions) {
  const place = (x: number, y: number) => (options.positions === false ? {} : { position: { x, y } });
  const houses = Array.from({ length: houseCount(options) }, (_, h) => ({ feeder: Math.floor(h / 6), step: h % 6, h }));
  return {
    schema: 1,
    name: 'Synthetic village',
    representation: 'three',
    buses: [
      { id: 'mv', nominalVoltageV: 20_000, name: 'MV', ...place(0, 0) },
      { id: 'busbar', nominalVoltageV: 400, name: 'LV busbar', ...place(1, 0) },
      ...houses.map(({ feeder, step, h }) => ({
        id: `house-${h + 1}`,
        nominalVoltageV: 400,
        ...place(2 + step, feeder - (feeders(options) - 1) / 2),
      })),
    ],
    transformers: [
      {
        id: 'transformer',
        from: 'mv',
        to: 'busbar',
        ratedPowerVA: 630_000,
        ratedVoltageFromV: 20_000,
        ratedVoltageToV: 400,
        vkPercent: 6,
        vkrPercent: 1.206,
        vectorGroup: 'Dyn5',
      },
    ],
    lines: houses.map(({ step, h }) => ({
      id: `line-${h + 1}`,
      from: step === 0 ? 'busbar' : `house-${h}`,
      to: `house-${h + 1}`,
      lengthM: 40,
      r1OhmPerKm: 0.208,
      x1OhmPerKm: 0.08,
      ratedCurrentA: 270,
    })),
    loads: houses.map(({ h }) => ({ id: `load-${h + 1}`, bus: `house-${h + 1}`, connection: phases[h % 3] ?? 'A' })),
    batteries: [
      { id: 'cbes', bus: 'busbar', ratedPowerW: fixtureBattery.powerW, capacityWh: fixtureBattery.capacityWh },
    ],
    externalGrids: [{ id: 'grid', bus: 'mv' }],
  };
}

export function manifest(options: FixtureOptions): Manifest {
  const steps = options.steps ?? 96;
  return {
    schema: 'platone.manifest/1',
    runId: 'fixture-run',
    state: options.state ?? 'complete',
    commit: '0123456789abcdef0123456789abcdef01234567',
    dirty: false,
    versions: { node: 'v20.20.0' },
    host: { cpus: 2 },
    startedAt: '2021-04-02T08:00:00Z',
    wallSeconds: 12.3,
    class: options.class ?? 'exact',
    seed: 'spring-1',
    scenarioFile: 'scenarios/germany/fixture.yaml',
    inputHashes: { 'fixture.yaml': 'ab'.repeat(32) },
    scenario: {
      name: 'Virtual islanding of a synthetic village',
      description: 'A spring day with a community battery that keeps the exchange at the breaker at zero.',
      site: 'germany',
      useCase: 'UC-DE-1',
      clock: {
        start: '2021-04-01T00:00:00+02:00',
        duration: steps * (options.stepUs ?? 900e6),
        step: options.stepUs ?? 900e6,
      },
      devices: [
        {
          kind: 'bess',
          id: 'cbes',
          power: fixtureBattery.powerW,
          energy: fixtureBattery.capacityWh,
          soc: 0.2,
          socMin: fixtureBattery.min,
          socMax: fixtureBattery.max,
          chargeEfficiency: fixtureBattery.efficiency,
          dischargeEfficiency: fixtureBattery.efficiency,
        },
      ],
      events: options.events ?? [],
      expect: options.expect ?? [
        'estimate.voltage.error.p95 < 0.5 %',
        'kpi.exchangedEnergyReduction > 50 %',
        'messages.unexplained == 0',
      ],
    },
    grid: gridDocument(options),
    platformGrid: gridDocument(options),
    modelFaults: options.modelFaults ?? [],
    options: { pace: 'lockstep', databus: 'embedded' },
    devices: [
      {
        id: 'pmu-breaker',
        kind: 'pmu',
        at: 'branch:transformer:to',
        errorModel: 'class P: magnitude 0.1 %, angle 1 mrad (1 sigma)',
      },
      { id: 'cbes', kind: 'bess', at: 'bus:busbar', errorModel: 'telemetry exact' },
    ],
    assumptions: [
      'Feeder lengths and cable types of the village are our proposal; no public source states them.',
      'The certification payload is our model of the Blockchain Access Layer.',
    ],
    instants: steps + 1,
    loopSeconds: 9.1,
  };
}

export function audit(options: FixtureOptions): Audit {
  const count = (options.steps ?? 96) + 1;
  const hop = (name: string, kind: string, refused = 0) => ({
    hop: name,
    kind,
    ...noMessages,
    published: count,
    delivered: count - refused,
    refused,
  });
  return {
    hops: [
      hop('device>bal', 'pmu'),
      hop('bal>dsotp', 'pmu'),
      hop('dsotp>state-estimation', 'pmu', 2),
      hop('device>bal', 'smart-meter'),
      hop('bal>dsotp', 'smart-meter'),
      hop('dsotp>bal', 'setpoint'),
      hop('bal>device', 'setpoint'),
    ],
    refused: { 'state-estimation': { 'wrong-schema': 2 } },
    services: { 'state-estimation': { estimates: 96 } },
    violations: [],
    ...options.audit,
  };
}
