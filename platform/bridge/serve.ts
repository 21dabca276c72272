/** The bridge alone, as in the field: connections come back after a break, and nothing is lost meanwhile. */
import { InvalidInputError } from '../../grids/problem.ts';
import { mqttDatabus } from '../databus/mqtt.ts';
import { startBridge, type BridgeEnd } from './bridge.ts';
import { bridgeConfigSchema, bridgeRules, type BridgeConfig } from './config.ts';

/**
 * Carries messages until the signal aborts. `document` is the parsed configuration file (see `bridgeConfigSchema`);
 * passwords may come from TWIN_BRIDGE_LOCAL_PASSWORD and TWIN_BRIDGE_REMOTE_PASSWORD instead.
 *
 * Throws InvalidInputError with every fault of the configuration, DatabusError when a broker is not there or refuses.
 */
export async function serveBridge(document: unknown, configFile: string, signal: AbortSignal): Promise<void> {
  const { config, rules } = readConfig(document, configFile);
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
    await aborted(AbortSignal.any([signal, failure.signal]));
    failure.signal.throwIfAborted();
  } finally {
    await bridge.stop();
  }
}

function readConfig(document: unknown, file: string) {
  const parsed = bridgeConfigSchema.safeParse(document);
  if (!parsed.success) {
    throw new InvalidInputError(
      parsed.error.issues.map(({ path, message }) => ({ file, path: path.map(String).join('.'), message })),
    );
  }
  return { config: parsed.data, rules: bridgeRules(parsed.data.topics, file) };
}

function endOf(broker: BridgeConfig['local'], reconnectMs: number, passwordFromEnvironment?: string): BridgeEnd {
  const { url, username, password = passwordFromEnvironment } = broker;
  return {
    databus: mqttDatabus(url, { reconnectMs }),
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
