/** Expectations are read to the column, know the catalogue's names and units, and fail closed. */
import { array, assert, constantFrom, oneof, property, string } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { evaluateExpectation, ExpectationError, parseExpectation } from '../../reports/expectations.ts';
import { listQuantities } from '../../reports/quantities.ts';

function faultOf(text: string): { column: number; message: string; hint: string | undefined } {
  try {
    parseExpectation(text);
  } catch (error) {
    if (error instanceof ExpectationError) return { column: error.column, message: error.message, hint: error.hint };
    throw error;
  }
  throw new Error(`"${text}" was accepted`);
}

describe('what is understood', () => {
  it.each([
    ['estimate.voltage.error.p95 < 0.5 %', 'estimate.voltage.error.p95', '<', 0.5, '%'],
    ['kpi.exchangedEnergyReduction > 55 %', 'kpi.exchangedEnergyReduction', '>', 55, '%'],
    ['messages.unexplained == 0', 'messages.unexplained', '==', 0, '1'],
    ['estimate.voltage.error.max<1e-6%', 'estimate.voltage.error.max', '<', 1e-6, '%'],
    ['battery.soc.min >= 8.75 %', 'battery.soc.min', '>=', 8.75, '%'],
    ['power.active.error.p95 <= 1.5 kW', 'power.active.error.p95', '<=', 1500, 'W'],
    ['latency.device>estimate.p95 < 200 ms', 'latency.device>estimate.p95', '<', 200_000, 'us'],
    ['kpi.savedEnergy > 0.2 MWh', 'kpi.savedEnergy', '>', 200, 'kWh'],
    ['  setpoint.tracking.error.bias > -5 W ', 'setpoint.tracking.error.bias', '>', -5, 'W'],
    ['setpoint.tracking.error.max != 0', 'setpoint.tracking.error.max', '!=', 0, 'W'],
  ])('%s', (text, quantity, comparison, bound, unit) => {
    expect(parseExpectation(text)).toEqual({ text: text.trim(), quantity, comparison, bound, unit });
  });

  it('reads an expectation on every name of the catalogue', () => {
    for (const { name, unit } of listQuantities()) {
      const text = unit === '1' ? `${name} < 1` : `${name} < 1 ${unit}`;
      expect(parseExpectation(text)).toMatchObject({ quantity: name, bound: 1, unit });
    }
  });
});

describe('what is refused, with its column', () => {
  it.each([
    ['', 1, 'expected the name of a metric, KPI or counter, found the end'],
    ['< 5 %', 1, 'expected the name of a metric, KPI or counter, found "< 5 %"'],
    ['estimate.voltage.error.p95', 27, 'expected a comparison, found the end'],
    ['estimate.voltage.error.p95 0.5 %', 28, 'expected a comparison, found "0.5 %"'],
    ['estimate.voltage.error.p95 < much', 30, 'expected a number, found "much"'],
    ['estimate.voltage.error.p95 < 0.5 % or so', 36, 'expected the end, found "or so"'],
    ['messages.late == 1.2.3', 21, 'expected the end, found ".3"'],
    ['estimate.voltage.error.p95 < 0.5', 33, 'estimate.voltage.error.p95 needs a unit'],
    ['messages.unexplained == 3 %', 27, 'messages.unexplained is a pure number, without the unit "%"'],
    ['battery.soc.min >= 8.75 kWh', 25, 'battery.soc.min is in %, which "kWh" does not convert into'],
    ['battery.soc.min => 8.75 %', 17, '"=>" is no comparison'],
    ['battery.sco.min >= 8.75 %', 1, '"battery.sco.min" is no metric, KPI or counter'],
  ])('%s', (text, column, message) => {
    expect(faultOf(text)).toMatchObject({ column, message });
  });

  it('suggests the name, the comparison and the unit that was probably meant', () => {
    expect(faultOf('battery.sco.min >= 8.75 %').hint).toBe('did you mean "battery.soc.min"?');
    expect(faultOf('kpi.exchangedEnergyReducton > 55 %').hint).toBe('did you mean "kpi.exchangedEnergyReduction"?');
    expect(faultOf('battery.soc.min => 8.75 %').hint).toBe('did you mean ">="?');
    expect(faultOf('kpi.savedEnergy > 5').hint).toBe('write "5 kWh"');
    expect(faultOf('battery.soc.min >= 8 W').hint).toBe('units: %');
  });

  it('never fails in any other way, whatever the text', () => {
    const scraps = constantFrom('battery.soc', '.min', 'kpi.', '<', '>', '=', '!', ' ', '5', '-', '.', 'e', '%', 'kW');
    const texts = oneof(
      string(),
      array(scraps).map((parts) => parts.join('')),
    );
    const columnOf = (text: string): number | undefined => {
      try {
        parseExpectation(text);
        return undefined;
      } catch (error) {
        if (error instanceof ExpectationError) return error.column;
        throw error;
      }
    };
    assert(
      property(texts, (text) => {
        const column = columnOf(text) ?? 1;
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual(text.length + 1);
      }),
    );
  });
});

describe('evaluation', () => {
  it.each([
    ['<', [true, false, false]],
    ['<=', [true, true, false]],
    ['>', [false, false, true]],
    ['>=', [false, true, true]],
    ['==', [false, true, false]],
    ['!=', [true, false, true]],
  ])('compares with %s', (comparison, passes) => {
    const expectation = parseExpectation(`kpi.savedEnergy ${comparison} 2 kWh`);
    expect([1, 2, 3].map((observed) => evaluateExpectation(expectation, () => observed).pass)).toEqual(passes);
  });

  it('says what was observed, in the unit of the catalogue', () => {
    const expectation = parseExpectation('latency.device>bal.p99 < 0.5 s');
    expect(evaluateExpectation(expectation, (name) => (name === 'latency.device>bal.p99' ? 1234 : undefined))).toEqual({
      text: 'latency.device>bal.p99 < 0.5 s',
      observed: 1234,
      unit: 'us',
      pass: true,
    });
  });

  it.each(['<', '<=', '>', '>=', '==', '!='])('fails without a sample and on NaN with %s', (comparison) => {
    const expectation = parseExpectation(`messages.lost ${comparison} 0`);
    for (const nothing of [undefined, Number.NaN]) {
      expect(evaluateExpectation(expectation, () => nothing)).toMatchObject({ observed: null, pass: false });
    }
  });
});
