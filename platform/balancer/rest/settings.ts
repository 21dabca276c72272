/** The `http` section of `twin serve balancer --config FILE`: where the API listens, and the token that its callers need. */
import { z } from 'zod';
import type { Secret } from '../../service/secrets.ts';

/** Where the token comes from besides: TWIN_HTTP_TOKEN, a file named by TWIN_HTTP_TOKEN_FILE, or one named by `tokenFile`. */
export const httpSecrets = [
  { variable: 'TWIN_HTTP_TOKEN', path: ['token'] },
  // As pymfm's service has them.
  { variable: 'BALANCING_USERNAME', path: ['basic', 'username'] },
  { variable: 'BALANCING_PASSWORD', path: ['basic', 'password'] },
] as const satisfies readonly Secret[];

export const httpSettingsSchema = z.strictObject({
  host: z.string().min(1).default('127.0.0.1'),
  /** 0 = any free port. */
  port: z.int().min(0).max(65_535),
  /** Bearer token. Printable ASCII without blanks, as RFC 6750 has it. */
  token: z
    .string({ error: 'is missing: set TWIN_HTTP_TOKEN, or name a file that holds it in tokenFile' })
    .min(16, 'is shorter than 16 characters, which can be guessed')
    .regex(/^[A-Za-z0-9\-._~+/]+=*$/, 'is no bearer token: letters, digits and -._~+/ only, `=` at the end'),
  /** Lets clients of pymfm's service in with a user name and a password, below `/balancing` and nowhere else. */
  basic: z
    .strictObject({
      username: z
        .string({ error: 'is missing: set BALANCING_USERNAME, or write it here' })
        .regex(/^[^:]+$/, 'is empty or holds a colon'),
      password: z.string({ error: 'is missing: set BALANCING_PASSWORD, or name its file in passwordFile' }).min(1),
    })
    .optional(),
  /** Path below which a gateway mounts the API, for example `/balancer`. */
  basePath: z
    .string()
    .regex(/^(\/[A-Za-z0-9\-._~]+)*$/, 'is no path: write it like /balancer, without a slash at the end')
    .default(''),
  /** A week in steps of 15 min with bounds is some 100 kB. */
  bodyLimitBytes: z.int().positive().default(4_000_000),
  /** Plans that may wait for their turn; more are turned away with 503. */
  planQueue: z.int().nonnegative().default(16),
  /** Finished jobs that are kept for their callers; the oldest goes first. */
  keptJobs: z.int().positive().default(100),
});
export type HttpSettings = z.output<typeof httpSettingsSchema>;
