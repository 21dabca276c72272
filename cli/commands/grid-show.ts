/** `twin grid show GRID`: what a grid consists of and how it hangs together. */
import { compileGrid, joins } from '../../grids/compile.ts';
import { describeNote, formatNames } from '../../grids/import/imported-grid.ts';
import { readGridFiles } from '../../grids/import/read-grid-files.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { findIslands, spanForest } from '../../grids/topology.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { GRID_HELP } from '../grid-argument.ts';

interface Values {
  readonly grid: readonly string[];
}

export const command = defineCommand<Values>({
  positionals: { grid: { type: 'string', array: true, describe: GRID_HELP } },
  options: {},
  examples: [{ line: 'twin grid show abbenhausen', does: 'Buses, lines, transformers, loads and topology of a grid' }],
  async run({ grid }, { terminal }) {
    terminal.print(gridShow(grid));
    return exitCodes.pass.code;
  },
});

/** A summary in words; throws InvalidInputError on a bad grid. */
export function gridShow(files: string | readonly string[]): string {
  const { format, grid: document, measurements, notes } = readGridFiles(files);
  const grid = compileGrid(document);
  const rows: (readonly [string, string])[] = [
    ['Grid', document.name],
    ...(document.description === undefined ? [] : [['', document.description] as const]),
    [
      'Model',
      `${document.representation === 'three' ? 'three phases' : 'positive sequence'}, ${document.frequencyHz} Hz`,
    ],
    ['Buses', describeBuses(document)],
    ['Lines', describeLines(document)],
    ...list('Transformers', document.transformers.map(describeTransformer)),
    ...(document.threeWindingTransformers.length > 0
      ? list('Three windings', document.threeWindingTransformers.map(describeThreeWindings))
      : []),
    ...otherBranches(document),
    ['Switches', describeSwitches(document)],
    ['Loads', describeLoads(document)],
    ...list('Generators', describeGenerators(document)),
    ...list(
      'Batteries',
      document.batteries.map((b) => `${b.id} at ${b.bus}: ${kilo(b.ratedPowerW)} kW, ${kilo(b.capacityWh)} kWh`),
    ),
    ...list('Sources', document.externalGrids.map(describeSource)),
    ...list('Topology', describeTopology(grid)),
    ...(format === 'native' ? [] : [['Source', formatNames[format]] as const]),
    ...(measurements.length === 0 ? [] : [['Measured', `${measurements.length} values`] as const]),
    ...(notes.length === 0
      ? []
      : list(
          'Notes',
          notes.map((note) => describeNote(note)),
        )),
  ];
  const width = Math.max(...rows.map(([title]) => title.length)) + 2;
  return rows.map(([title, text]) => `${title.padEnd(width)}${text}`).join('\n');
}

/** Rows of one title; the title stands before the first only. */
function list(title: string, texts: readonly string[]): (readonly [string, string])[] {
  return (texts.length === 0 ? ['none'] : texts).map((text, i) => [i === 0 ? title : '', text] as const);
}

/** Thousands with at most two decimals. */
function kilo(value: number): string {
  return String(Math.round(value / 10) / 100);
}

function volts(value: number): string {
  return value >= 1000 ? `${kilo(value)} kV` : `${value} V`;
}

function describeBuses(document: GridDocument): string {
  const levels = new Map<number, number>();
  for (const bus of document.buses) levels.set(bus.nominalVoltageV, (levels.get(bus.nominalVoltageV) ?? 0) + 1);
  const parts = [...levels].toSorted(([a], [b]) => b - a).map(([level, count]) => `${count} at ${volts(level)}`);
  const off = document.buses.filter((bus) => !bus.inService).length;
  return `${document.buses.length}: ${parts.join(', ')}${off > 0 ? `; ${off} out of service` : ''}`;
}

function describeLines(document: GridDocument): string {
  if (document.lines.length === 0) return 'none';
  const metres = document.lines.reduce((sum, line) => sum + line.lengthM, 0);
  const off = document.lines.filter((line) => !line.inService).length;
  const open = document.lines.filter((line) => line.inService && !(line.fromClosed && line.toClosed)).length;
  const notes = [off > 0 ? `${off} out of service` : '', open > 0 ? `${open} open at an end` : ''].filter(Boolean);
  return `${document.lines.length}, ${kilo(metres)} km${notes.length > 0 ? `; ${notes.join(', ')}` : ''}`;
}

function describeTransformer(unit: GridDocument['transformers'][number]): string {
  const voltages = `${unit.ratedVoltageFromV / 1000}/${unit.ratedVoltageToV / 1000} kV`;
  const tap =
    unit.tap === undefined ? '' : `, tap ${unit.tap.position} of ${unit.tap.min ?? '?'}..${unit.tap.max ?? '?'}`;
  const off = unit.inService ? '' : ', out of service';
  const name = `${unit.id} from ${unit.from} to ${unit.to}`;
  return `${name}: ${kilo(unit.ratedPowerVA)} kVA ${voltages} ${unit.vectorGroup}, vk ${unit.vkPercent} %${tap}${off}`;
}

