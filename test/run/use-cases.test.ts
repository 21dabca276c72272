/** Use cases in whole runs: triggered by events, acknowledged by batteries, judged by invariants, and the same again. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { formatInstant, parseInstant } from '../../platform/contract/time.ts';
import { topics } from '../../platform/contract/topics.ts';
import type { Trigger } from '../../platform/contract/trigger.ts';
import { readRecord, type Table } from '../../reports/record-reader.ts';
import { writeReport } from '../../reports/report.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { Ledger } from '../../sim/run/ledger.ts';
import { verifyRun } from '../../sim/run/verify.ts';
import { hamlet, rehearse, village } from './rehearsal.ts';

const SCENARIOS = 'scenarios/germany';
const never = new AbortController().signal;
/** A plan by rule: these runs are about switching, and a few seconds long. */
const BY_RULE = 'platform.balancer.planning=rule';

function texts(table: Table, column: string): string[] {
  const { names, index } = table.text(column);
  return [...index].map((name) => names[name] ?? '');
}

describe('a trigger in mid-run', () => {
  const events =
    'events=[{ at: "12:02", useCase: 2, exchange: -30 kW, for: 4min, issuer: aggregator },' +
    ' { at: "12:08", useCase: 0 }]';

  it('is published, answered, recorded, carried out, and every message accounted for', async () => {
    const { report, directory, audit } = await rehearse({ scenarioFile: village, set: [events, BY_RULE] });
    expect(report.reasons).toEqual([]);
    expect(report.verdict).toBe('pass');
    expect(audit.hops.find(({ hop }) => hop === 'operator>dsotp')).toMatchObject({ published: 2, delivered: 2 });
    const { tables } = await readRecord(directory);
    expect(texts(tables.triggers, 'issuer')).toEqual(['aggregator', 'operator']);
    const noonUs = parseInstant('2021-04-01T12:00:00+02:00');
    expect([...tables.triggers.number('timeUs')]).toEqual([noonUs + 120e6, noonUs + 480e6]);
    const announced = texts(tables['use-cases'], 'cause').filter((cause) => cause !== 'update');
    expect(announced).toEqual(['start', 'trigger', 'hold-ends', 'trigger']);
    // Asked at 12:02:00, heard at the instant after, held by the one after that.
    expect(report.kpis['holdResponse']?.value).toBeLessThanOrEqual(60);
    expect(report.kpis['holdAvailability']?.value).toBe(100);
    // Clouds at noon move 30 kW within a period of the loop.
    expect(report.kpis['holdAccuracy']?.value).toBeGreaterThan(75);
    const statuses = new Set(texts(tables.acknowledgements, 'status'));
    expect([...statuses].sort()).toEqual(['accepted', 'expired']);
    expect(report.kpis['gainOverIdle']?.value).toBeGreaterThan(0);
  });

  it('gives the same bytes again, in memory and over two brokers', async () => {
    const options = { scenarioFile: hamlet, set: ['events=[{ at: "12:01", useCase: 2, exchange: 20 kW, for: 1min }]'] };
    const first = await rehearse(options);
    expect((await verifyRun(first.directory, never)).code).toBe(0);
    const overMqtt = await rehearse({ ...options, databus: 'embedded' });
    expect(overMqtt.accuracy).toBe(first.accuracy);
  });
});

describe('safety in the verdict', () => {
  it('is an expectation of every run with a battery', async () => {
    const { report } = await rehearse({ scenarioFile: hamlet });
    expect(report.expectations.at(-1)).toMatchObject({ text: 'invariants.violations == 0', observed: 0, pass: true });
    expect(report.invariants.length).toBeGreaterThan(5);
    for (const { checked } of report.invariants) expect(checked).toBeGreaterThan(0);
  });

  it('fails the run when an invariant was violated, and names it', async () => {
    const { directory, audit } = await rehearse({ scenarioFile: hamlet });
    const invariants = audit.invariants?.map((each) =>
      each.name === 'socWindow' ? { ...each, violations: 2, first: 'cbes is at 5 %' } : each,
    );
    writeFileSync(join(directory, 'audit.json'), JSON.stringify({ ...audit, invariants }));
    const report = await writeReport(directory);
    expect(report.verdict).toBe('fail');
    expect(report.expectations.filter(({ pass }) => !pass).map(({ text }) => text)).toEqual([
      'invariants.violations == 0',
      'invariants.socWindow == 0',
    ]);
    expect(report.invariants.find(({ name }) => name === 'socWindow')?.first).toContain('5 %');
  });
});

