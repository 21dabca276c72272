/** A service in a process of its own, as `twin serve NAME` runs it in the field; its log goes to the run's. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { projectRoot } from '../../grids/project-root.ts';

export interface ChildOptions {
  readonly name: string;
  /** What `--config` holds; written to the run's folder, so passwords go by the environment. */
  readonly settings: object;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly log: Logger;
  /** It ended before it was told to; `how` says with what, and its last words. */
  readonly onDeath: (how: string) => void;
}

export interface Child {
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

const launcher = join(projectRoot(), 'bin', 'twin.mjs');

export function startChild({ name, settings, environment, directory, log, onDeath }: ChildOptions): Child {
  const file = join(directory, `${name}.config.json`);
  writeFileSync(file, `${JSON.stringify(settings, undefined, 2)}\n`);
  const child = spawn(process.execPath, [launcher, 'serve', name, '--config', file], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
    // Out of the terminal's reach: Ctrl-C is for the run, which finishes its instant with all services alive.
    detached: true,
  });
  // When this process ends in haste nobody else tells it.
  const killAtExit = () => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  let stopping = false;
  let lastWords = '';
  const listen = (chunk: Buffer) => {
    lastWords = chunk.toString().trim() || lastWords;
    log.info({ service: name }, lastWords);
  };
  child.stdout.on('data', listen);
  child.stderr.on('data', listen);
  const gone = new Promise<void>((resolve) => {
    // `close` comes when the last words have been read, too.
    child.once('close', (code, signal) => {
      process.off('exit', killAtExit);
      resolve();
      if (!stopping)
        onDeath(`${signal === null ? `exit code ${code}` : `signal ${signal}`}${lastWords && `: ${lastWords}`}`);
    });
    child.once('error', (error) => {
      lastWords = error.message;
    });
  });
  return {
    pid: child.pid,
    async stop() {
      stopping = true;
      child.kill('SIGTERM');
      await gone;
    },
  };
}
