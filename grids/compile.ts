/** Turns a grid document into computational buses and per-unit admittance blocks. */
import { complex, divide, multiply, polar, scale, type Complex } from '../numerics/complex.ts';
import type { ComplexMatrix } from '../numerics/complex-matrix.ts';
import { BASE_POWER_VA, type CompiledBranch, type CompiledGrid, type ComplexBlock } from './model.ts';
import {
  admittanceBranchPort,
  bankPort,
  matrixLinePort,
  phaseNumber,
  sequenceBlock,
  sequencePort,
  shuntBlock,
  type PhasePort,
} from './phase-blocks.ts';
import type { GridDocument, GridExternalGrid, GridThreeWinding, GridTransformer } from './schema.ts';
import {
  generalBranchSequences,
  lineSequences,
  openEnds,
  phaseTurn,
  type Sequences,
  type TwoPort,
} from './sequence.ts';
import { LEGS, threeWindingLegs } from './three-winding.ts';
import { createUnion, fuseBuses, type FusedBuses } from './topology.ts';
import { isBank, transformerSequences } from './transformer.ts';

/** What block building needs to know about the grid around a branch. */
interface Frame {
  readonly document: GridDocument;
  readonly phases: 1 | 3;
  readonly fused: FusedBuses;
  /** Fused buses and star points. */
  readonly busCount: number;
  readonly busIndex: ReadonlyMap<string, number>;
  readonly busIds: readonly (readonly string[])[];
  /** Nominal phase-to-ground voltage by computational bus, V. */
  readonly baseVoltageV: Float64Array;
  readonly busInService: (id: string) => boolean;
}

/**
 * Compiles a validated document (see `validateGrid`); throws an Error on references that lead nowhere. Branches stand
 * in the order that `CompiledGrid.branches` gives; those out of service stay, with zero blocks.
 */
export function compileGrid(document: GridDocument): CompiledGrid {
  const frame = createFrame(document);
  const branches = compileBranches(frame);
  const sources = document.externalGrids
    .filter((source) => source.inService && frame.busInService(source.bus))
    .map((source) => compileSource(frame, source));
  const energisedPhases = findEnergised(frame, branches, sources);
  const { phases } = frame;
  return {
    document,
    phases,
    basePowerVA: BASE_POWER_VA,
    busCount: frame.busCount,
    busIndex: frame.busIndex,
    busIds: frame.busIds,
    baseVoltageV: frame.baseVoltageV,
    branches,
    branchIndex: new Map(branches.map((branch) => [branch.id, branch.index])),
    shunts: compileShunts(frame),
    sources,
    energised: Uint8Array.from({ length: frame.busCount }, (_, bus) =>
      energisedPhases.subarray(bus * phases, (bus + 1) * phases).some((live) => live === 1) ? 1 : 0,
    ),
    energisedPhases,
  };
}

function createFrame(document: GridDocument): Frame {
  const fused = fuseBuses(document);
  const stars = document.threeWindingTransformers;
  const busCount = fused.busCount + stars.length;
  const baseVoltageV = new Float64Array(busCount);
  const inService = new Map<string, boolean>();
  for (const bus of document.buses) {
    inService.set(bus.id, bus.inService);
    const index = fused.busIndex.get(bus.id)!;
    if (baseVoltageV[index] === 0) baseVoltageV[index] = bus.nominalVoltageV / Math.sqrt(3);
  }
  const busIndex = new Map(fused.busIndex);
  const busIds = [...fused.busIds];
  stars.forEach((unit, k) => {
    baseVoltageV[fused.busCount + k] = unit.high.ratedVoltageV / Math.sqrt(3);
    busIds.push([starId(unit)]);
    busIndex.set(starId(unit), fused.busCount + k);
  });
  return {
    document,
    phases: document.representation === 'three' ? 3 : 1,
    fused,
    busCount,
    busIndex,
    busIds,
    baseVoltageV,
    busInService: (id) => inService.get(id) ?? false,
  };
}

function starId(unit: GridThreeWinding): string {
  return `${unit.id}:star`;
}

