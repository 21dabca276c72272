/** The table of commands: what `twin --help` and the README print, and which file holds each. Nothing is loaded here. */
import type { Command } from './command.ts';

export interface CommandEntry {
  /** One or two words. */
  readonly name: string;
  /** Arguments as people write them, options left out. */
  readonly usage: string;
  readonly summary: string;
  load(): Promise<Command<never>>;
}

export const commands: readonly CommandEntry[] = [
  {
    name: 'run',
    usage: 'run SCENARIO',
    summary: 'Run a scenario and write its record and report',
    load: async () => (await import('./commands/run.ts')).command,
  },
  {
    name: 'validate',
    usage: 'validate FILE...',
    summary: 'Check scenarios, grids and CSV profiles, and list every fault',
    load: async () => (await import('./commands/validate.ts')).command,
  },
  {
    name: 'plan',
    usage: 'plan SCENARIO',
    summary: 'Show devices, services, their order and the traffic of a scenario without running it',
    load: async () => (await import('./commands/plan.ts')).command,
  },
  {
    name: 'verify',
    usage: 'verify RUN',
    summary: 'Run a record again and compare its accuracy.json byte by byte',
    load: async () => (await import('./commands/verify.ts')).command,
  },
  {
    name: 'report',
    usage: 'report RUN',
    summary: 'Make the reports of a record again',
    load: async () => (await import('./commands/report.ts')).command,
  },
  {
    name: 'serve',
    usage: 'serve SERVICE',
    summary: 'Run one platform service against a broker, as in the field',
    load: async () => (await import('./commands/serve.ts')).command,
  },
  {
    name: 'doctor',
    usage: 'doctor',
    summary: 'Check this machine: Node.js, sockets, brokers, browser, reference cases',
    load: async () => (await import('./commands/doctor.ts')).command,
  },
  {
    name: 'schema',
    usage: 'schema NAME',
    summary: 'Print the JSON Schema of scenarios, grids or a message',
    load: async () => (await import('./commands/schema.ts')).command,
  },
  {
    name: 'grid import',
    usage: 'grid import FILE...',
    summary: 'Write a grid of another tool in the native form, with a note of what it leaves out',
    load: async () => (await import('./commands/grid-import.ts')).command,
  },
  {
    name: 'grid show',
    usage: 'grid show GRID...',
    summary: 'Show what a grid consists of',
    load: async () => (await import('./commands/grid-show.ts')).command,
  },
  {
    name: 'powerflow',
    usage: 'powerflow GRID...',
    summary: 'Solve the power flow of a grid',
    load: async () => (await import('./commands/powerflow.ts')).command,
  },
  {
    name: 'estimate',
    usage: 'estimate GRID [MEASUREMENTS...]',
    summary: 'Estimate the state of a grid from measurements',
    load: async () => (await import('./commands/estimate.ts')).command,
  },
  {
    name: 'balance',
    usage: 'balance REQUEST',
    summary: 'Answer a balancing request from a JSON file',
    load: async () => (await import('./commands/balance.ts')).command,
  },
];
