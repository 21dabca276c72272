/** The checker finds each kind of violation, and real balancer and real battery give it none, whatever goes wrong around them. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { balancer } from '../../platform/balancer/service.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Plan } from '../../platform/contract/plan.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { triggerSchema, type UseCaseWish } from '../../platform/contract/trigger.ts';
import type { Input } from '../../platform/service/definition.ts';
import { type BessDevice, createBess } from '../../sim/devices/bess.ts';
import type { DeviceCondition } from '../../sim/faults/device-faults.ts';
import type { Truth } from '../../sim/physics/truth.ts';
import { type BatteryPlate, createInvariantChecker, type FreshnessRule } from '../../sim/run/invariants.ts';

const STEP_US = 10e6;
const START_US = 1.6e15;
const at = (k: number) => START_US + k * STEP_US;

const plate: BatteryPlate = {
  device: 'cbes',
  ratedPowerW: 300e3,
  capacityWh: 800e3,
  socMin: 0.0875,
  socMax: 0.875,
  chargeEfficiency: 0.96,
  dischargeEfficiency: 0.96,
  standbyLossW: 0,
  rampTimeUs: 60e6,
  responseUsMax: 1e6,
  commandUsMax: 30e6,
  commandedBy: ['balancer'],
};

const freshness: FreshnessRule = {
  device: 'cbes',
  needs: [
    { kind: 'pmu', device: 'pmu' },
    { kind: 'bess', device: 'cbes' },
  ],
  staleAfterUs: 30e6,
  planAllowed: false,
};

function createChecker(rule: Partial<FreshnessRule> = {}) {
  const checker = createInvariantChecker({ plates: [plate], freshness: { ...freshness, ...rule }, startUs: START_US });
  return {
    checker,
    violated: () => checker.counts().flatMap(({ name, violations }) => (violations > 0 ? [name] : [])),
  };
}

/** A state that fits what came before: so much power over the step, energies that follow. */
function createHonest(checker: ReturnType<typeof createInvariantChecker>) {
  let [energyStoredWh, lossesWh, k] = [400e3, 0, 0];
  return (activePowerW: number, change: Partial<Parameters<typeof checker.state>[2]> = {}) => {
    const hours = k === 0 ? 0 : STEP_US / 3600e6;
    const lossW = activePowerW > 0 ? activePowerW * (1 / 0.96 - 1) : -activePowerW * 0.04;
    energyStoredWh -= (activePowerW + lossW) * hours;
    lossesWh += lossW * hours;
    checker.state(at(k), 'cbes', { activePowerW, energyStoredWh, lossesWh, saturated: false, ...change });
    k += 1;
  };
}

function setpoint(k: number, activePowerW: number, change: Partial<Setpoint> = {}): Setpoint {
  return {
    schema: 'platone.setpoint/1',
    device: 'cbes',
    timestamp: formatInstant(at(k)),
    sequence: k,
    activePowerW,
    validForUs: 30e6,
    issuer: 'balancer',
    ...change,
  };
}

function fresh(checker: ReturnType<typeof createInvariantChecker>, k: number): void {
  checker.sent({ kind: 'pmu', device: 'pmu', taggedUs: at(k) });
  checker.sent({ kind: 'bess', device: 'cbes', taggedUs: at(k) });
}

