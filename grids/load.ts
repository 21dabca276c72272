/** Reads a grid document from a file or by the name of a native network, and says everything that is wrong with it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { closest, didYouMean } from '../numerics/edit-distance.ts';
import { createSourceMap, formatPath, parseJson, parsePath, type JsonPath, type SourceMap } from './json-source.ts';
import { InvalidInputError, type Problem } from './problem.ts';
import { readText } from './read-text.ts';
import { gridDocumentSchema, type GridDocument } from './schema.ts';
import { validateGrid, validateReferences } from './validate.ts';

/** Folder of the native networks, found by walking up to the package's own package.json (sources and dist alike). */
function networksFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const above = dirname(folder);
    if (above === folder) throw new Error('package.json of the project not found above grids/load');
    folder = above;
  }
  return join(folder, 'grids', 'networks');
}

/** Names of the native networks, sorted. */
export function listNetworks(): string[] {
  const folder = networksFolder();
  return readdirSync(folder)
    .filter((name) => existsSync(join(folder, name, 'grid.json')))
    .toSorted();
}

/** The file of a native network, or of a path; throws InvalidInputError when there is neither. */
export function resolveGridFile(nameOrPath: string): string {
  const isName = !/[/\\]/.test(nameOrPath) && !nameOrPath.endsWith('.json');
  if (isName) {
    const file = join(networksFolder(), nameOrPath, 'grid.json');
    if (existsSync(file)) return file;
  }
  if (existsSync(nameOrPath)) {
    if (!statSync(nameOrPath).isDirectory()) return nameOrPath;
    throw new InvalidInputError([{ file: nameOrPath, path: '', message: 'is a folder, not a grid document' }]);
  }
  const names = listNetworks();
  const near = closest(nameOrPath, names);
  const hint = near === undefined ? `native networks: ${names.join(', ')}` : `did you mean "${near}"?`;
  const message = isName ? `"${nameOrPath}" is neither a native network nor a file` : 'file does not exist';
  throw new InvalidInputError([{ file: nameOrPath, path: '', message, hint }]);
}

/**
 * Loads and validates a grid: a native network (`abbenhausen`) or a JSON file in the native form.
 * Throws InvalidInputError with every fault, each with file, line and column.
 */
export function loadGrid(nameOrPath: string): GridDocument {
  const file = resolveGridFile(nameOrPath);
  return parseGrid(readText(file), file);
}

/** A grid document from JSON text; `file` names it in problems. Throws InvalidInputError. */
export function parseGrid(text: string, file?: string): GridDocument {
  const named = file === undefined ? {} : { file };
  const parsed = parseJson(text);
  if ('problems' in parsed) throw new InvalidInputError(parsed.problems.map((problem) => ({ ...named, ...problem })));
  const source = createSourceMap(text);
  const { document, problems } = checkGrid(parsed.value, source);
  if (document === undefined || problems.length > 0) {
    throw new InvalidInputError(problems.map((problem) => ({ ...named, ...problem })));
  }
  return document;
}

/** Schema and semantics of a value that may be a grid document, without a file. */
export function checkGrid(
  value: unknown,
  source?: SourceMap,
): { readonly document?: GridDocument; readonly problems: readonly Problem[] } {
  const result = gridDocumentSchema.safeParse(value);
  const placed = (problem: Problem): Problem => ({ ...problem, ...source?.place(parsePath(problem.path)) });
  if (!result.success) {
    const schema = result.error.issues.flatMap((issue) => schemaProblems(issue, value, source));
    return { problems: [...schema, ...validateReferences(value).map(placed)] };
  }
  const problems = validateGrid(result.data).map(placed);
  return { document: result.data, problems };
}

/** Turns an issue of the schema into problems that name the value, its owner's id and a likely correction. */
function schemaProblems(issue: z.core.$ZodIssue, value: unknown, source: SourceMap | undefined): Problem[] {
  const path = issue.path.filter((part): part is string | number => typeof part !== 'symbol');
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    return issue.keys.map((key) => {
      const hint = didYouMean(key, known);
      return {
        path: formatPath([...path, key]),
        ...source?.place([...path, key], true),
        message: `unknown key "${key}"${ownerOf(value, path)}`,
        ...(hint !== undefined && { hint }),
      };
    });
  }
  const found = valueAt(value, path);
  const said = found === undefined ? '' : `, found ${shorten(found)}`;
  const message = found === undefined && path.length > 0 ? 'is missing' : lowerFirst(issue.message) + said;
  return [{ path: formatPath(path), ...source?.place(path), message: `${message}${ownerOf(value, path)}` }];
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}

function shorten(value: unknown): string {
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

function valueAt(value: unknown, path: JsonPath): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/** ` in "line-7"` when the element that `path` leads into has an id. */
function ownerOf(value: unknown, path: JsonPath): string {
  const owner = path.length < 2 ? undefined : valueAt(value, path.slice(0, 2));
  const named = typeof owner === 'object' && owner !== null && 'id' in owner && typeof owner.id === 'string';
  return named ? ` in "${String(owner.id)}"` : '';
}

/** Keys that the schema knows at a path, for the hint. */
function knownKeys(path: JsonPath): string[] {
  let at: unknown = gridDocumentSchema;
  for (const part of path) {
    at = unwrap(at);
    if (at instanceof z.ZodArray) at = at.element;
    else if (at instanceof z.ZodObject) at = at.shape[part];
    else return [];
  }
  at = unwrap(at);
  return at instanceof z.ZodObject ? Object.keys(at.shape) : [];
}

function unwrap(schema: unknown): unknown {
  let at = schema;
  while (at instanceof z.ZodDefault || at instanceof z.ZodOptional) at = at.unwrap();
  return at;
}
