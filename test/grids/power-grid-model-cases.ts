/** power-grid-model's validation cases: inputs, batch updates applied to them, and the outputs with their tolerances. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { referenceJson, referencePath } from '../reference.ts';

type Value = number | string | boolean | null | readonly number[];
export type Component = Readonly<Record<string, Value>>;
export type Components = Readonly<Record<string, readonly Component[]>>;

interface Tolerances {
  readonly rtol: number;
  readonly atol: number | Readonly<Record<string, number>>;
  readonly tap_changing_strategy?: string;
  readonly xfail?: { readonly reason: string };
  readonly raises?: { readonly raises: string };
}

/** One calculation: an input as it stands after its update, and what must come out. */
export interface Calculation {
  readonly what: string;
  readonly symmetric: boolean;
  /** The whole input document as text, for the reader. */
  readonly text: string;
  readonly data: Components;
  readonly output: Components;
}

/** Folders below the cases that hold an input, by their path. */
export function caseNames(folder: string): string[] {
  const walk = (below: string): string[] => {
    const path = referencePath(join(folder, below));
    const own = existsSync(join(path, 'input.json')) ? [below] : [];
    const names = readdirSync(path).filter((name) => statSync(join(path, name)).isDirectory());
    return [...own, ...names.toSorted().flatMap((name) => walk(join(below, name)))];
  };
  return walk('');
}

export function readTolerances(folder: string, name: string): Tolerances {
  return referenceJson(join(folder, name, 'params.json')) as Tolerances;
}

/** Every symmetric and asymmetric calculation of a case, single and batch. */
export function readCalculations(folder: string, name: string): Calculation[] {
  const json = (file: string): { data: unknown } | undefined => {
    const path = join(folder, name, `${file}.json`);
    return existsSync(referencePath(path)) ? (referenceJson(path) as { data: unknown }) : undefined;
  };
  const input = json('input') as { data: Components };
  const calculations: Calculation[] = [];
  for (const kind of ['sym', 'asym'] as const) {
    const add = (what: string, data: Components, output: Components): void => {
      const text = JSON.stringify({ ...input, data });
      calculations.push({ what: `${kind} ${what}`.trim(), symmetric: kind === 'sym', text, data, output });
    };
    const single = json(`${kind}_output`);
    if (single !== undefined) add('', input.data, single.data as Components);
    const batch = json(`${kind}_output_batch`)?.data as readonly Components[] | undefined;
    const updates = json('update_batch')?.data as readonly Components[] | undefined;
    batch?.forEach((output, k) => add(`batch ${k}`, updated(input.data, updates?.[k] ?? {}), output));
  }
  return calculations;
}

/** Updates name their component by id, or stand at its place when they name none. */
function updated(data: Components, update: Components): Components {
  const changed = (kind: string, items: readonly Component[]): Component[] =>
    items.map((item, k) => {
      const own = (update[kind] ?? []).filter((change, at) =>
        change['id'] === undefined ? at === k : change['id'] === item['id'],
      );
      return Object.assign({}, item, ...own) as Component;
    });
  return Object.fromEntries(Object.entries(data).map(([kind, items]) => [kind, changed(kind, items)]));
}

/** The values of a field: one, or one a phase; empty where the output does not have it. */
export function valuesOf(component: Component, field: string): number[] {
  const value = component[field];
  if (typeof value === 'number') return [value];
  return Array.isArray(value) ? (value as number[]).slice() : [];
}
