/** The fields by which a service's message is entered in the ledger. */
import { messageKind } from '../../platform/contract/topics.ts';
import { readMessage } from '../../platform/service/intake.ts';

export interface MessageHead {
  readonly device: string;
  readonly sequence: number;
  readonly taggedUs: number;
}

/** `topic` as on the databus. A message that cannot be read has no device, sequence -1 and no time. */
export function headOf(topic: string, payload: Uint8Array): MessageHead {
  const read = readMessage(topic, messageKind(topic) ?? '', payload);
  if (!read.accepted) return { device: '', sequence: -1, taggedUs: Number.NaN };
  const message = read.message as { device?: string; sequence?: number };
  const { device = topic.slice(topic.lastIndexOf('/') + 1), sequence = -1 } = message;
  return { device, sequence, taggedUs: read.taggedUs };
}
