/** pandapower's own estimation tests, recorded with their input tables and the estimate they got, as problems of ours. */
import { readdirSync } from 'node:fs';
import { compileGrid } from '../../grids/compile.ts';
import { gridDocumentSchema, type GridDocumentInput } from '../../grids/schema.ts';
import type { EstimationProblem, ScalarKind } from '../../platform/state-estimation/estimator.ts';
import { parseMeasurements } from '../../platform/state-estimation/measurement-file.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { referenceJson, referencePath } from '../reference.ts';

type Row = Readonly<Record<string, number | string | boolean | null>>;
type Tables = Readonly<Record<string, readonly Row[] | undefined>>;

export interface RecordedCall {
  readonly call: 'estimate' | 'chi2_analysis' | 'remove_bad_data';
  readonly kwargs: Readonly<Record<string, unknown>>;
  readonly input: Tables;
  readonly returned: boolean | { readonly success: boolean };
  readonly res_bus_est?: readonly {
    readonly index: number;
    readonly vm_pu: number | null;
    readonly va_degree: number | null;
  }[];
  readonly measurements_left: readonly number[];
}

const FOLDER = 'state-estimation/pandapower-tests';

/** Names as pandapower has them, `module.test`. */
export function recordedTests(): readonly string[] {
  return readdirSync(referencePath(FOLDER))
    .sort()
    .map((file) => file.replace('.json', '').replace('__', '.'));
}

export function recordedCalls(test: string): readonly RecordedCall[] {
  const file = `${FOLDER}/${test.replace('.', '__')}.json`;
  return (referenceJson(file) as { calls: readonly RecordedCall[] }).calls;
}

/** Which recorded tests use networks of MATPOWER, whose capacitances belong to 60 Hz. */
const SIXTY_HERTZ = /case9|oos_line|lp_lav|irwls/;

/** The call as a problem; measurement ids are the indices of the table. Powers of buses are consumption there. */
export function recordedProblem({ input, kwargs }: RecordedCall, test: string): EstimationProblem {
  const grid = compileGrid(gridDocumentSchema.parse(documentOf(input, kwargs, SIXTY_HERTZ.test(test) ? 60 : 50)));
  const busOf = (index: number) => grid.busIndex.get(String(index))!;
  const rows = (input['measurement'] ?? []).map((row) => nativeRow(row, input, grid));
  const measurements = parseMeasurements(JSON.stringify({ measurements: rows }), grid);
  const injected = new Set<number>();
  for (const table of ['load', 'sgen', 'gen', 'ext_grid']) {
    for (const row of input[table] ?? []) if (row['in_service'] !== false) injected.add(busOf(row['bus'] as number));
  }
  for (const measurement of measurements) {
    if (measurement.kind === 'sourceBalance') continue;
    const { kind, place } = measurement;
    if (place.at === 'bus' && (kind === 'activePower' || kind === 'reactivePower')) injected.add(place.bus);
  }
  const named = new Set(grid.document.buses.map(({ id }) => grid.busIndex.get(id)));
  const everywhere = kwargs['zero_injection'] === 'no_inj_bus';
  // What stands in no table is a star point of the compiled grid; pandapower's default takes those as free of injection.
  const zeroInjections = Array.from({ length: grid.busCount }, (_, bus) => bus).filter(
    (bus) => grid.energised[bus] === 1 && (named.has(bus) ? everywhere && !injected.has(bus) : true),
  );
  return { grid, measurements, zeroInjections, referenceBus: grid.sources[0]!.bus, statistics: 'always' };
}

/** Impedance of switches that are not fused there: 0.1 ohm with R/X = 2. */
const SWITCH_OHM = { r: 0.2 / Math.sqrt(5), x: 0.1 / Math.sqrt(5) };

const KINDS = {
  v: 'voltageMagnitude',
  p: 'activePower',
  q: 'reactivePower',
  i: 'currentMagnitude',
} as const satisfies Record<string, ScalarKind>;

/** Volts phase to ground, W, var, A; powers at buses are consumption there. */
function nativeRow(row: Row, input: Tables, grid: CompiledGrid): object {
  const type = row['measurement_type'] as keyof typeof KINDS;
  const atBus = row['element_type'] === 'bus';
  const element = row['element'] as number;
  const nominal = atBus ? grid.baseVoltageV[grid.busIndex.get(String(element))!]! : 0;
  const scale = { v: nominal, p: 1e6, q: 1e6, i: 1e3 }[type] * (atBus && type !== 'v' ? -1 : 1);
  return {
    id: String(row['index']),
    kind: KINDS[type],
    at: atBus ? `bus:${element}` : branchEnd(row, input),
    value: scale * (row['value'] as number),
    sigma: Math.abs(scale) * (row['std_dev'] as number),
  };
}

function branchEnd(row: Row, input: Tables): string {
  const side = row['side'];
  const type = row['element_type'] as string;
  const id = `${type}-${row['element']}`;
  if (type === 'trafo3w') return `branch:${id}:${{ hv: 'high', mv: 'medium', lv: 'low' }[side as 'hv']}:from`;
  const line = (input['line'] ?? []).find((other) => type === 'line' && other['index'] === row['element']);
  const from = side === 'from' || side === 'hv' || (line !== undefined && side === line['from_bus']);
  return `branch:${id}:${from ? 'from' : 'to'}`;
}

