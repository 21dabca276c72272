/** All tap changers of a grid document under one name each: of two windings, of a bank's phases, and of three windings. */
import type { GridDocument, GridTap, GridTransformer } from './schema.ts';
import { isBank } from './transformer.ts';

type Phase = keyof NonNullable<GridTap['phasePositions']>;

export interface TapChanger {
  /**
   * `<id>` and `<id>:tap2` of two windings, `<id>:A`, `<id>:B` and `<id>:C` of a bank of single-phase units, `<id>:high`,
   * `<id>:medium` and `<id>:low` of three windings.
   */
  readonly id: string;
  readonly transformer: string;
  /** Of a bank: the phase that steps for itself. */
  readonly phase?: Phase;
  readonly inService: boolean;
  /** All buses of the transformer, as the document names them. */
  readonly buses: readonly string[];
  readonly tap: Omit<GridTap, 'side'>;
  /** A step up lowers the other sides' voltage in the no-load ratio (1), or raises it (-1). */
  readonly direction: 1 | -1;
}

const WINDINGS = ['high', 'medium', 'low'] as const;

/** Two windings first, in the order of the document. */
export function tapChangers({ transformers, threeWindingTransformers }: GridDocument): TapChanger[] {
  const ofTwo = transformers.flatMap((unit) => {
    const { id, from, to, inService, tap, tap2 } = unit;
    const own = [
      ...(tap === undefined ? [] : firstTaps(unit, tap)),
      ...(tap2 === undefined ? [] : [{ id: secondTap(id), tap: tap2 }]),
    ];
    return own.map((one): TapChanger => {
      const direction = one.tap.side === 'from' ? 1 : -1;
      return { ...one, transformer: id, inService, buses: [from, to], direction };
    });
  });
  const ofThree = threeWindingTransformers.flatMap((unit) =>
    WINDINGS.flatMap((side): TapChanger[] => {
      const { tap } = unit[side];
      if (tap === undefined) return [];
      const { id, inService } = unit;
      const buses = WINDINGS.map((one) => unit[one].bus);
      return [{ id: `${id}:${side}`, transformer: id, inService, buses, tap, direction: side === 'high' ? 1 : -1 }];
    }),
  );
  return [...ofTwo, ...ofThree];
}

/** The first tap changer of two windings; one for each phase of a bank. */
function firstTaps(unit: GridTransformer, tap: GridTap) {
  return phasesOf(unit).map((phase) =>
    phase === undefined
      ? { id: unit.id, tap }
      : { id: `${unit.id}:${phase}`, phase, tap: { ...tap, position: tap.phasePositions?.[phase] ?? tap.position } },
  );
}

/** Of a bank, whose phases step for themselves; undefined stands for all of them together. */
function phasesOf(unit: GridTransformer): readonly (Phase | undefined)[] {
  return isBank(unit) ? (unit.phases ?? ['A', 'B', 'C']) : [undefined];
}

/** The document with tap changers, by their ids, in these positions. */
export function setTaps(document: GridDocument, positions: ReadonlyMap<string, number>): GridDocument {
  if (positions.size === 0) return document;
  const moved = <T extends { readonly position: number }>(tap: T, id: string): T => {
    return { ...tap, position: positions.get(id) ?? tap.position };
  };
  const movedPhases = (unit: GridTransformer, tap: GridTap): GridTap => {
    const given = firstTaps(unit, tap).filter(({ id }) => positions.has(id));
    if (given.length === 0) return tap;
    const own = Object.fromEntries(given.map(({ id, phase }) => [phase, positions.get(id)]));
    return { ...tap, phasePositions: { ...tap.phasePositions, ...own } };
  };
  const transformers = document.transformers.map((unit) => ({
    ...unit,
    ...(unit.tap !== undefined && { tap: isBank(unit) ? movedPhases(unit, unit.tap) : moved(unit.tap, unit.id) }),
    ...(unit.tap2 !== undefined && { tap2: moved(unit.tap2, secondTap(unit.id)) }),
  }));
  const threeWindingTransformers = document.threeWindingTransformers.map((unit) => {
    const windings = WINDINGS.map((side) => {
      const winding = unit[side];
      return [side, winding.tap && { ...winding, tap: moved(winding.tap, `${unit.id}:${side}`) }] as const;
    });
    return { ...unit, ...Object.fromEntries(windings.filter(([, winding]) => winding !== undefined)) };
  });
  return { ...document, transformers, threeWindingTransformers };
}

function secondTap(id: string): string {
  return `${id}:tap2`;
}
