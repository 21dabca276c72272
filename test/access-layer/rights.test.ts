/** Rights are sound: whatever a granted subscription can match, the right allows; overlaps are found. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { filterCovers, filtersOverlap, mayPublish } from '../../platform/databus/rights.ts';
import { isValidFilter, topicMatches } from '../../platform/databus/topic-filter.ts';

const level = fc.constantFrom('a', 'b', '', '$x');
const topic = fc.array(level, { minLength: 1, maxLength: 4 }).map((levels) => levels.join('/'));
const filter = fc
  .tuple(fc.array(fc.oneof(level, fc.constant('+')), { maxLength: 4 }), fc.constantFrom('', '#'))
  .map(([levels, last]) => [...levels, ...(last === '' ? [] : [last])].join('/'))
  .filter((text) => isValidFilter(text));

/** Every topic of up to five levels from a small alphabet: enough for filters of up to five levels. */
const everyTopic = ['a', 'b', '', '$x'].flatMap(function deepen(start: string): string[] {
  const levels = start.split('/').length;
  return levels === 5 ? [start] : [start, ...['a', 'b', '', '$x'].flatMap((next) => deepen(`${start}/${next}`))];
});

describe('filterCovers', () => {
  it.each([
    ['#', 'a/b', true],
    ['#', '$SYS/#', false],
    ['+/a', '$SYS/a', false],
    ['a/#', 'a', true],
    ['a/#', 'a/+/c', true],
    ['a/+', 'a/#', false],
    ['a/+', 'a', false],
    ['a/+/c', 'a/b/c', true],
    ['a/b', 'a/+', false],
    ['a/b', 'a/b/#', false],
    ['a/#', 'a/#', true],
  ])('%s covers %s: %s', (outer, inner, covers) => {
    expect(filterCovers(outer, inner)).toBe(covers);
  });

  it('is sound: what the inner filter matches, the outer one matches', () => {
    fc.assert(
      fc.property(filter, filter, topic, (outer, inner, name) => {
        fc.pre(filterCovers(outer, inner) && topicMatches(inner, name));
        expect(topicMatches(outer, name)).toBe(true);
      }),
    );
  });
});

describe('filtersOverlap', () => {
  it('is true exactly when some topic matches both', () => {
    fc.assert(
      fc.property(filter, filter, (a, b) => {
        const shared = everyTopic.some((name) => name !== '' && topicMatches(a, name) && topicMatches(b, name));
        expect(filtersOverlap(a, b)).toBe(shared);
      }),
      { numRuns: 300 },
    );
  });
});

describe('mayPublish', () => {
  it('goes by name and by filter', () => {
    const rights = { publish: ['a/b', 'c/+'], subscribe: [] };
    expect(['a/b', 'a/c', 'c/d', 'c/d/e'].map((name) => mayPublish(rights, name))).toEqual([true, false, true, false]);
  });
});
