/**
 * What a run leaves in its folder, as tables: the one list of files and columns that the harness writes and the
 * report reads. Times are us since the epoch as DOUBLE (exact below 2^53).
 *
 * Convention: a value at instant t_k stands for the interval (t_(k-1), t_k]; the first instant (the start) carries the
 * initial state only and is left out of energies.
 */
import type { ModelFeature } from '../platform/contract/estimate.ts';
import type { InvariantName } from './quantities.ts';
import { historyTables, type TableColumns } from '../platform/contract/history.ts';

export const recordTables = {
  /** One row per instant: the site as a whole. Loads and exchange positive when consuming/importing, battery positive when discharging. */
  'truth-site': {
    timeUs: 'DOUBLE',
    frequencyHz: 'DOUBLE',
    loadW: 'DOUBLE',
    generationW: 'DOUBLE',
    batteryW: 'DOUBLE',
    /** In branches. */
    lossesW: 'DOUBLE',
    /** Drawn by the shunts of the grid, beside its loads. */
    shuntsW: 'DOUBLE',
    exchangeW: 'DOUBLE',
    exchangeVar: 'DOUBLE',
    /** The same instant with every battery idle (the twin run that KPIs compare with). */
    exchangeIdleW: 'DOUBLE',
    lossesIdleW: 'DOUBLE',
    shuntsIdleW: 'DOUBLE',
    iterations: 'INT32',
  },
  /** One row per record interval: mean of the air temperature at the site over it; at the first instant, of that instant. */
  'truth-weather': { timeUs: 'DOUBLE', airTemperatureC: 'DOUBLE' },
  /** One row per bus-phase and record interval (15 min, or the step when that is longer, or every step in `ideal` runs). */
  'truth-bus': {
    timeUs: 'DOUBLE',
    bus: 'STRING',
    phase: 'STRING',
    /** Over the record interval, V phase to ground. */
    voltageMeanV: 'DOUBLE',
    voltageMinV: 'DOUBLE',
    voltageMaxV: 'DOUBLE',
    /** At the interval's last instant. */
    voltageEndV: 'DOUBLE',
    /** Relative to phase A of the first external grid's bus, wrapped, rad. */
    angleMeanRad: 'DOUBLE',
    angleEndRad: 'DOUBLE',
  },
  /** One row per branch and record interval. Loading relative to the rated current, worst end and phase, %. */
  'truth-branch': {
    timeUs: 'DOUBLE',
    branch: 'STRING',
    loadingMeanPercent: 'DOUBLE',
    loadingMaxPercent: 'DOUBLE',
    activePowerFromMeanW: 'DOUBLE',
    reactivePowerFromMeanVar: 'DOUBLE',
  },
  /**
   * One row per PMU frame and phase at the instant of its sample, whatever its tag says, system angle included: the
   * phasors at the device's own terminals (behind the instrument transformers, referred to the primary side), and those
   * of the grid in front of the transformers.
   */
  'truth-terminal': {
    timeUs: 'DOUBLE',
    device: 'STRING',
    phase: 'STRING',
    voltageReV: 'DOUBLE',
    voltageImV: 'DOUBLE',
    currentReA: 'DOUBLE',
    currentImA: 'DOUBLE',
    primaryVoltageReV: 'DOUBLE',
    primaryVoltageImV: 'DOUBLE',
    primaryCurrentReA: 'DOUBLE',
    primaryCurrentImA: 'DOUBLE',
  },
  /** One row per meter message at the instant of its sample: true energies at its place since the one before, Wh. */
  'truth-energy': { timeUs: 'DOUBLE', device: 'STRING', importWh: 'DOUBLE', exportWh: 'DOUBLE' },
  /** One row per controllable device and instant. */
  'device-states': {
    timeUs: 'DOUBLE',
    device: 'STRING',
    activePowerW: 'DOUBLE',
    stateOfCharge: 'DOUBLE',
    energyStoredWh: 'DOUBLE',
    setpointW: 'DOUBLE',
    saturated: 'BOOLEAN',
    lossesWh: 'DOUBLE',
    /** Labels of the faults at work inside it, separated by `;`. */
    faults: 'STRING',
  },
  ...historyTables,
} as const satisfies Record<string, TableColumns>;

/**
 * `messages.parquet`: the ledger, one row per message that was published anywhere. Arrival columns are us of wall clock
 * since the run began (only realtime and paced runs may draw latencies from them), NaN where it was not seen.
 */
