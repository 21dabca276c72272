/** The bridge alone, as in the field: connections come back after a break, and nothing is lost meanwhile. */
import type { DestinationStream, Logger } from 'pino';
import { fieldDatabus, fieldLog } from '../service/field.ts';
import { untilAborted } from '../service/until-aborted.ts';
import { startBridge, type BridgeEnd } from './bridge.ts';
import { bridgeRules, type BridgeConfig } from './config.ts';

/**
 * Carries messages until the signal aborts; passwords may come from TWIN_BRIDGE_LOCAL_PASSWORD and
 * TWIN_BRIDGE_REMOTE_PASSWORD instead of the configuration.
 *
 * Throws DatabusError when a broker is not there or refuses.
 */
export async function serveBridge(config: BridgeConfig, signal: AbortSignal, out?: DestinationStream): Promise<void> {
  const rules = bridgeRules(config.topics);
  const log = fieldLog('bridge', config.log, out);
  const { local, remote, reconnectMs } = config;
  const failure = new AbortController();
  const bridge = await startBridge({
    rules,
    local: endOf('databus', local, process.env['TWIN_BRIDGE_LOCAL_PASSWORD'], reconnectMs, log),
    remote: endOf("access layer's broker", remote, process.env['TWIN_BRIDGE_REMOTE_PASSWORD'], reconnectMs, log),
    clientId: config.clientId,
    windowMax: config.windowMax,
    queueMax: config.queueMax,
    session: 'kept',
    onFailure: (error) => failure.abort(error),
  });
  log.info({ local: local.url, remote: remote.url, topics: config.topics }, 'bridge is up');
  try {
    await untilAborted(AbortSignal.any([signal, failure.signal]));
    failure.signal.throwIfAborted();
  } finally {
    log.info(bridge.counts(), 'bridge ends');
    await bridge.stop();
  }
}

function endOf(
  name: string,
  broker: BridgeConfig['local'],
  passwordFromEnvironment: string | undefined,
  reconnectMs: number,
  log: Logger,
): BridgeEnd {
  const { password = passwordFromEnvironment } = broker;
  return { databus: fieldDatabus(name, { ...broker, password, reconnectMs }, log) };
}
