/** `accuracy.json`: what two runs of one commit, scenario and seed must agree on, byte for byte, and its hash. */
import { createHash } from 'node:crypto';
import type { Audit } from './record.ts';
import type { Score } from './score.ts';

export interface Accuracy {
  /** The file's text: keys sorted, two spaces, newline at the end. */
  readonly text: string;
  /** SHA-256 of the text, hexadecimal. */
  readonly hash: string;
}

/** Decided by wires and machines, not by the seed: expectations on it are no part of the file. */
const OF_THE_WIRE = /^(latency\.|messages\.(duplicated|reordered)\b)/;

/**
 * Metrics, KPIs, expectations and counts of a score. No latency, host or wall time, and nothing of what QoS 1 may bring
 * twice when a connection is lost and found again, so that one seed gives one hash on every machine and over every databus.
 */
export function renderAccuracy(score: Score, audit: Audit): Accuracy {
  const { metrics, unscored, kpis } = score;
  const messages = { ...score.messages, ...asSent(audit) };
  const expectations = score.expectations.filter(({ text }) => !OF_THE_WIRE.test(text));
  const leftOut = Object.keys(unscored).length > 0 && { unscored };
  const document = { schema: 'platone.accuracy/1', metrics, ...leftOut, kpis, expectations, messages };
  const text = `${JSON.stringify(sortKeys(document), null, 2)}\n`;
  return { text, hash: createHash('sha256').update(text).digest('hex') };
}

/** What the devices themselves sent twice or out of order: that is the scenario's doing. */
function asSent({ hops }: Audit): Pick<Score['messages'], 'duplicated' | 'reordered'> {
  const sent = hops.filter(({ hop }) => hop.startsWith('device>'));
  const total = (count: 'duplicated' | 'reordered') => sent.reduce((sum, hop) => sum + hop[count], 0);
  return { duplicated: total('duplicated'), reordered: total('reordered') };
}

/** Members in order of their UTF-16 code units at every depth, as RFC 8785 orders them. */
function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return Object.fromEntries(entries.map(([key, member]) => [key, sortKeys(member)]));
}
