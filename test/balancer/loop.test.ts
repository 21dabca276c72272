/** The loop through breaker, balancer and battery settles for every delay and skew, and the tests say what makes it so. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import { createNetPowerTracker } from '../../platform/balancer/net-power.ts';
import { balancer } from '../../platform/balancer/service.ts';
import type { Input } from '../../platform/service/definition.ts';

const PERIOD_US = 10e6;
const START_US = 1.6e15;
const STEP_W = 140e3;
const place = 'branch:transformer:to';

interface Loop {
  /** Setpoint of period k is the battery's power from period k + commandDelay on. */
  readonly commandDelay: number;
  /** Periods that the breaker's and the battery's values are old when they arrive. */
  readonly breakerSkew: number;
  readonly batterySkew: number;
  /** True: the tags say so. False: they are tagged with the instant of arrival, and lie. */
  readonly honest: boolean;
  readonly filter?: 'auto' | 'always';
  readonly alpha?: number;
  /** Without it the balancer is told that the battery does nothing. */
  readonly telemetry?: boolean;
  readonly periods?: number;
}

function powerMessage(timeUs: number, importW: number): Input {
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device: 'pmu-breaker',
    timestamp: formatInstant(timeUs),
    sequence: 0,
    positiveDirection: 1,
    // Into the transformer at its low-voltage side: an import reads negative.
    readings: [{ component: place, measurand: 'activepower', phase: 'total', data: -importW }],
  };
  return { topic: 'dsotp/power/germany/pmu-breaker', kind: 'power', message, taggedUs: timeUs, late: false };
}

function bessMessage(timeUs: number, dischargeW: number, soc = 0.5): Input {
  const component = 'battery:cbes';
  const message: Measurement = {
    schema: 'platone.measurement/1',
    device: 'cbes',
    timestamp: formatInstant(timeUs),
    sequence: 0,
    readings: [
      { component, measurand: 'activepower', phase: 'total', data: dischargeW },
      { component, measurand: 'stateofcharge', phase: 'total', data: soc },
    ],
  };
  return { topic: '/bal/germany/bess/cbes', kind: 'bess', message, taggedUs: timeUs, late: false };
}

const baseConfig = {
  mode: 'near-real-time',
  site: 'germany',
  breaker: { device: 'pmu-breaker', component: place, importSign: -1 },
  battery: { device: 'cbes', ratedPowerW: 300e3, capacityWh: 800e3, socMin: 0.0875, socMax: 0.875 },
} as const;

function createBalancer(options: object = {}) {
  const core = balancer.create(balancer.configSchema.parse({ ...baseConfig, ...options }));
  let sequence = 0;
  return {
    core,
    setpoint: (timeUs: number, inputs: readonly Input[]): number | undefined => {
      sequence += 1;
      const [output] = core.step({ timeUs, sequence, inputs, final: false });
      return (output?.message as Setpoint | undefined)?.activePowerW;
    },
  };
}

/** Exchange with the grid in every period, W, import positive: the net load steps up in period 0. */
function simulate(loop: Loop): number[] {
  const plant = createBalancer({
    ...(loop.filter === undefined ? {} : { filter: loop.filter }),
    ...(loop.alpha === undefined ? {} : { alpha: loop.alpha }),
  });
  const periods = loop.periods ?? 60;
  const setpoints = new Map<number, number>();
  const battery = (k: number) => setpoints.get(k - loop.commandDelay) ?? 0;
  const exchange = (k: number) => (k >= 0 ? STEP_W : 0) - battery(k);
  // Ten quiet periods first: the step meets a loop that runs, not one that starts.
  for (let k = -10; k < periods; k++) {
    const now = START_US + k * PERIOD_US;
    const tag = (skew: number) => (loop.honest ? now - skew * PERIOD_US : now);
    const setpoint = plant.setpoint(now, [
      powerMessage(tag(loop.breakerSkew), exchange(k - loop.breakerSkew)),
      bessMessage(tag(loop.batterySkew), loop.telemetry === false ? 0 : battery(k - loop.batterySkew)),
    ]);
    setpoints.set(k, setpoint ?? 0);
  }
  return Array.from({ length: periods }, (_, k) => exchange(k));
}

