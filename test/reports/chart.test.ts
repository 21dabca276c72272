/** Drawings keep their labels apart, whatever they span. */
import { expect, it } from 'vitest';
import { renderChart } from '../../reports/html/chart.ts';

it.each([
  [1, 1e7],
  [50, 3e3],
  [1, 1e12],
])('durations from %d to %d us have labels that do not touch, wide and narrow', (least, most) => {
  const line = { label: 'a hop', colour: '--load', x: [least, most], y: [0, 100] };
  const figure = renderChart({ title: 'L', caption: 'C', x: { kind: 'duration' }, yLabel: '%', lines: [line] });
  const drawings = figure.split('<svg').slice(1);
  expect(drawings).toHaveLength(2);
  for (const drawing of drawings) {
    const places = [...drawing.matchAll(/<text class="tick(?: end)?" x="([\d.]+)" y="\d+">/g)].map(([, x]) =>
      Number(x),
    );
    const labels = places.filter((_, i) => i > 0).map((x, i) => x - (places[i] ?? 0));
    expect(labels.length).toBeGreaterThan(0);
    expect(Math.min(...labels)).toBeGreaterThan(44);
  }
});
