/** The databus over an MQTT 3.1.1 broker (embedded, Mosquitto, RabbitMQ ...): QoS 1, TCP_NODELAY. */
import mqtt, { type IClientOptions, type MqttClient } from 'mqtt';
import type { Databus, DatabusConnection, DatabusConnectionOptions, MessageHandler } from './databus.ts';
import { DatabusError } from './databus.ts';
import { type Outlet, setUpSocket } from './tcp.ts';

export interface MqttDatabusOptions {
  /** Time between attempts to get a lost connection back, ms; 0 = a lost connection is an error at once. */
  readonly reconnectMs?: number;
  readonly connectTimeoutMs?: number;
  /** User and password for connections that bring none of their own. */
  readonly username?: string;
  readonly password?: string;
  /** PEM of the certificate authority to trust, for `mqtts://` URLs. */
  readonly ca?: string;
  /** A connection that comes back was lost, and is there again; once for each break. */
  readonly onAway?: (clientId: string) => void;
  readonly onBack?: (clientId: string) => void;
}

/** A broker at `url` (`mqtt://host:port` or `mqtts://host:port`). Nothing is contacted before `connect`. */
export function mqttDatabus(url: string, options: MqttDatabusOptions = {}): Databus {
  return {
    url,
    async connect(connection) {
      const client = mqtt.connect(url, clientOptions(connection, options));
      const outlet = outletOf(client);
      if (connection.acknowledge === 'handled') acknowledgeWhenHandled(client, outlet, connection.onMessage);
      else client.on('message', (topic, payload) => void connection.onMessage(topic, payload));
      await connected(client, url);
      // Not before: a client that has given up its first attempt would go on trying, and keep the process alive.
      client.options.reconnectPeriod = options.reconnectMs ?? 0;
      const comesBack = options.reconnectMs !== undefined && options.reconnectMs > 0;
      client.on('error', (error) => {
        // Where the connection comes back, a broken socket is no more than a pause; a refusal is for good.
        if (comesBack && isSocketError(error)) return;
        // A message that comes in while the connection ends can no longer be acknowledged; the broker keeps it.
        if (client.disconnecting) return;
        connection.onError?.(new DatabusError(url, describe(error), { cause: error }));
      });
      let isAway = false;
      client.on('connect', () => {
        if (isAway) options.onBack?.(connection.clientId);
        isAway = false;
      });
      client.on('close', () => {
        if (client.disconnecting) return;
        if (comesBack) {
          // Every attempt in vain closes once more.
          if (!isAway) options.onAway?.(connection.clientId);
          isAway = true;
          return;
        }
        const why = `the broker ended, refused what it may not do, or another client took the name ${connection.clientId}`;
        connection.onError?.(new DatabusError(url, `the connection was lost: ${why}`));
      });
      return wrap(client, url);
    },
  };
}

function clientOptions(connection: DatabusConnectionOptions, options: MqttDatabusOptions): IClientOptions {
  const username = connection.username ?? options.username;
  const password = connection.password ?? options.password;
  return {
    protocolVersion: 4,
    clean: connection.session !== 'kept',
    clientId: connection.clientId,
    // The handler has to be attached before the connection is made.
    manualConnect: true,
    keepalive: 60,
    // Even switched off, its own log costs a call for every packet.
    log: () => {},
    reconnectPeriod: 0,
    connectTimeout: options.connectTimeoutMs ?? 10_000,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(options.ca === undefined ? {} : { ca: options.ca }),
  };
}

async function connected(client: MqttClient, url: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const settle = (error?: Error) => {
      client.off('connect', onConnect);
      client.off('error', settle);
      client.off('close', onClose);
      if (error === undefined) resolve();
      else {
        client.end(true);
        reject(new DatabusError(url, describe(error), { cause: error }));
      }
    };
    const onConnect = () => settle();
    const onClose = () => settle(new Error('the broker closed the connection before it was accepted'));
    client.on('connect', onConnect);
    client.on('error', settle);
    client.on('close', onClose);
    client.connect();
  });
}

/**
 * The client's way to its socket, over all reconnections. The broker has done its part when a message has reached us, so
 * our acknowledgements may wait for what we have to say ourselves: half of all system calls of an instant.
 */
