/** The loop rule at work: every period, the battery covers the net power that the breaker and its telemetry show. */
import type { Measurement } from '../contract/measurement.ts';
import type { Input } from '../service/definition.ts';
import { createBatteryWatch } from './battery-watch.ts';
import { batteryModelOf, type NearRealTimeConfig } from './config.ts';
import { createNetPowerTracker } from './net-power.ts';
import { availablePower, balanceStep, stateOfChargeAfter, type BatteryModel } from './rules.ts';
import { activePower, batteryPower } from './telemetry.ts';

/** Steps below this share of the rated power are not looked at when the tags are checked. */
const NOTICEABLE_SHARE = 0.02;

export interface Follower {
  observe(input: Input): void;
  /** Newest net power without the battery, W, consumption positive; undefined when measurements are too old. Once per period. */
  netW(timeUs: number): number | undefined;
  /** Power with which the battery brings the exchange from `netW` to `targetW`, as far as it can, W, discharge positive. */
  cover(timeUs: number, netW: number, targetW: number): number;
  /** State of charge now, 0..1; undefined while the battery never told one. */
  soc(timeUs: number): number | undefined;
  /** Powers that the battery has shown to reach and could hold for so long, W, both >= 0; undefined while nobody can tell. */
  available(timeUs: number, durationS: number): { readonly dischargeW: number; readonly chargeW: number } | undefined;
  /** The battery with the powers that it has shown to reach. */
  model(): BatteryModel;
  /** Its own power in the newest telemetry, W, discharge positive. */
  batteryW(): number | undefined;
  metrics(): Readonly<Record<string, number>>;
}

/** Late messages are used, they name their instant; what is older than `staleAfterPeriods` is not. */
export function createFollower(config: NearRealTimeConfig): Follower {
  const battery = batteryModelOf(config.battery);
  const watch = createBatteryWatch(battery);
  const net = createNetPowerTracker({
    staleAfterUs: config.staleAfterPeriods * config.everyUs,
    alpha: config.alpha,
    filter: config.filter,
    noticeableW: NOTICEABLE_SHARE * config.battery.ratedPowerW,
  });
  const counts = { filteredSetpoints: 0, agedSetpoints: 0, limitedSetpoints: 0, tagsDisproved: 0 };

  /** Carried on from the telemetry's instant with the power that it had then. */
  function now(timeUs: number, soc: number | undefined): number | undefined {
    const state = watch.state();
    if (state === undefined || soc === undefined) return undefined;
    return stateOfChargeAfter(battery, soc, state.powerW, (timeUs - state.taggedUs) / 1e6);
  }
  const soc = (timeUs: number) => now(timeUs, watch.state()?.soc);

  /** Of the told and the counted state of charge the one that allows less in the wanted direction. */
  function cautiousSoc(timeUs: number, discharging: boolean): number | undefined {
    const [counted, told] = [soc(timeUs), now(timeUs, watch.state()?.toldSoc)];
    if (counted === undefined || told === undefined) return counted;
    return discharging ? Math.min(counted, told) : Math.max(counted, told);
  }

  return {
    observe({ kind, message, taggedUs }) {
      const measurement = message as Measurement;
      if (kind === 'power' && measurement.device === config.breaker.device) {
        const power = activePower(measurement, config.breaker.component);
        if (power !== undefined) net.addExchange(taggedUs, config.breaker.importSign * power);
      } else if (kind === 'bess' && measurement.device === config.battery.device) {
        const power = batteryPower(measurement);
        if (power === undefined) return;
        net.addBattery(taggedUs, power);
        watch.telemetry(measurement, taggedUs);
      }
    },
    netW(timeUs) {
      const seen = net.at(timeUs);
      if (seen === undefined) return undefined;
      if (seen.filtered) counts.filteredSetpoints += 1;
      if (seen.tagsDisproved) counts.tagsDisproved = 1;
      if (seen.ageUs > 0) counts.agedSetpoints += 1;
      return seen.netW;
    },
    cover(timeUs, netW, targetW) {
      const known = cautiousSoc(timeUs, netW > targetW);
      // A battery that never told its state of charge is held to its power; its window it has to keep itself.
      const [model, charge] =
        known === undefined
          ? [{ ...battery, capacityWh: Infinity }, (battery.socMin + battery.socMax) / 2]
          : [battery, known];
      const step = balanceStep(model, charge, netW, targetW, config.everyUs / 1e6);
      if (step.limitedBy !== 'none') counts.limitedSetpoints += 1;
      return step.batteryW;
    },
    soc,
    available(timeUs, durationS) {
      const known = soc(timeUs);
      return known === undefined ? undefined : availablePower(watch.model(), known, durationS);
    },
    model: () => watch.model(),
    batteryW: () => watch.state()?.powerW,
    metrics: () => ({ ...counts, ...watch.metrics() }),
  };
}
