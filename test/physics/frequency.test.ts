import { describe, expect, test } from 'vitest';
import { createFrequency } from '../../sim/physics/frequency.ts';

const process = (seed: string, sigmaHz = 0.02) => createFrequency({ seed, startUs: 1e15, sigmaHz, nominalHz: 50 });

describe('system frequency', () => {
  test('sigma 0 is exactly nominal, without an angle', () => {
    const state = process('1', 0).at(1e15 + 3600e6);
    expect(state.frequencyHz).toBe(50);
    expect(Math.abs(state.rocofHzPerS) + Math.abs(state.systemAngleRad)).toBe(0);
  });

  test('a day has the sigma asked for about 50 Hz and a plausible ROCOF', () => {
    const frequency = process('day');
    const states = Array.from({ length: 8640 }, (_, i) => frequency.at(1e15 + i * 10e6));
    const rms = (values: number[]) => Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
    // About 86400 / (2 * 65) independent samples: 5 sigma is 14 % of the rms.
    expect(rms(states.map(({ frequencyHz }) => frequencyHz - 50)) / 0.02).toBeGreaterThan(0.86);
    expect(rms(states.map(({ frequencyHz }) => frequencyHz - 50)) / 0.02).toBeLessThan(1.14);
    const rocof = rms(states.map(({ rocofHzPerS }) => rocofHzPerS));
    expect(rocof / (0.02 / Math.sqrt(60 * 5))).toBeGreaterThan(0.9);
    expect(rocof / (0.02 / Math.sqrt(60 * 5))).toBeLessThan(1.1);
  });

  test('the path does not depend on the step: 20 ms, 10 s and 15 min agree', () => {
    const fine = process('path');
    const middle = process('path');
    const coarse = process('path');
    for (let t = 0; t <= 900e6; t += 20e3) fine.at(1e15 + t);
    for (let t = 0; t <= 900e6; t += 10e6) middle.at(1e15 + t);
    const at = coarse.at(1e15 + 900e6);
    expect(fine.at(1e15 + 900e6)).toEqual(at);
    expect(middle.at(1e15 + 900e6)).toEqual(at);
  });

  test('the angle is the integral of the frequency, and ROCOF its derivative', () => {
    const frequency = process('integral');
    const step = 0.001;
    let previous = frequency.at(1e15);
    let integral = 0;
    let worst = 0;
    for (let i = 1; i <= 20_000; i += 1) {
      const state = frequency.at(1e15 + i * 1000);
      integral += 2 * Math.PI * step * ((state.frequencyHz + previous.frequencyHz) / 2 - 50);
      // The noise jumps at each tenth of a second; between, the difference quotient is the ROCOF.
      if (i % 100 !== 0) {
        const slope = (state.frequencyHz - previous.frequencyHz) / step;
        worst = Math.max(worst, Math.abs(slope - (state.rocofHzPerS + previous.rocofHzPerS) / 2));
      }
      previous = state;
    }
    expect(worst).toBeLessThan(1e-9);
    expect(previous.systemAngleRad).toBeCloseTo(integral, 8);
  });

  test('time does not run backwards', () => {
    const frequency = process('1');
    frequency.at(1e15 + 10e6);
    expect(() => frequency.at(1e15 + 1e6)).toThrow(RangeError);
  });
});
