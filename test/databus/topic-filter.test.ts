/** Topic filters match as MQTT says, and as Mosquitto and Paho test it. */
import { describe, expect, it } from 'vitest';
import { isValidFilter, isValidTopic, topicMatches } from '../../platform/databus/topic-filter.ts';
import { hasReference, referenceJson } from '../reference.ts';

describe('topic filters', () => {
  it.each([
    ['platone/dsotp/#', 'platone/dsotp', true],
    ['platone/dsotp/#', 'platone/dsotp/a/b', true],
    ['/bal/+/pmu/+', '/bal/abbenhausen/pmu/breaker', true],
    ['/bal/+/pmu/+', '/bal/abbenhausen/pmu', false],
    ['+/bal/#', '/bal/x', true],
    ['#', '$SYS/broker', false],
    ['$SYS/#', '$SYS/broker', true],
    ['a/+', 'a/', true],
    ['a/+', 'a', false],
  ])('%s against %s: %s', (filter, topic, match) => {
    expect(topicMatches(filter, topic)).toBe(match);
  });

  it('refuses wildcards in topics and misplaced ones in filters', () => {
    expect(isValidTopic('a/+/b')).toBe(false);
    expect(isValidTopic('')).toBe(false);
    expect(isValidFilter('a/#/b')).toBe(false);
    expect(isValidFilter('a#')).toBe(false);
    expect(isValidFilter('a/+b')).toBe(false);
    expect(isValidFilter('a/+/#')).toBe(true);
  });
});

interface Row {
  filter: string;
  topic: string;
  match: boolean;
  error?: boolean;
}

describe.skipIf(!hasReference)(
  'topic filters against the Mosquitto and Paho tables (skipped without TWIN_REFERENCE)',
  () => {
    it('matches as Mosquitto does', () => {
      const { topic_matches_sub: rows } = referenceJson('mqtt/mosquitto_topic_test.json') as {
        topic_matches_sub: Row[];
      };
      const isValid = ({ filter, topic }: Row) => isValidFilter(filter) && isValidTopic(topic);
      const mistakes = rows.filter((row) => row.error === true);
      expect(mistakes.filter(isValid)).toEqual([]);
      const judged = rows.filter((row) => row.error !== true && isValid(row));
      expect(judged.length).toBeGreaterThan(20);
      expect(judged.filter(({ filter, topic, match }) => topicMatches(filter, topic) !== match)).toEqual([]);
    });

    it('judges topics and filters as Mosquitto does', () => {
      const { topic_validity: rows } = referenceJson('mqtt/mosquitto_topic_test.json') as {
        topic_validity: { kind: string; topic: string; valid: boolean }[];
      };
      // An empty topic is valid to Mosquitto's functions and to no broker.
      const topics = rows.filter(({ kind, topic }) => kind === 'pub_topic_valid' && topic !== '');
      expect(topics.filter(({ topic, valid }) => isValidTopic(topic) !== valid)).toEqual([]);
      const filters = rows.filter(({ kind, topic }) => kind === 'sub_topic_valid' && topic !== '');
      expect(filters.filter(({ topic, valid }) => isValidFilter(topic) !== valid)).toEqual([]);
      expect(Math.min(topics.length, filters.length)).toBeGreaterThan(5);
    });

    it('matches and judges as Paho does', () => {
      const tables = referenceJson('mqtt/paho_topics.json') as {
        matches: Row[];
        filter_validity: { filter: string; valid: boolean }[];
      };
      const judged = tables.matches.filter(({ topic }) => isValidTopic(topic));
      expect(judged.length).toBeGreaterThan(20);
      expect(judged.filter(({ filter, topic, match }) => topicMatches(filter, topic) !== match)).toEqual([]);
      expect(tables.filter_validity.filter(({ filter, valid }) => isValidFilter(filter) !== valid)).toEqual([]);
    });
  },
);
