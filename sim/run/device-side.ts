/**
 * The devices' end of the wire: light nodes certify and publish over a connection of their own, direct devices publish
 * straight to the databus, and setpoints arrive at the backends of the devices that obey them.
 */
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Setpoint } from '../../platform/contract/setpoint.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import { type Databus, type DatabusConnection, DatabusError } from '../../platform/databus/databus.ts';
import { readMessage } from '../../platform/service/intake.ts';
import { forgeryOf, type LightNode } from '../access-layer/light-node.ts';
import type { ControllableDevice, Device, DeviceMessage } from '../devices/device.ts';
import type { InvariantChecker } from './invariants.ts';
import type { Ledger, SentMessage } from './ledger.ts';
import type { StandIn } from './stand-in.ts';

export type Counts = Record<string, number>;
export type Road = 'bal' | 'direct';

export interface DeviceSideOptions {
  readonly site: string;
  readonly devices: readonly Device[];
  readonly controllables: readonly ControllableDevice[];
  readonly bal: Databus;
  readonly databus: Databus;
  /** User and password of a client; undefined where the broker asks for none. */
  readonly credentials: (road: Road, clientId: string) => { username: string; password: string } | undefined;
  /** By device id, for those that publish through the access layer. */
  readonly lightNodes: ReadonlyMap<string, LightNode>;
  readonly ledger: Ledger;
  /** Hears what the devices send, and which setpoints their backends get and when. */
  readonly safety: Pick<InvariantChecker, 'sent' | 'delivered'>;
  /** For services that have to be given their messages one by one. */
  readonly readers: readonly Pick<StandIn, 'input' | 'answered'>[];
  readonly onError: (error: Error) => void;
}

interface Outlet {
  readonly device: Device;
  readonly topic: string;
  readonly connection: DatabusConnection;
  readonly lightNode: LightNode | undefined;
}

export class DeviceSide {
  readonly #options: DeviceSideOptions;
  readonly #outlets = new Map<string, Outlet>();
  readonly #controllables: ReadonlyMap<string, ControllableDevice>;
  /** Messages on a virtual delay, by the instant at which they are due. */
  #delayed: DeviceMessage[] = [];
  #arrived: { readonly topic: string; readonly setpoint: Setpoint }[] = [];
  readonly #sealed = new WeakMap<Measurement, SentMessage>();
  /** Distinct messages that went out for services which get them one by one. */
  readonly #sentByKind = new Map<string, number>();
  #setpointsSeen = 0;
  #onSetpoint: () => void = () => {};

  constructor(options: DeviceSideOptions) {
    this.#options = options;
    this.#controllables = new Map(options.controllables.map((device) => [device.id, device]));
  }

