/** The agenda says at every instant which use case is in force, and loses nothing that was agreed. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createAgenda } from '../../platform/balancer/agenda.ts';
import { formatInstant } from '../../platform/contract/time.ts';
import type { UseCaseWish } from '../../platform/contract/trigger.ts';

const START_US = 1.6e15;
const MINUTE_US = 60e6;
const at = (minutes: number) => START_US + minutes * MINUTE_US;
const iso = (minutes: number) => formatInstant(at(minutes));

function hold(targetW: number, minutes: number, from?: number): UseCaseWish {
  return {
    useCase: 2,
    targetW,
    durationUs: minutes * MINUTE_US,
    ...(from !== undefined && { start: iso(from) }),
  };
}

function packages(useCase: 3 | 4, ...slots: readonly [from: number, minutes: number][]): UseCaseWish {
  return {
    useCase,
    slots: slots.map(([from, minutes]) => ({ start: iso(from), durationUs: minutes * MINUTE_US, powerW: 50e3 })),
  };
}

describe('holds', () => {
  test('one that begins at once runs for its time, and the island goes on afterwards', () => {
    const agenda = createAgenda();
    agenda.take({ useCase: 1 }, at(0));
    expect(agenda.take(hold(-20e3, 30), at(10)).accepted).toBe(true);
    expect(agenda.at(at(9)).useCase).toBe(1);
    expect(agenda.at(at(10))).toMatchObject({ useCase: 2, window: { kind: 'hold', exchangeW: -20e3 } });
    expect(agenda.at(at(40) - 1).useCase).toBe(2);
    expect(agenda.at(at(40))).toEqual({ useCase: 1, window: undefined });
  });

  test('packages that a hold interrupts are there again when it is over', () => {
    const agenda = createAgenda();
    agenda.take(packages(4, [0, 60], [120, 60]), at(0));
    agenda.take(hold(0, 15), at(30));
    expect(agenda.at(at(35)).useCase).toBe(2);
    expect(agenda.at(at(45))).toMatchObject({ useCase: 4, window: { kind: 'export-package', exchangeW: -50e3 } });
    expect(agenda.at(at(90))).toEqual({ useCase: 4, window: undefined });
    expect(agenda.at(at(150)).window?.kind).toBe('export-package');
  });

  test('another wish ends a running hold, but not one that was agreed for later', () => {
    const agenda = createAgenda();
    agenda.take({ useCase: 1 }, at(0));
    agenda.take(hold(10e3, 60), at(0));
    agenda.take(hold(20e3, 60, 300), at(1));
    agenda.take(packages(3, [100, 30]), at(10));
    expect(agenda.at(at(10)).useCase).toBe(3);
    expect(agenda.at(at(110)).window?.kind).toBe('import-package');
    expect(agenda.at(at(310)).window).toMatchObject({ kind: 'hold', exchangeW: 20e3 });
  });

  test('a hold for later that begins in a running one cuts it short', () => {
    const agenda = createAgenda();
    agenda.take({ useCase: 1 }, at(0));
    agenda.take(hold(10e3, 60), at(0));
    expect(agenda.take(hold(20e3, 60, 30), at(1)).accepted).toBe(true);
    expect(agenda.at(at(29)).window?.exchangeW).toBe(10e3);
    expect(agenda.at(at(31)).window?.exchangeW).toBe(20e3);
  });

  test('refuses one that is over, and one that overlaps another for later', () => {
    const agenda = createAgenda();
    agenda.take({ useCase: 1 }, at(0));
    expect(agenda.take(hold(1e3, 10, 0), at(20))).toEqual({
      accepted: false,
      reasons: [`the hold is over since ${iso(10)}`],
    });
    agenda.take(hold(1e3, 60, 100), at(20));
    const overlapping = agenda.take(hold(2e3, 60, 130), at(20));
    expect(overlapping.accepted).toBe(false);
    expect(overlapping.reasons[0]).toContain('overlaps');
    expect(agenda.at(at(140)).window?.exchangeW).toBe(1e3);
  });
});

describe('packages', () => {
  test('come in order of time, whatever order they were given in, and are refused when they overlap or are all over', () => {
    const agenda = createAgenda();
    expect(agenda.take(packages(3, [120, 30], [0, 30]), at(0)).accepted).toBe(true);
    expect(agenda.ahead(at(0), at(1000)).map(({ startUs }) => startUs)).toEqual([at(0), at(120)]);
    expect(agenda.ahead(at(30), at(120))).toEqual([]);
    expect(agenda.take(packages(3, [0, 60], [30, 60]), at(0)).reasons[0]).toContain('overlap');
    expect(agenda.take(packages(4, [0, 30]), at(31)).reasons[0]).toContain('every slot is over');
    // What was refused changed nothing.
    expect(agenda.at(at(125)).window?.kind).toBe('import-package');
  });
});

test('use case 0 ends everything, holds for later included', () => {
  const agenda = createAgenda();
  agenda.take(packages(4, [10, 30]), at(0));
  agenda.take(hold(5e3, 30, 60), at(0));
  agenda.take({ useCase: 0 }, at(5));
  expect(agenda.ahead(at(0), at(1000))).toEqual([]);
  expect(agenda.at(at(70))).toEqual({ useCase: 0, window: undefined });
});

test('whatever is wished for, holds never overlap and the target in force is one that was accepted', () => {
  const wish = fc.oneof(
    fc.constantFrom<UseCaseWish>({ useCase: 0 }, { useCase: 1 }),
    fc
      .record({
        target: fc.integer({ min: -100, max: 100 }),
        minutes: fc.integer({ min: 1, max: 90 }),
        from: fc.option(fc.integer({ min: 0, max: 300 })),
      })
      .map(({ target, minutes, from }) => hold(1000 * target, minutes, from ?? undefined)),
    fc
      .record({
        useCase: fc.constantFrom<3 | 4>(3, 4),
        from: fc.integer({ min: 0, max: 300 }),
        minutes: fc.integer({ min: 1, max: 60 }),
      })
      .map(({ useCase, from, minutes }) => packages(useCase, [from, minutes])),
  );
  fc.assert(
    fc.property(fc.array(wish, { maxLength: 12 }), (wishes) => {
      const agenda = createAgenda();
      const accepted = new Set<number>();
      wishes.forEach((each, index) => {
        const nowUs = at(10 * index);
        if (agenda.take(each, nowUs).accepted && each.useCase === 2) accepted.add(each.targetW);
        const holds = agenda.ahead(nowUs, at(10_000)).filter(({ kind }) => kind === 'hold');
        holds.forEach((one, k) => {
          const next = holds[k + 1];
          expect(one.endUs).toBeGreaterThan(one.startUs);
          expect(next?.startUs ?? Infinity).toBeGreaterThanOrEqual(one.endUs);
        });
        const { useCase, window } = agenda.at(nowUs);
        expect(window?.kind === 'hold').toBe(useCase === 2);
        expect(useCase !== 2 || accepted.has(window?.exchangeW ?? Number.NaN)).toBe(true);
      });
    }),
    { numRuns: 500 },
  );
});
