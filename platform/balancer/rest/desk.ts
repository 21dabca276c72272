/**
 * The API's place at the databus: hands orders to the balancer as trigger messages, and remembers what it says. The
 * balancer itself never learns that HTTP exists: an order is an input of the instant that it arrives for, like any other
 * message.
 */
import { randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { planSchema, type Plan } from '../../contract/plan.ts';
import { type Setpoint, setpointSchema } from '../../contract/setpoint.ts';
import { formatInstant } from '../../contract/time.ts';
import { messageKind, topics } from '../../contract/topics.ts';
import { type UseCaseMessage, useCaseSchema } from '../../contract/use-case.ts';
import type { DatabusConnection } from '../../databus/databus.ts';
import type { HttpContext } from '../../service/http-side.ts';
import { after, calendarUs } from '../../service/wall-clock.ts';
import { type SetpointOrder, type TriggerOrder, triggerOf } from './orders.ts';
import { HttpProblem } from './problem-details.ts';

/** What was ordered, and what became of it. */
export interface Order {
  readonly request: string;
  readonly useCase: number;
  /** The newest instant that the balancer had finished when the order came in. */
  readonly issuedAt: string;
  /** The instant at which it took effect or was refused: the next that began once it had come to the balancer. */
  readonly answeredAt: string | null;
  readonly state: 'pending' | 'accepted' | 'refused';
  /** Why not, or what will not be possible all the same. */
  readonly reasons: readonly string[];
}

export interface BalancerDesk {
  /** Throws HttpProblem: 503 while the databus has no time yet, 409 for a name that stands for something else. */
  trigger(order: TriggerOrder): Promise<Order>;
  setpoint(order: SetpointOrder): Promise<Order>;
  findOrder(request: string): Order | undefined;
  /** The newest plan that the balancer has published. */
  plan(): Plan | undefined;
  status(): object;
  health(): Health;
  /** What keeps an order from being carried out, in words. */
  hindrance(): string | undefined;
  close(): Promise<void>;
}

export interface Health {
  /** `warn`: it lives, but orders cannot be carried out. */
  readonly status: 'pass' | 'warn';
  readonly databus: 'connected' | 'away';
  readonly watermark: string | null;
  readonly lagS: number | null;
}

/** Orders that are remembered for their callers; the oldest goes first. */
const KEPT_ORDERS = 1000;
/** Time that the databus gets to take an order. */
const PATIENCE_US = 5e6;

/** Connects and listens. Rejects with DatabusError. */
export async function openDesk(context: HttpContext, site: string): Promise<BalancerDesk> {
  const desk = new Desk(context, site);
  await desk.connect();
  return desk;
}

class Desk implements BalancerDesk {
  readonly #context: HttpContext;
  readonly #site: string;
  readonly #orders = new Map<string, { readonly ordered: TriggerOrder; readonly order: Order }>();
  readonly #setpoints = new Map<string, Setpoint>();
  #useCase: UseCaseMessage | undefined;
  #plan: Plan | undefined;
  #connection: DatabusConnection | undefined;

  constructor(context: HttpContext, site: string) {
    this.#context = context;
    this.#site = site;
  }

  async connect(): Promise<void> {
    const { databus, service, instance } = this.#context;
    this.#connection = await databus.connect({
      clientId: `${service.name}-http-${instance}`,
      onMessage: (topic, payload) => this.#receive(topic, payload),
      onError: (error) => this.#context.onFailure(error),
    });
    const { name } = service;
    const own = [topics.useCase(this.#site, name), topics.plan(this.#site, name), topics.setpoint(this.#site, '+')];
    await this.#connection.subscribe(own);
  }

  async trigger(order: TriggerOrder): Promise<Order> {
    const request = order.request ?? randomUUID();
    const known = this.#orders.get(request);
    const isRepeated = known !== undefined && isDeepStrictEqual(known.ordered, order);
    // Until there is an answer, nobody knows whether the first attempt arrived; the balancer ignores a repeated name.
    if (isRepeated && known.order.state !== 'pending') return known.order;
    if (known !== undefined && !isRepeated) {
      throw new HttpProblem(409, `something else was ordered under the name "${request}" before: take another name`);
    }
    const watermarkUs = this.#context.service.watermarkUs();
    if (!Number.isFinite(watermarkUs)) throw new HttpProblem(503, this.#withoutTime(), RETRY);
    const issuedAt = formatInstant(watermarkUs);
    const { useCase } = order;
    const issued: Order = { request, useCase, issuedAt, answeredAt: null, state: 'pending', reasons: [] };
    this.#orders.set(request, { ordered: order, order: issued });
    for (const oldest of this.#orders.keys()) {
      if (this.#orders.size <= KEPT_ORDERS) break;
      this.#orders.delete(oldest);
    }
    const message = triggerOf(order, { timestamp: issuedAt, issuer: ISSUER, request });
    const topic = topics.trigger(this.#site, this.#context.service.name);
    await this.#handOn(topic, Buffer.from(JSON.stringify(message)), request);
    return issued;
  }

  /** Resolves when the databus has the order; a broker that is away does not keep the caller waiting. */
  async #handOn(topic: string, payload: Uint8Array, request: string): Promise<void> {
    const late = new Promise<'late'>((resolve) => after(PATIENCE_US, () => resolve('late')));
    const outcome = await Promise.race([this.#connection?.publish(topic, payload), late]);
    if (outcome !== 'late') return;
    const detail =
      `the databus has not taken the order within ${PATIENCE_US / 1e6} s; it may when it is back: ` +
      `send the same again under the name ${request}, which is never carried out twice`;
    throw new HttpProblem(503, detail, RETRY);
  }

  setpoint(order: SetpointOrder): Promise<Order> {
    return this.trigger({ useCase: 2, ...order });
  }

  findOrder(request: string): Order | undefined {
    return this.#orders.get(request)?.order;
  }

  plan(): Plan | undefined {
    return this.#plan;
  }

  status(): object {
    const { service } = this.#context;
    const { status: _status, ...now } = this.health();
    return {
      ...now,
      useCase: this.#useCase?.useCase ?? null,
      since: this.#useCase?.timestamp ?? null,
      targetW: this.#useCase?.targetW ?? null,
      flexibility: this.#useCase?.flexibility ?? null,
      setpoints: [...this.#setpoints.values()]
        .map(({ device, timestamp, activePowerW, validForUs, issuer }) => ({
          device,
          timestamp,
          activePowerW,
          validForS: validForUs / 1e6,
          issuer,
        }))
        .toSorted((a, b) => (a.device < b.device ? -1 : 1)),
      planIssuedAt: this.#plan?.timestamp ?? null,
      waitingFor: service.waitingFor(),
      metrics: service.metrics(),
    };
  }

  health(): Health {
    const watermarkUs = this.#context.service.watermarkUs();
    const known = Number.isFinite(watermarkUs);
    return {
      status: this.hindrance() === undefined ? 'pass' : 'warn',
      databus: this.#isConnected() ? 'connected' : 'away',
      watermark: known ? formatInstant(watermarkUs) : null,
      lagS: known ? (calendarUs() - watermarkUs) / 1e6 : null,
    };
  }

  hindrance(): string | undefined {
    if (!this.#isConnected()) return 'the databus is away; the connection comes back when it does';
    return Number.isFinite(this.#context.service.watermarkUs()) ? undefined : this.#withoutTime();
  }

  async close(): Promise<void> {
    await this.#connection?.close();
  }

  /** The API's connection, and the balancer's, which hears what the API hands on. */
  #isConnected(): boolean {
    return this.#connection?.isConnected() === true && this.#context.service.isConnected();
  }

  #withoutTime(): string {
    return `the platform has no time yet: the balancer waits for ${this.#context.service.waitingFor()}`;
  }

  #receive(topic: string, payload: Uint8Array): void {
    const read = reader(payload);
    switch (messageKind(topic)) {
      case 'use-case':
        this.#takeUseCase(read(useCaseSchema));
        break;
      case 'plan':
        this.#plan = read(planSchema) ?? this.#plan;
        break;
      case 'setpoint': {
        const setpoint = read(setpointSchema);
        if (setpoint !== undefined) this.#setpoints.set(setpoint.device, setpoint);
        break;
      }
    }
  }

  #takeUseCase(message: UseCaseMessage | undefined): void {
    if (message === undefined) return;
    this.#useCase = message;
    const { answer, timestamp: answeredAt } = message;
    const known = answer === undefined ? undefined : this.#orders.get(answer.request);
    // Of two attempts under one name the first that arrives counts.
    if (answer === undefined || known === undefined || known.order.state !== 'pending') return;
    const state = answer.accepted ? 'accepted' : 'refused';
    const { reasons } = answer;
    this.#orders.set(answer.request, { ...known, order: { ...known.order, answeredAt, state, reasons } });
  }
}

/** When to come back after 503. */
export const RETRY = { headers: { 'retry-after': '10' } } as const;

/** Names the API in trigger messages. */
const ISSUER = 'rest';

/** Reads a payload against a schema; undefined when it is none of that kind. */
function reader(payload: Uint8Array) {
  return <Output>(schema: { safeParse(value: unknown): { data?: Output } }): Output | undefined => {
    try {
      return schema.safeParse(JSON.parse(Buffer.from(payload).toString())).data;
    } catch {
      return undefined;
    }
  };
}