describe('faults of a battery', () => {
  it('one that has lost its power is saturated, and the hold is missed', async () => {
    const events =
      'events=[{ at: "12:01", useCase: 2, exchange: 60 kW, for: 8min },' +
      ' { at: "12:01", for: 8min, fault: derating, target: cbes, value: 5 % }]';
    const { report, directory } = await rehearse({ scenarioFile: village, set: [events, BY_RULE] });
    expect(report.verdict).toBe('pass');
    const states = await parquetReadObjects({
      file: await asyncBufferFromFile(join(directory, 'series', 'device-states.parquet')),
    });
    expect(states.filter(({ faults }) => faults === 'derating')).toHaveLength(48);
    expect(report.metrics['setpoint.saturation']?.mean).toBeGreaterThan(50);
    expect(report.kpis['holdAvailability']?.value).toBeLessThan(30);
    expect(report.kpis['holdResponse']).toBeUndefined();
  });

  it('silence of the breaker reverts the battery to its default, and the invariants know', async () => {
    const events = 'events=[{ at: "12:02", for: 5min, fault: comm-outage, target: pmu-breaker }]';
    const { report, audit } = await rehearse({ scenarioFile: village, set: [events, 'expect=[]'] });
    expect(report.verdict).toBe('pass');
    expect(audit.services['balancer']?.['fallbacks']).toBeGreaterThan(20);
    expect(report.invariants.find(({ name }) => name === 'silence')?.checked).toBeGreaterThan(15);
  });
});

it('a trigger that nobody of the run sent makes an exact run invalid', () => {
  const trigger: Trigger = {
    schema: 'platone.trigger/1',
    timestamp: formatInstant(1.6e15),
    issuer: 'somebody',
    request: 'r',
    useCase: 0,
  };
  const payload = Buffer.from(JSON.stringify(trigger));
  const seen = (open: boolean) => {
    const ledger = new Ledger(() => Number.NaN, { openToOperators: open });
    ledger.seenAtDatabus(topics.trigger('germany', 'balancer'), payload);
    return ledger.audit({}, 1.6e15).violations;
  };
  expect(seen(false)).toEqual(['1 message on operator>dsotp (trigger) came from nobody of this run']);
  // At a live run people may ask for use cases.
  expect(seen(true)).toEqual([]);
});

describe('the scenarios of the German site', () => {
  const files = readdirSync(SCENARIOS).filter((name) => name.endsWith('.yaml'));

  it('are all sound, each use case on four kinds of day', async () => {
    for (const name of files) await loadScenario(join(SCENARIOS, name));
    for (const useCase of ['uc1', 'uc2', 'uc3', 'uc4']) {
      const days = files.filter((name) => name.startsWith(useCase)).join(' ');
      for (const day of ['summer', 'winter', 'overcast']) expect(days).toContain(`${useCase}-${day}.yaml`);
    }
  });

  // Whole days: `npm run use-cases` plays all of them.
  const short = [
    'use-case-switch.yaml',
    'uc1-breaker-pmu-lost.yaml',
    'uc2-late-battery.yaml',
    'uc2-saturating-battery.yaml',
  ];
  it.each(short)('%s passes', async (name) => {
    const { report } = await rehearse({ scenarioFile: join(SCENARIOS, name) });
    expect(report.reasons).toEqual([]);
    expect(report.expectations.filter(({ pass }) => !pass)).toEqual([]);
    expect(report.verdict).toBe('pass');
  });

  it('household batteries get a setpoint every 15 min, and acknowledge it', async () => {
    const { report, directory } = await rehearse({
      scenarioFile: join(SCENARIOS, 'uc1-household-storage.yaml'),
      // The optimum fills the more efficient community battery first: an hour of it would show nothing.
      set: ['clock.start=2021-04-01T11:00:00+02:00', 'clock.duration=1h', 'expect=[]', BY_RULE],
    });
    expect(report.verdict).toBe('pass');
    const { tables } = await readRecord(directory);
    const setpoints = texts(tables.setpoints, 'device');
    expect(setpoints.filter((device) => device === 'hbes-01')).toHaveLength(5);
    expect(setpoints.filter((device) => device === 'cbes').length).toBeGreaterThan(350);
    expect(texts(tables.acknowledgements, 'device')).toContain('hbes-01');
    const power = tables['device-states'].number('activePowerW');
    const charging = texts(tables['device-states'], 'device').filter(
      (device, row) => device === 'hbes-01' && (power[row] ?? 0) < -1000,
    );
    expect(charging.length).toBeGreaterThan(100);
  });
});
