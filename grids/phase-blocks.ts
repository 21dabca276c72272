/** Elements that symmetrical components cannot describe, in phases: matrix lines, admittance branches, banks, shunts. */
import { ZERO, add, complex, isZero, scale, type Complex } from '../numerics/complex.ts';
import {
  addMatrices,
  complexMatrix,
  invertMatrix,
  multiplyMatrices,
  scaleMatrix,
  type ComplexMatrix,
} from '../numerics/complex-matrix.ts';
import type { GridAdmittanceBranch, GridMatrixLine, GridShunt, GridTransformer, Phase } from './schema.ts';
import { openEnds, phaseEntry, type Sequences, type TwoPort } from './sequence.ts';
import { singlePhasePort } from './transformer.ts';

/** The four admittance blocks of a branch between all phases, S: i_from = ff v_from + ft v_to and so on. */
export interface PhasePort {
  readonly ff: ComplexMatrix;
  readonly ft: ComplexMatrix;
  readonly tf: ComplexMatrix;
  readonly tt: ComplexMatrix;
}

const PHASES: readonly Phase[] = ['A', 'B', 'C'];
const NO_BLOCK: ComplexMatrix = PHASES.map(() => PHASES.map(() => ZERO));
const NO_PORT: PhasePort = { ff: NO_BLOCK, ft: NO_BLOCK, tf: NO_BLOCK, tt: NO_BLOCK };

/** Index of a phase, 0 to 2. */
export function phaseNumber(phase: string): number {
  return PHASES.indexOf(phase as Phase);
}

/** A matrix over some phases as a block over all of them; phases that are absent have zeros. */
function spread(inner: ComplexMatrix, rows: readonly Phase[], columns: readonly Phase[]): ComplexMatrix {
  return PHASES.map((row) =>
    PHASES.map((column) => {
      const [r, c] = [rows.indexOf(row), columns.indexOf(column)];
      return r < 0 || c < 0 ? ZERO : inner[r]![c]!;
    }),
  );
}

/** A branch that sequences describe, one phase (positive sequence only) or three. */
export function sequencePort(ports: Sequences<TwoPort>, phases: 1 | 3): PhasePort {
  const block = (key: keyof TwoPort): ComplexMatrix => {
    const entries = { zero: ports.zero[key], positive: ports.positive[key], negative: ports.negative[key] };
    return phases === 1 ? [[entries.positive]] : sequenceBlock(entries);
  };
  return { ff: block('ff'), ft: block('ft'), tf: block('tf'), tt: block('tt') };
}

/** Circulant: three entries, each in three places. */
export function sequenceBlock(y: Sequences<Complex>): ComplexMatrix {
  const [same, next, last] = [phaseEntry(y, 0, 0), phaseEntry(y, 1, 0), phaseEntry(y, 2, 0)];
  return [
    [same, last, next],
    [next, same, last],
    [last, next, same],
  ];
}

/** Pi line of matrices: y = z^-1, half of the shunt at each end; undefined when the series matrix is singular. */
export function matrixLinePort(
  line: GridMatrixLine,
  frequencyHz: number,
  closed: { readonly from: boolean; readonly to: boolean },
): PhasePort | undefined {
  const km = line.lengthM / 1000;
  const series = invertMatrix(scaleMatrix(complexMatrix(line.rOhmPerKm, line.xOhmPerKm), km));
  if (series === undefined) return undefined;
  const zeros = line.rOhmPerKm.map((row) => row.map(() => 0));
  const omega = 2 * Math.PI * frequencyHz;
  const c = (line.cFPerKm ?? zeros).map((row) => row.map((value) => omega * value));
  const half = scaleMatrix(complexMatrix(line.gSPerKm ?? zeros, c), (km * line.parallel) / 2);
  const y = scaleMatrix(series, line.parallel);
  const own = addMatrices(y, half);
  const transfer = scaleMatrix(y, -1);
  const inner = openPort({ ff: own, ft: transfer, tf: transfer, tt: own }, closed);
  const full = (block: ComplexMatrix): ComplexMatrix => spread(block, line.phases, line.phases);
  return { ff: full(inner.ff), ft: full(inner.ft), tf: full(inner.tf), tt: full(inner.tt) };
}

