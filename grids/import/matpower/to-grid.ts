/**
 * A MATPOWER case as a native grid. Buses keep their numbers, branches and generators are numbered by row from 1.
 * MATPOWER: per unit on baseMVA and baseKV, loads consume positive, a branch is a pi circuit behind an ideal transformer
 * at its from side (MATPOWER User's Manual, chapter 3 and appendix B).
 */
import type { GridDraft, Origin } from '../draft.ts';
import { createFields, type Fields } from '../fields.ts';
import type { ImportedGrid } from '../imported-grid.ts';
import { createDraft } from '../draft.ts';
import { readCaseFile, type CaseFile } from './case-file.ts';

const busColumns = ['bus_i', 'type', 'Pd', 'Qd', 'Gs', 'Bs', 'area', 'Vm', 'Va', 'baseKV'];
const generatorColumns = ['bus', 'Pg', 'Qg', 'Qmax', 'Qmin', 'Vg', 'mBase', 'status'];
const branchColumns = ['fbus', 'tbus', 'r', 'x', 'b', 'rateA', 'rateB', 'rateC', 'ratio', 'angle', 'status'];

/** Columns that the native form has no place for. */
const columnsLeftOut = [
  ...['area', 'zone', 'Vmax', 'Vmin'].map((column) => `bus.${column}`),
  ...['mBase', 'Pmax', 'Pmin'].map((column) => `gen.${column}`),
  ...['rateB', 'rateC', 'angmin', 'angmax'].map((column) => `branch.${column}`),
];

/** Tables of elements that take part in the power flow and that the reader does not know. */
const electrical = new Set(['dcline', 'bus3p', 'line3p', 'xfmr3p', 'shunt3p', 'load3p', 'gen3p', 'buslink']);

const limits = new Set(['Qmax', 'Qmin', 'rateA', 'rateB', 'rateC']);

/** Tables that a power flow does not need, and what they hold. */
const leftOut: ReadonlyMap<string, string> = new Map([
  ['gencost', 'generator costs'],
  ['areas', 'areas'],
  ['gentype', 'generator types'],
  ['genfuel', 'generator fuels'],
]);

/** Stands in where the source gives no base voltage; per-unit results do not depend on it. */
const STAND_IN_KV = 1;
/** MATPOWER knows no lengths and no frequency. */
const LENGTH_M = 1000;
const FREQUENCY_HZ = 50;

/** Throws InvalidInputError with every fault. */
export function readMatpower(text: string, file: string): ImportedGrid {
  const draft = createDraft();
  const source = readCaseFile(text, file, draft);
  const origin: Origin = { file, path: '' };
  const base = readBase(source, draft, origin);
  const tables = {
    buses: readTable(source, 'bus', busColumns, draft, origin),
    generators: readTable(source, 'gen', generatorColumns, draft, origin),
    branches: readTable(source, 'branch', branchColumns, draft, origin),
  };
  for (const [field, value] of source.fields) {
    if (['bus', 'gen', 'branch', 'baseMVA', 'version', 'bus_name'].includes(field)) continue;
    // Empty tables, and numbers that only a conversion needed.
    if (value.kind === 'table' && value.matrix.data.length <= 1) continue;
    if (electrical.has(field)) {
      draft.note('elements not carried over: results differ', { file, path: field });
      continue;
    }
    draft.note(`${leftOut.get(field) ?? `field "${field}"`} not carried over`, { file, path: field });
  }
  for (const column of columnsLeftOut) draft.note('columns not carried over', { file, path: column });
  const buses = addBuses(tables.buses, namesOf(source), draft);
  addGenerators(tables.generators, buses, draft, origin);
  tables.branches.forEach((fields, i) => addBranch(fields, String(i + 1), buses, base, draft));
  return draft.finish('matpower', {
    name: source.name ?? 'matpower-case',
    representation: 'positive-sequence',
    frequencyHz: FREQUENCY_HZ,
  });
}

/** Base power, VA. */
function readBase(source: CaseFile, draft: GridDraft, origin: Origin): number {
  const value = source.fields.get('baseMVA');
  const base = value?.kind === 'table' && value.matrix.data.length === 1 ? value.matrix.data[0]! : Number.NaN;
  if (base > 0 && Number.isFinite(base)) return base * 1e6;
  const found = value === undefined ? 'is missing' : `must be a number above 0`;
  draft.fault(`baseMVA ${found}`, { ...origin, path: 'baseMVA' });
  return Number.NaN;
}

