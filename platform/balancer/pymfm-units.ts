/** pymfm's units, signs and times against ours: kW, kWh, % and charging positive there; W, Wh, 0..1 and discharging positive here. */
import { formatInstant, parseInstant, zoneOffsetUs } from '../contract/time.ts';
import type { PymfmBattery, PymfmRequest, PymfmSample } from './pymfm-request.ts';
import type { BatteryModel } from './rules.ts';

/** kW, charging positive, from W, discharging positive; never minus zero. */
export function chargePositiveKW(batteryW: number): number {
  return batteryW === 0 ? 0 : -batteryW / 1000;
}

export function batteryModelOf(battery: PymfmBattery): BatteryModel {
  return {
    maxDischargeW: battery.P_dis_max_kW * 1000,
    maxChargeW: battery.P_ch_max_kW * 1000,
    capacityWh: battery.bat_capacity_kWh * 1000,
    socMin: battery.min_SoC / 100,
    socMax: battery.max_SoC / 100,
    chargeEfficiency: battery.ch_efficiency,
    dischargeEfficiency: battery.dis_efficiency,
  };
}

/** The samples of the window [uc_start, uc_end], each the start of a step. */
export interface PymfmWindow {
  readonly samples: readonly PymfmSample[];
  readonly timesUs: readonly number[];
  readonly stepUs: number;
  /** As answers write them: in the zone of the samples, with six decimals, `2021-04-01T00:00:00.000000Z`. */
  readonly times: readonly string[];
}

/** Of a scheduling request that passed the checks. */
export function windowOf(request: PymfmRequest): PymfmWindow {
  const samples = request.generation_and_load?.values ?? [];
  const startUs = parseInstant(request.uc_start);
  const endUs = parseInstant(request.uc_end);
  const times = samples.map((sample) => parseInstant(sample.timestamp));
  const within = samples.flatMap((sample, index) => {
    const timeUs = times[index] as number;
    return timeUs >= startUs && timeUs <= endUs ? [{ sample, timeUs }] : [];
  });
  return {
    samples: within.map(({ sample }) => sample),
    timesUs: within.map(({ timeUs }) => timeUs),
    stepUs: (times[1] as number) - (times[0] as number),
    times: within.map(({ sample, timeUs }) => pymfmTime(timeUs, zoneOffsetUs(sample.timestamp))),
  };
}

/** pymfm writes a Z behind every time of a schedule, that of other zones too; here the zone is the one it is in. */
function pymfmTime(timeUs: number, offsetUs: number): string {
  const text = formatInstant(timeUs, offsetUs);
  return text.includes('.') ? text : `${text.slice(0, 19)}.000000${text.slice(19)}`;
}
