/** `twin --help` answers at once because it loads next to nothing: commands, and the packages that they need, come later. */
import { join, relative } from 'node:path';
import { expect, it } from 'vitest';
import { loadedBy } from '../loaded-by.ts';

const root = join(import.meta.dirname, '..', '..');

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
