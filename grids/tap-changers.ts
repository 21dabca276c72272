/** All tap changers of a grid document under one name each: of two windings, and of each winding of three. */
import type { GridDocument, GridTap } from './schema.ts';

export interface TapChanger {
  /** `<id>` and `<id>:tap2` of two windings, `<id>:high`, `<id>:medium` and `<id>:low` of three. */
  readonly id: string;
  readonly transformer: string;
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
  const ofTwo = transformers.flatMap(({ id, from, to, inService, tap, tap2 }) =>
    [tap, tap2].flatMap((own, k): TapChanger[] => {
      if (own === undefined) return [];
      const direction = own.side === 'from' ? 1 : -1;
      const name = k === 0 ? id : secondTap(id);
      return [{ id: name, transformer: id, inService, buses: [from, to], tap: own, direction }];
    }),
  );
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

/** The document with tap changers, by their ids, in these positions. */
export function setTaps(document: GridDocument, positions: ReadonlyMap<string, number>): GridDocument {
  if (positions.size === 0) return document;
  const moved = <T extends { readonly position: number }>(tap: T, id: string): T => {
    return { ...tap, position: positions.get(id) ?? tap.position };
  };
  const transformers = document.transformers.map((unit) => ({
    ...unit,
    ...(unit.tap !== undefined && { tap: moved(unit.tap, unit.id) }),
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
