/** Faults of what stands at buses: phases that are not there, powers that contradict their connection, voltage control. */
import type { GridDocument, Phase } from './schema.ts';
import { fuseBuses } from './topology.ts';
import type { Report } from './validate.ts';

type Connection = GridDocument['loads'][number]['connection'];
type Power = GridDocument['loads'][number]['activePowerW'];

const ALL: readonly Phase[] = ['A', 'B', 'C'];

/** Faults that an element has by itself. */
export function checkElements(document: GridDocument, report: Report): void {
  const three = document.representation === 'three';
  for (const list of ['loads', 'generators', 'batteries', 'shunts'] as const) {
    document[list].forEach((item, i) => {
      const path = `${list}[${i}]`;
      const single = item.connection !== 'wye' && item.connection !== 'delta';
      if (single && !three) {
        report(`${path}.connection`, `"${item.id}" stands on phase ${item.connection} of a positive-sequence grid`);
      }
      if (!('activePowerW' in item)) return;
      for (const key of ['activePowerW', 'reactivePowerVar'] as const) {
        checkPower(item[key], item, three, `${path}.${key}`, report);
      }
    });
  }
  for (const list of ['loads', 'generators'] as const) {
    document[list].forEach((item, i) => {
      for (const key of ['zip', 'zipReactive'] as const) {
        const shares = item[key];
        if (shares === undefined) continue;
        const sum = shares.constantImpedance + shares.constantCurrent + shares.constantPower;
        const kind = list === 'loads' ? 'load' : 'generator';
        if (Math.abs(sum - 1) > 1e-9) {
          report(`${list}[${i}].${key}`, `ZIP shares of ${kind} "${item.id}" add up to ${sum}, not 1`);
        }
      }
    });
  }
  document.buses.forEach((bus, i) => {
    if (bus.phases === undefined) return;
    if (!three) report(`buses[${i}].phases`, `bus "${bus.id}" of a positive-sequence grid names phases`);
    if (new Set(bus.phases).size !== bus.phases.length) {
      report(`buses[${i}].phases`, `bus "${bus.id}" names a phase twice: ${bus.phases.join(', ')}`);
    }
  });
}

function checkPower(
  power: Power,
  { id, connection }: { id: string; connection: Connection },
  three: boolean,
  path: string,
  report: Report,
): void {
  if (typeof power === 'number') return;
  if (!three) report(path, `"${id}" gives a power per phase in a positive-sequence grid`);
  else if (connection.length === 2) report(path, `"${id}" between phases ${connection} gives a power per phase`);
  else if (connection.length === 1) {
    const strange = Object.keys(power).filter((phase) => phase !== connection);
    if (strange.length > 0) report(path, `"${id}" on phase ${connection} has power on ${strange.join(', ')}`);
  }
}

/** Phases that each element needs exist at its bus. References must be sound. */
export function checkPhases(document: GridDocument, report: Report): void {
  const phasesOf = new Map<string, readonly Phase[]>(document.buses.map((bus) => [bus.id, bus.phases ?? ALL]));
  const need = (bus: string, phases: readonly Phase[], path: string, owner: string): void => {
    const missing = phases.filter((phase) => !phasesOf.get(bus)!.includes(phase));
    if (missing.length === 0) return;
    const which = missing.length === 1 ? `phase ${missing[0]}` : `phases ${missing.join(', ')}`;
    report(path, `${owner} needs ${which}, which bus "${bus}" does not have`);
  };
  const bothEnds = (list: string, item: { id: string; from: string; to: string }, i: number, phases = ALL): void => {
    need(item.from, phases, `${list}[${i}].from`, `"${item.id}"`);
    need(item.to, phases, `${list}[${i}].to`, `"${item.id}"`);
  };
  document.lines.forEach((line, i) => bothEnds('lines', line, i));
  document.generalBranches.forEach((branch, i) => bothEnds('generalBranches', branch, i));
  document.matrixLines.forEach((line, i) => bothEnds('matrixLines', line, i, line.phases));
  document.transformers.forEach((unit, i) => bothEnds('transformers', unit, i, unit.phases ?? ALL));
  document.admittanceBranches.forEach((branch, i) => {
    need(branch.from, branch.fromPhases, `admittanceBranches[${i}].from`, `"${branch.id}"`);
    need(branch.to, branch.toPhases, `admittanceBranches[${i}].to`, `"${branch.id}"`);
  });
  document.threeWindingTransformers.forEach((unit, i) => {
    for (const side of ['high', 'medium', 'low'] as const) {
      need(unit[side].bus, ALL, `threeWindingTransformers[${i}].${side}.bus`, `the ${side} winding of "${unit.id}"`);
    }
  });
  document.switches.forEach((item, i) => {
    const [from, to] = [phasesOf.get(item.from)!, phasesOf.get(item.to)!];
    if (item.closed && (from.length !== to.length || from.some((phase) => !to.includes(phase)))) {
      report(`switches[${i}]`, `closed switch "${item.id}" joins buses of unlike phases`);
    }
  });
  for (const list of ['loads', 'generators', 'batteries', 'shunts'] as const) {
    document[list].forEach((item, i) => {
      const powers = 'activePowerW' in item ? [item.activePowerW, item.reactivePowerVar] : [1];
      need(item.bus, phasesNeeded(item.connection, powers), `${list}[${i}].connection`, `"${item.id}"`);
    });
  }
  document.externalGrids.forEach((source, i) => {
    need(source.bus, ALL, `externalGrids[${i}].bus`, `external grid "${source.id}"`);
  });
}

/** Phases between or on which an element stands: those that it gives a power for, all when it gives one sum. */
function phasesNeeded(connection: Connection, powers: readonly Power[]): readonly Phase[] {
  if (connection !== 'wye' && connection !== 'delta') return ALL.filter((phase) => connection.includes(phase));
  const branches = ALL.filter((phase) =>
    powers.some((power) => (typeof power === 'number' ? power !== 0 : (power[phase] ?? 0) !== 0)),
  );
  if (connection === 'wye') return branches;
  return ALL.filter((phase, k) => branches.includes(phase) || branches.includes(ALL[(k + 2) % 3]!));
}

/** Limits in order, one setpoint a bus, a connection that can hold a voltage. References must be sound. */
export function checkVoltageControls(document: GridDocument, report: Report): void {
  const fused = fuseBuses(document);
  const first = new Map<number, { id: string; voltagePu: number }>();
  document.generators.forEach((item, i) => {
    const control = item.voltageControl;
    if (control === undefined) return;
    const path = `generators[${i}].voltageControl`;
    const { minReactivePowerVar: min = -Infinity, maxReactivePowerVar: max = Infinity, voltagePu } = control;
    if (min > max) report(path, `generator "${item.id}" has a smallest reactive power ${min} above its largest ${max}`);
    if (item.connection === 'delta' || item.connection.length === 2) {
      report(path, `generator "${item.id}" between phases cannot hold the voltage of a bus`);
    }
    if (item.zip !== undefined || item.zipReactive !== undefined) {
      report(path, `generator "${item.id}" holds a voltage, so its power cannot depend on it`);
    }
    if (!item.inService) return;
    const bus = fused.busIndex.get(item.bus)!;
    const other = first.get(bus);
    if (other === undefined) first.set(bus, { id: item.id, voltagePu });
    else if (other.voltagePu !== voltagePu) {
      const message = `generators "${other.id}" and "${item.id}" hold one bus at ${other.voltagePu} and ${voltagePu} pu`;
      report(`${path}.voltagePu`, message);
    }
  });
}