/** Largest exchange, W either way, from a period on. */
function worst(exchange: readonly number[], from: number): number {
  return Math.max(...exchange.slice(from).map(Math.abs));
}

const delays = [1, 2, 3];
const skews = [0, 1, 2];
const grid = delays.flatMap((commandDelay) =>
  skews.flatMap((breakerSkew) => skews.map((batterySkew) => ({ commandDelay, breakerSkew, batterySkew }))),
);

describe('a 140 kW step, over command delays of 1 to 3 periods and skews of 0 to 2', () => {
  const cases = 'command delay $commandDelay, breaker skew $breakerSkew, battery skew $batterySkew';

  test.each(grid)(`honest tags settle exactly, as soon as news and command have travelled: ${cases}`, (each) => {
    const exchange = simulate({ ...each, honest: true });
    const settled = each.commandDelay + Math.max(each.breakerSkew, each.batterySkew);
    expect(exchange.slice(0, settled)).toEqual(Array.from({ length: settled }, () => STEP_W));
    expect(worst(exchange, settled)).toBeLessThan(1e-6);
  });

  test.each(grid)(`lying tags, filter on: within 5 kW after 25 periods, and it stays there: ${cases}`, (each) => {
    const exchange = simulate({ ...each, honest: false, filter: 'always', periods: 200 });
    expect(worst(exchange, 25)).toBeLessThan(5e3);
    expect(worst(exchange, 150)).toBeLessThan(1);
  });

  test.each(grid.filter(({ breakerSkew, batterySkew }) => breakerSkew !== batterySkew))(
    `lying tags that are trusted by default are found out, and within 5 kW after 40 periods: ${cases}`,
    (each) => {
      const exchange = simulate({ ...each, honest: false, periods: 200 });
      expect(worst(exchange, 40)).toBeLessThan(5e3);
      expect(worst(exchange, 150)).toBeLessThan(1);
    },
  );

  test('honest tags are never called a lie, whatever the load does and the delay is', () => {
    const steps = fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 60, maxLength: 120 });
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 3 }), (loadSteps, commandDelay) => {
        const { core, setpoint } = createBalancer();
        let load = 0;
        const setpoints: number[] = [];
        for (const [k, change] of loadSteps.entries()) {
          const now = START_US + k * PERIOD_US;
          load = Math.max(-250e3, Math.min(250e3, load + 1e3 * change));
          const battery = setpoints[k - commandDelay] ?? 0;
          setpoints[k] = setpoint(now, [powerMessage(now, load - battery), bessMessage(now, battery)]) ?? Number.NaN;
          expect(setpoints[k]).toBeCloseTo(load, 6);
        }
        expect(core.metrics?.()['tagsDisproved']).toBe(0);
      }),
    );
  });

  test('any delay up to 20 periods is stable with lying tags: the loop gain stays below 1', () => {
    const skew = fc.integer({ min: 0, max: 2 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), skew, skew, (commandDelay, breakerSkew, batterySkew) => {
        const exchange = simulate({
          commandDelay,
          breakerSkew,
          batterySkew,
          honest: false,
          filter: 'always',
          periods: 900,
        });
        expect(worst(exchange, 800)).toBeLessThan(1e3);
      }),
      { numRuns: 30 },
    );
  });

  test('tags that are never equal are filtered without being asked', () => {
    const { core, setpoint } = createBalancer();
    const setpoints: number[] = [];
    for (let k = 0; k < 60; k++) {
      const now = START_US + k * PERIOD_US;
      const battery = setpoints[k - 1] ?? 0;
      // Telemetry says that it is 3 s old but shows the battery of the period before.
      setpoints[k] =
        setpoint(now, [powerMessage(now, STEP_W - battery), bessMessage(now - 3e6, setpoints[k - 2] ?? 0)]) ?? 0;
    }
    expect(STEP_W - (setpoints[40] ?? 0)).toBeLessThan(5e3);
    expect(core.metrics?.()['filteredSetpoints']).toBe(60);
  });
});

