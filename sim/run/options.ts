/** What can be asked of a run, and what it answers: the joint between the command line and the harness. */

export type ServiceMode = 'in-process' | 'process' | 'attach';

export interface RunOptions {
  /** Path of the scenario file. */
  readonly scenarioFile: string;
  readonly seed?: string | undefined;
  /** `lockstep`, `realtime`, `quiet`, or a factor such as `60x`; the scenario's own when absent. */
  readonly pace?: string | undefined;
  /** `embedded` (default), `embedded:PORT`, `memory`, `mqtt://host:port`. */
  readonly databus?: string | undefined;
  /** `embedded` (default), `embedded:PORT` or the URL of an access layer's broker. */
  readonly bal?: string | undefined;
  /** File with user names and passwords for brokers given by URL. */
  readonly credentials?: string | undefined;
  /** Folder for the record; `runs/<time>-<scenario>-<seed>` when absent. */
  readonly out?: string | undefined;
  /** Overrides, `path=value`. */
  readonly set: readonly string[];
  readonly service: Readonly<Record<string, ServiceMode>>;
  /** How long the run waits for others, where the usual is not right. */
  readonly patience?: Partial<Patience> | undefined;
}

/** Wall time that a run waits for services and brokers, us. No result depends on it, only whether there is one. */
export interface Patience {
  /** Until every service has answered at the start. */
  readonly answerUs: number;
  /** Without an end of the instant, before the services are told to go on without what is missing. */
  readonly stallUs: number;
  /** Without an end of the instant, before the run is given up: long, for somebody's estimator may be slow. */
  readonly giveUpUs: number;
}

export const usualPatience: Patience = { answerUs: 20e6, stallUs: 3e6, giveUpUs: 120e6 };

export interface RunProgress {
  readonly instant: number;
  readonly instants: number;
  readonly timeUs: number;
  /** How far the zone of the scenario is ahead of UTC, us. */
  readonly offsetUs: number;
}

export interface RunResult {
  readonly directory: string;
  readonly state: 'complete' | 'interrupted';
  readonly verdict: 'pass' | 'fail' | 'invalid';
  readonly accuracyHash: string;
}

/** A service or broker did not start (exit 30), or it or the disk failed in mid-run (exit 31). The message says which. */
export class ServiceFailure extends Error {
  override readonly name = 'ServiceFailure';
  readonly phase: 'start' | 'run';
  readonly service: string;
  /** Folder with the record of what was run until then, once it has been written. */
  record: string | undefined;

  constructor(phase: 'start' | 'run', service: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.phase = phase;
    this.service = service;
  }
}