function readTable(
  source: CaseFile,
  name: string,
  columns: readonly string[],
  draft: GridDraft,
  origin: Origin,
): Fields[] {
  const value = source.fields.get(name);
  if (value?.kind !== 'table') {
    // After a fault in the table itself this would only repeat that there is none.
    const hint = 'is this a whole MATPOWER case, or part of one?';
    if (!draft.isFaulty()) draft.fault(`there is no ${name} table`, { ...origin, path: name }, hint);
    return [];
  }
  const { matrix } = value;
  if (matrix.rows > 0 && matrix.columns < columns.length) {
    const message = `the ${name} table has ${matrix.columns} columns; ${columns.length} are needed (${columns.join(', ')})`;
    draft.fault(message, source.rowOrigin(name, 0));
    return [];
  }
  return Array.from({ length: matrix.rows }, (_, row) => {
    const values = Object.fromEntries(
      columns.flatMap((column, c) => {
        const number = matrix.data[row * matrix.columns + c]!;
        // A limit of Inf is none.
        return Math.abs(number) === Infinity && limits.has(column) ? [] : [[column, number]];
      }),
    );
    return createFields(values, `row ${row + 1} of ${name}`, source.rowOrigin(name, row), draft);
  });
}

function namesOf(source: CaseFile): readonly string[] {
  const value = source.fields.get('bus_name');
  return value?.kind === 'list' ? value.texts : [];
}

interface Bus {
  readonly id: string;
  readonly type: number;
  readonly nominalVoltageV: number;
  readonly angleDeg: number;
}

const [PV, REFERENCE, ISOLATED] = [2, 3, 4];

function addBuses(rows: readonly Fields[], names: readonly string[], draft: GridDraft): ReadonlyMap<string, Bus> {
  const buses = new Map<string, Bus>();
  rows.forEach((fields, i) => {
    const id = fields.reference('bus_i');
    const type = fields.number('type', { atLeast: 1, atMost: 4 });
    const baseKV = fields.number('baseKV', { atLeast: 0, atMost: 1500, hint: 'kilovolts: is it V for kV?' });
    if (baseKV === 0) {
      draft.assume(
        `no base voltage given: ${STAND_IN_KV} kV stands in, per-unit results do not depend on it`,
        fields.origin,
      );
    }
    const nominalVoltageV = (baseKV === 0 ? STAND_IN_KV : baseKV) * 1e3;
    if (buses.has(id)) fields.fault('bus_i', `bus ${id} stands in the table twice`);
    const angleDeg = fields.number('Va');
    buses.set(id, { id, type, nominalVoltageV, angleDeg });
    const name = names[i];
    const inService = type !== ISOLATED;
    draft.add(
      'buses',
      {
        id,
        nominalVoltageV,
        ...(name !== undefined && name !== '' && { name }),
        ...(!inService && { inService }),
        ...startOf(fields.number('Vm'), angleDeg),
      },
      fields.origin,
    );
    const load = { p: fields.number('Pd'), q: fields.number('Qd') };
    if (load.p !== 0 || load.q !== 0) {
      draft.add('loads', { id, bus: id, activePowerW: load.p * 1e6, reactivePowerVar: load.q * 1e6 }, fields.origin);
    }
    // At 1 pu Gs consumes MW, Bs injects Mvar.
    const shunt = { g: fields.number('Gs'), b: fields.number('Bs') };
    if (shunt.g !== 0 || shunt.b !== 0) {
      const powers = { activePowerW: shunt.g * 1e6, reactivePowerVar: -shunt.b * 1e6 };
      draft.add('shunts', { id, bus: id, ...powers }, fields.origin);
    }
  });
  return buses;
}

/** A flat start says nothing, and no magnitude is none. */
function startOf(voltagePu: number, angleDeg: number) {
  return voltagePu > 0 && (voltagePu !== 1 || angleDeg !== 0) && { start: { voltagePu, angleDeg } };
}

interface Generator {
  readonly id: string;
  readonly fields: Fields;
  readonly bus: Bus;
  readonly inService: boolean;
}

/**
 * As MATPOWER's bus types have it: the generators of a reference bus hold voltage and angle, those of a PV bus the
 * voltage (the last one in the table says which), those of a PQ bus produce what stands in the table.
 */
function addGenerators(
  rows: readonly Fields[],
  buses: ReadonlyMap<string, Bus>,
  draft: GridDraft,
  origin: Origin,
): void {
  const generators = rows.flatMap((fields, i): Generator[] => {
    const busId = fields.reference('bus');
    const bus = buses.get(busId);
    if (bus === undefined) {
      fields.fault('bus', `row ${i + 1} of gen stands at bus ${busId}, which does not exist`);
      return [];
    }
    return [{ id: String(i + 1), fields, bus, inService: fields.number('status') > 0 && bus.type !== ISOLATED }];
  });
  const live = generators.filter((unit) => unit.inService);
  const slackBuses = chooseSlackBuses(live, buses, draft, origin);
  const done = new Set<string>();
  for (const unit of generators) {
    const { fields, bus, id, inService } = unit;
    const powers = { activePowerW: fields.number('Pg') * 1e6, reactivePowerVar: fields.number('Qg') * 1e6 };
    const first = inService && !done.has(bus.id);
    if (inService) done.add(bus.id);
    const controls = first && (slackBuses.has(bus.id) || bus.type === PV);
    if (!controls) {
      draft.add('generators', { id, bus: bus.id, ...powers, ...(!inService && { inService }) }, fields.origin);
      continue;
    }
    const last = live.findLast((other) => other.bus === bus)!;
    const voltagePu = last.fields.number('Vg', { above: 0 });
    if (slackBuses.has(bus.id)) {
      draft.add('externalGrids', { id, bus: bus.id, voltagePu, angleDeg: bus.angleDeg }, fields.origin);
      continue;
    }
    draft.add(
      'generators',
      { id, bus: bus.id, ...powers, voltageControl: { voltagePu, ...reactiveLimits(fields) } },
      fields.origin,
    );
  }
}

