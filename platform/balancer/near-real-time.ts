/** UC-DE-1 and 2 as a loop: every period, the battery covers the net power that the breaker and its telemetry show. */
import type { Measurement } from '../contract/measurement.ts';
import { batteryModelOf, type NearRealTimeConfig } from './config.ts';
import type { Controller } from './controller.ts';
import { createNetPowerTracker } from './net-power.ts';
import { balanceStep, stateOfChargeAfter, type BatteryModel } from './rules.ts';
import { activePower, batteryPower, stateOfCharge } from './telemetry.ts';

/** Steps below this share of the rated power are not looked at when the tags are checked. */
const NOTICEABLE_SHARE = 0.02;

interface BatteryState {
  readonly taggedUs: number;
  readonly powerW: number;
  readonly soc: number;
}

/**
 * Fallback: when breaker power or telemetry are older than `staleAfterPeriods`, it decides nothing; no setpoint is sent,
 * and the battery returns to its default when the last one has run out. Late messages are used, they name their instant.
 */
export function createNearRealTime(config: NearRealTimeConfig): Controller {
  const battery = batteryModelOf(config);
  const net = createNetPowerTracker({
    staleAfterUs: config.staleAfterPeriods * config.everyUs,
    alpha: config.alpha,
    filter: config.filter,
    noticeableW: NOTICEABLE_SHARE * config.battery.ratedPowerW,
  });
  let state: BatteryState | undefined;
  const counts = { filteredSetpoints: 0, agedSetpoints: 0, limitedSetpoints: 0, tagsDisproved: 0 };

  return {
    observe(instant) {
      for (const { kind, message, taggedUs } of instant.inputs) {
        const measurement = message as Measurement;
        if (kind === 'power' && measurement.device === config.breaker.device) {
          const power = activePower(measurement, config.breaker.component);
          if (power !== undefined) net.addExchange(taggedUs, config.breaker.importSign * power);
        } else if (kind === 'bess' && measurement.device === config.battery.device) {
          const power = batteryPower(measurement);
          if (power === undefined) continue;
          net.addBattery(taggedUs, power);
          const soc = stateOfCharge(measurement);
          if (soc !== undefined && taggedUs >= (state?.taggedUs ?? -Infinity)) state = { taggedUs, powerW: power, soc };
        }
      }
    },
    decide(timeUs) {
      const seen = net.at(timeUs);
      if (seen === undefined) return undefined;
      const [model, soc] = withState(battery, state, timeUs);
      const step = balanceStep(model, soc, seen.netW, config.targetW, config.everyUs / 1e6);
      if (seen.filtered) counts.filteredSetpoints += 1;
      if (seen.tagsDisproved) counts.tagsDisproved = 1;
      if (seen.ageUs > 0) counts.agedSetpoints += 1;
      if (step.limitedBy !== 'none') counts.limitedSetpoints += 1;
      return step.batteryW;
    },
    metrics: () => counts,
  };
}

/** State of charge now, carried on from the telemetry's instant with the power that it had then. */
function withState(battery: BatteryModel, state: BatteryState | undefined, timeUs: number): [BatteryModel, number] {
  // A battery that never told its state of charge is held to its power; its window it has to keep itself.
  if (state === undefined) return [{ ...battery, capacityWh: Infinity }, (battery.socMin + battery.socMax) / 2];
  return [battery, stateOfChargeAfter(battery, state.soc, state.powerW, (timeUs - state.taggedUs) / 1e6)];
}
