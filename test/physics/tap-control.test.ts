/** Automatic tap control: power-grid-model's cases, the choice among valid positions, and honest failure. */
import { describe, expect, test } from 'vitest';
import { readPowerGridModel } from '../../grids/import/power-grid-model/to-grid.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { checkGrid } from '../../grids/load.ts';
import { controlTaps, type TapControlResult, type TapStrategy } from '../../sim/physics/tap-control.ts';
import {
  caseNames,
  readCalculations,
  readTolerances,
  valuesOf,
  type Calculation,
} from '../grids/power-grid-model-cases.ts';
import { hasReference } from '../reference.ts';

const FOLDER = 'power-flow/power-grid-model-cases/automatic-tap-regulator';
const notice = hasReference ? '' : ' (skipped: no reference folder, see TWIN_REFERENCE)';

const STRATEGIES: Readonly<Record<string, TapStrategy>> = {
  any_valid_tap: 'nearest',
  fast_any_tap: 'nearest',
  min_voltage_tap: 'lowest',
  max_voltage_tap: 'highest',
};

/** Cases in which another position than the reference's is as good, or the reference does what we refuse. */
const KNOWN: Readonly<Record<string, string>> = {
  'auto-tap-changer-meshed-fast-any': 'any valid position will do, and bisection meets another one than single steps',
  'trafo-control-tap-same-side-fast-any-tap':
    'any valid position will do, and bisection meets another one than single steps',
  'auto-tap-changer-with-transformer-into-itself': 'a transformer with both ends at one bus is refused as a mistake',
};

/** No position is valid: the reference gives up, here the taps are said to be hunting. */
const names = hasReference ? caseNames(FOLDER) : [];
const hunting = names.filter((name) => readTolerances(FOLDER, name).raises !== undefined);
const solvable = names.filter((name) => KNOWN[name] === undefined && !hunting.includes(name));

function controlled(calculation: Calculation, strategy: TapStrategy): TapControlResult {
  const representation = calculation.symmetric ? 'positive-sequence' : 'three';
  return controlTaps(readPowerGridModel(calculation.text, 'input.json', representation).grid, strategy);
}

/** The null of power-grid-model's tap positions. */
const NO_POSITION = -128;

describe.skipIf(!hasReference)(`power-grid-model's tap regulators${notice}`, () => {
  // Of the batches of 81 updates every third is worked out here: the others only repeat their pattern.
  test.each(solvable)('%s', (name) => {
    const { rtol, tap_changing_strategy: strategy } = readTolerances(FOLDER, name);
    const calculations = readCalculations(FOLDER, name);
    let compared = 0;
    for (const calculation of calculations.filter((_, k) => calculations.length < 81 || k % 3 === 0)) {
      const { positions, flow, status } = controlled(calculation, STRATEGIES[strategy!]!);
      expect(['held', 'limited']).toContain(status);
      const regulators = new Map(
        calculation.data['transformer_tap_regulator']!.map((one) => [one['id'], String(one['regulated_object'])]),
      );
      for (const { id, tap_pos: wanted } of calculation.output['transformer_tap_regulator'] ?? []) {
        const transformer = regulators.get(id)!;
        const own = typeof wanted === 'number' && wanted !== NO_POSITION && positions.has(transformer);
        compared += own ? 1 : 0;
        expect(own ? positions.get(transformer) : wanted, `${calculation.what}: ${transformer}`).toBe(wanted);
      }
      const { grid, voltage } = flow;
      for (const node of calculation.output['node'] ?? []) {
        const bus = grid.busIndex.get(String(node['id']))!;
        valuesOf(node, 'u').forEach((u, k) => {
          const at = 2 * (grid.phases * bus + k);
          const volts = Math.hypot(voltage[at]!, voltage[at + 1]!) * grid.baseVoltageV[bus]!;
          const found = Number.isNaN(volts) ? 0 : volts * (grid.phases === 1 ? Math.sqrt(3) : 1);
          compared++;
          expect(Math.abs(found - u), `${calculation.what}: node ${String(node['id'])}`).toBeLessThan(
            1e-5 + Math.max(rtol, 1e-8) * Math.abs(u),
          );
        });
      }
    }
    expect(compared).toBeGreaterThan(0);
  });

  test.each(hunting)('%s: the band is too narrow, and that is said', (name) => {
    const { tap_changing_strategy: strategy } = readTolerances(FOLDER, name);
    for (const calculation of readCalculations(FOLDER, name)) {
      expect(controlled(calculation, STRATEGIES[strategy!]!).status).toBe('hunting');
    }
  });

  test.each(Object.entries(KNOWN).filter(([, reason]) => reason.startsWith('any valid')))(
    '%s: held, at another position, for %s',
    (name) => {
      for (const calculation of readCalculations(FOLDER, name)) {
        expect(controlled(calculation, 'nearest').status).toBe('held');
      }
    },
  );
});

