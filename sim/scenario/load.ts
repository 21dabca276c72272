/**
 * Reads a scenario: `extends:` and `--set` applied, checked against the schema and for sense, with every fault mapped to
 * the file, line and column where it was written.
 */
import { existsSync, statSync } from 'node:fs';
import { resolve } from 'node:path';
import { loadGrid, resolveGridFile } from '../../grids/load.ts';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { folderOf, readText } from '../../grids/read-text.ts';
import { shownPath } from '../../grids/shown-path.ts';
import { gridDocumentSchema, type GridDocument } from '../../grids/schema.ts';
import type { Expectation } from '../../reports/expectations.ts';
import { checkScenario, type ScenarioFault } from './checks.ts';
import { firstInstantOfCsv } from './csv-start.ts';
import type { ExpandedDevice } from './expand-devices.ts';
import {
  type Located,
  mergeLocated,
  nodeAt,
  type Path,
  placeAt,
  plainValue,
  readLocated,
  setLocated,
  withoutKey,
} from '../../grids/located.ts';
import { checkServices } from './service-checks.ts';
import { csvSchema, type Scenario, type ScenarioCsv } from './schema.ts';
import { soundPart } from './sound-part.ts';

export interface LoadOptions {
  /** Overrides, `path=value`, applied in order. */
  readonly set?: readonly string[] | undefined;
  readonly seed?: string | undefined;
  readonly pace?: string | undefined;
}

/** What the services of a scenario are told from, as far as it is known. */
export interface ScenarioOutline {
  /** In SI, defaults filled in, CSV files as absolute paths, `profiles.csv` handed on to load and PV. */
  readonly scenario: Scenario;
  /** The platform's copy of the grid with the scenario's `gridChanges`. */
  readonly platformGrid: GridDocument;
  readonly devices: readonly ExpandedDevice[];
  /**
   * The services that take part, by name (`state-estimation`), with the fields of their configuration that the scenario
   * sets; the harness adds site, grid, roads and upstreams. Undefined for options that cannot be read.
   */
  readonly serviceOptions: Readonly<Record<string, Readonly<Record<string, unknown>> | undefined>>;
  /** False where there may be devices of any kind, or services of any name, besides. */
  readonly hasAllDevices: boolean;
  readonly hasAllServices: boolean;
  /** Whether something at this place, above or below it is at fault: what is concluded from there only follows. */
  readonly isDoubtful: (path: Path) => boolean;
  /** Gives problems that name a path of the scenario but no file the place where that path was written. */
  readonly locate: (problems: readonly Problem[]) => readonly Problem[];
}

/** A scenario without a fault: nothing in it is doubtful. */
export interface LoadedScenario extends ScenarioOutline {
  /** The true grid. */
  readonly grid: GridDocument;
  readonly expectations: readonly Expectation[];
  /** Every file that went in, absolute: the scenario and what it extends, the grid, CSV profiles. */
  readonly files: readonly string[];
}

/** Loads `file`. Throws `InvalidInputError` with every fault found; writes nothing. */
export async function loadScenario(file: string, options: LoadOptions = {}): Promise<LoadedScenario> {
  const { loaded, problems } = await inspectScenario(file, options);
  if (loaded === undefined) throw new InvalidInputError(problems);
  return loaded;
}

interface InspectedScenario {
  readonly problems: readonly Problem[];
  /** Without problems. */
  readonly loaded: LoadedScenario | undefined;
  /** Undefined where too little is known. */
  readonly outline: ScenarioOutline | undefined;
}

