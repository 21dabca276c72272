/** Faults of single branches: impedances, matrices, vector groups, taps, earthing. */
import { complexMatrix, invertMatrix } from '../numerics/complex-matrix.ts';
import type { GridAdmittanceBranch, GridDocument, GridMatrixLine, GridTransformer, Phase } from './schema.ts';
import type { Report } from './validate.ts';
import { clockFits, parseThreeWindingGroup, parseVectorGroup, type VectorGroup, type Winding } from './vector-group.ts';

export function checkBranches(document: GridDocument, report: Report): void {
  const three = document.representation === 'three';
  document.lines.forEach((line, i) => {
    if (line.r1OhmPerKm === 0 && line.x1OhmPerKm === 0) {
      report(`lines[${i}]`, `line "${line.id}" has no series impedance`, 'use a closed switch');
    }
  });
  if (three) checkZeroSequence(document, report);
  document.transformers.forEach((unit, i) => checkTransformer(unit, three, `transformers[${i}]`, report));
  checkThreeWinding(document, report);
  document.generalBranches.forEach((branch, i) => {
    if (branch.r1Ohm === 0 && branch.x1Ohm === 0) {
      report(`generalBranches[${i}]`, `branch "${branch.id}" has no series impedance`, 'use a closed switch');
    }
    if (branch.r0Ohm === 0 && branch.x0Ohm === 0) {
      report(`generalBranches[${i}].r0Ohm`, `branch "${branch.id}" has no zero-sequence impedance`);
    }
  });
  document.matrixLines.forEach((line, i) => checkMatrixLine(line, three, `matrixLines[${i}]`, report));
  document.admittanceBranches.forEach((branch, i) => {
    checkAdmittanceBranch(branch, three, `admittanceBranches[${i}]`, report);
  });
}

function checkZeroSequence(document: GridDocument, report: Report): void {
  document.lines.forEach((line, i) => {
    const missing: string[] = (['r0OhmPerKm', 'x0OhmPerKm'] as const).filter((key) => line[key] === undefined);
    if (line.c1FPerKm > 0 && line.c0FPerKm === undefined) missing.push('c0FPerKm');
    if (line.r0OhmPerKm === 0 && line.x0OhmPerKm === 0) {
      report(`lines[${i}]`, `line "${line.id}" has no zero-sequence impedance`);
    }
    if (missing.length === 0) return;
    report(
      `lines[${i}]`,
      `line "${line.id}" of a three-phase grid lacks ${missing.join(', ')}`,
      'give the zero sequence, or set representation to positive-sequence',
    );
  });
}

/** One star and one delta or zigzag make an odd number of hours, other pairs an even one. */
function checkClock(group: VectorGroup, what: string, path: string, report: Report): void {
  if (clockFits(group)) return;
  const hint =
    group.clock > 11
      ? 'clock numbers run from 0 to 11'
      : 'one star and one delta or zigzag winding give an odd number, other pairs an even one';
  report(`${path}.vectorGroup`, what, hint);
}

function checkShortCircuit(test: { vkPercent: number; vkrPercent: number }, path: string, report: Report): void {
  if (test.vkrPercent <= test.vkPercent) return;
  report(`${path}.vkrPercent`, `resistive part ${test.vkrPercent} % exceeds vkPercent ${test.vkPercent} %`);
}

type TapFields = Omit<NonNullable<GridTransformer['tap2']>, 'side' | 'atMin' | 'atMax'>;

function checkTap(tap: TapFields, position: number, id: string, path: string, report: Report): void {
  if (position < (tap.min ?? -Infinity) || position > (tap.max ?? Infinity)) {
    const range = `${tap.min ?? 'any'}..${tap.max ?? 'any'}`;
    report(`${path}.position`, `tap position ${position} of transformer "${id}" is outside ${range}`);
  }
  const change = ((position - tap.neutral) * tap.stepPercent) / 100;
  if (tap.kind === 'ratio' && 1 + change * Math.cos((tap.angleDeg * Math.PI) / 180) <= 0) {
    report(path, `tap of transformer "${id}" leaves no voltage`);
  }
  if (tap.kind === 'symmetrical' && Math.abs(change) >= 2) {
    report(path, `phase shifter of transformer "${id}" turns by more than half a turn`);
  }
}

