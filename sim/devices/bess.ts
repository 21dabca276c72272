/**
 * Battery storage with its inverter and its vendor's backend: obeys setpoints after a delay, along a ramp, inside its
 * power and state-of-charge limits, and returns to its default of 0 W when a setpoint has run out.
 *
 * Power P at the terminals, discharge positive. Stored energy: dE/dt = -f(P) - standby, with f(P) = P / eta_d when
 * discharging and f(P) = P eta_c when charging, so charging stores eta_c times what it takes and discharging draws
 * 1 / eta_d times what it gives. The value of an instant stands for the step before it: the device answers with its mean
 * power over the step, so that energies of the record close.
 */
import { randomStream } from '../../numerics/random.ts';
import type { CommandState } from '../../platform/contract/measurement.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import type { DeviceCondition } from '../faults/device-faults.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { Scenario } from '../scenario/schema.ts';
import type { BatteryNameplate, ControllableDevice } from './device.ts';
import { drawSpecimen, limitSigma, resolutionSigma, combineSigmas, type ErrorModel } from './error-model.ts';
import { createPostman, isDue, reading, wholeSteps, type DeviceClock } from './message.ts';

export type BessDevice = Extract<ExpandedDevice, { kind: 'bess' }>;
/** As a scenario has it. */
type BessEntry = Extract<Scenario['devices'][number], { kind: 'bess' }>;

/** Window of the demo site's battery; the rest is our proposal for a container. */
const FIELD = {
  socMin: 0.0875,
  socMax: 0.875,
  efficiency: 0.955,
  rampUs: 1e6,
  commandDelayUs: 1e6,
  powerLimit: 0.005,
  powerResolutionW: 10,
  socResolution: 1e-3,
} as const;
const HOUR_US = 3600e6;

function nameplateOf(device: BessEntry): BatteryNameplate {
  const ideal = device.preset === 'ideal';
  const efficiency = ideal ? 1 : FIELD.efficiency;
  return {
    ratedPowerW: device.power,
    capacityWh: device.energy,
    socMin: device.socMin ?? FIELD.socMin,
    socMax: device.socMax ?? FIELD.socMax,
    chargeEfficiency: device.chargeEfficiency ?? efficiency,
    dischargeEfficiency: device.dischargeEfficiency ?? efficiency,
    standbyLossW: device.standbyLoss ?? 0,
    rampTimeUs: device.rampTime ?? (ideal ? 0 : FIELD.rampUs),
    commandDelayUs: device.commandDelay ?? (ideal ? 0 : FIELD.commandDelayUs),
  };
}

/** What is wrong with the plate of a battery: the key that says so, and why; empty when nothing is. */
export function bessFaults(device: BessEntry): readonly { readonly key: string; readonly message: string }[] {
  const { ratedPowerW, capacityWh, socMin, socMax, standbyLossW, ...plate } = nameplateOf(device);
  const percent = (share: number) => `${Number((100 * share).toPrecision(6))} %`;
  const { soc } = device;
  const outside = `${percent(soc)} is outside the window of ${percent(socMin)} to ${percent(socMax)}`;
  const faults = [
    !(ratedPowerW > 0) && { key: 'power', message: 'must be above 0 W' },
    !(capacityWh > 0) && { key: 'energy', message: 'must be above 0 Wh' },
    socMin >= socMax && { key: 'socMin', message: `${percent(socMin)} is not below socMax of ${percent(socMax)}` },
    socMin < socMax && (soc < socMin || soc > socMax) && { key: 'soc', message: outside },
    !(plate.chargeEfficiency > 0) && { key: 'chargeEfficiency', message: 'must be above 0' },
    !(plate.dischargeEfficiency > 0) && { key: 'dischargeEfficiency', message: 'must be above 0' },
    standbyLossW > 0.5 * ratedPowerW && { key: 'standbyLoss', message: 'is more than half the power' },
  ] as const;
  return faults.filter((fault) => fault !== false);
}

interface Command {
  readonly effectiveUs: number;
  readonly expiresUs: number;
  readonly activePowerW: number;
  readonly reactivePowerVar: number;
}

const DEFAULT_COMMAND = { activePowerW: 0, reactivePowerVar: 0 } as const;

