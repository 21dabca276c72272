/**
 * A CIM/CGMES model (IEC 61970; profiles EQ, TP, SSH, SV, and DL for places) as a native grid in the positive sequence.
 * Ids are the rdf:IDs. Buses are the topological nodes, or without a TP file the connectivity nodes with their switches.
 */
import { createDraft, type GridDraft, type Origin } from '../draft.ts';
import type { ImportedGrid, SourceFile } from '../imported-grid.ts';
import { createNodes } from '../nodes.ts';
import { addLoads, addShunts, addSources } from './injections.ts';
import { addLines, addSeriesBranches, addSwitches, type Context } from './lines.ts';
import { createModel, type CimModel, type CimObject } from './model.ts';
import { readRdf } from './rdf.ts';
import { createTopology, type Topology } from './topology.ts';
import { addTransformers } from './transformers.ts';

/** Throws InvalidInputError with every fault. */
export function readCim(files: readonly SourceFile[]): ImportedGrid {
  const draft = createDraft();
  const model = createModel(readRdf(files, draft), draft);
  checkProfiles(model, files, draft);
  const topology = createTopology(model);
  const frequencyHz = frequencyOf(model);
  const context: Context = { model, topology, frequencyHz, nodes: createNodes(), islands: createNodes() };
  addBuses(model, topology);
  addSwitches(context);
  addLines(context);
  addSeriesBranches(context);
  addTransformers(context);
  addLoads(context);
  addShunts(context);
  addSources(context);
  noteSeparateModels(context);
  noteTheRest(model);
  return draft.finish('cim', {
    name: nameOf(model, files),
    representation: 'positive-sequence',
    frequencyHz: context.frequencyHz,
  });
}

/** Without any of these there is no equipment to speak of. */
const branchClasses = ['ACLineSegment', 'PowerTransformer', 'Breaker', 'Switch', 'ExternalNetworkInjection'];

/** Says which file is missing, once, instead of complaining about each terminal. */
function checkProfiles(model: CimModel, files: readonly SourceFile[], draft: GridDraft): void {
  const origin: Origin = { file: files[0]!.name, path: '' };
  const hint = 'name all files of the model, or its folder';
  if (model.of('BaseVoltage').length === 0 || model.of(...branchClasses).length === 0) {
    draft.fault('there is no equipment (EQ) in what was named', origin, hint);
  }
  if (model.of('TopologicalNode').length === 0 && model.of('ConnectivityNode').length === 0) {
    draft.fault(
      'there are no nodes: a topology (TP) file, or connectivity nodes in the EQ file, are missing',
      origin,
      hint,
    );
  }
  // What follows would only repeat it for every terminal.
  draft.stopIfFaulty();
  // A terminal of nothing would take its load or generator away without a word.
  for (const terminal of model.of('Terminal')) model.target(terminal, 'Terminal.ConductingEquipment');
}

function frequencyOf(model: CimModel): number {
  const base = model.of('BaseFrequency')[0];
  return base?.fields.numberOr('BaseFrequency.frequency', 50, { above: 0, atMost: 1000 }) ?? 50;
}

function addBuses(model: CimModel, topology: Topology): void {
  for (const node of model.of(topology.nodeClass)) {
    const position = positionOf(model, node);
    const element = {
      id: node.id,
      nominalVoltageV: topology.nominalVoltageV(node.id),
      ...(node.name !== undefined && node.name !== node.id && { name: node.name }),
      ...(position !== undefined && { position }),
    };
    model.draft.add('buses', element, node.origin);
  }
}

/** The first point of the node on a diagram. */
function positionOf(model: CimModel, node: CimObject): { x: number; y: number } | undefined {
  const drawn = model.referring(node, 'DiagramObject.IdentifiedObject')[0];
  const point = drawn === undefined ? undefined : model.referring(drawn, 'DiagramObjectPoint.DiagramObject')[0];
  const x = point?.fields.optional('DiagramObjectPoint.xPosition');
  const y = point?.fields.optional('DiagramObjectPoint.yPosition');
  return x === undefined || y === undefined ? undefined : { x, y };
}

/** Two models in one folder are read as one grid of two islands: allowed, for areas may be apart, but told. */
function noteSeparateModels({ model, topology, islands }: Context): void {
  const byFile = new Map<string, { readonly roots: Set<string>; readonly origin: Origin }>();
  for (const { id, origin } of model.of(topology.nodeClass)) {
    const file = byFile.get(origin.file ?? '') ?? { roots: new Set(), origin: { ...origin, path: origin.file ?? '' } };
    byFile.set(origin.file ?? '', file);
    file.roots.add(islands.rootOf(id));
  }
  const [first, ...others] = byFile.values();
  for (const { roots, origin } of others) {
    if ([...roots].some((root) => first!.roots.has(root))) continue;
    model.draft.note('nothing joins the nodes of this file with those of another: are these two models?', origin);
  }
}

function nameOf(model: CimModel, files: readonly SourceFile[]): string {
  const region = model.of('GeographicalRegion')[0]?.name;
  const file = files[0]!.name
    .split(/[/\\]/)
    .at(-1)!
    .replace(/\.[^.]+$/, '');
  return file || region || 'cim-model';
}

/** Classes that are read, or that only describe, name, group and draw what is read. */
const known = new RegExp(
  `^(${[
    'FullModel|Model|BaseVoltage|BaseFrequency|VoltageLevel|Bay|Substation|GeographicalRegion|SubGeographicalRegion|Line',
    'Terminal|TopologicalNode|ConnectivityNode|BusbarSection|Junction|ConnectivityNodeContainer',
    'ACLineSegment|SeriesCompensator|EquivalentBranch|PowerTransformer|PowerTransformerEnd',
    'RatioTapChanger|RatioTapChangerTable|RatioTapChangerTablePoint|PhaseTapChanger\\w*',
    'EnergyConsumer|ConformLoad|NonConformLoad|StationSupply|LoadResponseCharacteristic|AsynchronousMachine',
    'ExternalNetworkInjection|SynchronousMachine|EnergySource|EquivalentInjection|StaticVarCompensator|RegulatingControl',
    'PowerElectronicsConnection|PhotoVoltaicUnit|PowerElectronicsWindUnit|\\w*GeneratingUnit',
    'LinearShuntCompensator|NonlinearShuntCompensator|NonlinearShuntCompensatorPoint|EquivalentShunt',
    'Switch|Breaker|Disconnector|LoadBreakSwitch|ProtectedSwitch|Fuse|Jumper|Sectionaliser|Recloser|Cut',
    'DisconnectingCircuitBreaker|CurrentLimit|OperationalLimitSet|OperationalLimitType|CsConverter|VsConverter',
    'Sv\\w+|TopologicalIsland|Diagram\\w*|Name|NameType|NameTypeAuthority',
  ].join('|')})$`,
);

function noteTheRest(model: CimModel): void {
  for (const [className, count] of model.counts) {
    if (known.test(className)) continue;
    model.draft.note('classes not carried over', { path: `${className} (${count})` });
  }
  if (model.of('PowerTransformerEnd').some(({ fields }) => fields.numberOr('PowerTransformerEnd.x0', 0) !== 0)) {
    model.draft.note('zero sequence of transformers not carried over', { path: 'PowerTransformerEnd.x0' });
  }
  for (const control of model.of('TapChangerControl')) {
    if (control.fields.flag('RegulatingControl.enabled', false)) {
      model.draft.note('automatic tap control not carried over: the steps in force stay', control.origin);
    }
  }
}
