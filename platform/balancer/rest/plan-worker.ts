/** Works out plans in a thread of its own: a hard one may take seconds, and the battery's loop goes on meanwhile. */
import { parentPort } from 'node:worker_threads';
import { InvalidInputError, type Problem } from '../../../grids/problem.ts';
import { parsePymfmRequest } from '../pymfm-request.ts';
import { answerPymfmRequest, type PymfmAnswer } from '../pymfm.ts';

/** What comes back: the answer, the request's faults, or the words of an error that nobody expected. */
export type PlanOutcome =
  | { readonly answer: PymfmAnswer }
  | { readonly faults: readonly Problem[] }
  | { readonly error: string };

async function plan(request: unknown): Promise<PlanOutcome> {
  try {
    return { answer: await answerPymfmRequest(parsePymfmRequest(request)) };
  } catch (error) {
    if (error instanceof InvalidInputError) return { faults: error.problems };
    return { error: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

/** One request at a time: the queue sends the next one when it has this one's outcome. */
parentPort?.on('message', (request: unknown) => {
  void plan(request).then((outcome) => parentPort?.postMessage(outcome, []));
});
