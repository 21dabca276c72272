/** The HTTP side that a service may have besides its messages: opened by `twin serve` where the settings ask for it. */
import type { z } from 'zod';
import type { Databus } from '../databus/databus.ts';
import type { RunningService, ServiceLog } from './runner.ts';
import type { Secret } from './secrets.ts';

export interface HttpContext {
  /** The `http` section, checked by `settingsSchema`. */
  readonly settings: unknown;
  /** The service's own configuration. */
  readonly config: unknown;
  readonly service: RunningService;
  /** For a connection of its own beside the service's. */
  readonly databus: Databus;
  readonly instance: string;
  readonly log: ServiceLog;
  /** It cannot go on: the process ends. */
  readonly onFailure: (error: Error) => void;
}

export interface OpenHttp {
  readonly url: string;
  /** Finishes the requests under way. */
  close(): Promise<void>;
}

export interface HttpSide {
  readonly settingsSchema: z.ZodType;
  /** What of the settings is best put in the environment or in files of its own. */
  readonly secrets: readonly Secret[];
  /** Resolves when it listens. Rejects with ServiceFailure when the port is taken. */
  open(context: HttpContext): Promise<OpenHttp>;
}

/** A port that could not be opened, in a sentence that says what to do; the command line ends with exit code 30. */
export class ListenFailure extends Error {
  /** The command line knows failures of services by this name. */
  override readonly name = 'ServiceFailure';
  readonly phase = 'start';

  constructor(service: string, address: { readonly host: string; readonly port: number }, cause: Error) {
    super(`${service} cannot listen on ${address.host}:${address.port}: ${describe(cause)}`, { cause });
  }
}

function describe(error: Error): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'EADDRINUSE') return 'the port is in use; take another one, or 0 for any that is free';
  if (code === 'EACCES') return 'ports below 1024 need rights that this process does not have';
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'this machine has no such address; correct the host';
  return error.message;
}