export const messagesTable = {
  topic: 'STRING',
  kind: 'STRING',
  device: 'STRING',
  sequence: 'INT32',
  measuredUs: 'DOUBLE',
  publishedUs: 'DOUBLE',
  taggedUs: 'DOUBLE',
  /** First 16 hex digits of the payload's SHA-256. */
  digest: 'STRING',
  bytes: 'INT32',
  /** Handed to the publisher's client, seen by the access layer's broker, by the databus's broker, at the device side. */
  sentWallUs: 'DOUBLE',
  balWallUs: 'DOUBLE',
  databusWallUs: 'DOUBLE',
  deviceWallUs: 'DOUBLE',
  /** Labels of the faults that shaped it, separated by `;`. */
  faults: 'STRING',
} as const satisfies TableColumns;

/** One hop of the message audit: published = delivered + refused + lostInjected + lostObserved + inFlight + unexplained. */
export interface AuditHop {
  /** For example `device>bal`, `bal>dsotp`, `dsotp>state-estimation`. */
  readonly hop: string;
  readonly kind: string;
  readonly published: number;
  readonly delivered: number;
  readonly refused: number;
  readonly lostInjected: number;
  readonly lostObserved: number;
  readonly inFlight: number;
  readonly unexplained: number;
  readonly duplicated: number;
  readonly reordered: number;
  readonly late: number;
}

/** How often an invariant was checked and did not hold. */
export interface InvariantCount {
  /** Of `invariantCatalogue`. */
  readonly name: InvariantName;
  readonly checked: number;
  readonly violations: number;
  /** Instant and sentence of the first violation. */
  readonly first?: string;
}

/** `audit.json`: counts from observers beside the data path and from the services' own progress. */
export interface Audit {
  readonly hops: readonly AuditHop[];
  /** Refused messages by receiver and reason. */
  readonly refused: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Last metrics of each service. */
  readonly services: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** Why the run is invalid, empty when it is not: a lost message, an overrun, a tick too early, a dead service. */
  readonly violations: readonly string[];
  /** Those that had something to be held against; absent in runs without a battery that is driven. */
  readonly invariants?: readonly InvariantCount[];
}

/** Something of the grid that is not in the field as the platform was told, while it is not. */
export interface ModelFault {
  readonly feature: ModelFeature;
  /** Of the line, switch or transformer, or the bus of the meter. */
  readonly id: string;
  readonly onPaper: boolean | number | string;
  readonly inField: boolean | number | string;
  readonly fromUs: number;
  readonly untilUs: number;
}

/**
 * `foresight.json`: energy off what the use cases asked for, kWh, on means of quarter hours and without grid losses. Absent
 * where nothing was asked for.
 */
export interface Foresight {
  readonly schema: 'platone.foresight/1';
  /** How the best was found: by the rule where that is the optimum, else by optimisation. */
  readonly method: 'rule' | 'optimisation';
  /** With every battery idle, as it went, and as somebody with perfect foresight would have done it. */
  readonly idleKWh: number;
  readonly actualKWh: number;
  readonly bestKWh: number;
}

interface DeviceErrors {
  /** The error model of a device in words and figures. */
  readonly errors?:
    | { readonly summary: string; readonly figures: Readonly<Record<string, number | string>> }
    | undefined;
}

/** `manifest.json`: all that is needed to run it again and to read the record. */
export interface Manifest {
  readonly schema: 'platone.manifest/1';
  readonly runId: string;
  readonly state: 'complete' | 'interrupted' | 'failed';
  readonly commit: string;
  readonly dirty: boolean;
  readonly versions: Readonly<Record<string, string>>;
  readonly host: Readonly<Record<string, string | number>>;
  readonly startedAt: string;
  readonly wallSeconds: number;
  /** `exact` | `paced` | `realtime`. */
  readonly class: 'exact' | 'paced' | 'realtime';
  readonly seed: string;
  readonly scenarioFile: string;
  /** SHA-256 of the scenario, grid and profile files that went in. */
  readonly inputHashes: Readonly<Record<string, string>>;
  /** The scenario in SI, defaults filled in. */
  readonly scenario: unknown;
  /** The true grid document and the platform's copy. */
  readonly grid: unknown;
  readonly platformGrid: unknown;
  /** Where the two differ, and meters in the field differ from what they say, in what an estimator can find out. */
  readonly modelFaults: readonly ModelFault[];
  /** Command-line options in force. */
  readonly options: Readonly<Record<string, unknown>>;
  /** Expanded devices: id, kind, place, and what they are set to. */
  readonly devices: readonly (DeviceErrors & Readonly<Record<string, unknown>>)[];
  /** What stands for missing public facts; shown in the report. */
  readonly assumptions: readonly string[];
  /** Instants computed and the wall time of the stepping loop, s. */
  readonly instants: number;
  readonly loopSeconds: number;
}
