/** What a row of the equations says about the state; the numbers stand in typed arrays. */
export const ROW = {
  voltageMagnitude: 0,
  voltageAngle: 1,
  activePower: 2,
  reactivePower: 3,
  currentMagnitude: 4,
  currentAngle: 5,
  /** A phasor's parts along and across its own measured direction. */
  voltageRadial: 6,
  voltageTangential: 7,
  currentRadial: 8,
  currentTangential: 9,
  /** Real and imaginary part of a linear current that is given: zero injections, balanced sources. */
  linearReal: 10,
  linearImaginary: 11,
  /** The reference angle. */
  reference: 12,
  /** A shared cause of errors: a standard normal variable measured as zero. */
  cause: 13,
  /** Nothing: a measurement at a dead bus. */
  inert: 14,
  /** No measurement: what the linearised magnitude of a current leaves out of the objective when the current turns. */
  currentAcross: 15,
} as const;
