/**
 * Mosquitto's bridge rules (mosquitto.conf(5), "topic"): `topic <pattern> [out|in|both [qos [local-prefix
 * [remote-prefix]]]]`, read into data and turned into filters and topics. The platform's databus is the local side, the
 * access layer's broker the remote one.
 */
import { filtersOverlap } from '../databus/rights.ts';
import { isValidFilter, isValidTopic, topicMatches } from '../databus/topic-filter.ts';

type Direction = 'in' | 'out' | 'both';

export interface BridgeRule {
  /** Topic filter behind the prefixes; empty: the prefixes themselves are the two topics. */
  readonly pattern: string;
  /** `in`: from remote to local. */
  readonly direction: Direction;
  readonly qos: 0 | 1 | 2;
  readonly localPrefix: string;
  readonly remotePrefix: string;
}

/** A side of the bridge. */
export type Side = 'local' | 'remote';

/** The mapping of the Platone platform: measurements and ticks in, setpoints and progress out. */
export const defaultTopicRules = [
  'topic # in 1 /bal/ platone/dsotp/',
  'topic # out 1 setpoint/ platone/setpoint/',
  'topic # out 1 dsotp/time/progress/ platone/time/progress/',
] as const;

/** What is wrong with a rule, and what to write instead. */
export interface RuleFault {
  readonly message: string;
  readonly hint?: string;
}

const USAGE = 'write "topic <pattern> [in|out|both] [qos] [local-prefix] [remote-prefix]"';

/** Reads a line that begins with the word `topic` (a bare `#` would be a comment in mosquitto.conf), or says every fault. */
export function parseTopicRule(
  text: string,
): { readonly rule: BridgeRule } | { readonly faults: readonly RuleFault[] } {
  const [keyword, ...words] = text.trim().split(/ +/);
  if (keyword !== 'topic' || words.length === 0) {
    const hint = keyword === 'topic' ? `${USAGE}, in quotes: in YAML " #" begins a comment` : USAGE;
    return { faults: [{ message: `${JSON.stringify(text)} is no topic rule`, hint }] };
  }
  const [pattern = '', direction = 'out', qos = '0', localPrefix = '', remotePrefix = '', ...rest] = words.map((word) =>
    word === '""' ? '' : word,
  );
  const faults: RuleFault[] = [];
  if (!isDirection(direction))
    faults.push({ message: `"${direction}" is no direction`, hint: 'write in, out or both' });
  if (!/^[012]$/.test(qos)) faults.push({ message: `"${qos}" is no quality of service`, hint: 'write 0, 1 or 2' });
  if (rest.length > 0) faults.push({ message: `"${rest.join(' ')}" is too much`, hint: USAGE });
  const rule = { pattern, direction: direction as Direction, qos: Number(qos) as 0 | 1 | 2, localPrefix, remotePrefix };
  faults.push(...faultsOfRule(rule).map((message) => ({ message })));
  return faults.length === 0 ? { rule } : { faults };
}

function isDirection(text: string): text is Direction {
  return text === 'in' || text === 'out' || text === 'both';
}

/** What Mosquitto would refuse: prefixes with wildcards, filters that are none, an empty pattern without both prefixes. */
export function faultsOfRule({ pattern, localPrefix, remotePrefix }: BridgeRule): readonly string[] {
  const faults: string[] = [];
  for (const [name, prefix] of [['local', localPrefix] as const, ['remote', remotePrefix] as const]) {
    if (prefix !== '' && !isValidTopic(prefix)) faults.push(`the ${name} prefix "${prefix}" may not hold + or #`);
  }
  if (pattern === '') {
    if (localPrefix === '' || remotePrefix === '') faults.push('an empty pattern needs a local and a remote prefix');
  } else if (!isValidFilter(pattern)) faults.push(`"${pattern}" is no topic filter`);
  else {
    for (const filter of [localPrefix + pattern, remotePrefix + pattern]) {
      if (faults.length === 0 && !isValidFilter(filter)) faults.push(`"${filter}" is no topic filter`);
    }
  }
  return faults;
}

/** The filter that a rule has on a side: prefix and pattern. */
export function filterOf(rule: BridgeRule, side: Side): string {
  return (side === 'local' ? rule.localPrefix : rule.remotePrefix) + rule.pattern;
}

/** True for rules that carry messages away from `side`. */
function leaves(rule: BridgeRule, side: Side): boolean {
  return rule.direction === 'both' || (rule.direction === 'in') === (side === 'remote');
}

/** What the bridge subscribes to on a side, in the order of the rules. */
export function subscriptions(rules: readonly BridgeRule[], side: Side): readonly string[] {
  return rules.filter((rule) => leaves(rule, side)).map((rule) => filterOf(rule, side));
}

/**
 * Where a message that appears on `side` goes on the other side; undefined when no rule takes it.
 *
 * The first rule with a prefix that matches maps the topic: its prefix on this side is cut off, the other side's put in
 * front. A rule without prefixes lets a topic through as it is, but only when no rule with prefixes matches. A topic
 * that matches without beginning with the prefix (`platone/dsotp` and `platone/dsotp/#`) keeps its whole name behind
 * the new prefix. All as in Mosquitto's bridge.c.
 */
export function route(rules: readonly BridgeRule[], side: Side, topic: string): string | undefined {
  const matching = rules.filter((rule) => leaves(rule, side) && topicMatches(filterOf(rule, side), topic));
  if (matching.length === 0) return undefined;
  const mapping = matching.find(({ localPrefix, remotePrefix }) => localPrefix !== '' || remotePrefix !== '');
  if (mapping === undefined) return topic;
  const [from, to] =
    side === 'local' ? [mapping.localPrefix, mapping.remotePrefix] : [mapping.remotePrefix, mapping.localPrefix];
  return to + (topic.startsWith(from) ? topic.slice(from.length) : topic);
}

/**
 * Rules that would send a message round in a circle: one direction's result is what another's takes, and back. A
 * bridge that is a plain client gets its own messages back, so this would never end. `both` is such a circle in itself.
 * `index` is the first rule's. Rules that could not be read are undefined.
 */
export function loops(rules: readonly (BridgeRule | undefined)[]): readonly (RuleFault & { readonly index: number })[] {
  return rules.flatMap((inward, index) => {
    if (inward === undefined || !leaves(inward, 'remote')) return [];
    const outwards = rules.filter(
      (rule): rule is BridgeRule => rule !== undefined && leaves(rule, 'local') && turnsRound(inward, rule),
    );
    return outwards.map((outward) => ({
      index,
      message:
        outward === inward
          ? `"${describe(inward)}" takes in again what it sends out`
          : `"${describe(inward)}" and "${describe(outward)}" send messages round in a circle`,
      hint: 'give the two directions prefixes that do not overlap',
    }));
  });
}

function turnsRound(inward: BridgeRule, outward: BridgeRule): boolean {
  return (
    filtersOverlap(filterOf(inward, 'local'), filterOf(outward, 'local')) &&
    filtersOverlap(filterOf(inward, 'remote'), filterOf(outward, 'remote'))
  );
}

/** The rule as a line of mosquitto.conf. */
export function describe({ pattern, direction, qos, localPrefix, remotePrefix }: BridgeRule): string {
  const words = [pattern, direction, String(qos), localPrefix, remotePrefix];
  return `topic ${words.map((word) => (word === '' ? '""' : word)).join(' ')}`;
}
