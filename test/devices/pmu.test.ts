import { describe, expect, test } from 'vitest';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import type { PhasorDevice } from '../../sim/devices/device.ts';
import { baseCurrentA, terminalAt } from '../../sim/devices/place.ts';
import { createPmu } from '../../sim/devices/pmu.ts';
import { clock, deviceOf, grid, START_US, STEP_US, truthOf, type Settings } from './bench-house.ts';

function pmu(entry: Readonly<Record<string, unknown>> = {}, seed = '1', stepUs = STEP_US): PhasorDevice {
  const device = deviceOf('pmu', { id: 'p', at: 'branch:service:to', ...entry });
  const terminal = terminalAt(grid, device.at);
  if (terminal === undefined) throw new Error('no terminal');
  return createPmu({ device, grid, terminal, seed, clock: { ...clock, stepUs } });
}

function measure(device: PhasorDevice, settings: Settings): Measurement {
  const [message] = device.sample(truthOf(settings));
  if (message === undefined) throw new Error('no message');
  return message.measurement;
}

/** Complex reading of a channel. */
function phasor({ readings }: Measurement, what: 'volt' | 'curr', phase: string): { re: number; im: number } {
  const find = (suffix: string) =>
    readings.find((reading) => reading.measurand === `${what}${suffix}` && reading.phase === phase)?.data ?? Number.NaN;
  const [magnitude, angle] = [find('magnitude'), find('angle')];
  return { re: magnitude * Math.cos(angle), im: magnitude * Math.sin(angle) };
}

const PHASES = ['A', 'B', 'C'] as const;

/** Total vector error of a reading against interleaved phasors, channel by channel, as a share. */
function vectorErrors(measurement: Measurement, terminal: Float64Array): number[] {
  return (['volt', 'curr'] as const).flatMap((what, block) =>
    PHASES.map((phase, index) => {
      const { re, im } = phasor(measurement, what, phase);
      const at = 2 * (3 * block + index);
      const [trueRe = 0, trueIm = 0] = [terminal[at], terminal[at + 1]];
      return Math.hypot(re - trueRe, im - trueIm) / Math.hypot(trueRe, trueIm);
    }),
  );
}

