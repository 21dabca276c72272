/** A real Mosquitto on a free loopback port, for runs over a broker that is not ours. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './strangers.ts';

const binary = ['/usr/sbin/mosquitto', '/usr/local/sbin/mosquitto', '/opt/homebrew/sbin/mosquitto'].find(existsSync);

export const hasMosquitto = binary !== undefined;

export interface Mosquitto {
  readonly url: string;
  /** It keeps its connections and does nothing any more. */
  freeze(): void;
  stop(): Promise<void>;
}

/** `config`: further lines for mosquitto.conf; without `allow_anonymous` among them anybody may do anything. */
export async function startMosquitto(config: readonly string[] = []): Promise<Mosquitto> {
  const port = await freePort();
  const door = config.some((line) => line.startsWith('allow_anonymous')) ? [] : ['allow_anonymous true'];
  const lines = [`listener ${port} 127.0.0.1`, ...door, 'persistence false', 'set_tcp_nodelay true'];
  return await runMosquitto(port, [...lines, 'max_queued_messages 0', 'max_inflight_messages 0', ...config, '']);
}

/** Mosquitto with a configuration that listens on `port`. */
export async function runMosquitto(port: number, config: readonly string[]): Promise<Mosquitto> {
  const folder = mkdtempSync(join(tmpdir(), 'twin-mosquitto-'));
  const file = join(folder, 'mosquitto.conf');
  writeFileSync(file, config.join('\n'));
  const child = spawn(binary ?? '', ['-c', file], { stdio: 'ignore' });
  const exited = new Promise((resolve) => child.once('exit', resolve));
  await answers(port);
  return {
    url: `mqtt://127.0.0.1:${port}`,
    freeze: () => void child.kill('SIGSTOP'),
    async stop() {
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

/** Waits until somebody listens on the port. */
async function answers(port: number): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.once('error', () => resolve(false));
      socket.once('connect', () => socket.destroy());
    });
    if (open) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing answers on port ${port}`);
}
