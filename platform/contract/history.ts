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
    /** JSON of what is known to be wrong on paper; empty where the estimator does not watch its model. */
    modelFindings: 'STRING',
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
  /** One row per telemetry message that carries one: what the device's backend says of the newest setpoint. */
  acknowledgements: {
    timeUs: 'DOUBLE',
    device: 'STRING',
    /** Instant and sequence of the setpoint. */
    setpointUs: 'DOUBLE',
    sequence: 'INT32',
    /** What the device makes of it, W, discharge positive. */
    activePowerW: 'DOUBLE',
    /** accepted, limited, refused or expired. */
    status: 'STRING',
  },
  /** One row per wish for a use case. */
  triggers: {
    timeUs: 'DOUBLE',
    issuer: 'STRING',
    request: 'STRING',
    useCase: 'INT32',
    /** JSON of its parameters. */
    parameters: 'STRING',
  },
  /** One row per use-case message: from `timeUs` on this use case and target are in force. */
  'use-cases': {
    timeUs: 'DOUBLE',
    useCase: 'INT32',
    cause: 'STRING',
    /** W, import positive; NaN where none is held. */
    targetW: 'DOUBLE',
    /** Exchange that the batteries could hold, W; NaN where unknown. */
    lowestW: 'DOUBLE',
    highestW: 'DOUBLE',
    /** Of answers; empty otherwise. */
    request: 'STRING',
    accepted: 'BOOLEAN',
    /** Separated by `; `. */
    reasons: 'STRING',
  },
  /** One row per plan and step; `timeUs` is the end of the step. */
  plans: {
    issuedUs: 'DOUBLE',
    timeUs: 'DOUBLE',
    useCase: 'INT32',
    loadW: 'DOUBLE',
    generationW: 'DOUBLE',
    /** Import positive. */
    exchangeW: 'DOUBLE',
  },
  /** One row per plan, battery and step. */
  'plan-batteries': {
    issuedUs: 'DOUBLE',
    timeUs: 'DOUBLE',
    device: 'STRING',
    activePowerW: 'DOUBLE',
    /** At the end of the step. */
    stateOfCharge: 'DOUBLE',
  },
  /** One row per plan and hold or package ahead. */
  'plan-windows': {
    issuedUs: 'DOUBLE',
    kind: 'STRING',
    startUs: 'DOUBLE',
    endUs: 'DOUBLE',
    exchangeW: 'DOUBLE',
  },
  /** One row per plan. */
  'plan-runs': {
    issuedUs: 'DOUBLE',
    useCase: 'INT32',
    method: 'STRING',
    status: 'STRING',
    /** Separated by `; `. */
    clashes: 'STRING',
  },
  /** One row per forecast, component and step. */
  forecasts: {
    issuedUs: 'DOUBLE',
    timeUs: 'DOUBLE',
    component: 'STRING',
    activePowerW: 'DOUBLE',
    activePowerSigmaW: 'DOUBLE',
    /** NaN where the forecast states no such quantile. */
    quantile10W: 'DOUBLE',
    quantile90W: 'DOUBLE',
  },
} as const satisfies Record<string, TableColumns>;
