/**
 * What has been worked out about the bytes of a message. Within a process many readers get the same message; decoding,
 * checking and hashing are pure functions of its bytes, so each is done once and its answer shared. Answers must not be
 * changed by those who ask.
 */

interface Note {
  readonly payload: Uint8Array;
  readonly answers: Map<string, unknown>;
}

/** Direct-mapped: a newer payload takes the place of an older one that falls on the same slot. Power of two. */
const SLOTS = 1024;
const slots: (Note | undefined)[] = Array.from({ length: SLOTS });

/** The answer to `question` about these bytes; `compute` is called when nobody asked before. */
export function askOnce<Answer>(
  payload: Uint8Array,
  question: string,
  compute: (payload: Uint8Array) => Answer,
): Answer {
  const slot = slotOf(payload);
  let note = slots[slot];
  if (note === undefined || !sameBytes(note.payload, payload)) {
    note = { payload, answers: new Map() };
    slots[slot] = note;
  }
  const { answers } = note;
  let answer = answers.get(question) as Answer | undefined;
  if (answer === undefined && !answers.has(question)) {
    answer = compute(payload);
    answers.set(question, answer);
  }
  return answer as Answer;
}

/** Equal bytes fall on equal slots; unlike ones mostly not, since messages differ in time stamps, hashes and digits. */
function slotOf(payload: Uint8Array): number {
  const { length } = payload;
  const stride = (length >> 5) + 1;
  let mixed = length;
  for (let at = length - 1; at >= 0; at -= stride) mixed = (Math.imul(mixed, 31) + (payload[at] as number)) | 0;
  return (mixed ^ (mixed >>> 13)) & (SLOTS - 1);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a === b || (a.length === b.length && Buffer.compare(a, b) === 0);
}
