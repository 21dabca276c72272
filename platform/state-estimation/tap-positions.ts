/** Positions of tap changers: as somebody reported them, or found by the estimate itself. */
import type { GridDocument } from '../../grids/schema.ts';

/** A reported position, and its standard deviation in steps: a report may be old or come from a worn sensor. */
export interface TapReading {
  readonly transformer: string;
  readonly position: number;
  readonly sigma: number;
}

export interface TapEstimate {
  readonly transformer: string;
  readonly position: number;
  /** Of this position against all others of the range, given the measurements and the positions of the other taps. */
  readonly probability: number;
}

/** What an estimate with a document costs: its objective, or undefined where there is no estimate of the whole grid. */
export type TapSolver = (document: GridDocument) => number | undefined;

/** Rounds through all transformers until no position changes any more. */
const ROUNDS_MAX = 6;
/** Range of a tap changer whose document gives none. */
const STEPS_UNKNOWN = 10;

/** The document with taps in these positions. */
export function setTaps(document: GridDocument, positions: ReadonlyMap<string, number>): GridDocument {
  if (positions.size === 0) return document;
  const transformers = document.transformers.map((unit) => {
    const position = positions.get(unit.id);
    return position === undefined || unit.tap === undefined ? unit : { ...unit, tap: { ...unit.tap, position } };
  });
  return { ...document, transformers };
}

/**
 * Finds the positions with the smallest objective, one transformer after the other while the others stay, readings
 * weighing as measurements. A position is a whole number, so its uncertainty is a probability: exp(-J / 2) over the sum
 * of all positions. Objectives are compared, so the same measurements must be in use for each.
 */
export function estimateTaps(
  document: GridDocument,
  readings: readonly TapReading[],
  solve: TapSolver,
): { readonly document: GridDocument; readonly taps: readonly TapEstimate[] } {
  const units = document.transformers.filter(({ tap, inService }) => tap !== undefined && inService);
  const positions = new Map(readings.map(({ transformer, position }) => [transformer, Math.round(position)]));
  const probabilities = new Map<string, number>();
  for (let round = 0; round < ROUNDS_MAX; round += 1) {
    let changed = false;
    for (const { id, tap } of units) {
      const now = positions.get(id) ?? tap!.position;
      const best = bestPosition(id, candidates(tap!), readings, (position) =>
        solve(setTaps(document, new Map(positions).set(id, position))),
      );
      if (best === undefined) continue;
      probabilities.set(id, best.probability);
      if (best.position !== now) changed = true;
      positions.set(id, best.position);
    }
    if (!changed) break;
  }
  const taps = [...probabilities].map(([transformer, probability]) => ({
    transformer,
    position: positions.get(transformer)!,
    probability,
  }));
  return { document: setTaps(document, positions), taps };
}

function candidates(tap: NonNullable<GridDocument['transformers'][number]['tap']>): number[] {
  const low = tap.min ?? Math.min(tap.neutral, tap.position) - STEPS_UNKNOWN;
  const high = tap.max ?? Math.max(tap.neutral, tap.position) + STEPS_UNKNOWN;
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

function bestPosition(
  transformer: string,
  among: readonly number[],
  readings: readonly TapReading[],
  solve: (position: number) => number | undefined,
): { readonly position: number; readonly probability: number } | undefined {
  const own = readings.filter((reading) => reading.transformer === transformer);
  const costs = among.flatMap((position) => {
    const objective = solve(position);
    if (objective === undefined) return [];
    const reported = own.reduce((sum, reading) => sum + ((position - reading.position) / reading.sigma) ** 2, 0);
    return [{ position, cost: objective + reported }];
  });
  if (costs.length === 0) return undefined;
  const best = costs.reduce((a, b) => (b.cost < a.cost ? b : a));
  const total = costs.reduce((sum, { cost }) => sum + Math.exp((best.cost - cost) / 2), 0);
  return { position: best.position, probability: 1 / total };
}
