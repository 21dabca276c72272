/**
 * Every quantity that an expectation may name, with its unit: metrics, KPIs, message counters, invariants and latencies.
 *
 * Names: `<metric>.<statistic>` (a bare `<metric>` means its headline statistic), `kpi.<name>`, `messages.<counter>`,
 * `invariants.<name>`, `latency.<hop>.<statistic>`.
 */
import { kpiCatalogue } from './kpi-catalogue.ts';
import { metricCatalogue } from './metrics-catalogue.ts';

/** Totals of the message audit over all hops; `lost` is injected plus observed. */
export const messageCounters = [
  'published',
  'delivered',
  'refused',
  'lost',
  'lostInjected',
  'lostObserved',
  'inFlight',
  'unexplained',
  'duplicated',
  'reordered',
  'late',
] as const;

/** What must be true in every run; `invariants.<name>` counts violations, and one of them fails the run. */
export const invariantCatalogue = [
  { name: 'socWindow', statement: 'the state of charge of every battery stays inside its window' },
  { name: 'ratedPower', statement: 'no battery gives or takes more than its rated power' },
  {
    name: 'ramp',
    statement: 'no battery changes its power faster than its ramp, unless its window or rating stops it',
  },
  { name: 'energyBalance', statement: 'stored energy, energy at the terminals and losses of every battery add up' },
  { name: 'oneWay', statement: 'no battery charges and discharges at once: it loses what one direction loses' },
  { name: 'setpointPower', statement: 'no setpoint asks for more than rated power' },
  { name: 'setpointRamp', statement: 'no setpoint jumps further from the one before than the ramp allows' },
  { name: 'sender', statement: 'batteries obey setpoints of authorised senders only' },
  { name: 'silence', statement: 'a battery without a setpoint in force is at its default of 0 W' },
  {
    name: 'staleness',
    statement: 'setpoints rest on measurements of the last three periods, or follow the documented fallback',
  },
] as const;
export type InvariantName = (typeof invariantCatalogue)[number]['name'];

/** Latency of real-time and paced runs, us. The first and last point of each hop are in its name. */
export const latencyHops = [
  'device>bal',
  'bal>dsotp',
  'device>dsotp',
  'dsotp>powerCalculation',
  'powerCalculation>stateEstimation',
  'device>estimate',
  'device>setpoint',
  'setpoint>device',
] as const;
export type LatencyHop = (typeof latencyHops)[number];
export const latencyStatistics = ['count', 'p50', 'p95', 'p99', 'max'] as const;

/** A name that an expectation may use, with its unit. */
export interface QuantityDefinition {
  readonly name: string;
  readonly unit: string;
}

/** Every name that an expectation may use: for checking before the run, and for did-you-mean. */
export function listQuantities(): readonly QuantityDefinition[] {
  const metrics = metricCatalogue.flatMap(({ name, unit, statistics }) => [
    { name, unit },
    ...statistics.map((statistic) => ({ name: `${name}.${statistic}`, unit: statistic === 'count' ? '1' : unit })),
  ]);
  const latency = latencyHops.flatMap((hop) =>
    latencyStatistics.map((statistic) => ({
      name: `latency.${hop}.${statistic}`,
      unit: statistic === 'count' ? '1' : 'us',
    })),
  );
  return [
    ...metrics,
    ...kpiCatalogue.map(({ name, unit }) => ({ name: `kpi.${name}`, unit })),
    ...messageCounters.map((counter) => ({ name: `messages.${counter}`, unit: '1' })),
    ...['violations', ...invariantCatalogue.map(({ name }) => name)].map((name) => ({
      name: `invariants.${name}`,
      unit: '1',
    })),
    ...latency,
  ];
}

/** The unit of a name such as `estimate.voltage.error.p95`, or undefined when the catalogue has no such name. */
export function quantityUnit(name: string): string | undefined {
  return listQuantities().find((quantity) => quantity.name === name)?.unit;
}