  async connect(): Promise<void> {
    for (const device of this.#options.devices) this.#outlets.set(device.id, await this.#open(device));
  }

  /**
   * Publishes what is due at `timeUs` and resolves when both brokers have acknowledged all of it, with the number of
   * messages per kind that went out on each road.
   */
  async publish(messages: readonly DeviceMessage[], timeUs: number): Promise<Record<Road, Counts>> {
    const due = [...this.#delayed.filter(({ publishUs }) => publishUs <= timeUs), ...messages];
    this.#delayed = this.#delayed.filter(({ publishUs }) => publishUs > timeUs);
    const counts: Record<Road, Counts> = { bal: {}, direct: {} };
    const acknowledged: Promise<void>[] = [];
    for (const message of due) {
      if (message.publishUs > timeUs) this.#delayed.push(message);
      else if (this.#options.readers.some(({ input }) => input === message.kind)) {
        await this.#sendAndAwaitAnswers(message, timeUs, counts);
      } else acknowledged.push(this.#send(message, timeUs, counts));
    }
    await Promise.all(acknowledged);
    return counts;
  }

  async #sendAndAwaitAnswers(message: DeviceMessage, timeUs: number, counts: Record<Road, Counts>): Promise<void> {
    const { kind } = message;
    const [before, isNew] = [this.#sentByKind.get(kind) ?? 0, !this.#sealed.has(message.measurement)];
    const sent = before + (isNew ? 1 : 0);
    this.#sentByKind.set(kind, sent);
    await this.#send(message, timeUs, counts);
    for (const reader of this.#options.readers) if (reader.input === kind) await reader.answered(sent);
  }

  /** Enters messages that a fault swallowed on their way: certified, sent, and never seen by a broker. */
  swallow(messages: readonly DeviceMessage[], timeUs: number): void {
    for (const message of messages) {
      const { outlet, sent } = this.#seal(message, timeUs);
      this.#options.ledger.lostByFault(outlet.device.route, sent);
    }
  }

  /** Devices that come with a wrong password: each message is one attempt to log in, and the broker has to refuse it. */
  async turnAway(messages: readonly DeviceMessage[], timeUs: number): Promise<void> {
    for (const message of messages) {
      const { outlet, sent } = this.#seal(message, timeUs);
      const { route, kind, id } = outlet.device;
      const broker = route === 'bal' ? this.#options.bal : this.#options.databus;
      const username = `${kind}-${id}`;
      try {
        const intruder = await broker.connect({
          clientId: `${username}-astray`,
          username,
          password: '',
          onMessage: () => {},
        });
        await intruder.close();
        this.#options.ledger.violation(`the broker let ${username} in with a wrong password`);
      } catch (error) {
        if (!(error instanceof DatabusError)) throw error;
        this.#options.ledger.refusedByBroker(route, sent, 'wrong-password');
      }
    }
  }

  /** At the end of a run: what a delay still holds. */
  endOfRun(timeUs: number): void {
    for (const message of this.#delayed) {
      const { outlet, sent } = this.#seal(message, timeUs);
      this.#options.ledger.inFlight(outlet.device.route, sent);
    }
    this.#delayed = [];
  }

  /** Setpoints that reached the devices since the start of the run. */
  get setpointsSeen(): number {
    return this.#setpointsSeen;
  }

  /** Called on every arrival of a setpoint. */
  set onSetpoint(listener: () => void) {
    this.#onSetpoint = listener;
  }

  /** Hands the setpoints that have arrived to their devices, in one order for all runs. */
  deliverSetpoints(timeUs: number): void {
    const arrived = this.#arrived.splice(0);
    arrived.sort((a, b) =>
      a.topic === b.topic ? a.setpoint.sequence - b.setpoint.sequence : a.topic < b.topic ? -1 : 1,
    );
    for (const { setpoint } of arrived) {
      this.#options.safety.delivered(timeUs, setpoint);
      this.#controllables.get(setpoint.device)?.command(setpoint, timeUs);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.#outlets.values()].map(({ connection }) => connection.close()));
  }

  async #open(device: Device): Promise<Outlet> {
    const { site, bal, databus, credentials, onError } = this.#options;
    const road: Road = device.route;
    const clientId = `${device.kind}-${device.id}`;
    const connection = await (road === 'bal' ? bal : databus).connect({
      clientId,
      ...credentials(road, clientId),
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onError,
    });
    if (this.#controllables.has(device.id)) {
      const topic = road === 'bal' ? topics.balSetpoint(site, device.id) : topics.setpoint(site, device.id);
      await connection.subscribe([topic]);
    }
    return {
      device,
      connection,
      topic: road === 'bal' ? topics.balMeasurement(site, device.kind, device.id) : topics.directPmu(site, device.id),
      lightNode: this.#options.lightNodes.get(device.id),
    };
  }

  async #send(message: DeviceMessage, timeUs: number, counts: Record<Road, Counts>): Promise<void> {
    const { outlet, sent } = this.#seal(message, timeUs);
    const { route } = outlet.device;
    if (this.#options.ledger.sent(route, sent)) {
      const onRoad = counts[route];
      onRoad[sent.kind] = (onRoad[sent.kind] ?? 0) + 1;
    }
    this.#options.safety.sent(sent);
    await outlet.connection.publish(sent.topic, sent.payload);
  }

  /** Certified and encoded, as it goes over the wire; a message that is sent again is the same bytes again. */
  #seal(message: DeviceMessage, timeUs: number): { readonly outlet: Outlet; readonly sent: SentMessage } {
    const outlet = this.#outlets.get(message.device);
    if (outlet === undefined) throw new Error(`device ${message.device} is not connected`);
    let sent = this.#sealed.get(message.measurement);
    if (sent === undefined) {
      sent = certifyAndEncode(message, outlet, timeUs);
      this.#sealed.set(message.measurement, sent);
    }
    return { outlet, sent };
  }

  /** Whatever arrives on a setpoint topic counts as arrived, once; what is no setpoint is not obeyed. */
  #receive(topic: string, payload: Uint8Array): void {
    if (!this.#options.ledger.seenAtDevice(topic, payload)) return;
    const read = readMessage(topic, 'setpoint', payload);
    this.#setpointsSeen += 1;
    if (read.accepted) this.#arrived.push({ topic, setpoint: read.message as Setpoint });
    this.#onSetpoint();
  }
}

function certifyAndEncode(message: DeviceMessage, outlet: Outlet, timeUs: number): SentMessage {
  const { kind, device, measurement, measuredUs, faults = [] } = message;
  const sealed = outlet.lightNode?.seal(measurement, forgeryOf(faults));
  return {
    topic: outlet.topic,
    kind,
    device,
    sequence: measurement.sequence,
    measuredUs,
    publishedUs: timeUs,
    taggedUs: parseInstant(measurement.timestamp),
    faults,
    payload: sealed?.payload ?? Buffer.from(JSON.stringify(measurement)),
  };
}
