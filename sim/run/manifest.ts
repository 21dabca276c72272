/** What a run was: commit, versions, host, inputs and options, so that it can be understood and done again. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';
import { readBytes } from '../../grids/read-text.ts';

/** Commit of the checkout and whether it has uncommitted changes; `unknown` outside a checkout. */
export function commitOf(folder = projectRoot()): { readonly commit: string; readonly dirty: boolean } {
  const git = (...args: string[]) =>
    execFileSync('git', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  try {
    return { commit: git('rev-parse', 'HEAD'), dirty: git('status', '--porcelain', '--untracked-files=no') !== '' };
  } catch {
    return { commit: 'unknown', dirty: false };
  }
}

/** Versions of the project, of Node, and of the packages that numbers can depend on. */
export function versions(): Readonly<Record<string, string>> {
  const root = projectRoot();
  const manifest = readJson(join(root, 'package.json')) as { version: string; dependencies: Record<string, string> };
  const installed = Object.keys(manifest.dependencies).map((name) => {
    const { version } = readJson(join(root, 'node_modules', name, 'package.json')) as { version: string };
    return [name, version] as const;
  });
  return { 'platone-twin': manifest.version, node: process.version, ...Object.fromEntries(installed) };
}

export function host(): Readonly<Record<string, string | number>> {
  const processors = cpus();
  return {
    system: `${platform()} ${release()} ${arch()}`,
    processor: processors[0]?.model ?? 'unknown',
    cores: processors.length,
    memoryBytes: totalmem(),
  };
}

/** SHA-256 of every file that went in, by its path relative to the project. */
export function hashesOf(files: readonly string[]): Readonly<Record<string, string>> {
  const root = projectRoot();
  return Object.fromEntries(files.map((file) => [relative(root, file), hashOf(file)]));
}

/** SHA-256 of a file, hexadecimal. */
export function hashOf(file: string): string {
  return createHash('sha256').update(readBytes(file)).digest('hex');
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}
