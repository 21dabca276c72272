/** `twin grid show`: what a person learns of a grid before using it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { gridShow } from '../../cli/commands/grid-show.ts';

const folder = mkdtempSync(join(tmpdir(), 'twin-grid-show-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('sums up the demo site', () => {
  const text = gridShow('abbenhausen');
  for (const line of [
    /^Grid +abbenhausen$/m,
    /^Model +three phases, 50 Hz$/m,
    /^Buses +182: 1 at 20 kV, 181 at 400 V$/m,
    /^Transformers +transformer from mv to busbar: 630 kVA 20\/0\.4 kV Dyn5, vk 6 %, tap 0 of -2\.\.2$/m,
    /^Loads +90: 50\.9\d kW, .* kvar, 270 MWh a year$/m,
    /^Generators +34 PV: 302 kW, 10 of them on one phase$/m,
    /^Batteries +cbes at busbar: 300 kW, 800 kWh$/m,
    /^Sources +grid at mv: 1 pu, 150 MVA short-circuit power$/m,
    /^Topology +radial, 1 energised island$/m,
    /farthest bus house-\d+, \d+ m of line from its source$/m,
  ]) {
    expect(text).toMatch(line);
  }
});

test('says what is fused', () => {
  expect(gridShow('cigre-lv')).toContain('41 electrical nodes: closed switches fuse 3 buses with others');
});

test('counts loops, open ends and what is dead', () => {
  const line = (id: string, from: string, to: string, more: object = {}) => ({
    id,
    from,
    to,
    lengthM: 500,
    r1OhmPerKm: 1,
    x1OhmPerKm: 1,
    ...more,
  });
  const file = join(folder, 'meshed.json');
  const document = {
    schema: 1,
    name: 'meshed',
    representation: 'positive-sequence',
    buses: ['a', 'b', 'c', 'd', 'e'].map((id) => ({ id, nominalVoltageV: 400 })),
    lines: [
      line('ab', 'a', 'b'),
      line('bc', 'b', 'c'),
      line('ca', 'c', 'a'),
      line('cd', 'c', 'd', { toClosed: false }),
      line('de', 'd', 'e', { inService: false }),
    ],
    externalGrids: [{ id: 'grid', bus: 'a' }],
  };
  writeFileSync(file, JSON.stringify(document));
  const text = gridShow(file);
  expect(text).toMatch(/^Lines +5, 2\.5 km; 1 out of service, 1 open at an end$/m);
  expect(text).toContain('meshed with 1 loop, 1 energised island, 2 without a source');
  expect(text).toContain('2 nodes without voltage');
  expect(text).toContain('farthest bus b, 500 m of line');
});
