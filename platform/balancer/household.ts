/** A household's battery as the balancer knows it: its plate, and its telemetry of every quarter of an hour. */
import type { Measurement } from '../contract/measurement.ts';
import type { Input } from '../service/definition.ts';
import { createBatteryWatch } from './battery-watch.ts';
import { type BatteryConfig, batteryModelOf } from './config.ts';
import { inWindow, type TaskBattery } from './site-plan.ts';

export interface Household {
  readonly device: string;
  observe(input: Input): void;
  /** Its part in a plan; undefined while its telemetry is missing or older than `staleAfterUs`. */
  task(timeUs: number): TaskBattery | undefined;
}

export function createHousehold(battery: BatteryConfig, staleAfterUs: number): Household {
  const { device } = battery;
  const watch = createBatteryWatch(batteryModelOf(battery));
  return {
    device,
    observe({ kind, message, taggedUs }) {
      const measurement = message as Measurement;
      if (kind === 'bess' && measurement.device === device) watch.telemetry(measurement, taggedUs);
    },
    task(timeUs) {
      const state = watch.state();
      if (state?.soc === undefined || timeUs - state.taggedUs > staleAfterUs) return undefined;
      return inWindow({ device, model: watch.model(), soc: state.soc });
    },
  };
}
