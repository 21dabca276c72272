/**
 * A pandapower JSON file as a native grid with its measurements. Buses keep their index; every other element is called
 * after its table and index, for example `trafo-0`, because pandapower counts each table from zero.
 */
import { createDraft, type GridDraft } from '../draft.ts';
import type { ImportedGrid } from '../imported-grid.ts';
import { createNodes } from '../nodes.ts';
import { addImpedances, addLines, addSwitches, addTransformers, type Context } from './branches.ts';
import { readPandapowerFile, type PandapowerFile } from './frames.ts';
import { addExternalGrids, addGenerators, addLoads, addShunts, addWards } from './injections.ts';
import { addMeasurements } from './measurements.ts';
import { addThreeWindingTransformers } from './three-winding.ts';

/** Throws InvalidInputError with every fault. */
export function readPandapower(text: string, name: string): ImportedGrid {
  const draft = createDraft();
  const file = readPandapowerFile(text, name, draft);
  const frequencyHz = frequencyOf(file, draft);
  const context: Context = {
    file,
    draft,
    three: isThreePhase(file),
    frequencyHz,
    nominalVoltageV: addBuses(file, draft),
  };
  const nodes = createNodes();
  const open = addSwitches(context, (from, to) => nodes.join(from, to));
  addLines(context, open);
  addTransformers(context, open);
  addThreeWindingTransformers(context, open);
  addImpedances(context);
  addLoads(context);
  addShunts(context);
  addExternalGrids(context, nodes);
  addGenerators(context, nodes);
  addWards(context);
  addMeasurements(context);
  noteTheRest(file, draft);
  const title = file.values.get('name');
  return draft.finish('pandapower', {
    name: typeof title === 'string' && title !== '' ? title : stem(name),
    representation: context.three ? 'three' : 'positive-sequence',
    frequencyHz,
  });
}

/** The name of a file without folder and ending. */
function stem(name: string): string {
  const last = name.split(/[/\\]/).at(-1)!;
  return last.replace(/\.[^.]+$/, '') || 'pandapower-net';
}

function frequencyOf(file: PandapowerFile, draft: GridDraft): number {
  const value = file.values.get('f_hz') ?? 50;
  if (typeof value === 'number' && value > 0 && value <= 1000) return value;
  draft.fault(`f_hz must be a frequency in Hz, found ${JSON.stringify(value)}`, { ...file.origin, path: 'f_hz' });
  return 50;
}

/** Unbalanced elements, and the zero sequence of everything that needs one. */
function isThreePhase(file: PandapowerFile): boolean {
  const rows = (name: string) => file.table(name).rows;
  const unbalanced = rows('asymmetric_load').length + rows('asymmetric_sgen').length > 0;
  return (
    unbalanced &&
    rows('line').every(({ fields }) => fields.has('r0_ohm_per_km') && fields.has('x0_ohm_per_km')) &&
    rows('trafo').every(({ fields }) => fields.text('vector_group') !== undefined && fields.has('vk0_percent')) &&
    rows('ext_grid').every(({ fields }) => fields.has('s_sc_max_mva') && fields.has('rx_max') && fields.has('x0x_max'))
  );
}

/** Nominal line-to-line voltage by bus, V. */
function addBuses(file: PandapowerFile, draft: GridDraft): ReadonlyMap<string, number> {
  const nominal = new Map<string, number>();
  const places = new Map(file.table('bus_geodata').rows.map(({ index, fields }) => [index, fields]));
  for (const { index, fields } of file.table('bus').rows) {
    const nominalVoltageV =
      fields.number('vn_kv', { above: 0, atMost: 1500, hint: 'kilovolts: is it V for kV?' }) * 1000;
    nominal.set(index, nominalVoltageV);
    const name = fields.text('name');
    const geodata = places.get(index);
    const position =
      geodata === undefined ? pointOf(fields.text('geo')) : { x: geodata.optional('x'), y: geodata.optional('y') };
    draft.add(
      'buses',
      {
        id: index,
        nominalVoltageV,
        ...(name !== undefined && { name }),
        // One-line diagrams count y downwards, maps upwards.
        ...(position?.x !== undefined &&
          position.y !== undefined && { position: { x: position.x, y: 0 - position.y } }),
        ...(!fields.flag('in_service', true) && { inService: false }),
      },
      fields.origin,
    );
  }
  return nominal;
}

/** Coordinates of a GeoJSON point, which version 3 writes as text. */
function pointOf(text: string | undefined): { x: number; y: number } | undefined {
  const match = /"coordinates"\s*:\s*\[\s*(-?[\d.]+(?:[eE][-+]?\d+)?)\s*,\s*(-?[\d.]+(?:[eE][-+]?\d+)?)/.exec(
    text ?? '',
  );
  if (match === null) return undefined;
  const [x, y] = [Number(match[1]), Number(match[2])];
  return Number.isFinite(x) && Number.isFinite(y) ? { x, y } : undefined;
}

const read = new Set(
  (
    'bus bus_geodata switch line trafo trafo3w impedance trafo_characteristic_table load asymmetric_load motor storage ' +
    'shunt ward xward ext_grid gen sgen asymmetric_sgen dcline measurement'
  ).split(' '),
);

/** Tables whose elements take part in the power flow and that the native form has no element for. */
const electrical = new Set(
  'svc tcsc ssc vsc line_dc bus_dc b2b_vsc vsc_stacked vsc_bipolar source_dc load_dc'.split(' '),
);

/** Every table and column that holds something and was not read. */
function noteTheRest(file: PandapowerFile, draft: GridDraft): void {
  for (const name of file.tableNames()) {
    const origin = { ...file.origin, path: name };
    const results = /^_?(?:empty_)?res_/.test(name);
    if (results) draft.note('stored results not carried over', origin);
    else if (electrical.has(name)) draft.note('elements not carried over: results differ', origin);
    else if (!read.has(name)) draft.note('tables not carried over', origin);
    const columns = read.has(name) ? file.unreadColumns(name) : [];
    for (const column of columns) draft.note('columns not carried over', { ...file.origin, path: `${name}.${column}` });
  }
}
