/** What decides about the batteries inside the balancer service, whichever way it comes to its decision. */
import type { Instant, Output } from '../service/definition.ts';

/** What a battery should do from now on. */
export interface Command {
  readonly device: string;
  /** Discharge positive, W. */
  readonly powerW: number;
  /** The battery returns to its default when nothing newer came within this time. */
  readonly validForUs: number;
}

export interface Decision {
  /** Batteries about which nobody can tell are left out. */
  readonly commands: readonly Command[];
  /** Plans, and answers to those who asked for a use case. */
  readonly messages: readonly Output[];
}

export interface Controller {
  /** Takes in what arrived; called at every instant. */
  observe(instant: Instant): void;
  /** Called once per period. */
  decide(timeUs: number): Decision;
  metrics(): Readonly<Record<string, number>>;
}
