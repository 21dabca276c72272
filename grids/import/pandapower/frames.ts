/** The tables of a pandapower JSON file: pandas DataFrames, mostly as JSON texts within the JSON, of versions 2 and 3. */
import { parseJson, createSourceMap } from '../../json-source.ts';
import { InvalidInputError, type Problem } from '../../problem.ts';
import type { GridDraft, Origin } from '../draft.ts';
import { createFields, type Fields } from '../fields.ts';

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** Rows in order, each with its index as text. */
  readonly rows: readonly Row[];
}

export interface Row {
  /** The index of the row: what other tables call the element. */
  readonly index: string;
  readonly fields: Fields;
}

export interface PandapowerFile {
  /** Values that are no tables: `f_hz`, `sn_mva`, `name`, `version`, ... */
  readonly values: ReadonlyMap<string, unknown>;
  readonly origin: Origin;
  /** A table of the file; without rows when the file has none. */
  table(name: string): Table;
  /** A row of a table by its index. */
  row(name: string, index: string): Row | undefined;
  /** Names of all tables that have rows. */
  tableNames(): readonly string[];
  /** Columns of a table that hold something and that nobody has asked for. */
  unreadColumns(name: string): readonly string[];
}

type Json = Readonly<Record<string, unknown>>;

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads the text; a text that is no JSON or no pandapower net throws InvalidInputError at once. */
export function readPandapowerFile(text: string, file: string, draft: GridDraft): PandapowerFile {
  const fail = (problems: readonly Problem[]): never => {
    throw new InvalidInputError(problems.map((problem) => ({ file, ...problem })));
  };
  const parsed = parseJson(text);
  if (parsed.problems.length > 0) return fail(parsed.problems);
  const root = parsed.value;
  const net = isObject(root) && isObject(root['_object']) ? root['_object'] : root;
  if (!isObject(net) || !('bus' in net))
    return fail([{ path: '_object', message: 'holds no pandapower net with a bus table' }]);
  const source = createSourceMap(text);
  const above = net === root ? [] : ['_object'];
  const originOf = (name: string): Origin => ({ file, path: name, ...source.place([...above, name], true) });

  const values = new Map<string, unknown>();
  const tables = new Map<string, { table: Table; read: Set<string>; filled: readonly string[] }>();
  const byIndex = new Map<string, Map<string, Row>>();
  for (const [name, value] of Object.entries(net)) {
    if (name.startsWith('_')) continue;
    const frame = frameOf(value);
    if (frame === undefined) values.set(name, value);
    else {
      const table = readFrame(name, frame, originOf(name), draft);
      if (table !== undefined) tables.set(name, table);
    }
  }
  return {
    values,
    origin: { file, path: '' },
    table: (name) => tables.get(name)?.table ?? { name, columns: [], rows: [] },
    row: (name, index) => {
      let known = byIndex.get(name);
      if (known === undefined) {
        known = new Map((tables.get(name)?.table.rows ?? []).map((row) => [row.index, row]));
        byIndex.set(name, known);
      }
      return known.get(index);
    },
    tableNames: () => [...tables].filter(([, { table }]) => table.rows.length > 0).map(([name]) => name),
    unreadColumns: (name) => {
      const found = tables.get(name);
      return found === undefined ? [] : found.filled.filter((column) => !found.read.has(column));
    },
  };
}

/** The content of a DataFrame: its JSON text, or the object that some versions write; undefined for other values. */
function frameOf(value: unknown): { readonly content: unknown; readonly orient: string } | undefined {
  if (!isObject(value)) return undefined;
  if (value['_class'] === 'DataFrame') {
    const orient = typeof value['orient'] === 'string' ? value['orient'] : 'split';
    return { content: value['_object'], orient };
  }
  return Array.isArray(value['columns']) && Array.isArray(value['data'])
    ? { content: value, orient: 'split' }
    : undefined;
}

function readFrame(
  name: string,
  frame: { readonly content: unknown; readonly orient: string },
  origin: Origin,
  draft: GridDraft,
): { table: Table; read: Set<string>; filled: readonly string[] } | undefined {
  const fault = (message: string): undefined => {
    draft.fault(`table ${name} ${message}`, origin);
    return undefined;
  };
  let { content } = frame;
  if (typeof content === 'string') {
    const { value, problems } = parseJson(content);
    if (problems[0] !== undefined) return fault(problems[0].message);
    content = value;
  }
  if (!isObject(content)) return fault('holds no data frame');
  const split = frame.orient === 'split' ? content : fromColumns(content);
  const { columns, index, data } = split;
  if (!Array.isArray(columns) || !Array.isArray(data)) return fault('has no columns or no data');
  const labels: readonly unknown[] = Array.isArray(index) ? index : data.map((_, i) => i);
  if (labels.length !== data.length) return fault(`has ${data.length} rows and ${labels.length} indices`);
  const names = columns.map(String);
  const read = new Set<string>();
  const filled = names.filter((_, c) =>
    data.some((row: unknown) => Array.isArray(row) && row[c] !== null && row[c] !== ''),
  );
  const seen = new Set<string>();
  const rows = data.flatMap((row: unknown, i): Row[] => {
    const label = String(labels[i]);
    const place = { ...origin, path: `${name}[${label}]` };
    if (!Array.isArray(row) || row.length !== names.length) {
      draft.fault(`row ${label} of ${name} does not have the ${names.length} values of the columns`, place);
      return [];
    }
    if (seen.has(label)) draft.fault(`index ${label} stands in table ${name} twice`, place);
    seen.add(label);
    const values = Object.fromEntries(names.map((column, c) => [column, row[c] as unknown]));
    return [{ index: label, fields: createFields(values, `${name} ${label}`, place, draft, read) }];
  });
  return { table: { name, columns: names, rows }, read, filled };
}

/** A frame written column by column, `{ "vn_kv": { "0": 20 } }`, as one written in rows. */
function fromColumns(content: Json): { columns: string[]; index: string[]; data: unknown[][] } {
  const columns = Object.keys(content);
  const first = content[columns[0] ?? ''];
  const index = isObject(first) ? Object.keys(first) : [];
  const data = index.map((label) =>
    columns.map((column) => {
      const values = content[column];
      return isObject(values) ? values[label] : undefined;
    }),
  );
  return { columns, index, data };
}
