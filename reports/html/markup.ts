/** Building blocks of the page: escaped text, tables that fold where there is no room, figures, sections. */

/** Text for HTML content and double-quoted attributes. */
export function escapeHtml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;');
}

/** A finished piece of HTML, as against text that still has to be escaped. */
export interface Html {
  readonly html: string;
}

export type Cell = string | Html;

export function html(markup: string): Html {
  return { html: markup };
}

function render(cell: Cell): string {
  return typeof cell === 'string' ? escapeHtml(cell) : cell.html;
}

export interface Column {
  readonly head: string;
  /** Figures stand flush right in tabular numerals. */
  readonly numeric?: boolean;
}

/** Running text, escaped: a number and its per cent sign stay on one line, text in back quotes is code. */
export function renderText(text: string): string {
  return escapeHtml(text)
    .replaceAll(/(\d) %/g, '$1&nbsp;%')
    .replaceAll(/`([^`]+)`/g, '<code>$1</code>');
}

/** A judgement in colour: `✓ pass`, `✗ fail`. */
export function renderMark(good: boolean, word: string): Html {
  return html(`<span class="mark ${good ? 'pass' : 'fail'}">${good ? '✓' : '✗'} ${word}</span>`);
}

/** A name such as `kpi.islandDuration` as code: a narrow page breaks it behind a dot or before a capital, not in mid-word. */
export function renderName(name: string): Html {
  return html(`<code>${breakable(escapeHtml(name))}</code>`);
}

function breakable(escaped: string): string {
  return escaped.replaceAll(/\.(?=[a-z])|[a-z](?=[A-Z])/g, '$&<wbr>');
}

/**
 * A captioned table. In a box that is too narrow for its columns it folds: each row becomes a block of its own, with the
 * column's name at each figure. What is wider than that scrolls, also with the keyboard.
 */
export function renderTable(caption: string, columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const kind = (i: number) => (columns[i]?.numeric === true ? ' class="number"' : '');
  const head = columns.map(({ head: text }, i) => `<th scope="col"${kind(i)}>${escapeHtml(text)}</th>`).join('');
  const body = rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === 0
        ? `<th scope="row"${isOneWord(cell) ? ' class="whole"' : kind(i)}>${render(cell)}</th>`
        : `<td${kind(i)} data-head="${escapeHtml(columns[i]?.head ?? '')}">${render(cell)}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  const label = escapeHtml(caption);
  const fold = foldWidths.find((width) => width >= neededWidth(columns, rows)) ?? foldWidths.at(-1);
  return `<div class="scroll fold-${fold}" tabindex="0" role="region" aria-label="${label}"><table${columns.length <= 4 ? ' class="slim"' : ''}><caption>${label}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
}

/** Widths of a table's box, px, below which tables that need so much fold; the style sheet has a rule for each. */
export const foldWidths = [300, 360, 440, 540, 720, 1100] as const;
const CHARACTER_PX = 8.2;
const GAP_PX = 16;
/** Text columns can be as narrow as their longest word, but are not good to read below so many characters. */
const TEXT_CHARACTERS = 14;

/** About how wide a table has to be: figures stand on one line, texts and heads are broken between words. */
function neededWidth(columns: readonly Column[], rows: readonly (readonly Cell[])[]): number {
  return columns.reduce((sum, { head, numeric }, i) => {
    const lengths = rows.map((row) => {
      const text = plainText(row[i] ?? '');
      return numeric === true ? text.length : Math.max(longestWord(text), Math.min(text.length, TEXT_CHARACTERS));
    });
    return sum + Math.max(longestWord(head), ...lengths) * CHARACTER_PX + GAP_PX;
  }, 0);
}

/** What a cell shows, with a space wherever its line may break. */
function plainText(cell: Cell): string {
  if (typeof cell === 'string') return cell;
  const shown = cell.html.replaceAll(/<wbr>|<br>/g, ' ').replaceAll(/<[^>]+>/g, '');
  return shown.replaceAll(/&[a-z]+;/g, '.');
}

function longestWord(text: string): number {
  return Math.max(...text.split(' ').map((word) => word.length));
}

/** An id such as `house-07` is not broken at its hyphen. */
function isOneWord(cell: Cell): boolean {
  return typeof cell === 'string' && /^\S+$/.test(cell);
}

export interface Section {
  readonly id: string;
  readonly title: string;
  /** One or two sentences: what one sees here and how to read it. */
  readonly lead: string;
  readonly body: string;
}

export function renderSection({ id, title, lead, body }: Section): string {
  return `<section id="${id}" aria-labelledby="${id}-title"><h2 id="${id}-title">${escapeHtml(title)}</h2><p class="lead">${renderText(lead)}</p>${body}</section>`;
}

/** Says in a sentence why there is nothing to show. */
export function renderAbsence(sentence: string): string {
  return `<p class="absent">${renderText(sentence)}</p>`;
}

/** `device>bal`, which may break behind its arrow. */
export function renderHop(hop: string): Html {
  return { html: escapeHtml(hop).replaceAll('&gt;', '&gt;<wbr>') };
}

/** A list of names and values, such as the facts of the run. */
export function renderFacts(facts: readonly (readonly [name: string, value: Cell])[]): string {
  const rows = facts.map(([name, value]) => `<div><dt>${escapeHtml(name)}</dt><dd>${render(value)}</dd></div>`);
  return `<dl class="facts">${rows.join('')}</dl>`;
}

/** Two figures beside one another where the page is wide. */
export function renderPair(...figures: readonly string[]): string {
  return `<div class="pair">${figures.join('')}</div>`;
}
