/** Rule-based scheduling: the setpoint of each interval comes from the forecast, the state of charge from the model. */
import type { Forecast } from '../contract/forecast.ts';
import type { Measurement } from '../contract/measurement.ts';
import { parseInstant } from '../contract/time.ts';
import { batteryModelOf, type ScheduleConfig } from './config.ts';
import type { Controller } from './controller.ts';
import { balanceStep } from './rules.ts';
import { stateOfCharge } from './telemetry.ts';

/**
 * At instant t it decides for (t, t + period]: setpoints of t take effect after t. The net power is that of the newest
 * forecast's step which holds the interval; without one, or without a state of charge to start from, it decides nothing.
 */
export function createSchedule(config: ScheduleConfig): Controller {
  const battery = batteryModelOf(config.battery);
  let forecast: Forecast | undefined;
  let issuedUs = -Infinity;
  let soc = config.initialSoc;
  const counts = { limitedSetpoints: 0, forecasts: 0 };

  return {
    observe(instant) {
      for (const { kind, message, taggedUs } of instant.inputs) {
        if (kind === 'forecast' && taggedUs >= issuedUs) {
          forecast = message as Forecast;
          issuedUs = taggedUs;
          counts.forecasts += 1;
        } else if (kind === 'bess' && (message as Measurement).device === config.battery.device) {
          soc ??= stateOfCharge(message as Measurement);
        }
      }
    },
    decide(timeUs) {
      const netW = forecast === undefined ? undefined : netPowerAt(forecast, timeUs, config.forecast);
      if (netW === undefined || soc === undefined) return { commands: [], messages: [] };
      const step = balanceStep(battery, soc, netW, config.targetW, config.everyUs / 1e6);
      soc = step.stateOfCharge;
      if (step.limitedBy !== 'none') counts.limitedSetpoints += 1;
      const validForUs = config.validForPeriods * config.everyUs;
      return { commands: [{ device: config.battery.device, powerW: step.batteryW, validForUs }], messages: [] };
    },
    metrics: () => counts,
  };
}

/** Load minus generation of the step that begins at or before `timeUs`, W; undefined outside the forecast. */
function netPowerAt(
  forecast: Forecast,
  timeUs: number,
  components: { readonly load: string; readonly generation: string },
): number | undefined {
  const step = Math.floor((timeUs - parseInstant(forecast.start)) / forecast.stepUs);
  const powerOf = (name: string) => forecast.series.find(({ component }) => component === name)?.activePowerW[step];
  const load = powerOf(components.load);
  const generation = powerOf(components.generation);
  return load === undefined || generation === undefined ? undefined : load - generation;
}
