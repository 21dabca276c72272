/** What the API says when it does not do what it was asked for: problem details after RFC 9457, one form for all of them. */
import { z } from 'zod';
import type { Problem } from '../../../grids/problem.ts';

export const problemMediaType = 'application/problem+json';

export const problemDetailsSchema = z.strictObject({
  /** No page describes our types, so it is `about:blank`: the title is that of the status. */
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int().min(400).max(599),
  /** A sentence for the caller. */
  detail: z.string(),
  /** Every fault of the request: where it stands in the body, what is wrong, and what would help. */
  errors: z
    .array(z.strictObject({ path: z.string(), message: z.string(), hint: z.string().optional() }))
    .min(1)
    .optional(),
});
export type ProblemDetails = z.output<typeof problemDetailsSchema>;

const titles = {
  400: 'Bad Request',
  401: 'Unauthorized',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
} as const;
export type ProblemStatus = keyof typeof titles;

/** Thrown by handlers, answered by the server. `headers` go with the answer. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly status: ProblemStatus;
  readonly faults: readonly Problem[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: ProblemStatus,
    detail: string,
    more: { readonly faults?: readonly Problem[]; readonly headers?: Readonly<Record<string, string>> } = {},
  ) {
    super(detail);
    this.status = status;
    this.faults = more.faults ?? [];
    this.headers = more.headers ?? {};
  }
}

/** No plan can be taken on now. */
export function turnAway(): never {
  throw new HttpProblem(503, 'too many plans wait already', { headers: { 'retry-after': '5' } });
}

/** The request's body is JSON, but not what the balancer can work with: every fault at once. */
export function unprocessable(faults: readonly Problem[]): HttpProblem {
  const count = faults.length === 1 ? 'a fault' : `${faults.length} faults`;
  return new HttpProblem(422, `the request has ${count}, see errors`, { faults });
}

export function problemDetails(status: ProblemStatus, detail: string, faults: readonly Problem[]): ProblemDetails {
  const errors = faults.map(({ path, message, hint }) => ({ path, message, ...(hint !== undefined && { hint }) }));
  return { type: 'about:blank', title: titles[status], status, detail, ...(errors.length > 0 && { errors }) };
}
