/** Plain tables for the terminal: first column and names to the left, numbers to the right. */

/** Columns as wide as their widest entry; a column is a number column when all its entries look like one or like `-`. */
export function formatTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((title, c) => Math.max(title.length, ...rows.map((row) => row[c]!.length)));
  const numeric = header.map((_, c) => c > 0 && rows.every((row) => /^-?\d+(\.\d+)?$|^-$/.test(row[c]!)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, c) => (numeric[c] === true ? cell.padStart(widths[c]!) : cell.padEnd(widths[c]!)))
      .join('  ')
      .trimEnd();
  return [line(header), widths.map((width) => '-'.repeat(width)).join('  '), ...rows.map(line)].join('\n');
}
