/** The launcher, on a small project of its own: builds when it must, not when it need not, one at a time, and says why not. */
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

const repository = join(import.meta.dirname, '..', '..');
let project = '';

beforeEach(() => {
  project = mkdtempSync(join(tmpdir(), 'twin-launcher-'));
  cpSync(join(repository, 'bin'), join(project, 'bin'), { recursive: true });
  cpSync(join(repository, 'tsconfig.json'), join(project, 'tsconfig.json'));
  write('package.json', '{ "type": "module" }');
  symlinkSync(join(repository, 'node_modules'), join(project, 'node_modules'));
  write('cli/main.ts', program('first'));
});
afterEach(() => rmSync(project, { recursive: true, force: true }));

function write(file: string, text: string): void {
  mkdirSync(join(project, file, '..'), { recursive: true });
  writeFileSync(join(project, file), text);
}

function program(words: string): string {
  return `export function runFromProcess(): Promise<void> {\n  console.log('${words}');\n  return Promise.resolve();\n}\n`;
}

function launch(env: Readonly<Record<string, string>> = {}) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(project, 'bin', 'twin.mjs')], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], ...env },
  });
  return { status, stdout, stderr };
}

const built = (file: string) => join(project, 'dist', file);

describe('the launcher', () => {
  // npm makes it so for `npx twin`; were it committed otherwise, every run of such a clone would record changed files.
  it('is executable', () => {
    expect(statSync(join(repository, 'bin', 'twin.mjs')).mode & 0o111).toBe(0o111);
  });

  it('builds a fresh clone, and not again when nothing has changed', () => {
    expect(launch()).toEqual({ status: 0, stdout: 'first\n', stderr: '' });
    const before = statSync(built('cli/main.js')).mtimeMs;
    expect(launch().stdout).toBe('first\n');
    expect(statSync(built('cli/main.js')).mtimeMs).toBe(before);
  });

  it('builds again when a source has changed, also to an older one', () => {
    launch();
    write('cli/main.ts', program('second'));
    expect(launch().stdout).toBe('second\n');
  });

  it('builds what is new and removes outputs whose source is gone', () => {
    write('sim/old.ts', 'export const old = 1;\n');
    launch();
    expect(existsSync(built('sim/old.js'))).toBe(true);
    rmSync(join(project, 'sim/old.ts'));
    write('sim/new.ts', 'export const young = 1;\n');
    launch();
    expect([built('sim/old.js'), built('sim/old.js.map'), built('sim/new.js')].map((file) => existsSync(file))).toEqual(
      [false, false, true],
    );
  });

  it('makes a lost output again', () => {
    launch();
    rmSync(built('cli/main.js'));
    expect(launch().stdout).toBe('first\n');
  });

  it('copies JSON that a source imports, and follows its changes', () => {
    write('cli/words.json', '{ "words": "one" }');
    const text = `import words from './words.json' with { type: 'json' };\n`;
    write('cli/main.ts', text + program('x').replace("'x'", 'words.words'));
    expect(launch().stdout).toBe('one\n');
    write('cli/words.json', '{ "words": "two" }');
    expect(launch().stdout).toBe('two\n');
    expect(existsSync(built('cli/words.json'))).toBe(true);
  });

  it('shows what the compiler says, and does not run what does not compile', () => {
    launch();
    write('cli/main.ts', `${program('second')}export const wrong: number = 'text';\n`);
    const { status, stdout, stderr } = launch();
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toContain('twin could not be built. The compiler says:');
    expect(stderr).toContain("cli/main.ts(5,14): error TS2322: Type 'string' is not assignable to type 'number'.");
    expect(launch().status).toBe(1);
    expect(launch({ TWIN_BUILD: 'no-check' }).stdout).toBe('second\n');
  });

  it('says what to install', () => {
    rmSync(join(project, 'node_modules'));
    expect(launch()).toMatchObject({ status: 1, stderr: expect.stringContaining('Run "npm ci" in ') });
    mkdirSync(join(project, 'node_modules'));
    expect(launch()).toMatchObject({ status: 1, stderr: expect.stringContaining('Run "npm ci --include=dev" in ') });
  });

  it('runs from what is built, without a compiler', () => {
    launch();
    rmSync(join(project, 'node_modules'));
    expect(launch()).toEqual({ status: 0, stdout: 'first\n', stderr: '' });
  });

  it('lets the second of several wait for the first', async () => {
    const start = () =>
      new Promise<string>((done) => {
        const child = spawn(process.execPath, [join(project, 'bin', 'twin.mjs')], {
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        let text = '';
        child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
        child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()));
        child.on('close', (code) => done(`${code} ${text}`));
      });
    expect(await Promise.all([start(), start(), start()])).toEqual(['0 first\n', '0 first\n', '0 first\n']);
    expect(existsSync(built('.build-lock'))).toBe(false);
  });

  it('takes over the lock of one that died', () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    write('dist/.build-lock', String(pid));
    expect(launch()).toEqual({ status: 0, stdout: 'first\n', stderr: '' });
    expect(existsSync(built('.build-lock'))).toBe(false);
  });

  it('refuses a Node.js that is too old, in a sentence', () => {
    const file = join(project, 'bin', 'twin.mjs');
    writeFileSync(file, readFileSync(file, 'utf8').replace('[20, 19]', '[999, 0]'));
    const { status, stderr } = launch();
    expect(status).toBe(1);
    expect(stderr).toBe(
      `twin needs Node.js 999.0 or newer; this is ${process.versions.node}. Install a newer one from https://nodejs.org.\n`,
    );
  });
});
