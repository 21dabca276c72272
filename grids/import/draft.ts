/** A grid while it is being read: elements with the place that each came from, measurements, notes, and every fault. */
import { didYouMean } from '../../numerics/edit-distance.ts';
import { checkGrid } from '../load.ts';
import { InvalidInputError, type Problem } from '../problem.ts';
import type { GridDocumentInput } from '../schema.ts';
import type { GridFormat, ImportedGrid, ImportedMeasurement, ImportNote } from './imported-grid.ts';

/** Where something stands in the source: its own path or element id, with line and column where they are known. */
export interface Origin {
  readonly file?: string;
  readonly path: string;
  readonly line?: number;
  readonly column?: number;
}

type Head = Omit<GridDocumentInput, ElementList | 'schema'>;
/** The keys of the document that hold elements with ids. */
type ElementList = {
  [Key in keyof GridDocumentInput]-?: NonNullable<GridDocumentInput[Key]> extends readonly { id: string }[]
    ? Key
    : never;
}[keyof GridDocumentInput];
type ElementOf<List extends ElementList> = NonNullable<GridDocumentInput[List]>[number];

export interface GridDraft {
  add<List extends ElementList>(list: List, element: ElementOf<List>, origin: Origin): void;
  measure(measurement: ImportedMeasurement, origin: Origin): void;
  /** Notes of one message are told once, with all their places. */
  note(message: string, origin: Origin): void;
  /** A note on what the source leaves open; it becomes an assumption of the grid document too. */
  assume(message: string, origin: Origin): void;
  fault(message: string, origin: Origin, hint?: string): void;
  /** Whether something is wrong already. */
  isFaulty(): boolean;
  /** Throws InvalidInputError now, where going on would only repeat what is wrong. */
  stopIfFaulty(): void;
  /** The validated grid. Throws InvalidInputError with every fault, each in the place of its source. */
  finish(format: GridFormat, head: Head): ImportedGrid;
}

/** More than anybody reads; a count of the rest follows. */
const MAX_PROBLEMS = 200;
/** Places of a note; a grid of a hundred thousand lines need not name each of them. */
const MAX_PLACES = 1000;

export function createDraft(): GridDraft {
  const problems: Problem[] = [];
  let untold = 0;
  const lists = new Map<ElementList, { id: string }[]>();
  const origins = new Map<ElementList, Origin[]>();
  const notes = new Map<string, { places: string[]; count: number }>();
  const measurements: ImportedMeasurement[] = [];
  const measured: Origin[] = [];

  const assumptions = new Set<string>();

  const note = (message: string, origin: Origin): void => {
    const known = notes.get(message) ?? { places: [], count: 0 };
    if (known.places.length < MAX_PLACES) known.places.push(origin.path);
    known.count++;
    notes.set(message, known);
  };
  const fault = (message: string, origin: Origin, hint?: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push({ ...origin, message, ...(hint !== undefined && { hint }) });
    else untold++;
  };
  const fail = (): never => {
    const rest = { path: '', message: `${untold} more ${untold === 1 ? 'fault' : 'faults'} not shown` };
    throw new InvalidInputError(untold > 0 ? [...problems, rest] : problems);
  };

  return {
    add: (list, element, origin) => {
      lists.set(list, lists.get(list) ?? []);
      origins.set(list, origins.get(list) ?? []);
      lists.get(list)!.push(element);
      origins.get(list)!.push(origin);
    },
    measure: (measurement, origin) => {
      measurements.push(measurement);
      measured.push(origin);
    },
    note,
    assume: (message, origin) => {
      assumptions.add(message);
      note(message, origin);
    },
    fault,
    isFaulty: () => problems.length > 0,
    stopIfFaulty: () => {
      if (problems.length > 0) fail();
    },
    finish: (format, head) => {
      if (problems.length > 0) return fail();
      const { document, problems: found } = checkGrid({
        schema: 1,
        ...head,
        assumptions: [...(head.assumptions ?? []), ...assumptions],
        ...Object.fromEntries(lists),
      });
      for (const problem of found) {
        const { origin, rest } = originOf(problem.path, origins);
        fault(rest === '' ? problem.message : `${rest}: ${problem.message}`, origin, problem.hint);
      }
      checkMeasurements(measurements, measured, lists, fault);
      if (document === undefined || problems.length > 0) return fail();
      return {
        format,
        grid: document,
        measurements,
        notes: [...notes].map(([message, n]): ImportNote => ({ message, ...n })),
      };
    },
  };
}

/** From a path of the native document such as `lines[3].lengthM` to the element's place in its source. */
function originOf(path: string, origins: ReadonlyMap<string, readonly Origin[]>): { origin: Origin; rest: string } {
  const [, list = '', index = '', rest = ''] = /^(\w+)\[(\d+)\]\.?(.*)$/.exec(path) ?? [];
  const origin = origins.get(list)?.[Number(index)];
  return origin === undefined ? { origin: { path }, rest: '' } : { origin, rest };
}

const branchLists = [
  'lines',
  'transformers',
  'matrixLines',
  'generalBranches',
  'admittanceBranches',
] as const satisfies readonly ElementList[];

/** Ids given once, places that exist, sigmas above zero. */
function checkMeasurements(
  measurements: readonly ImportedMeasurement[],
  origins: readonly Origin[],
  lists: ReadonlyMap<string, readonly { id: string }[]>,
  fault: GridDraft['fault'],
): void {
  const ids = (...names: readonly string[]) =>
    new Set(names.flatMap((name) => (lists.get(name) ?? []).map((element) => element.id)));
  // A three-winding transformer is a branch for each of its legs.
  const legs = [...ids('threeWindingTransformers')].flatMap((id) =>
    ['high', 'medium', 'low'].map((leg) => `${id}:${leg}`),
  );
  const known = { bus: ids('buses'), branch: new Set([...ids(...branchLists), ...legs]) };
  const first = new Map<string, Origin>();
  measurements.forEach((measurement, i) => {
    const origin = origins[i]!;
    const { id, at, value, sigma } = measurement;
    const earlier = first.get(id);
    if (earlier === undefined) first.set(id, origin);
    else fault(`measurement id "${id}" is used before, at ${earlier.path}`, origin);
    if (!Number.isFinite(value)) fault(`measurement "${id}" has no finite value, found ${value}`, origin);
    if (!(sigma > 0 && Number.isFinite(sigma))) {
      fault(`measurement "${id}" needs a sigma above zero, found ${sigma}`, origin);
    }
    const [, kind, name = ''] = /^(bus|branch):(.+?)(?::(?:from|to))?$/.exec(at) ?? [];
    if (kind !== 'bus' && kind !== 'branch') throw new Error(`${at} is no place of a measurement`);
    const element = kind === 'bus' ? at.slice('bus:'.length) : name;
    if (known[kind].has(element)) return;
    fault(
      `measurement "${id}" stands at ${kind} "${element}", which does not exist`,
      origin,
      didYouMean(element, known[kind]),
    );
  });
}
