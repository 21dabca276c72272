/** The other paces: a barrier of silence, and a multiple of real time. */
import { describe, expect, it } from 'vitest';
import { hamlet, rehearse } from './rehearsal.ts';

describe.each([['quiet'], ['100x']])('pace %s', (pace) => {
  it.each([['memory'], ['embedded']])(
    'runs over %s, says that it is paced, and accounts for every message',
    async (databus) => {
      const { manifest, report, audit } = await rehearse({ scenarioFile: hamlet, pace, databus });
      expect(manifest).toMatchObject({ class: 'paced', state: 'complete', instants: 19 });
      expect(report).toMatchObject({ class: 'paced', verdict: 'pass', latency: {} });
      expect(audit.violations).toEqual([]);
      expect(report.messages).toMatchObject({ lost: { injected: 0, observed: 0 }, unexplained: 0, inFlight: 0 });
      expect(audit.hops.find(({ hop, kind }) => hop === 'dsotp>power-calculation' && kind === 'pmu')).toMatchObject({
        published: 19,
        delivered: 19,
      });
    },
  );
});
