/** The solved pandapower reference cases as grid documents: their element tables, in SI already, in our words. */
import type { GridDocumentInput } from '../../grids/schema.ts';

type Value = number | string | boolean | null;
type Row = Readonly<Record<string, Value>>;
type Tables = Readonly<Record<string, readonly Row[]>>;

export interface PandapowerCase {
  readonly meta: { readonly name: string; readonly f_hz: number; readonly options: { readonly trafo_model?: string } };
  readonly elements: Tables;
  readonly result?: Tables;
  readonly result_3ph?: Tables;
}

export function rows(tables: Tables | undefined, name: string): readonly Row[] {
  return tables?.[name] ?? [];
}

export function number(row: Row, key: string): number {
  const value = row[key];
  return typeof value === 'number' ? value : Number.NaN;
}

function numberOr(row: Row, key: string, fallback: number): number {
  const value = row[key];
  return typeof value === 'number' ? value : fallback;
}

const id = (row: Row, key: string): string => String(row[key]);

/** Whether an end of a line ('l') or transformer ('t') is closed: an open switch at that bus opens it. */
function endClosed(tables: Tables, type: 'l' | 't', element: Row, busKey: string): boolean {
  return !rows(tables, 'switch').some(
    (item) =>
      item['et'] === type &&
      item['element'] === element['index'] &&
      item['bus'] === element[busKey] &&
      item['closed'] === false,
  );
}

function lines(tables: Tables): NonNullable<GridDocumentInput['lines']> {
  return rows(tables, 'line').map((line) => ({
    id: `line-${id(line, 'index')}`,
    from: id(line, 'from_bus'),
    to: id(line, 'to_bus'),
    lengthM: number(line, 'length_km') * 1000,
    r1OhmPerKm: number(line, 'r_ohm_per_km'),
    x1OhmPerKm: number(line, 'x_ohm_per_km'),
    c1FPerKm: number(line, 'c_F_per_km'),
    g1SPerKm: number(line, 'g_S_per_km'),
    ...(typeof line['r0_ohm_per_km'] === 'number' && {
      r0OhmPerKm: number(line, 'r0_ohm_per_km'),
      x0OhmPerKm: number(line, 'x0_ohm_per_km'),
      c0FPerKm: number(line, 'c0_F_per_km'),
      g0SPerKm: numberOr(line, 'g0_S_per_km', 0),
    }),
    parallel: number(line, 'parallel'),
    fromClosed: endClosed(tables, 'l', line, 'from_bus'),
    toClosed: endClosed(tables, 'l', line, 'to_bus'),
    inService: line['in_service'] === true,
  }));
}

/** Vector groups of the balanced cases are unknown and irrelevant: star-star with the shift as it is. */
function vectorGroup(unit: Row): { vectorGroup: string; extraShiftDeg: number } {
  const shift = number(unit, 'shift_degree');
  if (typeof unit['vector_group'] !== 'string') return { vectorGroup: 'Yy0', extraShiftDeg: shift };
  return { vectorGroup: `${unit['vector_group']}${Math.round(shift / 30) % 12}`, extraShiftDeg: 0 };
}

function transformers(tables: Tables, model: 't' | 'pi'): NonNullable<GridDocumentInput['transformers']> {
  return rows(tables, 'trafo').map((unit) => ({
    id: `trafo-${id(unit, 'index')}`,
    from: id(unit, 'hv_bus'),
    to: id(unit, 'lv_bus'),
    ratedPowerVA: number(unit, 'sn_VA'),
    ratedVoltageFromV: number(unit, 'vn_hv_V'),
    ratedVoltageToV: number(unit, 'vn_lv_V'),
    vkPercent: number(unit, 'vk_percent'),
    vkrPercent: number(unit, 'vkr_percent'),
    ironLossW: number(unit, 'pfe_W'),
    noLoadCurrentPercent: number(unit, 'i0_percent'),
    model,
    ...vectorGroup(unit),
    ...(typeof unit['tap_step_percent'] === 'number' && {
      tap: {
        side: unit['tap_side'] === 'lv' ? 'to' : 'from',
        position: numberOr(unit, 'tap_pos', 0),
        neutral: numberOr(unit, 'tap_neutral', 0),
        stepPercent: unit['tap_step_percent'],
      } as const,
    }),
    ...(typeof unit['vk0_percent'] === 'number' && { zeroSequence: zeroSequence(unit) }),
    parallel: number(unit, 'parallel'),
    fromClosed: endClosed(tables, 't', unit, 'hv_bus'),
    toClosed: endClosed(tables, 't', unit, 'lv_bus'),
    inService: unit['in_service'] === true,
  }));
}

/** pandapower's `mag0_percent` is the ratio of the magnetising to the short-circuit impedance, in spite of its name. */
function zeroSequence(unit: Row) {
  return {
    vkPercent: number(unit, 'vk0_percent'),
    vkrPercent: number(unit, 'vkr0_percent'),
    magnetisingRatio: number(unit, 'mag0_percent'),
    magnetisingRX: number(unit, 'mag0_rx'),
    hvShare: number(unit, 'si0_hv_partial'),
  };
}

function scaled(row: Row, key: string): number {
  return number(row, key) * numberOr(row, 'scaling', 1);
}

function perPhase(row: Row, prefix: 'p' | 'q'): { A: number; B: number; C: number } {
  const unit = prefix === 'p' ? 'W' : 'var';
  const [A, B, C] = ['a', 'b', 'c'].map((phase) => scaled(row, `${prefix}_${phase}_${unit}`));
  return { A: A!, B: B!, C: C! };
}

