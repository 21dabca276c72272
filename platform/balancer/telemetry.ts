/** Reads what the balancer needs from measurement messages, in the balancer's signs. */
import type { Measurand, Measurement } from '../contract/measurement.ts';

/**
 * Active power of `component` (any component when undefined) in the message's own direction, W: the three-phase total,
 * or the sum of all three phases; undefined when it is not there or flagged invalid.
 */
export function activePower(message: Measurement, component?: string): number | undefined {
  if (message.quality?.valid === false) return undefined;
  const of = (phase: string) => valueOf(message, 'activepower', phase, component);
  const total = of('total');
  if (total !== undefined) return total;
  const [a, b, c] = [of('A'), of('B'), of('C')];
  return a === undefined || b === undefined || c === undefined ? undefined : a + b + c;
}

/** Power of a battery, W, discharge positive: batteries report it that way unless their channel is declared reversed. */
export function batteryPower(message: Measurement): number | undefined {
  const power = activePower(message);
  return power === undefined || message.positiveDirection !== -1 ? power : -power;
}

/** State of charge, 0..1. */
export function stateOfCharge(message: Measurement): number | undefined {
  return message.quality?.valid === false ? undefined : valueOf(message, 'stateofcharge', 'total');
}

function valueOf(message: Measurement, measurand: Measurand, phase: string, component?: string): number | undefined {
  return message.readings.find(
    (reading) =>
      reading.measurand === measurand &&
      reading.phase === phase &&
      (component === undefined || reading.component === component),
  )?.data;
}
