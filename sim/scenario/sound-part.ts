/** A scenario with something sound in place of its faults of form, so that all else can be checked in the same go. */
import { closest } from '../../numerics/edit-distance.ts';
import { commonFaults, describeIssues, readingsOf, type SchemaFault } from '../../grids/schema-problems.ts';
import { deviceSchema, type Scenario, scenarioSchema } from './schema.ts';

type Path = SchemaFault['path'];

export interface SoundPart {
  /** Undefined where too little is left. What is not known of its clock is `csv`, or NaN. */
  readonly scenario: Scenario | undefined;
  /** Faults of form, those that others hid among them. */
  readonly faults: readonly SchemaFault[];
  /** Whether something else stands at this place, or above it, than was written: a fault of sense there only follows. */
  readonly isReplaced: (path: Path) => boolean;
  /** Entries of `devices` of which not even the kind is known. */
  readonly strangeDevices: ReadonlySet<number>;
  /** Entries whose devices are not all known by their ids, the strange ones among them. */
  readonly doubtfulDevices: ReadonlySet<number>;
  /** False where there may be services that nobody can name. */
  readonly hasAllServices: boolean;
}

/** The scenario `value`, and whatever its form has against it. */
export function soundPart(value: unknown): SoundPart {
  let tree = structuredClone(value);
  const faults: SchemaFault[] = [];
  const replaced = new Set<string>();
  const strange = new Set<number>();
  const nameless = new Set<number>();
  let hasAllServices = true;
  /** Places that may be sound, and be judged when others are. */
  const unjudged = new Set<string>();
  const within = (places: ReadonlySet<string>, path: Path) =>
    path.some((_, i) => places.has(keyOf(path.slice(0, i + 1))));
  const isReplaced = (path: Path) => within(replaced, path) || within(unjudged, path);
  const answer = (scenario?: Scenario): SoundPart => ({
    scenario,
    faults,
    isReplaced,
    strangeDevices: strange,
    doubtfulDevices: new Set([...strange, ...nameless]),
    hasAllServices,
  });
  for (;;) {
    const parsed = scenarioSchema.safeParse(tree);
    if (parsed.success) return answer(withUnknownClock(parsed.data, isReplaced));
    const found = describeIssues(scenarioSchema, tree, parsed.error.issues);
    faults.push(...found.filter(({ path }) => !isReplaced(path) && !strange.has(deviceOf(path))));
    const before = new Set(replaced);
    const replace = (place: Path, standIn: unknown) => {
      tree = put(tree, place, standIn);
      replaced.add(keyOf(place));
      for (const each of judgedBy(place)) unjudged.add(keyOf(each));
    };
    for (const { path, atKey = false, meant } of found) {
      const entry = deviceOf(path);
      let place = placeToMend(path);
      // What was replaced a reading ago, and is still at fault, takes with it what it stands in.
      while (before.has(keyOf(place))) place = place.slice(0, -1);
      if (place.length === 0) return answer();
      if (within(replaced, place)) continue;
      if (entry >= 0 && closest(String(path[2]), ['id', 'count']) !== undefined) nameless.add(entry);
      if (entry >= 0 && place.length === 2) strange.add(entry);
      const isKey = atKey && place.length === path.length;
      let standIn = isKey ? undefined : standInFor(place);
      if (entry >= 0 && place[2] === 'kind') {
        const kind = kindOf(at(tree, ['devices', entry]));
        if (kind.faults !== undefined) {
          strange.add(entry);
          faults.push(...kind.faults.map((fault) => ({ ...fault, path: ['devices', entry, ...fault.path] })));
        }
        standIn = kind.name;
      }
      replace(place, standIn);
      // Under another name it is there.
      const named = [...place.slice(0, -1), meant ?? ''];
      if (isKey && meant !== undefined && at(tree, named) === undefined) replace(named, standInFor(named));
      else if (pattern(place) === 'platform' || (isKey && pattern(place) === 'platform.*')) hasAllServices = false;
    }
    if (replaced.size === before.size) return answer();
  }
}

/** Which entry of `devices` a path leads to; -1 for another. */
function deviceOf([list, entry]: Path): number {
  return list === 'devices' && typeof entry === 'number' ? entry : -1;
}

