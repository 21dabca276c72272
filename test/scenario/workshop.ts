/** A scratch folder for scenario files, and the faults of a scenario as lines of text. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll } from 'vitest';
import { formatProblem, InvalidInputError } from '../../grids/problem.ts';
import { loadScenario, type LoadOptions } from '../../sim/scenario/load.ts';

/** A valid scenario on a small grid; tests change it line by line. */
export const soundScenario = `schema: 1
name: Sound
site: germany
seed: s1
clock: { start: "2021-04-01T00:00:00+02:00", duration: 1h, step: 10s }
grid: ieee-33
devices:
  - { kind: pmu, id: pmu-1, at: "bus:2", every: 10s }
  - { kind: smart-meter, at: "bus:1*", every: 15min }
platform:
  powerCalculation: {}
expect:
  - messages.unexplained == 0
`;

export function createWorkshop() {
  const folder = mkdtempSync(join(tmpdir(), 'twin-scenario-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const write = (name: string, text: string): string => {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), text);
    return path(name);
  };
  /** Faults of a file, one a line, without the folder's name. */
  const faultsOf = async (file: string, options: LoadOptions = {}): Promise<string[]> => {
    try {
      await loadScenario(file, options);
      return [];
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      return error.problems.map((problem) => formatProblem(problem).replaceAll(/[^\s:("]*twin-scenario-[^/]*\//g, ''));
    }
  };
  /** Faults of the sound scenario with `from` replaced by `to`, which must be there. */
  const faultsWith = async (from: string, to: string, options: LoadOptions = {}): Promise<string[]> => {
    if (!soundScenario.includes(from)) throw new Error(`the sound scenario has no "${from}"`);
    return await faultsOf(write('s.yaml', soundScenario.replace(from, to)), options);
  };
  return { path, write, faultsOf, faultsWith };
}
