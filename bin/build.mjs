/**
 * Brings `dist/` up to date with the local TypeScript, one launcher at a time: the second waits for the first, and the
 * lock of a launcher that died is taken over.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspectBuild, stampFile } from './freshness.mjs';

const POLL_MS = 50;
const POLLS_BEFORE_WORD = 100;
const COMPILER = join('node_modules', 'typescript', 'bin', 'tsc');

/** Builds what is stale. Answers with the sentence that says why it could not, or undefined when all is well. */
export function build(root) {
  const compiler = join(root, COMPILER);
  if (!existsSync(compiler)) return missingCompiler(root);
  mkdirSync(join(root, 'dist'), { recursive: true });
  const release = acquireLock(join(root, 'dist', '.build-lock'));
  try {
    // Another launcher may have done the work while this one waited.
    const found = inspectBuild(root);
    return found.fresh ? undefined : compile(root, compiler, found);
  } finally {
    release();
  }
}

function missingCompiler(root) {
  if (!existsSync(join(root, 'node_modules'))) {
    return `The packages that twin needs are not installed. Run "npm ci" in ${root} first.`;
  }
  return (
    `TypeScript is not installed, and twin must be built before it runs. Run "npm ci --include=dev" in ${root} ` +
    '(with NODE_ENV=production a plain "npm ci" leaves it out).'
  );
}

function compile(root, compiler, { stamp, missing, dead }) {
  for (const output of dead) rmSync(join(root, output), { force: true });
  // The compiler's own notes say "up to date" about outputs that somebody deleted.
  if (missing.length > 0) rmSync(join(root, 'dist', '.tsbuildinfo'), { force: true });
  if (process.stderr.isTTY) process.stderr.write('twin: building ...\n');
  const settings = ['-p', join(root, 'tsconfig.json'), '--pretty', process.stderr.isTTY ? 'true' : 'false'];
  // For people at work on several files at once: build although types do not yet fit.
  const lenient = process.env.TWIN_BUILD === 'no-check' ? ['--noCheck'] : [];
  const result = spawnSync(process.execPath, [compiler, ...settings, ...lenient], { cwd: root, encoding: 'utf8' });
  if (result.status !== 0) {
    return `twin could not be built. The compiler says:\n${result.stdout}${result.stderr}`.trimEnd();
  }
  // The stamp was taken before compiling: a source edited meanwhile is seen as newer at the next start.
  writeFileSync(stampFile(root), stamp);
  return undefined;
}

/** Waits for the lock file and answers with the function that gives it back. */
function acquireLock(file) {
  // Written aside and linked into place, so that a lock never stands there without its owner's process id.
  const mine = `${file}.${process.pid}`;
  writeFileSync(mine, String(process.pid));
  try {
    for (let polls = 1; !link(mine, file); polls += 1) {
      if (isAbandoned(file)) takeOver(file);
      if (polls === POLLS_BEFORE_WORD) {
        process.stderr.write(`twin: waiting for process ${readLock(file)}, which is building; see ${file}\n`);
      }
      sleep(POLL_MS);
    }
  } finally {
    rmSync(mine, { force: true });
  }
  return () => rmSync(file, { force: true });
}

function link(from, to) {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A lock whose process is gone. */
function isAbandoned(file) {
  const pid = Number(readLock(file));
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}

/** Removes a dead launcher's lock; of several that try, one does it, so that nobody removes a lock made since. */
function takeOver(file) {
  const guard = `${file}.take-over`;
  try {
    mkdirSync(guard);
  } catch {
    return;
  }
  try {
    if (isAbandoned(file)) rmSync(file, { force: true });
  } finally {
    rmdirSync(guard);
  }
}

function readLock(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function sleep(milliseconds) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}
