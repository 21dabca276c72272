/** The likelihood of residuals with a constant part is that of their joint normal distribution, and bounds what never changes. */
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numerics/random.ts';
import { ResidualSeries, WHITE_SHARES } from '../../platform/state-estimation/residual-series.ts';

/** -ln det C - u' C^-1 u of the covariance s I + (1 - s) 11', by elimination; the reference that knows no closed form. */
function jointTwiceLog(series: readonly number[], s: number): number {
  const rows = series.map((u, i) => [...series.map((_, j) => (i === j ? 1 : 1 - s)), u]);
  const n = series.length;
  let logDeterminant = 0;
  let square = 0;
  for (let k = 0; k < n; k += 1) {
    const pivot = rows[k]![k]!;
    logDeterminant += Math.log(pivot);
    square += rows[k]![n]! ** 2 / pivot;
    for (let i = k + 1; i < n; i += 1) {
      const factor = rows[i]![k]! / pivot;
      for (let j = k; j <= n; j += 1) rows[i]![j]! -= factor * rows[k]![j]!;
    }
  }
  return -logDeterminant - square;
}

function seriesOf(frames: readonly (readonly number[])[]): number {
  const series = new ResidualSeries(frames[0]!.length);
  for (const frame of frames) series.add(frame);
  return series.twiceLogLikelihood();
}

describe('residuals with a constant part', () => {
  test('their likelihood is the mean over the shares of the joint normal one', () => {
    const { normal } = randomStream('series', ['frames']);
    const constant = [0.8, -1.5, 0.3];
    for (const count of [1, 2, 7, 20]) {
      const frames = Array.from({ length: count }, () => constant.map((b) => b + 0.4 * normal()));
      const likelihoods = WHITE_SHARES.map((s) =>
        constant.reduce((sum, _, k) => {
          const channel = frames.map((frame) => frame[k]!);
          return sum + jointTwiceLog(channel, s);
        }, 0),
      );
      const mean = likelihoods.reduce((sum, one) => sum + Math.exp(one / 2), 0) / likelihoods.length;
      expect(seriesOf(frames)).toBeCloseTo(2 * Math.log(mean), 9);
    }
  });

  test('an error that never changes counts once, however long it lasts', () => {
    // Within the class, sqrt(3) sigmas, against no error at all; added up as if it were new it would be 3 each time.
    for (const count of [10, 100, 1000]) {
      const constant = seriesOf(Array.from({ length: count }, () => [Math.sqrt(3)]));
      const none = seriesOf(Array.from({ length: count }, () => [0]));
      expect(none - constant).toBeGreaterThan(2.9);
      expect(none - constant).toBeLessThan(3.1);
    }
  });

  test('what varies counts more the less there is besides', () => {
    const frames = (varying: number) => Array.from({ length: 50 }, (_, t) => [1 + varying * (t % 2)]);
    const evidence = (larger: number, smaller: number) => seriesOf(frames(smaller)) - seriesOf(frames(larger));
    expect(evidence(0.5, 0.25)).toBeGreaterThan(30);
    // Of the same squares in white noise of one sigma hardly anything could be said: 50 (0.5^2 - 0.25^2) / 4 = 2.3.
    expect(evidence(0.02, 0.01)).toBeLessThan(1);
  });

  test('where the errors are white the likelihood soon knows', () => {
    const { normal } = randomStream('series', ['white']);
    const frames = Array.from({ length: 200 }, () => [normal(), normal(), normal()]);
    const squares = frames.flat().reduce((sum, u) => sum + u * u, 0);
    // 2 ln L of white noise is -squares; of seven shares only that one is left.
    expect(seriesOf(frames)).toBeCloseTo(-squares - 2 * Math.log(WHITE_SHARES.length), 6);
  });
});
