/** The bridge's rules mean what they mean in Mosquitto. */
import { describe, expect, it } from 'vitest';
import { bridgeConfigSchema, bridgeRules, mosquittoConf } from '../../platform/bridge/config.ts';
import {
  defaultTopicRules,
  describe as lineOf,
  faultsOfRule,
  loops,
  parseTopicRule,
  route,
  subscriptions,
  type BridgeRule,
} from '../../platform/bridge/rules.ts';
import { topics } from '../../platform/contract/topics.ts';

function rule(line: string): BridgeRule {
  return bridgeRules([line])[0]!;
}

function faults(line: string): string[] {
  const parsed = parseTopicRule(line);
  return 'faults' in parsed ? parsed.faults.map(({ message }) => message) : [];
}

describe('a rule', () => {
  it('has defaults: out, QoS 0, no prefixes', () => {
    expect(rule('topic a/#')).toEqual({ pattern: 'a/#', direction: 'out', qos: 0, localPrefix: '', remotePrefix: '' });
  });

  it('takes "" for an empty word and any number of spaces', () => {
    expect(rule('  topic   ""  in 2  local/x   remote/x ')).toEqual({
      pattern: '',
      direction: 'in',
      qos: 2,
      localPrefix: 'local/x',
      remotePrefix: 'remote/x',
    });
    expect(rule('topic lmapped in 0 local/mapped/ ""').remotePrefix).toBe('');
  });

  it('is written as it was read', () => {
    for (const line of [...defaultTopicRules, 'topic "" in 0 local/single remote/single', 'topic a both 2 "" r/']) {
      expect(lineOf(rule(line))).toBe(line);
    }
  });

  it.each([
    ['topic', 'is no topic rule'],
    ['# in 1 /bal/ platone/dsotp/', 'is no topic rule'],
    ['', 'is no topic rule'],
    ['topic a sideways', '"sideways" is no direction'],
    ['topic a in 3', '"3" is no quality of service'],
    ['topic a in one', '"one" is no quality of service'],
    ['topic a in 1 l/ r/ more', '"more" is too much'],
    ['topic a/#/b in 1', '"a/#/b" is no topic filter'],
    ['topic a+ in 1', '"a+" is no topic filter'],
    ['topic + in 1 l r/', '"l+" is no topic filter'],
    ['topic # in 1 l# r/', 'the local prefix "l#" may not hold + or #'],
    ['topic # in 1 l/ +/r/', 'the remote prefix "+/r/" may not hold + or #'],
    ['topic "" in 1 l/', 'an empty pattern needs a local and a remote prefix'],
  ])('"%s" is refused: %s', (line, message) => {
    expect(faults(line)).toEqual([expect.stringContaining(message)]);
    expect(() => bridgeRules([line])).toThrow(`unchecked bridge rule ${line}`);
  });

  it('tells every fault', () => {
    expect(faults('topic a+ sideways 7 l# "" r')).toHaveLength(5);
  });
});

describe('the default rules', () => {
  const rules = bridgeRules(defaultTopicRules);

  it('map the topics of the contract both ways', () => {
    const [site, kind, device] = ['germany', 'pmu', 'pmu-breaker'];
    expect(route(rules, 'remote', topics.balMeasurement(site, kind, device))).toBe(
      topics.bridgedMeasurement(site, kind, device),
    );
    expect(route(rules, 'remote', topics.balTick)).toBe(topics.bridgedTick);
    expect(route(rules, 'local', topics.setpoint(site, 'cbes'))).toBe(topics.balSetpoint(site, 'cbes'));
    expect(route(rules, 'local', topics.progress('balancer'))).toBe(topics.balProgress('balancer'));
  });

  it('subscribe to nothing else', () => {
    expect(subscriptions(rules, 'remote')).toEqual(['platone/dsotp/#']);
    expect(subscriptions(rules, 'local')).toEqual(['setpoint/#', 'dsotp/time/progress/#']);
    expect(route(rules, 'remote', 'platone/other/x')).toBeUndefined();
    expect(route(rules, 'local', 'dsotp/estimate/germany/wls')).toBeUndefined();
    expect(route(rules, 'local', '/bal/germany/pmu/pmu-breaker')).toBeUndefined();
  });

  it('keep the whole name of a topic that is the parent of a filter', () => {
    expect(route(rules, 'remote', 'platone/dsotp')).toBe('/bal/platone/dsotp');
  });

  it('do not go round in a circle', () => {
    expect(loops(rules)).toEqual([]);
  });
});

describe('circles', () => {
  it.each([
    [['topic # in 1', 'topic # out 1']],
    [['topic a/# both 1']],
    [['topic # in 1 x/ r/', 'topic x/# out 1 "" ""', 'topic x/+ out 1 "" r/']],
    [['topic # in 1 l/ r/', 'topic # out 1 l/ r/']],
  ])('%j are found', (lines) => {
    expect(loops(bridgeRules(lines)).length).toBeGreaterThan(0);
  });

  it.each([
    [['topic # in 1 l/ r/', 'topic # out 1 l/ s/']],
    [['topic a in 1', 'topic b out 1']],
    [['topic # in 1 /bal/ platone/dsotp/', 'topic # out 1 setpoint/ platone/setpoint/']],
  ])('%j are none', (lines) => {
    expect(loops(bridgeRules(lines))).toEqual([]);
  });
});

describe('a rule made by hand', () => {
  it('is checked like one that was read', () => {
    const empty: BridgeRule = { pattern: '', direction: 'in', qos: 1, localPrefix: '', remotePrefix: 'r' };
    expect(faultsOfRule(empty)).toEqual(['an empty pattern needs a local and a remote prefix']);
  });
});

describe('mosquitto.conf', () => {
  it('has both brokers, the rules as they are towards the access layer, and the local side passed on', () => {
    const config = bridgeConfigSchema.parse({
      local: { url: 'mqtt://127.0.0.1:1884' },
      remote: { url: 'mqtts://bal.example:8883', username: 'dsotp', password: 'secret' },
    });
    const lines = mosquittoConf(config).split('\n');
    expect(lines).toContain('address bal.example:8883');
    expect(lines).toContain('remote_username dsotp');
    for (const line of defaultTopicRules) expect(lines).toContain(line);
    expect(lines).toContain('topic /bal/# out 1 "" ""');
    expect(lines).toContain('topic setpoint/# in 1 "" ""');
    expect(lines).toContain('max_queued_messages 0');
  });

  it('needs broker URLs', () => {
    const parsed = bridgeConfigSchema.safeParse({ local: { url: 'http://x' }, remote: { url: 'mqtt://y', user: 'z' } });
    expect(parsed.error?.issues.map(({ path }) => path.join('.'))).toEqual(['local.url', 'remote']);
  });
});
