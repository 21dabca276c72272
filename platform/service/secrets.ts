/** Secrets of a service: from the environment, from files of their own as orchestrators mount them, or from the configuration. */
import { dirname, resolve } from 'node:path';
import type { WrittenFile } from '../../grids/by-schema.ts';
import { placeAt } from '../../grids/located.ts';
import { InvalidInputError, type Problem } from '../../grids/problem.ts';
import { readText } from '../../grids/read-text.ts';

export interface Secret {
  /** Environment variable that holds it; with `_FILE` behind its name, the file that holds it. */
  readonly variable: string;
  /** Where it stands in the section; with `File` behind the last key, the file that holds it. */
  readonly path: readonly [...string[], string];
}

type Section = Readonly<Record<string, unknown>>;

/**
 * The section with its secrets in place: of the environment first, then of the configuration. A file that the
 * configuration names is looked for from the configuration's folder. Throws InvalidInputError.
 */
export function withSecrets(
  section: Section,
  secrets: readonly Secret[],
  { file: configFile, written }: WrittenFile,
  under: string,
): Section {
  const problems: Problem[] = [];
  const read = (path: string, file: string): string | undefined => {
    try {
      // Editors end the last line.
      return readText(file).replace(/\r?\n$/, '');
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      problems.push(
        ...error.problems.map(({ message }) => ({
          ...placeAt(written, path.split('.')),
          path,
          message: `${file}: ${message}`,
        })),
      );
      return undefined;
    }
  };
  const filled = secrets.reduce((before, { variable, path }) => {
    const parents = path.slice(0, -1);
    const key = path.at(-1) as string;
    const holder = parents.reduce<unknown>((within, each) => (within as Section | undefined)?.[each], before);
    if (holder !== undefined && (typeof holder !== 'object' || holder === null)) return before;
    const { [`${key}File`]: named, ...rest } = (holder ?? {}) as Section;
    const at = [under, ...path].join('.');
    if (named !== undefined && rest[key] !== undefined) {
      problems.push({
        ...placeAt(written, at.split('.')),
        path: at,
        message: `stands here and in ${key}File: write one of the two`,
      });
    }
    const { [variable]: given, [`${variable}_FILE`]: givenFile } = process.env;
    const secret =
      given ??
      (givenFile === undefined ? undefined : read(`${variable}_FILE`, givenFile)) ??
      (typeof named === 'string' ? read(`${at}File`, resolve(dirname(configFile), named)) : named);
    if (secret === undefined) return before;
    return placed(before, parents, { ...rest, [key]: secret });
  }, section);
  if (problems.length > 0) throw new InvalidInputError(problems);
  return filled;
}

function placed(section: Section, [first, ...others]: readonly string[], value: Section): Section {
  if (first === undefined) return value;
  return { ...section, [first]: placed((section[first] ?? {}) as Section, others, value) };
}
