/** What the readers of statements and of expressions share: tokens that must come, and the fault when another does. */
import type { Lexer, Token } from './lexer.ts';

/** A statement that could not be understood, at the token where that showed. */
export class SyntaxFault extends Error {
  override readonly name = 'SyntaxFault';
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** Takes the next token, which must read so. */
export function takeToken(lexer: Lexer, text: string): void {
  const token = lexer.next();
  if (token.text !== text) throw new SyntaxFault(`"${text}" was expected, found ${quote(token)}`, token.offset);
}

/** `mpc.bus`: the name that begins with `first` and its fields. */
export function dottedName(lexer: Lexer, first: Token): string {
  let name = first.text;
  while (lexer.peek().text === '.') {
    lexer.next();
    const part = lexer.next();
    if (part.kind !== 'name') throw new SyntaxFault(`"${name}." lacks the name of a field`, part.offset);
    name += `.${part.text}`;
  }
  return name;
}

/** For messages. */
export function quote(token: Token): string {
  if (token.kind === 'end') return 'the end of the file';
  return token.kind === 'newline' ? 'the end of the line' : `"${token.text.slice(0, 40)}"`;
}