/** A scenario and every fault that was found in it; writes nothing. */
export async function inspectScenario(file: string, options: LoadOptions): Promise<InspectedScenario> {
  const files: string[] = [];
  const { root, problems, isPart } = readWithOverrides(file, options, files);
  const unknown = { loaded: undefined, outline: undefined };
  if (root === undefined) return { problems, ...unknown };

  const sound = soundPart(plainValue(root));
  const { faults: ofForm, isReplaced } = sound;
  const locate = (fault: ScenarioFault) => toProblem(root, fault);
  if (isPart === true) {
    const written = ofForm.filter(({ path }) => nodeAt(root, path) !== undefined);
    return { problems: [...problems, ...written.map(locate)], ...unknown };
  }
  if (sound.scenario === undefined) return { problems: [...problems, ...ofForm.map(locate)], ...unknown };

  const scenario = handOnCsv(sound.scenario, (path) => resolveBeside(root, path));
  const grid = isReplaced(['grid']) ? { problems: [] } : readGrid(scenario.grid, root);
  const document = 'document' in grid ? grid.document : undefined;
  const checked = checkScenario(scenario, document, sound.doubtfulDevices);
  const services = await checkServices(scenario, isReplaced);
  const ofSense = [...checked.faults, ...services.faults].filter(({ path }) => !isReplaced(path));
  const faults = [...ofForm, ...ofSense];
  const found = [...problems, ...faults.map(locate), ...checked.problems, ...('problems' in grid ? grid.problems : [])];
  const outline: ScenarioOutline = {
    scenario: { ...scenario, clock: knownClock(scenario.clock) },
    platformGrid: checked.platformGrid ?? UNKNOWN_GRID,
    devices: [...checked.devices, ...devicesElsewhere(scenario, checked.devices)].filter(
      ({ entry }) => !sound.strangeDevices.has(entry),
    ),
    serviceOptions: services.options,
    hasAllDevices: sound.strangeDevices.size === 0 && !isReplaced(['devices']),
    hasAllServices: sound.hasAllServices,
    isDoubtful: (path) => faults.some((fault) => fault.path.every((step, i) => i >= path.length || path[i] === step)),
    locate: (known) => known.map((problem) => locateProblem(root, problem)),
  };
  if (found.length > 0 || !('document' in grid)) return { problems: found, loaded: undefined, outline };
  const { load, pv, temperature } = scenario.profiles;
  const csv = [load, pv, temperature].flatMap((profile) => profile?.csv?.file ?? []);
  const allFiles = [...new Set([...files, resolve(grid.file), ...csv])];
  const loaded = { ...outline, grid: grid.document, expectations: checked.expectations, files: allFiles };
  return { problems: [], loaded, outline };
}

/** Stands for a clock that is not known: nothing about services depends on when and how long. */
function knownClock(clock: Scenario['clock']): Scenario['clock'] {
  const isKnown = clock.start !== 'csv' && clock.step > 0 && clock.duration > 0;
  return isKnown ? clock : { start: '1970-01-01T00:00:00Z', duration: 3600e6, step: 1e6 };
}

/** Stands for a grid that cannot be read. */
const UNKNOWN_GRID = gridDocumentSchema.parse({
  schema: 1,
  name: 'unknown',
  representation: 'three',
  location: { latitudeDeg: 0, longitudeDeg: 0 },
  buses: [{ id: 'unknown', nominalVoltageV: 1 }],
  externalGrids: [{ id: 'unknown', bus: 'unknown' }],
});

/** Devices that have no place in the grid, as they are written. */
function devicesElsewhere({ devices }: Scenario, placed: readonly ExpandedDevice[]): ExpandedDevice[] {
  const entries = new Set(placed.map(({ entry }) => entry));
  return devices.flatMap((device, entry) =>
    entries.has(entry) ? [] : [{ ...device, id: device.id ?? device.kind, entry }],
  );
}

interface Reading {
  readonly root: Located | undefined;
  readonly problems: Problem[];
  /** What the file extends could not be read: nobody knows what is missing. */
  readonly isPart?: boolean;
}

function readWithOverrides(file: string, options: LoadOptions, files: string[]): Reading {
  const { root, problems, isPart = false } = readChain(file, [], files);
  if (root === undefined) return { root, problems };
  const overrides = [
    ...(options.set ?? []).map((text) => ({ flag: `--set ${text}`, ...splitOverride(text) })),
    ...(options.seed === undefined ? [] : [{ flag: `--seed ${options.seed}`, path: ['seed'], value: options.seed }]),
    ...(options.pace === undefined ? [] : [{ flag: `--pace ${options.pace}`, path: ['pace'], value: options.pace }]),
  ];
  let changed = root;
  for (const { flag, path, value } of overrides) {
    const node = path === undefined ? undefined : readOverrideValue(flag, value, path[0] === 'seed');
    const result =
      path === undefined || node === undefined
        ? 'is no override: write path=value, for example clock.duration=1h'
        : setLocated(changed, csvShorthand(changed, path, node), node);
    if (typeof result === 'string') problems.push({ file: flag, path: '', message: result });
    else changed = result;
  }
  return { root: startOfCsv(changed), problems, isPart };
}

