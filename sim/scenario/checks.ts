/** What a scenario must satisfy beyond its schema: times that fit, places and targets that exist, files that cover the run. */
import { existsSync } from 'node:fs';
import { formatProblem, type Problem } from '../../grids/problem.ts';
import { shownPath } from '../../grids/shown-path.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { closest } from '../../numerics/edit-distance.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import { type Expectation, ExpectationError, parseExpectation } from '../../reports/expectations.ts';
import { coverageProblem, type CsvInspection, inspectCsv, inspectTemperatureCsv } from '../profiles/csv.ts';
import { compileGrid } from '../../grids/compile.ts';
import { profileFaults } from '../profiles/profiles.ts';
import { bessFaults } from '../devices/bess.ts';
import { placeDevices } from '../devices/create-device.ts';
import { faultCatalogue } from '../faults/catalogue.ts';
import { faultParameter } from '../faults/parameters.ts';
import { endInstant, eventInstant, showInstant } from './events.ts';
import { type ExpandedDevice, expandDevices, matcher } from './expand-devices.ts';
import { changeGrid } from './grid-changes.ts';
import type { SchemaFault } from '../../grids/schema-problems.ts';
import type { FaultEvent, Scenario, ScenarioCsv, ScenarioEvent } from './schema.ts';
import { useCaseFaults } from './use-cases.ts';

export interface ScenarioFault extends SchemaFault {
  /** Characters after the beginning of the value, where the value is a text that was read further. */
  readonly columnOffset?: number;
}

export interface CheckedScenario {
  readonly faults: readonly ScenarioFault[];
  /** Faults inside CSV files, which name their own rows. */
  readonly problems: readonly Problem[];
  readonly devices: readonly ExpandedDevice[];
  readonly expectations: readonly Expectation[];
  /** Undefined without a grid. */
  readonly platformGrid: GridDocument | undefined;
}

const nothingExpanded = { devices: [], misplaced: [], isComplete: false, faults: [] };

/**
 * Every fault of `scenario` (CSV files absolute) on `grid`, and what was derived from it on the way. What is not known
 * of its clock, is NaN or no instant, and has no fault; so has nothing that depends on a grid that could not be read, or
 * on the ids of `doubtful` entries of devices.
 */
export function checkScenario(
  scenario: Scenario,
  grid: GridDocument | undefined,
  doubtful: ReadonlySet<number>,
): CheckedScenario {
  const expanded = grid === undefined ? nothingExpanded : expandDevices(scenario, grid, doubtful);
  const { devices, faults: deviceFaults } = expanded;
  const expectations = checkExpectations(scenario.expect);
  const changed = grid === undefined ? { grid, faults: [] } : checkGridChanges(scenario, grid);
  const csv = checkCsv(scenario);
  return {
    faults: [
      ...checkClock(scenario),
      ...csv.faults,
      ...deviceFaults,
      ...(grid === undefined ? [] : placeDevices(devices, compileGrid(grid)).faults),
      ...(grid === undefined ? [] : checkProfiles(scenario, grid)),
      ...checkDevices(scenario),
      ...checkWeather(scenario),
      ...changed.faults,
      ...checkEvents(scenario, expanded),
      ...expectations.faults,
    ],
    problems: csv.problems,
    devices,
    expectations: expectations.parsed,
    platformGrid: changed.grid,
  };
}

/** Later instants have years that no file can be read with. */
const LAST_US = parseInstant('9999-12-31T00:00:00Z');

function checkClock({ clock, profiles }: Scenario): ScenarioFault[] {
  const { start, duration, step } = clock;
  const at = (key: keyof typeof clock, message: string): ScenarioFault => ({ path: ['clock', key], message });
  const faults: ScenarioFault[] = [];
  if (start === 'csv' && profiles.csv === undefined)
    faults.push(at('start', 'is "csv", but profiles.csv names no file'));
  if (step === 0) faults.push(at('step', 'a step of zero never ends'));
  if (duration === 0) faults.push(at('duration', 'a duration of zero has no instant'));
  const [first, last] = [parseInstant(start), endInstant({ start, duration })];
  if (first < 0 || last > LAST_US || duration > LAST_US) {
    const key = first < 0 || first > LAST_US ? 'start' : 'duration';
    faults.push(at(key, 'leads out of the years 1970 to 9999'));
  } else if (duration % step > 0) {
    const message = `a duration of ${showDuration(duration)} is no multiple of the step of ${showDuration(step)}`;
    faults.push(at('duration', message));
  }
  return faults;
}

