/**
 * What a platform service is: a name, a configuration schema, the messages that it reads, the services that it waits
 * for, and a pure core that turns the messages of one instant into outputs. `runner.ts` does everything else.
 */
import type { z } from 'zod';
import type { HttpSide } from './http-side.ts';

/** A message that passed the checks, in the order (topic, device, sequence). */
export interface Input<Message = unknown> {
  readonly topic: string;
  /** `messageKind(topic)`: pmu, smart-meter, bess, power, estimate, forecast, setpoint, repudiation ... */
  readonly kind: string;
  /** Parsed and validated against the schema of its kind. */
  readonly message: Message;
  /** The bytes that it came in. */
  readonly payload?: Uint8Array;
  /** The instant that the message describes (its timestamp), us. */
  readonly taggedUs: number;
  /** True when that instant was already completed before the message arrived; counted, and the core decides. */
  readonly late: boolean;
}

export interface Output {
  readonly topic: string;
  readonly message: object;
}

/** All that a core may know of one instant. */
export interface Instant {
  readonly timeUs: number;
  /** 1, 2, 3 ... within a run. */
  readonly sequence: number;
  readonly inputs: readonly Input[];
  readonly final: boolean;
}

/** The pure core: no I/O, no clock, no randomness. It owns its state and is called once per instant, in order. */
export interface ServiceCore {
  /** Answers with the outputs for this instant. Throws only on a programmer's mistake: bad data has been refused before. */
  step(instant: Instant): readonly Output[];
  /** Figures for the health endpoint and the log, for example `{ 'estimates': 12 }`. */
  metrics?(): Readonly<Record<string, number>>;
  /** Called once, after the final instant or when it is stopped before; the historian writes its files here. */
  finish?(): Promise<void>;
}

export interface ServiceDefinition<Schema extends z.ZodType = z.ZodType> {
  /** Kebab-case; also its command name in `twin serve NAME` and its client id's stem. */
  readonly name: string;
  readonly summary: string;
  readonly configSchema: Schema;
  /** Topic filters that it subscribes to, besides ticks and progress. */
  inputs(config: z.infer<Schema>): readonly string[];
  /** Streams whose tick it waits for. */
  streams(config: z.infer<Schema>): readonly string[];
  /** Services whose progress it waits for; must be acyclic within an instant. */
  upstreams(config: z.infer<Schema>): readonly string[];
  /** It judges hashes, chains and signatures itself: certified messages reach its core unchecked, repudiated ones too. */
  readonly checksCertificates?: true;
  /** What people and other systems may call it by over HTTP, loaded where `twin serve` is told to open it. */
  readonly http?: () => Promise<HttpSide>;
  /** Loads, before the first `create`, what a core has to have at hand and others can do without: a solver. */
  ready?(config: z.infer<Schema>): Promise<void>;
  create(config: z.infer<Schema>): ServiceCore;
}

/** Keeps the configuration's type while the definition is written. */
export function defineService<Schema extends z.ZodType>(
  definition: ServiceDefinition<Schema>,
): ServiceDefinition<Schema> {
  return definition;
}