/** A file and all that it extends, base first, merged. */
function readChain(file: string, chain: readonly string[], files: string[]): Reading {
  const absolute = resolve(file);
  const shown = shownPath(file);
  if (!existsSync(absolute) || statSync(absolute).isDirectory()) {
    const message = existsSync(absolute) ? 'is a folder, not a scenario file' : 'file does not exist';
    return { root: undefined, problems: [{ file: shown, path: '', message }] };
  }
  files.push(absolute);
  const { root, problems } = readLocated(shown, readText(absolute));
  if (root === undefined) return { root, problems: [...problems] };
  const base = nodeAt(root, ['extends']);
  if (base === undefined) return { root, problems: [...problems] };
  const own = withoutKey(root, 'extends');
  const refuse = (message: string): Reading => {
    return { root: own, problems: [...problems, { ...base.place, path: 'extends', message }], isPart: true };
  };
  if (base.kind !== 'value' || typeof base.value !== 'string') return refuse('is not the name of a file');
  const target = resolve(folderOf(absolute), base.value);
  if ([...chain, absolute].includes(target)) {
    return refuse(`extends itself through ${[...chain, absolute, target].map(shownPath).join(' > ')}`);
  }
  if (!existsSync(target)) return refuse(`extends ${shownPath(target)}, which does not exist`);
  if (statSync(target).isDirectory()) return refuse(`extends ${shownPath(target)}, which is a folder`);
  const below = readChain(target, [...chain, absolute], files);
  const all = [...below.problems, ...problems];
  if (below.root === undefined) return { root: own, problems: all, isPart: true };
  return { ...below, problems: all, root: mergeLocated(below.root, own) };
}

function splitOverride(text: string): { readonly path: string[] | undefined; readonly value: string } {
  const equals = text.indexOf('=');
  const path = text.slice(0, Math.max(0, equals)).split('.');
  if (path.some((step) => step.trim() === '')) return { path: undefined, value: '' };
  return { path: path.map((step) => step.trim()), value: text.slice(equals + 1) };
}

/** Values are YAML (`--set expect=[]`), except a seed, which is a text whatever it looks like. */
function readOverrideValue(flag: string, text: string, literal: boolean): Located | undefined {
  const place = { file: flag };
  if (literal || text.trim() === '') return { kind: 'value', place, value: text };
  const { root, problems } = readLocated(flag, text);
  return root === undefined || problems.length > 0 ? { kind: 'value', place, value: text } : withPlace(root, place);
}

function withPlace(node: Located, place: { readonly file: string }): Located {
  if (node.kind === 'list') return { ...node, place, items: node.items.map((item) => withPlace(item, place)) };
  if (node.kind === 'value') return { ...node, place };
  const entries = [...node.entries].map(
    ([key, entry]) => [key, { place, node: withPlace(entry.node, place) }] as const,
  );
  return { ...node, place, entries: new Map(entries) };
}

/** `--set profiles.csv=day.csv` keeps the columns that the scenario names and changes the file alone. */
function csvShorthand(root: Located, path: Path, node: Located): Path {
  const isText = node.kind === 'value' && typeof node.value === 'string';
  return isText && path.at(-1) === 'csv' && nodeAt(root, path)?.kind === 'map' ? [...path, 'file'] : path;
}

/** `clock.start: csv` becomes the first instant of the file of `profiles.csv`, or stays where that cannot be told. */
function startOfCsv(root: Located): Located {
  const start = nodeAt(root, ['clock', 'start']);
  const entry = nodeAt(root, ['profiles', 'csv']);
  const file = resolveBeside(root, entry?.kind === 'map' ? ['profiles', 'csv', 'file'] : ['profiles', 'csv']);
  if (start?.kind !== 'value' || start.value !== 'csv' || file === undefined) return root;
  const settings = entry?.kind === 'map' ? (plainValue(entry) as Readonly<Record<string, unknown>>) : {};
  const csv = csvSchema.safeParse({ ...settings, file: shownPath(file) });
  const value = csv.success ? firstInstantOfCsv(withDefaultColumns(csv.data)) : undefined;
  const changed = value === undefined ? root : setLocated(root, ['clock', 'start'], { ...start, value });
  return typeof changed === 'string' ? root : changed;
}

