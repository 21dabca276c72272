/**
 * The topic tree in one place. On the access layer (BAL) side devices publish below `platone/dsotp/`, which the bridge
 * maps to `/bal/` on the platform's databus; setpoints and progress go the other way, outside that filter.
 */

/** Prefix of everything that the bridge brings in: on the BAL side and on the databus. */
export const balPrefix = 'platone/dsotp/';
export const bridgedPrefix = '/bal/';

export const topics = {
  /** BAL side, published by light nodes. `kind` is a device kind such as `pmu`. */
  balMeasurement: (site: string, kind: string, device: string) => `${balPrefix}${site}/${kind}/${device}`,
  /** Databus side of the same message. */
  bridgedMeasurement: (site: string, kind: string, device: string) => `${bridgedPrefix}${site}/${kind}/${device}`,
  /** PMUs that publish straight to the platform (Greek demo). */
  directPmu: (site: string, device: string) => `pmu/${site}/${device}`,
  balTick: `${balPrefix}time/tick`,
  bridgedTick: `${bridgedPrefix}time/tick`,
  directTick: 'pmu/time/tick',
  power: (site: string, device: string) => `dsotp/power/${site}/${device}`,
  estimate: (site: string, estimator: string) => `dsotp/estimate/${site}/${estimator}`,
  forecast: (site: string, issuer: string) => `dsotp/forecast/${site}/${issuer}`,
  /** Wishes for a use case, from operators and third parties to `service`. */
  trigger: (site: string, service: string) => `dsotp/trigger/${site}/${service}`,
  useCase: (site: string, issuer: string) => `dsotp/use-case/${site}/${issuer}`,
  plan: (site: string, issuer: string) => `dsotp/plan/${site}/${issuer}`,
  repudiation: (site: string, device: string) => `dsotp/repudiation/${site}/${device}`,
  setpoint: (site: string, device: string) => `setpoint/${site}/${device}`,
  balSetpoint: (site: string, device: string) => `platone/setpoint/${site}/${device}`,
  progress: (service: string) => `dsotp/time/progress/${service}`,
  balProgress: (service: string) => `platone/time/progress/${service}`,
  status: (service: string) => `dsotp/service/status/${service}`,
} as const;

/** What kind of message a databus topic carries, or undefined for topics that are not counted (ticks, progress, status). */
export function messageKind(topic: string): string | undefined {
  let kind = kinds.get(topic);
  if (kind === undefined && !kinds.has(topic)) {
    kind = kindOf(topic);
    if (kinds.size < KINDS_MAX) kinds.set(topic, kind);
  }
  return kind;
}

/** The same few topics are asked about again and again; more than so many are looked at each time. */
const kinds = new Map<string, string | undefined>();
const KINDS_MAX = 10_000;

function kindOf(topic: string): string | undefined {
  const levels = topic.split('/');
  if (topic.startsWith(bridgedPrefix)) return levels.length === 5 && levels[2] !== 'time' ? levels[3] : undefined;
  if (levels[0] === 'pmu') return levels.length === 3 && levels[1] !== 'time' ? 'pmu' : undefined;
  if (levels[0] === 'setpoint') return levels.length === 3 ? 'setpoint' : undefined;
  if (levels[0] === 'dsotp' && levels.length === 4 && levels[1] !== 'time' && levels[1] !== 'service') return levels[1];
  return undefined;
}
