/** Building blocks of the page: escaped text, tables that scroll inside their box, figures, sections. */

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

/** A captioned table in a box that scrolls by itself (and can be scrolled with the keyboard) when it is too wide. */
export function renderTable(caption: string, columns: readonly Column[], rows: readonly (readonly Cell[])[]): string {
  const kind = (i: number) => (columns[i]?.numeric === true ? ' class="number"' : '');
  const head = columns.map(({ head: text }, i) => `<th scope="col"${kind(i)}>${escapeHtml(text)}</th>`).join('');
  const body = rows.map((row) => {
    const cells = row.map((cell, i) =>
      i === 0 ? `<th scope="row"${kind(i)}>${render(cell)}</th>` : `<td${kind(i)}>${render(cell)}</td>`,
    );
    return `<tr>${cells.join('')}</tr>`;
  });
  const label = escapeHtml(caption);
  return `<div class="scroll" tabindex="0" role="region" aria-label="${label}"><table${columns.length <= 4 ? ' class="slim"' : ''}><caption>${label}</caption><thead><tr>${head}</tr></thead><tbody>${body.join('\n')}</tbody></table></div>`;
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
