/** Mosquitto's own table of bridge remaps. */
import { describe, expect, it } from 'vitest';
import { bridgeRules } from '../../platform/bridge/config.ts';
import { faultsOfRule, route, subscriptions, type BridgeRule } from '../../platform/bridge/rules.ts';
import { hasReference, referenceJson } from '../reference.ts';

interface UnitCase {
  readonly pattern: string | null;
  readonly local_prefix: string | null;
  readonly remote_prefix: string | null;
  readonly incoming_remote_topic: string;
  readonly expected_local_topic: string;
}

interface Table {
  readonly unit_remap_in_valid: readonly UnitCase[];
  readonly unit_invalid: readonly UnitCase[];
  readonly broker_br2b_in: {
    readonly config_lines: readonly string[];
    readonly expected_remote_subscriptions_in_order: readonly string[];
    readonly cases: readonly { readonly remote_in: string; readonly local_out: string }[];
  };
  readonly broker_b2br_out: {
    readonly config_lines: readonly string[];
    readonly cases: readonly { readonly local_in: string; readonly remote_out: string | null }[];
  };
  readonly broker_remap_receive_wildcard: {
    readonly config_lines: readonly string[];
    readonly expected_remote_subscriptions_in_order: readonly string[];
  };
}

function inRule({ pattern, local_prefix, remote_prefix }: UnitCase): BridgeRule {
  const [localPrefix, remotePrefix] = [local_prefix ?? '', remote_prefix ?? ''];
  return { pattern: pattern ?? '', direction: 'in', qos: 0, localPrefix, remotePrefix };
}

const notice = hasReference ? '' : ' (skipped: no reference data)';

describe.skipIf(!hasReference)(`Mosquitto's bridge remaps${notice}`, () => {
  const table = (hasReference ? referenceJson('mqtt/mosquitto_bridge_remap.json') : {}) as Table;

  it('unit cases, valid', () => {
    for (const unit of table.unit_remap_in_valid) {
      expect(faultsOfRule(inRule(unit))).toEqual([]);
      expect(route([inRule(unit)], 'remote', unit.incoming_remote_topic)).toBe(unit.expected_local_topic);
    }
  });

  it('unit cases, invalid', () => {
    for (const unit of table.unit_invalid) expect(faultsOfRule(inRule(unit))).toHaveLength(1);
  });

  it('broker cases, in', () => {
    const rules = bridgeRules(table.broker_br2b_in.config_lines);
    expect(subscriptions(rules, 'remote')).toEqual(table.broker_br2b_in.expected_remote_subscriptions_in_order);
    for (const { remote_in, local_out } of table.broker_br2b_in.cases) {
      expect(route(rules, 'remote', remote_in)).toBe(local_out);
    }
  });

  it('broker cases, out', () => {
    const rules = bridgeRules(table.broker_b2br_out.config_lines);
    for (const { local_in, remote_out } of table.broker_b2br_out.cases) {
      expect(route(rules, 'local', local_in)).toBe(remote_out ?? undefined);
    }
  });

  it('subscriptions of rules that go both ways', () => {
    const { config_lines, expected_remote_subscriptions_in_order } = table.broker_remap_receive_wildcard;
    expect(subscriptions(bridgeRules(config_lines), 'remote')).toEqual(expected_remote_subscriptions_in_order);
  });
});