/** The text at `path` as an absolute file: beside the scenario file that names it, or in the current folder for `--set`. */
function resolveBeside(root: Located, path: Path): string | undefined {
  const node = nodeAt(root, path);
  if (node?.kind !== 'value' || typeof node.value !== 'string') return undefined;
  return node.place.line === undefined ? resolve(node.value) : resolve(folderOf(node.place.file), node.value);
}

/** Columns that a file for load and PV is expected to have where the scenario names none. */
function withDefaultColumns(csv: ScenarioCsv): ScenarioCsv {
  return csv.load === undefined && csv.pv === undefined ? { ...csv, load: 'load_kw', pv: 'pv_kw' } : csv;
}

/** Files of CSV profiles made absolute; `profiles.csv` serves load and PV where they have none of their own. */
function handOnCsv(scenario: Scenario, absolute: (path: Path) => string | undefined): Scenario {
  const { csv, load, pv, temperature, ...others } = scenario.profiles;
  const common =
    csv === undefined
      ? undefined
      : {
          ...withDefaultColumns(csv),
          file: absolute(['profiles', 'csv', 'file']) ?? absolute(['profiles', 'csv']) ?? csv.file,
        };
  const own = (kind: 'load' | 'pv') => {
    const profile = kind === 'load' ? load : pv;
    const named = profile?.csv;
    if (named !== undefined) return { ...named, file: absolute(['profiles', kind, 'csv', 'file']) ?? named.file };
    return common?.[kind] === undefined ? undefined : common;
  };
  const [loadCsv, pvCsv] = [own('load'), own('pv')];
  const airCsv = temperature?.csv;
  const airFile = absolute(['profiles', 'temperature', 'csv', 'file']);
  const air = airCsv && ({ kind: 'csv', csv: { ...airCsv, file: airFile ?? airCsv.file } } as const);
  return {
    ...scenario,
    profiles: {
      ...others,
      ...(temperature !== undefined && { temperature: { ...temperature, ...air } }),
      ...(csv !== undefined && common !== undefined && { csv: common }),
      ...(load !== undefined && { load }),
      ...(pv !== undefined && { pv }),
      ...(loadCsv !== undefined && { load: { variation: 0, powerFactor: 0.95, ...load, kind: 'csv', csv: loadCsv } }),
      ...(pvCsv !== undefined && { pv: { clouds: 'fair', ...pv, kind: 'csv', csv: pvCsv } }),
    },
  };
}

function readGrid(
  name: string,
  root: Located,
): { readonly document: GridDocument; readonly file: string } | { readonly problems: readonly Problem[] } {
  // A path is meant beside the scenario file, as for CSV; a plain name is a native network.
  const beside = /[/\\]|\.json$/.test(name) ? resolveBeside(root, ['grid']) : undefined;
  if (beside !== undefined && !existsSync(beside)) {
    return { problems: [toProblem(root, { path: ['grid'], message: `file "${shownPath(beside)}" does not exist` })] };
  }
  const wanted = beside ?? name;
  try {
    return { document: loadGrid(wanted), file: resolveGridFile(wanted) };
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const missing = error.problems.every(({ line, path }) => line === undefined && path === '');
    if (!missing) return { problems: error.problems };
    return {
      problems: error.problems.map(({ message, hint }) =>
        toProblem(root, { path: ['grid'], message, ...(hint !== undefined && { hint }) }),
      ),
    };
  }
}

function toProblem(root: Located, fault: ScenarioFault): Problem {
  const place = placeAt(root, fault.path, fault.atKey === true ? 'key' : 'value');
  const offset = fault.columnOffset ?? 0;
  return {
    ...place,
    ...(place.column !== undefined && { column: place.column + offset }),
    path: fault.path.join('.'),
    message: fault.message,
    ...(fault.hint !== undefined && { hint: fault.hint }),
  };
}

function locateProblem(root: Located, problem: Problem): Problem {
  if (problem.file !== undefined || problem.path === '') return problem;
  const path = problem.path.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return { ...placeAt(root, path), ...problem };
}
