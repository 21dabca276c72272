/** `twin serve SERVICE --config FILE`: one platform service against a broker, until it is told to stop. */
import { servableNames, serveService } from '../../platform/service/serve.ts';
import { closest } from '../../numerics/edit-distance.ts';
import { defineCommand, UsageError } from '../command.ts';
import { exitCodes } from '../exit-codes.ts';

export const command = defineCommand<{ readonly service: string; readonly config: string }>({
  positionals: { service: { type: 'string', describe: `One of ${servableNames.join(', ')}` } },
  options: {
    config: { type: 'string', demandOption: true, describe: 'Configuration file (YAML or JSON)' },
  },
  examples: [
    { line: 'twin serve power-calculation --config power-calculation.yaml', does: 'As in the field' },
    {
      line: 'TWIN_DATABUS_URL=mqtt://broker:1883 twin serve balancer --config b.yaml',
      does: 'Broker from the environment',
    },
  ],
  async run({ service, config }, { terminal, interruption }) {
    if (!servableNames.some((name) => name === service)) {
      const near = closest(service, servableNames);
      const hint = near === undefined ? `one of ${servableNames.join(', ')}` : `did you mean "${near}"?`;
      throw new UsageError(`there is no service "${service}"; ${hint}`);
    }
    const supervised = (terminal.env.TWIN_UNTIL_INPUT_ENDS ?? '') !== '';
    const signals = [interruption(), ...(supervised ? [endOfInput()] : [])];
    await serveService(service, config, AbortSignal.any(signals));
    return exitCodes.pass.code;
  },
});

/** Whoever started this service holds the other end of its standard input, and lets it go by dying at the latest. */
function endOfInput(): AbortSignal {
  const ended = new AbortController();
  const { stdin } = process;
  stdin.once('close', () => ended.abort()).resume();
  // Waiting for it is no reason to stay.
  if ('unref' in stdin) stdin.unref();
  return ended.signal;
}