function checkDevices({ devices, clock }: Scenario): ScenarioFault[] {
  return devices.flatMap((device, index) => {
    const faults: ScenarioFault[] = [];
    const { every } = device;
    if (every !== undefined && clock.step > 0 && (every === 0 || every % clock.step > 0)) {
      const message = `${showDuration(every)} is no multiple of the step of ${showDuration(clock.step)}`;
      faults.push({ path: ['devices', index, 'every'], message });
    }
    if (device.kind === 'bess') {
      faults.push(...bessFaults(device).map(({ key, message }) => ({ path: ['devices', index, key], message })));
    }
    return faults;
  });
}

function checkProfiles({ profiles }: Scenario, grid: GridDocument): ScenarioFault[] {
  return profileFaults({ grid, profiles }).map(({ path, ...fault }) => ({ ...fault, path: path.split('.') }));
}

/** A thermometer needs weather, and heating a profile that can follow it. */
function checkWeather({ devices, profiles: { temperature, load } }: Scenario): ScenarioFault[] {
  const station = devices.findIndex(({ kind }) => kind === 'weather-station');
  if (station >= 0 && temperature === undefined) {
    const message = 'a weather station has nothing to measure: the scenario has no profiles.temperature';
    return [{ path: ['devices', station, 'kind'], message, hint: 'add profiles: { temperature: {} }' }];
  }
  if ((temperature?.loadPerKelvin ?? 0) > 0 && load?.kind !== undefined && load.kind !== 'h0') {
    const message = `acts on H0 loads only, and those of this scenario are of kind ${load.kind}`;
    return [{ path: ['profiles', 'temperature', 'loadPerKelvin'], message }];
  }
  return [];
}

function checkGridChanges(
  scenario: Scenario,
  grid: GridDocument,
): { readonly grid: GridDocument; readonly faults: readonly ScenarioFault[] } {
  const changes = scenario.platform.gridChanges;
  if (changes === undefined) return { grid, faults: [] };
  const changed = changeGrid(grid, changes);
  const faults = changed.faults.map(({ key, ...fault }) => ({
    ...fault,
    path: ['platform', 'gridChanges', ...(key === undefined ? [] : [key])],
    atKey: key !== undefined,
  }));
  return { grid: changed.grid, faults };
}

type Expanded = Omit<ReturnType<typeof expandDevices>, 'faults'>;

function checkEvents(scenario: Scenario, expanded: Expanded): ScenarioFault[] {
  return scenario.events.flatMap((event, index) => {
    const at = (key: string, message: string, hint?: string): ScenarioFault => ({
      path: ['events', index, key],
      message,
      ...(hint !== undefined && { hint }),
    });
    const time = checkEventTime(event, scenario, at);
    if ('fault' in event) {
      const value = faultParameter(event);
      const wrong = typeof value === 'string' ? [at('value', value)] : [];
      return [...time, ...checkEventTarget(event, expanded, at), ...wrong];
    }
    const parameters = useCaseFaults(event, scenario.clock.start);
    return [...time, ...parameters.map(({ path, ...fault }) => ({ path: ['events', index, ...path], ...fault }))];
  });
}

type FaultAt = (key: string, message: string, hint?: string) => ScenarioFault;

function checkEventTime(event: ScenarioEvent, { clock }: Scenario, at: FaultAt): ScenarioFault[] {
  const none = 'fault' in event && event.for === 0 ? [at('for', 'a fault of no duration strikes nothing')] : [];
  const begin = eventInstant(event.at, clock.start);
  if (typeof begin === 'string') return [at('at', begin), ...none];
  const [start, end] = [parseInstant(clock.start), endInstant(clock)];
  if (!(end > start)) return none;
  const show = (timeUs: number) => showInstant(timeUs, clock.start);
  if (begin < start || begin >= end) {
    const message = `${show(begin)} is outside the run (${show(start)} to ${show(end)})`;
    return [at('at', message), ...none];
  }
  // A hold may be agreed for a time that the run does not live to see.
  const last = begin + ('fault' in event ? (event.for ?? 0) : 0);
  return last > end ? [at('for', `lasts until ${show(last)}, after the end of the run (${show(end)})`)] : none;
}

