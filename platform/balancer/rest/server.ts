/** The balancer over HTTP: plans, setpoints, triggers, status and health, as a gateway in front of it expects them. */
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { InvalidInputError } from '../../../grids/problem.ts';
import type { ServiceLog } from '../../service/runner.ts';
import { parsePymfmRequest } from '../pymfm-request.ts';
import { RETRY, type BalancerDesk, type Order } from './desk.ts';
import { addBalancingJobs } from './balancing-jobs.ts';
import { openApiDocument } from './openapi.ts';
import type { PlanOutcome } from './plan-worker.ts';
import { createPlanQueue, type PlanJob, type PlanQueue } from './plan-queue.ts';
import {
  HttpProblem,
  problemDetails,
  problemMediaType,
  type ProblemStatus,
  turnAway,
  unprocessable,
} from './problem-details.ts';
import { parseRequestJson } from './request-json.ts';
import { parseOrder, setpointOrderSchema, triggerOrderSchema } from './orders.ts';
import type { HttpSettings } from './settings.ts';
import { createPasswordCheck, createTokenCheck } from './token.ts';

export interface ApiOptions {
  readonly settings: HttpSettings;
  readonly desk: BalancerDesk;
  readonly log: ServiceLog;
}

/** The API, not listening yet: `listen` opens it, `close` finishes what is under way and ends its thread. */
export async function createApi({ settings, desk, log }: ApiOptions): Promise<FastifyInstance> {
  const { fastify } = await import('fastify');
  const app = fastify({
    bodyLimit: settings.bodyLimitBytes,
    requestIdHeader: 'x-request-id',
    // Who takes longer to send a request does not mean to finish it.
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Paths that cannot even be decoded never reach a handler: they get the same form of answer.
    frameworkErrors: (error, _request, reply) => {
      void send(reply, new HttpProblem(400, error.message));
    },
    // Idle connections of a gateway must not hold up the end.
    forceCloseConnections: 'idle',
  });
  const queue = createPlanQueue(settings);
  endInOrder(app, queue);
  takeJson(app);
  answerProblems(app, log);
  guard(app, settings);
  addRoutes(app, settings, queue, desk);
  return app;
}

const REQUEST_TIMEOUT_MS = 30_000;

function send(reply: FastifyReply, { status, message, faults, headers }: HttpProblem): FastifyReply {
  return reply
    .code(status)
    .headers(headers)
    .type(problemMediaType)
    .send(problemDetails(status, message, faults));
}

/** What is under way is answered, and its connection is not kept for more: the end waits for nobody who has nothing to say. */
function endInOrder(app: FastifyInstance, queue: PlanQueue): void {
  let ending = false;
  app.addHook('preClose', () => {
    ending = true;
    return Promise.resolve();
  });
  app.addHook('onSend', (_request, reply) => {
    if (ending) reply.header('connection', 'close');
    return Promise.resolve();
  });
  app.addHook('onClose', () => queue.close());
}

/** Bodies are JSON, and NaN is told from a broken document so that it is refused at its path. */
function takeJson(app: FastifyInstance): void {
  // What DELETE takes away is named by its path; clients that declare JSON with every call send nothing there.
  app.addHttpMethod('DELETE', { hasBody: false, overrideExisting: true });
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => {
    try {
      done(null, parseRequestJson(String(body)));
    } catch (error) {
      done(new HttpProblem(400, `the body is no JSON: ${(error as Error).message}`));
    }
  });
}

const statusOfCode: Readonly<Record<string, readonly [ProblemStatus, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [413, 'the body is larger than this balancer takes'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [415, 'send application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [400, 'the body does not have the length that Content-Length says'],
};

function answerProblems(app: FastifyInstance, log: ServiceLog): void {
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if (error instanceof HttpProblem) return send(reply, error);
    if (error instanceof InvalidInputError) return send(reply, unprocessable(error.problems));
    const [status, detail] = statusOfCode[error.code] ?? [500, 'the balancer met an error that it did not expect'];
    if (status === 500) {
      log.error({ route: request.routeOptions.url, error: error.stack ?? error.message }, 'request failed');
    }
    return send(reply, new HttpProblem(status, detail));
  });
  app.setNotFoundHandler((request, reply) => {
    const path = request.url.split('?')[0] ?? '';
    const allowed = (['GET', 'POST', 'DELETE'] as const).filter((method) => app.hasRoute({ method, url: path }));
    if (allowed.length === 0) return send(reply, new HttpProblem(404, 'there is nothing at this path'));
    const headers = { allow: allowed.join(', ') };
    return send(reply, new HttpProblem(405, `this path takes ${allowed.join(' and ')}`, { headers }));
  });
}

