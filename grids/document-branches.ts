/** The branches of a grid document whatever their list, for what asks only where a branch leads. */
import type { GridDocument } from './schema.ts';

export interface DocumentBranch {
  /** As in `CompiledGrid.branches`. */
  readonly id: string;
  readonly kind: 'line' | 'transformer';
  readonly from: string;
  /** Legs of three-winding transformers lead to their star point, `<id>:star`, which is no bus of the document. */
  readonly to: string;
  /** In service and closed at both ends. */
  readonly closed: boolean;
  /** 0 for what has no length. */
  readonly lengthM: number;
}

/** In the order of `CompiledGrid.branches`. */
export function documentBranches(document: GridDocument): DocumentBranch[] {
  type TwoEnded = Omit<DocumentBranch, 'kind' | 'closed' | 'lengthM'> & {
    readonly inService: boolean;
    readonly fromClosed?: boolean;
    readonly toClosed?: boolean;
    readonly lengthM?: number;
  };
  const plain = (one: TwoEnded, kind: DocumentBranch['kind']): DocumentBranch => ({
    id: one.id,
    kind,
    from: one.from,
    to: one.to,
    closed: one.inService && one.fromClosed !== false && one.toClosed !== false,
    lengthM: one.lengthM ?? 0,
  });
  return [
    ...document.lines.map((line) => plain(line, 'line')),
    ...document.transformers.map((unit) => plain(unit, 'transformer')),
    ...document.threeWindingTransformers.flatMap(({ id, inService, ...windings }) =>
      (['high', 'medium', 'low'] as const).map((side): DocumentBranch => ({
        id: `${id}:${side}`,
        kind: 'transformer',
        from: windings[side].bus,
        to: `${id}:star`,
        closed: inService && windings[side].closed,
        lengthM: 0,
      })),
    ),
    ...document.matrixLines.map((line) => plain(line, 'line')),
    ...document.generalBranches.map((branch) => plain(branch, 'line')),
    ...document.admittanceBranches.map((branch) => plain(branch, 'line')),
  ];
}

/** The same as connections between buses: a three-winding transformer leads from its high side to each of the others. */
export function documentConnections(document: GridDocument): DocumentBranch[] {
  const high = new Map(document.threeWindingTransformers.map(({ id, high: winding }) => [`${id}:star`, winding]));
  return documentBranches(document).flatMap((branch) => {
    const star = high.get(branch.to);
    if (star === undefined) return [branch];
    if (branch.id.endsWith(':high')) return [];
    return [{ ...branch, from: star.bus, to: branch.from, closed: branch.closed && star.closed }];
  });
}
