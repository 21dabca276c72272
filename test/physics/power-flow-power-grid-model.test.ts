/** power-grid-model's validation cases, symmetric and asymmetric, within the tolerances that they come with. */
import { describe, expect, test } from 'vitest';
import { compileGrid } from '../../grids/compile.ts';
import { readPowerGridModel } from '../../grids/import/power-grid-model/to-grid.ts';
import { sourcePowers } from '../../sim/physics/power-flow-sources.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';
import {
  caseNames,
  readCalculations,
  readTolerances,
  valuesOf,
  type Calculation,
  type Component,
} from '../grids/power-grid-model-cases.ts';
import { hasReference } from '../reference.ts';

const FOLDER = 'power-flow/power-grid-model-cases';
const notice = hasReference ? '' : ' (skipped: no reference folder, see TWIN_REFERENCE)';
const names = hasReference ? caseNames(FOLDER).filter((name) => !name.startsWith('automatic-tap-regulator')) : [];

/** What these cases ask of power-grid-model is to refuse; here they are solved, and there is nothing to compare. */
const WITHOUT_ANSWER: Readonly<Record<string, string>> = {
  'pv-node/pv-node-calc-methods': 'its outputs are empty: it asks other methods to refuse voltage control',
  'pv-node/pv-node-source': 'its outputs are empty: a stiff source and a controlled generator share a bus',
  'pv-node/pv-node-tap-regulator': 'its outputs are empty: voltage and tap regulators together',
  'pv-node/pv-node-load-gen-const-i-y':
    'it has no outputs: voltage control of generators whose power depends on voltage',
};

/** Fields that are compared in all cases but these, with the reason. */
const NOT_COMPARED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'dummy-test': { 'asym u_angle': 'the output gives one angle to all three phases' },
};

interface Complex {
  readonly re: number;
  readonly im: number;
}

/** Power into a branch at one end and phase, W and var; the sum of three phases in a positive-sequence grid. */
function branchPower(flow: PowerFlow, id: string, end: 'from' | 'to', phase: number): Complex {
  const { grid, voltage } = flow;
  const branch = grid.branches[grid.branchIndex.get(id) ?? -1]!;
  const current = flow.branchCurrents()[end];
  const v = 2 * (branch[end] * grid.phases + phase);
  const i = 2 * (branch.index * grid.phases + phase);
  const base = (grid.basePowerVA * 3) / grid.phases;
  const [vr, vi, ir, ii] = [voltage[v]!, voltage[v + 1]!, current[i]!, current[i + 1]!];
  // No voltage, no power: an open end at a dead bus.
  if (Number.isNaN(vr) && ir === 0 && ii === 0) return { re: 0, im: 0 };
  return { re: base * (vr * ir + vi * ii), im: base * (vi * ir - vr * ii) };
}

/** Current at one end and phase of a branch, A. */
function branchCurrent(flow: PowerFlow, id: string, end: 'from' | 'to', phase: number): number {
  const { grid } = flow;
  const branch = grid.branches[grid.branchIndex.get(id) ?? -1]!;
  const current = flow.branchCurrents()[end];
  const i = 2 * (branch.index * grid.phases + phase);
  return (Math.hypot(current[i]!, current[i + 1]!) * grid.basePowerVA) / grid.baseVoltageV[branch[end]]!;
}

/** Notes by how many tolerances a value is off. */
type Check = (actual: number, expected: number, field: string, where: string) => void;

