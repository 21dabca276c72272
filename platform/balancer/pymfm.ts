/**
 * The one place where the Platone WP5 balancer's (pymfm's) field names, units and signs meet ours.
 *
 * pymfm: kW, kWh, %, battery power positive when charging, P_net = load - generation (import positive), and in a
 * near-real-time answer `P_net_after_kW` counts from the requested power (the exchange is P_req + P_net_after).
 * Ours: W, Wh, 0..1, battery power positive when discharging. Efficiencies are physical here (charging stores eta,
 * discharging draws 1/eta); pymfm has them the wrong way round, so answers differ where they are below 1.
 */
import { formatInstant, parseInstant, zoneOffsetUs } from '../contract/time.ts';
import {
  answerOfPlan,
  problemOfPymfm,
  type PymfmOptimisedAnswer,
  type PymfmUnmetAnswer,
} from './pymfm-optimisation.ts';
import type { PymfmRequest } from './pymfm-request.ts';
import { batteryModelOf, chargePositiveKW, windowOf } from './pymfm-units.ts';
import { balanceStep, scheduleByRule } from './rules.ts';

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

export type PymfmAnswer =
  | PymfmNearRealTimeAnswer
  | PymfmSchedulingAnswer
  | PymfmOptimisedAnswer
  /** Demands that clash are an answer: `status` and `explanation` say which. */
  | PymfmUnmetAnswer;

/** Answers a request that `parsePymfmRequest` let pass. The solver is loaded when the first one asks for optimisation. */
export async function answerPymfmRequest(request: PymfmRequest): Promise<PymfmAnswer> {
  if (request.control_logic === 'rule_based') {
    return request.operation_mode === 'near_real_time' ? answerNearRealTime(request) : answerScheduling(request);
  }
  const { loadOptimiser } = await import('./optimisation/optimiser.ts');
  const optimiser = await loadOptimiser();
  return answerOfPlan(request, optimiser.plan(problemOfPymfm(request)));
}

function answerNearRealTime(request: PymfmRequest): PymfmNearRealTimeAnswer {
  const [battery] = request.battery_specs;
  const asked = request.measurements_request;
  if (battery === undefined || asked == null)
    throw new Error('a near-real-time request without measurement or battery');
  const requestedKW = asked.P_req_kW ?? 0;
  const step = balanceStep(
    batteryModelOf(battery),
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
    // As Python's isoformat writes it: in the zone of the request, UTC as an offset.
    timestamp: formatInstant(parseInstant(asked.timestamp), zoneOffsetUs(asked.timestamp)).replace('Z', '+00:00'),
    'initial_SoC_bat_%': battery.initial_SoC,
    'SoC_bat_%': step.stateOfCharge * 100,
    P_bat_kW: chargePositiveKW(step.batteryW),
    P_net_meas_kW: asked.P_net_meas_kW,
    P_net_after_kW: step.exchangeW / 1000 - requestedKW,
  };
}

function answerScheduling(request: PymfmRequest): PymfmSchedulingAnswer {
  const [battery] = request.battery_specs;
  if (battery === undefined) throw new Error('a scheduling request without battery');
  const { samples, times, stepUs } = windowOf(request);
  const netKW = samples.map((sample) => sample.P_load_kW - sample.P_gen_kW);
  const steps = scheduleByRule(
    batteryModelOf(battery),
    battery.initial_SoC / 100,
    netKW.map((net) => net * 1000),
    0,
    stepUs / 1e6,
  );
  const name = battery.id ?? 'bat_1';
  return {
    id: request.id,
    application: 'pymfm',
    control_logic: 'rule_based',
    operation_mode: 'scheduling',
    uc_start: times[0] as string,
    uc_end: times.at(-1) as string,
    results: steps.map((step, index) => ({
      P_net_before_kW: netKW[index] as number,
      P_net_after_kW: step.exchangeW / 1000,
      [`P_${name}_kW`]: chargePositiveKW(step.batteryW),
      [`SoC_${name}_%`]: step.stateOfCharge * 100,
      timestamp: times[index] as string,
    })),
  };
}
