/** Values in a wrong unit are faults in words with their place; grids that are merely unusual pass. */
import { describe, expect, test } from 'vitest';
import { listNetworks, loadGrid, parseGrid } from '../../grids/load.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';

/** A 20 kV line with a load and a generator behind a transformer. */
const sound = (): GridDocumentInput => ({
  schema: 1,
  name: 'units',
  representation: 'positive-sequence',
  buses: ['hv', 'mv', 'end'].map((id) => ({ id, nominalVoltageV: id === 'hv' ? 110_000 : 20_000 })),
  lines: [
    {
      id: 'line',
      from: 'mv',
      to: 'end',
      lengthM: 1200,
      r1OhmPerKm: 0.2,
      x1OhmPerKm: 0.12,
      c1FPerKm: 2.5e-7,
      ratedCurrentA: 270,
    },
  ],
  transformers: [
    {
      id: 'unit',
      from: 'hv',
      to: 'mv',
      ratedPowerVA: 25e6,
      ratedVoltageFromV: 110_000,
      ratedVoltageToV: 20_000,
      vkPercent: 12,
      vkrPercent: 0.4,
      vectorGroup: 'YNyn0',
    },
  ],
  loads: [{ id: 'load', bus: 'end', activePowerW: 500_000 }],
  generators: [{ id: 'pv', bus: 'end', activePowerW: 100_000, voltageControl: { voltagePu: 1.01 } }],
  externalGrids: [{ id: 'grid', bus: 'hv', voltagePu: 1.02 }],
});

function faults(change: (grid: GridDocumentInput) => void): string[] {
  const grid = sound();
  change(grid);
  try {
    parseGrid(JSON.stringify(grid), 'grid.json');
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map(({ path, message, hint = '' }) => `${path}: ${message} (${hint})`);
  }
}

describe('iron losses', () => {
  test('above what the transformer takes at no load, and above a tenth of its rating, are a fault', () => {
    const given = (ironLossW: number, noLoadCurrentPercent: number) =>
      faults((grid) => Object.assign(grid.transformers![0]!, { ironLossW, noLoadCurrentPercent }));
    expect(given(10e6, 0.1)).toEqual([
      'transformers[0].ironLossW: iron losses of transformer "unit" are 10000000 W, but it takes 25000 VA at no load and is rated 25000000 VA (is it mW for W?)',
    ]);
    // What test reports and sources without a current have.
    expect(given(20_000, 0.1)).toEqual([]);
    expect(given(30_000, 0.1)).toEqual([]);
    expect(given(20_000, 0)).toEqual([]);
    expect(given(0, -300)).toEqual([]);
  });
});

describe('a value in a wrong unit', () => {
  test.each<[string, (grid: GridDocumentInput) => void, string[]]>([
    [
      'all voltages in kV',
      (grid) => {
        grid.buses.forEach((bus) => (bus.nominalVoltageV /= 1000));
        Object.assign(grid.transformers![0]!, { ratedVoltageFromV: 110, ratedVoltageToV: 20 });
        grid.buses[1]!.nominalVoltageV = grid.buses[2]!.nominalVoltageV = 20;
      },
      [
        'buses[1].nominalVoltageV: nominal voltage of bus "mv" is 20 V, expected 30 V at least (is it kV for V?)',
        'buses[2].nominalVoltageV: nominal voltage of bus "end" is 20 V, expected 30 V at least (is it kV for V?)',
      ],
    ],
    [
      'a voltage in mV',
      (grid) => (grid.buses[0]!.nominalVoltageV = 110e6),
      ['buses[0].nominalVoltageV: nominal voltage of bus "hv" is 110000000 V, expected 2000000 V at most'],
    ],
    [
      'loads in MW',
      (grid) => (grid.loads![0]!.activePowerW = 0.5),
      ['loads: the largest load, "load", takes 0.5 W at 20000 V (is it MW or kW for W?)'],
    ],
    [
      'a load in W multiplied once more',
      (grid) => (grid.loads![0]!.activePowerW = 5e13),
      ['loads[0].activePowerW: power of "load" is 50000000000000 W, expected 1000000000000 W at most'],
    ],
    [
      'a capacitance in nF',
      (grid) => (grid.lines![0]!.c1FPerKm = 250),
      ['lines[0].c1FPerKm: capacitance of line "line" is 250 F/km, expected 1 F/km at most (is it nF for F?)'],
    ],
    [
      'a current in kA',
      (grid) => (grid.lines![0]!.ratedCurrentA = 0.27),
      ['lines[0].ratedCurrentA: rated current of line "line" is 0.27 A, expected 0.5 A at least (is it kA for A?)'],
    ],
    [
      'a rating in MVA',
      (grid) => (grid.transformers![0]!.ratedPowerVA = 0.63),
      ['transformers[0].ratedPowerVA: rated power of transformer "unit" is 0.63 VA, expected 10 VA at least'],
    ],
    [
      'a length in mm',
      (grid) => (grid.lines![0]!.lengthM = 3e7),
      ['lines[0].lengthM: length of line "line" is 30000000 m, expected 20000000 m at most (is it mm for m?)'],
    ],
    [
      'setpoints in V and %',
      (grid) => {
        grid.externalGrids![0]!.voltagePu = 110_000;
        grid.generators![0]!.voltageControl!.voltagePu = 101;
      },
      [
        'externalGrids[0].voltagePu: voltage of external grid "grid" is 110000 pu, expected 2 pu at most',
        'generators[0].voltageControl.voltagePu: voltage that generator "pv" holds is 101 pu, expected 2 pu at most',
      ],
    ],
  ])('%s', (_, change, expected) => {
    const found = faults(change);
    expected.forEach((sentence) => expect(found.join('\n')).toContain(sentence));
  });
});

describe('what is only unusual', () => {
  test('passes: a little load among large ones, extra-low voltage, a metre of busbar', () => {
    expect(faults(() => {})).toEqual([]);
    expect(faults((grid) => grid.loads!.push({ id: 'lamp', bus: 'end', activePowerW: 4 }))).toEqual([]);
    expect(faults((grid) => (grid.loads![0]!.activePowerW = 0))).toEqual([]);
    expect(faults((grid) => (grid.lines![0]!.lengthM = 0.2))).toEqual([]);
    const small = (grid: GridDocumentInput) => {
      grid.buses.forEach((bus) => (bus.nominalVoltageV = 48));
      grid.transformers = [];
      grid.externalGrids![0]!.bus = 'mv';
      grid.loads![0]!.activePowerW = 4;
    };
    expect(faults(small)).toEqual([]);
  });

  test('and so do all networks of the project', () => {
    for (const name of listNetworks()) expect(loadGrid(name).name, name).toBeTruthy();
  });
});
