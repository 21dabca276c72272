/** Demands that clash are explained, and problems that are none are refused with every fault. */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { loadOptimiser, type Optimiser } from '../../platform/balancer/optimisation/optimiser.ts';
import { openExchange } from '../../platform/balancer/optimisation/problem.ts';
import { loadedBy } from '../loaded-by.ts';
import { plainBattery, plainProblem, tariffCosts } from './plan-problems.ts';

let optimiser: Optimiser;
beforeAll(async () => void (optimiser = await loadOptimiser()));

describe('a clash', () => {
  test('is told in the words of the people who demand it, with the time that matters', () => {
    const outcome = optimiser.plan(
      plainProblem(6, {
        generationW: [0, 0, 8e3, 8e3, 0, 0],
        exchange: { ...openExchange(6), minW: [-1e3, -1e3, -1e3, -1e3, -1e3, -1e3], maxW: Array<number>(6).fill(50e3) },
        batteries: [plainBattery({ maxChargeW: 3e3 })],
      }),
    );
    expect(outcome).toMatchObject({ status: 'infeasible' });
    expect(outcome.status === 'infeasible' && outcome.clash.map(({ text }) => text)).toEqual([
      'export at most 1 kW from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
      'no curtailment of production from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
      'battery "cbes": charging with at most 3 kW from 2021-04-01T02:00:00Z to 2021-04-01T03:00:00Z',
    ]);
  });

  test('of limits upside down in time: a target that the power cannot reach', () => {
    const targets = [{ boundary: 1, minSoc: 1, maxSoc: 1 }];
    const outcome = optimiser.plan(
      plainProblem(3, { batteries: [plainBattery({ maxChargeW: 1e3, socTargets: targets })] }),
    );
    expect(outcome.status === 'infeasible' && outcome.explanation).toBe(
      'cannot be met together: battery "cbes": charging with at most 1 kW from 2021-04-01T00:00:00Z to 2021-04-01T01:00:00Z; ' +
        'battery "cbes": state of charge 100 % at 2021-04-01T01:00:00Z',
    );
  });
});

describe('a clash among twenty batteries', () => {
  const twenty = (change: object) =>
    Array.from({ length: 20 }, (_, n) => plainBattery({ id: `b${n}`, maxChargeW: 1e3 + 100 * n, ...change }));
  const clashOf = (change: Parameters<typeof plainProblem>[1]) => {
    const outcome = optimiser.plan(plainProblem(24, change));
    if (outcome.status !== 'infeasible') throw new Error(outcome.status);
    const count = (kind: string) => outcome.clash.filter(({ demand }) => demand === kind).length;
    return { count, members: outcome.clash.length, isSmallest: outcome.isSmallest };
  };
  const bulk = (energyWh: number) => [
    {
      id: 'bulk',
      fromStep: 2,
      untilStep: 4,
      at: 'batteries' as const,
      direction: 'in' as const,
      minEnergyWh: energyWh,
      maxEnergyWh: energyWh,
      constantPower: false,
    },
  ];

  test('is proven to be the smallest: any of them with more power, or with more room, would heal it', () => {
    // Together 39 kW for two hours, and 100 kWh of room.
    const power = clashOf({ packages: bulk(90e3), batteries: twenty({}) });
    expect([power.count('charge-power'), power.members, power.isSmallest]).toEqual([20, 21, true]);
    const room = clashOf({ packages: bulk(120e3), batteries: twenty({ maxChargeW: 50e3, mayDischarge: false }) });
    // Who might discharge meanwhile would have room for more.
    expect([room.count('soc-max'), room.count('charge-only'), room.members, room.isSmallest]).toEqual([
      20,
      20,
      41,
      true,
    ]);
  });

  test('of which one is to blame names that one', () => {
    const targets = [{ boundary: 3, minSoc: 1, maxSoc: 1 }];
    const batteries = twenty({ socTargets: targets, maxChargeW: 5e3 }).map((battery, n) =>
      n === 13 ? { ...battery, maxChargeW: 100 } : battery,
    );
    const { count, members, isSmallest } = clashOf({ batteries });
    expect([count('soc-target'), count('charge-power'), members, isSmallest]).toEqual([1, 1, 2, true]);
  });
});

describe('bad input', () => {
  test('every fault has its path', () => {
    const battery = plainBattery({ initialSoc: 1.5, capacityWh: 0, maxChargeW: Number.NaN, chargeEfficiency: 1.2 });
    const problem = plainProblem(2, {
      stepS: [3600, -1],
      loadW: [1],
      generationW: [1, Number.NaN],
      batteries: [battery, { ...plainBattery(), socTargets: [{ boundary: 3, minSoc: 0.6, maxSoc: 0.5 }] }],
      exchange: { minW: [5, -Infinity], maxW: [1, Infinity], targetW: [0, Infinity] },
      packages: [
        {
          id: 'p',
          fromStep: 2,
          untilStep: 2,
          at: 'batteries',
          direction: 'in',
          minEnergyWh: 2,
          maxEnergyWh: 1,
          constantPower: true,
        },
      ],
      costs: { ...tariffCosts([0, 0], [0, 0]), importPeakPerKW: -1, aboveTargetPerKWh: [0, -1] },
    });
    let paths: string[] = [];
    try {
      optimiser.plan(problem);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      paths = error.problems.map(({ path }) => path);
    }
    expect(paths).toEqual([
      'stepS[1]',
      'loadW',
      'generationW[1]',
      'exchange.targetW[1]',
      'exchange.minW[0]',
      'batteries[0].maxChargeW',
      'batteries[0].capacityWh',
      'batteries[0].chargeEfficiency',
      'batteries[0].initialSoc',
      'batteries[1].id',
      'batteries[1].socTargets[0].boundary',
      'batteries[1].socTargets[0].minSoc',
      'packages[0].fromStep',
      'packages[0].untilStep',
      'packages[0].maxEnergyWh',
      'packages[0].constantPower',
      'costs.aboveTargetPerKWh[1]',
      'costs.importPeakPerKW',
    ]);
  });
});

test('the solver is loaded by whoever plans, and by nobody else', () => {
  const root = join(import.meta.dirname, '..', '..');
  for (const file of ['platform/balancer/service.ts', 'platform/balancer/pymfm.ts', 'numerics/linear-program.ts']) {
    expect([...loadedBy(join(root, file))]).not.toContain('highs');
  }
});
