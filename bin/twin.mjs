#!/usr/bin/env node
/** The command `twin`: builds itself when the sources have changed, then runs `dist/cli/main.js`. */
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { inspectBuild } from './freshness.mjs';

const NODE_NEEDED = [20, 19];
const root = dirname(dirname(fileURLToPath(import.meta.url)));

const complaint = nodeTooOld(process.versions.node) ?? (await bringUpToDate());
if (complaint === undefined) {
  const { runFromProcess } = await import(pathToFileURL(join(root, 'dist', 'cli', 'main.js')).href);
  await runFromProcess();
} else {
  process.stderr.write(`${complaint}\n`);
  process.exitCode = 1;
}

function nodeTooOld(version) {
  const [major, minor] = version.split('.').map(Number);
  if (major > NODE_NEEDED[0] || (major === NODE_NEEDED[0] && minor >= NODE_NEEDED[1])) return undefined;
  return `twin needs Node.js ${NODE_NEEDED.join('.')} or newer; this is ${version}. Install a newer one from https://nodejs.org.`;
}

async function bringUpToDate() {
  if (inspectBuild(root).fresh) return undefined;
  const { build } = await import('./build.mjs');
  return build(root);
}
