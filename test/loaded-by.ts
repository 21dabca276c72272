/** What a module loads without being asked. */
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files and packages that `file` imports by value, directly or through others, itself included; Node's own left out. */
export function loadedBy(file: string, seen = new Set<string>()): Set<string> {
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
