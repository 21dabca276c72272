/** Frames of one interval become mean phasors that no drift of the system frequency can smear. */
import { describe, expect, test } from 'vitest';
import type { Measurement } from '../../platform/contract/measurement.ts';
import { averageFrames, type PmuFrame, readFrame } from '../../platform/state-estimation/pmu-window.ts';
import { samplingSigma, stalenessSigma } from '../../platform/state-estimation/uncertainty.ts';

function message(voltAngle: number, currAngle: number, changes: Partial<Measurement> = {}): Measurement {
  const at = { component: 'branch:transformer:to', phase: 'A' } as const;
  return {
    schema: 'platone.measurement/1',
    device: 'pmu',
    timestamp: '2021-04-01T00:00:00Z',
    sequence: 0,
    readings: [
      { ...at, measurand: 'voltmagnitude', data: 230, sigma: 0.5 },
      { ...at, measurand: 'voltangle', data: voltAngle },
      { ...at, measurand: 'currmagnitude', data: 100 },
      { ...at, measurand: 'currangle', data: currAngle },
    ],
    ...changes,
  };
}

/** Frames whose common angle runs 72 degrees a frame while the current lags by 0.3 rad. */
function drifting(count: number): PmuFrame[] {
  return Array.from({ length: count }, (_, k) => {
    const turn = (2 * Math.PI * k) / 5;
    return readFrame(message(turn, turn - 0.3), k, 1)!;
  });
}

describe('frames of a PMU', () => {
  test('averages keep magnitude and lag although the frames turn once round', () => {
    const frames = drifting(10);
    const angles = new Map(frames.map((frame) => [frame.timeUs, frame.angleRad[0]!]));
    const mean = averageFrames(frames, (timeUs) => angles.get(timeUs))!;
    expect(mean.count).toBe(10);
    expect(mean.magnitude[0]).toBeCloseTo(230, 9);
    expect(mean.magnitude[1]).toBeCloseTo(100, 9);
    expect(mean.angleRad[0]).toBeCloseTo(0, 9);
    expect(mean.angleRad[1]).toBeCloseTo(-0.3, 9);
    expect(mean.angleVariance[1]).toBeCloseTo(0, 9);
    expect(mean.magnitudeSigma[0]).toBeCloseTo(0.5, 9);
    expect(mean.magnitudeSigma[1]).toBeNaN();
  });

  test('frames without a reference at their instant are left out', () => {
    const mean = averageFrames(drifting(10), (timeUs) => (timeUs < 4 ? 0 : undefined))!;
    expect(mean.count).toBe(4);
    expect(averageFrames(drifting(3), () => undefined)).toBeUndefined();
  });

  test('a reading that is missing from a frame costs its channel that frame only', () => {
    const frames = drifting(10);
    frames[3]!.magnitude[1] = Number.NaN;
    const angles = new Map(frames.map((frame) => [frame.timeUs, frame.angleRad[0]!]));
    const mean = averageFrames(frames, (timeUs) => angles.get(timeUs))!;
    expect([...mean.counts]).toEqual([10, 9]);
    expect(mean.magnitude[1]).toBeCloseTo(100, 9);
    expect(mean.angleRad[1]).toBeCloseTo(-0.3, 9);
  });

  test('a channel wired the other way turns the current round; invalid frames and frames without voltage are none', () => {
    const turned = readFrame(message(0, 0.2, { positiveDirection: -1 }), 0, 1)!;
    expect(turned.angleRad[1]).toBeCloseTo(0.2 + Math.PI, 12);
    expect(readFrame(message(0, 0, { quality: { valid: false } }), 0, 1)).toBeUndefined();
    expect(readFrame({ ...message(0, 0), readings: message(0, 0).readings.slice(2) }, 0, 1)).toBeUndefined();
  });
});

describe('uncertainty of an interval', () => {
  test('sampled all over it averages out, half sampled it does not', () => {
    expect(samplingSigma(4, 100, 1)).toBeCloseTo(0.2, 12);
    expect(samplingSigma(4, 50, 0.5)).toBeCloseTo(Math.sqrt(4 / 50 + 2), 12);
    expect(samplingSigma(4, 1, 1)).toBe(0);
  });

  test('an old value wanders with the root of its age', () => {
    expect(stalenessSigma(800, 4 * 3600e6)).toBeCloseTo(1600, 9);
    expect(stalenessSigma(800, -1)).toBe(0);
  });
});
