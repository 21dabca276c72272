/** What the emulated devices have in common: they see the truth at their own terminals, and say what a real one would say. */
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import type { Truth } from '../physics/truth.ts';
import type { ErrorModel } from './error-model.ts';

/** A message before it travels: certification is added by the light node, encoding by the harness. */
export interface DeviceMessage {
  /** Device kind, part of the topic: `pmu`, `smart-meter`, `bess`. */
  readonly kind: string;
  readonly device: string;
  readonly measurement: Measurement;
  /** When the device sampled (end of its window) and when it sends: differs by reporting latency and faults, us. */
  readonly measuredUs: number;
  readonly publishUs: number;
  /** Names of the measurement faults that shaped it, for the record. */
  readonly faults?: readonly string[];
}

export interface Device {
  readonly id: string;
  readonly kind: string;
  /** `bal` (light node, bridge) or `direct`. */
  readonly route: 'bal' | 'direct';
  /**
   * Called once per physics instant, in the order of the scenario, after the power flow of `truth.timeUs`.
   * Answers with the messages sampled now; usually none or one.
   */
  sample(truth: Truth): readonly DeviceMessage[];
  /** Its errors in words and figures, for the manifest. */
  describe(): ErrorModel;
}

/** A device with energy registers, whose truth the record keeps beside them. */
export interface MeteringDevice extends Device {
  /** True energies over the interval of the message that `sample` has just answered with, Wh. */
  trueEnergy(): { readonly importWh: number; readonly exportWh: number };
}

/** A phasor measurement unit. */
export interface PhasorDevice extends Device {
  /**
   * Phasors at its own input terminals for the instant of the last `sample`: behind the instrument transformers, in front
   * of its own errors; referred to the primary side, V and A, interleaved re, im per phase, voltages first, then currents
   * (NaN where it measures none), system angle included. Reused between instants.
   */
  terminal(): Float64Array;
  /** The same in front of the instrument transformers: the phasors of the grid at its place. */
  primary(): Float64Array;
}

/** What stands on the nameplate of a battery and its inverter, SI, every default filled in. */
export interface BatteryNameplate {
  readonly ratedPowerW: number;
  readonly capacityWh: number;
  /** Window of the state of charge, 0..1. */
  readonly socMin: number;
  readonly socMax: number;
  readonly chargeEfficiency: number;
  readonly dischargeEfficiency: number;
  readonly standbyLossW: number;
  /** Time from zero to rated power; 0: at once. */
  readonly rampTimeUs: number;
  /** From the arrival of a setpoint at the backend to its effect. */
  readonly commandDelayUs: number;
}

/** A device that acts on the grid and obeys setpoints. */
export interface ControllableDevice extends Device {
  readonly nameplate: BatteryNameplate;
  /** Issuers whose setpoints it obeys. */
  readonly commandedBy: readonly string[];
  /** A setpoint arrived at the device's backend at `timeUs`; it takes effect after the command delay. */
  command(setpoint: Setpoint, timeUs: number): void;
  /**
   * Moves the device over (fromUs, toUs] and returns its power at `toUs`: per-phase-sum W and var, discharge positive.
   * Called before the power flow of `toUs`.
   */
  advance(fromUs: number, toUs: number): { readonly activePowerW: number; readonly reactivePowerVar: number };
  /** What the record keeps of it: state of charge (0..1), stored energy Wh, power W, setpoint in force W, saturation flag. */
  state(): {
    readonly activePowerW: number;
    readonly stateOfCharge: number;
    readonly energyStoredWh: number;
    /** After clipping to power, ramp and SoC window; NaN while the default is in force. */
    readonly setpointW: number;
    readonly saturated: boolean;
    /** Energy lost in conversion since the start, Wh. */
    readonly lossesWh: number;
    /** Names of the faults at work inside it, separated by `;`. */
    readonly faults: string;
  };
}