describe('PMU', () => {
  test('ideal: the phasors as they are, with the system angle, in SI units, for every seed', () => {
    const measurement = measure(pmu({ preset: 'ideal' }), {
      voltagePu: 1.02,
      angleRad: 0.1,
      systemAngleRad: 40,
      currentA: 80,
      currentAngleRad: -0.3,
      frequencyHz: 49.98,
    });
    const { re, im } = phasor(measurement, 'volt', 'B');
    const expected = 0.1 + 40 - (2 * Math.PI) / 3;
    expect(re).toBeCloseTo(((1.02 * 400) / Math.sqrt(3)) * Math.cos(expected), 9);
    expect(im).toBeCloseTo(((1.02 * 400) / Math.sqrt(3)) * Math.sin(expected), 9);
    const current = phasor(measurement, 'curr', 'A');
    expect(Math.hypot(current.re, current.im)).toBeCloseTo(80, 9);
    expect(Math.atan2(current.im, current.re)).toBeCloseTo(Math.atan2(Math.sin(39.7), Math.cos(39.7)), 9);
    expect(measurement.readings.find(({ measurand }) => measurand === 'frequency')?.data).toBe(49.98);
    expect(measurement.readings).toHaveLength(14);
    expect(measurement.readings.every(({ sigma }) => sigma === undefined)).toBe(true);
    expect(measurement.positiveDirection).toBe(1);
  });

  test('field: TVE against its own terminals stays within 1 % in 40 units of each class over 50 frames', () => {
    for (const performanceClass of ['P', 'M']) {
      const errors: number[] = [];
      for (let unit = 0; unit < 40; unit += 1) {
        const device = pmu({ performanceClass }, String(unit));
        for (let frame = 0; frame < 50; frame += 1) {
          const measurement = measure(device, { timeUs: START_US + frame * STEP_US, voltagePu: 0.97, currentA: 150 });
          errors.push(...vectorErrors(measurement, device.terminal()));
        }
      }
      expect(Math.max(...errors)).toBeLessThan(0.01);
      // An instrument with errors: not a copy of the truth either.
      expect(Math.min(...errors)).toBeGreaterThan(1e-6);
      expect(Math.max(...errors)).toBeGreaterThan(0.001);
    }
  });

  test('the terminals differ from the truth by the errors of the transformers, constant and within their class', () => {
    const device = pmu({ id: 'q' });
    const ideal = pmu({ preset: 'ideal' });
    measure(ideal, {});
    measure(device, {});
    const first = Float64Array.from(device.terminal());
    const ratio =
      Math.hypot(first[0] ?? 0, first[1] ?? 0) / Math.hypot(ideal.terminal()[0] ?? 0, ideal.terminal()[1] ?? 0);
    expect(Math.abs(ratio - 1)).toBeLessThan(0.005);
    expect(Math.abs(ratio - 1)).toBeGreaterThan(1e-5);
    measure(device, { timeUs: START_US + STEP_US });
    expect([...device.terminal()]).toEqual([...first]);
    const none = pmu({ voltageTransformerClass: 0, currentTransformerClass: 0 });
    measure(none, {});
    [...none.terminal()].forEach((value, i) => expect(value).toBeCloseTo(ideal.terminal()[i] ?? 0, 9));
  });

  test('current errors grow at low loading; the sigma says so', () => {
    const sigmaShare = (currentA: number) => {
      const reading = measure(pmu(), { currentA }).readings.find(({ measurand }) => measurand === 'currmagnitude');
      return (reading?.sigma ?? Number.NaN) / currentA;
    };
    expect(sigmaShare(10)).toBeGreaterThan(2.5 * sigmaShare(200));
  });

  test('stated sigmas are true: normalised errors of 300 units against the truth have unit variance', () => {
    const squares = new Map<string, number[]>();
    for (let unit = 0; unit < 300; unit += 1) {
      const field = measure(pmu({ clockJitter: '5us' }, String(unit)), {});
      const exact = measure(pmu({ preset: 'ideal' }), {});
      field.readings.forEach((reading, i) => {
        const error = reading.data - (exact.readings[i]?.data ?? Number.NaN);
        const list = squares.get(reading.measurand) ?? [];
        list.push((error / (reading.sigma ?? Number.NaN)) ** 2);
        squares.set(reading.measurand, list);
      });
    }
    for (const [measurand, values] of squares) {
      const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
      // The clock's share is common to the six angles of a unit: at most 300 independent values.
      expect([measurand, mean > 0.75 && mean < 1.25]).toEqual([measurand, true]);
    }
  });

  test('the clock turns all angles of a frame alike and leaves the tag', () => {
    const still = measure(pmu({ clockJitter: '0us' }), {});
    const jittery = measure(pmu({ clockJitter: '100us' }), {});
    const turns = PHASES.flatMap((phase) =>
      (['volt', 'curr'] as const).map((what) => {
        const a = phasor(still, what, phase);
        const b = phasor(jittery, what, phase);
        return Math.atan2(b.im * a.re - b.re * a.im, b.re * a.re + b.im * a.im);
      }),
    );
    expect(Math.abs(turns[0] ?? 0)).toBeGreaterThan(1e-4);
    for (const turn of turns) expect(turn).toBeCloseTo(turns[0] ?? Number.NaN, 9);
    expect(jittery.timestamp).toBe(still.timestamp);
    expect(jittery.quality?.timeErrorUs).toBe(200);
  });

  test('frames come at their rate and are numbered; a bus has no current', () => {
    const device = pmu({ every: '30s' });
    const times = Array.from({ length: 10 }, (_, step) => START_US + step * STEP_US);
    const messages = times.flatMap((timeUs) => device.sample(truthOf({ timeUs })));
    expect(messages.map(({ measurement }) => measurement.timestamp)).toEqual(
      [0, 3, 6, 9].map((step) => formatInstant(START_US + step * STEP_US)),
    );
    expect(messages.map(({ measurement }) => measurement.sequence)).toEqual([0, 1, 2, 3]);
    const bus = pmu({ at: 'bus:house' });
    expect(measure(bus, {}).readings.map(({ measurand }) => measurand)).not.toContain('currmagnitude');
  });

  test('a unit whose clock alone costs 1 % TVE, 31.8 us, says that it is not synchronised', () => {
    const [still, jittery] = [pmu({ clockJitter: '0us' }), pmu({ clockJitter: '30us' })];
    const flags = Array.from({ length: 200 }, (_, step) => {
      const settings = { timeUs: START_US + step * STEP_US };
      const [a, b] = [measure(still, settings), measure(jittery, settings)];
      const [from, to] = [phasor(a, 'volt', 'A'), phasor(b, 'volt', 'A')];
      const turn = Math.atan2(to.im * from.re - from.im * to.re, to.re * from.re + to.im * from.im);
      expect(a.quality?.synchronised).toBe(true);
      expect(b.quality?.synchronised).toBe(Math.abs(turn) <= 2 * Math.PI * 50 * 31.8e-6);
      return b.quality?.synchronised;
    });
    expect(new Set(flags)).toEqual(new Set([true, false]));
  });

  test.each([
    ['0.1', 'P', 10e6, 0],
    ['0.1', 'M', 10e6, 0],
    // Half a window of 20 or 100 ms: one frame of 10 ms inside it on either side, or nine.
    ['100', 'P', 10e3, 2],
    ['100', 'M', 10e3, 18],
  ])('%s frames/s of class %s: every frame once its first window is full, TVE within 1 %', (...settings) => {
    const [, performanceClass, stepUs, missing] = settings;
    const device = pmu({ performanceClass, every: `${stepUs}us` }, '1', stepUs);
    const times = Array.from({ length: 200 }, (_, step) => START_US + step * stepUs);
    const frames = times.flatMap((timeUs) => device.sample(truthOf({ timeUs, voltagePu: 1.01, currentA: 120 })));
    const tags = frames.map(({ measurement }) => measurement.timestamp);
    expect(tags).toEqual(times.slice(missing / 2, 200 - missing / 2).map((timeUs) => formatInstant(timeUs)));
    for (const { measurement } of frames) {
      expect(Math.max(...vectorErrors(measurement, device.terminal()))).toBeLessThan(0.01);
    }
  });

  test('a latency below the step is not felt, a longer one is felt in whole steps', () => {
    const publishAfter = (reportingLatency: string) => {
      const [message] = pmu({ reportingLatency }).sample(truthOf({}));
      return (message?.publishUs ?? Number.NaN) - START_US;
    };
    expect(publishAfter('200ms')).toBe(0);
    expect(publishAfter('25s')).toBe(2 * STEP_US);
  });

  test('class M at 50 frames/s averages over its window and tags the centre: a ramp comes through unbiased', () => {
    const exact = { voltageTransformerClass: 0, currentTransformerClass: 0, clockJitter: '0us', every: '20ms' };
    const device = pmu({ ...exact, performanceClass: 'M' }, '1', 20e3);
    const base = 400 / Math.sqrt(3);
    const ramp = (frame: number) => ({
      timeUs: START_US + frame * 20e3,
      voltagePu: 1 + 1e-3 * frame,
      systemAngleRad: 0.5 * frame,
    });
    let delivered = 0;
    for (let frame = 0; frame < 60; frame += 1) {
      for (const { measurement, measuredUs } of device.sample(truthOf(ramp(frame)))) {
        delivered += 1;
        // Half a window of 100 ms: four frames of 20 ms inside it on either side.
        expect(measuredUs - START_US).toBe(frame * 20e3);
        expect(measurement.timestamp).toBe(formatInstant(START_US + (frame - 4) * 20e3));
        const { re, im } = phasor(measurement, 'volt', 'A');
        expect(Math.abs(Math.hypot(re, im) / base - (1 + 1e-3 * (frame - 4)))).toBeLessThan(4e-3);
        const angle = Math.atan2(im, re) - 0.5 * (frame - 4);
        expect(Math.abs(Math.atan2(Math.sin(angle), Math.cos(angle)))).toBeLessThan(2.5e-3);
      }
    }
    expect(delivered).toBe(60 - 8);
    const prompt = pmu({ ...exact, performanceClass: 'P' }, '1', 20e3);
    expect(measure(prompt, {}).timestamp).toBe(formatInstant(START_US));
  });

  test('a dead bus gives no infinite or missing number', () => {
    const measurement = measure(pmu(), { voltagePu: 0, currentA: 0 });
    expect(measurement.readings.every(({ data }) => Number.isFinite(data))).toBe(true);
    const broken = pmu().sample(truthOf({ voltagePu: Number.NaN }));
    expect(broken[0]?.measurement.quality?.valid).toBe(false);
    expect(broken[0]?.measurement.readings.every(({ data }) => Number.isFinite(data))).toBe(true);
  });

  test('it describes its errors in figures', () => {
    const { summary, figures } = pmu().describe();
    expect(summary).toContain('IEC 61869-2');
    expect(figures['currentTransformerRatingA']).toBe(200);
    expect(baseCurrentA(grid, 0)).toBeGreaterThan(0);
  });
});
