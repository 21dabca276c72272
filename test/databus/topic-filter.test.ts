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
      for (const { filter, topic, match, error } of rows) {
        const valid = isValidFilter(filter) && isValidTopic(topic);
        if (error === true) expect(valid, `${filter} ~ ${topic}`).toBe(false);
        else if (valid) expect(topicMatches(filter, topic), `${filter} ~ ${topic}`).toBe(match);
      }
    });

    it('judges topics and filters as Mosquitto does', () => {
      const { topic_validity: rows } = referenceJson('mqtt/mosquitto_topic_test.json') as {
        topic_validity: { kind: string; topic: string; valid: boolean }[];
      };
      for (const { kind, topic, valid } of rows) {
        if (kind === 'pub_topic_valid' && topic !== '') expect(isValidTopic(topic), topic).toBe(valid);
        if (kind === 'sub_topic_valid' && topic !== '') expect(isValidFilter(topic), topic).toBe(valid);
      }
    });

    it('matches and judges as Paho does', () => {
      const tables = referenceJson('mqtt/paho_topics.json') as {
        matches: Row[];
        filter_validity: { filter: string; valid: boolean }[];
      };
      for (const { filter, topic, match } of tables.matches) {
        if (isValidTopic(topic)) expect(topicMatches(filter, topic), `${filter} ~ ${topic}`).toBe(match);
      }
      for (const { filter, valid } of tables.filter_validity) expect(isValidFilter(filter), filter).toBe(valid);
    });
  },
);