function busOf(frame: Frame, id: string, owner: string): number {
  const index = frame.busIndex.get(id);
  if (index === undefined) throw new Error(`${owner} stands at bus ${id}, which the grid does not have`);
  return index;
}

interface BranchParts {
  readonly id: string;
  readonly kind: CompiledBranch['kind'];
  readonly from: string;
  readonly to: string;
  readonly port: PhasePort;
  readonly ratedCurrentFromA?: number | undefined;
  readonly ratedCurrentToA?: number | undefined;
}

interface TwoEnded {
  readonly id: string;
  readonly from: string;
  readonly to: string;
  readonly inService: boolean;
  readonly fromClosed?: boolean;
  readonly toClosed?: boolean;
}

function compileBranches(frame: Frame): CompiledBranch[] {
  const { document, phases } = frame;
  const { frequencyHz } = document;
  /** Ends at a bus out of service are open. */
  const closedOf = (branch: TwoEnded): { from: boolean; to: boolean } => ({
    from: branch.inService && branch.fromClosed !== false && frame.busInService(branch.from),
    to: branch.inService && branch.toClosed !== false && frame.busInService(branch.to),
  });
  const bySequence = (branch: TwoEnded, ports: Sequences<TwoPort>): PhasePort => {
    const closed = closedOf(branch);
    return sequencePort(openSequences(ports, closed.from, closed.to), phases);
  };
  const nominal = (id: string): number => frame.baseVoltageV[busOf(frame, id, id)]! * Math.sqrt(3);
  const parts: BranchParts[] = [
    ...document.lines.map((line): BranchParts => {
      const rated = (line.ratedCurrentA ?? Number.NaN) * line.parallel;
      const port = bySequence(line, lineSequences(line, frequencyHz));
      return { ...endsOf(line), kind: 'line', port, ratedCurrentFromA: rated, ratedCurrentToA: rated };
    }),
    ...document.transformers.map((unit): BranchParts => {
      const rated = (unit.ratedPowerVA * unit.parallel) / (Math.sqrt(3) * ((unit.phases?.length ?? 3) / 3));
      return {
        ...endsOf(unit),
        kind: 'transformer',
        port: transformerPort(unit, phases, closedOf(unit)),
        ratedCurrentFromA: rated / unit.ratedVoltageFromV,
        ratedCurrentToA: rated / unit.ratedVoltageToV,
      };
    }),
    ...document.threeWindingTransformers.flatMap((unit) => compileLegs(frame, unit)),
    ...document.matrixLines.map((line): BranchParts => {
      const rated = (line.ratedCurrentA ?? Number.NaN) * line.parallel;
      const port = matrixLinePort(line, frequencyHz, closedOf(line));
      if (port === undefined) throw new Error(`the series impedance of matrix line ${line.id} is singular`);
      return { ...endsOf(line), kind: 'line', port, ratedCurrentFromA: rated, ratedCurrentToA: rated };
    }),
    ...document.generalBranches.map((branch): BranchParts => {
      const [from, to] = [nominal(branch.from), nominal(branch.to)];
      const port = bySequence(branch, generalBranchSequences(branch, from, to));
      const plain = branch.ratio === 1 && branch.shiftDeg === 0 && from === to;
      const rated = branch.ratedCurrentA;
      return { ...endsOf(branch), kind: plain ? 'line' : 'transformer', port, ratedCurrentFromA: rated };
    }),
    ...document.admittanceBranches.map((branch): BranchParts => {
      const closed = closedOf(branch);
      const port = closed.from && closed.to ? admittanceBranchPort(branch) : undefined;
      const kind = nominal(branch.from) === nominal(branch.to) ? 'line' : 'transformer';
      return { ...endsOf(branch), kind, port: port ?? admittanceBranchPort(deadened(branch)) };
    }),
  ];
  return parts.map((part, index) => compileBranch(frame, part, index));
}

/** An admittance branch with an end at a bus out of service takes part in nothing: its inside is not known. */
function deadened<T extends { readonly gS: readonly (readonly number[])[] }>(branch: T): T {
  const none = branch.gS.map((row) => row.map(() => 0));
  return { ...branch, gS: none, bS: none };
}