function checkTransformer(unit: GridTransformer, three: boolean, path: string, report: Report): void {
  const group = parseVectorGroup(unit.vectorGroup);
  checkClock(group, `transformer "${unit.id}" cannot be a ${unit.vectorGroup}`, path, report);
  checkShortCircuit(unit, path, report);
  if (unit.zeroSequence !== undefined) checkShortCircuit(unit.zeroSequence, `${path}.zeroSequence`, report);
  for (const key of ['tap', 'tap2'] as const) {
    const tap = unit[key];
    if (tap !== undefined) checkTap(tap, tap.position, unit.id, `${path}.${key}`, report);
  }
  for (const key of ['atMin', 'atMax'] as const) {
    const end = unit.tap?.[key];
    if (end !== undefined) checkShortCircuit(end, `${path}.tap.${key}`, report);
  }
  if (unit.tap?.control !== undefined && (unit.tap.min === undefined || unit.tap.max === undefined)) {
    report(`${path}.tap`, `transformer "${unit.id}" is controlled but its tap has no range`, 'give min and max');
  }
  const ownPositions = unit.tap?.phasePositions;
  for (const [phase, position] of Object.entries(ownPositions ?? {})) {
    if (position === undefined) continue;
    const place = `${path}.tap.phasePositions.${phase}`;
    checkTap(unit.tap!, position, unit.id, place, report);
    if (unit.phases !== undefined && !unit.phases.some((own) => own === phase)) {
      report(place, `transformer "${unit.id}" has a tap position on phase ${phase}, but not the phase`);
    }
  }
  if (unit.phases !== undefined || ownPositions !== undefined) {
    const what = unit.phases === undefined ? 'tap positions of its own per phase' : 'phases of its own';
    if (!three) report(path, `transformer "${unit.id}" of a positive-sequence grid has ${what}`);
    else if (unit.vectorGroup !== 'YNyn0') {
      report(`${path}.vectorGroup`, `transformer "${unit.id}" has ${what}, so it must be a YNyn0`);
    }
    if (unit.phases !== undefined) checkPhaseList(unit.phases, unit.id, `${path}.phases`, report);
  }
  const earthed = (winding: Winding): boolean => winding.endsWith('N');
  for (const [key, winding] of [['earthingFrom', group.high] as const, ['earthingTo', group.low] as const]) {
    if (unit[key] === undefined || earthed(winding)) continue;
    report(`${path}.${key}`, `transformer "${unit.id}" has an earthing impedance at a winding without a neutral`);
  }
}

function checkThreeWinding(document: GridDocument, report: Report): void {
  document.threeWindingTransformers.forEach((unit, i) => {
    const path = `threeWindingTransformers[${i}]`;
    const group = parseThreeWindingGroup(unit.vectorGroup);
    for (const member of group.slice(1)) {
      const pair = { high: group[0].winding, low: member.winding, clock: member.clock };
      checkClock(pair, `transformer "${unit.id}" cannot be a ${unit.vectorGroup}`, path, report);
    }
    for (const key of ['highMedium', 'mediumLow', 'highLow'] as const) {
      checkShortCircuit(unit[key], `${path}.${key}`, report);
      if (unit.zeroSequence !== undefined)
        checkShortCircuit(unit.zeroSequence[key], `${path}.zeroSequence.${key}`, report);
    }
    (['high', 'medium', 'low'] as const).forEach((side, k) => {
      const { tap, earthing } = unit[side];
      if (tap !== undefined) checkTap(tap, tap.position, unit.id, `${path}.${side}.tap`, report);
      if (earthing === undefined || group[k]!.winding.endsWith('N')) return;
      report(
        `${path}.${side}.earthing`,
        `transformer "${unit.id}" has an earthing impedance at a winding without a neutral`,
      );
    });
  });
}

function checkPhaseList(phases: readonly Phase[], id: string, path: string, report: Report): boolean {
  if (new Set(phases).size === phases.length) return true;
  report(path, `"${id}" names a phase twice: ${phases.join(', ')}`);
  return false;
}

/** Whether a matrix has as many rows and columns as it should, and is symmetric where reciprocity asks for it. */
function checkMatrix(
  rows: readonly (readonly number[])[] | undefined,
  size: number,
  symmetric: boolean,
  id: string,
  path: string,
  report: Report,
): boolean {
  if (rows === undefined) return true;
  if (rows.length !== size || rows.some((row) => row.length !== size)) {
    report(path, `matrix of "${id}" is not ${size} by ${size}`);
    return false;
  }
  const largest = Math.max(...rows.flat().map(Math.abs));
  const skew = rows.some((row, r) => row.some((value, c) => Math.abs(value - rows[c]![r]!) > 1e-6 * largest));
  if (symmetric && skew) {
    report(path, `matrix of "${id}" is not symmetric`);
    return false;
  }
  return true;
}

function checkMatrixLine(line: GridMatrixLine, three: boolean, path: string, report: Report): void {
  if (!three) report(path, `matrix line "${line.id}" stands in a positive-sequence grid`, 'use lines');
  const sound = [
    checkPhaseList(line.phases, line.id, `${path}.phases`, report),
    ...(['rOhmPerKm', 'xOhmPerKm', 'cFPerKm', 'gSPerKm'] as const).map((key) =>
      checkMatrix(line[key], line.phases.length, true, line.id, `${path}.${key}`, report),
    ),
  ];
  if (sound.includes(false)) return;
  if (invertMatrix(complexMatrix(line.rOhmPerKm, line.xOhmPerKm)) === undefined) {
    report(path, `the series impedance matrix of "${line.id}" is singular`, 'use a closed switch for no impedance');
  }
}

function checkAdmittanceBranch(branch: GridAdmittanceBranch, three: boolean, path: string, report: Report): void {
  if (!three)
    report(path, `admittance branch "${branch.id}" stands in a positive-sequence grid`, 'use generalBranches');
  checkPhaseList(branch.fromPhases, branch.id, `${path}.fromPhases`, report);
  checkPhaseList(branch.toPhases, branch.id, `${path}.toPhases`, report);
  const size = branch.fromPhases.length + branch.toPhases.length;
  checkMatrix(branch.gS, size, false, branch.id, `${path}.gS`, report);
  checkMatrix(branch.bS, size, false, branch.id, `${path}.bS`, report);
}
