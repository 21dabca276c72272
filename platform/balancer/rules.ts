/**
 * The balancing rules: what a battery should do so that the grid exchange meets its target, with the physics of the
 * battery and nothing else. Powers in W, energies in Wh, state of charge 0..1; discharge and import positive.
 */

/** What the rules have to know of a battery. */
export interface BatteryModel {
  /** Largest power at the terminals in each direction, W. */
  readonly maxDischargeW: number;
  readonly maxChargeW: number;
  readonly capacityWh: number;
  /** Window of the state of charge, 0..1. */
  readonly socMin: number;
  readonly socMax: number;
  /** Charging stores eta times the energy, discharging draws 1/eta from the store; (0, 1]. */
  readonly chargeEfficiency: number;
  readonly dischargeEfficiency: number;
}

/** What keeps a battery from doing all that was asked for. */
type Limit = 'none' | 'power' | 'state-of-charge';

export interface BalanceStep {
  /** Power of the battery over the step, W, discharge positive. */
  readonly batteryW: number;
  /** State of charge at the end of the step. */
  readonly stateOfCharge: number;
  /** What is left to exchange with the grid, W, import positive: net - battery. */
  readonly exchangeW: number;
  readonly limitedBy: Limit;
}

/** Powers that a battery can hold for `durationS` from state of charge `soc`, W at the terminals, both >= 0. */
export function availablePower(
  battery: BatteryModel,
  soc: number,
  durationS: number,
): { readonly dischargeW: number; readonly chargeW: number } {
  const hours = durationS / 3600;
  // A state of charge outside its window (a lying sensor, a window that was narrowed) allows the way back only.
  const storedWh = Math.max(0, soc - battery.socMin) * battery.capacityWh;
  const roomWh = Math.max(0, battery.socMax - soc) * battery.capacityWh;
  return {
    dischargeW: Math.min(battery.maxDischargeW, (storedWh * battery.dischargeEfficiency) / hours),
    chargeW: Math.min(battery.maxChargeW, roomWh / (battery.chargeEfficiency * hours)),
  };
}

/** State of charge after `batteryW` (discharge positive) over `durationS`: E -= P dt / eta_d, or E += eta_c |P| dt. */
export function stateOfChargeAfter(battery: BatteryModel, soc: number, batteryW: number, durationS: number): number {
  const terminalsWh = (batteryW * durationS) / 3600;
  const drawnWh = batteryW > 0 ? terminalsWh / battery.dischargeEfficiency : terminalsWh * battery.chargeEfficiency;
  return soc - drawnWh / battery.capacityWh;
}

/**
 * Near-real-time rule (UC-DE-1 with target 0, UC-DE-2 with another): the battery covers net - target as far as its power
 * and its window over the step allow. `netW` is consumption minus production without the battery.
 */
export function balanceStep(
  battery: BatteryModel,
  soc: number,
  netW: number,
  targetW: number,
  durationS: number,
): BalanceStep {
  const available = availablePower(battery, soc, durationS);
  const wantedW = netW - targetW;
  const batteryW = Math.min(available.dischargeW, Math.max(-available.chargeW, wantedW));
  return {
    batteryW,
    // Rounding must not carry the model across a limit that the power was clipped to.
    stateOfCharge: clampTowards(soc, stateOfChargeAfter(battery, soc, batteryW, durationS), battery),
    exchangeW: netW - batteryW,
    limitedBy: limitOf(battery, wantedW, batteryW),
  };
}

/** Rule-based schedule over a horizon: the same rule step by step, the state of charge carried over. */
export function scheduleByRule(
  battery: BatteryModel,
  initialSoc: number,
  netW: readonly number[],
  targetW: number,
  stepS: number,
): BalanceStep[] {
  let soc = initialSoc;
  return netW.map((net) => {
    const step = balanceStep(battery, soc, net, targetW, stepS);
    soc = step.stateOfCharge;
    return step;
  });
}

/** Stops at a window limit when `after` would pass it by rounding; leaves a start outside the window where it is. */
function clampTowards(before: number, after: number, { socMin, socMax }: BatteryModel): number {
  if (after < before) return Math.max(after, Math.min(before, socMin));
  return Math.min(after, Math.max(before, socMax));
}

function limitOf(battery: BatteryModel, wantedW: number, batteryW: number): Limit {
  if (batteryW === wantedW) return 'none';
  return batteryW === battery.maxDischargeW || batteryW === -battery.maxChargeW ? 'power' : 'state-of-charge';
}
