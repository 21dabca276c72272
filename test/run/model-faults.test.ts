/** What a scenario makes wrong in the platform's picture of the grid is written down, found, and scored. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadScenario } from '../../sim/scenario/load.ts';
import { modelFaultsOf } from '../../sim/run/model-faults.ts';
import { rehearse } from './rehearsal.ts';

const scenarioFile = 'docs/examples/wrong-model.yaml';
const folder = mkdtempSync(join(tmpdir(), 'twin-model-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function faultsOf(text: string) {
  const file = join(folder, 'scenario.yaml');
  const base = resolve('scenarios/germany/uc1-virtual-islanding.yaml');
  writeFileSync(file, `extends: ${base}\nseed: faults\n${text}`);
  const loaded = await loadScenario(file);
  const startUs = Date.parse(loaded.scenario.clock.start) * 1000;
  const hour = (timeUs: number) => (timeUs - startUs) / 3600e6;
  return modelFaultsOf(loaded).map(({ feature, id, onPaper, inField, fromUs, untilUs }) =>
    [feature, id, onPaper, inField, hour(fromUs), hour(untilUs)].join(' '),
  );
}

describe('faults that a scenario plants', () => {
  test('a right model has none, and a wrong length is nothing that is looked for', async () => {
    expect(await faultsOf('')).toEqual([]);
    expect(await faultsOf('platform: { gridChanges: { "lines.feeder-1-2.lengthM": 250 } }')).toEqual([]);
  });

  test('taps and open ends hold for the whole run', async () => {
    const changes = '{ "transformers.transformer.tap.position": 1, "lines.feeder-1-2.toClosed": false }';
    expect(await faultsOf(`platform: { gridChanges: ${changes} }`)).toEqual([
      'lineClosed feeder-1-2 false true 0 24',
      'tapPosition transformer 1 0 0 24',
    ]);
  });

  test('interchanged phases hold while their events do, one on top of the other', async () => {
    const events = [
      '- { at: 2h, for: 4h, fault: phase-swap, target: smart-meter/house-07, value: AB }',
      '- { at: 4h, fault: phase-swap, target: smart-meter/house-07, value: BC }',
      '- { at: 1h, fault: phase-swap, target: smart-meter/house-08, probability: 50 % }',
      '- { at: 1h, fault: phase-swap, target: smart-meter/house-08, measurand: voltmagnitude }',
      '- { at: 1h, fault: phase-swap, target: pmu-breaker }',
    ];
    // On top of AB: what is called B was called C, and what is called C was called B, which really is A.
    expect(await faultsOf(`events:\n  ${events.join('\n  ')}`)).toEqual([
      'meterPhases house-07 ABC BAC 2 4',
      'meterPhases house-07 ABC BCA 4 6',
      'meterPhases house-07 ABC ACB 6 24',
    ]);
  });
});

test('a wrong tap is found by the first estimate, and the report says so', async () => {
  const set = ['clock.duration=45min', 'events=[]', 'expect=["model.finding.recall == 100 %"]'];
  const { report } = await rehearse({ scenarioFile, databus: 'memory', set });
  expect(report.verdict).toBe('pass');
  expect(report.metrics['model.finding.precision']).toMatchObject({ unit: '%', count: 1, mean: 100 });
  expect(report.metrics['model.finding.recall']).toMatchObject({ count: 1, mean: 100 });
  expect(report.metrics['model.finding.delay']).toMatchObject({ unit: 's', count: 1, max: 900 });
  expect(report.metrics['model.finding.wrong']).toMatchObject({ count: 3, max: 0 });
});
