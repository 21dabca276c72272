/** The databus: one small interface; memory, MQTT, later Kafka and AMQP behind it. */

/**
 * Takes a message as it came; called in order of arrival, never re-entered. A promise counts only with
 * `acknowledge: 'handled'`; it must not reject.
 */
export type MessageHandler = (topic: string, payload: Uint8Array) => void | Promise<void>;

/** One client connection to a broker. At least once (QoS 1), not retained, in order per publisher. */
export interface DatabusConnection {
  /** Resolves when the broker has acknowledged the message (PUBACK). */
  publish(topic: string, payload: Uint8Array): Promise<void>;
  /** MQTT topic filters with `+` and `#`. Resolves when the broker has granted all of them; rejects on a refusal. */
  subscribe(filters: readonly string[]): Promise<void>;
  /** False while the broker is away, as far as it has shown: a broker that falls silent is noticed by keep-alive only. */
  isConnected(): boolean;
  /** Ends the connection after what was sent is acknowledged. */
  close(): Promise<void>;
}

export interface DatabusConnectionOptions {
  /** Client id, unique on the broker. */
  readonly clientId: string;
  readonly username?: string;
  readonly password?: string;
  /** Attached before the connection is made, so that nothing which a resumed session delivers is lost. */
  readonly onMessage: MessageHandler;
  /**
   * When the broker gets its acknowledgement (PUBACK): as the message is received (default), or when the promise of
   * `onMessage` resolves. Meanwhile further messages are handed over; acknowledgements keep the order of arrival.
   */
  readonly acknowledge?: 'received' | 'handled';
  /** `kept`: the broker keeps subscriptions and undelivered messages over a break (MQTT clean session 0). */
  readonly session?: 'clean' | 'kept';
  /** The broker refused a message, or the connection was lost and could not be restored. */
  readonly onError?: (error: Error) => void;
}

/** A broker that connections can be made to. */
export interface Databus {
  /** For people and manifests: `memory`, `mqtt://127.0.0.1:1883` ... */
  readonly url: string;
  /** Rejects with `DatabusError` when the broker cannot be reached or refuses the credentials. */
  connect(options: DatabusConnectionOptions): Promise<DatabusConnection>;
}

/** The broker could not be reached, refused the client, or went away. Causes: wrong URL, port closed, wrong password, rights. */
export class DatabusError extends Error {
  override readonly name = 'DatabusError';
  readonly url: string;

  constructor(url: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.url = url;
  }
}