describe('each invariant is noticed when it is broken', () => {
  test('nothing is found where nothing is wrong', () => {
    const { checker, violated } = createChecker();
    const state = createHonest(checker);
    for (let k = 0; k < 50; k += 1) {
      state(k === 0 ? 0 : 20e3);
      fresh(checker, k);
      checker.delivered(at(k), setpoint(k, 20e3));
      if (k > 0) checker.acknowledged(at(k), 'cbes', setpoint(k - 1, 20e3));
    }
    expect(violated()).toEqual([]);
    expect(checker.counts().map(({ name }) => name)).toEqual([
      'socWindow',
      'ratedPower',
      'ramp',
      'energyBalance',
      'oneWay',
      'setpointPower',
      'setpointRamp',
      'sender',
      'staleness',
    ]);
  });

  const commanded = () => {
    const made = createChecker();
    fresh(made.checker, 0);
    made.checker.delivered(at(0), setpoint(0, 0, { validForUs: 3600e6 }));
    const state = createHonest(made.checker);
    state(0);
    return { ...made, state };
  };

  test('a state of charge outside its window', () => {
    const { state, violated } = commanded();
    state(0, { energyStoredWh: 0.08 * 800e3 });
    expect(violated()).toContain('socWindow');
  });

  test('more than rated power', () => {
    const { state, violated } = commanded();
    state(301e3);
    expect(violated()).toContain('ratedPower');
  });

  test('a jump beyond the ramp, unless a limit stops the battery', () => {
    const { state, violated } = commanded();
    state(60e3);
    expect(violated()).toEqual(['ramp']);
    const stopped = commanded();
    stopped.state(60e3, { saturated: true });
    stopped.state(0);
    expect(stopped.violated()).toEqual([]);
  });

  test('energy from nowhere', () => {
    const { state, violated } = commanded();
    state(10e3, { energyStoredWh: 400e3 });
    expect(violated()).toEqual(['energyBalance']);
  });

  test('charging and discharging at once, which loses more than one direction', () => {
    const { checker, violated } = commanded();
    // 36 kW out and 36 kW in over 10 s: 100 Wh each way, nothing at the terminals, 8.17 Wh lost.
    const lossesWh = 100 * (1 / 0.96 - 1) + 100 * 0.04;
    const energyStoredWh = 400e3 - lossesWh;
    checker.state(at(1), 'cbes', { activePowerW: 0, energyStoredWh, lossesWh, saturated: false });
    expect(violated()).toEqual(['oneWay']);
  });

  test('a setpoint beyond rated power, and one that jumps beyond the ramp', () => {
    const { checker, violated } = createChecker();
    fresh(checker, 0);
    checker.delivered(at(0), setpoint(0, 290e3));
    checker.delivered(at(1), setpoint(1, 320e3));
    expect(violated()).toEqual(['setpointPower']);
    fresh(checker, 2);
    checker.delivered(at(2), setpoint(2, 200e3));
    expect(violated()).toEqual(['setpointPower', 'setpointRamp']);
  });

  test('a battery that obeys a stranger, by its own word and by what it does', () => {
    const { checker, violated } = createChecker();
    const state = createHonest(checker);
    const strange = setpoint(0, 20e3, { issuer: 'mallory' });
    checker.delivered(at(0), strange);
    for (let k = 0; k < 10; k += 1) state(k === 0 ? 0 : 20e3);
    checker.acknowledged(at(1), 'cbes', strange);
    expect(violated()).toEqual(['sender', 'silence']);
  });

  test('a battery that goes on after its setpoint has run out', () => {
    const { checker, violated } = createChecker();
    const state = createHonest(checker);
    fresh(checker, 0);
    checker.delivered(at(0), setpoint(0, 20e3));
    for (let k = 0; k < 9; k += 1) state(k === 0 ? 0 : 20e3);
    expect(violated()).toEqual([]);
    for (let k = 0; k < 9; k += 1) state(20e3);
    expect(violated()).toEqual(['silence']);
    expect(checker.counts().find(({ name }) => name === 'silence')?.first).toContain('although nobody commands it');
  });

  test('a setpoint from measurements that are too old, of the breaker or of the battery', () => {
    for (const alive of ['pmu', 'bess'] as const) {
      const { checker, violated } = createChecker();
      fresh(checker, 0);
      const device = alive === 'pmu' ? 'pmu' : 'cbes';
      for (let k = 1; k < 6; k += 1) checker.sent({ kind: alive, device, taggedUs: at(k) });
      checker.delivered(at(3), setpoint(3, 20e3));
      expect(violated(), alive).toEqual([]);
      checker.delivered(at(4), setpoint(4, 25e3));
      expect(violated(), alive).toEqual(['staleness']);
    }
  });

  test('unusable messages are no measurements; a retreat to zero needs none', () => {
    const { checker, violated } = createChecker();
    fresh(checker, 0);
    checker.delivered(at(1), setpoint(1, 20e3));
    checker.sent({ kind: 'pmu', device: 'pmu', taggedUs: at(5), faults: ['not-a-number'] });
    checker.delivered(at(5), setpoint(5, 10e3));
    checker.delivered(at(6), setpoint(6, 0));
    expect(violated()).toEqual([]);
    checker.delivered(at(7), setpoint(7, 10e3));
    expect(violated()).toEqual(['staleness']);
  });

  test("with the fallback to the plan, the plan's power and the way to it are lawful, and nothing else", () => {
    const plan: Plan = {
      schema: 'platone.plan/1',
      issuer: 'balancer',
      timestamp: formatInstant(at(0)),
      sequence: 0,
      useCase: 1,
      method: 'rule',
      status: 'feasible',
      clashes: [],
      start: formatInstant(at(0)),
      stepUs: 900e6,
      loadW: [0],
      generationW: [0],
      exchangeW: [0],
      batteries: [{ device: 'cbes', activePowerW: [50e3], stateOfCharge: [0.5] }],
      windows: [],
    };
    const { checker, violated } = createChecker({ planAllowed: true });
    checker.planned(plan);
    checker.delivered(at(10), setpoint(10, 30e3));
    checker.delivered(at(11), setpoint(11, 50e3));
    expect(violated()).toEqual([]);
    checker.delivered(at(12), setpoint(12, 60e3));
    expect(violated()).toEqual(['staleness']);
  });
});

