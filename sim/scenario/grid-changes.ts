/** Makes the platform's own copy of the grid wrong on purpose: `"lines.feeder-1-3.lengthM": 250`. */
import { closest } from '../../numerics/edit-distance.ts';
import { formatPath, type JsonPath } from '../../grids/json-source.ts';
import { checkGrid } from '../../grids/load.ts';
import type { GridDocument } from '../../grids/schema.ts';

export type GridChange = number | string | boolean;

export interface GridChangeFault {
  /** The change at fault; absent when all of them together make the grid invalid. */
  readonly key?: string;
  readonly message: string;
  readonly hint?: string;
}

/** A copy of `grid` with `changes` (`<list>.<id>.<field>`), or why they cannot be made. */
export function changeGrid(
  grid: GridDocument,
  changes: Readonly<Record<string, GridChange>>,
): { readonly grid: GridDocument; readonly faults: readonly GridChangeFault[] } {
  const copy: Record<string, unknown> = { ...structuredClone(grid) };
  const faults: GridChangeFault[] = [];
  /** Keys of the changes by the path in the document that each leads to. */
  const keys = new Map<string, string>();
  for (const [key, value] of Object.entries(changes)) {
    const applied = applyChange(copy, key, value);
    if ('message' in applied) faults.push({ key, ...applied });
    else keys.set(formatPath(applied.path), key);
  }
  const { document, problems } = checkGrid(copy);
  for (const { path, message, hint } of problems) {
    const key = keys.get(path);
    const text = key === undefined ? `leaves the grid invalid: ${path}: ${message}` : message;
    faults.push({ ...(key !== undefined && { key }), message: text, ...(hint !== undefined && { hint }) });
  }
  return { grid: faults.length === 0 && document !== undefined ? document : grid, faults };
}

function applyChange(
  grid: Record<string, unknown>,
  key: string,
  value: GridChange,
): Omit<GridChangeFault, 'key'> | { readonly path: JsonPath } {
  const [listName = '', ...rest] = key.split('.');
  const list = grid[listName];
  if (!isElements(list)) {
    const names = Object.keys(grid).filter((name) => isElements(grid[name]));
    return { message: `"${listName}" is no list of the grid document`, ...hintFor(listName, names) };
  }
  // Ids may contain dots: the longest that exists wins, what follows is the field.
  const element = list
    .filter(({ id }) => rest.join('.').startsWith(`${id}.`))
    .toSorted((a, b) => b.id.length - a.id.length)[0];
  if (element === undefined) {
    const id = rest.slice(0, -1).join('.');
    return {
      message: `${listName} has no element "${id}"`,
      ...hintFor(
        id,
        list.map((each) => each.id),
      ),
    };
  }
  const fields = rest
    .join('.')
    .slice(element.id.length + 1)
    .split('.');
  let owner: Record<string, unknown> = element;
  for (const field of fields.slice(0, -1)) {
    const below = owner[field];
    if (typeof below !== 'object' || below === null) return { message: `"${element.id}" has no "${field}"` };
    owner = below as Record<string, unknown>;
  }
  owner[fields.at(-1) ?? ''] = value;
  return { path: [listName, list.indexOf(element), ...fields] };
}

type Element = Record<string, unknown> & { readonly id: string };

function isElements(value: unknown): value is readonly Element[] {
  return Array.isArray(value);
}

function hintFor(word: string, candidates: readonly string[]): { readonly hint?: string } {
  const near = closest(word, candidates);
  return near === undefined ? {} : { hint: `did you mean "${near}"?` };
}