export function createBess(options: {
  readonly device: BessDevice;
  /** Id of the battery of the grid document that it is. */
  readonly battery: string;
  readonly seed: string;
  readonly clock: DeviceClock;
  /** What is wrong inside it at an instant; it is sound without it. */
  readonly condition?: ((timeUs: number) => DeviceCondition) | undefined;
}): ControllableDevice {
  const { device, condition } = options;
  const plate = nameplateOf(device);
  const commandedBy = device.commandedBy ?? [DEFAULT_COMMANDER];
  const windowWh = { least: plate.socMin * plate.capacityWh, most: plate.socMax * plate.capacityWh };
  const backend = createBackend(plate, commandedBy);
  const telemetry = createTelemetry(options);
  let storedWh = device.soc * device.energy;
  let rampedW = 0;
  let lossesWh = 0;
  let now = { activePowerW: 0, reactivePowerVar: 0, setpointW: Number.NaN, saturated: false, faults: '' };

  return {
    id: device.id,
    kind: 'bess',
    route: device.route,
    nameplate: plate,
    commandedBy,
    command: (setpoint, timeUs) => backend.accept(setpoint, timeUs, condition?.(timeUs).lateUs ?? 0),
    advance(fromUs, toUs) {
      const wanted = backend.over(fromUs, toUs, rampedW);
      const hours = (toUs - fromUs) / HOUR_US;
      const { powerShare = 1, faults = [] } = condition?.(fromUs) ?? {};
      const { lowerW, upperW } = limits(plate, windowWh, storedWh, hours, powerShare);
      const activePowerW = clamp(wanted.meanW, lowerW, upperW);
      const storedBefore = storedWh;
      storedWh = clamp(
        storedWh - hours * (drawn(plate, activePowerW) + plate.standbyLossW),
        windowWh.least,
        windowWh.most,
      );
      // What left the store less what left the terminals is what was lost.
      lossesWh += storedBefore - storedWh - activePowerW * hours;
      // A battery that has hit the end of its window starts the next ramp from where it really is.
      rampedW = activePowerW === wanted.meanW ? wanted.endW : clamp(wanted.endW, lowerW, upperW);
      // In force at the end of the step; one that begins at that very instant has not acted yet.
      const commandW = backend.inForce(Math.max(fromUs, toUs - 1))?.activePowerW ?? Number.NaN;
      now = {
        activePowerW,
        reactivePowerVar: hours === 0 ? 0 : reactiveWithin(plate, activePowerW, wanted.reactivePowerVar),
        setpointW: clamp(clamp(commandW, lowerW, upperW), wanted.reachableLowW, wanted.reachableHighW),
        // Also where a limit stops it on the way to, or back from, a setpoint that it could hold.
        saturated: commandW < lowerW || commandW > upperW || activePowerW !== wanted.meanW,
        faults: faults.join(';'),
      };
      return now;
    },
    sample: (truth) =>
      telemetry.sample(truth.timeUs, {
        activePowerW: now.activePowerW,
        reactivePowerVar: now.reactivePowerVar,
        energyStoredWh: storedWh,
        stateOfCharge: storedWh / plate.capacityWh,
        command: backend.acknowledgement(truth.timeUs),
      }),
    state: () => ({
      activePowerW: now.activePowerW,
      stateOfCharge: storedWh / plate.capacityWh,
      energyStoredWh: storedWh,
      setpointW: now.setpointW,
      saturated: now.saturated,
      lossesWh,
      faults: now.faults,
    }),
    describe: () => describe(device, plate),
  };
}

/** Rate at which the store empties, W, for a terminal power: conversion losses included, standby not. */
function drawn({ chargeEfficiency, dischargeEfficiency }: BatteryNameplate, powerW: number): number {
  return powerW > 0 ? powerW / dischargeEfficiency : powerW * chargeEfficiency;
}

/** The inverse of `drawn`. */
function delivered({ chargeEfficiency, dischargeEfficiency }: BatteryNameplate, rateW: number): number {
  return rateW > 0 ? rateW * dischargeEfficiency : rateW / chargeEfficiency;
}

/** Mean powers over a step that keep the share of the rating that is left and the stored energy inside its window. */
function limits(
  plate: BatteryNameplate,
  windowWh: { readonly least: number; readonly most: number },
  storedWh: number,
  hours: number,
  powerShare: number,
): { readonly lowerW: number; readonly upperW: number } {
  const ratedW = powerShare * plate.ratedPowerW;
  if (hours === 0) return { lowerW: -ratedW, upperW: ratedW };
  const upperW = Math.min(ratedW, delivered(plate, (storedWh - windowWh.least) / hours - plate.standbyLossW));
  // An empty battery must take its standby power from the grid: then the upper limit is negative.
  const lowerW = Math.max(-ratedW, delivered(plate, (storedWh - windowWh.most) / hours - plate.standbyLossW));
  return { lowerW: Math.min(lowerW, upperW), upperW };
}