/** MATPOWER keeps the limits only when told to. Infinite ones are none. */
function reactiveLimits(fields: Fields) {
  const [max, min] = [fields.numberOr('Qmax', Infinity), fields.numberOr('Qmin', -Infinity)];
  return {
    ...(Number.isFinite(min) && { minReactivePowerVar: min * 1e6 }),
    ...(Number.isFinite(max) && { maxReactivePowerVar: max * 1e6 }),
    enforceLimits: false,
  };
}

function chooseSlackBuses(
  live: readonly Generator[],
  buses: ReadonlyMap<string, Bus>,
  draft: GridDraft,
  origin: Origin,
): ReadonlySet<string> {
  const slack = new Set(live.filter((unit) => unit.bus.type === REFERENCE).map((unit) => unit.bus.id));
  if (slack.size > 0 || buses.size === 0) return slack;
  const first = [...buses.values()].find((bus) => bus.type === PV && live.some((unit) => unit.bus === bus));
  if (first === undefined) {
    const hint = 'a bus of type 3 with a generator in service holds voltage and angle';
    if (!draft.isFaulty()) draft.fault('nothing holds the voltage: no reference bus has a generator', origin, hint);
    return slack;
  }
  const path = `bus ${first.id}`;
  draft.assume('no reference bus has a generator in service: the first PV bus takes its place, as in MATPOWER', {
    ...origin,
    path,
  });
  return new Set([first.id]);
}

/** A line where the row is one, otherwise a pi circuit behind an ideal transformer. */
function addBranch(
  fields: Fields,
  id: string,
  buses: ReadonlyMap<string, Bus>,
  basePowerVA: number,
  draft: GridDraft,
): void {
  const ends = (['fbus', 'tbus'] as const).map((key) => {
    const busId = fields.reference(key);
    const bus = buses.get(busId);
    if (bus === undefined && busId !== '') fields.fault(key, `branch ${id} ends at bus ${busId}, which does not exist`);
    return bus;
  });
  const [r, x, b] = [fields.number('r'), fields.number('x'), fields.number('b')];
  const ratio = fields.number('ratio', { atLeast: 0 });
  const shiftDeg = fields.number('angle');
  const status = fields.number('status');
  const rateMVA = fields.numberOr('rateA', 0, { atLeast: 0 });
  const [from, to] = ends;
  if (from === undefined || to === undefined) return;
  if (from === to) fields.fault('tbus', `branch ${id} has both ends at bus ${from.id}`);
  if (r === 0 && x === 0) fields.fault('x', `branch ${id} has no impedance: r and x are 0`);
  const impedanceOhm = to.nominalVoltageV ** 2 / basePowerVA;
  const common = {
    id,
    from: from.id,
    to: to.id,
    ...(rateMVA > 0 && { ratedCurrentA: (rateMVA * 1e6) / (Math.sqrt(3) * from.nominalVoltageV) }),
    ...(status === 0 && { inService: false }),
  };
  const isLine = ratio === 0 && shiftDeg === 0 && from.nominalVoltageV === to.nominalVoltageV && r >= 0 && b >= 0;
  if (isLine) {
    draft.assume(`no lengths given: lines are written with ${LENGTH_M / 1000} km`, fields.origin);
    const km = LENGTH_M / 1000;
    const susceptance = b / impedanceOhm / km;
    if (b > 0)
      draft.assume(`no frequency given: line charging is written as capacitance at ${FREQUENCY_HZ} Hz`, fields.origin);
    const c1FPerKm = susceptance / (2 * Math.PI * FREQUENCY_HZ);
    const series = { r1OhmPerKm: (r * impedanceOhm) / km, x1OhmPerKm: (x * impedanceOhm) / km };
    draft.add('lines', { ...common, lengthM: LENGTH_M, ...series, ...(b > 0 && { c1FPerKm }) }, fields.origin);
    return;
  }
  draft.add(
    'generalBranches',
    {
      ...common,
      r1Ohm: r * impedanceOhm,
      x1Ohm: x * impedanceOhm,
      ...(b !== 0 && { b1S: b / impedanceOhm }),
      ...(ratio !== 0 && { ratio }),
      ...(shiftDeg !== 0 && { shiftDeg }),
    },
    fields.origin,
  );
}
