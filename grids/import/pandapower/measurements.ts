/**
 * The measurements of a pandapower net in the native form. pandapower: V in pu, angles in degrees, MW and Mvar, kA; a
 * power at a bus is positive when it is consumed, at a branch when it flows into the branch at that side.
 */
import type { ImportedMeasurement } from '../imported-grid.ts';
import type { Fields } from '../fields.ts';
import type { Context } from './branches.ts';

const kinds: Readonly<Record<string, ImportedMeasurement['kind']>> = {
  v: 'voltageMagnitude',
  va: 'voltageAngle',
  p: 'activePower',
  q: 'reactivePower',
  i: 'currentMagnitude',
  ia: 'currentAngle',
};

const RADIANS = Math.PI / 180;
/** What one of pandapower's units is in ours. */
const units: Readonly<Record<string, number>> = { v: 1, va: RADIANS, p: 1e6, q: 1e6, i: 1e3, ia: RADIANS };
/** Larger values are most likely in another unit. */
const largest: Readonly<Record<string, number>> = { v: 5, va: 3600, p: 1e5, q: 1e5, i: 1e3, ia: 3600 };
const unitNames: Readonly<Record<string, string>> = {
  v: 'pu',
  va: 'degrees',
  p: 'MW',
  q: 'Mvar',
  i: 'kA',
  ia: 'degrees',
};

const branchSides = {
  line: ['from', 'to'],
  trafo: ['hv', 'lv'],
  trafo3w: ['hv', 'mv', 'lv'],
} as const;
const legs: Readonly<Record<string, string>> = { hv: 'high', mv: 'medium', lv: 'low' };

export function addMeasurements(context: Context): void {
  for (const { index, fields } of context.file.table('measurement').rows) {
    const type = fields.text('measurement_type') ?? '';
    const kind = kinds[type];
    if (kind === undefined) {
      const known = Object.keys(kinds).join(', ');
      fields.fault('measurement_type', `measurement_type must be one of ${known}, found "${type}"`);
      continue;
    }
    const place = placeOf(context, fields, index);
    if (place === undefined) continue;
    const most = largest[type]!;
    const value = fields.number('value', { atLeast: -most, atMost: most, hint: `is it in ${unitNames[type]}?` });
    const sigma = fields.number('std_dev', { above: 0, hint: 'a standard deviation is greater than 0' });
    const factor = units[type]!;
    const injection = place.atBus && (type === 'p' || type === 'q');
    const magnitude = kind === 'voltageMagnitude';
    if (!place.atBus && (type === 'v' || type === 'va')) {
      fields.fault('element_type', `a measurement of ${type} stands at a bus`);
      continue;
    }
    if (place.atBus && (type === 'i' || type === 'ia')) {
      fields.fault('element_type', `a measurement of ${type} stands at a branch`);
      continue;
    }
    context.draft.measure(
      {
        id: index,
        kind,
        at: place.at,
        value: injection ? toInjection(value * factor) : value * factor,
        sigma: sigma * factor,
        ...(magnitude && { unit: 'pu' }),
      },
      fields.origin,
    );
  }
}

/** pandapower counts the power at a bus as consumption; here an injection into the grid is positive. */
function toInjection(consumption: number): number {
  return consumption === 0 ? 0 : -consumption;
}

function placeOf(context: Context, fields: Fields, index: string): { at: string; atBus: boolean } | undefined {
  const type = fields.text('element_type');
  const element = fields.reference('element');
  if (element === '') return undefined;
  if (type === 'bus') {
    if (context.nominalVoltageV.has(element)) return { at: `bus:${element}`, atBus: true };
    fields.fault('element', `measurement ${index} stands at bus ${element}, which does not exist`);
    return undefined;
  }
  if (type !== 'line' && type !== 'trafo' && type !== 'trafo3w') {
    fields.fault(
      'element_type',
      `element_type must be bus, line, trafo or trafo3w, found ${JSON.stringify(type ?? null)}`,
    );
    return undefined;
  }
  const branch = context.file.row(type, element);
  if (branch === undefined) {
    fields.fault('element', `measurement ${index} stands at ${type} ${element}, which does not exist`);
    return undefined;
  }
  const sides = branchSides[type];
  // The side may be named by its bus.
  const given = fields.text('side') ?? (fields.has('side') ? fields.reference('side') : '');
  const side =
    sides.find((name) => name === given) ?? sides.find((name) => branch.fields.reference(`${name}_bus`) === given);
  if (side === undefined) {
    fields.fault('side', `side of measurement ${index} must be ${sides.join(' or ')}, found ${JSON.stringify(given)}`);
    return undefined;
  }
  if (type === 'trafo3w') return { at: `branch:trafo3w-${element}:${legs[side]}:from`, atBus: false };
  return { at: `branch:${type}-${element}:${side === 'from' || side === 'hv' ? 'from' : 'to'}`, atBus: false };
}