/** What happens in one period of a random run. */
interface Turn {
  readonly netKW: number;
  readonly pmu: 'comes' | 'lost' | 'old' | 'wild';
  readonly telemetry: 'comes' | 'lost' | 'lies';
  readonly stranger: number | undefined;
  readonly wish: UseCaseWish | undefined;
  readonly condition: DeviceCondition;
}

const wishes = fc.oneof(
  fc.constantFrom<UseCaseWish>({ useCase: 0 }, { useCase: 1 }),
  fc
    .record({ targetKW: fc.integer({ min: -400, max: 400 }), periods: fc.integer({ min: 1, max: 8 }) })
    .map(({ targetKW, periods }): UseCaseWish => ({
      useCase: 2,
      targetW: 1e3 * targetKW,
      durationUs: periods * STEP_US,
    })),
  fc
    .record({
      useCase: fc.constantFrom<3 | 4>(3, 4),
      from: fc.integer({ min: 0, max: 20 }),
      kW: fc.integer({ min: 1, max: 400 }),
    })
    .map(({ useCase, from, kW }): UseCaseWish => ({
      useCase,
      slots: [{ start: formatInstant(at(from)), durationUs: 5 * STEP_US, powerW: 1e3 * kW }],
    })),
);

const turn: fc.Arbitrary<Turn> = fc.record({
  netKW: fc.integer({ min: -500, max: 500 }),
  pmu: fc.constantFrom<Turn['pmu']>('comes', 'comes', 'comes', 'lost', 'old', 'wild'),
  telemetry: fc.constantFrom<Turn['telemetry']>('comes', 'comes', 'comes', 'lost', 'lies'),
  stranger: fc.option(fc.integer({ min: -300, max: 300 }), { freq: 8, nil: undefined }),
  wish: fc.option(wishes, { freq: 6, nil: undefined }),
  condition: fc.constantFrom<DeviceCondition>(
    { lateUs: 0, powerShare: 1, faults: [] },
    { lateUs: 0, powerShare: 1, faults: [] },
    { lateUs: 25e6, powerShare: 1, faults: [] },
    { lateUs: 0, powerShare: 0.2, faults: [] },
  ),
});

interface Battery {
  readonly socPercent: number;
  readonly energyKWh: number;
  readonly rampS: number;
  readonly efficiency: number;
}

const battery: fc.Arbitrary<Battery> = fc.record({
  socPercent: fc.integer({ min: 10, max: 87 }),
  // Small stores reach their window within a few periods.
  energyKWh: fc.constantFrom(5, 20, 800),
  rampS: fc.constantFrom(0, 1, 30, 120),
  efficiency: fc.constantFrom(1, 0.96, 0.8),
});

