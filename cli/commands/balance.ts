/** `twin balance REQUEST`: answers a balancing request of the Platone WP5 balancer's form, in its own response shape. */
import { createSourceMap, parseJson, parsePath } from '../../grids/json-source.ts';
import { inFileOrder, InvalidInputError } from '../../grids/problem.ts';
import { parsePymfmRequest, type PymfmRequest } from '../../platform/balancer/pymfm-request.ts';
import { answerPymfmRequest } from '../../platform/balancer/pymfm.ts';
import { parseRequestJson } from '../../platform/balancer/rest/request-json.ts';
import { defineCommand } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';
import { readText } from '../../grids/read-text.ts';

/**
 * Reads `file` and answers it as JSON text. Throws `InvalidInputError` with every fault and its place. Demands that
 * cannot be met together are an answer, for exit code 20: `met` is false.
 */
export async function balance(file: string): Promise<{ readonly text: string; readonly met: boolean }> {
  const answer = await answerPymfmRequest(readRequest(file));
  return { text: JSON.stringify(answer, undefined, 2), met: !('status' in answer) };
}

function readRequest(file: string): PymfmRequest {
  const text = readText(file);
  const value = readJson(file, text);
  try {
    return parsePymfmRequest(value, file);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const source = createSourceMap(text);
    throw new InvalidInputError(
      inFileOrder(
        error.problems.map((problem) => ({ ...problem, ...source.place(parsePath(problem.path), problem.atKey) })),
      ),
    );
  }
}

function readJson(file: string, text: string): unknown {
  try {
    return parseRequestJson(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { problems: found } = parseJson(text);
    const problems = found.length > 0 ? found : [{ path: '', message: `is not valid JSON: ${error.message}` }];
    throw new InvalidInputError(problems.map((problem) => ({ file, ...problem })));
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
