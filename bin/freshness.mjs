/**
 * Is `dist/` the build of the sources as they stand? Answered from directory listings and file stamps alone, so that
 * the answer costs milliseconds: the stamp of the last build is compared with the sources, and the outputs with both.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

const STAMP = join('dist', '.sources.json');

/** Folders that the compiler reads (`include` of tsconfig.json) and files that change what it makes of them. */
const sourceFolders = ['numerics', 'grids', 'platform', 'sim', 'reports', 'cli', 'bench'];
const settingFiles = ['tsconfig.json', 'package-lock.json'];

/**
 * What stands in `root`: the stamp of the sources now and at the last build, the outputs that are missing, and those
 * whose source is gone.
 */
export function inspectBuild(root) {
  const outputs = listFiles(root, 'dist', (name) => !name.startsWith('.'));
  const sources = [
    ...sourceFolders.flatMap((folder) => listFiles(root, folder, isSource)),
    // The compiler copies the JSON files that sources import.
    ...outputs.filter((output) => output.endsWith('.json')).map(sourceOfCopy),
  ].filter((source) => isSource(source) || existsSync(join(root, source)));
  const expected = new Set(sources.map(outputOf));
  const present = new Set(outputs);
  const missing = [...expected].filter((output) => !present.has(output));
  const dead = outputs.filter((output) => !expected.has(output.replace(/\.map$/, '')));
  const stamp = JSON.stringify([...settingFiles, ...sources].map((file) => stampOf(root, file)));
  return { fresh: missing.length === 0 && dead.length === 0 && stamp === readStamp(root), stamp, missing, dead };
}

/** Path of the file that remembers from which sources `dist/` was built. */
export function stampFile(root) {
  return join(root, STAMP);
}

function isSource(name) {
  return name.endsWith('.ts') && !name.endsWith('.d.ts');
}

function sourceOfCopy(output) {
  return relative('dist', output);
}

function outputOf(source) {
  return join('dist', source.replace(/\.ts$/, '.js'));
}

/** Paths relative to `root` of the files below `folder` whose name `wanted` accepts; none where the folder is absent. */
function listFiles(root, folder, wanted) {
  let entries;
  try {
    entries = readdirSync(join(root, folder), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return listFiles(root, path, wanted);
    return wanted(entry.name) ? [path] : [];
  });
}

/** Name, time and size: a file restored from an older commit differs as well as a newer one. */
function stampOf(root, file) {
  try {
    const { mtimeMs, size } = statSync(join(root, file));
    return [file, mtimeMs, size];
  } catch {
    return [file];
  }
}

function readStamp(root) {
  try {
    return readFileSync(stampFile(root), 'utf8');
  } catch {
    return undefined;
  }
}