function endsOf(branch: TwoEnded): Pick<BranchParts, 'id' | 'from' | 'to'> {
  return { id: branch.id, from: branch.from, to: branch.to };
}

function openSequences(ports: Sequences<TwoPort>, from: boolean, to: boolean): Sequences<TwoPort> {
  const open = (port: TwoPort): TwoPort => openEnds(port, from, to);
  return { zero: open(ports.zero), positive: open(ports.positive), negative: open(ports.negative) };
}

function transformerPort(unit: GridTransformer, phases: 1 | 3, closed: { from: boolean; to: boolean }): PhasePort {
  if (phases === 3 && isBank(unit)) return bankPort(unit, closed);
  return sequencePort(openSequences(transformerSequences(unit), closed.from, closed.to), phases);
}

/** A branch for each leg, from its terminal to the star point. */
function compileLegs(frame: Frame, unit: GridThreeWinding): BranchParts[] {
  const legs = threeWindingLegs(unit);
  return LEGS.map((name) => {
    const winding = unit[name];
    const closed = unit.inService && winding.closed && frame.busInService(winding.bus);
    return {
      id: `${unit.id}:${name}`,
      kind: 'transformer',
      from: winding.bus,
      to: starId(unit),
      port: sequencePort(openSequences(legs[name], closed, unit.inService), frame.phases),
      ratedCurrentFromA: winding.ratedPowerVA / Math.sqrt(3) / winding.ratedVoltageV,
    };
  });
}

function compileBranch(frame: Frame, part: BranchParts, index: number): CompiledBranch {
  const { id, kind, port } = part;
  const from = busOf(frame, part.from, id);
  const to = busOf(frame, part.to, id);
  const vf = frame.baseVoltageV[from]!;
  const vt = frame.baseVoltageV[to]!;
  return {
    id,
    kind,
    index,
    from,
    to,
    yff: toBlock(port.ff, vf * vf),
    yft: toBlock(port.ft, vf * vt),
    ytf: toBlock(port.tf, vt * vf),
    ytt: toBlock(port.tt, vt * vt),
    ratedCurrentFromA: part.ratedCurrentFromA ?? Number.NaN,
    ratedCurrentToA: part.ratedCurrentToA ?? Number.NaN,
  };
}

/** Per-unit phase block of an admittance in siemens: y[pu] = y[S] V_row V_column / S_base. */
function toBlock(y: ComplexMatrix, voltages: number): ComplexBlock {
  const phases = y.length;
  const block = new Float64Array(2 * phases * phases);
  y.forEach((row, r) => {
    row.forEach(({ re, im }, c) => {
      block[2 * (r * phases + c)] = (re * voltages) / BASE_POWER_VA;
      block[2 * (r * phases + c) + 1] = (im * voltages) / BASE_POWER_VA;
    });
  });
  return block;
}

/**
 * A positive sequence that is held at the terminals is one behind next to nothing: a ten-millionth of the short-circuit
 * impedance, so a load of a thousandth of the short-circuit power moves the voltage by 1e-10.
 */
const HELD = 1e7;

/** Internal voltage and, where a short-circuit power is given, z = U^2 / S_sc split by R/X (0.1 when not given). */
function compileSource(frame: Frame, source: GridExternalGrid): CompiledGrid['sources'][number] {
  const bus = busOf(frame, source.bus, source.id);
  const internal = polar(source.voltagePu, (source.angleDeg * Math.PI) / 180);
  const voltage = new Float64Array(2 * frame.phases);
  for (let phase = 0; phase < frame.phases; phase++) {
    const v = multiply(internal, phaseTurn(phase));
    voltage[2 * phase] = v.re;
    voltage[2 * phase + 1] = v.im;
  }
  const held = source.stiffPositiveSequence && frame.phases === 1;
  if (source.shortCircuitPowerVA === undefined || held) return { id: source.id, bus, voltage, y: undefined };

  const base = frame.baseVoltageV[bus]!;
  const magnitude = (3 * base * base) / source.shortCircuitPowerVA;
  const rx = source.shortCircuitRX ?? 0.1;
  const negative = sourceAdmittance(magnitude, rx);
  const ratio = source.zeroSequenceRatio ?? 1;
  if (ratio === 0) throw new Error(`external grid ${source.id} has a zero-sequence ratio of 0`);
  const zero = sourceAdmittance(magnitude * ratio, source.zeroSequenceRX ?? rx);
  const positive = source.stiffPositiveSequence ? scale(negative, HELD) : negative;
  const y = frame.phases === 1 ? [[positive]] : sequenceBlock({ zero, positive, negative });
  return { id: source.id, bus, voltage, y: toBlock(y, base * base) };
}

