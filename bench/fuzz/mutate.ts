/** Damaged files: what editors, networks, other programs and hostile people make of a sound one. Same seed, same damage. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../grids/project-root.ts';
import type { SourceFile } from '../../grids/import/imported-grid.ts';
import { randomStream } from '../../numerics/random.ts';

export const fuzzFormats = ['native', 'matpower', 'pandapower', 'power-grid-model', 'cim', 'measurements'] as const;
export type FuzzFormat = (typeof fuzzFormats)[number];

const cim = ['EQ', 'TP', 'SSH', 'SV'].map((profile) => `test/import/samples/hamlet.cim/hamlet_${profile}.xml`);

/** Sound files by format, each a list of the files of one grid, relative to the project. */
const sound: Readonly<Record<FuzzFormat, readonly (readonly string[])[]>> = {
  native: [['grids/networks/ieee-33/grid.json'], ['test/import/samples/hamlet.native.json']],
  matpower: [['test/import/samples/hamlet.m']],
  pandapower: [['test/import/samples/hamlet.pandapower-2.json'], ['test/import/samples/hamlet.pandapower-3.json']],
  'power-grid-model': [['test/import/samples/hamlet.power-grid-model.json']],
  cim: [cim],
  measurements: [['test/import/samples/hamlet.measurements.json']],
};

export interface Damaged {
  readonly files: readonly SourceFile[];
  /** Cut short in a format that shows it: nothing may be read from it. */
  readonly isCut: boolean;
  /** What was done, in words. */
  readonly how: string;
}

type Random = () => number;

/** Case number `index` under a seed. */
export function damage(format: FuzzFormat, seed: string, index: number): Damaged {
  const { uniform } = randomStream(seed, ['fuzz', format, String(index)]);
  const variants = sound[format];
  const files = pick(variants, uniform).map((name) => ({ name, text: soundText(name) }));
  const victim = integer(files.length, uniform);
  const whole = files[victim]!.text;
  if (format === 'cim' && uniform() < 0.03) {
    return { files: files.filter((_, i) => i !== victim), isCut: false, how: `without ${files[victim]!.name}` };
  }
  const isJson = format !== 'matpower' && format !== 'cim';
  const how: string[] = [];
  let text = whole;
  if (isJson && uniform() < 0.5) {
    how.push('values');
    text = damageValues(text, uniform);
  } else {
    for (let rounds = 1 + integer(3, uniform); rounds > 0; rounds--) {
      const [name, change] = pick(changes, uniform);
      how.push(name);
      text = change(text, uniform).slice(0, MAX_LENGTH);
    }
  }
  const isCut = format !== 'matpower' && how.join() === 'cut' && text.trimEnd() !== whole.trimEnd();
  return { files: files.map((file, i) => (i === victim ? { ...file, text } : file)), isCut, how: how.join(', ') };
}

/** Damage grows files; readers get at most this much. */
const MAX_LENGTH = 400_000;

const texts = new Map<string, string>();
function soundText(name: string): string {
  let text = texts.get(name);
  if (text === undefined) texts.set(name, (text = readFileSync(join(projectRoot(), name), 'utf8')));
  return text;
}

function integer(below: number, random: Random): number {
  return Math.min(Math.floor(random() * below), Math.max(0, below - 1));
}

function pick<T>(list: readonly T[], random: Random): T {
  return list[integer(list.length, random)]!;
}

/** A stretch of the text; short ones are likelier. */
function stretch(text: string, random: Random): readonly [from: number, to: number] {
  const from = integer(text.length, random);
  const length = Math.floor(2 ** (random() * 11));
  return [from, Math.min(text.length, from + length)];
}

const oddNumbers =
  '0 -0 -1 1e999 -1e999 1e308 1e-308 NaN Infinity inf nan 99999999999999999999 0x10 1,5 007 1e 3.'.split(' ');
const oddWords =
  'null true false "" [] {} "NaN" undefined None end ; , : = [ ] { } ( ) < > / & \\ " \' % # - ... \n'.split(' ');
const junk = '\u0000\u0001\t\r\n"\'\\[]{}()<>&;,:%=#\u00e9\u4e2d\ud83d\ude00\ufeff\u2028 0aZ';

function replaceMatch(text: string, pattern: RegExp, by: () => string, random: Random): string {
  const start = integer(text.length, random);
  pattern.lastIndex = start;
  const match = pattern.exec(text);
  return match === null ? text : text.slice(0, match.index) + by() + text.slice(match.index + match[0].length);
}

