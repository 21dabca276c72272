/** Files as the other tools write them, against their own solutions. */
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { estimate } from '../../cli/commands/estimate.ts';
import { compileGrid } from '../../grids/compile.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { hasReference, referenceJson, referencePath } from '../reference.ts';
import { faultsOf } from './samples.ts';
import { worstVoltage, type ExpectedBus } from './solve.ts';

const notice = hasReference ? '' : ' (skipped: no reference folder, see TWIN_REFERENCE)';

describe.skipIf(!hasReference)(`pandapower files${notice}`, () => {
  test.each(['case33bw', 'cigre_lv', 'cigre_mv', 'kerber_dorfnetz'])('%s', (name) => {
    const { grid } = readGridFiles(referencePath(`grid-files/pandapower/${name}.json`));
    const { bus } = referenceJson(`grid-files/pandapower/${name}.expected.json`) as { bus: ExpectedBus[] };
    const worst = worstVoltage(grid, bus);
    expect(worst.error, worst.bus).toBeLessThan(1e-8);
  });

  test('cigre_mv_se: the estimate from the measurements in the file', () => {
    const { text, converged } = estimate(referencePath('grid-files/pandapower/cigre_mv_se.json'), undefined, 'json');
    expect(converged).toBe(true);
    type Buses = { id: string; vmPu: number; vaDeg: number }[];
    const { buses } = JSON.parse(text) as { buses: Buses };
    const { bus } = referenceJson('grid-files/pandapower/cigre_mv_se.expected.json') as { bus: Buses };
    for (const { id, vmPu, vaDeg } of bus) {
      const ours = buses.find((one) => one.id === id)!;
      expect(Math.abs(ours.vmPu - vmPu), id).toBeLessThan(1e-8);
      expect(Math.abs(ours.vaDeg - vaDeg), id).toBeLessThan(1e-6);
    }
  });
});

describe.skipIf(!hasReference)(`MATPOWER files${notice}`, () => {
  test.each(['case9', 'case14', 'case33bw', 'case69'])('%s', (name) => {
    const { grid } = readGridFiles(referencePath(`grid-files/matpower/${name}.m`));
    const { expected } = referenceJson(`power-flow/matpower-solved/${name}.json`) as {
      expected: { bus: [number, number, number][]; branch: number[][] };
    };
    const buses = expected.bus.map(([id, vmPu, vaDeg]) => ({ id: String(id), vmPu, vaDeg }));
    const worst = worstVoltage(grid, buses);
    expect(worst.error, worst.bus).toBeLessThan(1e-8);
    const ids = [...grid.lines, ...grid.generalBranches].map(({ id }) => Number(id));
    expect(ids.toSorted((a, b) => a - b)).toEqual(expected.branch.map((_, i) => i + 1));
  });
});

function referenceText(path: string): string {
  return readFileSync(referencePath(path), 'utf8');
}

describe.skipIf(!hasReference)(`CIM files${notice}`, () => {
  test('CIGRE MV: EQ, TP and SV give the state that NEPLAN solved', () => {
    const folder = referencePath('grid-files/cim/cigre-mv');
    const { grid } = readGridFiles(folder);
    const file = readdirSync(folder).find((name) => name.includes('_SV'))!;
    const solved = referenceText(`grid-files/cim/cigre-mv/${file}`);
    const buses = [...solved.matchAll(/SvVoltage\.v>(.*?)<[^]*?angle>(.*?)<[^]*?resource="#(.*?)"/g)].map(
      ([, v, angle, id]) => {
        const nominal = grid.buses.find((bus) => bus.id === id)!.nominalVoltageV;
        return { id: id!, vmPu: (Number(v) * 1000) / nominal, vaDeg: Number(angle) };
      },
    );
    expect(buses).toHaveLength(15);
    // Loads and angles in the files are rounded: to 1 W and 1e-4 degrees, which is 2e-6 of a phasor.
    expect(worstVoltage(grid, buses).error).toBeLessThan(2e-6);
    // Magnitudes alone are as the reference asks.
    const flow = createPowerFlow(compileGrid(grid));
    flow.solve();
    for (const { id, vmPu } of buses) {
      const at = 2 * flow.grid.busIndex.get(id)!;
      expect(Math.abs(Math.hypot(flow.voltage[at]!, flow.voltage[at + 1]!) - vmPu), id).toBeLessThan(1e-6);
    }
  });
});

/** Cases that are no grid to us, with the reason. */
const unreadable: Readonly<Record<string, RegExp>> = {
  // A transformer between a node and itself.
  'auto-tap-changer-with-transformer-into-itself': /transformer "2" has both ends at bus "1"/,
  // power-grid-model refuses it too, when it calculates.
  'pv-node-load-gen-const-i-y': /holds a voltage, so its power cannot depend on it/,
  // Its sources are switched on by the updates of a batch only.
  'source-big-sk': /nothing is energised/,
};

/** Folders of power-grid-model's cases that hold an input. */
function casesOf(folder: string): string[] {
  const walk = (path: string): string[] =>
    readdirSync(referencePath(path)).flatMap((name) => {
      const below = join(path, name);
      if (statSync(referencePath(below)).isDirectory()) return walk(below);
      return name === 'input.json' ? [path] : [];
    });
  return walk(folder).toSorted();
}

describe.skipIf(!hasReference)(`power-grid-model cases are read whole${notice}`, () => {
  const folders = ['power-flow/power-grid-model-cases', 'state-estimation/power-grid-model-cases'];
  const cases = hasReference ? folders.flatMap(casesOf) : [];

  test.each(Object.entries(unreadable))('%s is refused: %s', (name, reason) => {
    const path = cases.find((one) => one.endsWith(`/${name}`))!;
    expect(faultsOf(() => readGridFiles(referencePath(`${path}/input.json`))).join('\n')).toMatch(reason);
  });

  test.each(cases.filter((path) => unreadable[path.split('/').at(-1)!] === undefined))('%s', (path) => {
    const input = referenceJson(`${path}/input.json`) as { data: Record<string, unknown[]> };
    const { grid, measurements } = readGridFiles(referencePath(`${path}/input.json`));
    const { data } = input;
    expect(grid.buses).toHaveLength(data['node']!.length);
    expect(grid.transformers).toHaveLength(data['transformer']?.length ?? 0);
    expect(grid.externalGrids).toHaveLength(data['source']?.length ?? 0);
    const sensors = Object.keys(data).some((kind) => kind.endsWith('voltage_sensor'));
    expect(measurements.length > 0).toBe(sensors);
  });
});
