/** `twin --help` answers at once because it loads next to nothing: commands, and the packages that they need, come later. */
import { readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');

/** Files and packages that `file` loads without being asked, itself included. */
function loadedBy(file: string, seen = new Set<string>()): Set<string> {
  if (seen.has(file)) return seen;
  seen.add(file);
  const text = readFileSync(file, 'utf8');
  for (const [, types, name = ''] of text.matchAll(/^(?:import|export) (type )?(?:[^;]*? from )?'([^']+)';/gms)) {
    if (types !== undefined || name.startsWith('node:')) continue;
    if (name.startsWith('.')) loadedBy(join(dirname(file), name), seen);
    else seen.add(name);
  }
  return seen;
}

it('the command line loads no package and a handful of files before it knows the command', () => {
  const loaded = [...loadedBy(join(root, 'cli', 'main.ts'))].map((name) => relative(root, name));
  expect(loaded).toContain('cli/commands.ts');
  expect(loaded.filter((name) => !name.endsWith('.ts'))).toEqual([]);
  expect(loaded.filter((name) => name.startsWith('cli/commands/'))).toEqual([]);
  expect(loaded.length).toBeLessThanOrEqual(11);
});

it('the launcher loads one small file when nothing has to be built', () => {
  const loaded = [...loadedBy(join(root, 'bin', 'twin.mjs'))].map((name) => relative(root, name));
  expect(loaded).toEqual(['bin/twin.mjs', 'bin/freshness.mjs']);
});
