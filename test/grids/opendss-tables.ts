/** The solved OpenDSS feeder as a grid document: phases by node numbers, lines by matrices, transformers by primitives. */
import type { GridDocumentInput, Phase } from '../../grids/schema.ts';

interface OpenDssElement {
  readonly name: string;
  /** `671.1.2.3`: a bus and its nodes; without nodes all three. */
  readonly buses: readonly string[];
  readonly node_order: readonly number[];
  readonly props: Readonly<Record<string, string>>;
  readonly yprim_S_row_major_re_im?: readonly number[];
  readonly S_kVA_per_conductor_re_im?: readonly number[];
}

export interface OpenDssCase {
  readonly name: string;
  readonly total_source_power_kW_kvar: readonly [number, number];
  readonly losses_W_var: readonly [number, number];
  readonly nodes: readonly { readonly node: string; readonly re_V: number; readonly im_V: number }[];
  readonly elements: readonly OpenDssElement[];
}

const SQRT3 = Math.sqrt(3);
/** Nominal line-to-line voltages, V. */
const NOMINAL_V: Readonly<Record<string, number>> = { sourcebus: 115_000, '634': 480 };
const nominalV = (bus: string): number => NOMINAL_V[bus] ?? 4160;

const PHASES: readonly Phase[] = ['A', 'B', 'C'];
const busOf = (terminal: string): string => terminal.split('.')[0]!;
const nodesOf = (terminal: string): number[] => {
  const nodes = terminal.split('.').slice(1).map(Number);
  return nodes.length === 0 ? [1, 2, 3] : nodes;
};
const phasesOf = (terminal: string): Phase[] =>
  nodesOf(terminal)
    .filter((node) => node > 0)
    .map((node) => PHASES[node - 1]!);

/** `[a |b c |d e f ]`: the lower triangle of a symmetric matrix. */
function triangle(text: string, factor: number): number[][] {
  const rows = text
    .replace(/[[\]]/g, '')
    .split('|')
    .map((row) => row.trim().split(/\s+/).map(Number));
  return rows.map((row, r) => rows.map((_, c) => factor * (c <= r ? row[c]! : rows[c]![r]!)));
}

const kindOf = ({ name }: OpenDssElement): string => name.split('.')[0]!;
const ofKind = (data: OpenDssCase, kind: string): OpenDssElement[] =>
  data.elements.filter((element) => kindOf(element) === kind);

/** Lengths and matrices are per foot; a "kilometre" of a thousand feet keeps the products. */
function matrixLines(data: OpenDssCase): NonNullable<GridDocumentInput['matrixLines']> {
  return ofKind(data, 'Line')
    .filter(({ props }) => props['switch'] === 'No')
    .map(({ name, buses, props }) => ({
      id: name,
      from: busOf(buses[0]!),
      to: busOf(buses[1]!),
      lengthM: Number(props['length']),
      phases: phasesOf(buses[0]!),
      rOhmPerKm: triangle(props['rmatrix']!, 1000),
      xOhmPerKm: triangle(props['xmatrix']!, 1000),
      cFPerKm: triangle(props['cmatrix']!, 1e-6),
    }));
}

/** The primitive admittance without its rows and columns of earth. */
function primitives(data: OpenDssCase): NonNullable<GridDocumentInput['admittanceBranches']> {
  return ofKind(data, 'Transformer').map(({ name, buses, node_order, yprim_S_row_major_re_im: y }) => {
    const size = node_order.length;
    const kept = node_order.flatMap((node, k) => (node > 0 ? [k] : []));
    const part = (im: 0 | 1) => kept.map((r) => kept.map((c) => y![2 * (r * size + c) + im]!));
    return {
      id: name,
      from: busOf(buses[0]!),
      to: busOf(buses[1]!),
      fromPhases: phasesOf(buses[0]!),
      toPhases: phasesOf(buses[1]!),
      gS: part(0),
      bS: part(1),
    };
  });
}

const list = (text: string): string[] =>
  text
    .replace(/[[\]]/g, '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');