/** A place that no grid has: nothing is said of a device there, since its `at` is replaced. */
const NOWHERE = 'bus:?';

/** What stands for a value that is wrong or missing, where leaving it out would not do; `*` is any index. */
const standIns: Readonly<Record<string, unknown>> = {
  schema: 1,
  name: 'unnamed',
  site: 'unnamed',
  seed: 'unnamed',
  clock: { start: 'csv', duration: '0s', step: '0s' },
  'clock.start': 'csv',
  'clock.duration': '0s',
  'clock.step': '0s',
  grid: 'unnamed',
  profiles: { temperature: {} },
  'profiles.temperature': {},
  devices: [{ kind: 'pmu', at: NOWHERE }],
  'devices.*': { kind: 'pmu', at: NOWHERE },
  'devices.*.at': NOWHERE,
  'devices.*.power': '1 W',
  'devices.*.energy': '1 Wh',
  'devices.*.soc': '50 %',
  platform: {},
  'platform.*': {},
  'tickless.*': { input: 'pmu', outputs: { power: 1 } },
  'tickless.*.input': 'pmu',
  'tickless.*.outputs': { power: 1 },
  'events.*': { at: '0s', fault: 'stuck', target: '*' },
  'events.*.at': '0s',
  'events.*.fault': 'stuck',
  'events.*.target': '*',
  'expect.*': 'messages.lost == 0',
};

function standInFor(place: Path): unknown {
  return standIns[pattern(place)];
}

/** What else cannot be judged without the value at a place: a start in a file that is not read is nowhere. */
function judgedBy(place: Path): Path[] {
  const beside = (...keys: readonly string[]) => keys.map((key) => [...place.slice(0, -1), key]);
  switch (pattern(place)) {
    case 'profiles':
    case 'profiles.csv': {
      return [['clock', 'start']];
    }
    case 'events.*.fault': {
      return beside('value');
    }
    case 'devices.*.socMin':
    case 'devices.*.socMax': {
      return beside('soc', 'socMin', 'socMax');
    }
    case 'devices.*.power': {
      return beside('standbyLoss');
    }
    default: {
      return [];
    }
  }
}

/** A file read by other settings than were meant would have faults that it does not have: it is left out. */
function placeToMend(path: Path): Path {
  const csv = path[0] === 'profiles' ? path.indexOf('csv') : -1;
  return csv === -1 || path[csv + 1] === 'unit' ? path : path.slice(0, csv + 1);
}

/** The kind of device that was meant: by its name, else the one that the other keys fit best, with what they all refuse. */
function kindOf(entry: unknown): { readonly name: string; readonly faults?: readonly SchemaFault[] } {
  const named = (entry as Readonly<Record<string, unknown>>)['kind'];
  const kinds = deviceSchema.options.map(({ shape }) => [...shape.kind.values][0] ?? '');
  const near = typeof named === 'string' ? closest(named, kinds) : undefined;
  if (near !== undefined) return { name: near };
  const readings = readingsOf(deviceSchema, entry);
  return { name: readings[0]?.name ?? 'pmu', faults: commonFaults(readings.map(({ faults }) => faults)) };
}

function withUnknownClock(scenario: Scenario, isReplaced: SoundPart['isReplaced']): Scenario {
  const known = (key: 'duration' | 'step') => (isReplaced(['clock', key]) ? Number.NaN : scenario.clock[key]);
  return { ...scenario, clock: { ...scenario.clock, duration: known('duration'), step: known('step') } };
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function pattern(path: Path): string {
  const hasNames = path[0] === 'platform' || path[0] === 'tickless';
  return path.map((step, i) => (typeof step === 'number' || (hasNames && i === 1) ? '*' : step)).join('.');
}

function at(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, step) => (node as Readonly<Record<string | number, unknown>>)?.[step], tree);
}

/** The tree with `value` at `path`; undefined takes out what stands there. */
function put(tree: unknown, path: Path, value: unknown): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  if (typeof tree !== 'object' || tree === null) return tree;
  const below = put((tree as Readonly<Record<string | number, unknown>>)[step], rest, value);
  if (Array.isArray(tree)) return tree.with(Number(step), below);
  const others = Object.fromEntries(Object.entries(tree).filter(([key]) => key !== step));
  return below === undefined && rest.length === 0 ? others : { ...others, [step]: below };
}
