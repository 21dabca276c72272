/**
 * A power-grid-model input as a native grid with its measurements. All ids are those of the file, which are unique over
 * all kinds of components; the parts of one sensor are told apart, for example `401-p` and `401-q`.
 */
import { createDraft, type GridDraft } from '../draft.ts';
import type { ImportedGrid } from '../imported-grid.ts';
import { addLoadsAndGenerators, addShunts, addSources } from './appliances.ts';
import {
  addAsymmetricLines,
  addGenericBranches,
  addLines,
  addLinks,
  addThreeWindingTransformers,
  addTransformers,
  FREQUENCY_HZ,
  type Context,
} from './branches.ts';
import { readComponents, type Components } from './components.ts';
import { addSensors } from './sensors.ts';

/** Throws InvalidInputError with every fault. Which calculation is meant the file leaves open: see `isThreePhase`. */
export function readPowerGridModel(
  text: string,
  file: string,
  representation?: 'three' | 'positive-sequence',
): ImportedGrid {
  const draft = createDraft();
  const components = readComponents(text, file, draft);
  const three = representation === undefined ? isThreePhase(components) : representation === 'three';
  const context: Context = { components, draft, three };
  for (const { id, fields } of components.of('node')) {
    const nominalVoltageV = fields.number('u_rated', { above: 0, atMost: 1.5e6, hint: 'volts: is it kV for V?' });
    draft.add('buses', { id, nominalVoltageV }, fields.origin);
  }
  addLines(context);
  addAsymmetricLines(context);
  addLinks(context);
  addGenericBranches(context);
  addTransformers(context);
  addThreeWindingTransformers(context);
  addSources(context);
  addLoadsAndGenerators(context);
  addShunts(context);
  addSensors(context);
  noteTheRest(components, draft);
  return draft.finish('power-grid-model', {
    name: stem(file),
    representation: three ? 'three' : 'positive-sequence',
    frequencyHz: FREQUENCY_HZ,
  });
}

function stem(name: string): string {
  const last = name.split(/[/\\]/).at(-1)!;
  return last.replace(/\.[^.]+$/, '') || 'power-grid-model';
}

/** Three phases where something tells them apart (unlike powers, phase matrices) and the zero sequence is given. */
function isThreePhase(components: Components): boolean {
  const unlike = (kind: string, key: string): boolean =>
    components.of(kind).some(({ fields }) => {
      const value = fields.raw(key);
      return Array.isArray(value) && value.some((one) => one !== value[0]);
    });
  const told =
    components.of('asym_line').length > 0 ||
    ['asym_load', 'asym_gen'].some((kind) => unlike(kind, 'p_specified') || unlike(kind, 'q_specified'));
  return told && components.of('line').every(({ fields }) => fields.has('r0') && fields.has('x0'));
}

const read = new Set(
  (
    'node line asym_line link generic_branch transformer three_winding_transformer source sym_load asym_load sym_gen ' +
    'asym_gen shunt sym_voltage_sensor asym_voltage_sensor sym_power_sensor asym_power_sensor sym_current_sensor ' +
    'asym_current_sensor transformer_tap_regulator voltage_regulator'
  ).split(' '),
);

/** What a power flow does without. */
const harmless = new Set(['fault']);

function noteTheRest(components: Components, draft: GridDraft): void {
  for (const kind of components.kinds) {
    const origin = { ...components.origin, path: kind };
    if (components.of(kind).length === 0) continue;
    if (harmless.has(kind)) draft.note('components not carried over', origin);
    else if (!read.has(kind)) draft.note('components of an unknown kind not carried over: results may differ', origin);
    const attributes = read.has(kind) ? components.unread(kind) : [];
    for (const name of attributes) draft.note('attributes not carried over', { ...origin, path: `${kind}.${name}` });
  }
}
