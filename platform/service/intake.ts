/** What a service does with a message before its core sees it: decode, check, or refuse under a reason that is counted. */
import type { IntakeVerifier } from '../contract/intake-verifier.ts';
import type { Measurement } from '../contract/measurement.ts';
import { schemaOfKind } from '../contract/messages.ts';
import { parseInstant } from '../contract/time.ts';
import { bridgedPrefix } from '../contract/topics.ts';

export type Intake =
  | { readonly accepted: true; readonly message: object; readonly taggedUs: number }
  | { readonly accepted: false; readonly reason: string };

/** Reads one message. Refusal reasons: not-json, not-a-number, wrong-schema, wrong-device, and those of the verifier. */
export function readMessage(topic: string, kind: string, payload: Uint8Array, verifier?: IntakeVerifier): Intake {
  const decoded = decode(payload);
  if (decoded === undefined) return refused('not-json');
  const parsed = schemaOfKind(kind).safeParse(decoded);
  if (!parsed.success) {
    const inNumber = parsed.error.issues.every(({ path }) => path.at(-1) === 'data');
    return refused(inNumber ? 'not-a-number' : 'wrong-schema');
  }
  const message = parsed.data;
  const taggedUs = parseInstant(message.timestamp);
  if (!Number.isFinite(taggedUs)) return refused('wrong-schema');
  if ('device' in message && message.device !== topic.slice(topic.lastIndexOf('/') + 1)) return refused('wrong-device');
  if (verifier !== undefined && topic.startsWith(bridgedPrefix)) {
    const verdict = verifier.verify(message as Measurement);
    if (!verdict.ok) return refused(verdict.reason);
  }
  return { accepted: true, message, taggedUs };
}

function refused(reason: string): Intake {
  return { accepted: false, reason };
}

const decoder = new TextDecoder('utf-8', { fatal: true });

function decode(payload: Uint8Array): unknown {
  try {
    return JSON.parse(decoder.decode(payload));
  } catch {
    return undefined;
  }
}
