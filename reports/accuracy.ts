/** `accuracy.json`: what two runs of one commit, scenario and seed must agree on, byte for byte, and its hash. */
import { createHash } from 'node:crypto';
import type { Score } from './score.ts';

export interface Accuracy {
  /** The file's text: keys sorted, two spaces, newline at the end. */
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
}

/**
 * Metrics, KPIs, expectations and counts of a score. No latency, host or wall time: expectations on latencies are left
 * out as well, so that one seed gives one hash on every machine and over every databus.
 */
export function renderAccuracy(score: Score): Accuracy {
  const { metrics, kpis, messages } = score;
  const expectations = score.expectations.filter(({ text }) => !text.startsWith('latency.'));
  const document = { schema: 'platone.accuracy/1', metrics, kpis, expectations, messages };
  const text = `${JSON.stringify(sortKeys(document), null, 2)}\n`;
  return { text, hash: createHash('sha256').update(text).digest('hex') };
}

/** Members in order of their UTF-16 code units at every depth, as RFC 8785 orders them. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
