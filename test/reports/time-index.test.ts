import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairGroups, TimeIndex, translate } from '../../reports/time-index.ts';

describe('TimeIndex', () => {
  it('finds the row of a series at an instant, in whatever order rows and questions come', () => {
    const rows = fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 50 })), {
      selector: ([group, time]) => `${group}@${time}`,
    });
    fc.assert(
      fc.property(
        rows,
        fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 50 }))),
        (all, asked) => {
          const timeUs = Float64Array.from(all, ([, time]) => time);
          const index = new TimeIndex(
            timeUs,
            Int32Array.from(all, ([group]) => group),
            4,
          );
          for (const [group, time] of [...asked, ...all]) {
            expect(index.find(group, time)).toBe(all.findIndex(([g, t]) => g === group && t === time));
          }
          for (let group = 0; group < 4; group += 1) {
            const times = Array.from(index.rows(group), (row) => timeUs[row] ?? 0);
            expect(times).toEqual(
              all
                .filter(([g]) => g === group)
                .map(([, time]) => time)
                .toSorted((a, b) => a - b),
            );
          }
        },
      ),
    );
  });

  it('knows nothing of a series that is not there', () => {
    const index = new TimeIndex(Float64Array.of(1), Int32Array.of(0), 1);
    expect(index.find(-1, 1)).toBe(-1);
    expect(index.rows(-1)).toHaveLength(0);
  });
});

describe('text columns', () => {
  const devices = { names: ['a', 'b'], index: Int32Array.of(0, 1, 1) };
  const phases = { names: ['A', 'B', 'C'], index: Int32Array.of(2, 0, 2) };

  it('number pairs row by row', () => {
    const { group, groups } = pairGroups(devices, phases);
    expect(groups).toBe(6);
    expect([...group]).toEqual([2, 3, 5]);
  });

  it('translate between the numberings of two tables', () => {
    expect([...translate({ names: ['b', 'x', 'a'], index: new Int32Array(0) }, devices)]).toEqual([1, -1, 0]);
  });
});
