/** Turns a grid document into computational buses and per-unit admittance blocks. */
import { complex, divide, multiply, polar, scale, type Complex } from '../numerics/complex.ts';
import type { CompiledBranch, CompiledGrid, ComplexBlock } from './model.ts';
import type { GridDocument, GridExternalGrid, GridLine, GridTransformer } from './schema.ts';
import {
  lineSequences,
  openEnds,
  phaseEntry,
  phaseTurn,
  transformerSequences,
  type Sequences,
  type TwoPort,
} from './sequence.ts';
import { findIslands, fuseBuses, type FusedBuses } from './topology.ts';

/** 1 MVA three-phase, so that low- and high-voltage admittances both stay within a few powers of ten of one. */
const BASE_POWER_VA = 1e6 / 3;

/** What block building needs to know about the grid around a branch. */
interface Frame {
  readonly document: GridDocument;
  readonly phases: 1 | 3;
  readonly fused: FusedBuses;
  /** Nominal phase-to-ground voltage by computational bus, V. */
  readonly baseVoltageV: Float64Array;
  readonly busInService: (id: string) => boolean;
}

/**
 * Compiles a validated document (see `validateGrid`); throws an Error on references that lead nowhere.
 * Branches stand in document order, lines before transformers; those out of service stay, with zero blocks.
 */
export function compileGrid(document: GridDocument): CompiledGrid {
  const frame = createFrame(document);
  const { fused, phases } = frame;
  const branches = [
    ...document.lines.map((line, i) => compileLine(frame, line, i)),
    ...document.transformers.map((unit, i) => compileTransformer(frame, unit, document.lines.length + i)),
  ];
  const sources = document.externalGrids
    .filter((source) => source.inService && frame.busInService(source.bus))
    .map((source) => compileSource(frame, source));
  return {
    document,
    phases,
    basePowerVA: BASE_POWER_VA,
    busCount: fused.busCount,
    busIndex: fused.busIndex,
    busIds: fused.busIds,
    baseVoltageV: frame.baseVoltageV,
    branches,
    branchIndex: new Map(branches.map((branch) => [branch.id, branch.index])),
    shunts: compileShunts(frame),
    sources,
    energised: findEnergised(
      fused.busCount,
      branches,
      sources.map((source) => source.bus),
    ),
  };
}

function createFrame(document: GridDocument): Frame {
  const fused = fuseBuses(document);
  const baseVoltageV = new Float64Array(fused.busCount);
  const inService = new Map<string, boolean>();
  for (const bus of document.buses) {
    inService.set(bus.id, bus.inService);
    const index = fused.busIndex.get(bus.id)!;
    if (baseVoltageV[index] === 0) baseVoltageV[index] = bus.nominalVoltageV / Math.sqrt(3);
  }
  return {
    document,
    phases: document.representation === 'three' ? 3 : 1,
    fused,
    baseVoltageV,
    busInService: (id) => inService.get(id) ?? false,
  };
}

function busOf(frame: Frame, id: string, owner: string): number {
  const index = frame.fused.busIndex.get(id);
  if (index === undefined) throw new Error(`${owner} stands at bus ${id}, which the grid does not have`);
  return index;
}

function compileLine(frame: Frame, line: GridLine, index: number): CompiledBranch {
  const rated = (line.ratedCurrentA ?? Number.NaN) * line.parallel;
  return {
    ...compileBlocks(frame, line, lineSequences(line, frame.document.frequencyHz)),
    id: line.id,
    kind: 'line',
    index,
    ratedCurrentFromA: rated,
    ratedCurrentToA: rated,
  };
}

function compileTransformer(frame: Frame, unit: GridTransformer, index: number): CompiledBranch {
  const rated = (unit.ratedPowerVA * unit.parallel) / Math.sqrt(3);
  return {
    ...compileBlocks(frame, unit, transformerSequences(unit)),
    id: unit.id,
    kind: 'transformer',
    index,
    ratedCurrentFromA: rated / unit.ratedVoltageFromV,
    ratedCurrentToA: rated / unit.ratedVoltageToV,
  };
}

type Blocks = Pick<CompiledBranch, 'from' | 'to' | 'yff' | 'yft' | 'ytf' | 'ytt'>;