/** The same transformers in our own words: a Dyn1, a YNyn0 and three single-phase regulators in steps of 0.625 %. */
function transformers(data: OpenDssCase): NonNullable<GridDocumentInput['transformers']> {
  return ofKind(data, 'Transformer').map(({ name, buses, props }) => {
    const single = props['phases'] === '1';
    const [high, low] = list(props['kVs']!).map((kV) => Number(kV) * 1000 * (single ? SQRT3 : 1));
    const resistive = list(props['%Rs']!).reduce((sum, r) => sum + Number(r), 0);
    const tap = Number(list(props['taps']!)[1]);
    return {
      id: name,
      from: busOf(buses[0]!),
      to: busOf(buses[1]!),
      ratedPowerVA: Number(list(props['kVAs']!)[0]) * 1000,
      ratedVoltageFromV: high!,
      ratedVoltageToV: low!,
      vkPercent: Math.hypot(resistive, Number(props['XHL'])),
      vkrPercent: resistive,
      vectorGroup: list(props['conns']!)[0] === 'delta' ? 'Dyn1' : 'YNyn0',
      ...(single && { phases: phasesOf(buses[0]!) }),
      ...(tap !== 1 && { tap: { side: 'to' as const, position: Math.round((tap - 1) / 0.00625), stepPercent: 0.625 } }),
    };
  });
}

/** Model 1 is constant power, 2 constant impedance, 5 constant current. */
const ZIP: Readonly<Record<string, [z: number, i: number, p: number]>> = {
  '1': [0, 0, 1],
  '2': [1, 0, 0],
  '5': [0, 1, 0],
};

function loads(data: OpenDssCase): NonNullable<GridDocumentInput['loads']> {
  return ofKind(data, 'Load').map(({ name, buses, props }) => {
    const [z, i, p] = ZIP[props['model']!]!;
    const three = props['phases'] === '3';
    const delta = props['conn'] === 'delta';
    return {
      id: name,
      bus: busOf(buses[0]!),
      connection: (three ? props['conn'] : phasesOf(buses[0]!).join('')) as 'delta',
      activePowerW: Number(props['kW']) * 1000,
      reactivePowerVar: Number(props['kvar']) * 1000,
      zip: { constantImpedance: z, constantCurrent: i, constantPower: p },
      ratedVoltageV: Number(props['kV']) * 1000 * (three || delta ? 1 : SQRT3),
    };
  });
}

function capacitors(data: OpenDssCase): NonNullable<GridDocumentInput['shunts']> {
  return ofKind(data, 'Capacitor').map(({ name, buses, props }) => ({
    id: name,
    bus: busOf(buses[0]!),
    connection: props['phases'] === '3' ? ('wye' as const) : phasesOf(buses[0]!)[0]!,
    reactivePowerVar: -1000 * Number(props['kvar']!.replace(/[[\]]/g, '')),
    ratedVoltageV: Number(props['kv']) * 1000 * (props['phases'] === '3' ? 1 : SQRT3),
  }));
}

function source(data: OpenDssCase): NonNullable<GridDocumentInput['externalGrids']>[number] {
  const { props } = ofKind(data, 'Vsource')[0]!;
  const value = (key: string): number => Number(props[key]);
  const [z1, z0] = [Math.hypot(value('R1'), value('X1')), Math.hypot(value('R0'), value('X0'))];
  return {
    id: 'source',
    bus: props['bus1']!,
    voltagePu: value('pu'),
    angleDeg: value('angle'),
    shortCircuitPowerVA: (value('basekV') * 1000) ** 2 / z1,
    shortCircuitRX: value('R1') / value('X1'),
    zeroSequenceRatio: z0 / z1,
    zeroSequenceRX: value('R0') / value('X0'),
  };
}

/** `own` models the transformers by their data, otherwise by their primitive admittances. */
export function openDssDocument(data: OpenDssCase, own: boolean): GridDocumentInput {
  const nodes = new Map<string, Phase[]>();
  for (const { node } of data.nodes) {
    const [bus, phase] = node.split('.') as [string, string];
    nodes.set(bus, [...(nodes.get(bus) ?? []), PHASES[Number(phase) - 1]!]);
  }
  return {
    schema: 1,
    name: data.name,
    representation: 'three',
    frequencyHz: 60,
    buses: [...nodes].map(([id, phases]) => ({ id, nominalVoltageV: nominalV(id), phases })),
    matrixLines: matrixLines(data),
    ...(own ? { transformers: transformers(data) } : { admittanceBranches: primitives(data) }),
    switches: ofKind(data, 'Line')
      .filter(({ props }) => props['switch'] === 'Yes')
      .map(({ name, buses }) => ({ id: name, from: busOf(buses[0]!), to: busOf(buses[1]!), closed: true })),
    loads: loads(data),
    shunts: capacitors(data),
    externalGrids: [source(data)],
  };
}
