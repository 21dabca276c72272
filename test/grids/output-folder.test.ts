/** Folders that commands write into: made with those above them, never one with something in it, never for ever. */
import { existsSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { makeFreshFolder, makeOutputFolder } from '../../grids/output-folder.ts';
import { InvalidInputError } from '../../grids/problem.ts';

const root = mkdtempSync(join(tmpdir(), 'twin-output-folder-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const path = (...names: string[]) => join(root, ...names);

describe('a named folder', () => {
  test('is made with those above it, and says which was the first', () => {
    expect(makeOutputFolder(path('a/b/c'))).toEqual({ directory: path('a/b/c'), firstMade: path('a') });
    expect(makeOutputFolder(path('a/b/c'))).toEqual({ directory: path('a/b/c'), firstMade: undefined });
  });

  test('with something in it is refused, unless any will do', () => {
    makeOutputFolder(path('full'));
    writeFileSync(path('full/file'), '');
    expect(() => makeOutputFolder(path('full'))).toThrow(/full: the folder is not empty \(name a folder that is new/);
    expect(makeOutputFolder(path('full'), 'any').firstMade).toBe(undefined);
  });

  test('beneath a file, in the place of one, or at a dangling link, is a fault in words', () => {
    writeFileSync(path('file'), '');
    symlinkSync(path('nowhere'), path('link'));
    for (const name of ['file', 'file/below', 'link', 'link/below']) {
      expect(() => makeOutputFolder(path(name)), name).toThrow(InvalidInputError);
      expect(() => makeOutputFolder(path(name)), name).toThrow(
        /cannot be made: (a file stands where|the system makes no|EEXIST)/,
      );
    }
    expect(existsSync(path('nowhere'))).toBe(false);
  });
});

test('a fresh folder gets a number where the name is taken, by a file as well', () => {
  expect(makeFreshFolder(path('runs/day'))).toEqual({ directory: path('runs/day'), firstMade: path('runs') });
  writeFileSync(path('runs/day-2'), '');
  expect(makeFreshFolder(path('runs/day'))).toEqual({ directory: path('runs/day-3'), firstMade: path('runs/day-3') });
});

test.runIf(existsSync('/proc/self'))('where the system makes no folders, the answer comes at once', () => {
  for (const folder of ['/proc/x', '/proc/x/y']) {
    expect(() => makeOutputFolder(folder)).toThrow(/cannot be made: the system makes no folders there/);
    expect(() => makeFreshFolder(folder)).toThrow(/cannot be made: the system makes no folders there/);
  }
});
