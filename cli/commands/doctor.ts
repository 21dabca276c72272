/** `twin doctor`: whether this machine has what a run needs, and what it has besides. */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { createEmbeddedBroker } from '../../platform/databus/embedded.ts';
import { mqttDatabus } from '../../platform/databus/mqtt.ts';
import { wallUs } from '../../sim/clock/wall-clock.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { projectRoot } from '../../grids/project-root.ts';

/** `missing` is no failure: it says what cannot be done without. */
type State = 'ok' | 'missing' | 'failed';

interface Finding {
  readonly what: string;
  readonly state: State;
  readonly detail: string;
}

export const command = defineCommand({
  positionals: {},
  options: {},
  examples: [{ line: 'twin doctor', does: 'Exit code 0 when runs are possible, 30 when they are not' }],
  async run(_, { terminal }) {
    const findings = [machine(), build(), await sockets(), await broker(), mosquitto(), browser(), reference()];
    const colours = { ok: 'green', missing: 'yellow', failed: 'red' } as const;
    for (const { what, state, detail } of findings) {
      terminal.print(`${terminal.paint(colours[state], state.padEnd(7))}  ${what.padEnd(18)}  ${detail}`);
    }
    return findings.some(({ state }) => state === 'failed') ? exitCodes.notStarted.code : exitCodes.pass.code;
  },
});

function machine(): Finding {
  const gigabytes = (bytes: number) => (bytes / 2 ** 30).toFixed(1);
  const memory = `${gigabytes(freemem())} of ${gigabytes(totalmem())} GB memory free`;
  return {
    what: 'machine',
    state: 'ok',
    detail: `Node.js ${process.versions.node}, ${availableParallelism()} cores, ${memory}, ${process.platform} ${process.arch}`,
  };
}

function build(): Finding {
  const built = existsSync(join(projectRoot(), 'dist', '.sources.json'));
  const detail = built ? 'dist/ is up to date' : 'not built by the launcher: run node bin/twin.mjs once';
  return { what: 'build', state: built ? 'ok' : 'missing', detail };
}

/** Two sockets on ports that the system chooses. */
async function sockets(): Promise<Finding> {
  const what = 'loopback sockets';
  try {
    const ports = [await openPort(), await openPort()];
    return { what, state: 'ok', detail: `127.0.0.1 gives free ports, for example ${ports.join(' and ')}` };
  } catch (error) {
    return { what, state: 'failed', detail: `127.0.0.1 gives no port: ${reasonOf(error)}` };
  }
}

async function openPort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done, failed) => {
    server.once('error', failed);
    server.listen(0, '127.0.0.1', done);
  });
  const address = server.address();
  await new Promise((done) => server.close(done));
  return typeof address === 'object' && address !== null ? address.port : 0;
}

const ROUNDS = 50;

/** Messages to an embedded broker and back, one at a time. */
async function broker(): Promise<Finding> {
  const what = 'embedded broker';
  try {
    const embedded = await createEmbeddedBroker({ name: 'doctor' });
    try {
      const times = await roundTrips(embedded.url);
      const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
      return {
        what,
        state: 'ok',
        detail: `MQTT round trip ${(median / 1000).toFixed(2)} ms (median of ${ROUNDS}, QoS 1)`,
      };
    } finally {
      await embedded.close();
    }
  } catch (error) {
    return { what, state: 'failed', detail: reasonOf(error) };
  }
}

async function roundTrips(url: string): Promise<number[]> {
  let arrived = (): void => {};
  const connection = await mqttDatabus(url).connect({ clientId: 'doctor', onMessage: () => arrived() });
  await connection.subscribe(['doctor/echo']);
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const start = wallUs();
    const back = new Promise<void>((done) => {
      arrived = done;
    });
    await connection.publish('doctor/echo', new Uint8Array(100));
    await back;
    times.push(wallUs() - start);
  }
  await connection.close();
  return times;
}

function mosquitto(): Finding {
  const what = 'Mosquitto';
  const program = findProgram(['mosquitto'], ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin']);
  if (program === undefined) {
    return { what, state: 'missing', detail: 'not installed: only runs against a real Mosquitto need it' };
  }
  const version = /version ([\d.]+)/.exec(spawnSync(program, ['-h'], { encoding: 'utf8' }).stdout)?.[1];
  return { what, state: 'ok', detail: `${program}${version === undefined ? '' : `, version ${version}`}` };
}

function browser(): Finding {
  const what = 'Chromium';
  const named = process.env.TWIN_CHROMIUM;
  const program =
    named !== undefined && existsSync(named)
      ? named
      : findProgram(['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']);
  if (program !== undefined) return { what, state: 'ok', detail: program };
  return { what, state: 'missing', detail: 'not found: only the browser test of reports needs it' };
}

function reference(): Finding {
  const what = 'reference cases';
  const folder = process.env.TWIN_REFERENCE ?? resolve(projectRoot(), '..', 'shared', 'reference');
  if (existsSync(folder)) return { what, state: 'ok', detail: folder };
  return { what, state: 'missing', detail: `no folder ${folder}: tests that need it skip; set TWIN_REFERENCE` };
}

function findProgram(names: readonly string[], folders: readonly string[] = []): string | undefined {
  const path = [...(process.env.PATH ?? '').split(delimiter), ...folders].filter((folder) => folder !== '');
  return path.flatMap((folder) => names.map((name) => join(folder, name))).find((file) => existsSync(file));
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