/** Applies switches, per unit and phases to a branch in sequence form. An end at a bus out of service is open. */
function compileBlocks(frame: Frame, branch: GridLine | GridTransformer, ports: Sequences<TwoPort>): Blocks {
  const from = busOf(frame, branch.from, branch.id);
  const to = busOf(frame, branch.to, branch.id);
  const fromClosed = branch.inService && branch.fromClosed && frame.busInService(branch.from);
  const toClosed = branch.inService && branch.toClosed && frame.busInService(branch.to);
  const open = (port: TwoPort): TwoPort => openEnds(port, fromClosed, toClosed);
  const p = { zero: open(ports.zero), positive: open(ports.positive), negative: open(ports.negative) };

  const vf = frame.baseVoltageV[from]!;
  const vt = frame.baseVoltageV[to]!;
  const block = (key: keyof TwoPort, voltages: number): ComplexBlock =>
    toBlock(frame.phases, { zero: p.zero[key], positive: p.positive[key], negative: p.negative[key] }, voltages);
  return {
    from,
    to,
    yff: block('ff', vf * vf),
    yft: block('ft', vf * vt),
    ytf: block('tf', vt * vf),
    ytt: block('tt', vt * vt),
  };
}

/** Per-unit phase block of an admittance in sequence form: y[pu] = y[S] V_row V_column / S_base. */
function toBlock(phases: 1 | 3, y: Sequences<Complex>, voltages: number): ComplexBlock {
  const block = new Float64Array(2 * phases * phases);
  for (let row = 0; row < phases; row++) {
    for (let column = 0; column < phases; column++) {
      const entry = phases === 1 ? y.positive : phaseEntry(y, row, column);
      block[2 * (row * phases + column)] = (entry.re * voltages) / BASE_POWER_VA;
      block[2 * (row * phases + column) + 1] = (entry.im * voltages) / BASE_POWER_VA;
    }
  }
  return block;
}

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
  if (source.shortCircuitPowerVA === undefined) return { id: source.id, bus, voltage, y: undefined };

  const base = frame.baseVoltageV[bus]!;
  const rx = source.shortCircuitRX ?? 0.1;
  const x = (3 * base * base) / source.shortCircuitPowerVA / Math.sqrt(1 + rx * rx);
  const positive = divide(complex(1), complex(rx * x, x));
  const ratio = source.zeroSequenceRatio ?? 1;
  if (ratio === 0) throw new Error(`external grid ${source.id} has a zero-sequence ratio of 0`);
  const y = toBlock(frame.phases, { zero: scale(positive, 1 / ratio), positive, negative: positive }, base * base);
  return { id: source.id, bus, voltage, y };
}

function sum(power: number | { A?: number | undefined; B?: number | undefined; C?: number | undefined }): number {
  return typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0);
}

function compileShunts(frame: Frame): CompiledGrid['shunts'] {
  const shunts: { bus: number; y: ComplexBlock }[] = [];
  for (const shunt of frame.document.shunts) {
    if (!shunt.inService || !frame.busInService(shunt.bus)) continue;
    const bus = busOf(frame, shunt.bus, shunt.id);
    const base = frame.baseVoltageV[bus]!;
    // Consumption P + jQ at nominal voltage is the admittance (P - jQ) / U^2.
    const y = scale(complex(sum(shunt.activePowerW), -sum(shunt.reactivePowerVar)), 1 / (3 * base * base));
    shunts.push({ bus, y: toBlock(frame.phases, { zero: y, positive: y, negative: y }, base * base) });
  }
  return shunts;
}

/** Whether a branch joins its two buses: some transfer admittance is not zero. */
export function joins(branch: CompiledBranch): boolean {
  return branch.from !== branch.to && branch.yft.some((value) => value !== 0);
}

function findEnergised(busCount: number, branches: readonly CompiledBranch[], sources: readonly number[]): Uint8Array {
  const { island } = findIslands(busCount, branches.filter(joins));
  const live = new Set(sources.map((bus) => island[bus]!));
  return Uint8Array.from({ length: busCount }, (_, bus) => (live.has(island[bus]!) ? 1 : 0));
}
