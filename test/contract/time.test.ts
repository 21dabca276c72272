/** Instants come back from their text to the microsecond, and what is no day of the calendar is none. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatInstant, parseInstant, zoneOffsetUs } from '../../platform/contract/time.ts';

describe('an instant', () => {
  it('comes back from its text', () => {
    const year0 = -62_167_219_200e6;
    const year9999 = 253_402_300_799e6;
    fc.assert(
      fc.property(fc.integer({ min: year0, max: Number.MAX_SAFE_INTEGER }), (timeUs) => {
        fc.pre(timeUs <= year9999);
        expect(parseInstant(formatInstant(timeUs))).toBe(timeUs);
      }),
    );
  });

  it('is written in any zone, and the zone is read back', () => {
    const zones = ['2021-04-01T12:00:00+02:00', '2021-04-01T00:30:00.250000-09:30', '2021-12-31T23:45:00+05:45'];
    for (const text of zones) expect(formatInstant(parseInstant(text), zoneOffsetUs(text))).toBe(text);
    expect(zoneOffsetUs('2021-04-01T12:00:00Z')).toBe(0);
  });

  it('is read with any zone and up to six decimals', () => {
    const text = ['2021-04-01T10:00:00Z', '2021-04-01T12:00:00.0+02:00', '2021-04-01T00:30:00.000000-09:30'];
    for (const same of text) expect(parseInstant(same)).toBe(1_617_271_200e6);
    expect(parseInstant('2021-04-01T10:00:00.25Z')).toBe(1_617_271_200_250_000);
  });

  it.each([
    '2021-04-01T10:00:00',
    '2021-04-01',
    '2021-04-01T10:00:00.1234567Z',
    '2021-13-01T10:00:00Z',
    '2021-02-29T10:00:00Z',
    '2021-04-31T23:59:59+02:00',
    '2021-04-01T10:00:60Z',
    '2021-04-01T10:00:00+24:00',
  ])('%s is none', (text) => expect(parseInstant(text)).toBeNaN());

  it('29 February is a day of leap years', () => {
    expect(formatInstant(parseInstant('2020-02-29T10:00:00Z'))).toBe('2020-02-29T10:00:00Z');
  });
});