/** NaN stays NaN. */
function clamp(value: number, lower: number, upper: number): number {
  return Math.max(lower, Math.min(upper, value));
}

/** Reactive power that the inverter's apparent power leaves beside the active power. */
function reactiveWithin({ ratedPowerW }: BatteryNameplate, activePowerW: number, reactivePowerVar: number): number {
  const room = Math.sqrt(Math.max(0, ratedPowerW * ratedPowerW - activePowerW * activePowerW));
  return clamp(reactivePowerVar, -room, room);
}

/** Who may command a battery where the scenario does not say otherwise. */
const DEFAULT_COMMANDER = 'balancer';

/**
 * The vendor's backend: takes setpoints from those who may send them, lets them wait for the command delay, drops them
 * when they run out, and acknowledges the newest.
 */
function createBackend(plate: BatteryNameplate, commanders: readonly string[]) {
  const commands: Command[] = [];
  let newestUs = Number.NEGATIVE_INFINITY;
  let answered: { readonly setpoint: Setpoint; readonly command: Command | undefined } | undefined;

  /** The command in force at an instant, undefined while the default is. */
  function inForce(timeUs: number): Command | undefined {
    const command = commands.findLast(({ effectiveUs }) => effectiveUs <= timeUs);
    return command !== undefined && timeUs < command.expiresUs ? command : undefined;
  }

  return {
    inForce,
    /** A setpoint older than the newest one is out of date and ignored. */
    accept(setpoint: Setpoint, timeUs: number, lateUs: number): void {
      const answersUs = parseInstant(setpoint.timestamp);
      if (!commanders.includes(setpoint.issuer)) {
        answered = { setpoint, command: undefined };
        return;
      }
      if (answersUs < newestUs) return;
      newestUs = answersUs;
      const effectiveUs = timeUs + plate.commandDelayUs + lateUs;
      const command: Command = {
        effectiveUs,
        expiresUs: effectiveUs + setpoint.validForUs,
        activePowerW: clamp(setpoint.activePowerW, -plate.ratedPowerW, plate.ratedPowerW),
        reactivePowerVar: setpoint.reactivePowerVar ?? 0,
      };
      // A delay that has become shorter lets a newer setpoint overtake: what it overtakes never acts.
      while ((commands.at(-1)?.effectiveUs ?? Number.NEGATIVE_INFINITY) > effectiveUs) commands.pop();
      commands.push(command);
      answered = { setpoint, command };
    },
    /** What it says of the newest setpoint at `timeUs`; members in the order of canonical JSON. Undefined before the first. */
    acknowledgement(timeUs: number): CommandState | undefined {
      if (answered === undefined) return undefined;
      const { setpoint, command } = answered;
      const isClipped = command !== undefined && command.activePowerW !== setpoint.activePowerW;
      const status =
        command === undefined
          ? 'refused'
          : timeUs >= command.expiresUs
            ? 'expired'
            : isClipped
              ? 'limited'
              : 'accepted';
      const activePowerW = status === 'refused' || status === 'expired' ? 0 : (command?.activePowerW ?? 0);
      return { activePowerW, sequence: setpoint.sequence, status, timestamp: setpoint.timestamp };
    },
    /** Mean and final power over (fromUs, toUs] from `startW` on, ramp included; and what the ramp could have reached. */
    over(fromUs: number, toUs: number, startW: number) {
      const changes = commands.flatMap(({ effectiveUs, expiresUs }) => [effectiveUs, expiresUs]);
      const inside = changes.filter((timeUs) => timeUs > fromUs && timeUs < toUs).sort((a, b) => a - b);
      const slope = plate.rampTimeUs === 0 ? Number.POSITIVE_INFINITY : plate.ratedPowerW / plate.rampTimeUs;
      let powerW = startW;
      let integral = 0;
      let atUs = fromUs;
      for (const untilUs of [...inside, toUs]) {
        const target = (inForce(atUs) ?? DEFAULT_COMMAND).activePowerW;
        const piece = ramp(powerW, target, slope, untilUs - atUs);
        integral += piece.integral;
        powerW = piece.endW;
        atUs = untilUs;
      }
      const { reactivePowerVar } = inForce(Math.max(fromUs, toUs - 1)) ?? DEFAULT_COMMAND;
      // What has run out, or has a successor in force, is forgotten.
      const current = commands.findLastIndex(({ effectiveUs }) => effectiveUs <= toUs);
      if (current > 0) commands.splice(0, current);
      const reach = toUs > fromUs ? slope * (toUs - fromUs) : Number.POSITIVE_INFINITY;
      return {
        meanW: toUs > fromUs ? integral / (toUs - fromUs) : powerW,
        endW: powerW,
        reactivePowerVar,
        reachableLowW: startW - reach,
        reachableHighW: startW + reach,
      };
    },
  };
}

