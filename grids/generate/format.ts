/** Text of a grid document with one element a line, so that a change shows as the lines that it touches. */
import type { GridDocumentInput } from '../schema.ts';

export function formatGrid(document: GridDocumentInput): string {
  const entries = Object.entries(document).map(([key, value]) => {
    if (!Array.isArray(value)) return `  ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    const lines = value.map((item: unknown) => `    ${JSON.stringify(item)}`).join(',\n');
    return `  ${JSON.stringify(key)}: [\n${lines}\n  ]`;
  });
  return `{\n${entries.join(',\n')}\n}\n`;
}
