import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { randomStream } from '../../numerics/random.ts';

function draw(count: number, next: () => number): number[] {
  return Array.from({ length: count }, next);
}
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

describe('named random streams', () => {
  test('the same seed and path give the same numbers, for ever: recorded draws of version 1', () => {
    const stream = randomStream('spring-1', ['pmu-breaker', 'clock']);
    expect(draw(3, stream.uniform)).toEqual(RECORDED_UNIFORMS);
    expect(draw(3, stream.normal)).toEqual(RECORDED_NORMALS);
  });

  test('how a path is cut into parts matters', () => {
    const texts = [['a', 'bc'], ['ab', 'c'], ['abc'], ['a', 'b', 'c'], ['a bc'], ['']].map((path) =>
      randomStream('1', path).uniform(),
    );
    expect(new Set(texts).size).toBe(texts.length);
    expect(randomStream('12', ['3']).uniform()).not.toBe(randomStream('1', ['23']).uniform());
  });

  test('drawing from one stream never moves another', () => {
    fc.assert(
      fc.property(fc.string(), fc.array(fc.string()), fc.array(fc.string()), fc.nat(50), (seed, one, two, extra) => {
        const alone = draw(10, randomStream(seed, one).normal);
        const other = randomStream(seed, two);
        const together = randomStream(seed, one);
        const interleaved = draw(10, () => {
          for (let i = 0; i < extra; i += 1) other.normal();
          return together.normal();
        });
        expect(interleaved).toEqual(alone);
      }),
      { numRuns: 50 },
    );
  });

  test('moments of a stream: uniform 1/2 and 1/12, normal 0, 1, 0 and 3, each within five standard errors', () => {
    const n = 200_000;
    const uniforms = draw(n, randomStream('moments', ['uniform']).uniform);
    expect(Math.abs(mean(uniforms) - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / n));
    expect(Math.abs(mean(uniforms.map((u) => (u - 0.5) ** 2)) - 1 / 12)).toBeLessThan(5 * Math.sqrt(1 / 180 / n));
    const normals = draw(n, randomStream('moments', ['normal']).normal);
    const moment = (power: number) => mean(normals.map((x) => x ** power));
    expect(Math.abs(moment(1))).toBeLessThan(5 / Math.sqrt(n));
    expect(Math.abs(moment(2) - 1)).toBeLessThan(5 * Math.sqrt(2 / n));
    expect(Math.abs(moment(3))).toBeLessThan(5 * Math.sqrt(15 / n));
    expect(Math.abs(moment(4) - 3)).toBeLessThan(5 * Math.sqrt(96 / n));
  });

  test('first draws of neighbouring names are uniform and uncorrelated', () => {
    const n = 20_000;
    const firsts = Array.from({ length: n }, (_, i) => randomStream('1', [`house-${i}`, 'load']).uniform());
    const sorted = [...firsts].sort((a, b) => a - b);
    const kolmogorov = Math.max(...sorted.map((value, i) => Math.abs(value - (i + 0.5) / n)));
    expect(kolmogorov * Math.sqrt(n)).toBeLessThan(1.95); // 0.1 % point of the Kolmogorov distribution
    const products = firsts.slice(1).map((value, i) => 12 * (value - 0.5) * ((firsts[i] ?? 0) - 0.5));
    expect(Math.abs(mean(products))).toBeLessThan(5 / Math.sqrt(n));
  });
});

const RECORDED_UNIFORMS = [0.24885169230401516, 0.026975096203386784, 0.7364971691276878];
const RECORDED_NORMALS = [1.0838126471932992, 0.240626606177842, -0.19806662350971607];
