/** Reference estimation cases of others, turned into problems of ours. */
import { compileGrid } from '../../grids/compile.ts';
import { gridDocumentSchema, type GridDocumentInput } from '../../grids/schema.ts';
import type {
  EstimationProblem,
  EstimatorMeasurement,
  ScalarKind,
  ScalarMeasurement,
} from '../../platform/state-estimation/estimator.ts';
import { referenceJson } from '../reference.ts';

export interface TextbookCase {
  readonly name: string;
  readonly buses: number;
  readonly branches_pu: readonly { f: number; t: number; r: number; x: number }[];
  readonly measurements: readonly { type: string; el: number; z: number; s: number }[];
  readonly expected: {
    readonly V_pu: readonly number[];
    readonly Va_deg: readonly number[];
    readonly J: number;
    readonly dof: number;
    readonly chi2_critical: Readonly<Record<string, number>>;
    readonly normalized_residuals: readonly number[];
    readonly max_rN_index: number;
    readonly 'bad_data_by_chi2_0.05': boolean;
  };
}

export const textbookCases = () => referenceJson('state-estimation/textbook/cases.json') as TextbookCase[];

/** Ohms equal per unit here: 1 kV nominal on the compiled grid's base of 1 MVA three-phase. */
export function textbookProblem(of: TextbookCase): EstimationProblem {
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: of.name,
      representation: 'positive-sequence',
      buses: Array.from({ length: of.buses }, (_, i) => ({ id: String(i), nominalVoltageV: 1000 })),
      lines: of.branches_pu.map((branch, i) => ({
        id: String(i),
        from: String(branch.f),
        to: String(branch.t),
        lengthM: 1000,
        r1OhmPerKm: branch.r,
        x1OhmPerKm: branch.x,
      })),
      externalGrids: [{ id: 'grid', bus: '0' }],
    } satisfies GridDocumentInput),
  );
  const measurements = of.measurements.map(({ type, el, z, s }, i): ScalarMeasurement => {
    const kind: ScalarKind = type.startsWith('v')
      ? 'voltageMagnitude'
      : type.startsWith('p')
        ? 'activePower'
        : 'reactivePower';
    const end = type.at(1) === 'f' ? 'from' : type.at(1) === 't' ? 'to' : 'bus';
    const place = end === 'bus' ? ({ at: 'bus', bus: el } as const) : ({ at: end, branch: el } as const);
    return { id: `m${i}`, kind, place, phase: 0, value: z, sigma: s };
  });
  return { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'always' };
}

interface PandapowerCase {
  readonly meta: { readonly f_hz: number };
  readonly elements: {
    readonly bus: readonly { index: number; vn_V: number; in_service: boolean }[];
    readonly line: readonly {
      index: number;
      from_bus: number;
      to_bus: number;
      length_km: number;
      r_ohm_per_km: number;
      x_ohm_per_km: number;
      c_F_per_km: number;
      g_S_per_km: number;
      parallel: number;
      in_service: boolean;
    }[];
    readonly trafo: readonly {
      index: number;
      hv_bus: number;
      lv_bus: number;
      sn_VA: number;
      vn_hv_V: number;
      vn_lv_V: number;
      vk_percent: number;
      vkr_percent: number;
      pfe_W: number;
      i0_percent: number;
      shift_degree: number;
    }[];
    readonly ext_grid: readonly { index: number; bus: number; vm_pu: number }[];
    readonly switch?: readonly { bus: number; element: number; et: string; closed: boolean }[];
  };
  readonly true_state: readonly { index: number; vm_pu: number; va_degree: number }[];
  readonly measurements: readonly {
    type: 'v' | 'p' | 'q';
    element_type: 'bus' | 'line' | 'trafo';
    element: number;
    side: string | null;
    value: number;
    std_dev: number;
  }[];
  readonly estimate: { readonly bus: readonly { index: number; vm_pu: number; va_degree: number }[] };
}

export interface SolvedProblem {
  readonly problem: EstimationProblem;
  /** Expected voltage by computational bus. */
  readonly truth: readonly { readonly vmPu: number; readonly vaDeg: number }[];
  readonly estimate: readonly { readonly vmPu: number; readonly vaDeg: number }[];
}

