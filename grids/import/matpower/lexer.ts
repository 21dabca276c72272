/** Words of a MATPOWER case file: MATLAB without its programming, with comments, continuation lines and places. */

export type TokenKind = 'number' | 'name' | 'string' | 'operator' | 'newline' | 'end' | 'strange';

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  readonly offset: number;
  /** White space stands before it: inside brackets that separates elements. */
  readonly spaced: boolean;
}

export interface Lexer {
  /** The token that comes next, not taken yet. */
  peek(): Token;
  next(): Token;
  /** Whether white space stands behind the token that comes next. */
  spaceAfter(): boolean;
  /** Goes on behind the line in which the next token stands. */
  skipLine(): void;
}

const BLANK = /[ \t\r\f\v\u00a0\ufeff]+/y;
const COMMENT = /[%#][^\n]*/y;
/** Lines that hold only the mark open and close a block of comment. */
const BLOCK_OPEN = /[%#]\{[ \t\r]*\n/y;
const BLOCK_CLOSE = /^[ \t]*[%#]\}[ \t\r]*$/gm;
const CONTINUATION = /\.\.\.[^\n]*(?:\n|$)/y;
// A dot before an operator belongs to the operator: 2./x is 2 ./ x.
const NUMBER = /(?:\d+(?:\.(?![*/^'])\d*)?|\.\d+)(?:[eEdD][+-]?\d+)?/y;
const NAME = /[A-Za-z_]\w*/y;
const SINGLE = /'(?:[^'\n]|'')*'/y;
const DOUBLE = /"(?:[^"\n\\]|\\[^\n]|"")*"/y;
const OPERATOR = /\.[*/^']|[=~<>]=|&&|\|\||[-+*/^=()[\]{},;:.<>&|~!@']/y;

/** An apostrophe right behind these closes an operand: it transposes. Anywhere else it opens a text. */
const CLOSES_OPERAND = /[\w)\]}.']/;

export function createLexer(text: string): Lexer {
  let at = 0;
  let ahead: Token | undefined;
  const match = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    return pattern.exec(text)?.[0];
  };

  /** Length of the block of comment that opens here; one that is never closed runs to the end. */
  const blockComment = (): number | undefined => {
    if (!lineIsBlankBefore(text, at) || match(BLOCK_OPEN) === undefined) return undefined;
    BLOCK_CLOSE.lastIndex = at;
    const close = BLOCK_CLOSE.exec(text);
    return (close === null ? text.length : close.index + close[0].length) - at;
  };
  const skipBlank = (): boolean => {
    const start = at;
    for (;;) {
      const length = (match(BLANK) ?? match(CONTINUATION))?.length ?? blockComment() ?? match(COMMENT)?.length;
      if (length === undefined) return at > start;
      at += length;
    }
  };

  const read = (): Token => {
    const spaced = skipBlank();
    const token = (kind: TokenKind, word: string): Token => ({ kind, text: word, offset: at, spaced });
    if (at >= text.length) return token('end', '');
    const c = text.charAt(at);
    if (c === '\n') return token('newline', c);
    const number = match(NUMBER);
    if (number !== undefined) return token('number', number);
    const name = match(NAME);
    if (name !== undefined) return token('name', name);
    const transposes = !spaced && at > 0 && CLOSES_OPERAND.test(text.charAt(at - 1));
    const quoted = c === '"' ? match(DOUBLE) : c === "'" && !transposes ? match(SINGLE) : undefined;
    if (quoted !== undefined) return token('string', quoted);
    const operator = match(OPERATOR);
    return operator === undefined ? token('strange', c) : token('operator', operator);
  };

  const peek = (): Token => {
    ahead ??= read();
    return ahead;
  };
  return {
    peek,
    next: () => {
      const token = peek();
      at = token.offset + token.text.length;
      ahead = undefined;
      return token;
    },
    spaceAfter: () => {
      const token = peek();
      return /[\s%#]|^$/.test(text.charAt(token.offset + token.text.length));
    },
    skipLine: () => {
      const end = text.indexOf('\n', peek().offset);
      at = end === -1 ? text.length : end;
      ahead = undefined;
    },
  };
}

/** Whether only white space stands before an offset in its line. */
function lineIsBlankBefore(text: string, offset: number): boolean {
  let at = offset - 1;
  while (at >= 0 && (text.charAt(at) === ' ' || text.charAt(at) === '\t')) at--;
  return at < 0 || text.charAt(at) === '\n';
}
