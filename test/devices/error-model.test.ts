import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numerics/random.ts';
import {
  currentTransformerLimits,
  drawSpecimen,
  limitSigma,
  voltageTransformerLimits,
} from '../../sim/devices/error-model.ts';

const minutes = (angleRad: number) => (angleRad * 180 * 60) / Math.PI;

describe('error model', () => {
  test('current transformers: the points of IEC 61869-2 table 201', () => {
    for (const [loading, ratio, angle] of [
      [0.05, 0.015, 90],
      [0.2, 0.0075, 45],
      [1, 0.005, 30],
      [1.2, 0.005, 30],
    ] as const) {
      expect(currentTransformerLimits(0.5, loading).ratio).toBeCloseTo(ratio, 12);
      expect(minutes(currentTransformerLimits(0.5, loading).angleRad)).toBeCloseTo(angle, 9);
    }
    expect(currentTransformerLimits(0.2, 0.05).ratio).toBeCloseTo(0.0075, 12);
  });

  test('current transformers: errors grow as the loading falls, and stop growing at 1 %', () => {
    const limits = [1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01].map((loading) => currentTransformerLimits(0.5, loading).ratio);
    expect(limits).toEqual([...limits].sort((a, b) => a - b));
    expect(currentTransformerLimits(0.5, 0.001).ratio).toBe(currentTransformerLimits(0.5, 0.01).ratio);
  });

  test('voltage transformers: 0.5 % and 20 minutes in class 0.5; none in class 0', () => {
    expect(voltageTransformerLimits(0.5).ratio).toBeCloseTo(0.005, 12);
    expect(minutes(voltageTransformerLimits(0.5).angleRad)).toBeCloseTo(20, 9);
    expect(voltageTransformerLimits(0)).toEqual({ ratio: 0, angleRad: 0 });
    expect(currentTransformerLimits(0, 0.01)).toEqual({ ratio: 0, angleRad: 0 });
    // Between the standard classes the limits scale: 0.3 is one and a half times 0.2.
    expect(voltageTransformerLimits(0.3).ratio).toBeCloseTo(0.003, 12);
  });

  test('the sigma stated for a limit is the standard deviation of the specimens drawn within it', () => {
    const stream = randomStream('specimens', []);
    const draws = Array.from({ length: 100_000 }, () => 0.005 * drawSpecimen(stream));
    expect(Math.max(...draws.map(Math.abs))).toBeLessThanOrEqual(0.005);
    const rms = Math.sqrt(draws.reduce((sum, x) => sum + x * x, 0) / draws.length);
    expect(rms / limitSigma(0.005)).toBeCloseTo(1, 2);
  });
});
