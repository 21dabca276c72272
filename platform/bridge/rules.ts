/**
 * Mosquitto's bridge rules (mosquitto.conf(5), "topic"): `topic <pattern> [out|in|both [qos [local-prefix
 * [remote-prefix]]]]`, read into data and turned into filters and topics. The platform's databus is the local side, the
 * access layer's broker the remote one.
 */
import type { Problem } from '../../grids/problem.ts';
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

/** A parsed line, or what is wrong with it (line numbers count from 1). */
export interface ParsedRules {
  readonly rules: readonly BridgeRule[];
  readonly problems: readonly Problem[];
}

/** Reads lines, each one rule that begins with the word `topic` (a bare `#` would be a comment in mosquitto.conf). */
export function parseTopicRules(lines: readonly string[], file?: string): ParsedRules {
  const rules: BridgeRule[] = [];
  const problems: Problem[] = [];
  for (const [index, text] of lines.entries()) {
    const rule = parseRule(text, (message, hint) =>
      problems.push({
        ...(file === undefined ? {} : { file }),
        path: `topics[${index}]`,
        line: index + 1,
        message,
        ...(hint === undefined ? {} : { hint }),
      }),
    );
    if (rule !== undefined) rules.push(rule);
  }
  return { rules, problems };
}

type Report = (message: string, hint?: string) => void;

const USAGE = 'write "topic <pattern> [in|out|both] [qos] [local-prefix] [remote-prefix]"';

function parseRule(text: string, report: Report): BridgeRule | undefined {
  const [keyword, ...words] = text.trim().split(/ +/);
  if (keyword !== 'topic' || words.length === 0) {
    report(`"${text}" is no topic rule`, USAGE);
    return undefined;
  }
  const [pattern = '', direction = 'out', qos = '0', localPrefix = '', remotePrefix = '', ...rest] = words.map((word) =>
    word === '""' ? '' : word,
  );
  const faults: [message: string, hint?: string][] = [];
  if (!isDirection(direction)) faults.push([`"${direction}" is no direction`, 'write in, out or both']);
  if (!/^[012]$/.test(qos)) faults.push([`"${qos}" is no quality of service`, 'write 0, 1 or 2']);
  if (rest.length > 0) faults.push([`"${rest.join(' ')}" is too much`, USAGE]);
  const rule = { pattern, direction: direction as Direction, qos: Number(qos) as 0 | 1 | 2, localPrefix, remotePrefix };
  for (const message of faultsOfRule(rule)) faults.push([message]);
  for (const [message, hint] of faults) report(message, hint);
  return faults.length === 0 ? rule : undefined;
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
 */
export function loops(rules: readonly BridgeRule[]): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [first, inward] of rules.entries()) {
    if (!leaves(inward, 'remote')) continue;
    for (const [second, outward] of rules.entries()) {
      if (!leaves(outward, 'local') || !turnsRound(inward, outward)) continue;
      problems.push({
        path: `topics[${first}]`,
        message:
          first === second
            ? `"${describe(inward)}" takes in again what it sends out`
            : `"${describe(inward)}" and "${describe(outward)}" (topics[${second}]) send messages round in a circle`,
        hint: 'give the two directions prefixes that do not overlap',
      });
    }
  }
  return problems;
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
