/** How a command ends: the one table of exit codes, in code and README. Numbers are never reused. */

export const exitCodes = {
  pass: { code: 0, meaning: 'pass: the command did what it says, every expectation held' },
  bug: { code: 1, meaning: 'a bug in twin: please report it' },
  usage: { code: 2, meaning: 'usage: unknown command or option, missing argument' },
  invalidInput: { code: 10, meaning: 'a scenario, grid or data file is invalid; nothing was written' },
  expectationFailed: { code: 20, meaning: 'an expectation failed, no convergence, or `verify` found other results' },
  runInvalid: { code: 21, meaning: 'the run is invalid: its figures must not be used' },
  notStarted: { code: 30, meaning: 'a service or broker did not start' },
  died: { code: 31, meaning: 'a service or broker died in mid-run, or the disk took no more' },
  interrupted: { code: 40, meaning: 'interrupted; the report says how far it came' },
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes]['code'];
