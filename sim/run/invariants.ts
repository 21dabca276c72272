/**
 * What must be true of every battery and every setpoint in every run, whoever computed them. The checker knows the
 * nameplates, the world's states and the messages; nothing of the balancer. A few multiplications per battery and instant.
 */
import type { Plan } from '../../platform/contract/plan.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { type InvariantName, invariantCatalogue } from '../../reports/quantities.ts';
import type { InvariantCount } from '../../reports/record.ts';
import type { BatteryNameplate, DeviceMessage } from '../devices/device.ts';

/** What the checker has to know of a battery. */
export interface BatteryPlate extends Omit<BatteryNameplate, 'commandDelayUs'> {
  readonly device: string;
  /** From the arrival of a setpoint to its effect, faults included. */
  readonly responseUsMax: number;
  /** So long a setpoint may be in force, whatever it says itself, us. */
  readonly commandUsMax: number;
  /** Who may command it. */
  readonly commandedBy: readonly string[];
}

/** What a battery did over the step that ends at an instant; signs as in `ControllableDevice.state`. */
export interface BatteryObservation {
  readonly activePowerW: number;
  readonly energyStoredWh: number;
  readonly lossesWh: number;
  /** Power or window kept it from its setpoint: then it stops at once, whatever its ramp. */
  readonly saturated: boolean;
}

/** What setpoints for a battery have to rest on; undefined for one that follows a schedule. */
export interface FreshnessRule {
  readonly device: string;
  /** Kind and device of each measurement that has to be young enough. */
  readonly needs: readonly { readonly kind: string; readonly device: string }[];
  /** Three periods. */
  readonly staleAfterUs: number;
  /** With old measurements a setpoint may still be the plan's. */
  readonly planAllowed: boolean;
}

export interface InvariantChecker {
  /** After the world has moved to `timeUs`; before the setpoints of that instant. */
  state(timeUs: number, device: string, seen: BatteryObservation): void;
  /** A device's message has gone out at `timeUs`. */
  sent(message: Pick<DeviceMessage, 'kind' | 'device' | 'faults'> & { readonly taggedUs: number }): void;
  /** A battery says which setpoint it obeys. */
  acknowledged(
    timeUs: number,
    device: string,
    command: { readonly timestamp: string; readonly sequence: number },
  ): void;
  /** A plan has been published. */
  planned(plan: Plan): void;
  /** A setpoint has been handed to its device's backend at `timeUs`. */
  delivered(timeUs: number, setpoint: Setpoint): void;
  /** One entry for each invariant that had something to be held against. */
  counts(): readonly InvariantCount[];
}

interface Battery {
  readonly plate: BatteryPlate;
  readonly slopeWPerUs: number;
  readonly toleranceWh: number;
  last: BatteryObservation | undefined;
  /** Of `last`, us; and the step that ended then. */
  lastUs: number;
  stepUs: number;
  /** Newest setpoint from somebody who may send one. */
  setpoint: { readonly taggedUs: number; readonly powerW: number } | undefined;
  /** Until then a setpoint may be in force, us. */
  commandedUntilUs: number;
  /** `timestamp sequence` of setpoints from those who may send them. */
  readonly lawful: Set<string>;
}

/** Messages with these faults never count as measurements. */
const UNUSABLE = ['wrong-schema', 'not-a-number', 'forged-certificate:hash', 'stale', 'drop-out'];
/** Rounding: energies add up to so many Wh, and so much of the capacity. */
const ENERGY_TOLERANCE_WH = 1e-3;
const RELATIVE_TOLERANCE = 1e-9;
const HOUR_US = 3600e6;
const LAWFUL_MAX = 64;

