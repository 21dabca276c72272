/** Branches of a document by name and ends, whatever their list: in step with the compiled grid. */
import { describe, expect, test } from 'vitest';
import { documentBranches, documentConnections } from '../../grids/document-branches.ts';
import { checkGrid } from '../../grids/load.ts';
import { compileGrid } from '../../grids/compile.ts';
import { documentOf } from '../physics/random-grid.ts';

const feeder = { parent: 0, lengthM: 5, activePowerW: 0, reactivePowerVar: 0, connection: 'wye', zip: 0 } as const;
const { document } = checkGrid(
  documentOf({
    three: true,
    threeWinding: true,
    vectorGroup: 'Dyn5',
    stiff: true,
    loops: true,
    feeders: (['line', 'matrix', 'general'] as const).map((kind) => ({ ...feeder, kind })),
  }),
);

describe('branches of a document', () => {
  test('have the ids, the order and the ends of the compiled grid', () => {
    const grid = compileGrid(document!);
    const branches = documentBranches(document!);
    expect(branches.map(({ id }) => id)).toEqual(grid.branches.map(({ id }) => id));
    branches.forEach(({ from, to }, k) => {
      expect([grid.busIndex.get(from), grid.busIndex.get(to)]).toEqual([grid.branches[k]!.from, grid.branches[k]!.to]);
    });
  });

  test('connect buses only, a three-winding transformer its high side with the others', () => {
    const buses = new Set(document!.buses.map(({ id }) => id));
    const connections = documentConnections(document!);
    expect(connections.every(({ from, to }) => buses.has(from) && buses.has(to))).toBe(true);
    expect(connections.filter(({ kind }) => kind === 'transformer').map(({ from, to }) => [from, to])).toEqual([
      ['mv', 'bus-0'],
      ['mv', 'tertiary'],
    ]);
  });
});