function compareNodes(flow: PowerFlow, { output }: Calculation, check: Check): void {
  const { grid, voltage } = flow;
  const at = (id: unknown, phase: number): number => 2 * (grid.busIndex.get(String(id))! * grid.phases + phase);
  // The angle of the whole is the source's affair: where the output has angles, they are relative to its first node.
  const first = output['node']!.find((node) => node['energized'] !== 0 && valuesOf(node, 'u_angle').length > 0);
  const turn =
    first === undefined
      ? 0
      : valuesOf(first, 'u_angle')[0]! - Math.atan2(voltage[at(first['id'], 0) + 1]!, voltage[at(first['id'], 0)]!);
  for (const node of output['node'] ?? []) {
    const index = grid.busIndex.get(String(node['id']))!;
    const dead = node['energized'] === 0 || valuesOf(node, 'u_pu')[0] === 0;
    for (let phase = 0; phase < grid.phases; phase++) {
      const [re, im] = [voltage[at(node['id'], phase)]!, voltage[at(node['id'], phase) + 1]!];
      const where = `node ${String(node['id'])} phase ${phase}`;
      // Dead is not a number here: anything else is infinitely wrong.
      if (dead) check(Number.isNaN(re) ? 0 : Infinity, 0, 'u', where);
      if (dead) continue;
      const vm = Math.hypot(re, im);
      const lineToLine = grid.phases === 1 ? Math.sqrt(3) : 1;
      const [pu, volts, angle] = ['u_pu', 'u', 'u_angle'].map((field) => valuesOf(node, field)[phase]);
      if (pu !== undefined) check(vm, pu, 'u_pu', where);
      if (volts !== undefined) check(vm * grid.baseVoltageV[index]! * lineToLine, volts, 'u', where);
      if (angle === undefined) continue;
      const difference = Math.atan2(im, re) + turn - angle;
      check(2 * Math.sin(difference / 2), 0, 'u_angle', where);
    }
  }
}

function compareBranches(flow: PowerFlow, { output }: Calculation, check: Check): void {
  for (const kind of ['line', 'asym_line', 'transformer', 'generic_branch']) {
    for (const item of output[kind] ?? []) {
      const id = String(item['id']);
      // Lines from a bus to itself are shunts here.
      if (!flow.grid.branchIndex.has(id)) continue;
      for (const end of ['from', 'to'] as const) {
        valuesOf(item, `p_${end}`).forEach((p, k) => {
          if (item['energized'] !== 0) check(branchPower(flow, id, end, k).re, p, 'p', `${kind} ${id} ${end}`);
        });
        valuesOf(item, `q_${end}`).forEach((q, k) => {
          if (item['energized'] !== 0) check(branchPower(flow, id, end, k).im, q, 'q', `${kind} ${id} ${end}`);
        });
        valuesOf(item, `i_${end}`).forEach((i, k) => {
          if (item['energized'] !== 0) check(branchCurrent(flow, id, end, k), i, 'i', `${kind} ${id} ${end}`);
        });
      }
    }
  }
}

/** Terminals 1, 2 and 3 are the far ends of the three legs. */
function compareThreeWinding(flow: PowerFlow, { output }: Calculation, check: Check): void {
  for (const item of output['three_winding_transformer'] ?? []) {
    if (item['energized'] === 0) continue;
    ['high', 'medium', 'low'].forEach((winding, terminal) => {
      const id = `${String(item['id'])}:${winding}`;
      const fields = ['p', 'q', 'i'].map((field) => valuesOf(item, `${field}_${terminal + 1}`));
      fields[0]!.forEach((p, k) => check(branchPower(flow, id, 'from', k).re, p, 'p', id));
      fields[1]!.forEach((q, k) => check(branchPower(flow, id, 'from', k).im, q, 'q', id));
      fields[2]!.forEach((i, k) => check(branchCurrent(flow, id, 'from', k), i, 'i', id));
    });
  }
}

/** What each shunt takes at the solved voltages: v conj(y v), its phases coupled by the zero sequence. */
function compareShunts(flow: PowerFlow, { output }: Calculation, check: Check): void {
  const { grid, voltage } = flow;
  for (const item of output['shunt'] ?? []) {
    const id = String(item['id']);
    const own = grid.document.shunts.find((shunt) => shunt.id === id)!;
    if (item['energized'] === 0 || !own.inService) continue;
    const bus = grid.busIndex.get(own.bus)!;
    const volt = grid.baseVoltageV[bus]!;
    const y1 = { re: own.g1S, im: own.b1S };
    const y0 = grid.phases === 1 ? y1 : { re: own.g0S ?? own.g1S, im: own.b0S ?? own.b1S };
    const at = (phase: number): Complex => {
      const k = 2 * (bus * grid.phases + phase);
      return { re: volt * voltage[k]!, im: volt * voltage[k + 1]! };
    };
    for (let phase = 0; phase < grid.phases; phase++) {
      const v = at(phase);
      const mean = { re: 0, im: 0 };
      for (let other = 0; other < grid.phases; other++) {
        mean.re += at(other).re / 3;
        mean.im += at(other).im / 3;
      }
      // i = y1 v + (y0 - y1) mean(v).
      const [dr, di] = [y0.re - y1.re, y0.im - y1.im];
      const ir = y1.re * v.re - y1.im * v.im + dr * mean.re - di * mean.im;
      const ii = y1.re * v.im + y1.im * v.re + dr * mean.im + di * mean.re;
      const sum = grid.phases === 1 ? 3 : 1;
      const [p, q] = ['p', 'q'].map((field) => valuesOf(item, field)[phase]);
      if (p !== undefined) check(sum * (v.re * ir + v.im * ii), p, 'p', `shunt ${id}`);
      if (q !== undefined) check(sum * (v.im * ir - v.re * ii), q, 'q', `shunt ${id}`);
    }
  }
}