/** From `startW` towards `targetW` at `slope` W/us for `spanUs`: final power and its time integral, W us. */
function ramp(startW: number, targetW: number, slope: number, spanUs: number): { endW: number; integral: number } {
  const timeUs = slope === Number.POSITIVE_INFINITY ? 0 : Math.abs(targetW - startW) / slope;
  if (timeUs <= spanUs) {
    return { endW: targetW, integral: 0.5 * (startW + targetW) * timeUs + targetW * (spanUs - timeUs) };
  }
  const endW = startW + Math.sign(targetW - startW) * slope * spanUs;
  return { endW, integral: 0.5 * (startW + endW) * spanUs };
}

interface TelemetryValues {
  readonly activePowerW: number;
  readonly reactivePowerVar: number;
  readonly energyStoredWh: number;
  readonly stateOfCharge: number;
  readonly command: CommandState | undefined;
}

function createTelemetry(options: {
  readonly device: BessDevice;
  readonly battery: string;
  readonly seed: string;
  readonly clock: DeviceClock;
}) {
  const { device, clock } = options;
  const ideal = device.preset === 'ideal';
  const gain = ideal
    ? 1
    : 1 + FIELD.powerLimit * drawSpecimen(randomStream(options.seed, ['bess', device.id, 'power-gain']));
  const everyUs = device.every ?? clock.stepUs;
  const delayUs = ideal ? 0 : wholeSteps(clock, device.telemetryDelay ?? 0);
  const post = createPostman('bess', device.id);
  const component = `battery:${options.battery}`;

  const rounded = (value: number, perUnit: number) => (ideal ? value : Math.round(value * perUnit) / perUnit);
  const powerSigma = (value: number) =>
    combineSigmas(value * limitSigma(FIELD.powerLimit), resolutionSigma(FIELD.powerResolutionW));

  return {
    sample(timeUs: number, values: TelemetryValues) {
      if (!isDue(clock, everyUs, timeUs)) return [];
      const stated = (sigma: number) => (ideal ? 0 : sigma);
      const power = (measurand: 'activepower' | 'reactivepower', value: number) => {
        const measured = rounded(gain * value, 1 / FIELD.powerResolutionW);
        return reading(component, measurand, 'total', measured, stated(powerSigma(value)));
      };
      const socSigma = resolutionSigma(FIELD.socResolution);
      const charge = rounded(values.stateOfCharge, 1 / FIELD.socResolution);
      const energyWh = rounded(values.energyStoredWh, 1 / (FIELD.socResolution * device.energy));
      return post({
        taggedUs: timeUs,
        measuredUs: timeUs,
        publishUs: timeUs + delayUs,
        readings: [
          power('activepower', values.activePowerW),
          power('reactivepower', values.reactivePowerVar),
          reading(component, 'stateofcharge', 'total', charge, stated(socSigma)),
          reading(component, 'energystored', 'total', energyWh, stated(socSigma * device.energy)),
        ],
        positiveDirection: 1,
        quality: { valid: true },
        command: values.command,
      });
    },
  };
}

function describe(device: BessDevice, plate: BatteryNameplate): ErrorModel {
  const ideal = device.preset === 'ideal';
  return {
    summary: ideal
      ? 'ideal battery: no losses, no ramp, no delay unless stated; telemetry exact'
      : 'battery: charging stores eta times the energy, discharging draws 1/eta; setpoints after a delay and along a ramp, ' +
        'default 0 W when one has run out; telemetry power with a gain error drawn once (sigma = limit / sqrt 3) and rounded values',
    figures: {
      ...plate,
      telemetryDelayUs: ideal ? 0 : (device.telemetryDelay ?? 0),
      ...(ideal
        ? {}
        : {
            telemetryPowerLimit: FIELD.powerLimit,
            telemetryPowerResolutionW: FIELD.powerResolutionW,
            stateOfChargeResolution: FIELD.socResolution,
          }),
    },
  };
}
