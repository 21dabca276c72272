/** The tables that the historian writes (Parquet, one file each): what the platform itself saw and said. Times are us since the epoch. */

export type ColumnType = 'DOUBLE' | 'FLOAT' | 'INT32' | 'STRING' | 'BOOLEAN';
export type TableColumns = Readonly<Record<string, ColumnType>>;

export const historyTables = {
  /** One row per reading of every measurement and power message that the platform accepted. */
  measurements: {
    timeUs: 'DOUBLE',
    kind: 'STRING',
    device: 'STRING',
    component: 'STRING',
    measurand: 'STRING',
    phase: 'STRING',
    value: 'DOUBLE',
  },
  /** One row per estimate. */
  'estimate-runs': {
    timeUs: 'DOUBLE',
    estimator: 'STRING',
    /** Start of the interval that it stands for; equal to timeUs for instantaneous estimates. */
    intervalStartUs: 'DOUBLE',
    status: 'STRING',
    iterations: 'INT32',
    objective: 'DOUBLE',
    degreesOfFreedom: 'INT32',
    chiSquareLimit: 'DOUBLE',
    /** JSON of the estimate's inventory. */
    inventory: 'STRING',
    /** JSON of the estimate's suspects. */
    suspects: 'STRING',
  },
  /** One row per estimate, bus and phase. */
  estimates: {
    timeUs: 'DOUBLE',
    estimator: 'STRING',
    bus: 'STRING',
    phase: 'STRING',
    voltageV: 'DOUBLE',
    angleRad: 'DOUBLE',
    voltageSigmaV: 'DOUBLE',
    angleSigmaRad: 'DOUBLE',
  },
  /** One row per setpoint. */
  setpoints: { timeUs: 'DOUBLE', device: 'STRING', activePowerW: 'DOUBLE', issuer: 'STRING' },
  /** One row per forecast, component and step. */
  forecasts: {
    issuedUs: 'DOUBLE',
    timeUs: 'DOUBLE',
    component: 'STRING',
    activePowerW: 'DOUBLE',
    activePowerSigmaW: 'DOUBLE',
  },
} as const satisfies Record<string, TableColumns>;