describe('why the rule is built this way', () => {
  test('without battery telemetry the rule swings for ever: the breaker alone shows its own commands as load', () => {
    const exchange = simulate({ commandDelay: 1, breakerSkew: 0, batterySkew: 0, honest: true, telemetry: false });
    expect(exchange.slice(0, 6)).toEqual([STEP_W, 0, STEP_W, 0, STEP_W, 0]);
    expect(worst(exchange, 25)).toBe(STEP_W);
  });

  test('telemetry one period stale and tagged as fresh makes the unfiltered loop diverge', () => {
    // The tracker alone, with a check that notices nothing: what trust in lying tags would lead to.
    const net = createNetPowerTracker({ staleAfterUs: 30e6, alpha: 0.24, filter: 'auto', noticeableW: Infinity });
    const setpoints: number[] = [];
    for (let k = 0; k < 30; k++) {
      const now = START_US + k * PERIOD_US;
      net.addExchange(now, STEP_W - (setpoints[k - 1] ?? 0));
      net.addBattery(now, setpoints[k - 2] ?? 0);
      setpoints[k] = net.at(now)?.netW ?? Number.NaN;
    }
    expect(Math.abs((setpoints[29] ?? 0) - STEP_W)).toBeGreaterThan(10 * STEP_W);
  });

  test('a filter share of 0.3 would miss the 5 kW in one corner, the largest delay with a stale breaker', () => {
    const corner = { commandDelay: 3, breakerSkew: 2, batterySkew: 0, honest: false, filter: 'always' } as const;
    expect(
      Math.max(
        ...simulate({ ...corner, alpha: 0.3 })
          .slice(25)
          .map(Math.abs),
      ),
    ).toBeGreaterThan(5e3);
  });
});