const changes: readonly (readonly [name: string, change: (text: string, random: Random) => string])[] = [
  ['cut', (text, random) => text.slice(0, integer(text.length, random))],
  ['cut at the front', (text, random) => text.slice(integer(text.length, random))],
  [
    'hole',
    (text, random) => {
      const [from, to] = stretch(text, random);
      return text.slice(0, from) + text.slice(to);
    },
  ],
  [
    'doubled',
    (text, random) => {
      const [from, to] = stretch(text, random);
      return text.slice(0, to) + text.slice(from);
    },
  ],
  [
    'many times',
    (text, random) => {
      const [from, to] = stretch(text, random);
      return text.slice(0, to) + text.slice(from, to).repeat(Math.floor(2 ** (random() * 12))) + text.slice(to);
    },
  ],
  [
    'moved',
    (text, random) => {
      const [from, to] = stretch(text, random);
      const at = integer(text.length, random);
      return text.slice(0, at) + text.slice(from, to) + text.slice(at);
    },
  ],
  [
    'junk',
    (text, random) => {
      const at = integer(text.length, random);
      const letters = Array.from({ length: 1 + integer(20, random) }, () => junk.charAt(integer(junk.length, random)));
      return text.slice(0, at) + letters.join('') + text.slice(at + integer(3, random));
    },
  ],
  ['odd number', (text, random) => replaceMatch(text, /-?\d+(?:\.\d+)?/g, () => pick(oddNumbers, random), random)],
  ['odd word', (text, random) => replaceMatch(text, /\w+|[^\s\w]/g, () => pick(oddWords, random), random)],
  [
    'word of another place',
    (text, random) => {
      const words = /[\w.-]+/g;
      words.lastIndex = integer(text.length, random);
      const other = words.exec(text)?.[0] ?? '1';
      return replaceMatch(text, /[\w.-]+/g, () => other, random);
    },
  ],
  [
    'line',
    (text, random) => {
      const lines = text.split('\n');
      const [from, to] = [integer(lines.length, random), integer(lines.length, random)];
      const [line] = lines.splice(from, 1);
      if (random() < 0.5) lines.splice(to, 0, line!);
      return lines.join('\n');
    },
  ],
  [
    'nested',
    (text, random) => {
      const at = integer(text.length, random);
      const open = pick(['[', '{"a":', '(', '<a>', '"\\"', '%{\n', '-', "'", '...\n'], random);
      return text.slice(0, at) + open.repeat(Math.floor(2 ** (random() * 17))) + text.slice(at);
    },
  ],
  [
    'another format',
    (text, random) => {
      const other = soundText(pick(pick(sound[pick(fuzzFormats, random)], random), random));
      const at = integer(text.length, random);
      const [from] = stretch(other, random);
      return random() < 0.5 ? text.slice(0, at) + other.slice(from) : text + other;
    },
  ],
  [
    'entities',
    (text) =>
      text.replace(
        /<(?=\w+:RDF)/,
        `<!DOCTYPE x [<!ENTITY a "${'lol'.repeat(50)}"><!ENTITY b "${'&a;'.repeat(50)}">]><`,
      ),
  ],
];

const oddScalars: readonly unknown[] = [null, true, false, '', 'x', '1', 0, -1, -0, 1e308, -1e308, 1e-308, 5e-324, 0.5];
const oddTexts: readonly unknown[] = ['nan', 'inf', '__proto__', 'constructor', '\u0000', 'a'.repeat(10_000)];
const oddValues = [...oddScalars, ...oddTexts, 2 ** 53, [], {}, [[]], [1, 2, 3]];

type Json = Record<string, unknown> | unknown[];

/** Sound JSON whose values are not: one to four of them replaced, left out, doubled or renamed. */
function damageValues(text: string, random: Random): string {
  const root = JSON.parse(text) as Json;
  const frames = unpackFrames(root);
  for (let rounds = 1 + integer(4, random); rounds > 0; rounds--) damageValue(root, random);
  for (const { holder, asText } of frames) {
    if (asText && random() < 0.98) holder['_object'] = JSON.stringify(holder['_object']);
  }
  return JSON.stringify(root);
}

/** Opens the JSON texts within pandapower's JSON, so that their values can be damaged too. */
function unpackFrames(root: Json): { holder: Record<string, unknown>; asText: boolean }[] {
  const net = '_object' in root ? root['_object'] : undefined;
  if (typeof net !== 'object' || net === null) return [];
  return Object.values(net).flatMap((value: unknown) => {
    if (typeof value !== 'object' || value === null || !('_object' in value)) return [];
    const holder = value as Record<string, unknown>;
    const asText = typeof holder['_object'] === 'string';
    if (asText) holder['_object'] = JSON.parse(holder['_object'] as string);
    return [{ holder, asText }];
  });
}

function damageValue(root: Json, random: Random): void {
  let at: Json = root;
  for (;;) {
    const keys = Object.keys(at);
    if (keys.length === 0) return;
    const key = pick(keys, random);
    const value = (at as Record<string, unknown>)[key];
    if (typeof value === 'object' && value !== null && random() < 0.9) {
      at = value as Json;
      continue;
    }
    const holder = at as Record<string, unknown>;
    const chance = random();
    if (chance < 0.6) holder[key] = structuredClone(pick(oddValues, random));
    else if (chance < 0.7 && typeof value === 'number') holder[key] = value * pick([-1, 1000, 1e6, 1e-6, 1e12], random);
    else if (Array.isArray(at)) {
      if (random() < 0.5) at.splice(Number(key), 1);
      else at.push(structuredClone(value));
    } else {
      delete holder[key];
      if (random() < 0.5) holder[`${key}x`] = value;
    }
    return;
  }
}
