/** The README's tables are those of the code. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { exitCodes } from '../../cli/exit-codes.ts';
import { markedTables, renderTables, tableNames } from '../../cli/readme-tables.ts';

const file = join(import.meta.dirname, '..', '..', 'README.md');

describe.skipIf(!existsSync(file))('README.md (skipped while there is none)', () => {
  it('has every generated table, and none is stale (node dist/cli/readme-tables.js --write)', () => {
    const text = readFileSync(file, 'utf8');
    expect(markedTables(text).toSorted()).toEqual(tableNames.toSorted());
    expect(text).toBe(renderTables(text));
  });
});

it('replaces what stands between the markers and nothing else', () => {
  const text = 'before\n<!-- generated:exit-codes -->\nold\n<!-- /generated -->\nafter\n';
  const rendered = renderTables(text);
  for (const { code, meaning } of Object.values(exitCodes)) expect(rendered).toContain(`\n| ${code} | ${meaning} |\n`);
  expect(rendered).toMatch(/^before\n<!-- generated:exit-codes -->\n\| code/);
  expect(rendered).toMatch(/\|\n<!-- \/generated -->\nafter\n$/);
  expect(rendered).not.toContain('old');
  expect(renderTables(rendered)).toBe(rendered);
});

it('knows its tables', () => {
  expect(() => renderTables('<!-- generated:nonsense -->\n<!-- /generated -->')).toThrow(
    'no table is named "nonsense"',
  );
});

it.each(tableNames)('the table %s is a Markdown table with equal rows', (name) => {
  const rows = renderTables(`<!-- generated:${name} -->\n<!-- /generated -->`)
    .split('\n')
    .filter((line) => line.startsWith('|'));
  expect(rows.length).toBeGreaterThan(2);
  expect(rows[1]).toMatch(/^\|( --- \|)+$/);
});
