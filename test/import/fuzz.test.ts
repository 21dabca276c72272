/** Damaged files of every format: each is read whole or refused in words. `npm run fuzz` does the same at length. */
import { describe, expect, test } from 'vitest';
import { damage, fuzzFormats } from '../../bench/fuzz/mutate.ts';
import { tryCase } from '../../bench/fuzz/trial.ts';

const SEED = 'test-1';
const COUNT = 2000;

describe.each(fuzzFormats)('%s', (format) => {
  test(`${COUNT} damaged files under seed ${SEED}: no crash, no partial grid`, () => {
    const outcomes = { read: 0, refused: 0 };
    const failures: string[] = [];
    for (let index = 0; index < COUNT; index++) {
      const result = tryCase(format, SEED, index);
      if (result.outcome === 'failed') failures.push(`seed ${SEED}, case ${index}: ${result.reason}`);
      else outcomes[result.outcome]++;
    }
    console.log(`${format}: seed ${SEED}, read ${outcomes.read}, refused ${outcomes.refused}`);
    expect(failures).toEqual([]);
    // Damage that is always seen, or never, would prove nothing.
    expect(outcomes.read).toBeGreaterThan(COUNT / 100);
    expect(outcomes.refused).toBeGreaterThan(COUNT / 10);
  });
});

test('the same seed gives the same damage, another seed another', () => {
  expect(damage('cim', SEED, 7)).toEqual(damage('cim', SEED, 7));
  const texts = [0, 1, 2].map((index) => JSON.stringify(damage('matpower', SEED, index)));
  expect(new Set([...texts, JSON.stringify(damage('matpower', 'test-2', 0))]).size).toBe(4);
});
