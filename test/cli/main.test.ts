/** What the command line says and how it ends: help with examples, usage errors with a did-you-mean, exit codes. */
import { describe, expect, it } from 'vitest';
import { commands } from '../../cli/commands.ts';
import { exitCodes } from '../../cli/exit-codes.ts';
import { describeFailure } from '../../cli/failure.ts';
import { UsageError } from '../../cli/command.ts';
import { exitCodeOf, toRunOptions } from '../../cli/commands/run.ts';
import { createTerminal } from '../../cli/terminal.ts';
import { InvalidInputError } from '../../grids/problem.ts';
import { DatabusError } from '../../platform/databus/databus.ts';
import { ServiceFailure } from '../../sim/run/options.ts';
import { twin } from './harness.ts';

describe('help', () => {
  it('lists every command with its summary', async () => {
    const { code, out, err } = await twin(['--help']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    for (const { usage, summary } of commands)
      expect(out).toMatch(new RegExp(`  ${escape(usage)} +${escape(summary)}\n`));
  });

  it.each(commands.map(({ name }) => name))('of "%s" has an example that could be typed', async (name) => {
    const { code, out } = await twin([...name.split(' '), '--help']);
    expect(code).toBe(0);
    const [usage = '', examples = ''] = out.split('\nExamples:\n');
    expect(usage).toContain(`twin ${name}`);
    const lines = examples.split('\n').filter((line) => /^ {4}\S/.test(line));
    expect(lines.length).toBeGreaterThan(0);
    for (const line of lines) expect(line).toContain(`twin ${name}`);
  });

  it('answers "twin help run" and "twin run --help" alike, also when the rest is not yet right', async () => {
    const { out } = await twin(['help', 'run']);
    expect((await twin(['run', '--help'])).out).toBe(out);
    expect((await twin(['run', 'a', 'b', '--sed', '-h'])).out).toBe(out);
  });

  it.each([[['grid', '--help']], [['help', 'grid']], [['-h', 'grid']]])(
    '%j lists the commands of a group',
    async (args) => {
      const { code, out, err } = await twin(args);
      expect({ code, err }).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^Usage: twin grid COMMAND/);
      expect(out.match(/^ {2}\S+ \S+/gm)).toEqual(['  grid import', '  grid show']);
    },
  );

  it('comes on standard error with exit code 2 when nothing was asked', async () => {
    const { code, out, err } = await twin([]);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toContain('Usage: twin COMMAND');
  });

  it('--version names the version', async () => {
    expect(await twin(['--version'])).toEqual({
      code: 0,
      out: expect.stringMatching(/^twin \d+\.\d+\.\d+\n$/),
      err: '',
    });
  });
});

describe('usage errors end with 2', () => {
  it.each([
    [['rum', 'x.yaml'], 'unknown command "rum"; did you mean "run"?'],
    [['frobnicate'], 'unknown command "frobnicate"'],
    [['grid'], '"grid" needs a second word: grid import, grid show'],
    [['grid', 'shwo'], '"grid" needs a second word: grid import, grid show'],
    [['--verson'], 'unknown option "--verson"'],
    [['run'], 'an argument is missing: twin run SCENARIO'],
    [['run', 'a.yaml', 'b.yaml'], 'unknown argument "b.yaml"'],
    [['run', 'a.yaml', '--sed', '7'], 'unknown option "--sed"; did you mean "--seed"?'],
    [['run', 'a.yaml', '--seed'], 'option --seed needs a value'],
    [['run', 'a.yaml', '--seed', '--quiet'], 'option --seed needs a value'],
    [['powerflow', 'ieee-33', '--method'], 'option --method needs a value'],
    [['run', 'a.yaml', '--seed', '1', '--seed', '2'], 'option --seed is given twice'],
    [['run', 'a.yaml', '--service', 'balancer'], '--service balancer: write NAME=in-process|process|attach'],
    [['serve', 'balancer'], 'option --config is missing'],
    [['serve', 'balancr', '--config', 'x'], 'there is no service "balancr"; did you mean "balancer"?'],
    [['schema', 'scenrio'], 'there is no schema "scenrio"; did you mean "scenario"?'],
    [['validate', 'x.csv', '--unit', 'GW'], '--unit GW: write one of W, kW, MW'],
    [['validate', '-'], '"-" stands for no file here: write the name of one'],
    [['validate', 'scenarios/germany/noise-free.yaml', '-'], '"-" stands for no file here: write the name of one'],
    [['run', '--quiet', '-'], '"-" stands for no file here: write the name of one'],
    [['balance', '-'], '"-" stands for no file here: write the name of one'],
    [['estimate', 'ieee-33', '-'], '"-" stands for no file here: write the name of one'],
  ])('twin %j', async (args, sentence) => {
    const { code, out, err } = await twin(args);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err.split('\n').slice(0, -2)).toEqual([`twin: ${sentence}`]);
  });

  it('and name the help to read', async () => {
    expect((await twin(['run'])).err).toContain('\ntwin: See "twin run --help".\n');
    expect((await twin(['grid', 'show'])).err).toContain('\ntwin: See "twin grid show --help".\n');
    expect((await twin(['rum'])).err).toContain('\ntwin: See "twin --help".\n');
  });
});