function describeThreeWindings(unit: GridDocument['threeWindingTransformers'][number]): string {
  const windings = [unit.high, unit.medium, unit.low];
  const voltages = windings.map(({ ratedVoltageV }) => ratedVoltageV / 1000).join('/');
  const powers = windings.map(({ ratedPowerVA }) => kilo(ratedPowerVA)).join('/');
  const off = unit.inService ? '' : ', out of service';
  return `${unit.id} at ${windings.map(({ bus }) => bus).join(', ')}: ${powers} kVA ${voltages} kV ${unit.vectorGroup}${off}`;
}

/** Branches that are neither lines by sequence nor transformers by their rating plate. */
function otherBranches(document: GridDocument): (readonly [string, string])[] {
  const kinds = [
    ['by phase matrices', document.matrixLines.length],
    ['by impedance and ratio', document.generalBranches.length],
    ['by admittances', document.admittanceBranches.length],
  ] as const;
  const parts = kinds.filter(([, count]) => count > 0).map(([kind, count]) => `${count} ${kind}`);
  return parts.length === 0 ? [] : [['Other branches', parts.join(', ')]];
}

function describeSwitches(document: GridDocument): string {
  if (document.switches.length === 0) return 'none';
  const closed = document.switches.filter((item) => item.closed).length;
  return `${document.switches.length}: ${closed} closed, ${document.switches.length - closed} open`;
}

function sumOf(power: GridDocument['loads'][number]['activePowerW']): number {
  return typeof power === 'number' ? power : (power.A ?? 0) + (power.B ?? 0) + (power.C ?? 0);
}

function describeLoads(document: GridDocument): string {
  const live = document.loads.filter((load) => load.inService);
  if (live.length === 0) return 'none';
  const p = live.reduce((sum, load) => sum + sumOf(load.activePowerW), 0);
  const q = live.reduce((sum, load) => sum + sumOf(load.reactivePowerVar), 0);
  const energy = live.reduce((sum, load) => sum + (load.annualEnergyWh ?? 0), 0);
  const year = energy > 0 ? `, ${kilo(energy / 1000)} MWh a year` : '';
  return `${live.length}: ${kilo(p)} kW, ${kilo(q)} kvar${year}`;
}

function describeGenerators(document: GridDocument): string[] {
  return (['pv', 'wind', 'other'] as const).flatMap((kind) => {
    const units = document.generators.filter((unit) => unit.inService && unit.kind === kind);
    if (units.length === 0) return [];
    const single = units.filter((unit) => unit.connection !== 'wye' && unit.connection !== 'delta').length;
    const rated = units.reduce((sum, unit) => sum + (unit.ratedPowerW ?? sumOf(unit.activePowerW)), 0);
    const name = { pv: 'PV', wind: 'wind', other: 'other' }[kind];
    return [`${units.length} ${name}: ${kilo(rated)} kW${single > 0 ? `, ${single} of them on one phase` : ''}`];
  });
}

function describeSource(source: GridDocument['externalGrids'][number]): string {
  const { shortCircuitPowerVA: power } = source;
  const stiffness = power === undefined ? 'stiff' : `${kilo(power / 1000)} MVA short-circuit power`;
  return `${source.id} at ${source.bus}: ${source.voltagePu} pu, ${stiffness}${source.inService ? '' : ', out of service'}`;
}

/** Radial or meshed, islands, what is dead, and how far the farthest bus is. */
function describeTopology(grid: CompiledGrid): string[] {
  const edges = grid.branches.filter(joins);
  const roots = grid.sources.map((source) => source.bus);
  const forest = spanForest(grid.busCount, edges, roots);
  const { island, count } = findIslands(grid.busCount, edges);
  const live = new Set(roots.map((bus) => island[bus])).size;
  const dead = grid.energised.filter((value) => value === 0).length;
  const shape = forest.loops === 0 ? 'radial' : `meshed with ${forest.loops} ${forest.loops === 1 ? 'loop' : 'loops'}`;
  const fused = grid.document.buses.length - grid.busCount;
  return [
    `${shape}, ${live} energised ${live === 1 ? 'island' : 'islands'}${count > live ? `, ${count - live} without a source` : ''}`,
    ...(fused > 0 ? [`${grid.busCount} electrical nodes: closed switches fuse ${fused} buses with others`] : []),
    ...(dead > 0 ? [`${dead} nodes without voltage`] : []),
    describeReach(grid, forest.order, forest.parent, forest.parentEdge, edges),
  ];
}

/** Length of line between the farthest bus and its source, along the tree. */
function describeReach(
  grid: CompiledGrid,
  order: Int32Array,
  parent: Int32Array,
  parentEdge: Int32Array,
  edges: CompiledGrid['branches'],
): string {
  const { lines, matrixLines } = grid.document;
  const lengths = new Map([...lines, ...matrixLines].map((line) => [line.id, line.lengthM]));
  const metres = new Float64Array(grid.busCount);
  let farthest = order[0]!;
  for (const bus of order) {
    if (parent[bus]! < 0) continue;
    const branch = edges[parentEdge[bus]!]!;
    const own = lengths.get(branch.id) ?? 0;
    metres[bus] = metres[parent[bus]!]! + own;
    if (metres[bus] > metres[farthest]!) farthest = bus;
  }
  return `farthest bus ${grid.busIds[farthest]![0]}, ${Math.round(metres[farthest]!)} m of line from its source`;
}