/** What is left of a matrix port when one end is open: i = 0 there, v = -Y_own^-1 Y_transfer v_near (Kron reduction). */
function openPort(port: PhasePort, closed: { readonly from: boolean; readonly to: boolean }): PhasePort {
  if (closed.from && closed.to) return port;
  const none = scaleMatrix(port.ff, 0);
  const nothing = { ff: none, ft: none, tf: none, tt: none };
  const reduce = (near: ComplexMatrix, out: ComplexMatrix, far: ComplexMatrix, back: ComplexMatrix): ComplexMatrix => {
    const inverse = invertMatrix(far);
    if (inverse === undefined) return near;
    return addMatrices(near, scaleMatrix(multiplyMatrices(multiplyMatrices(out, inverse), back), -1));
  };
  if (closed.from) return { ...nothing, ff: reduce(port.ff, port.ft, port.tt, port.tf) };
  if (closed.to) return { ...nothing, tt: reduce(port.tt, port.tf, port.ff, port.ft) };
  return nothing;
}

export function admittanceBranchPort(branch: GridAdmittanceBranch): PhasePort {
  const y = complexMatrix(branch.gS, branch.bS);
  const { fromPhases, toPhases } = branch;
  const split = fromPhases.length;
  const part = (r0: number, c0: number, rows: readonly Phase[], columns: readonly Phase[]): ComplexMatrix =>
    spread(
      rows.map((_, r) => columns.map((__, c) => y[r0 + r]![c0 + c]!)),
      rows,
      columns,
    );
  return {
    ff: part(0, 0, fromPhases, fromPhases),
    ft: part(0, split, fromPhases, toPhases),
    tf: part(split, 0, toPhases, fromPhases),
    tt: part(split, split, toPhases, toPhases),
  };
}

/** A bank of single-phase transformers: each phase for itself, with its own tap position. */
export function bankPort(
  transformer: GridTransformer,
  closed: { readonly from: boolean; readonly to: boolean },
): PhasePort {
  let port = NO_PORT;
  for (const phase of transformer.phases ?? PHASES) {
    const position = transformer.tap?.phasePositions?.[phase] ?? transformer.tap?.position;
    const unit = openEnds(singlePhasePort(transformer, position), closed.from, closed.to);
    const put = (block: ComplexMatrix, value: Complex): ComplexMatrix =>
      addMatrices(block, spread([[value]], [phase], [phase]));
    port = {
      ff: put(port.ff, unit.ff),
      ft: put(port.ft, unit.ft),
      tf: put(port.tf, unit.tf),
      tt: put(port.tt, unit.tt),
    };
  }
  return port;
}

type ShuntPower = GridShunt['activePowerW'];

/** Power of a phase (or of the delta branch that starts at it): a sum is shared by the phases that the element has. */
function shareOf(power: ShuntPower, connection: GridShunt['connection'], phase: number): number {
  const has = connection === 'wye' || connection === 'delta' || connection[0] === PHASES[phase];
  if (!has) return 0;
  if (typeof power !== 'number') return power[PHASES[phase]!] ?? 0;
  return connection === 'wye' || connection === 'delta' ? power / 3 : power;
}

/**
 * Admittance block of a shunt, S. Consumption P + jQ of a phase at phase voltage U is (P - jQ) / U^2 to earth; of a
 * delta branch it is (P - jQ) / (3 U^2) between its two phases.
 */
export function shuntBlock(shunt: GridShunt, phases: 1 | 3, nominalPhaseV: number): ComplexMatrix {
  const u = shunt.ratedVoltageV === undefined ? nominalPhaseV : shunt.ratedVoltageV / Math.sqrt(3);
  const positive = complex(shunt.g1S, shunt.b1S);
  const draw = (phase: number): Complex =>
    scale(
      complex(
        shareOf(shunt.activePowerW, shunt.connection, phase),
        -shareOf(shunt.reactivePowerVar, shunt.connection, phase),
      ),
      1 / (u * u),
    );
  if (phases === 1) {
    const sum = (power: ShuntPower): number =>
      typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0);
    const y = scale(complex(sum(shunt.activePowerW), -sum(shunt.reactivePowerVar)), 1 / (3 * u * u));
    return [[add(y, positive)]];
  }
  const zero = complex(shunt.g0S ?? shunt.g1S, shunt.b0S ?? shunt.b1S);
  const block = sequenceBlock({ zero, positive, negative: positive }).map((row) => row.map((entry) => entry));
  const between = shunt.connection === 'delta' || shunt.connection.length === 2;
  for (let phase = 0; phase < 3; phase++) {
    const y = between ? scale(draw(phase), 1 / 3) : draw(phase);
    if (isZero(y)) continue;
    block[phase]![phase] = add(block[phase]![phase]!, y);
    if (!between) continue;
    const far = (phase + 1) % 3;
    block[far]![far] = add(block[far]![far]!, y);
    block[phase]![far] = add(block[phase]![far]!, scale(y, -1));
    block[far]![phase] = add(block[far]![phase]!, scale(y, -1));
  }
  return block;
}
