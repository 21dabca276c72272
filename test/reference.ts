/** Where the reference cases of others are, for tests that run only when they are present. */
import { existsSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const folder = resolve(process.env['TWIN_REFERENCE'] ?? '../shared/reference');

/** True when the reference folder is there; `describe.skipIf(!hasReference)` with a name that says what is skipped. */
export const hasReference = existsSync(folder);

export function referencePath(path: string): string {
  return resolve(folder, path);
}

export function referenceJson(path: string): unknown {
  return JSON.parse(readFileSync(referencePath(path), 'utf8'));
}
