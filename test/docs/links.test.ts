/** What the documents point at is there: links, paths, commands, scripts, and the example that the README prints. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseArguments } from '../../cli/arguments.ts';
import { commands } from '../../cli/commands.ts';
import { twin } from '../cli/harness.ts';

const root = resolve(import.meta.dirname, '..', '..');
const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  'docs/balancer-api.md',
  'docs/certified-messages.md',
];
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Folders and files at the top that a path in the text may begin with; what is made by building or running is not among them. */
const made = new Set(['node_modules', 'dist', 'runs', 'coverage', '.git', '.bench']);
const top = readdirSync(root).filter((name) => !made.has(name));

/** Fenced blocks of one language. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, body = '']) => body);
}

/** Text in single backticks, fenced blocks left out. */
function quoted(text: string): string[] {
  return [...text.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/`([^`\n]+)`/g)].map(([, body = '']) => body);
}

/** `grids/networks/<name>/` is as good as its folder; words that are no path of the repository are left out. */
function repositoryPaths(words: readonly string[]): string[] {
  return words
    .filter((word) => /^[\w.-]+(\/[\w.<>*-]*)*$/.test(word) && top.includes(word.split('/')[0] ?? ''))
    .map((word) => (/[<*]/.test(word) ? dirname(word.slice(0, word.search(/[<*]/) + 1)) : word));
}

/** Lines of shell blocks, comments and the continuation of nothing left out. */
function shellLines(text: string): string[] {
  return blocks(text, 'sh')
    .flatMap((block) => block.split('\n'))
    .map((line) => line.replace(/\s#.*$/, '').trim())
    .filter((line) => line !== '');
}

/** The words behind `twin`, or undefined where the line calls something else. */
function twinArguments(line: string): string[] | undefined {
  return /^(?:[A-Z_]+=\S+ )*(?:twin|node bin\/twin\.mjs) (.+)$/.exec(line)?.[1]?.split(' ');
}

/** Throws UsageError when the command line would. */
async function parseLine(words: readonly string[]): Promise<void> {
  const entry = commands.find(({ name }) => name === words[0] || name === words.slice(0, 2).join(' '));
  if (entry === undefined) throw new Error(`no command begins ${words.slice(0, 2).join(' ')}`);
  await parseArguments(entry, await entry.load(), words.slice(entry.name.split(' ').length));
}

describe.each(documents)('%s', (document) => {
  const text = read(document);

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
    const missing = links.filter((target) => !/^[a-z]+:/.test(target) && !existsSync(join(root, target)));
    expect(missing).toEqual([]);
  });

  it('names paths that exist', () => {
    const words = [...quoted(text), ...shellLines(text).flatMap((line) => line.split(' '))];
    expect(repositoryPaths(words).filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });

  it('shows commands that parse and scripts that exist', async () => {
    const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> };
    const faults: string[] = [];
    for (const line of shellLines(text)) {
      const words = twinArguments(line);
      if (words !== undefined) await parseLine(words).catch((error: Error) => faults.push(`${line}: ${error.message}`));
      const script = /^npm (?:run (?:--silent )?)?([\w:-]+)/.exec(line)?.[1] ?? 'ci';
      if (script !== 'ci' && !Object.hasOwn(scripts, script)) faults.push(`${line}: package.json has no such script`);
    }
    expect(faults).toEqual([]);
  });
});

it('finds what it is there to find', async () => {
  const paths = repositoryPaths(quoted(read('CONTRIBUTING.md')));
  expect(paths.length).toBeGreaterThan(30);
  expect(paths).toContain('grids/networks');
  expect(repositoryPaths(['sim/run/nowhere.ts', 'a/b'])).toEqual(['sim/run/nowhere.ts']);
  expect(shellLines(read('README.md')).filter((line) => twinArguments(line) !== undefined).length).toBeGreaterThan(15);
  await expect(parseLine(['run', 'a.yaml', '--sed', '1'])).rejects.toThrow('did you mean "--seed"');
});

it('the README names every command in its text as it is called', () => {
  const [present = ''] = read('README.md').split('## Not there yet');
  const named = quoted(present).flatMap((text) => (text.startsWith('twin ') ? [text.split(' ').slice(1)] : []));
  const placeholders = new Set(['ARGS', 'COMMAND']);
  const unknown = named.filter(
    ([one = '', two = '']) =>
      !placeholders.has(one) && !commands.some(({ name }) => name === one || name === `${one} ${two}`),
  );
  expect(unknown).toEqual([]);
});

it('the house drawn in CONTRIBUTING.md stands', () => {
  const [house = ''] = blocks(read('CONTRIBUTING.md'), 'text');
  let folder = '';
  const drawn = house.split('\n').flatMap((line) => {
    const names = [...line.matchAll(/(?<=^|\s)([\w-]+)\/(?=\s|$)/g)].map(([, name = '']) => name);
    if (!line.startsWith(' ')) folder = names[0] ?? '';
    return line.startsWith(' ') ? names.map((name) => `${folder}/${name}`) : names;
  });
  expect(drawn.length).toBeGreaterThan(20);
  expect(drawn.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  const rooms = readdirSync(join(root, 'platform'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
  for (const { name } of rooms) expect(drawn).toContain(`platform/${name}`);
});

it('the example scenario is valid, and the README prints it', async () => {
  const file = 'docs/examples/wrong-cable.yaml';
  const { code, err } = await twin(['validate', join(root, file)]);
  expect(err).toBe('');
  expect(code).toBe(0);
  const printed = blocks(read('README.md'), 'yaml').find((block) => block.startsWith('extends:')) ?? '';
  expect(parse(read(file))).toMatchObject(parse(printed) as object);
});
