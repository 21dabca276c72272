/** A scenario with something sound in place of its faults of form, so that all else can be checked in the same go. */
import { closest } from '../../numerics/edit-distance.ts';
import { describeIssues, type SchemaFault } from '../../grids/schema-problems.ts';
import { deviceSchema, type Scenario, scenarioSchema } from './schema.ts';

type Path = SchemaFault['path'];

export interface SoundPart {
  /** Undefined where too little is left. What is not known of its clock is `csv`, or NaN. */
  readonly scenario: Scenario | undefined;
  /** Faults of form, those that others hid among them. */
  readonly faults: readonly SchemaFault[];
  /** Whether something else stands at this place, or above it, than was written: a fault of sense there only follows. */
  readonly isReplaced: (path: Path) => boolean;
  /** Entries of `devices` whose devices are not all known by their ids. */
  readonly doubtfulDevices: ReadonlySet<number>;
}

/** The scenario `value`, and whatever its form has against it. */
export function soundPart(value: unknown): SoundPart {
  let tree = structuredClone(value);
  const faults: SchemaFault[] = [];
  const replaced = new Set<string>();
  /** Device entries of a kind that nobody can tell: what their other keys then have against them is hearsay. */
  const guesses = new Set<number>();
  const nameless = new Set<number>();
  const isReplaced = (path: Path) => path.some((_, i) => replaced.has(keyOf(path.slice(0, i + 1))));
  const answer = (scenario?: Scenario): SoundPart => ({
    scenario,
    faults,
    isReplaced,
    doubtfulDevices: new Set([...guesses, ...nameless]),
  });
  for (;;) {
    const parsed = scenarioSchema.safeParse(tree);
    if (parsed.success) return answer(withUnknownClock(parsed.data, isReplaced));
    const found = describeIssues(scenarioSchema, tree, parsed.error.issues);
    faults.push(...found.filter(({ path }) => !isReplaced(path) && !guesses.has(deviceOf(path))));
    const before = new Set(replaced);
    for (const { path } of found) {
      const entry = deviceOf(path);
      let place = placeToMend(path);
      // What was replaced a reading ago, and is still at fault, takes with it what it stands in.
      while (before.has(keyOf(place))) place = place.slice(0, -1);
      if (place.length === 0) return answer();
      if (isReplaced(place)) continue;
      if (entry >= 0 && closest(String(path[2]), ['id', 'count']) !== undefined) nameless.add(entry);
      let standIn = standIns[pattern(place)];
      if (entry >= 0 && place[2] === 'kind') {
        const kind = kindOf(at(tree, ['devices', entry]));
        if (kind.isGuess) guesses.add(entry);
        standIn = kind.name;
      }
      tree = put(tree, place, standIn);
      replaced.add(keyOf(place));
      // A start in a file that is not read is nowhere.
      if (['profiles', 'profiles.csv'].includes(pattern(place))) replaced.add(keyOf(['clock', 'start']));
      // What a value may be depends on the fault that was meant.
      if (pattern(place) === 'events.*.fault') replaced.add(keyOf([...place.slice(0, -1), 'value']));
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
  'events.*': { at: '0s', fault: 'stuck', target: '*' },
  'events.*.at': '0s',
  'events.*.fault': 'stuck',
  'events.*.target': '*',
  'expect.*': 'messages.lost == 0',
};

/** A file read by other settings than were meant would have faults that it does not have: it is left out. */
function placeToMend(path: Path): Path {
  const csv = path[0] === 'profiles' ? path.indexOf('csv') : -1;
  return csv === -1 || path[csv + 1] === 'unit' ? path : path.slice(0, csv + 1);
}

/** The kind of device that was meant: by its name, else the one that the other keys fit best, which is a guess. */
function kindOf(entry: unknown): { readonly name: string; readonly isGuess: boolean } {
  const named = (entry as Readonly<Record<string, unknown>>)['kind'];
  const kinds = deviceSchema.options.map(({ shape }) => [...shape.kind.values][0] ?? '');
  const near = typeof named === 'string' ? closest(named, kinds) : undefined;
  if (near !== undefined) return { name: near, isGuess: false };
  const strangeness = (kind: string) => {
    const { error } = deviceSchema.safeParse({ ...(entry as object), kind });
    return (error?.issues ?? []).reduce(
      (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? issue.keys.length : 1),
      0,
    );
  };
  const [best = 'pmu'] = kinds.toSorted((a, b) => strangeness(a) - strangeness(b));
  return { name: best, isGuess: true };
}

function withUnknownClock(scenario: Scenario, isReplaced: SoundPart['isReplaced']): Scenario {
  const known = (key: 'duration' | 'step') => (isReplaced(['clock', key]) ? Number.NaN : scenario.clock[key]);
  return { ...scenario, clock: { ...scenario.clock, duration: known('duration'), step: known('step') } };
}

function keyOf(path: Path): string {
  return JSON.stringify(path);
}

function pattern(path: Path): string {
  return path.map((step) => (typeof step === 'number' ? '*' : step)).join('.');
}

function at(tree: unknown, path: Path): unknown {
  return path.reduce<unknown>((node, step) => (node as Readonly<Record<string | number, unknown>>)[step], tree);
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