describe('the near-real-time service', () => {
  const at = (k: number) => START_US + k * PERIOD_US;

  test('sends a valid setpoint per period on the device topic, valid for three periods', () => {
    const { core } = createBalancer();
    const [output] = core.step({
      timeUs: at(0),
      sequence: 1,
      final: false,
      inputs: [bessMessage(at(0), 20e3), powerMessage(at(0), 30e3)],
    });
    expect(output).toEqual({
      topic: 'setpoint/germany/cbes',
      message: {
        schema: 'platone.setpoint/1',
        device: 'cbes',
        timestamp: formatInstant(at(0)),
        sequence: 0,
        activePowerW: 50e3,
        validForUs: 30e6,
        issuer: 'balancer',
      },
    });
    // Instants within the period bring no second one.
    const within = core.step({ timeUs: at(0) + 2e6, sequence: 2, final: false, inputs: [] });
    expect(within).toEqual([]);
    expect(core.metrics?.()).toMatchObject({ setpoints: 1, withoutSetpoint: 0 });
  });

  test('holds a target other than zero (UC-DE-2)', () => {
    const { setpoint } = createBalancer({ targetW: -15e3 });
    expect(setpoint(at(0), [powerMessage(at(0), 10e3), bessMessage(at(0), 0)])).toBe(25e3);
  });

  test('stays within rated power and window, and says how often', () => {
    const { core, setpoint } = createBalancer();
    expect(setpoint(at(0), [powerMessage(at(0), 900e3), bessMessage(at(0), 0)])).toBe(300e3);
    expect(setpoint(at(1), [powerMessage(at(1), 900e3), bessMessage(at(1), 0, 0.0875)])).toBe(0);
    expect(setpoint(at(2), [powerMessage(at(2), -900e3), bessMessage(at(2), 0, 0.875)])).toBe(0);
    expect(core.metrics?.()['limitedSetpoints']).toBe(3);
    // 0.1 kWh above the lower limit last 36 kW for 10 s; the telemetry's own 18 kW since its instant are taken off.
    const almostEmpty = 0.0875 + 0.1e3 / 800e3;
    expect(setpoint(at(3), [powerMessage(at(3), 90e3), bessMessage(at(3), 0, almostEmpty)])).toBeCloseTo(36e3, 3);
    expect(setpoint(at(4), [powerMessage(at(4) - 5e6, 90e3), bessMessage(at(4) - 5e6, 36e3, almostEmpty)])).toBeCloseTo(
      18e3,
      3,
    );
  });

  test('falls silent when measurements are older than three periods, counts it, and comes back with them', () => {
    const { core, setpoint } = createBalancer();
    expect(setpoint(at(0), [powerMessage(at(0), 10e3), bessMessage(at(0), 0)])).toBe(10e3);
    // Only the breaker goes on: the last common instant serves for three periods, then nothing does.
    for (const k of [1, 2, 3]) expect(setpoint(at(k), [powerMessage(at(k), 50e3)])).toBe(10e3);
    for (const k of [4, 5]) expect(setpoint(at(k), [powerMessage(at(k), 50e3)])).toBeUndefined();
    expect(core.metrics?.()).toMatchObject({ setpoints: 4, withoutSetpoint: 2, agedSetpoints: 3 });
    expect(setpoint(at(6), [powerMessage(at(6), 50e3), bessMessage(at(6), 0)])).toBe(50e3);
  });

  test('takes a pair into the filter once, however many periods it has to serve', () => {
    const { setpoint } = createBalancer({ filter: 'always', alpha: 0.25 });
    expect(setpoint(at(0), [powerMessage(at(0), 0), bessMessage(at(0), 0)])).toBe(0);
    expect(setpoint(at(1), [powerMessage(at(1), 100e3), bessMessage(at(1), 0)])).toBe(25e3);
    expect(setpoint(at(2), [])).toBe(25e3);
    expect(setpoint(at(3), [powerMessage(at(3), 100e3), bessMessage(at(3), 0)])).toBe(43.75e3);
  });

  test('uses a late message for the instant that it names', () => {
    const { setpoint } = createBalancer();
    setpoint(at(0), [powerMessage(at(0), 10e3)]);
    expect(setpoint(at(1), [powerMessage(at(1), 99e3), { ...bessMessage(at(0), 5e3), late: true }])).toBe(15e3);
  });

  test('ignores other devices, other places, invalid values and tags from the future', () => {
    const { setpoint } = createBalancer();
    const other = (input: Input, change: object): Input => ({
      ...input,
      message: { ...(input.message as object), ...change },
    });
    const inputs = [
      other(powerMessage(at(0), 77e3), { device: 'pmu-feeder' }),
      other(powerMessage(at(0), 77e3), { quality: { valid: false } }),
      other(bessMessage(at(0), 77e3), { device: 'hbes-1' }),
      other(powerMessage(at(0), 0), {
        readings: [{ component: 'branch:feeder:from', measurand: 'activepower', phase: 'total', data: 77e3 }],
      }),
      powerMessage(at(5), 77e3),
      bessMessage(at(5), 0),
    ];
    expect(setpoint(at(0), inputs)).toBeUndefined();
    expect(setpoint(at(1), [powerMessage(at(1), 10e3), bessMessage(at(1), 0)])).toBe(10e3);
  });

  test('adds up phases where there is no total', () => {
    const { setpoint } = createBalancer();
    const power = powerMessage(at(0), 0);
    const readings = (['A', 'B', 'C'] as const).map((phase, index) => ({
      component: place,
      measurand: 'activepower' as const,
      phase,
      data: -1000 * (index + 1),
    }));
    const byPhase = { ...power, message: { ...(power.message as Measurement), readings } };
    expect(setpoint(at(0), [byPhase, bessMessage(at(0), 0)])).toBe(6000);
  });

  test('refuses a configuration that is none', () => {
    const fails = (change: object) => balancer.configSchema.safeParse({ ...baseConfig, ...change }).success;
    expect(fails({})).toBe(true);
    expect(fails({ alpha: 0.31 })).toBe(false);
    expect(fails({ alfa: 0.2 })).toBe(false);
    expect(fails({ mode: 'optimised' })).toBe(false);
    expect(fails({ battery: { ...baseConfig.battery, socMin: 0.9 } })).toBe(false);
    expect(fails({ breaker: { ...baseConfig.breaker, importSign: 0 } })).toBe(false);
  });
});