/** With `loose` an open line end is a bus whose zero injection is a pseudo-measurement with a sigma of 1 MVA. */
export function pandapowerProblem(name: string, loose: boolean = false): SolvedProblem {
  const of = referenceJson(`state-estimation/pandapower-solved/${name}.json`) as PandapowerCase;
  const { elements } = of;
  const closed = (line: number, bus: number) =>
    !(elements.switch ?? []).some((s) => s.et === 'l' && s.element === line && s.bus === bus && !s.closed);
  const openEnds = !loose
    ? []
    : elements.line.flatMap((line) =>
        [line.from_bus, line.to_bus].flatMap((bus) =>
          closed(line.index, bus) ? [] : [{ id: `open-${line.index}-${bus}`, bus }],
        ),
      );
  const endOf = (line: number, bus: number) =>
    openEnds.find(({ id }) => id === `open-${line}-${bus}`)?.id ?? String(bus);
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name,
      representation: 'positive-sequence',
      frequencyHz: of.meta.f_hz,
      buses: [
        ...elements.bus.map((bus) => ({ id: String(bus.index), nominalVoltageV: bus.vn_V })),
        ...openEnds.map(({ id, bus }) => ({ id, nominalVoltageV: elements.bus.find((b) => b.index === bus)!.vn_V })),
      ],
      lines: elements.line.map((line) => ({
        id: `line-${line.index}`,
        from: endOf(line.index, line.from_bus),
        to: endOf(line.index, line.to_bus),
        lengthM: line.length_km * 1000,
        r1OhmPerKm: line.r_ohm_per_km,
        x1OhmPerKm: line.x_ohm_per_km,
        c1FPerKm: line.c_F_per_km,
        g1SPerKm: line.g_S_per_km,
        parallel: line.parallel,
        fromClosed: loose || closed(line.index, line.from_bus),
        toClosed: loose || closed(line.index, line.to_bus),
        inService: line.in_service,
      })),
      transformers: elements.trafo.map((unit) => ({
        id: `trafo-${unit.index}`,
        from: String(unit.hv_bus),
        to: String(unit.lv_bus),
        ratedPowerVA: unit.sn_VA,
        ratedVoltageFromV: unit.vn_hv_V,
        ratedVoltageToV: unit.vn_lv_V,
        vkPercent: unit.vk_percent,
        vkrPercent: unit.vkr_percent,
        ironLossW: unit.pfe_W,
        noLoadCurrentPercent: unit.i0_percent,
        vectorGroup: `Dyn${unit.shift_degree / 30}`,
      })),
      externalGrids: elements.ext_grid.map((source) => ({ id: `grid-${source.index}`, bus: String(source.bus) })),
    } satisfies GridDocumentInput),
  );
  const busOf = (index: number) => grid.busIndex.get(String(index))!;
  const measurements = of.measurements.map((m, i): ScalarMeasurement => {
    const kind = m.type === 'v' ? 'voltageMagnitude' : m.type === 'p' ? 'activePower' : 'reactivePower';
    const atBus = m.element_type === 'bus';
    const place = atBus
      ? ({ at: 'bus', bus: busOf(m.element) } as const)
      : ({
          at: m.side === 'from' || m.side === 'hv' ? 'from' : 'to',
          branch: grid.branchIndex.get(`${m.element_type}-${m.element}`)!,
        } as const);
    // Consumption positive at buses there, injection positive here; three-phase powers on three times the phase base.
    const scale = m.type === 'v' ? 1 : 1 / (3 * grid.basePowerVA);
    const sign = atBus && m.type !== 'v' ? -1 : 1;
    return { id: `m${i}`, kind, place, phase: 0, value: sign * scale * m.value, sigma: scale * m.std_dev };
  });
  const MEGA = 1e6 / (3 * grid.basePowerVA);
  for (const { id } of openEnds) {
    for (const kind of ['activePower', 'reactivePower'] as const) {
      const place = { at: 'bus', bus: grid.busIndex.get(id)! } as const;
      measurements.push({ id: `${id}-${kind}`, kind, place, phase: 0, value: 0, sigma: MEGA });
    }
  }
  const referenceBus = busOf(elements.ext_grid[0]!.bus);
  const byBus = (rows: readonly { index: number; vm_pu: number; va_degree: number }[]) => {
    const sorted = elements.bus.map(() => ({ vmPu: Number.NaN, vaDeg: Number.NaN }));
    for (const row of rows) sorted[busOf(row.index)] = { vmPu: row.vm_pu, vaDeg: row.va_degree };
    return sorted;
  };
  return {
    problem: { grid, measurements, zeroInjections: [], referenceBus, statistics: 'always' },
    truth: byBus(of.true_state),
    estimate: byBus(of.estimate.bus),
  };
}