function checkEventTarget(
  event: FaultEvent,
  { devices, misplaced, isComplete }: Expanded,
  at: FaultAt,
): ScenarioFault[] {
  const names = [...devices, ...misplaced].flatMap(({ kind, id }) => [id, `${kind}/${id}`]);
  const matches = targetMatcher(event.target);
  const matching = devices.filter(matches);
  const mayMatchOthers = !isComplete || misplaced.some(matches);
  const { where } = faultCatalogue[event.fault];
  if (where === 'device' && !mayMatchOthers && matching.length > 0 && matching.every(({ kind }) => kind !== 'bess')) {
    return [at('target', `${event.fault} acts inside batteries, and "${event.target}" is none`)];
  }
  // Without light node and access layer it would do nothing, and be labelled nevertheless.
  const straight = matching.find(({ route }) => route === 'direct');
  if ((where === 'certificate' || where === 'connection') && straight !== undefined) {
    const message = `${event.fault} acts at the access layer, which ${straight.id} passes by (route: direct)`;
    return [at('target', message, 'name devices behind the access layer')];
  }
  if (matching.length > 0 || mayMatchOthers) return [];
  if (event.target.includes('*')) return [at('target', `no device matches "${event.target}"`)];
  const near = closest(event.target, names);
  return [
    at('target', `there is no device "${event.target}"`, near === undefined ? undefined : `did you mean "${near}"?`),
  ];
}

/** Tests a device against an event's target: an id in which `*` matches any characters, narrowed by `kind/`. */
export function targetMatcher(target: string): (device: { readonly kind: string; readonly id: string }) => boolean {
  const slash = target.indexOf('/');
  const kind = slash === -1 ? undefined : target.slice(0, slash);
  const matches = matcher(target.slice(slash + 1));
  return (device) => (kind === undefined || device.kind === kind) && matches(device.id);
}

function checkExpectations(texts: readonly string[]): {
  readonly parsed: readonly Expectation[];
  readonly faults: readonly ScenarioFault[];
} {
  const parsed: Expectation[] = [];
  const faults: ScenarioFault[] = [];
  for (const [index, text] of texts.entries()) {
    try {
      parsed.push(parseExpectation(text));
    } catch (error) {
      if (!(error instanceof ExpectationError)) throw error;
      const { message, hint, column } = error;
      faults.push({ path: ['expect', index], message, columnOffset: column - 1, ...(hint !== undefined && { hint }) });
    }
  }
  return { parsed, faults };
}

/** The CSV files exist, can be read, and cover the run. A file that serves load and PV alike is read, and told of, once. */
function checkCsv({ profiles, clock }: Scenario): {
  readonly faults: ScenarioFault[];
  readonly problems: Problem[];
} {
  const faults: ScenarioFault[] = [];
  const problems: Problem[] = [];
  const inspect = (path: readonly string[], file: string, read: (shown: string) => CsvInspection<string>) => {
    const shown = shownPath(file);
    if (!existsSync(file)) {
      faults.push({ path: [...path, 'csv', 'file'], message: `file "${shown}" does not exist` });
      return;
    }
    const inspection = read(shown);
    const uncovered = coverageProblem(inspection, shown, clock);
    problems.push(...inspection.problems, ...(uncovered === undefined ? [] : [uncovered]));
  };
  const { csv: common, load, pv, temperature } = profiles;
  for (const [key, profile] of Object.entries({ load, pv, temperature })) {
    if (profile?.kind !== 'csv' || profile.csv !== undefined) continue;
    faults.push({
      path: ['profiles', key, 'csv'],
      message: 'missing: the kind is csv',
      hint: 'add csv: { file: ... }',
    });
  }
  const power = (csv: ScenarioCsv, kinds: readonly ('load' | 'pv')[]) => (shown: string) =>
    inspectCsv({ csv: { ...csv, file: shown }, kinds, directory: '.' });
  const kinds = (['load', 'pv'] as const).filter((kind) => profiles[kind]?.csv !== undefined);
  const shared = kinds.filter((kind) => profiles[kind]?.csv === common);
  if (common !== undefined && (shared.length > 0 || clock.start === 'csv')) {
    inspect(['profiles'], common.file, power(common, shared));
  }
  for (const kind of kinds.filter((each) => !shared.includes(each))) {
    const csv = profiles[kind]?.csv;
    if (csv !== undefined) inspect(['profiles', kind], csv.file, power(csv, [kind]));
  }
  const air = temperature?.csv;
  if (air !== undefined) {
    inspect(['profiles', 'temperature'], air.file, (shown) => inspectTemperatureCsv({ ...air, file: shown }, '.'));
  }
  // Two entries may name one file all the same.
  const distinct = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return { faults, problems: [...distinct.values()] };
}

function showDuration(us: number): string {
  for (const [unit, size] of [
    ['h', 3600e6],
    ['min', 60e6],
    ['s', 1e6],
    ['ms', 1e3],
  ] as const) {
    if (us >= size && us % size === 0) return `${us / size} ${unit}`;
  }
  return us >= 1e6 ? `${us / 1e6} s` : `${us} us`;
}