/** Real balancer core and real battery model in a loop, all that happens to them as the turns say; what the checker found. */
function playOut({ socPercent, energyKWh, rampS, efficiency }: Battery, turns: readonly Turn[]) {
  let condition: DeviceCondition = { lateUs: 0, powerShare: 1, faults: [] };
  const entry: BessDevice = {
    kind: 'bess',
    id: 'cbes',
    at: 'battery:cbes',
    entry: 0,
    route: 'bal',
    preset: 'field',
    every: STEP_US,
    power: 300e3,
    energy: 1e3 * energyKWh,
    soc: socPercent / 100,
    socMin: 0.0875,
    socMax: 0.875,
    chargeEfficiency: efficiency,
    dischargeEfficiency: efficiency,
    rampTime: rampS * 1e6,
  };
  const clock = { startUs: START_US, stepUs: STEP_US };
  const device = createBess({ device: entry, battery: 'cbes', seed: 'safe', clock, condition: () => condition });
  const own = { ...plate, capacityWh: entry.energy, chargeEfficiency: efficiency, dischargeEfficiency: efficiency };
  const checker = createInvariantChecker({
    plates: [{ ...own, rampTimeUs: rampS * 1e6, responseUsMax: 1e6 + 25e6 }],
    freshness,
    startUs: START_US,
  });
  const rampWPerS = rampS === 0 ? undefined : 300e3 / rampS;
  const core = balancer.create(
    balancer.configSchema.parse({
      mode: 'near-real-time',
      site: 's',
      breaker: { device: 'pmu', component: 'branch:t:from', importSign: 1 },
      battery: {
        device: 'cbes',
        ratedPowerW: 300e3,
        capacityWh: entry.energy,
        socMin: 0.0875,
        socMax: 0.875,
        chargeEfficiency: efficiency,
        dischargeEfficiency: efficiency,
        ...(rampWPerS !== undefined && { rampWPerS }),
      },
    }),
  );
  let oldPower: Input | undefined;
  turns.forEach((now, k) => {
    condition = now.condition;
    const timeUs = at(k);
    const { activePowerW } = device.advance(at(Math.max(0, k - 1)), timeUs);
    checker.state(timeUs, 'cbes', device.state());
    const inputs: Input[] = [];
    const power = powerInput(timeUs, 1e3 * now.netKW - activePowerW + (now.pmu === 'wild' ? 1e6 : 0));
    const measured = now.pmu === 'old' ? oldPower : now.pmu === 'lost' ? undefined : power;
    if (now.pmu === 'comes') oldPower = power;
    if (measured !== undefined) {
      inputs.push(measured);
      checker.sent({ kind: 'pmu', device: 'pmu', taggedUs: measured.taggedUs });
    }
    const [telegram] = device.sample({ timeUs } as Truth);
    const { command } = telegram?.measurement ?? {};
    if (command?.status === 'accepted' || command?.status === 'limited') checker.acknowledged(timeUs, 'cbes', command);
    if (telegram !== undefined && now.telemetry !== 'lost') {
      inputs.push(bessInput(timeUs, telegram.measurement, now.telemetry === 'lies'));
      checker.sent({ kind: 'bess', device: 'cbes', taggedUs: timeUs });
    }
    if (now.wish !== undefined) inputs.push(wishInput(k, now.wish));
    const outputs = core.step({ timeUs, sequence: k + 1, inputs, final: false });
    const setpoints = outputs
      .filter(({ topic }) => topic.startsWith('setpoint/'))
      .map(({ message }) => message as Setpoint);
    const strange = now.stranger === undefined ? [] : [setpoint(k, 1e3 * now.stranger, { issuer: 'mallory' })];
    for (const each of [...strange, ...setpoints]) {
      checker.delivered(timeUs, each);
      device.command(each, timeUs);
    }
  });
  return checker.counts();
}

function powerInput(timeUs: number, importW: number): Input {
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device: 'pmu',
    timestamp: formatInstant(timeUs),
    sequence: 0,
    readings: [{ component: 'branch:t:from', measurand: 'activepower', phase: 'total', data: importW }],
  };
  return { topic: 'dsotp/power/s/pmu', kind: 'power', message, taggedUs: timeUs, late: false };
}

function bessInput(timeUs: number, measurement: Measurement, lies: boolean): Input {
  const readings = measurement.readings.map((reading) =>
    lies && reading.measurand === 'stateofcharge' ? { ...reading, data: 1 - reading.data } : reading,
  );
  const message: Measurement = { ...measurement, readings };
  return { topic: '/bal/s/bess/cbes', kind: 'bess', message, taggedUs: timeUs, late: false };
}

function wishInput(k: number, wish: UseCaseWish): Input {
  const head = { schema: 'platone.trigger/1', timestamp: formatInstant(at(k)), issuer: 'test', request: `r-${k}` };
  const message = triggerSchema.parse({ ...head, ...wish });
  return { topic: 'dsotp/trigger/s/balancer', kind: 'trigger', message, taggedUs: at(k), late: false };
}

test('10,000 random sequences of setpoints, faults and measurements violate nothing', () => {
  const names = new Set<string>();
  fc.assert(
    fc.property(battery, fc.array(turn, { minLength: 5, maxLength: 25 }), (store, turns) => {
      const counts = playOut(store, turns);
      for (const { name } of counts) names.add(name);
      expect(counts.filter(({ violations }) => violations > 0)).toEqual([]);
    }),
    { numRuns: 10_000, seed: 20_210_401 },
  );
  // Every invariant had something to be held against.
  expect([...names].sort()).toEqual([
    'energyBalance',
    'oneWay',
    'ramp',
    'ratedPower',
    'sender',
    'setpointPower',
    'setpointRamp',
    'silence',
    'socWindow',
    'staleness',
  ]);
});
