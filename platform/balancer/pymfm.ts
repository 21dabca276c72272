/**
 * The one place where the Platone WP5 balancer's (pymfm's) field names, units and signs meet ours.
 *
 * pymfm: kW, kWh, %, battery power positive when charging, P_net = load - generation (import positive), and in a
 * near-real-time answer `P_net_after_kW` counts from the requested power (the exchange is P_req + P_net_after).
 * Ours: W, Wh, 0..1, battery power positive when discharging. Efficiencies are physical here (charging stores eta,
 * discharging draws 1/eta); pymfm has them the wrong way round, so answers differ where they are below 1.
 */
import { formatInstant, parseInstant } from '../contract/time.ts';
import type { PymfmBattery, PymfmRequest } from './pymfm-request.ts';
import { balanceStep, scheduleByRule, type BatteryModel } from './rules.ts';

interface PymfmAnswerHead {
  readonly id: string;
  readonly application: 'pymfm';
  readonly control_logic: 'rule_based';
}

export interface PymfmNearRealTimeAnswer extends PymfmAnswerHead {
  readonly operation_mode: 'near_real_time';
  readonly timestamp: string;
  readonly 'initial_SoC_bat_%': number;
  readonly 'SoC_bat_%': number;
  readonly P_bat_kW: number;
  readonly P_net_meas_kW: number;
  readonly P_net_after_kW: number;
}

export interface PymfmSchedulingAnswer extends PymfmAnswerHead {
  readonly operation_mode: 'scheduling';
  readonly uc_start: string;
  readonly uc_end: string;
  /** `P_net_before_kW`, `P_net_after_kW`, `P_<id>_kW`, `SoC_<id>_%` (at the end of the step), `timestamp` (its start). */
  readonly results: readonly Readonly<Record<string, number | string>>[];
}

/** Answers a rule-based request that `parsePymfmRequest` let pass. */
export function answerPymfmRequest(request: PymfmRequest): PymfmNearRealTimeAnswer | PymfmSchedulingAnswer {
  if (request.control_logic !== 'rule_based') throw new Error('only rule-based requests can be answered');
  return request.operation_mode === 'near_real_time' ? answerNearRealTime(request) : answerScheduling(request);
}

function answerNearRealTime(request: PymfmRequest): PymfmNearRealTimeAnswer {
  const [battery] = request.battery_specs;
  const asked = request.measurements_request;
  if (battery === undefined || asked == null)
    throw new Error('a near-real-time request without measurement or battery');
  const requestedKW = asked.P_req_kW ?? 0;
  const step = balanceStep(
    batteryModel(battery),
    battery.initial_SoC / 100,
    asked.P_net_meas_kW * 1000,
    requestedKW * 1000,
    asked.delta_T_h * 3600,
  );
  return {
    id: request.id,
    application: 'pymfm',
    control_logic: 'rule_based',
    operation_mode: 'near_real_time',
    // As Python's isoformat writes it.
    timestamp: formatInstant(parseInstant(asked.timestamp)).replace('Z', '+00:00'),
    'initial_SoC_bat_%': battery.initial_SoC,
    'SoC_bat_%': step.stateOfCharge * 100,
    P_bat_kW: chargePositiveKW(step.batteryW),
    P_net_meas_kW: asked.P_net_meas_kW,
    P_net_after_kW: step.exchangeW / 1000 - requestedKW,
  };
}

function answerScheduling(request: PymfmRequest): PymfmSchedulingAnswer {
  const [battery] = request.battery_specs;
  const samples = request.generation_and_load?.values;
  if (battery === undefined || samples === undefined) throw new Error('a scheduling request without series or battery');
  const startUs = parseInstant(request.uc_start);
  const endUs = parseInstant(request.uc_end);
  const times = samples.map((sample) => parseInstant(sample.timestamp));
  const stepS = ((times[1] as number) - (times[0] as number)) / 1e6;
  const within = samples.filter((_, index) => (times[index] as number) >= startUs && (times[index] as number) <= endUs);
  const netKW = within.map((sample) => sample.P_load_kW - sample.P_gen_kW);
  const steps = scheduleByRule(
    batteryModel(battery),
    battery.initial_SoC / 100,
    netKW.map((net) => net * 1000),
    0,
    stepS,
  );
  const name = battery.id ?? 'bat_1';
  return {
    id: request.id,
    application: 'pymfm',
    control_logic: 'rule_based',
    operation_mode: 'scheduling',
    uc_start: pymfmTime(startUs),
    uc_end: pymfmTime(endUs),
    results: steps.map((step, index) => ({
      P_net_before_kW: netKW[index] as number,
      P_net_after_kW: step.exchangeW / 1000,
      [`P_${name}_kW`]: chargePositiveKW(step.batteryW),
      [`SoC_${name}_%`]: step.stateOfCharge * 100,
      timestamp: pymfmTime(parseInstant((within[index] as { timestamp: string }).timestamp)),
    })),
  };
}

/** kW, charging positive, from W, discharging positive; never minus zero. */
function chargePositiveKW(batteryW: number): number {
  return batteryW === 0 ? 0 : -batteryW / 1000;
}

function batteryModel(battery: PymfmBattery): BatteryModel {
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

/** `2021-04-01T00:00:00.000000Z`: UTC with six decimals. */
function pymfmTime(timeUs: number): string {
  const text = formatInstant(timeUs);
  return text.includes('.') ? text : text.replace('Z', '.000000Z');
}