function loads(tables: Tables): NonNullable<GridDocumentInput['loads']> {
  const balanced = rows(tables, 'load').map((load) => {
    const z = number(load, 'const_z_percent') / 100;
    const i = number(load, 'const_i_percent') / 100;
    return {
      id: `load-${id(load, 'index')}`,
      bus: id(load, 'bus'),
      activePowerW: scaled(load, 'p_W'),
      reactivePowerVar: scaled(load, 'q_var'),
      ...((z !== 0 || i !== 0) && { zip: { constantImpedance: z, constantCurrent: i, constantPower: 1 - z - i } }),
      inService: load['in_service'] === true,
    };
  });
  const asymmetric = rows(tables, 'asymmetric_load').map((load) => ({
    id: `asymmetric-load-${id(load, 'index')}`,
    bus: id(load, 'bus'),
    connection: load['type'] === 'delta' ? ('delta' as const) : ('wye' as const),
    activePowerW: perPhase(load, 'p'),
    reactivePowerVar: perPhase(load, 'q'),
    inService: load['in_service'] === true,
  }));
  return [...balanced, ...asymmetric];
}

/** Limits of voltage-controlled generators are left out: the cases were solved without keeping them. */
function generators(data: PandapowerCase): NonNullable<GridDocumentInput['generators']> {
  const tables = data.elements;
  const sgens = rows(tables, 'sgen').map((item) => ({
    id: `sgen-${id(item, 'index')}`,
    bus: id(item, 'bus'),
    activePowerW: scaled(item, 'p_W'),
    reactivePowerVar: scaled(item, 'q_var'),
    inService: item['in_service'] === true,
  }));
  const gens = rows(tables, 'gen').map((item) => ({
    id: `gen-${id(item, 'index')}`,
    bus: id(item, 'bus'),
    activePowerW: scaled(item, 'p_W'),
    voltageControl: { voltagePu: number(item, 'vm_pu') },
    inService: item['in_service'] === true,
  }));
  const asymmetric = rows(tables, 'asymmetric_sgen').map((item) => ({
    id: `asymmetric-sgen-${id(item, 'index')}`,
    bus: id(item, 'bus'),
    activePowerW: perPhase(item, 'p'),
    reactivePowerVar: perPhase(item, 'q'),
    inService: item['in_service'] === true,
  }));
  return [...sgens, ...gens, ...asymmetric];
}

function shunts(tables: Tables): NonNullable<GridDocumentInput['shunts']> {
  const nominal = new Map(rows(tables, 'bus').map((bus) => [bus['index'], number(bus, 'vn_V')]));
  return rows(tables, 'shunt').map((shunt) => {
    const factor = numberOr(shunt, 'step', 1) * (nominal.get(shunt['bus'])! / number(shunt, 'vn_V')) ** 2;
    return {
      id: `shunt-${id(shunt, 'index')}`,
      bus: id(shunt, 'bus'),
      activePowerW: number(shunt, 'p_W_at_1pu') * factor,
      reactivePowerVar: number(shunt, 'q_var_at_1pu') * factor,
      inService: shunt['in_service'] === true,
    };
  });
}

/** IEC 60909 voltage factor that pandapower puts into the source impedance: z = 1.1 U^2 / S_sc. */
const C_MAX = 1.1;

/** Stiff in the balanced cases; behind its short-circuit impedance in the three-phase ones. */
function externalGrids(tables: Tables, three: boolean): NonNullable<GridDocumentInput['externalGrids']> {
  return rows(tables, 'ext_grid').map((source) => ({
    id: `ext-grid-${id(source, 'index')}`,
    bus: id(source, 'bus'),
    voltagePu: number(source, 'vm_pu'),
    angleDeg: number(source, 'va_degree'),
    ...(three && {
      shortCircuitPowerVA: number(source, 's_sc_max_VA') / C_MAX,
      shortCircuitRX: number(source, 'rx_max'),
      zeroSequenceRatio: number(source, 'x0x_max'),
      // pandapower holds the positive sequence at the terminals; the impedance counts in the other two.
      stiffPositiveSequence: true,
    }),
    inService: source['in_service'] === true,
  }));
}

/** Branches are `line-N` and `trafo-N`, buses keep their numbers. */
export function pandapowerDocument(data: PandapowerCase): GridDocumentInput {
  const tables = data.elements;
  const three = data.result_3ph !== undefined;
  return {
    schema: 1,
    name: data.meta.name,
    representation: three ? 'three' : 'positive-sequence',
    frequencyHz: data.meta.f_hz,
    buses: rows(tables, 'bus').map((bus) => ({
      id: id(bus, 'index'),
      nominalVoltageV: number(bus, 'vn_V'),
      inService: bus['in_service'] === true,
    })),
    lines: lines(tables),
    transformers: transformers(tables, data.meta.options.trafo_model === 'pi' ? 'pi' : 't'),
    switches: rows(tables, 'switch')
      .filter((item) => item['et'] === 'b')
      .map((item) => ({
        id: `switch-${id(item, 'index')}`,
        from: id(item, 'bus'),
        to: id(item, 'element'),
        closed: item['closed'] === true,
      })),
    loads: loads(tables),
    generators: generators(data),
    shunts: shunts(tables),
    externalGrids: externalGrids(tables, three),
  };
}
