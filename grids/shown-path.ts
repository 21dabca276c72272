/** How paths are shown to people: relative to the current folder for what is in it, absolute for all else. */
import { isAbsolute, relative, resolve } from 'node:path';

export function shownPath(path: string): string {
  const inside = relative('.', path);
  return inside === '' || inside.startsWith('..') || isAbsolute(inside) ? resolve(path) : inside;
}
