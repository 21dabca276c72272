/** JSON text with places: parses it, finds duplicate keys, and tells line and column of any path in it. */
import { LineCounter, isMap, isNode, isPair, isSeq, parseDocument, type Document, type Node } from 'yaml';
import type { Problem } from './problem.ts';

export type JsonPath = readonly (string | number)[];

/** `lines[3].lengthM` of ['lines', 3, 'lengthM']; keys that are no identifiers are quoted. */
export function formatPath(path: JsonPath): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    if (!/^[A-Za-z_$][\w$]*$/.test(part)) return `${text}[${JSON.stringify(part)}]`;
    return text === '' ? part : `${text}.${part}`;
  }, '');
}

/** The inverse of `formatPath`. */
export function parsePath(text: string): JsonPath {
  const parts: (string | number)[] = [];
  for (const match of text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([A-Za-z_$][\w$]*)/g)) {
    if (match[1] !== undefined) parts.push(Number(match[1]));
    else if (match[2] !== undefined) parts.push(JSON.parse(match[2]) as string);
    else parts.push(match[3]!);
  }
  return parts;
}

interface Place {
  readonly line: number;
  readonly column: number;
}

/** Places in a text of JSON (or YAML, of which JSON is a part); the tree is built at the first question. */
export interface SourceMap {
  /** Where the value at `path` stands, or its key with `key`; the nearest thing above it when it is missing. */
  place(path: JsonPath, key?: boolean): Place | undefined;
}

export function createSourceMap(text: string): SourceMap {
  let tree: { document: Document; lines: LineCounter } | undefined;
  return {
    place: (path, key = false) => {
      if (tree === undefined) {
        const lines = new LineCounter();
        tree = { lines, document: parseDocument(text, { lineCounter: lines, uniqueKeys: false }) };
      }
      const offset = offsetOf(tree.document, path, key);
      if (offset === undefined) return undefined;
      const { line, col } = tree.lines.linePos(offset);
      return { line, column: col };
    },
  };
}

function offsetOf(document: Document, path: JsonPath, key: boolean): number | undefined {
  let node: Node | null | undefined = document.contents;
  let offset = node?.range?.[0];
  for (const [depth, part] of path.entries()) {
    let next: unknown;
    if (isSeq(node) && typeof part === 'number') next = node.items[part];
    else if (isMap(node)) {
      const pair: unknown = node.items.find((item) => isNode(item.key) && String(item.key) === String(part));
      if (!isPair(pair)) break;
      if (key && depth === path.length - 1) return isNode(pair.key) ? (pair.key.range?.[0] ?? offset) : offset;
      next = pair.value;
    }
    if (!isNode(next)) break;
    node = next;
    offset = node.range?.[0] ?? offset;
  }
  return offset;
}

/** The value of a JSON text, or its syntax faults; a key given twice is a fault although JSON.parse lets it pass. */
export function parseJson(text: string): { readonly value: unknown } | { readonly problems: readonly Problem[] } {
  let value: unknown;
  try {
    value = JSON.parse(text.startsWith('\uFEFF') ? text.slice(1) : text);
  } catch (error) {
    return { problems: [syntaxProblem(text, error)] };
  }
  const problems = findDuplicateKeys(text);
  return problems.length > 0 ? { problems } : { value };
}

/** V8 names the offset of most faults; where it quotes the text instead, the YAML reader finds the place. */
function syntaxProblem(text: string, error: unknown): Problem {
  const reason = error instanceof Error ? error.message : String(error);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const named = /position (\d+)/.exec(reason)?.[1];
  const first = document.errors[0]?.pos[0];
  const offset = named === undefined ? (/end of JSON/.test(reason) ? text.length : first) : Number(named);
  const message = `is not valid JSON: ${reason.replace(/,? ?(in JSON )?at position \d+.*$/, '')}`;
  if (offset === undefined) return { path: '', message };
  let line = 1;
  let start = 0;
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line++;
    start = at + 1;
  }
  return { path: '', message, line, column: offset - start + 1 };
}

/** One pass over a valid JSON text with the set of keys of each open object on a stack. */
function findDuplicateKeys(text: string): Problem[] {
  const problems: Problem[] = [];
  const stack: (Set<string> | undefined)[] = [];
  const token = /[{}[\]\n]|"(?:[^"\\]|\\.)*"(\s*:)?/g;
  let line = 1;
  let lineStart = 0;
  for (let match = token.exec(text); match !== null; match = token.exec(text)) {
    const [found, colon] = match;
    if (found === '\n') {
      line++;
      lineStart = match.index + 1;
    } else if (found === '{') stack.push(new Set());
    else if (found === '[') stack.push(undefined);
    else if (found === '}' || found === ']') stack.pop();
    else if (colon !== undefined) {
      const name = JSON.parse(found.slice(0, found.length - colon.length)) as string;
      const keys = stack.at(-1);
      if (keys?.has(name) === true) {
        const column = match.index - lineStart + 1;
        problems.push({ path: name, line, column, message: `key "${name}" is given twice in one object` });
      }
      keys?.add(name);
    }
  }
  return problems;
}
