/** Milliseconds per warm state estimate on Abbenhausen: 90 meters with P, Q, |V| per phase and one PMU. */
import { createCore, createVillage, meters, quarterUs, startUs } from './state-estimation-village.ts';

const ROUNDS = 40;

/** Time of one estimate with messages already taken in; the messages themselves are made outside. */
function measure(sigmasEveryCount: number): {
  readonly medianMs: number;
  readonly leastMs: number;
  readonly iterations: number;
} {
  const village = createVillage();
  const core = createCore({ sigmasEveryCount });
  const times: number[] = [];
  let iterations = 0;
  for (let round = 1; round <= ROUNDS; round += 1) {
    const timeUs = startUs + round * quarterUs;
    village.live(round / 6);
    for (const meter of meters) {
      const options = {
        systemAngleRad: 0.7 * round,
        error: (reading: number) => 0.002 * Math.sin(17 * reading + round),
        ...(meter.kind === 'smart-meter' && { intervalStartUs: timeUs - quarterUs }),
      };
      core.takeMeasurement(meter.kind, village.message(meter, timeUs, options), timeUs);
    }
    const before = performance.now();
    const estimate = core.estimate(timeUs);
    if (round > 5) {
      times.push(performance.now() - before);
      iterations += estimate.iterations;
    }
    if (estimate.status !== 'converged') throw new Error(`round ${round}: ${estimate.status}`);
  }
  times.sort((a, b) => a - b);
  return { medianMs: times[times.length >> 1]!, leastMs: times[0]!, iterations: iterations / times.length };
}

for (const [name, every] of [
  ['estimate', 0],
  ['estimate with standard deviations', 1],
] as const) {
  const { medianMs, leastMs, iterations } = measure(every);
  process.stdout.write(
    `${name}: median ${medianMs.toFixed(2)} ms, least ${leastMs.toFixed(2)} ms, ${iterations.toFixed(1)} iterations\n`,
  );
}