interface PyvoltCase {
  readonly base_MVA: number;
  readonly nodes: readonly { uuid: string; baseVoltage_V: number }[];
  readonly branches: readonly { start: string; end: string; r_pu: number; x_pu: number }[];
  readonly Ybus_pu_re: readonly (readonly number[])[];
  readonly Ybus_pu_im: readonly (readonly number[])[];
  readonly expected_dpsim_csv_V: Readonly<Record<string, readonly [number, number]>>;
}

/** CIGRE MV of the SOGNO estimator: |V| at N0 and the injections that its own Y-bus and voltages give at all others. */
export function pyvoltProblem(withPhasors: boolean): SolvedProblem {
  const of = referenceJson('state-estimation/pyvolt-cigre-mv/cigre_mv_notap.json') as PyvoltCase;
  const nominalVoltageV = 20_000;
  const zBase = nominalVoltageV ** 2 / (of.base_MVA * 1e6);
  const grid = compileGrid(
    gridDocumentSchema.parse({
      schema: 1,
      name: 'pyvolt CIGRE MV',
      representation: 'positive-sequence',
      buses: of.nodes.map(({ uuid }) => ({ id: uuid, nominalVoltageV })),
      lines: of.branches.map(({ start, end, r_pu, x_pu }, i) => ({
        id: `line-${i}`,
        from: start,
        to: end,
        lengthM: 1000,
        r1OhmPerKm: r_pu * zBase,
        x1OhmPerKm: x_pu * zBase,
      })),
      externalGrids: [{ id: 'grid', bus: 'N0' }],
    } satisfies GridDocumentInput),
  );
  const voltage = of.nodes.map(({ uuid, baseVoltage_V }) =>
    of.expected_dpsim_csv_V[uuid]!.map((v) => v / baseVoltage_V),
  ) as [number, number][];
  const measurements: EstimatorMeasurement[] = [];
  of.nodes.forEach((_, bus) => {
    const [vr, vi] = voltage[bus]!;
    let [ir, ii] = [0, 0];
    voltage.forEach(([re, im], k) => {
      const [g, b] = [of.Ybus_pu_re[bus]![k]!, of.Ybus_pu_im[bus]![k]!];
      ir += g * re - b * im;
      ii += g * im + b * re;
    });
    const common = { place: { at: 'bus', bus } as const, phase: 0 };
    const magnitude = Math.hypot(vr, vi);
    if (bus === 0) measurements.push({ ...common, id: 'v0', kind: 'voltageMagnitude', value: magnitude, sigma: 0.003 });
    if (withPhasors) {
      const angle = { angleRad: Math.atan2(vi, vr), angleSigmaRad: 0.002 };
      measurements.push({ ...common, ...angle, id: `u${bus}`, kind: 'voltagePhasor', value: magnitude, sigma: 0.002 });
    }
    if (bus === 0) return;
    const scale = of.base_MVA / ((3 * grid.basePowerVA) / 1e6);
    const [p, q] = [(vr * ir + vi * ii) * scale, (vi * ir - vr * ii) * scale];
    measurements.push(
      { ...common, id: `p${bus}`, kind: 'activePower', value: p, sigma: 0.02 },
      { ...common, id: `q${bus}`, kind: 'reactivePower', value: q, sigma: 0.02 },
    );
  });
  const truth = voltage.map(([re, im]) => ({ vmPu: Math.hypot(re, im), vaDeg: (Math.atan2(im, re) * 180) / Math.PI }));
  return {
    problem: { grid, measurements, zeroInjections: [], referenceBus: 0, statistics: 'always' },
    truth,
    estimate: truth,
  };
}
