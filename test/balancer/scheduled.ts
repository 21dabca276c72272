/** Answers to requests of pymfm that ask for a schedule. */
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';

export async function scheduled(request: unknown) {
  const answer = await answerPymfmRequest(parsePymfmRequest(request));
  if (!('results' in answer)) throw new Error('a schedule has results');
  return answer;
}