function documentOf(input: Tables, kwargs: RecordedCall['kwargs'], frequencyHz: number): GridDocumentInput {
  const rows = (table: string) => input[table] ?? [];
  const n = (row: Row, key: string) => row[key] as number;
  const open = (et: string, element: unknown, bus: unknown) =>
    rows('switch').some((s) => s['et'] === et && s['element'] === element && s['bus'] === bus && s['closed'] === false);
  const fused = kwargs['fuse_buses_with_bb_switch'];
  // `all`, none, or those switches that touch the buses of a list.
  const fuses = (s: Row) =>
    fused === undefined || fused === 'all' || (fused !== null && JSON.parse(fused as string).includes(s['bus']));
  return {
    schema: 1,
    name: 'recorded',
    representation: 'positive-sequence',
    frequencyHz,
    buses: rows('bus').map((bus) => ({
      id: String(bus['index']),
      nominalVoltageV: 1e3 * n(bus, 'vn_kv'),
      inService: bus['in_service'] === true,
    })),
    lines: rows('line').map((line) => ({
      id: `line-${line['index']}`,
      from: String(line['from_bus']),
      to: String(line['to_bus']),
      lengthM: 1e3 * n(line, 'length_km'),
      r1OhmPerKm: n(line, 'r_ohm_per_km'),
      x1OhmPerKm: n(line, 'x_ohm_per_km'),
      c1FPerKm: 1e-9 * n(line, 'c_nf_per_km'),
      g1SPerKm: 1e-6 * n(line, 'g_us_per_km'),
      parallel: n(line, 'parallel'),
      fromClosed: !open('l', line['index'], line['from_bus']),
      toClosed: !open('l', line['index'], line['to_bus']),
      inService: line['in_service'] === true,
    })),
    transformers: rows('trafo').map((unit) => ({
      id: `trafo-${unit['index']}`,
      from: String(unit['hv_bus']),
      to: String(unit['lv_bus']),
      ratedPowerVA: 1e6 * n(unit, 'sn_mva'),
      ratedVoltageFromV: 1e3 * n(unit, 'vn_hv_kv'),
      ratedVoltageToV: 1e3 * n(unit, 'vn_lv_kv'),
      vkPercent: n(unit, 'vk_percent'),
      vkrPercent: n(unit, 'vkr_percent'),
      ironLossW: 1e3 * n(unit, 'pfe_kw'),
      noLoadCurrentPercent: n(unit, 'i0_percent'),
      vectorGroup: vectorGroup(n(unit, 'shift_degree')),
      ...(typeof unit['tap_pos'] === 'number' &&
        typeof unit['tap_step_percent'] === 'number' && {
          tap: {
            side: unit['tap_side'] === 'lv' ? ('to' as const) : ('from' as const),
            position: unit['tap_pos'],
            neutral: n(unit, 'tap_neutral'),
            stepPercent: unit['tap_step_percent'],
          },
        }),
      inService: unit['in_service'] === true,
    })),
    threeWindingTransformers: rows('trafo3w').map((unit) => {
      const winding = (side: string) => ({
        bus: String(unit[`${side}_bus`]),
        ratedPowerVA: 1e6 * n(unit, `sn_${side}_mva`),
        ratedVoltageV: 1e3 * n(unit, `vn_${side}_kv`),
      });
      const pair = (side: string) => ({
        vkPercent: n(unit, `vk_${side}_percent`),
        vkrPercent: n(unit, `vkr_${side}_percent`),
      });
      return {
        id: `trafo3w-${unit['index']}`,
        high: winding('hv'),
        medium: winding('mv'),
        low: winding('lv'),
        highMedium: pair('hv'),
        mediumLow: pair('mv'),
        highLow: pair('lv'),
        ironLossW: 1e3 * n(unit, 'pfe_kw'),
        noLoadCurrentPercent: n(unit, 'i0_percent'),
        vectorGroup: 'YNyn0yn0',
        inService: unit['in_service'] === true,
      };
    }),
    // A closed switch that is not to be fused becomes a short branch.
    generalBranches: rows('switch')
      .filter((s) => s['et'] === 'b' && s['closed'] === true && !fuses(s))
      .map((s) => ({
        id: `switch-${s['index']}`,
        from: String(s['bus']),
        to: String(s['element']),
        r1Ohm: SWITCH_OHM.r,
        x1Ohm: SWITCH_OHM.x,
      })),
    switches: rows('switch')
      .filter((s) => s['et'] === 'b')
      .map((s) => ({
        id: `switch-${s['index']}`,
        from: String(s['bus']),
        to: String(s['element']),
        closed: s['closed'] === true && fuses(s),
      })),
    shunts: rows('shunt').map((shunt) => ({
      id: `shunt-${shunt['index']}`,
      bus: String(shunt['bus']),
      activePowerW: 1e6 * n(shunt, 'p_mw'),
      reactivePowerVar: 1e6 * n(shunt, 'q_mvar'),
    })),
    externalGrids: rows('ext_grid').map((source) => ({
      id: `grid-${source['index']}`,
      bus: String(source['bus']),
      inService: source['in_service'] === true,
    })),
  };
}

function vectorGroup(shiftDegree: number): string {
  const clock = Math.round(shiftDegree / 30);
  return clock % 2 === 0 ? `YNyn${clock}` : `Dyn${clock}`;
}