function outletOf(client: MqttClient): Outlet {
  let outlet: Outlet = { hurry: () => {}, mayWait: () => {} };
  client.on('packetsend', ({ cmd }) => (cmd === 'puback' ? outlet.mayWait() : outlet.hurry()));
  const setUp = () => {
    outlet = setUpSocket(client.stream, 'when-told');
  };
  // Every attempt to get a lost connection back makes a new stream.
  client.on('connect', setUp);
  return { hurry: () => outlet.hurry(), mayWait: () => outlet.mayWait() };
}

/**
 * Acknowledges each QoS 1 message when its handler's promise resolves, in order of arrival, while further messages are
 * handed over. The client library's own hook for this stops reading meanwhile - the acknowledgements too that the
 * other side may be waiting for - so a message is shown to it as QoS 0 and its PUBACK is written here.
 */
function acknowledgeWhenHandled(client: MqttClient, outlet: Outlet, onMessage: MessageHandler): void {
  let messageId: number | undefined;
  let previous: Promise<void> = Promise.resolve();
  const acknowledge = async (id: number, handled: void | Promise<void>, before: Promise<void>) => {
    const { stream } = client;
    await handled;
    await before;
    // On a new connection the broker sends again what was not acknowledged on the old one.
    if (!client.connected || client.stream !== stream) return;
    stream.write(Buffer.from([PUBACK, 2, id >> 8, id & 0xff]));
    outlet.mayWait();
  };
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish') return;
    messageId = packet.qos === 1 ? packet.messageId : undefined;
    packet.qos = 0;
  });
  client.on('message', (topic, payload) => {
    const handled = onMessage(topic, payload);
    if (messageId !== undefined) previous = acknowledge(messageId, handled, previous);
  });
}

/** First byte of a PUBACK packet; the second is its remaining length, 2. */
const PUBACK = 0x40;

function wrap(client: MqttClient, url: string): DatabusConnection {
  const publishOptions = { qos: 1, retain: false } as const;
  return {
    publish(topic, payload) {
      return new Promise((resolve, reject) => {
        client.publish(topic, payload as Buffer, publishOptions, (error) => {
          if (error) reject(new DatabusError(url, `publishing to ${topic}: ${describe(error)}`, { cause: error }));
          else resolve();
        });
      });
    },
    async subscribe(filters) {
      const granted = await client.subscribeAsync([...filters], { qos: 1 }).catch((error: Error) => {
        throw new DatabusError(url, `subscribing to ${filters.join(', ')}: ${describe(error)}`, { cause: error });
      });
      for (const { topic, qos } of granted) {
        if (qos !== 1) throw new DatabusError(url, `the broker refused the subscription to ${topic} (granted ${qos})`);
      }
    },
    isConnected: () => client.connected,
    async close() {
      // Once the connection is gone, nothing that was sent will be acknowledged any more.
      const gone = new Promise<void>((resolve) => {
        client.once('close', () => resolve());
      });
      await Promise.race([client.endAsync(!client.connected), gone]);
    },
  };
}

/** Errors of the system carry a name such as ECONNRESET as their code, refusals of the broker a number. */
function isSocketError(error: Error): boolean {
  return error instanceof AggregateError || typeof (error as NodeJS.ErrnoException).code === 'string';
}

/** Return codes of CONNACK (MQTT 3.1.1, 3.2.2.3): bad user name or password; not authorised. */
const REFUSED_LOGINS = [4, 5];

/** What the parser says of bytes that are no MQTT, such as the answer of a web server. */
const NO_PACKET =
  /^(?:Invalid (?:header flag|connack)|Cannot parse|Packet (?:too short|must)|Malformed |Not supported)/;

/** A sentence from an error of the socket or a refusal of the broker; AggregateErrors (localhost on IPv4 and IPv6) carry theirs inside. */
function describe(error: Error): string {
  const inner = error instanceof AggregateError ? (error.errors[0] as Error) : error;
  const code = (inner as NodeJS.ErrnoException).code;
  if (code === 'ECONNREFUSED') return 'nothing listens there; start the broker or correct the URL';
  if (REFUSED_LOGINS.includes(Number(code))) return `${inner.message}; the broker wants another user name and password`;
  if (code === 'ENOTFOUND') return 'no such host; correct the URL';
  if (inner.message === 'connack timeout' || NO_PACKET.test(inner.message))
    return 'what listens there does not answer as an MQTT broker; check port and mqtt:// or mqtts://';
  return inner.message === '' ? (code ?? inner.name) : inner.message;
}
