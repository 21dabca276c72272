/** The paths of pymfm's own HTTP service, so that its clients find here what they look for: jobs below `/balancing`. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { InvalidInputError } from '../../../grids/problem.ts';
import { formatInstant } from '../../contract/time.ts';
import { calendarUs } from '../../service/wall-clock.ts';
import { parsePymfmRequest } from '../pymfm-request.ts';
import { faultsOfService, requestOfService, resultOfService, type ServiceResult } from '../pymfm-service.ts';
import type { PlanQueue } from './plan-queue.ts';
import type { PlanOutcome } from './plan-worker.ts';
import { HttpProblem, turnAway, unprocessable } from './problem-details.ts';

/** A job as that service shows it; one of the same name takes the place of the one before. */
interface BalancingJob {
  readonly id: string;
  /** The request as it came. */
  readonly input: unknown;
  readonly status: 'created' | 'running' | 'success' | 'failed';
  readonly details: string | null;
  readonly created: string;
  readonly finished: string | null;
  readonly result: ServiceResult | null;
}

/** `root` is the path of the jobs; `keptJobs` are remembered, the oldest goes first. */
export function addBalancingJobs(
  app: FastifyInstance,
  root: string,
  queue: Pick<PlanQueue, 'run'>,
  keptJobs: number,
): void {
  const jobs = new Map<string, BalancingJob>();

  const follow = async (running: BalancingJob, outcome: Promise<PlanOutcome>) => {
    const end = endOf(await outcome);
    // It may have been forgotten or replaced meanwhile.
    if (jobs.get(running.id) === running) jobs.set(running.id, { ...running, finished: now(), ...end });
  };
  const create = (request: FastifyRequest): BalancingJob => {
    const input = request.body;
    const plan = requestOfService(input);
    const { id } = checked(input, plan);
    const outcome = queue.run(plan) ?? turnAway();
    const created = { id, input, details: null, created: now(), finished: null, result: null };
    const running: BalancingJob = { ...created, status: 'running' };
    jobs.delete(id);
    jobs.set(id, running);
    for (const oldest of jobs.keys()) {
      if (jobs.size <= keptJobs) break;
      jobs.delete(oldest);
    }
    void follow(running, outcome);
    return { ...created, status: 'created' };
  };
  const find = ({ params }: FastifyRequest): BalancingJob => {
    const { id } = params as { readonly id: string };
    const job = jobs.get(id);
    if (job === undefined) throw new HttpProblem(404, `No job with id ${id}`);
    return job;
  };

  // Clients write it with a slash and without.
  for (const path of [root, `${root}/`]) {
    app.post(path, create);
    app.get(path, () => [...jobs.keys()]);
  }
  app.get(`${root}/:id`, find);
  app.delete(`${root}/:id`, (request) => {
    const job = find(request);
    jobs.delete(job.id);
    return job;
  });
}

function checked(input: unknown, plan: unknown) {
  try {
    return parsePymfmRequest(plan);
  } catch (error) {
    throw error instanceof InvalidInputError ? unprocessable(faultsOfService(input, error.problems)) : error;
  }
}

function endOf(outcome: PlanOutcome): Pick<BalancingJob, 'status' | 'details' | 'result'> {
  if (!('answer' in outcome)) {
    const why = 'error' in outcome ? outcome.error : 'the request has faults';
    return { status: 'failed', details: why, result: null };
  }
  const end = resultOfService(outcome.answer);
  if ('failed' in end) return { status: 'failed', details: end.failed, result: null };
  return { status: 'success', details: 'ok', result: end.result };
}

function now(): string {
  return formatInstant(calendarUs());
}
