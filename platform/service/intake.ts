/** What a service does with a message before its core sees it: decode, check, or refuse under a reason that is counted. */
import { isUtf8 } from 'node:buffer';
import type { z } from 'zod';
import type { IntakeVerifier } from '../contract/intake-verifier.ts';
import type { Measurement } from '../contract/measurement.ts';
import { schemaOfKind } from '../contract/messages.ts';
import { askOnce } from '../contract/payload-memo.ts';
import { isInOrder } from '../contract/quick-check.ts';
import { parseInstant } from '../contract/time.ts';
import { bridgedPrefix, messageKind } from '../contract/topics.ts';

export type Intake =
  | { readonly accepted: true; readonly message: object; readonly taggedUs: number }
  | { readonly accepted: false; readonly reason: string; readonly faults?: string };

/** Gets ready to read what these topic filters bring, so that the first instant of a run takes no longer than the others. */
export function prepareToRead(filters: readonly string[]): void {
  for (const filter of filters) isInOrder(schemaOfKind(messageKind(filter) ?? ''), undefined);
}

/** Reads one message. Refusal reasons: not-json, not-a-number, wrong-schema, wrong-device, and those of the verifier. */
export function readMessage(topic: string, kind: string, payload: Uint8Array, verifier?: IntakeVerifier): Intake {
  const read = askOnce(payload, kind, (bytes) => parse(kind, bytes));
  if (!read.accepted) return read;
  const { message } = read;
  if ('device' in message && message.device !== topic.slice(topic.lastIndexOf('/') + 1)) return refused('wrong-device');
  if (verifier !== undefined && topic.startsWith(bridgedPrefix)) {
    const verdict = verifier.verify(message as Measurement, payload);
    if (!verdict.ok) return refused(verdict.reason);
  }
  return read;
}

/** A tick or progress message, or undefined when the payload is none. */
export function readControl<Schema extends z.ZodType>(
  name: '#tick' | '#progress',
  schema: Schema,
  payload: Uint8Array,
): z.infer<Schema> | undefined {
  return askOnce(payload, name, (bytes) => schema.safeParse(decodeJson(bytes)).data);
}

/**
 * `message` has just been written as `payload`: readers in this process check it as they would check what they decode,
 * but need not decode it.
 */
export function noteWritten(payload: Uint8Array, message: object): void {
  askOnce(payload, '#written', () => message);
}

function parse(kind: string, payload: Uint8Array): Intake {
  const written = askOnce(payload, '#written', () => undefined) as object | undefined;
  const decoded = written !== undefined && survivesJson(written) ? written : decodeJson(payload);
  if (decoded === undefined) return refused('not-json');
  const schema = schemaOfKind(kind);
  if (!isInOrder(schema, decoded)) return refusedBy(schema, decoded);
  return { accepted: true, message: decoded, taggedUs: parseInstant(decoded.timestamp) };
}

/** Why a message is not in order, by the schema itself; the first faults in words, for whoever has written the sender. */
function refusedBy(schema: ReturnType<typeof schemaOfKind>, decoded: unknown): Intake {
  const issues = schema.safeParse(decoded).error?.issues ?? [];
  const reason =
    issues.length > 0 && issues.every(({ path }) => path.at(-1) === 'data') ? 'not-a-number' : 'wrong-schema';
  const told = issues.slice(0, FAULTS_TOLD).map(({ path, message }) => `${path.join('.') || 'message'}: ${message}`);
  const others = issues.length - told.length;
  return { accepted: false, reason, faults: [...told, ...(others > 0 ? [`and ${others} more`] : [])].join('; ') };
}

const FAULTS_TOLD = 3;

function refused(reason: string): Intake {
  return { accepted: false, reason };
}

/** Whether JSON gives back the same value: NaN, infinities and minus zero do not come back. */
function survivesJson(value: unknown): boolean {
  switch (typeof value) {
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0);
    case 'string':
    case 'boolean':
      return true;
    case 'object':
      if (value === null) return true;
      if (Array.isArray(value)) return value.every(survivesJson);
      for (const key in value) if (!survivesJson((value as Record<string, unknown>)[key])) return false;
      return true;
    default:
      return false;
  }
}

/** The JSON value in `payload`, or undefined when it is none or no UTF-8. */
function decodeJson(payload: Uint8Array): unknown {
  if (!isUtf8(payload)) return undefined;
  try {
    return JSON.parse(Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength).toString());
  } catch {
    return undefined;
  }
}
