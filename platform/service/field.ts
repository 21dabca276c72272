/** What a service in the field has besides its messages: a log, and connections that come back when they were lost. */
import { pino, type DestinationStream, type Logger } from 'pino';
import type { Databus } from '../databus/databus.ts';
import { mqttDatabus } from '../databus/mqtt.ts';
import type { LogLevel } from './log-level.ts';

/** The log of service `name`, one JSON object a line; to standard output when `out` is left out. */
export function fieldLog(name: string, level: LogLevel, out?: DestinationStream): Logger {
  return pino({ level, base: { service: name } }, out);
}

export interface FieldBroker {
  readonly url: string;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  /** Time between attempts to get a lost connection back, ms; 0 = a lost connection ends the service. */
  readonly reconnectMs: number;
}

/** `name` is what the log calls the broker when it goes away and comes back. Nothing is contacted before `connect`. */
export function fieldDatabus(name: string, broker: FieldBroker, log: Logger): Databus {
  const { url, username, password, reconnectMs } = broker;
  return mqttDatabus(url, {
    reconnectMs,
    ...(username && { username }),
    ...(password && { password }),
    onAway: (client) => log.warn({ url, client }, `the ${name} is away; it is tried again every ${reconnectMs} ms`),
    onBack: (client) => log.info({ url, client }, `the ${name} is back`),
  });
}
