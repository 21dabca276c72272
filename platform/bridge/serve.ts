/** The bridge alone, as in the field: connections come back after a break, and nothing is lost meanwhile. */
import { bySchema } from '../../grids/by-schema.ts';
import { mqttDatabus } from '../databus/mqtt.ts';
import { untilAborted } from '../service/until-aborted.ts';
import { startBridge, type BridgeEnd } from './bridge.ts';
import { bridgeConfigSchema, bridgeRules, type BridgeConfig } from './config.ts';

/**
 * Carries messages until the signal aborts. `document` is the parsed configuration file (see `bridgeConfigSchema`);
 * passwords may come from TWIN_BRIDGE_LOCAL_PASSWORD and TWIN_BRIDGE_REMOTE_PASSWORD instead.
 *
 * Throws InvalidInputError with every fault of the configuration, DatabusError when a broker is not there or refuses.
 */
export async function serveBridge(document: unknown, configFile: string, signal: AbortSignal): Promise<void> {
  const config = bySchema(bridgeConfigSchema, document, { file: configFile });
  const rules = bridgeRules(config.topics, configFile);
  const failure = new AbortController();
  const bridge = await startBridge({
    rules,
    local: endOf(config.local, config.reconnectMs, process.env['TWIN_BRIDGE_LOCAL_PASSWORD']),
    remote: endOf(config.remote, config.reconnectMs, process.env['TWIN_BRIDGE_REMOTE_PASSWORD']),
    clientId: config.clientId,
    windowMax: config.windowMax,
    queueMax: config.queueMax,
    session: 'kept',
    onFailure: (error) => failure.abort(error),
  });
  try {
    await untilAborted(AbortSignal.any([signal, failure.signal]));
    failure.signal.throwIfAborted();
  } finally {
    await bridge.stop();
  }
}

function endOf(broker: BridgeConfig['local'], reconnectMs: number, passwordFromEnvironment?: string): BridgeEnd {
  const { url, username, password = passwordFromEnvironment } = broker;
  return {
    databus: mqttDatabus(url, { reconnectMs }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}
