/** Three-winding transformers of a pandapower net: `vk_hv` is high-medium, `vk_mv` medium-low, `vk_lv` high-low. */
import type { GridDocumentInput } from '../../schema.ts';
import type { Fields } from '../fields.ts';
import type { Context, OpenEnds } from './branches.ts';
import { tapOf } from './transformer.ts';

type Unit = NonNullable<GridDocumentInput['threeWindingTransformers']>[number];

const sides = [
  ['hv', 'high'],
  ['mv', 'medium'],
  ['lv', 'low'],
] as const;

export function addThreeWindingTransformers({ file, draft }: Context, open: OpenEnds): void {
  for (const { index, fields } of file.table('trafo3w').rows) {
    const winding = (side: 'hv' | 'mv' | 'lv'): Unit['high'] => {
      const bus = fields.reference(`${side}_bus`);
      const tap = fields.text('tap_side') === side ? tapOfWinding(fields) : undefined;
      return {
        bus,
        ratedPowerVA: fields.number(`sn_${side}_mva`, { above: 0 }) * 1e6,
        ratedVoltageV: fields.number(`vn_${side}_kv`, { above: 0 }) * 1000,
        ...(tap !== undefined && { tap }),
        ...(open.has(`t3:${index}:${bus}`) && { closed: false }),
      };
    };
    const pair = (side: 'hv' | 'mv' | 'lv') => ({
      vkPercent: fields.number(`vk_${side}_percent`, { above: 0 }),
      vkrPercent: fields.number(`vkr_${side}_percent`, { atLeast: 0 }),
    });
    if (fields.text('vector_group') !== undefined || fields.has('vk0_hv_percent')) {
      fields.note('vector_group', 'three-winding transformers: vector group and zero sequence not carried over');
    }
    if (fields.flag('tap_dependency_table', false)) {
      fields.note('tap_dependency_table', 'tap tables of three-winding transformers not carried over: results differ');
    }
    const [medium, low] = [fields.numberOr('shift_mv_degree', 0), fields.numberOr('shift_lv_degree', 0)];
    draft.add(
      'threeWindingTransformers',
      {
        id: `trafo3w-${index}`,
        high: winding('hv'),
        medium: winding('mv'),
        low: winding('lv'),
        highMedium: pair('hv'),
        mediumLow: pair('mv'),
        highLow: pair('lv'),
        ironLossW: fields.numberOr('pfe_kw', 0, { atLeast: 0 }) * 1000,
        noLoadCurrentPercent: fields.numberOr('i0_percent', 0),
        vectorGroup: 'Yy0y0',
        ...(medium !== 0 && { extraShiftMediumDeg: medium }),
        ...(low !== 0 && { extraShiftLowDeg: low }),
        ...lossSide(fields),
        ...(!fields.flag('in_service', true) && { inService: false }),
      },
      fields.origin,
    );
  }
}

function lossSide(fields: Fields): Pick<Unit, 'magnetisingAt'> {
  const side = fields.text('loss_side');
  if (side === 'star') return { magnetisingAt: 'star' };
  const found = sides.find(([name]) => name === side);
  return found === undefined ? {} : { magnetisingAt: found[1] };
}

/** A tap at the star point acts on the other side of its leg: it is written as the tap of the winding that has its effect. */
function tapOfWinding(fields: Fields): Unit['high']['tap'] {
  const tap = tapOf(fields, '', 'from');
  if (tap === undefined) return undefined;
  const { side: _, ...rest } = tap;
  if (!fields.flag('tap_at_star_point', false)) return rest;
  fields.note(
    'tap_at_star_point',
    'taps at the star point are written at their winding: results differ where they are off neutral',
  );
  return rest;
}