/** 20 kV / 400 V with 2.5 % taps on the high side, a load behind it. */
function unit(control: object, fields: object = {}): GridDocument {
  const { document, problems } = checkGrid({
    schema: 1,
    name: 'unit',
    representation: 'positive-sequence',
    buses: [
      { id: 'mv', nominalVoltageV: 20_000 },
      { id: 'lv', nominalVoltageV: 400 },
    ],
    transformers: [
      {
        id: 't',
        from: 'mv',
        to: 'lv',
        ratedPowerVA: 630_000,
        ratedVoltageFromV: 20_000,
        ratedVoltageToV: 400,
        vkPercent: 6,
        vkrPercent: 1,
        vectorGroup: 'Dyn5',
        tap: {
          position: 0,
          stepPercent: 2.5,
          min: -4,
          max: 4,
          control: { side: 'to', voltageV: 400, bandV: 12, ...control },
          ...fields,
        },
      },
    ],
    loads: [{ id: 'load', bus: 'lv', activePowerW: 500_000, reactivePowerVar: 200_000 }],
    externalGrids: [{ id: 'grid', bus: 'mv' }],
  });
  expect(problems).toEqual([]);
  return document!;
}

function lowVoltage({ flow }: TapControlResult): number {
  return 400 * Math.hypot(flow.voltage[2]!, flow.voltage[3]!);
}

describe('a loaded unit', () => {
  test('steps into its band: to the first, the lowest or the highest position in it', () => {
    const wide = { voltageV: 402, bandV: 30 };
    const [nearest, lowest, highest] = (['nearest', 'lowest', 'highest'] as const).map((strategy) =>
      controlTaps(unit(wide), strategy),
    );
    for (const one of [nearest!, lowest!, highest!]) {
      expect(one.status).toBe('held');
      expect(lowVoltage(one)).toBeGreaterThan(387);
      expect(lowVoltage(one)).toBeLessThan(417);
    }
    // A higher position on the high side lowers the voltage.
    expect(nearest!.positions.get('t')).toBe(0);
    expect(lowVoltage(lowest!)).toBeLessThan(lowVoltage(highest!));
    expect(highest!.positions.get('t')).toBeLessThan(lowest!.positions.get('t')!);
    // One step further leaves the band.
    const beyond = unit(wide, { position: lowest!.positions.get('t')! + 1, control: undefined });
    expect(lowVoltage(controlTaps(beyond, 'nearest'))).toBeLessThan(387);
  });

  test('at the end of its range says so, and a load beyond all bounds has no solution', () => {
    expect(controlTaps(unit({ voltageV: 480 }), 'nearest')).toMatchObject({ status: 'limited' });
    expect(controlTaps(unit({ voltageV: 480 }), 'nearest').positions.get('t')).toBe(-4);
    const document = unit({});
    const heavy = { ...document, loads: [{ ...document.loads[0]!, activePowerW: 2e7 }] };
    expect(controlTaps(heavy, 'nearest').status).toBe('diverged');
  });

  test('makes up for the drop of a line behind it', () => {
    const plain = controlTaps(unit({}), 'nearest');
    const compensated = controlTaps(unit({ lineDropROhm: 0.012, lineDropXOhm: 0.004 }), 'nearest');
    expect(lowVoltage(compensated)).toBeGreaterThan(lowVoltage(plain));
    // 500 kW and 200 kvar at some 400 V through 12 + j4 milliohm drop by (P R + Q X) / U = 17 V.
    const u = lowVoltage(compensated);
    const drop = (500_000 * 0.012 + 200_000 * 0.004) / u;
    expect(Math.abs(u - drop - 400)).toBeLessThan(6.5);
  });

  test('takes the short-circuit values of its position', () => {
    const ends = { atMin: { vkPercent: 6, vkrPercent: 1 }, atMax: { vkPercent: 10, vkrPercent: 1 } };
    const at = (position: number, more: object): number =>
      lowVoltage(controlTaps(unit({}, { position, control: undefined, ...more }), 'nearest'));
    expect(at(0, ends)).toBeCloseTo(at(0, {}), 9);
    expect(at(-2, ends)).toBeCloseTo(at(-2, {}), 9);
    expect(at(2, ends)).toBeLessThan(at(2, {}) - 0.5);
  });
});