/** Everything but the probes and the description of the API itself needs the token. */
function guard(app: FastifyInstance, { token, basic, basePath }: HttpSettings): void {
  const isToken = createTokenCheck(token);
  const isPassword = basic === undefined ? () => false : createPasswordCheck(basic.username, basic.password);
  const takesPassword = (path: string) => basic !== undefined && `${path}/`.startsWith(`${basePath}/balancing/`);
  const open = new Set(['/health', '/ready', '/openapi.json'].map((path) => `${basePath}${path}`));
  app.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-request-id': request.id });
    const path = request.routeOptions.url ?? '';
    const { authorization } = request.headers;
    if (open.has(path) || isToken(authorization)) return;
    const withPassword = takesPassword(path);
    if (withPassword && isPassword(authorization)) return;
    const what = withPassword
      ? 'the right user name and password'
      : '"Authorization: Bearer TOKEN" with the right token';
    const challenge = `${withPassword ? 'Basic' : 'Bearer'} realm="balancer"`;
    throw new HttpProblem(401, `this path needs ${what}`, { headers: { 'www-authenticate': challenge } });
  });
}

function addRoutes(app: FastifyInstance, settings: HttpSettings, queue: PlanQueue, desk: BalancerDesk): void {
  const at = (path: string) => `${settings.basePath}${path}`;
  const jobs = at('/v1/plan/jobs');
  const orders = at('/v1/orders');

  app.get(at('/health'), () => desk.health());
  app.get(at('/ready'), () => {
    const hindrance = desk.hindrance();
    if (hindrance !== undefined) throw new HttpProblem(503, hindrance, RETRY);
    return desk.health();
  });
  app.get(at('/openapi.json'), () => openApiDocument(settings.basePath));
  app.get(at('/v1/status'), () => ({ ...desk.status(), plansUnderWay: queue.load() }));

  app.get(at('/v1/plan'), () => {
    const plan = desk.plan();
    if (plan === undefined) throw new HttpProblem(404, 'the balancer has published no plan yet');
    return plan;
  });
  app.post(at('/v1/plan'), (request) => {
    // Faults are answered at once, however many plans wait.
    parsePymfmRequest(request.body);
    return (queue.run(request.body) ?? turnAway()).then(answerOf);
  });
  app.post(jobs, (request, reply) => {
    parsePymfmRequest(request.body);
    const job = queue.submit(request.body) ?? turnAway();
    return reply.code(202).header('location', `${jobs}/${job.id}`).send(describeJob(job, jobs));
  });
  app.get(`${jobs}/:id`, (request) => describeJob(jobOf(queue, request), jobs));
  app.get(`${jobs}/:id/result`, (request) => {
    const { state, outcome } = jobOf(queue, request);
    if (outcome === undefined) throw new HttpProblem(409, `the job is ${state}: there is no result yet`);
    return answerOf(outcome);
  });
  app.delete(`${jobs}/:id`, (request, reply) => {
    queue.remove(jobOf(queue, request).id);
    return reply.code(204).send();
  });

  addBalancingJobs(app, at('/balancing'), queue, settings.keptJobs);

  const sendOrder = (reply: FastifyReply, order: Order) =>
    reply
      .code(202)
      .header('location', `${orders}/${encodeURIComponent(order.request)}`)
      .send(order);
  app.post(at('/v1/trigger'), (request, reply) =>
    desk.trigger(parseOrder(triggerOrderSchema, request.body)).then((order) => sendOrder(reply, order)),
  );
  app.post(at('/v1/setpoint'), (request, reply) =>
    desk.setpoint(parseOrder(setpointOrderSchema, request.body)).then((order) => sendOrder(reply, order)),
  );
  app.get(`${orders}/:request`, (request) => {
    const order = desk.findOrder((request.params as { readonly request: string }).request);
    if (order === undefined) throw new HttpProblem(404, 'nothing was ordered under this name');
    return order;
  });
}

function jobOf(queue: PlanQueue, request: FastifyRequest): PlanJob {
  const job = queue.find((request.params as { readonly id: string }).id);
  if (job === undefined) throw new HttpProblem(404, 'there is no such job: it never was, was removed, or is long done');
  return job;
}

function describeJob({ id, state }: PlanJob, jobs: string) {
  return { id, state, result: `${jobs}/${id}/result` };
}

function answerOf(outcome: PlanOutcome): object {
  if ('answer' in outcome) return outcome.answer;
  if ('faults' in outcome) throw unprocessable(outcome.faults);
  throw new Error(`no plan: ${outcome.error}`);
}
