/** Perfect foresight over a recorded run: never worse than the run, equal to it where nothing was uncertain. */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTable } from '../../platform/historian/table.ts';
import { scheduleByRule, type BatteryModel } from '../../platform/balancer/rules.ts';
import { historyTables } from '../../platform/contract/history.ts';
import { type Foresight, recordTables } from '../../reports/record.ts';
import { writeForesight } from '../../sim/run/foresight.ts';
import { temporaryFolder } from './rehearsal.ts';

const STEP_US = 300e6;
const HOURS = STEP_US / 3600e6;
const model: BatteryModel = {
  maxDischargeW: 50e3,
  maxChargeW: 50e3,
  capacityWh: 60e3,
  socMin: 0.1,
  socMax: 0.9,
  chargeEfficiency: 0.95,
  dischargeEfficiency: 0.95,
};

interface Recorded {
  /** Consumption less generation in each step, W; the first stands for the initial state. */
  readonly netW: readonly number[];
  readonly batteryW: readonly number[];
  readonly soc: readonly number[];
  /** Step, use case, target W. */
  readonly announced: readonly (readonly [step: number, useCase: number, targetW: number])[];
  readonly windows?: readonly (readonly [from: number, until: number, exchangeW: number])[];
}

/** Writes the tables that foresight reads, and gives back what it found. */
async function foresee({ netW, batteryW, soc, announced, windows = [] }: Recorded): Promise<Foresight> {
  const directory = temporaryFolder();
  mkdirSync(join(directory, 'series'));
  const site = createTable(recordTables['truth-site']);
  const states = createTable(recordTables['device-states']);
  const useCases = createTable(historyTables['use-cases']);
  const planWindows = createTable(historyTables['plan-windows']);
  netW.forEach((net, k) => {
    const own = batteryW[k] ?? 0;
    site.push(k * STEP_US, 50, Math.max(0, net), Math.max(0, -net), own, 0, 0, net - own, 0, net, 0, 0, 1);
    states.push(k * STEP_US, 'b', own, soc[k] ?? 0, 0, own, false, 0, '');
  });
  for (const [step, useCase, targetW] of announced) {
    useCases.push(step * STEP_US, useCase, 'trigger', targetW, Number.NaN, Number.NaN, '', false, '');
  }
  for (const [from, until, exchangeW] of windows) {
    planWindows.push(
      0,
      exchangeW > 0 ? 'import-package' : 'export-package',
      from * STEP_US,
      until * STEP_US,
      exchangeW,
    );
  }
  for (const [name, written] of Object.entries({
    'truth-site': site,
    'device-states': states,
    'use-cases': useCases,
    'plan-windows': planWindows,
  })) {
    written.write(join(directory, 'series', `${name}.parquet`));
  }
  await writeForesight(directory, [{ device: 'b', model }]);
  return JSON.parse(readFileSync(join(directory, 'foresight.json'), 'utf8')) as Foresight;
}

/** A run that followed the rule on means of a quarter of an hour: three steps alike. */
function ruled(quarters: readonly number[], targetW = 0) {
  const steps = scheduleByRule(model, 0.5, quarters, targetW, 900);
  const thrice = (values: readonly number[]) => values.flatMap((value) => [value, value, value]);
  return {
    netW: [0, ...thrice(quarters)],
    batteryW: [0, ...thrice(steps.map(({ batteryW }) => batteryW))],
    soc: [0.5, ...thrice(steps.map(({ stateOfCharge }) => stateOfCharge))],
  };
}

const DAY = [20e3, 30e3, -60e3, -60e3, -60e3, -20e3, 10e3, 30e3, 40e3, 45e3, 40e3, 30e3];

describe('regret against perfect foresight', () => {
  it('is nothing for the rule on an island whose means are all there is', async () => {
    const found = await foresee({ ...ruled(DAY), announced: [[0, 1, 0]] });
    expect(found.method).toBe('rule');
    expect(found.actualKWh).toBeCloseTo(found.bestKWh, 6);
    expect(found.idleKWh).toBeCloseTo(
      DAY.reduce((sum, power) => sum + Math.abs(power) / 4000, 0),
      6,
    );
  });

  it('is all that a battery would have done for one that was idle', async () => {
    const idle = { ...ruled(DAY), batteryW: Array<number>(37).fill(0), soc: Array<number>(37).fill(0.5) };
    const found = await foresee({ ...idle, announced: [[0, 1, 0]] });
    expect(found.actualKWh).toBeCloseTo(found.idleKWh, 9);
    expect(found.bestKWh).toBeLessThan(0.6 * found.idleKWh);
  });

  it('holds the best plan to the energy that the run left in the battery', async () => {
    // The run charged and kept it; without that demand the best would have given it back in the evening.
    const kept = ruled(DAY);
    const batteryW = kept.batteryW.map((power, k) => (k > 18 ? 0 : power));
    const soc = kept.soc.map((share, k) => (k > 18 ? (kept.soc[18] ?? share) : share));
    const found = await foresee({ netW: kept.netW, batteryW, soc, announced: [[0, 1, 0]] });
    expect(found.method).toBe('optimisation');
    const free = await foresee({ ...kept, announced: [[0, 1, 0]] });
    expect(found.bestKWh).toBeGreaterThan(free.bestKWh + 1);
    expect(found.bestKWh).toBeLessThanOrEqual(found.actualKWh + 0.01 * 60);
  });

  it('counts a hold from its target, and nothing in use case 0', async () => {
    const net = Array<number>(13).fill(20e3);
    const still = { netW: net, batteryW: net.map(() => 0), soc: net.map(() => 0.5) };
    const found = await foresee({
      ...still,
      announced: [
        [0, 1, 0],
        [3, 2, 30e3],
        [6, 0, Number.NaN],
      ],
    });
    // A quarter of an hour of 20 kW off zero, one of 10 kW off 30, and the rest is nobody's business.
    expect(found.idleKWh).toBeCloseTo(3 * HOURS * 20 + 3 * HOURS * 10, 9);
  });

  it('leaves the exchange free inside a package, up to its power', async () => {
    const net = Array<number>(13).fill(20e3);
    const battery = [0, 0, 0, 0, ...Array<number>(6).fill(-60e3), 0, 0, 0];
    const found = await foresee({
      netW: net,
      batteryW: battery,
      soc: net.map(() => 0.5),
      announced: [
        [0, 3, 0],
        [3, 3, 50e3],
        [9, 3, 0],
      ],
      windows: [[3, 9, 50e3]],
    });
    // In the slot 80 kW flow where 50 are free: 30 off in 6 steps; 20 outside in the first 3 and last 3.
    expect(found.actualKWh).toBeCloseTo(6 * HOURS * 20 + 6 * HOURS * 30, 6);
    expect(found.idleKWh).toBeCloseTo(6 * HOURS * 20, 9);
    expect(found.bestKWh).toBeCloseTo(0, 6);
  });
});