/** 1 / (r + jx) from the magnitude of the impedance and r / x. */
function sourceAdmittance(magnitude: number, rx: number): Complex {
  const x = magnitude / Math.sqrt(1 + rx * rx);
  return divide(complex(1), complex(rx * x, x));
}

function compileShunts(frame: Frame): CompiledGrid['shunts'] {
  const shunts: { bus: number; y: ComplexBlock }[] = [];
  for (const shunt of frame.document.shunts) {
    if (!shunt.inService || !frame.busInService(shunt.bus)) continue;
    const bus = busOf(frame, shunt.bus, shunt.id);
    const base = frame.baseVoltageV[bus]!;
    shunts.push({ bus, y: toBlock(shuntBlock(shunt, frame.phases, base), base * base) });
  }
  return shunts;
}

/** Whether a branch joins its two buses: some transfer admittance is not zero. */
export function joins(branch: CompiledBranch): boolean {
  return branch.from !== branch.to && branch.yft.some((value) => value !== 0);
}

/**
 * Live phases: those that some admittance connects to a source. Phases of one bus are not connected by the bus, but by
 * whatever couples them (a delta winding, mutual impedance), so a missing phase of a lateral stays dead.
 */
function findEnergised(
  frame: Frame,
  branches: readonly CompiledBranch[],
  sources: CompiledGrid['sources'],
): Uint8Array {
  const { phases, busCount, document } = frame;
  const exists = existingPhases(frame);
  const union = createUnion(busCount * phases);
  const couple = (block: ComplexBlock, row: number, column: number): void => {
    for (let r = 0; r < phases; r++) {
      for (let c = 0; c < phases; c++) {
        const k = 2 * (r * phases + c);
        if (block[k] === 0 && block[k + 1] === 0) continue;
        union.join(row * phases + r, column * phases + c);
      }
    }
  };
  for (const branch of branches) {
    if (!joins(branch)) continue;
    couple(branch.yft, branch.from, branch.to);
    couple(branch.ytf, branch.to, branch.from);
    // An element between phases alone brings no phase to life: only what a branch carries there does.
    if (phases === 3) {
      couple(branch.yff, branch.from, branch.from);
      couple(branch.ytt, branch.to, branch.to);
    }
  }
  const live = new Set<number>();
  for (const { bus } of sources) for (let k = 0; k < phases; k++) live.add(union.find(bus * phases + k));
  const inService = new Set(document.buses.filter((bus) => bus.inService).map((bus) => frame.busIndex.get(bus.id)!));
  return Uint8Array.from({ length: busCount * phases }, (_, k) => {
    const bus = Math.floor(k / phases);
    const standing = bus >= frame.fused.busCount || inService.has(bus);
    return standing && exists[k] === 1 && live.has(union.find(k)) ? 1 : 0;
  });
}

/** 1 for each phase that some bus of the document has here; star points have all. */
function existingPhases(frame: Frame): Uint8Array {
  const { phases, busCount, document } = frame;
  const exists = new Uint8Array(busCount * phases);
  if (phases === 1) return exists.fill(1);
  exists.fill(1, frame.fused.busCount * phases);
  for (const bus of document.buses) {
    const index = frame.busIndex.get(bus.id)!;
    for (const phase of bus.phases ?? ['A', 'B', 'C']) exists[index * phases + phaseNumber(phase)] = 1;
  }
  return exists;
}
