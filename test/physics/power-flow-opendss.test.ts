/** Unbalanced feeders with missing phases and coupled conductors: the IEEE 13-node feeder and MATPOWER's three-phase case. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { checkGrid } from '../../grids/load.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { createPowerFlow } from '../../sim/physics/power-flow.ts';
import { openDssDocument, type OpenDssCase } from '../grids/opendss-tables.ts';
import { hasReference, referenceJson } from '../reference.ts';

const notice = hasReference ? '' : ' (skipped: no reference folder, see TWIN_REFERENCE)';

function compile(input: GridDocumentInput): CompiledGrid {
  const { document, problems } = checkGrid(input);
  if (document === undefined || problems.length > 0) throw new InvalidInputError(problems);
  return compileGrid(document);
}

describe.skipIf(!hasReference)(`IEEE 13-node feeder solved by OpenDSS${notice}`, () => {
  test.each([
    ['with the primitives of its transformers', false, 'current-injection'],
    ['with the primitives of its transformers', false, 'newton'],
    ['with transformers and single-phase regulators of ours', true, 'current-injection'],
    ['with transformers and single-phase regulators of ours', true, 'newton'],
  ] as const)('%s (own: %s, %s)', (_, own, method) => {
    const data = referenceJson('power-flow/opendss-solved/ieee13_taps.json') as OpenDssCase;
    const grid = compile(openDssDocument(data, own));
    const flow = createPowerFlow(grid, { method });
    expect(flow.solve().converged).toBe(true);
    let worst = 0;
    for (const { node, re_V, im_V } of data.nodes) {
      const [bus, phase] = node.split('.') as [string, string];
      const index = grid.busIndex.get(bus)!;
      const at = 2 * (3 * index + Number(phase) - 1);
      const base = grid.baseVoltageV[index]!;
      worst = Math.max(worst, Math.hypot(flow.voltage[at]! * base - re_V, flow.voltage[at + 1]! * base - im_V) / base);
    }
    expect(worst).toBeLessThan(1e-7);
    // Nodes that the feeder lacks have no voltage: 16 buses of three phases, less those that OpenDSS lists.
    const live = flow.voltage.filter((value) => Number.isFinite(value)).length / 2;
    expect(live).toBe(data.nodes.length - 3);
    const [sourceKw, sourceKvar] = data.total_source_power_kW_kvar;
    const { exchangeW, exchangeVar, lossesW } = flow.totals();
    expect(Math.abs(exchangeW / 1000 - sourceKw)).toBeLessThan(0.001);
    // Without the primitives the few vars that OpenDSS puts against floating windings are missing.
    expect(Math.abs(exchangeVar / 1000 - sourceKvar)).toBeLessThan(own ? 0.02 : 0.001);
    expect(Math.abs(lossesW - data.losses_W_var[0])).toBeLessThan(0.1);
  });
});

interface ThreePhaseCase {
  readonly buses: readonly { readonly id: number; readonly kV_LL: number }[];
  readonly lines: readonly {
    readonly id: number;
    readonly from: number;
    readonly to: number;
    readonly length_mi: number;
  }[];
  readonly line_matrices_ohm_per_mi: Readonly<Record<'R' | 'X' | 'C_nF_per_mi', number[][]>>;
  readonly transformer: {
    readonly R_pu: number;
    readonly X_pu: number;
    readonly base_kVA: number;
    readonly kV: [number, number];
  };
  readonly load: { readonly bus: number; readonly P_kW: number[]; readonly pf: number[] };
  readonly expected: { readonly Vm_kV_LN: number[][]; readonly Va_deg: number[][] };
}

describe.skipIf(!hasReference)(`IEEE 4-bus feeder of MATPOWER${notice}`, () => {
  test.each(['current-injection', 'newton'] as const)('%s', (method) => {
    const data = referenceJson('power-flow/opendss-solved/t_case3p_a.json') as ThreePhaseCase;
    const { R, X, C_nF_per_mi: C } = data.line_matrices_ohm_per_mi;
    const { R_pu, X_pu, base_kVA, kV } = data.transformer;
    const perPhase = (of: (k: number) => number) => ({ A: of(0), B: of(1), C: of(2) });
    const grid = compile({
      schema: 1,
      name: 't_case3p_a',
      representation: 'three',
      frequencyHz: 60,
      buses: data.buses.map(({ id, kV_LL }) => ({ id: String(id), nominalVoltageV: kV_LL * 1000 })),
      // Per mile: a "kilometre" is a mile here, and lengths are in thousandths of one.
      matrixLines: data.lines.map(({ id, from, to, length_mi }) => ({
        id: String(id),
        from: String(from),
        to: String(to),
        lengthM: length_mi * 1000,
        phases: ['A', 'B', 'C'],
        rOhmPerKm: R,
        xOhmPerKm: X,
        cFPerKm: C.map((row) => row.map((value) => value * 1e-9)),
      })),
      transformers: [
        {
          id: 'transformer',
          from: '2',
          to: '3',
          ratedPowerVA: base_kVA * 1000,
          ratedVoltageFromV: kV[0] * 1000,
          ratedVoltageToV: kV[1] * 1000,
          vkPercent: 100 * Math.hypot(R_pu, X_pu),
          vkrPercent: 100 * R_pu,
          vectorGroup: 'YNyn0',
        },
      ],
      loads: [
        {
          id: 'load',
          bus: String(data.load.bus),
          activePowerW: perPhase((k) => data.load.P_kW[k]! * 1000),
          reactivePowerVar: perPhase((k) => data.load.P_kW[k]! * 1000 * Math.tan(Math.acos(data.load.pf[k]!))),
        },
      ],
      externalGrids: [{ id: 'grid', bus: '1' }],
    });
    const flow = createPowerFlow(grid, { method });
    expect(flow.solve().converged).toBe(true);
    data.expected.Vm_kV_LN.forEach((row, b) => {
      row.forEach((vm, k) => {
        const at = 2 * (3 * grid.busIndex.get(String(b + 1))! + k);
        const base = grid.baseVoltageV[grid.busIndex.get(String(b + 1))!]!;
        const angle = (data.expected.Va_deg[b]![k]! * Math.PI) / 180;
        const error = Math.hypot(
          flow.voltage[at]! - (vm * 1000 * Math.cos(angle)) / base,
          flow.voltage[at + 1]! - (vm * 1000 * Math.sin(angle)) / base,
        );
        expect(error, `bus ${b + 1} phase ${k}`).toBeLessThan(2e-5);
      });
    });
  });
});
