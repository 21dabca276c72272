/** The operator of a run: asks for the use cases that the scenario's events name, over the databus as the platform's users do. */
import { formatInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import type { Trigger } from '../../platform/contract/trigger.ts';
import { eventInstant } from '../scenario/events.ts';
import type { Scenario } from '../scenario/schema.ts';
import { wishOf } from '../scenario/use-cases.ts';
import type { SentMessage } from './ledger.ts';

export interface Operator {
  /** Wishes whose time has come; each is answered once. To be asked at every instant, in time order. */
  due(timeUs: number): readonly SentMessage[];
}

export function createOperator({ events, clock, site }: Pick<Scenario, 'events' | 'clock' | 'site'>): Operator {
  const wishes = events.flatMap((event, index) => {
    if ('fault' in event) return [];
    const { at, issuer = 'operator', ...wanted } = event;
    return [{ dueUs: Number(eventInstant(at, clock.start)), issuer, index, wish: wishOf(wanted, clock.start) }];
  });
  wishes.sort((a, b) => a.dueUs - b.dueUs || a.index - b.index);
  return {
    due(timeUs) {
      const messages: SentMessage[] = [];
      for (let next = wishes[0]; next !== undefined && next.dueUs <= timeUs; next = wishes[0]) {
        wishes.shift();
        const { issuer, index, wish } = next;
        const head = { schema: 'platone.trigger/1', timestamp: formatInstant(timeUs), issuer } as const;
        messages.push(envelope(site, { ...head, request: `event-${index}`, ...wish }, timeUs));
      }
      return messages;
    },
  };
}

function envelope(site: string, trigger: Trigger, timeUs: number): SentMessage {
  return {
    topic: topics.trigger(site, 'balancer'),
    kind: 'trigger',
    device: trigger.issuer,
    sequence: -1,
    measuredUs: timeUs,
    publishedUs: timeUs,
    taggedUs: timeUs,
    faults: [],
    payload: Buffer.from(JSON.stringify(trigger)),
  };
}
