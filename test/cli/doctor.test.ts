/** `twin doctor` opens real sockets and a real broker; what is absent is said, not failed. */
import { expect, it } from 'vitest';
import { twin } from './harness.ts';

it('finds this machine fit to run, and measures a round trip through a broker', async () => {
  const { code, out, err } = await twin(['doctor']);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  const states = new Map(
    out
      .trim()
      .split('\n')
      .map((line) => [line.slice(9, 27).trim(), line.slice(0, 7).trim()]),
  );
  expect([...states.keys()]).toEqual([
    'machine',
    'build',
    'loopback sockets',
    'embedded broker',
    'Mosquitto',
    'Chromium',
    'reference cases',
  ]);
  for (const need of ['machine', 'loopback sockets', 'embedded broker']) expect(states.get(need)).toBe('ok');
  for (const state of states.values()) expect(state).toMatch(/^(ok|missing)$/);
  expect(out).toMatch(/MQTT round trip \d+\.\d\d ms/);
  expect(out).toContain(`Node.js ${process.versions.node}`);
});
