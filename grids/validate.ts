/** What a grid document must satisfy beyond its schema; every fault is listed, none stops the search. */
import type { Problem } from './problem.ts';
import type { GridDocument } from './schema.ts';
import { fuseBuses } from './topology.ts';
import { checkBranches } from './validate-branches.ts';
import { checkUnits } from './validate-units.ts';
import { checkElements, checkPhases, checkVoltageControls } from './validate-elements.ts';

/** Notes a fault: where it stands, what is wrong, what would help. */
export type Report = (path: string, message: string, hint?: string) => void;

/**
 * All faults of sense of a document that satisfies the schema and whose references are sound, with paths such as
 * `lines[3].to`. `hasAllSources` is false where some may be left out.
 */
export function validateGrid(document: GridDocument, hasAllSources: boolean): Problem[] {
  const problems: Problem[] = [];
  const report: Report = (path, message, hint) => problems.push({ path, message, ...(hint !== undefined && { hint }) });
  checkBranches(document, report);
  checkElements(document, report);
  checkUnits(document, report);
  checkVoltageLevels(document, report);
  checkPhases(document, report);
  checkVoltageControls(document, report);
  checkSources(document, hasAllSources, report);
  return problems;
}

/** Switches and lines join equal voltages; a transformer's ratings are near the voltages of its buses. */
function checkVoltageLevels(document: GridDocument, report: Report): void {
  const nominal = new Map(document.buses.map((bus) => [bus.id, bus.nominalVoltageV]));
  for (const list of ['lines', 'matrixLines', 'switches'] as const) {
    document[list].forEach((item, i) => {
      const from = nominal.get(item.from)!;
      const to = nominal.get(item.to)!;
      if (Math.abs(from - to) <= 0.1 * Math.max(from, to)) return;
      const kind = list === 'switches' ? 'switch' : 'line';
      report(`${list}[${i}]`, `${kind} "${item.id}" joins buses of ${from} V and ${to} V nominal voltage`);
    });
  }
  document.transformers.forEach((unit, i) => {
    for (const [side, rated, key] of [
      [unit.from, unit.ratedVoltageFromV, 'ratedVoltageFromV'],
      [unit.to, unit.ratedVoltageToV, 'ratedVoltageToV'],
    ] as const) {
      const ratio = rated / nominal.get(side)!;
      if (ratio >= 0.5 && ratio <= 2) continue;
      report(
        `transformers[${i}].${key}`,
        `transformer "${unit.id}" is rated ${rated} V at bus "${side}" of ${nominal.get(side)} V`,
        'are from and to swapped, or is it V for kV?',
      );
    }
  });
  checkWindingVoltages(document, nominal, report);
}

/** Windings near the voltages of their buses: a winding of a third or of three times the voltage is a mistake. */
function checkWindingVoltages(document: GridDocument, nominal: ReadonlyMap<string, number>, report: Report): void {
  document.threeWindingTransformers.forEach((unit, i) => {
    for (const side of ['high', 'medium', 'low'] as const) {
      const { bus, ratedVoltageV } = unit[side];
      const ratio = ratedVoltageV / nominal.get(bus)!;
      if (ratio >= 0.5 && ratio <= 2) continue;
      report(
        `threeWindingTransformers[${i}].${side}.ratedVoltageV`,
        `the ${side} winding of "${unit.id}" is rated ${ratedVoltageV} V at bus "${bus}" of ${nominal.get(bus)} V`,
        'are windings swapped, or is it V for kV?',
      );
    }
  });
}

/** Some source stands in service, and stiff sources do not fight. What no source reaches has no voltage: an answer. */
function checkSources(document: GridDocument, hasAllSources: boolean, report: Report): void {
  const inService = new Map(document.buses.map((bus) => [bus.id, bus.inService]));
  const fused = fuseBuses(document);
  const live = document.externalGrids.filter((source) => source.inService && inService.get(source.bus) === true);
  if (live.length === 0) {
    if (!hasAllSources) return;
    const hint =
      document.externalGrids.length === 0
        ? 'add an entry to externalGrids'
        : 'every external grid, or its bus, is out of service';
    report('externalGrids', 'nothing is energised: no external grid in service', hint);
    return;
  }
  const stiff = new Map<number, (typeof live)[number]>();
  document.externalGrids.forEach((source, i) => {
    if (source.zeroSequenceRatio === 0) {
      report(
        `externalGrids[${i}].zeroSequenceRatio`,
        `zero-sequence ratio of external grid "${source.id}" is 0`,
        'leave shortCircuitPowerVA away for a stiff source',
      );
    }
    if (!live.includes(source) || source.shortCircuitPowerVA !== undefined) return;
    const bus = fused.busIndex.get(source.bus)!;
    const other = stiff.get(bus);
    if (other === undefined) stiff.set(bus, source);
    else if (other.voltagePu !== source.voltagePu || other.angleDeg !== source.angleDeg) {
      report(
        `externalGrids[${i}].bus`,
        `stiff external grids "${other.id}" and "${source.id}" hold the same bus at different voltages`,
        'give one of them a shortCircuitPowerVA',
      );
    }
  });
}
