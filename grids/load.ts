/** Reads a grid document from a file or by the name of a native network, and says everything that is wrong with it. */
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { closest } from '../numerics/edit-distance.ts';
import { createSourceMap, formatPath, parseJson, parsePath, type JsonPath, type SourceMap } from './json-source.ts';
import { formatNames } from './import/imported-grid.ts';
import { recognise } from './import/recognise.ts';
import { inFileOrder, InvalidInputError, type Problem } from './problem.ts';
import { readText } from './read-text.ts';
import { describeIssues, type SchemaFault } from './schema-problems.ts';
import { gridDocumentSchema, type GridDocument } from './schema.ts';
import { soundGrid } from './sound-grid.ts';
import { validateGrid } from './validate.ts';
import { validateReferences } from './validate-references.ts';

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
  const text = readText(file);
  const found = recognise(text);
  if ('format' in found && found.format !== 'native' && found.format !== 'measurements') {
    const message = `is a ${formatNames[found.format]}, not a grid document in the native form`;
    const hint = `"twin grid import ${file} --out DIR" writes one`;
    throw new InvalidInputError([{ file, path: '', message, hint }]);
  }
  return parseGrid(text, file);
}

/** A grid document from JSON text; `file` names it in problems. Throws InvalidInputError. */
export function parseGrid(text: string, file?: string): GridDocument {
  const named = file === undefined ? {} : { file };
  const parsed = parseJson(text);
  const { document, problems: found } =
    parsed.value === undefined ? { problems: [] } : checkGrid(parsed.value, createSourceMap(text));
  const problems = inFileOrder([...parsed.problems, ...found]);
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
  const parsed = gridDocumentSchema.safeParse(value);
  const ofForm = describeIssues(gridDocumentSchema, value, parsed.error?.issues ?? []);
  const ofReferences = validateReferences(value);
  const isWhole = ofForm.length === 0 && ofReferences.length === 0;
  const part = isWhole ? undefined : soundGrid(value, ofForm, ofReferences);
  const document = part?.document ?? (isWhole ? parsed.data : undefined);
  const ofSense = document === undefined ? [] : validateGrid(document, part?.hasAllSources ?? true);
  const others = [
    ...ofReferences,
    ...ofSense.map((problem) => ({ ...problem, path: part?.original(problem.path) ?? problem.path })),
  ];
  const problems = [
    ...ofForm.map((fault) => schemaProblem(fault, value, source)),
    ...others.map((problem): Problem => ({
      ...problem,
      ...source?.place(parsePath(problem.path)),
    })),
  ];
  return parsed.success ? { document: parsed.data, problems } : { problems };
}

/** A fault of form as a problem that names the id of the element it is in. */
function schemaProblem({ path, message, hint, atKey }: SchemaFault, value: unknown, source?: SourceMap): Problem {
  return {
    path: formatPath(path),
    ...source?.place(path, atKey),
    message: `${message}${ownerOf(value, path)}`,
    ...(hint !== undefined && { hint }),
  };
}

/** ` in "line-7"` when the element that `path` leads into has an id. */
function ownerOf(value: unknown, [list = '', index = '']: JsonPath): string {
  const owner = isMap(value) && isMap(value[list]) ? value[list][index] : undefined;
  return isMap(owner) && typeof owner['id'] === 'string' ? ` in "${owner['id']}"` : '';
}

function isMap(value: unknown): value is Readonly<Record<string | number, unknown>> {
  return typeof value === 'object' && value !== null;
}
