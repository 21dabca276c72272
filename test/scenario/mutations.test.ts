/** Whatever becomes of a scenario's text, it is read or refused with faults in words: nothing else ever comes out. */
import { asyncProperty, assert, constantFrom, integer, array, oneof, string, tuple } from 'fast-check';
import { expect, it } from 'vitest';
import { InvalidInputError } from '../../grids/problem.ts';
import { loadScenario } from '../../sim/scenario/load.ts';
import { createWorkshop, soundScenario } from './workshop.ts';

const { write } = createWorkshop();

const whole = soundScenario
  .replace(
    'seed: s1',
    'seed: s1\npace: 60x\nprofiles: { load: { kind: h0, annualEnergy: 3000 kWh }, pv: { clouds: broken } }',
  )
  .replace(
    'platform:',
    'platform:\n  gridChanges: { "lines.1.lengthM": 12 }\n  bridge: {}\n  balancer: { mode: schedule, every: 10s }',
  )
  .replace(
    'expect:',
    'events:\n  - { at: "00:10", for: 5min, fault: bias, target: "smart-meter/1*", value: 3 }\nexpect:',
  );

/** Cuts `length` characters at a place and puts others there. */
const mutation = tuple(
  integer({ min: 0, max: whole.length }),
  integer({ min: 0, max: 12 }),
  oneof(
    constantFrom(
      '',
      ':',
      '-',
      '{',
      '}',
      '[',
      ']',
      '"',
      '#',
      '&a',
      '*a',
      '0',
      '-1',
      '1e999',
      '.nan',
      'null',
      '~',
      '\n',
      '  ',
      '!!binary',
      '? ',
    ),
    constantFrom('10s', '5 kWh', 'bus:*', '__proto__', 'constructor', '2021-04-01', '"\\u0000"', '<<', '%', '---\n'),
    string({ maxLength: 4 }),
  ),
);

it('the text before mutation is sound', async () => {
  await expect(loadScenario(write('whole.yaml', whole))).resolves.toMatchObject({ scenario: { name: 'Sound' } });
});

it('a mutated text is read, or refused with a sentence for every fault', async () => {
  const problemsOf = async (text: string) => {
    try {
      await loadScenario(write('mutated.yaml', text));
      return [];
    } catch (error) {
      if (error instanceof InvalidInputError && error.problems.length > 0) return error.problems;
      throw error;
    }
  };
  await assert(
    asyncProperty(array(mutation, { minLength: 1, maxLength: 3 }), async (mutations) => {
      const text = mutations.reduce((old, [at, length, put]) => old.slice(0, at) + put + old.slice(at + length), whole);
      for (const { message, line, file } of await problemsOf(text)) {
        expect(message).not.toBe('');
        expect(message).not.toContain('undefined');
        expect(message).not.toContain('[object');
        expect(file).toBeDefined();
        expect(line ?? 1).toBeGreaterThanOrEqual(1);
      }
    }),
    { numRuns: 400 },
  );
});

it.each([
  'clock',
  'devices.0',
  'platform.balancer',
  'expect',
  'profiles.csv',
  '__proto__.x',
  'constructor.prototype.y',
  'grid',
])('a strange override of %s is refused, not obeyed', async (path) => {
  const file = write('whole.yaml', whole);
  for (const value of ['3', '[1]', '{a: 1}', 'x', '~', '"']) {
    await expect(loadScenario(file, { set: [`${path}=${value}`] })).rejects.toBeInstanceOf(InvalidInputError);
  }
  expect(({} as { x?: unknown }).x).toBeUndefined();
});
