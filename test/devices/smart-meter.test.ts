import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import type { MeteringDevice } from '../../sim/devices/device.ts';
import { meterClassLimits } from '../../sim/devices/error-model.ts';
import { createSmartMeter, meterPointAt } from '../../sim/devices/smart-meter.ts';
import { clock, deviceOf, grid, START_US, STEP_US, truthOf, type Settings } from './bench-house.ts';

function meter(entry: Readonly<Record<string, unknown>> = {}, seed = '1'): MeteringDevice {
  const device = deviceOf('smart-meter', { id: 'm', at: 'bus:house', ...entry });
  const point = meterPointAt(grid, device.at);
  if (point === undefined) throw new Error('no point');
  return createSmartMeter({ device, grid, point, seed, clock });
}

/** Runs `steps` steps of 10 s and collects the messages with the true energies beside them. */
function run(device: MeteringDevice, steps: number, settings: (step: number) => Settings) {
  const out: { readonly measurement: Measurement; readonly importWh: number; readonly exportWh: number }[] = [];
  for (let step = 0; step <= steps; step += 1) {
    const truth = truthOf({ ...settings(step), timeUs: START_US + step * STEP_US });
    for (const { measurement } of device.sample(truth)) out.push({ measurement, ...device.trueEnergy() });
  }
  return out;
}

function value({ readings }: Measurement, measurand: string, phase: string): number {
  return readings.find((reading) => reading.measurand === measurand && reading.phase === phase)?.data ?? Number.NaN;
}

function codes({ readings }: Measurement): readonly string[] {
  return readings.flatMap(({ obis }) => obis ?? []);
}

