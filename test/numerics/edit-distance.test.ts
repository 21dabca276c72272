/** Which known word somebody probably meant. */
import { assert, property, string, stringMatching } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { closest, didYouMean } from '../../numerics/edit-distance.ts';

const words = ['every', 'energy', 'seed', 'site', 'stateEstimation', 'powerCalculation'];

describe('closest', () => {
  it.each([
    ['evry', 'every'],
    ['evrey', 'every'],
    ['everyy', 'every'],
    ['EVERY', 'every'],
    ['sead', 'seed'],
    ['stateEstmiation', 'stateEstimation'],
    ['poweCalculaton', 'powerCalculation'],
  ])('%s means %s', (word, meant) => {
    expect(closest(word, words)).toBe(meant);
  });

  it.each(['x', 'zzz', 'banana', 'historian', ''])('%j means none of them', (word) => {
    expect(closest(word, words)).toBeUndefined();
  });

  it('takes one letter or number for another in no case', () => {
    expect(closest('D', ['A', 'B', 'C'])).toBeUndefined();
    expect(closest('b', ['A', 'B', 'C'])).toBe('B');
    expect(closest('134', ['133', '4', '34'])).toBeUndefined();
    expect(closest('lw', ['mv', 'lv'])).toBe('lv');
  });

  it('prefers the nearest, and of equals the first', () => {
    expect(closest('cat', ['cart', 'bat', 'cat'])).toBe('cat');
    expect(closest('cat', ['bat', 'cut'])).toBe('bat');
  });

  it('finds every word again after one slip', () => {
    assert(
      property(stringMatching(/^[a-z]{4,12}$/), string({ minLength: 1, maxLength: 1 }), (word, letter) => {
        const slips = [
          word.slice(1),
          `${word}${letter}`,
          `${word[1]}${word[0]}${word.slice(2)}`,
          `${letter}${word.slice(1)}`,
        ];
        for (const slip of slips) expect(closest(slip, [word])).toBe(word);
      }),
    );
  });
});

it('didYouMean asks', () => {
  expect(didYouMean('sed', words)).toBe('did you mean "seed"?');
  expect(didYouMean('banana', words)).toBeUndefined();
});
