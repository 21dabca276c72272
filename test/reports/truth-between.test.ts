/** Truth between the instants of the record, against worlds whose truth is a formula. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Table } from '../../reports/record-reader.ts';
import { trueEnergy } from '../../reports/true-energy.ts';
import { trueFrequency, truePhasors } from '../../reports/true-phasors.ts';

const startUs = 1_617_228_000_000_000;
const [STEP_US, FRAME_US, END_US] = [2e6, 10e6, 60e6];

function table(rows: readonly Readonly<Record<string, number>>[]): Table {
  return {
    rows: rows.length,
    number: (column) => Float64Array.from(rows, (row) => row[column] ?? Number.NaN),
    text: () => ({ names: ['only'], index: new Int32Array(rows.length) }),
  };
}

/** A frequency that runs away evenly, a load whose angle and magnitude do: what the record holds of them, and the truth. */
function world({ deviationHz, rocof, loadRadPerS, perSecond }: Readonly<Record<keyof typeof anyWorld, number>>) {
  const frequencyHz = (s: number) => 50 + deviationHz + rocof * s;
  const systemRad = (s: number) => 2 * Math.PI * (deviationHz * s + (rocof * s * s) / 2);
  const truth = (s: number, systemS = s) => {
    const [magnitude, angle] = [230 + perSecond * s, 1 + systemRad(systemS) + loadRadPerS * s];
    return { re: magnitude * Math.cos(angle), im: magnitude * Math.sin(angle) };
  };
  const times = (spacingUs: number) => Array.from({ length: END_US / spacingUs + 1 }, (_, k) => k * spacingUs);
  const site = table(times(STEP_US).map((t) => ({ timeUs: startUs + t, frequencyHz: frequencyHz(t / 1e6) })));
  const terminals = table(times(FRAME_US).map((t) => ({ timeUs: startUs + t, ...truth(t / 1e6) })));
  const frequency = trueFrequency(site, 50);
  const phasors = truePhasors(terminals, frequency);
  const out = new Float64Array(2);
  const phasorAt = (offsetUs: number) => {
    const moment = phasors.moment(0, 0, startUs + offsetUs);
    phasors.phasor(terminals.number('re'), terminals.number('im'), moment, out);
    return { re: out[0] ?? Number.NaN, im: out[1] ?? Number.NaN, isRecorded: moment.isRecorded };
  };
  return { frequency, frequencyHz, systemRad, truth, phasorAt };
}

/** Up to a whole turn of the system from frame to frame, and less than half a turn of the load. */
const anyWorld = {
  deviationHz: fc.double({ min: -0.1, max: 0.1, noNaN: true }),
  rocof: fc.double({ min: -0.001, max: 0.001, noNaN: true }),
  loadRadPerS: fc.double({ min: -0.3, max: 0.3, noNaN: true }),
  perSecond: fc.double({ min: -1, max: 1, noNaN: true }),
};

describe('a phasor at any instant', () => {
  it('is the truth of a world that moves evenly', () => {
    fc.assert(
      fc.property(fc.record(anyWorld), fc.integer({ min: 0, max: END_US }), (so, offsetUs) => {
        const { truth, phasorAt, frequency, frequencyHz } = world(so);
        const [found, wanted] = [phasorAt(offsetUs), truth(offsetUs / 1e6)];
        expect(Math.hypot(found.re - wanted.re, found.im - wanted.im)).toBeLessThan(1e-9 * 230);
        expect(found.isRecorded).toBe(offsetUs % FRAME_US === 0);
        expect(frequency.at(startUs + offsetUs)).toBeCloseTo(frequencyHz(offsetUs / 1e6), 9);
      }),
    );
  });

  it('turns with the system for one step outside the record, and is unknown further out', () => {
    const { phasorAt, truth, frequency } = world({ deviationHz: 0.05, rocof: 0, loadRadPerS: 0.1, perSecond: 1 });
    const last = truth(60, 60 + 2);
    expect(phasorAt(END_US + STEP_US).re).toBeCloseTo(last.re, 9);
    expect(phasorAt(-STEP_US).im).toBeCloseTo(truth(0, -2).im, 9);
    expect(phasorAt(END_US + STEP_US + 1).re).toBeNaN();
    expect(phasorAt(-STEP_US - 1).re).toBeNaN();
    expect(frequency.at(startUs + END_US + STEP_US + 1)).toBeNaN();
  });
});

describe('energy between any two instants', () => {
  const energies = (minutes: readonly number[]) =>
    table(minutes.map((minute) => ({ timeUs: startUs + minute * 60e6, importWh: minute })));
  const over = (from: number, to: number, minutes = [15, 30, 45, 60]) =>
    trueEnergy(energies(minutes), 'importWh').over(0, startUs + from * 60e6, startUs + to * 60e6);

  it('is the record’s own over its intervals, and evenly spread inside them', () => {
    expect([over(0, 15), over(15, 30), over(15, 60)]).toEqual([15, 30, 135]);
    expect(over(10, 20)).toBeCloseTo(5 + 10, 9);
    expect(over(20, 25)).toBeCloseTo(10, 9);
    expect(over(30, 30)).toBe(0);
  });

  it('adds up', () => {
    const minute = fc.integer({ min: 0, max: 75 });
    fc.assert(
      fc.property(minute, minute, minute, (...minutes) => {
        const [a, b, c] = minutes.toSorted((x, y) => x - y) as [number, number, number];
        expect(over(a, b) + over(b, c)).toBeCloseTo(over(a, c), 9);
      }),
    );
  });

  it('holds the last power for one interval, and is unknown beyond and where an interval is missing', () => {
    expect(over(60, 67.5)).toBeCloseTo(30, 9);
    expect(over(60, 76)).toBeNaN();
    expect(over(-1, 15)).toBeNaN();
    expect(over(15, 30, [15, 45, 60])).toBeNaN();
    expect(over(30, 45, [15, 45, 60])).toBe(45);
    expect(over(0, 15, [15])).toBeNaN();
  });
});