describe('smart meter', () => {
  test('a quarter hour: averages over the interval, net of PV and battery, energies in the registers', () => {
    const exact = meter({ accuracyClass: 'C', registerResolution: '0.001 Wh' });
    const [first, ...rest] = run(exact, 90, (step) => ({
      kitchenW: step > 45 ? [2000, 0, 300] : [0, 0, 300],
      workshopW: [0, 500, 0],
      roofW: [100, 100, 100],
      batteryW: [0, 200, 0],
      voltagePu: 0.98,
    }));
    if (first === undefined) throw new Error('no message');
    expect(rest).toEqual([]);
    const { measurement } = first;
    expect(measurement.interval).toEqual({ start: formatInstant(START_US), end: formatInstant(START_US + 900e6) });
    expect(measurement.timestamp).toBe(measurement.interval?.end);
    expect(value(measurement, 'activepower', 'A') / 900).toBeCloseTo(1, 1);
    expect(value(measurement, 'activepower', 'B') / 200).toBeCloseTo(1, 1);
    expect(value(measurement, 'activepower', 'C') / 200).toBeCloseTo(1, 1);
    expect(value(measurement, 'voltmagnitude', 'A') / ((0.98 * 400) / Math.sqrt(3))).toBeCloseTo(1, 1);
    // 45 steps at 400 W and 45 at 2,300 W... of which 100 W per phase and 200 W came from the house itself.
    expect(first.importWh).toBeCloseTo(((300 + 2300) / 2) * 0.25, 9);
    expect(first.exportWh).toBe(0);
    expect(Math.abs(value(measurement, 'energyimport', 'total') / first.importWh - 1)).toBeLessThan(0.005);
    // Net active power and voltage of L1, L2, L3 as averages of the last interval, then the registers.
    const values = ['36.5.0', '32.5.0', '56.5.0', '52.5.0', '76.5.0', '72.5.0', '1.8.0', '2.8.0'];
    expect(codes(measurement)).toEqual(values.map((code) => `1-0:${code}*255`));
  });

  test('a meter at a load sees that load alone', () => {
    const [message] = run(meter({ at: 'load:workshop', accuracyClass: 'C' }), 90, () => ({
      kitchenW: [900, 900, 900],
      workshopW: [50, 60, 70],
      roofW: [500, 500, 500],
    }));
    if (message === undefined) throw new Error('no message');
    expect(value(message.measurement, 'activepower', 'C') / 70).toBeCloseTo(1, 1);
    expect(message.importWh).toBeCloseTo(180 * 0.25, 9);
  });

  test('ideal: instantaneous and exact at every step, the start included, without interval', () => {
    const messages = run(meter({ preset: 'ideal' }), 3, (step) => ({ kitchenW: [100.1 * step, 0, 0] }));
    expect(messages).toHaveLength(4);
    messages.forEach(({ measurement }, step) => {
      expect(measurement.interval).toBeUndefined();
      expect(value(measurement, 'activepower', 'A')).toBe(100.1 * step);
      expect(value(measurement, 'reactivepower', 'A')).toBeCloseTo(20.02 * step, 9);
      expect(value(measurement, 'voltmagnitude', 'B')).toBeCloseTo(400 / Math.sqrt(3), 9);
    });
    const last = messages.at(-1)?.measurement;
    expect(last && codes(last).slice(0, 2)).toEqual(['1-0:36.7.0*255', '1-0:32.7.0*255']);
    expect(last && value(last, 'energyimport', 'total')).toBeCloseTo((100.1 * 6 * 10) / 3600, 9);
  });

  test.each(['A', 'B', 'C'] as const)(
    'class %s: energies of 60 meters stay within the class limit, and use it',
    (accuracyClass) => {
      const limit = meterClassLimits[accuracyClass];
      const errors = Array.from({ length: 60 }, (_, unit) => {
        const [message] = run(meter({ accuracyClass, registerResolution: '0.001 Wh' }, String(unit)), 90, () => ({
          kitchenW: [1000, 2000, 1500],
        }));
        if (message === undefined) throw new Error('no message');
        return Math.abs(value(message.measurement, 'energyimport', 'total') / message.importWh - 1);
      });
      expect(Math.max(...errors)).toBeLessThan(limit);
      expect(Math.max(...errors)).toBeGreaterThan(0.5 * limit);
    },
  );

  test('averages: stated sigmas are true over 400 meters', () => {
    const squares: number[] = [];
    for (let unit = 0; unit < 400; unit += 1) {
      const [message] = run(meter({}, String(unit)), 90, () => ({ kitchenW: [1000, 1000, 1000] }));
      const reading = message?.measurement.readings.find(({ measurand }) => measurand === 'activepower');
      squares.push((((reading?.data ?? Number.NaN) - 1000) / (reading?.sigma ?? Number.NaN)) ** 2);
    }
    const mean = squares.reduce((sum, x) => sum + x, 0) / squares.length;
    expect(mean).toBeGreaterThan(0.8);
    expect(mean).toBeLessThan(1.2);
  });

  test('registers never run backwards and show whole steps of their resolution, whatever the power', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -9000, max: 9000 }), { minLength: 20, maxLength: 60 }), (watts) => {
        const device = meter({ every: '10s', registerResolution: '5 Wh' });
        const messages = run(device, watts.length, (step) => ({ kitchenW: [watts[step - 1] ?? 0, 0, 0] }));
        for (const register of ['energyimport', 'energyexport']) {
          const values = messages.map(({ measurement }) => value(measurement, register, 'total'));
          expect(values).toEqual([...values].sort((a, b) => a - b));
          for (const shown of values) expect(shown % 5).toBe(0);
        }
        const trueImport = messages.reduce((sum, { importWh }) => sum + importWh, 0);
        const last = messages.at(-1)?.measurement;
        const shown = last === undefined ? Number.NaN : value(last, 'energyimport', 'total');
        expect(shown).toBeLessThanOrEqual(trueImport * 1.01);
        expect(shown).toBeGreaterThan(trueImport * 0.99 - 5);
      }),
      { numRuns: 50 },
    );
  });
});
