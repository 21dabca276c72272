/** The smallest clash, against trying every set of constraints. */
import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { smallestClash, type Ask } from '../../platform/balancer/optimisation/smallest-clash.ts';

const COUNT = 7;
const patience = { isLarge: false, guessesMax: 50, mayAsk: () => true };
const members = (mask: number) =>
  Array.from({ length: COUNT }, (_, index) => index).filter((index) => mask & (1 << index));

/** A world in which a set clashes when it contains one of `clashes`, given as bit masks. */
function world(clashes: readonly number[]): { readonly ask: Ask; readonly isClash: (mask: number) => boolean } {
  const isClash = (mask: number) => clashes.some((clash) => (mask & clash) === clash);
  const maskOf = (set: ReadonlySet<number>) => [...set].reduce((mask, index) => mask | (1 << index), 0);
  return {
    isClash,
    // A point that keeps the chosen ones keeps some others by chance: here every second one that goes along with them.
    ask: (chosen) => {
      let mask = maskOf(chosen);
      if (isClash(mask)) return 'clash';
      for (let index = 0; index < COUNT; index += 2) if (!isClash(mask | (1 << index))) mask |= 1 << index;
      return new Set(members(mask));
    },
  };
}

test('is a clash, as small as any, and irreducible', () => {
  const mask = fc.integer({ min: 1, max: 2 ** COUNT - 1 });
  fc.assert(
    fc.property(fc.array(mask, { minLength: 1, maxLength: 6 }), (clashes) => {
      const { ask, isClash } = world(clashes);
      const { members: found, isSmallest } = smallestClash(COUNT, ask, () => 0, patience);
      const sizes = clashes.map((clash) => members(clash).length);
      expect(isClash(found.reduce((all, index) => all | (1 << index), 0))).toBe(true);
      expect(found.length).toBe(Math.min(...sizes));
      expect(isSmallest).toBe(true);
    }),
    { seed: 1, numRuns: 500 },
  );
});

test('what nobody can answer proves nothing: what is said to be the smallest is', () => {
  const mask = fc.integer({ min: 1, max: 2 ** COUNT - 1 });
  const clashSets = fc.array(mask, { minLength: 1, maxLength: 6 });
  let proven = 0;
  fc.assert(
    fc.property(clashSets, fc.func(fc.nat(3)), fc.boolean(), (clashes, chance, isLarge) => {
      const { ask, isClash } = world(clashes);
      const hesitant: Ask = (chosen, effort) =>
        chance([...chosen].toSorted((a, b) => a - b)) === 0 ? 'unknown' : ask(chosen, effort);
      const { members: found, isSmallest } = smallestClash(COUNT, hesitant, () => 0, { ...patience, isLarge });
      const fewest = Math.min(...clashes.map((clash) => members(clash).length));
      expect(isClash(found.reduce((all, index) => all | (1 << index), 0))).toBe(true);
      expect(!isSmallest || found.length === fewest).toBe(true);
      if (isSmallest) proven += 1;
    }),
    { seed: 3, numRuns: 500 },
  );
  expect(proven).toBeGreaterThan(100);
});

test('of clashes equally small, the one with less weight', () => {
  const { ask } = world([0b0000011, 0b0001100, 0b1100000]);
  expect(smallestClash(COUNT, ask, () => 0, patience).members).toHaveLength(2);
  expect(smallestClash(COUNT, ask, (index) => (index === 2 || index === 3 ? 0 : 0.1), patience).members).toEqual([
    2, 3,
  ]);
  expect(smallestClash(COUNT, ask, (index) => (index > 4 ? 0 : 0.1), patience).members).toEqual([5, 6]);
});

test('what is said to be the smallest is, however little may be asked, and what is found clashes', () => {
  const mask = fc.integer({ min: 1, max: 2 ** COUNT - 1 });
  fc.assert(
    fc.property(fc.array(mask, { minLength: 1, maxLength: 6 }), fc.nat(4), fc.nat(12), (clashes, guessesMax, asked) => {
      const { ask, isClash } = world(clashes);
      let left = asked;
      const counted: Ask = (chosen, effort) => {
        left -= 1;
        return ask(chosen, effort);
      };
      const { members: found, isSmallest } = smallestClash(COUNT, counted, () => 0, {
        isLarge: guessesMax % 2 === 1,
        guessesMax,
        mayAsk: () => left > 0,
      });
      expect(isClash(found.reduce((all, index) => all | (1 << index), 0))).toBe(true);
      const fewest = Math.min(...clashes.map((clash) => members(clash).length));
      expect(found.length).toBeGreaterThanOrEqual(fewest);
      expect(!isSmallest || found.length === fewest).toBe(true);
    }),
    { seed: 2, numRuns: 500 },
  );
});

test('twenty pairs of which one each is needed are found without trying all 2^20 choices', () => {
  const pairs = 20;
  const ask: Ask = (chosen) => {
    const misses = Array.from({ length: pairs }, (_, k) => k).some((k) => !chosen.has(2 * k) && !chosen.has(2 * k + 1));
    return misses ? chosen : 'clash';
  };
  const { members: found, isSmallest } = smallestClash(2 * pairs, ask, (index) => 0.01 * (index % 2), {
    isLarge: true,
    guessesMax: 80,
    mayAsk: () => true,
  });
  expect([found, isSmallest]).toEqual([Array.from({ length: pairs }, (_, k) => 2 * k), true]);
});
