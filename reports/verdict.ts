/** Pass, fail or invalid. Fails closed: what cannot be shown to hold does not pass. */
import { evaluateExpectation, ExpectationError, parseExpectation, type ExpectationResult } from './expectations.ts';
import type { AuditHop } from './record.ts';
import type { RunRecord } from './record-reader.ts';

export type Verdict = 'pass' | 'fail' | 'invalid';

export interface Judgement {
  readonly verdict: Verdict;
  readonly reasons: readonly string[];
  readonly expectations: readonly ExpectationResult[];
}

/** What was observed, by the quantities that expectations name. */
interface Observed {
  /** Undefined where there was no sample. */
  readonly value: (quantity: string) => number | undefined;
  /** Readings that belong to the quantity and are not in it, because the record has nothing to hold them against. */
  readonly unscored: (quantity: string) => number;
}

/**
 * Holds the scenario's expectations, and that no invariant was violated, against what was observed. The run is `invalid`,
 * whatever they say, when it did not complete, broke a rule, lost or cannot account for a message, or when an expectation
 * has nothing to be held against, or not all that it is about.
 */
export function judge({ manifest, audit }: Pick<RunRecord, 'manifest' | 'audit'>, observed: Observed): Judgement {
  const texts = [...expectationsOf(manifest.scenario), ...expectationsOfSafety(audit)];
  const checked = [...new Set(texts)].map((text) => checkExpectation(text, observed));
  const reasons = [
    ...(manifest.state === 'complete' ? [] : [`the run was ${manifest.state} before its end`]),
    ...(manifest.instants > 0 ? [] : ['no instant was computed']),
    ...(audit.hops.length > 0 ? [] : ['the audit saw no message']),
    ...audit.violations,
    ...audit.hops.flatMap((hop) => hopFaults(hop, manifest.class === 'exact')),
    ...checked.flatMap(({ fault }) => fault ?? []),
  ];
  const expectations = checked.map(({ result }) => result);
  const failed = expectations.some(({ pass }) => !pass);
  return { verdict: reasons.length > 0 ? 'invalid' : failed ? 'fail' : 'pass', reasons, expectations };
}

function expectationsOf(scenario: unknown): readonly string[] {
  if (typeof scenario !== 'object' || scenario === null || !('expect' in scenario)) return [];
  return Array.isArray(scenario.expect) ? scenario.expect.map(String) : [];
}

/** Every run with a driven battery has to be safe, whether its scenario says so or not; what was violated is named. */
function expectationsOfSafety({ invariants = [] }: Pick<RunRecord, 'audit'>['audit']): readonly string[] {
  if (invariants.length === 0) return [];
  const violated = invariants.filter(({ violations }) => violations > 0);
  return ['violations', ...violated.map(({ name }) => name)].map((name) => `invariants.${name} == 0`);
}

function checkExpectation(
  text: string,
  observed: Observed,
): { readonly result: ExpectationResult; readonly fault?: string } {
  try {
    const expectation = parseExpectation(text);
    const result = evaluateExpectation(expectation, observed.value);
    if (result.observed === null) return { result, fault: `no sample for the expectation "${text}"` };
    const unscored = observed.unscored(expectation.quantity);
    if (unscored === 0) return { result };
    const fault = `the expectation "${text}" leaves out ${count(unscored, 'reading')}: the record has nothing to hold them against`;
    return { result: { ...result, pass: false }, fault };
  } catch (error) {
    if (!(error instanceof ExpectationError)) throw error;
    return {
      result: { text, observed: null, unit: '', pass: false },
      fault: `the expectation "${text}" cannot be read: ${error.message}`,
    };
  }
}

/** published = delivered + refused + lost + inFlight + unexplained, and nothing unexplained or silently lost. */
function hopFaults(hop: AuditHop, exact: boolean): readonly string[] {
  const where = `${hop.hop} (${hop.kind})`;
  const accounted = hop.delivered + hop.refused + hop.lostInjected + hop.lostObserved + hop.inFlight + hop.unexplained;
  return [
    ...(hop.published === accounted
      ? []
      : [`the audit of ${where} does not close: ${hop.published} published, ${accounted} accounted for`]),
    ...(hop.unexplained === 0 ? [] : [`${count(hop.unexplained, 'message')} unexplained on ${where}`]),
    ...(exact && hop.lostObserved !== 0 ? [`${count(hop.lostObserved, 'message')} lost on ${where}`] : []),
  ];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${Math.abs(number) === 1 ? '' : 's'}`;
}
