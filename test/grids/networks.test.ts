/** The native networks: what their sources promise, and that the generated one is what its generator gives. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { formatGrid } from '../../grids/generate/format.ts';
import { generateAbbenhausen } from '../../grids/generate/abbenhausen.ts';
import { listNetworks, loadGrid, resolveGridFile } from '../../grids/load.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';

test('every network loads, compiles, is energised throughout and converges', () => {
  expect(listNetworks()).toEqual(['abbenhausen', 'abbenhausen-storage', 'cigre-lv', 'ieee-33']);
  for (const name of listNetworks()) {
    const grid = compileGrid(loadGrid(name));
    expect(grid.energised.every((live) => live === 1)).toBe(true);
    expect(createPowerFlow(grid).solve().converged).toBe(true);
    expect(readFileSync(resolveGridFile(name).replace('grid.json', 'SOURCE.md'), 'utf8')).toContain(`# ${name}`);
  }
});

test('ieee-33 has the published losses and lowest voltage', () => {
  const flow = createPowerFlow(compileGrid(loadGrid('ieee-33')));
  flow.solve();
  expect(flow.totals().lossesW / 1000).toBeCloseTo(202.677, 3);
  const [low] = extremes(flow);
  expect(low.vmPu).toBeCloseTo(0.91309, 5);
  expect(low.bus).toBe('18');
});

interface Extreme {
  readonly vmPu: number;
  readonly bus: string;
}

/** Lowest and highest phase-to-ground voltage of all buses. */
function extremes(flow: PowerFlow): [Extreme, Extreme] {
  const { phases, busIds } = flow.grid;
  const all = busIds
    .flatMap((ids, bus) =>
      Array.from({ length: phases }, (_, k) => {
        const at = 2 * (bus * phases + k);
        return { bus: ids[0]!, vmPu: Math.hypot(flow.voltage[at]!, flow.voltage[at + 1]!) };
      }),
    )
    .toSorted((a, b) => a.vmPu - b.vmPu);
  return [all[0]!, all.at(-1)!];
}

describe('abbenhausen', () => {
  const document = loadGrid('abbenhausen');

  test('is what its generator gives (after a change of the generator: vitest run test/grids -u)', async () => {
    await expect(formatGrid(generateAbbenhausen())).toMatchFileSnapshot(resolveGridFile('abbenhausen'));
  });

  test('abbenhausen-storage is the same with five household batteries beside roofs', async () => {
    const withStorage = generateAbbenhausen({ householdBatteries: true });
    await expect(formatGrid(withStorage)).toMatchFileSnapshot(
      resolveGridFile('abbenhausen').replace('abbenhausen/', 'abbenhausen-storage/'),
    );
    const [community, ...households] = withStorage.batteries ?? [];
    expect(community).toEqual(generateAbbenhausen().batteries?.[0]);
    expect(households.length).toBe(5);
    expect(new Set(households.map(({ bus }) => bus)).size).toBe(5);
    for (const { bus } of households) expect(document.generators.map((generator) => generator.bus)).toContain(bus);
    expect(withStorage.loads).toEqual(generateAbbenhausen().loads);
  });

  test('carries the public figures of the site exactly', () => {
    expect(document.loads.length).toBe(90);
    expect(document.loads.map((load) => load.id)).toEqual(
      Array.from({ length: 90 }, (_, i) => `house-${String(i + 1).padStart(2, '0')}`),
    );
    expect(document.loads.reduce((sum, load) => sum + load.annualEnergyWh!, 0)).toBe(90 * 3_000_000);
    expect(document.generators.reduce((sum, unit) => sum + unit.ratedPowerW!, 0)).toBe(302_000);
    expect(document.batteries).toMatchObject([
      { id: 'cbes', bus: 'busbar', ratedPowerW: 300_000, capacityWh: 800_000 },
    ]);
    for (const unit of document.generators) {
      expect(unit.connection === 'wye').toBe(unit.ratedPowerW! > 4600);
      expect(unit.azimuthDeg).toBeGreaterThanOrEqual(135);
      expect(unit.azimuthDeg).toBeLessThanOrEqual(225);
    }
  });

  /** Load as a multiple of the evening peak, PV of its rating, battery W. */
  function stateOf(load: number, pv: number, battery: number): PowerFlow {
    const flow = createPowerFlow(compileGrid(document));
    flow.powers.load.forEach((value, k) => (flow.powers.load[k] = value * load));
    document.generators.forEach((unit, g) => {
      for (let k = 0; k < 3; k++) {
        const share = unit.connection === 'wye' ? 1 / 3 : unit.connection === 'ABC'[k] ? 1 : 0;
        flow.powers.generator[2 * (3 * g + k)] = pv * unit.ratedPowerW! * share;
      }
    });
    for (let k = 0; k < 3; k++) flow.powers.battery[2 * k] = battery / 3;
    expect(flow.solve().converged).toBe(true);
    return flow;
  }

  test.each([
    ['evening peak', 1, 0, 0],
    ['full sun, little load', 0.2, 1, 0],
    ['evening peak while the battery charges', 1, 0, -300_000],
    ['full sun while the battery charges', 0.2, 1, -300_000],
    ['night while the battery discharges', 0.2, 0, 300_000],
  ])('keeps its voltages: %s', (_, load, pv, battery) => {
    const flow = stateOf(load, pv, battery);
    const [low, high] = extremes(flow);
    expect(low.vmPu).toBeGreaterThan(0.96);
    expect(high.vmPu).toBeLessThan(1.045);
    const busbar = flow.grid.busIndex.get('busbar')!;
    for (let k = 0; k < 3; k++) {
      const vm = Math.hypot(flow.voltage[2 * (3 * busbar + k)]!, flow.voltage[2 * (3 * busbar + k) + 1]!);
      expect(Math.abs(vm - 1)).toBeLessThan(0.015);
    }
  });

  test('loads no cable or transformer beyond its rating', () => {
    for (const flow of [stateOf(1, 0, 0), stateOf(0.2, 1, 0)]) {
      const { from } = flow.branchCurrents();
      for (const branch of flow.grid.branches) {
        const base = flow.grid.basePowerVA / flow.grid.baseVoltageV[branch.from]!;
        for (let k = 0; k < 3; k++) {
          const at = 2 * (3 * branch.index + k);
          expect(Math.hypot(from[at]!, from[at + 1]!) * base, branch.id).toBeLessThan(branch.ratedCurrentFromA);
        }
      }
    }
  });
});
