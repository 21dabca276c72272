/** The bridge's configuration file, and the same configuration for a real Mosquitto. */
import { z } from 'zod';
import { logLevelSchema } from '../service/log-level.ts';
import { defaultTopicRules, describe, filterOf, loops, parseTopicRule, type BridgeRule } from './rules.ts';

const brokerSchema = z.strictObject({
  /** `mqtt://host:port`. */
  url: z.url({ protocol: /^mqtts?$/, error: 'is no broker URL: write mqtt://host:port' }),
  username: z.string().min(1).optional(),
  password: z.string().optional(),
});

/** What `twin serve bridge --config FILE` reads. */
export const bridgeConfigSchema = z.strictObject({
  /** The platform's databus. */
  local: brokerSchema,
  /** The access layer's broker. */
  remote: brokerSchema,
  clientId: z.string().min(1).default('bridge'),
  /** Lines as in mosquitto.conf: `topic <pattern> [in|out|both] [qos] [local-prefix] [remote-prefix]`. */
  topics: z
    .array(z.string().superRefine(refuseFaultyRule))
    .min(1)
    .superRefine(refuseCircles)
    .default([...defaultTopicRules]),
  /** Messages of one direction on their way at a time, and waiting behind them. */
  windowMax: z.int().positive().default(64),
  queueMax: z.int().positive().default(100_000),
  /** Time between attempts to get a lost connection back, ms. */
  reconnectMs: z.int().positive().default(1000),
  log: logLevelSchema,
});
export type BridgeConfig = z.output<typeof bridgeConfigSchema>;

/** What it carries and how much at a time; all else a run knows itself. */
export const bridgeTrafficSchema = bridgeConfigSchema.pick({ topics: true, windowMax: true, queueMax: true });
export type BridgeTraffic = z.output<typeof bridgeTrafficSchema>;

type Context = z.core.$RefinementCtx;

function refuseFaultyRule(line: string, context: Context): void {
  const parsed = parseTopicRule(line);
  if ('rule' in parsed) return;
  for (const { message, hint } of parsed.faults) context.addIssue({ code: 'custom', message, params: { hint } });
}

function refuseCircles(lines: readonly string[], context: Context): void {
  const rules = lines.map((line) => {
    const parsed = parseTopicRule(line);
    return 'rule' in parsed ? parsed.rule : undefined;
  });
  for (const { index, message, hint } of loops(rules)) {
    context.addIssue({ code: 'custom', path: [index], message, params: { hint } });
  }
}

/** The rules of a configuration that was checked. */
export function bridgeRules(lines: readonly string[]): readonly BridgeRule[] {
  return lines.map((line) => {
    const parsed = parseTopicRule(line);
    if ('rule' in parsed) return parsed.rule;
    throw new Error(`unchecked bridge rule ${line}: ${parsed.faults[0]?.message}`);
  });
}

type Broker = BridgeConfig['local'];

export interface MosquittoOptions {
  /** Port of Mosquitto's own listener on loopback, which nobody needs but people who want to look. */
  readonly port?: number;
}

/**
 * The same bridge as a configuration of Mosquitto 2, which bridges its own topic tree to other brokers: the connection
 * `access-layer` has the rules as they are, the connection `databus` passes the local side of each rule on unchanged.
 * Queue limits are lifted: at the default of 1,000 Mosquitto drops messages in a burst and delivers the tick behind them.
 */
export function mosquittoConf(config: BridgeConfig, { port = 1883 }: MosquittoOptions = {}): string {
  const rules = bridgeRules(config.topics);
  const databusRules = rules.map((rule): BridgeRule => {
    const direction = rule.direction === 'both' ? 'both' : rule.direction === 'in' ? 'out' : 'in';
    return { ...rule, pattern: filterOf(rule, 'local'), direction, localPrefix: '', remotePrefix: '' };
  });
  return [
    '# Bridge between the Blockchain Access Layer (remote) and the databus of the DSO Technical Platform.',
    `listener ${port} 127.0.0.1`,
    'allow_anonymous true',
    'persistence false',
    'set_tcp_nodelay true',
    'max_queued_messages 0',
    'max_inflight_messages 0',
    '',
    ...connection('access-layer', config.remote, config, rules),
    '',
    ...connection('databus', config.local, config, databusRules),
    '',
  ].join('\n');
}

function connection(
  name: string,
  { url, username, password }: Broker,
  { clientId, reconnectMs }: BridgeConfig,
  rules: readonly BridgeRule[],
): readonly string[] {
  const { hostname, port, protocol } = new URL(url);
  const secure = protocol === 'mqtts:';
  const restartS = Math.max(1, Math.ceil(reconnectMs / 1000));
  return [
    `connection ${name}`,
    `address ${hostname}:${port === '' ? (secure ? 8883 : 1883) : port}`,
    `remote_clientid ${clientId}`,
    // The default is made from the remote client id, which is the same for both.
    `local_clientid ${clientId}-${name}`,
    ...(username === undefined ? [] : [`remote_username ${username}`]),
    ...(password === undefined ? [] : [`remote_password ${password}`]),
    ...(secure ? ['bridge_capath /etc/ssl/certs'] : []),
    'bridge_protocol_version mqttv311',
    'cleansession false',
    'notifications false',
    `restart_timeout ${restartS}`,
    ...rules.map((rule) => describe(rule)),
  ];
}
