/** A scratch folder for scenario files, and the faults of a scenario as lines of text. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { formatProblem, InvalidInputError } from '../../grids/problem.ts';
import type { RunOptions } from '../../sim/run/options.ts';
import { prepareRun } from '../../sim/run/prepare.ts';
import { loadScenario, type LoadOptions } from '../../sim/scenario/load.ts';

/** The 33-bus grid with a battery at bus 3, and a customer whom profiles can drive. */
function gridOfTests(): string {
  const grid = JSON.parse(readFileSync('grids/networks/ieee-33/grid.json', 'utf8')) as { loads: object[] };
  const battery = { id: 'store', bus: '3', ratedPowerW: 3000, capacityWh: 9000 };
  return JSON.stringify({
    ...grid,
    location: { latitudeDeg: 53, longitudeDeg: 9 },
    loads: grid.loads.map((load) => ({ ...load, annualEnergyWh: 3e6 })),
    batteries: [battery],
  });
}

/** The first lines of a valid scenario on a small grid, which stands beside it. */
export const soundHead = `schema: 1
name: Sound
site: germany
seed: s1
clock: { start: "2021-04-01T00:00:00+02:00", duration: 1h, step: 10s }
grid: ./g.json
`;

/** A whole one; tests change it line by line. */
export const soundScenario = `${soundHead}devices:
  - { kind: pmu, id: pmu-1, at: "bus:2", every: 10s }
  - { kind: smart-meter, at: "bus:1*", every: 15min }
platform:
  powerCalculation: {}
expect:
  - messages.unexplained == 0
`;

async function faultsIn(work: () => Promise<unknown>): Promise<string[]> {
  try {
    await work();
    return [];
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replaceAll(/[^\s:("]*twin-scenario-[^/]*\//g, ''));
  }
}

export function createWorkshop() {
  const folder = mkdtempSync(join(tmpdir(), 'twin-scenario-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string): string => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(join(dirname(path(name)), 'g.json'), gridOfTests());
    writeFileSync(path(name), text);
    return path(name);
  };
  /** Faults of a file, one a line, without the folder's name. */
  const faultsOf = (file: string, options: LoadOptions = {}) => faultsIn(() => loadScenario(file, options));
  /** The same as a run would tell them, which asks the services, too. */
  const faultsOfRun = (file: string, options: Partial<RunOptions> = {}) =>
    faultsIn(() => prepareRun({ scenarioFile: file, set: [], service: {}, ...options }));
  /** Faults of the sound scenario with `from` replaced by `to`, which must be there. */
  const faultsWith = async (from: string, to: string, options: LoadOptions = {}): Promise<string[]> => {
    if (!soundScenario.includes(from)) throw new Error(`the sound scenario has no "${from}"`);
    return await faultsOf(write('s.yaml', soundScenario.replace(from, to)), options);
  };
  return { path, write, faultsOf, faultsOfRun, faultsWith };
}