describe('errors', () => {
  it.each([
    [new UsageError('x'), 2],
    [new InvalidInputError([{ path: '', message: 'x' }]), 10],
    [new DatabusError('mqtt://x', 'no broker'), 30],
    [new ServiceFailure('start', 'balancer', 'x'), 30],
    [new ServiceFailure('run', 'balancer', 'x'), 31],
    [new DOMException('x', 'AbortError'), 40],
    [Object.assign(new Error('x'), { code: 'EACCES', path: 'runs/x' }), 10],
    [Object.assign(new Error('x'), { code: 'ENOTDIR', path: 'runs/x' }), 10],
    [Object.assign(new Error('x'), { code: 'ENOSPC' }), 31],
    [Object.assign(new Error('x'), { code: 'EDQUOT', path: 'runs/x' }), 31],
    [Object.assign(new Error('x'), { code: 'ENOENT', path: 'runs/x' }), 1],
    [new TypeError('x'), 1],
    ['a text', 1],
  ])('%s ends with %i', (error, code) => {
    expect(describeFailure(error, false).code).toBe(code);
  });

  it('in input come one a line, ready for an editor to jump to', () => {
    const error = new InvalidInputError([
      { file: 'a.yaml', line: 3, column: 4, path: 'clock.step', message: 'is odd', hint: 'make it even' },
      { path: 'seed', message: 'missing' },
    ]);
    expect(describeFailure(error, false).lines).toEqual([
      'a.yaml:3:4: clock.step: is odd (make it even)',
      'seed: missing',
    ]);
  });

  it('that nobody expected ask to be reported, with the stack only for --debug', () => {
    const error = new TypeError('x is undefined');
    const plain = describeFailure(error, false).lines.join('\n');
    expect(plain).toContain('x is undefined');
    expect(plain).toContain('report');
    expect(plain).not.toContain('main.test.ts');
    expect(describeFailure(error, true).lines.join('\n')).toContain('main.test.ts');
  });

  it('of a missing scenario end with 10 and nothing on standard output', async () => {
    const { code, out, err } = await twin(['validate', 'nowhere.yaml']);
    expect({ code, out, err }).toEqual({ code: 10, out: '', err: 'nowhere.yaml: file does not exist\n' });
  });
});

describe('run', () => {
  it('hands its options on', () => {
    const options = toRunOptions({
      scenario: 's.yaml',
      seed: '07',
      set: ['a=b'],
      service: ['balancer=process', 'x=attach'],
    });
    expect(options).toMatchObject({
      scenarioFile: 's.yaml',
      seed: '07',
      set: ['a=b'],
      service: { balancer: 'process', x: 'attach' },
    });
  });

  it.each([
    ['complete', 'pass', 0],
    ['complete', 'fail', 20],
    ['complete', 'invalid', 21],
    ['interrupted', 'pass', 40],
    ['interrupted', 'invalid', 40],
  ] as const)('%s and %s ends with %i', (state, verdict, code) => {
    expect(exitCodeOf({ state, verdict })).toBe(code);
  });
});

it('exit codes are never reused', () => {
  const codes = Object.values(exitCodes).map(({ code }) => code);
  expect(new Set(codes).size).toBe(codes.length);
  expect(codes).toEqual([0, 1, 2, 10, 20, 21, 30, 31, 40]);
});

describe('terminal', () => {
  const open = (isTTY: boolean, env: Record<string, string> = {}, quiet = false) => {
    const written = { out: '', err: '' };
    const stream = (name: 'out' | 'err') => ({ isTTY, columns: 40, write: (text: string) => (written[name] += text) });
    return { written, terminal: createTerminal({ stdout: stream('out'), stderr: stream('err'), env }, quiet) };
  };

  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
  ])('on a terminal: %s, with %j: colour %s', (isTTY, env, coloured) => {
    expect(open(isTTY, env).terminal.paint('red', 'x') !== 'x').toBe(coloured);
  });

  it('shows progress on standard error, cut to the width, and clears it before anything else', () => {
    const { terminal, written } = open(true);
    terminal.progress('p'.repeat(100));
    terminal.print('result');
    expect(written).toEqual({ out: 'result\n', err: `${'p'.repeat(39)}\r\u001B[2K` });
  });

  it.each([
    [false, {}, false],
    [true, { TERM: 'dumb' }, false],
    [true, {}, true],
  ])('keeps progress away (terminal %s, %j, quiet %s)', (isTTY, env, quiet) => {
    const { terminal, written } = open(isTTY, env, quiet);
    terminal.progress('p');
    terminal.say('an error');
    expect(written.err).toBe('an error\n');
  });
});

function escape(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
