/** The Python environment of the peers: made once in `.bench/`, which version control ignores, with pinned versions. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';

/** Path of the interpreter. Throws with pip's own words when the packages cannot be had. */
export function preparePeers(): string {
  const folder = join(projectRoot(), '.bench', 'peers');
  const requirements = join(projectRoot(), 'bench', 'peers', 'requirements.txt');
  const python = join(folder, 'bin', 'python');
  const stamp = join(folder, 'installed.txt');
  const wanted = readFileSync(requirements, 'utf8');
  if (existsSync(python) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return python;
  console.log(`making a Python environment in ${folder} (once, some minutes)`);
  mkdirSync(folder, { recursive: true });
  const run = (command: string, args: readonly string[]): void => {
    execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  };
  run(process.env['TWIN_PYTHON'] ?? 'python3', ['-m', 'venv', folder]);
  run(python, ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', requirements]);
  writeFileSync(stamp, wanted);
  return python;
}
