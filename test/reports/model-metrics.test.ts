/** Findings of a watching estimator against the faults that were planted: what counts as right, found, and when. */
import { describe, expect, test } from 'vitest';
import type { Estimate } from '../../platform/contract/estimate.ts';
import { compareFindings } from '../../reports/model-metrics.ts';
import type { ModelFault } from '../../reports/record.ts';
import type { Table } from '../../reports/record-reader.ts';

type Finding = NonNullable<Estimate['modelFindings']>[number];

const QUARTER_US = 900e6;
const END_US = 96 * QUARTER_US;

/** One estimate per quarter of an hour, the first at its end; undefined: it does not watch. */
function runs(lists: readonly (readonly Finding[] | undefined)[]): Table {
  const texts = lists.map((list) => (list === undefined ? '' : JSON.stringify(list)));
  return {
    rows: lists.length,
    number: () => Float64Array.from(lists, (_, k) => (k + 1) * QUARTER_US),
    text: (column) =>
      column === 'estimator'
        ? { names: ['wls'], index: new Int32Array(lists.length) }
        : { names: texts, index: Int32Array.from(texts, (_, k) => k) },
  };
}

const finding = (...inField: Finding['inField']): Finding => {
  return { kind: 'switch', element: inField.at(-1)!.id, says: 'so', inField, evidence: 40, estimates: 3 };
};
const tapAt = (value: number) => finding({ feature: 'tapPosition', id: 't', value });
const meter = (value: string) => finding({ feature: 'meterPhases', id: 'house', value });
const movedPoint = finding(
  { feature: 'lineClosed', id: 'l7', value: true },
  { feature: 'lineClosed', id: 'l3', value: false },
);

const whole = { fromUs: 0, untilUs: END_US };
const wrongTap: ModelFault = { feature: 'tapPosition', id: 't', onPaper: 0, inField: 2, ...whole };
const wrongPoint: ModelFault[] = [
  { feature: 'lineClosed', id: 'l7', onPaper: false, inField: true, ...whole },
  { feature: 'lineClosed', id: 'l3', onPaper: true, inField: false, ...whole },
];
const swapped: ModelFault = { feature: 'meterPhases', id: 'house', onPaper: 'ABC', inField: 'BAC', ...whole };

function score(faults: readonly ModelFault[], lists: readonly (readonly Finding[] | undefined)[]) {
  const { samples } = compareFindings(faults, runs(lists));
  const of = (name: string) => [...samples[`model.finding.${name}`]!];
  return { precision: of('precision'), recall: of('recall'), delay: of('delay'), wrong: of('wrong') };
}

describe('findings', () => {
  test('an estimator that does not watch gives no sample at all', () => {
    expect(score([wrongTap], [undefined, undefined])).toEqual({ precision: [], recall: [], delay: [], wrong: [] });
  });

  test('one that watches and names nothing has found nothing', () => {
    expect(score([wrongTap], [[], []])).toEqual({ precision: [], recall: [0], delay: [], wrong: [0, 0] });
    expect(score([], [[], []])).toEqual({ precision: [], recall: [], delay: [], wrong: [0, 0] });
  });

  test('a right finding counts once, with the time of the first estimate that has it', () => {
    const lists = [[], [tapAt(2)], [tapAt(2)]];
    expect(score([wrongTap], lists)).toEqual({ precision: [100], recall: [100], delay: [1800], wrong: [0, 0, 0] });
  });

  test('the right element in a wrong position is a wrong finding', () => {
    expect(score([wrongTap], [[tapAt(1)]])).toEqual({ precision: [0], recall: [0], delay: [], wrong: [1] });
    const mended = [[tapAt(1)], [tapAt(1), tapAt(2)]];
    expect(score([wrongTap], mended)).toEqual({ precision: [0, 100], recall: [100], delay: [1800], wrong: [1, 1] });
  });

  test('an open point that moved is two faults and one finding, right only as a whole', () => {
    expect(score(wrongPoint, [[movedPoint]])).toEqual({
      precision: [100],
      recall: [100, 100],
      delay: [900, 900],
      wrong: [0],
    });
    const half = finding({ feature: 'lineClosed', id: 'l7', value: true });
    expect(score(wrongPoint, [[half]])).toMatchObject({ precision: [100], recall: [100, 0] });
    const elsewhere = finding(movedPoint.inField[0]!, { feature: 'lineClosed', id: 'l4', value: false });
    expect(score(wrongPoint, [[elsewhere]])).toMatchObject({ precision: [0], recall: [0, 0] });
  });

  test('what is wrong for a while is found while it is; what is right again may be said to be', () => {
    const fault = { ...swapped, fromUs: QUARTER_US, untilUs: 3 * QUARTER_US };
    const right = [[], [], [meter('BAC')], [meter('BAC')], [meter('BAC'), meter('ABC')]];
    expect(score([fault], right)).toMatchObject({ precision: [100, 100], recall: [100], delay: [1800] });
    expect(score([fault], [[], [], [], [meter('BAC')]])).toMatchObject({ precision: [0], recall: [0], delay: [] });
    expect(score([fault], [[meter('BAC')]])).toMatchObject({ precision: [0], recall: [0] });
    expect(score([fault], [[], [meter('ABC')]])).toMatchObject({ precision: [0], recall: [0] });
  });

  test('an estimator that began anew says its findings again', () => {
    const lists = [[tapAt(2)], [], [tapAt(1)]];
    expect(score([wrongTap], lists)).toMatchObject({ precision: [100, 0], wrong: [0, 0, 1] });
  });
});
