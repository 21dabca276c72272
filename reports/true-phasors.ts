/**
 * Truth at any instant that a PMU's tag may name, not only at those of the record: IEC/IEEE 60255-118-1 holds a reported
 * phasor against the true one at the reported time tag (5.3.1), so a clock that is wrong shows in the angle.
 *
 * Phasors are synchrophasors: relative to a reference that turns with nominal frequency. Between two instants of the
 * record such a phasor turns by 2 pi times the integral of f - f_nominal, and with the load.
 */
import type { Table } from './record-reader.ts';
import { pairGroups, TimeIndex } from './time-index.ts';

/** The system's frequency over time, as the record has it at its instants. */
export interface TrueFrequency {
  /**
   * Hz, linear between instants, held for one step before the first and after the last. NaN further out: of that time
   * the record knows nothing.
   */
  at(timeUs: number): number;
  /** How far a synchrophasor turns with the system from one instant to another, rad, not wrapped; NaN as above. */
  turnRad(fromUs: number, toUs: number): number;
}

/** From `truth-site`. `nominalHz` is the frequency of the reference that angles are relative to. */
export function trueFrequency(site: Table, nominalHz: number): TrueFrequency {
  const timeUs = site.number('timeUs');
  const hz = site.number('frequencyHz');
  const index = new TimeIndex(timeUs, new Int32Array(site.rows), 1);
  const rows = index.rows(0);
  const time = (row: number) => timeUs[row] ?? Number.NaN;
  const deviation = (row: number) => (hz[row] ?? Number.NaN) - nominalHz;

  // Angle of the system at each row: trapezoids, the integral of a frequency that is linear between instants.
  const angle = new Float64Array(site.rows);
  for (let i = 1; i < rows.length; i += 1) {
    const [last, row] = [rows[i - 1] ?? -1, rows[i] ?? -1];
    const seconds = (time(row) - time(last)) / 1e6;
    angle[row] = (angle[last] ?? 0) + Math.PI * (deviation(last) + deviation(row)) * seconds;
  }
  const stepUs = rows.length < 2 ? 0 : time(rows[1] ?? -1) - time(rows[0] ?? -1);

  /** The row to go from, and the deviation at the instant itself. */
  function moment(atUs: number): { readonly row: number; readonly deviationHz: number } {
    const { before, after } = index.around(0, atUs);
    if (before >= 0 && after >= 0 && before !== after) {
      const share = (atUs - time(before)) / (time(after) - time(before));
      return { row: before, deviationHz: deviation(before) + share * (deviation(after) - deviation(before)) };
    }
    const row = Math.max(before, after);
    const isKnown = Math.abs(atUs - time(row)) <= stepUs || before === after;
    return { row, deviationHz: isKnown ? deviation(row) : Number.NaN };
  }

  function angleAt(atUs: number): number {
    const { row, deviationHz } = moment(atUs);
    return (angle[row] ?? Number.NaN) + (Math.PI * (deviation(row) + deviationHz) * (atUs - time(row))) / 1e6;
  }

  return {
    at: (atUs) => nominalHz + moment(atUs).deviationHz,
    turnRad: (fromUs, toUs) => (fromUs === toUs ? 0 : angleAt(toUs) - angleAt(fromUs)),
  };
}

/** Where an instant lies among the rows of one terminal. */
export interface Moment {
  /** Row to begin with; -1 where the record has none of this terminal. */
  readonly row: number;
  /** True where `row` is of the instant itself. */
  readonly isRecorded: boolean;
  /** Row to go towards and how much of the way, 0..1; the row itself and 0 at an instant of the record and outside it. */
  readonly next: number;
  readonly share: number;
  /** Turn of the system from `row` to the instant, and from `row` to `next`, rad. */
  readonly turnRad: number;
  readonly wholeTurnRad: number;
}

const NOWHERE: Moment = {
  row: -1,
  isRecorded: false,
  next: -1,
  share: 0,
  turnRad: Number.NaN,
  wholeTurnRad: Number.NaN,
};

export interface TruePhasors {
  /** `device` and `phase` are numbers in the text columns of `truth-terminal`. */
  moment(device: number, phase: number, timeUs: number): Moment;
  /**
   * Writes re, im of the quantity whose columns are `re` and `im`. At an instant of the record it is the record's own.
   * Between two of them the magnitude is linear; the angle turns with the system, and what it turned besides (load,
   * switching) is spread evenly. Before the first and after the last one the phasor only turns with the system.
   */
  phasor(re: Float64Array, im: Float64Array, moment: Moment, out: Float64Array): void;
}

/** From `truth-terminal`. */
export function truePhasors(terminals: Table, frequency: TrueFrequency): TruePhasors {
  const timeUs = terminals.number('timeUs');
  const phases = terminals.text('phase').names.length;
  const { group, groups } = pairGroups(terminals.text('device'), terminals.text('phase'));
  const index = new TimeIndex(timeUs, group, groups);
  const time = (row: number) => timeUs[row] ?? Number.NaN;

  return {
    moment(device, phase, atUs) {
      const { before, after } = device < 0 || phase < 0 ? NONE : index.around(device * phases + phase, atUs);
      const row = before < 0 ? after : before;
      if (row < 0) return NOWHERE;
      const turnRad = frequency.turnRad(time(row), atUs);
      const isRecorded = before === after;
      if (before < 0 || after < 0 || isRecorded)
        return { row, isRecorded, next: row, share: 0, turnRad, wholeTurnRad: 0 };
      const share = (atUs - time(before)) / (time(after) - time(before));
      const wholeTurnRad = frequency.turnRad(time(before), time(after));
      return { row, isRecorded, next: after, share, turnRad, wholeTurnRad };
    },
    phasor(re, im, { row, isRecorded, next, share, turnRad, wholeTurnRad }, out) {
      const [x, y] = [re[row] ?? Number.NaN, im[row] ?? Number.NaN];
      if (isRecorded) {
        out[0] = x;
        out[1] = y;
        return;
      }
      const [toX, toY] = [re[next] ?? Number.NaN, im[next] ?? Number.NaN];
      const angle = Math.atan2(y, x);
      const magnitude = Math.hypot(x, y) + share * (Math.hypot(toX, toY) - Math.hypot(x, y));
      const besides = share * wrapAngle(Math.atan2(toY, toX) - angle - wholeTurnRad);
      out[0] = magnitude * Math.cos(angle + turnRad + besides);
      out[1] = magnitude * Math.sin(angle + turnRad + besides);
    },
  };
}

const NONE = { before: -1, after: -1 } as const;

/** The same angle in [-pi, pi], rad. */
export function wrapAngle(angleRad: number): number {
  return Math.atan2(Math.sin(angleRad), Math.cos(angleRad));
}
