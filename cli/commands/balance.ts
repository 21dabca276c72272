/** `twin balance REQUEST`: answers a balancing request of the Platone WP5 balancer's form, in its own response shape. */
import { InvalidInputError } from '../../grids/problem.ts';
import { parsePymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';
import { parseRequestJson } from '../../platform/balancer/rest/request-json.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { readText } from '../../grids/read-text.ts';

/**
 * Reads `file` and answers it as JSON text. Throws `InvalidInputError` with every fault and its JSON path. Demands that
 * cannot be met together are an answer, for exit code 20: `met` is false.
 */
export async function balance(file: string): Promise<{ readonly text: string; readonly met: boolean }> {
  const answer = await answerPymfmRequest(parsePymfmRequest(readJson(file), file));
  return { text: JSON.stringify(answer, undefined, 2), met: !('status' in answer) };
}

function readJson(file: string): unknown {
  const text = readText(file);
  try {
    return parseRequestJson(text);
  } catch (error) {
    throw new InvalidInputError([
      { file, path: '', message: `is no JSON: ${(error as Error).message.replaceAll(/\s+/g, ' ')}` },
    ]);
  }
}

export const command = defineCommand<{ readonly request: string }>({
  positionals: { request: { type: 'string', describe: 'JSON file with the request', demandOption: true } },
  options: {},
  examples: [
    {
      line: 'twin balance docs/examples/balance-request.json',
      does: 'Battery powers and state of charge, by rule or optimisation',
    },
  ],
  async run({ request }, { terminal }) {
    const { text, met } = await balance(request);
    terminal.print(text);
    return met ? exitCodes.pass.code : exitCodes.expectationFailed.code;
  },
});
