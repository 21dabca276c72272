/** The example of an estimator over the wire takes the place of the built-in one, and is scored. */
import { spawn } from 'node:child_process';
import { createServer, type AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { rehearse } from '../run/rehearsal.ts';

const root = resolve(import.meta.dirname, '..', '..');

it('docs/examples/mean-voltage-estimator.mjs takes part in an exact run', async () => {
  const port = await freePort();
  const child = spawn(process.execPath, ['docs/examples/mean-voltage-estimator.mjs', `mqtt://127.0.0.1:${port}`], {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    const { report, audit } = await rehearse({
      scenarioFile: 'scenarios/germany/uc1-virtual-islanding.yaml',
      databus: `embedded:${port}`,
      service: { 'state-estimation': 'attach' },
      set: ['clock.duration=30min', 'expect=[]'],
    });
    expect(audit.violations).toEqual([]);
    expect(report).toMatchObject({ verdict: 'pass', class: 'exact', messages: { unexplained: 0 } });
    expect(report.metrics['estimate.coverage']?.mean).toBe(100);
    // Worse than the built-in estimator, which stays below 0.05 %, and far better than nothing.
    expect(report.metrics['estimate.voltage.error']?.p95).toBeGreaterThan(0.05);
    expect(report.metrics['estimate.voltage.error']?.p95).toBeLessThan(2);
  } finally {
    const gone = new Promise((resolved) => child.once('exit', resolved));
    child.kill();
    await gone;
  }
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
