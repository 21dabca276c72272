/** A service in a process of its own, as `twin serve NAME` runs it in the field; its log goes to the run's. */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { projectRoot } from '../../grids/project-root.ts';

export interface ChildOptions {
  readonly name: string;
  /** What `--config` holds; written to the run's folder, so passwords go by the environment. */
  readonly settings: object;
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly log: Logger;
  /** It ended before it was told to; `how` says how, and what it complained of. */
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
    // Its input says nothing, and ends when this process is gone, however that ended.
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...environment, TWIN_UNTIL_INPUT_ENDS: '1' },
    // Out of the terminal's reach: Ctrl-C is for the run, which finishes its instant with all services alive.
    detached: true,
  });
  // When this process ends in haste nobody else tells it.
  const killAtExit = () => void child.kill('SIGKILL');
  process.once('exit', killAtExit);
  let stopping = false;
  // Its log names the cause; standard error begins with it, and goes on with advice or a stack.
  let complaint = '';
  let outcry = '';
  createInterface({ input: child.stdout }).on('line', (line) => {
    const { level, message, details } = readLogLine(line);
    if (level === 'error') complaint = typeof details['error'] === 'string' ? details['error'] : message;
    log[level]({ service: name, ...details }, message);
  });
  createInterface({ input: child.stderr }).on('line', (line) => {
    if (/^\w/.test(line)) outcry ||= line.replace(/^twin: /, '');
    log.error({ service: name }, line);
  });
  const gone = new Promise<void>((resolve) => {
    // `close` comes when the last words have been read, too.
    child.once('close', (code, signal) => {
      process.off('exit', killAtExit);
      resolve();
      if (!stopping) onDeath(describeEnd(code, signal, complaint || outcry));
    });
    child.once('error', (error) => {
      outcry = error.message;
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

/** How a process ended, in words. */
function describeEnd(code: number | null, signal: NodeJS.Signals | null, complaint: string): string {
  const ended =
    signal === 'SIGKILL'
      ? 'its process was killed (SIGKILL), as the system does when memory runs short'
      : signal === null
        ? `its process ended with exit code ${code}`
        : `its process was ended by ${signal}`;
  return complaint === '' ? ended : `${ended}: ${complaint}`;
}

type Level = 'info' | 'warn' | 'error';

/** A line of a service's log as it was written; what is no such line is taken as it is. */
function readLogLine(line: string): { level: Level; message: string; details: Readonly<Record<string, unknown>> } {
  try {
    const { level, time: _time, msg, ...details } = JSON.parse(line) as Readonly<Record<string, unknown>>;
    if (typeof level === 'number' && typeof msg === 'string') {
      return { level: level >= 50 ? 'error' : level >= 40 ? 'warn' : 'info', message: msg, details };
    }
  } catch {
    // Not JSON.
  }
  return { level: 'info', message: line, details: {} };
}