/** Loads and generators at the solved voltages, limited and controlled ones included. */
function compareElements(flow: PowerFlow, { output }: Calculation, check: Check): void {
  const { phases, document } = flow.grid;
  const actual = flow.actualPowers();
  for (const [kinds, items, powers] of [
    [['sym_load', 'asym_load'], document.loads, actual.load],
    [['sym_gen', 'asym_gen'], document.generators, actual.generator],
  ] as const) {
    const index = new Map(items.map((item, k) => [item.id, k]));
    for (const item of kinds.flatMap((kind): readonly Component[] => output[kind] ?? [])) {
      const own = index.get(String(item['id']));
      if (own === undefined) continue;
      for (const [k, field] of ['p', 'q'].entries()) {
        valuesOf(item, field).forEach((value, phase) => {
          const found = powers[2 * (own * phases + phase) + k]! * (phases === 1 ? 3 : 1);
          check(found, value, field, `${kinds[0]} ${String(item['id'])}`);
        });
      }
    }
  }
}

function compareSources(flow: PowerFlow, { output }: Calculation, check: Check): void {
  const powers = new Map(sourcePowers(flow).map((source) => [source.id, source]));
  for (const item of output['source'] ?? []) {
    const own = powers.get(String(item['id']));
    valuesOf(item, 'p').forEach((p, k) => check(own?.activePowerW[k] ?? 0, p, 'p', `source ${String(item['id'])}`));
    valuesOf(item, 'q').forEach((q, k) => check(own?.reactivePowerVar[k] ?? 0, q, 'q', `source ${String(item['id'])}`));
  }
}

describe.skipIf(!hasReference)(`power-grid-model cases${notice}`, () => {
  test.each(names.filter((name) => WITHOUT_ANSWER[name] === undefined))('%s', (name) => {
    const { rtol, atol } = readTolerances(FOLDER, name);
    const absolute = (field: string): number =>
      typeof atol === 'number' ? atol : (atol[field] ?? atol['default'] ?? 0);
    const calculations = readCalculations(FOLDER, name);
    expect(calculations.length).toBeGreaterThan(0);
    for (const calculation of calculations) {
      const representation = calculation.symmetric ? 'positive-sequence' : 'three';
      const { grid } = readPowerGridModel(calculation.text, 'input.json', representation);
      // Some expect a zero among megawatts to a ten-millionth of a var.
      const flow = createPowerFlow(compileGrid(grid), { tolerancePu: 1e-13 });
      expect(flow.solve(), calculation.what).toMatchObject({ converged: true });
      let compared = 0;
      let worst = 0;
      let place = '';
      const check: Check = (found, expected, field, where) => {
        if (NOT_COMPARED[name]?.[`${calculation.what} ${field}`] !== undefined) return;
        compared++;
        const off = Math.abs(found - expected) / (absolute(field) + rtol * Math.abs(expected));
        if (off <= worst) return;
        worst = off;
        place = `${calculation.what}: ${field} of ${where} is ${found}, expected ${expected}`;
      };
      compareNodes(flow, calculation, check);
      compareBranches(flow, calculation, check);
      compareThreeWinding(flow, calculation, check);
      compareShunts(flow, calculation, check);
      compareElements(flow, calculation, check);
      compareSources(flow, calculation, check);
      expect(compared, calculation.what).toBeGreaterThan(0);
      expect(worst, place).toBeLessThanOrEqual(1);
    }
  });

  test.each(Object.entries(WITHOUT_ANSWER))('%s has nothing to compare: %s', (name) => {
    for (const { output } of readCalculations(FOLDER, name)) {
      expect(
        Object.values(output)
          .flat()
          .every((item) => Object.keys(item).length === 1),
      ).toBe(true);
    }
  });
});