export function createInvariantChecker(options: {
  readonly plates: readonly BatteryPlate[];
  readonly freshness: FreshnessRule | undefined;
  readonly startUs: number;
}): InvariantChecker {
  const { freshness, startUs } = options;
  const batteries = new Map(
    options.plates.map((plate): [string, Battery] => [
      plate.device,
      {
        plate,
        slopeWPerUs: plate.rampTimeUs === 0 ? Number.POSITIVE_INFINITY : plate.ratedPowerW / plate.rampTimeUs,
        toleranceWh: ENERGY_TOLERANCE_WH + RELATIVE_TOLERANCE * plate.capacityWh,
        last: undefined,
        lastUs: Number.NaN,
        stepUs: 0,
        setpoint: undefined,
        commandedUntilUs: Number.NEGATIVE_INFINITY,
        lawful: new Set(),
      },
    ]),
  );
  /** With the tag of the newest usable message, us. */
  const needs = (freshness?.needs ?? []).map((need) => ({ ...need, newestUs: Number.NEGATIVE_INFINITY }));
  const plans: Plan[] = [];
  const counts = Object.fromEntries(
    invariantCatalogue.map(({ name }) => [name, { checked: 0, violations: 0, first: undefined as string | undefined }]),
  ) as Record<InvariantName, { checked: number; violations: number; first: string | undefined }>;

  /** The one place that counts. `what` is put into words for the first violation only. */
  function hold(name: InvariantName, holds: boolean, timeUs: number, what: () => string): void {
    const count = counts[name];
    count.checked += 1;
    if (holds) return;
    count.violations += 1;
    count.first ??= `${formatInstant(timeUs)}: ${what()}`;
  }

  function checkStep(timeUs: number, battery: Battery, seen: BatteryObservation): void {
    const { plate, last, toleranceWh: tolerance } = battery;
    const { device } = plate;
    if (last === undefined || timeUs === battery.lastUs) return;
    const stepUs = timeUs - battery.lastUs;
    const hours = stepUs / HOUR_US;
    const lossWh = seen.lossesWh - last.lossesWh;
    const residualWh = seen.energyStoredWh - last.energyStoredWh + seen.activePowerW * hours + lossWh;
    hold('energyBalance', Math.abs(residualWh) <= tolerance, timeUs, () => `${device} is out by ${residualWh} Wh`);
    const oneWayWh = (conversionLoss(plate, seen.activePowerW) + plate.standbyLossW) * hours;
    hold('oneWay', Math.abs(lossWh - oneWayWh) <= tolerance, timeUs, () => {
      return `${device} lost ${lossWh} Wh where one direction loses ${oneWayWh} Wh`;
    });
    // The mean over a step differs from the one before by at most what the ramp covers between the middles of both.
    const reachW = (battery.slopeWPerUs * (stepUs + battery.stepUs)) / 2;
    const excused = seen.saturated || last.saturated;
    const jumpW = Math.abs(seen.activePowerW - last.activePowerW);
    hold('ramp', excused || jumpW <= reachW * (1 + RELATIVE_TOLERANCE) + 1e-6, timeUs, () => {
      return `${device} moved by ${jumpW} W in a step, its ramp allows ${reachW} W`;
    });
  }

  /** Without a setpoint in force for the whole step, and the time to ramp down, it has to be at its default of 0 W. */
  function checkSilence(timeUs: number, battery: Battery, seen: BatteryObservation): void {
    const { plate, lastUs, commandedUntilUs } = battery;
    const quietUs = Math.max(commandedUntilUs, startUs) + plate.rampTimeUs;
    // NaN before the first state: there is no step yet.
    if (!(lastUs >= quietUs)) return;
    // An empty battery takes its standby losses from the grid.
    const allowedW = plate.standbyLossW / plate.chargeEfficiency + 1e-6;
    hold('silence', Math.abs(seen.activePowerW) <= allowedW, timeUs, () => {
      return `${plate.device} gives ${seen.activePowerW} W although nobody commands it`;
    });
  }

  function checkSetpoint(timeUs: number, battery: Battery, setpoint: Setpoint, taggedUs: number): void {
    const { plate, setpoint: before } = battery;
    const sinceUs = taggedUs - (before?.taggedUs ?? Number.NaN);
    // After a gap the battery may have gone to its default in between.
    if (before !== undefined && sinceUs > 0 && sinceUs <= setpoint.validForUs) {
      const jumpW = Math.abs(setpoint.activePowerW - before.powerW);
      const reachW = battery.slopeWPerUs * sinceUs;
      hold('setpointRamp', jumpW <= reachW * (1 + RELATIVE_TOLERANCE) + 1e-6, timeUs, () => {
        return `the setpoint for ${plate.device} jumps by ${jumpW} W, its ramp allows ${reachW} W`;
      });
    }
    hold(
      'setpointPower',
      Math.abs(setpoint.activePowerW) <= plate.ratedPowerW * (1 + RELATIVE_TOLERANCE),
      timeUs,
      () => {
        return `${plate.device} is asked for ${setpoint.activePowerW} W`;
      },
    );
    if (freshness?.device === plate.device)
      checkFreshness(timeUs, taggedUs, setpoint.activePowerW, before?.powerW ?? 0);
  }

  function checkFreshness(timeUs: number, taggedUs: number, powerW: number, beforeW: number): void {
    const staleAfterUs = freshness?.staleAfterUs ?? 0;
    const isStale = needs.some(({ newestUs }) => taggedUs - newestUs > staleAfterUs);
    // Towards zero is where the default is.
    const isRetreat =
      powerW === 0 || (Math.sign(powerW) === Math.sign(beforeW) && Math.abs(powerW) < Math.abs(beforeW));
    const holds = !isStale || (freshness?.planAllowed === true ? isPlanned(taggedUs, powerW, beforeW) : isRetreat);
    hold('staleness', holds, timeUs, () => {
      const silent = needs.filter(({ newestUs }) => taggedUs - newestUs > staleAfterUs).map(({ device }) => device);
      return `a setpoint of ${powerW} W although ${silent.join(' and ')} has been silent for too long`;
    });
  }

  /** The plan's power for that time, or on the way to it. */
  function isPlanned(taggedUs: number, powerW: number, beforeW: number): boolean {
    return plans.some((plan) => {
      const k = Math.floor((taggedUs - parseInstant(plan.start)) / plan.stepUs);
      const plannedW = plan.batteries.find(({ device }) => device === freshness?.device)?.activePowerW[k];
      if (plannedW === undefined) return false;
      const [least, most] = [Math.min(beforeW, plannedW), Math.max(beforeW, plannedW)];
      return Math.abs(powerW - plannedW) <= 1 || (powerW >= least && powerW <= most);
    });
  }

  return {
    state(timeUs, device, seen) {
      const battery = batteries.get(device);
      if (battery === undefined) return;
      const { plate } = battery;
      const soc = seen.energyStoredWh / plate.capacityWh;
      hold(
        'socWindow',
        soc >= plate.socMin - RELATIVE_TOLERANCE && soc <= plate.socMax + RELATIVE_TOLERANCE,
        timeUs,
        () => {
          return `${device} is at ${100 * soc} %`;
        },
      );
      hold('ratedPower', Math.abs(seen.activePowerW) <= plate.ratedPowerW * (1 + RELATIVE_TOLERANCE), timeUs, () => {
        return `${device} has ${seen.activePowerW} W`;
      });
      checkStep(timeUs, battery, seen);
      checkSilence(timeUs, battery, seen);
      battery.stepUs = battery.last === undefined ? 0 : timeUs - battery.lastUs;
      battery.last = seen;
      battery.lastUs = timeUs;
    },
    sent({ kind, device, faults = [], taggedUs }) {
      for (const need of needs) {
        if (need.device !== device || need.kind !== kind || taggedUs <= need.newestUs) continue;
        if (!faults.some((fault) => UNUSABLE.includes(fault))) need.newestUs = taggedUs;
      }
    },
    acknowledged(timeUs, device, { timestamp, sequence }) {
      const battery = batteries.get(device);
      if (battery === undefined) return;
      hold('sender', battery.lawful.has(`${timestamp} ${sequence}`), timeUs, () => {
        return `${device} obeys setpoint ${sequence} of ${timestamp}, which nobody sent who may`;
      });
    },
    planned(plan) {
      plans.push(plan);
      // The newest, and the one before: a plan and a setpoint of one instant may be seen in either order.
      if (plans.length > 2) plans.shift();
    },
    delivered(timeUs, setpoint) {
      const battery = batteries.get(setpoint.device);
      if (battery === undefined || !battery.plate.commandedBy.includes(setpoint.issuer)) return;
      const taggedUs = parseInstant(setpoint.timestamp);
      checkSetpoint(timeUs, battery, setpoint, taggedUs);
      const { responseUsMax, commandUsMax } = battery.plate;
      const untilUs = timeUs + responseUsMax + Math.min(setpoint.validForUs, commandUsMax);
      battery.commandedUntilUs = Math.max(battery.commandedUntilUs, untilUs);
      battery.setpoint = { taggedUs, powerW: setpoint.activePowerW };
      battery.lawful.add(`${setpoint.timestamp} ${setpoint.sequence}`);
      if (battery.lawful.size > LAWFUL_MAX) forgetOldest(battery.lawful);
    },
    counts: () =>
      invariantCatalogue.flatMap(({ name }) => {
        const { checked, violations, first } = counts[name];
        return checked === 0 ? [] : [{ name, checked, violations, ...(first !== undefined && { first }) }];
      }),
  };
}

/** Halves the set: what was added first goes. */
function forgetOldest(names: Set<string>): void {
  let left = names.size >> 1;
  for (const name of names) {
    if (left === 0) return;
    names.delete(name);
    left -= 1;
  }
}

/** Lost in conversion at a power, W: 1/eta - 1 of what is given, 1 - eta of what is taken. */
function conversionLoss({ chargeEfficiency, dischargeEfficiency }: BatteryPlate, powerW: number): number {
  return powerW > 0 ? powerW * (1 / dischargeEfficiency - 1) : -powerW * (1 - chargeEfficiency);
}
