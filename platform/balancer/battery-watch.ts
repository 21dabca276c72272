/**
 * What a battery shows that it can do and has in it, against what it says: a power that it does not reach although it
 * acknowledged the setpoint, and a state of charge that its own power contradicts.
 */
import type { Measurement } from '../contract/measurement.ts';
import { parseInstant } from '../contract/time.ts';
import { stateOfChargeAfter, type BatteryModel } from './rules.ts';
import { batteryPower, stateOfCharge } from './telemetry.ts';

export interface BatteryState {
  readonly taggedUs: number;
  readonly powerW: number;
  /** What it tells, or what counting makes of it when the two part; undefined while it never told one. */
  readonly soc: number | undefined;
  /** What it tells, whether that is believed or not. */
  readonly toldSoc: number | undefined;
}

export interface BatteryWatch {
  /** Takes in telemetry; true when it was news. */
  telemetry(message: Measurement, taggedUs: number): boolean;
  state(): BatteryState | undefined;
  /** The model with the powers that it reaches. */
  model(): BatteryModel;
  metrics(): { readonly shortfalls: number; readonly socDisproved: number };
}

/** Differences below this share of rated power are the ramp, the meter, the delay. */
const SHORT_SHARE = 0.05;
/** So many telegrams on end have to fall short: a late battery has caught up by then. */
const SHORT_COUNT = 6;
/** So near to the end of its window a battery has a reason to stop. */
const WINDOW_END_SHARE = 0.01;
/** A battery that fell short gets another chance after this time. */
const RETRY_US = 900e6;
/** A state of charge further from the counted one than this is not believed. */
const SOC_TOLERANCE = 0.02;
/** Powers are of an instant: over longer than this they do not count up to an energy. */
const GAP_US = 120e6;

const NOT_SHORT = { count: 0, wantedW: Number.NaN, mostW: 0 };

export function createBatteryWatch(plate: BatteryModel): BatteryWatch {
  let state: BatteryState | undefined;
  let short = NOT_SHORT;
  let reached = { dischargeW: plate.maxDischargeW, chargeW: plate.maxChargeW, sinceUs: Number.NaN };
  const counts = { shortfalls: 0, socDisproved: 0 };
  const rated = Math.max(plate.maxDischargeW, plate.maxChargeW);

  /** Powers with which it falls short of an acknowledged setpoint again and again are all that it has. */
  function watchPower(
    taggedUs: number,
    powerW: number,
    soc: number | undefined,
    command: Measurement['command'],
  ): void {
    if (taggedUs - reached.sinceUs >= RETRY_US) {
      reached = { dischargeW: plate.maxDischargeW, chargeW: plate.maxChargeW, sinceUs: Number.NaN };
    }
    const inForce = command?.status === 'accepted' && parseInstant(command.timestamp) < taggedUs;
    const wantedW = inForce ? (command?.activePowerW ?? 0) : 0;
    const sign = Math.sign(wantedW);
    const gaveW = Math.max(0, sign * powerW);
    if (!inForce || sign === 0 || mayStop(sign, soc) || Math.abs(wantedW) - gaveW <= SHORT_SHARE * rated) {
      short = NOT_SHORT;
      return;
    }
    // A battery that is late falls behind setpoints that move; one that cannot stays behind those that do not.
    const steady = Math.abs(wantedW - short.wantedW) <= SHORT_SHARE * rated;
    short = {
      count: steady ? short.count + 1 : 1,
      wantedW,
      mostW: steady ? Math.max(short.mostW, gaveW) : gaveW,
    };
    if (short.count < SHORT_COUNT) return;
    counts.shortfalls += 1;
    reached =
      sign > 0
        ? { ...reached, dischargeW: short.mostW, sinceUs: taggedUs }
        : { ...reached, chargeW: short.mostW, sinceUs: taggedUs };
  }

  function mayStop(sign: number, soc: number | undefined): boolean {
    if (soc === undefined) return false;
    return sign > 0 ? soc <= plate.socMin + WINDOW_END_SHARE : soc >= plate.socMax - WINDOW_END_SHARE;
  }

  /** What it tells, as long as that agrees with what its own power makes of the state before. */
  function believed(taggedUs: number, told: number | undefined, powerW: number): number | undefined {
    if (told === undefined || state?.soc === undefined || taggedUs - state.taggedUs > GAP_US) return told ?? state?.soc;
    const counted = stateOfChargeAfter(plate, state.soc, powerW, (taggedUs - state.taggedUs) / 1e6);
    if (Math.abs(told - counted) <= SOC_TOLERANCE) return told;
    counts.socDisproved += 1;
    return Math.min(1, Math.max(0, counted));
  }

  return {
    telemetry(message, taggedUs) {
      const powerW = batteryPower(message);
      if (powerW === undefined) return false;
      if (taggedUs < (state?.taggedUs ?? -Infinity)) return true;
      const told = stateOfCharge(message);
      watchPower(taggedUs, powerW, told, message.command);
      state = { taggedUs, powerW, soc: believed(taggedUs, told, powerW), toldSoc: told ?? state?.toldSoc };
      return true;
    },
    state: () => state,
    model: () => ({ ...plate, maxDischargeW: reached.dischargeW, maxChargeW: reached.chargeW }),
    metrics: () => counts,
  };
}
