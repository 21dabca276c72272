/**
 * Somebody else's state estimator, as small as it can be: every bus has the mean voltage of the meters that reported.
 * It shows the whole protocol by which any program, in any language, takes the place of the service state-estimation.
 *
 *   node docs/examples/mean-voltage-estimator.mjs mqtt://127.0.0.1:18830
 *   node bin/twin.mjs run SCENARIO --databus embedded:18830 --service state-estimation=attach
 */
import { readFileSync } from 'node:fs';
import { connect } from 'mqtt';

const url = process.argv[2] ?? 'mqtt://127.0.0.1:1883';
const site = 'germany';
const { buses } = JSON.parse(readFileSync('grids/networks/abbenhausen/grid.json', 'utf8'));
const nominalV = new Map(buses.map((bus) => [bus.id, bus.nominalVoltageV / Math.sqrt(3)]));

// Knocks until the broker is there: the order in which this and the run are started does not matter.
const client = connect(url, { clientId: 'mean-voltage-estimator', reconnectPeriod: 500 });
client.on('connect', () => {
  // Without TCP_NODELAY every instant waits 40 ms for a delayed acknowledgement.
  client.stream.setNoDelay(true);
  client.subscribe(['/bal/time/tick', `/bal/${site}/smart-meter/+`], { qos: 1 });
});
client.on('error', () => {});

/** Messages since the last tick. */
let arrived = [];
// One tick after the other, in the order in which they came.
let work = Promise.resolve();

client.on('message', (topic, payload) => {
  const message = JSON.parse(payload.toString());
  if (topic === '/bal/time/tick') {
    const inputs = arrived;
    arrived = [];
    work = work.then(() => complete(message, inputs));
  } else arrived.push(message);
});

/** Answers one tick: the outputs first, and when the broker has them, progress with the counts. */
async function complete(tick, inputs) {
  // Sequence 0 announces a run: a service forgets the last one and says that it is there.
  const estimates = tick.sequence > 0 && inputs.length > 0 ? [estimate(inputs)] : [];
  for (const message of estimates) await publish(`dsotp/estimate/${site}/mean-voltage`, message);
  await publish('dsotp/time/progress/state-estimation', {
    schema: 'platone.progress/1',
    runId: tick.runId,
    service: 'state-estimation',
    instance: '0',
    timeUs: tick.timeUs,
    sequence: tick.sequence,
    inputs: inputs.length > 0 ? { 'smart-meter': inputs.length } : {},
    outputs: estimates.length > 0 ? { estimate: estimates.length } : {},
  });
}

function estimate(meters) {
  const perUnit = ['A', 'B', 'C'].map((phase) =>
    mean(
      meters.flatMap(({ readings }) =>
        readings
          .filter((reading) => reading.measurand === 'voltmagnitude' && reading.phase === phase)
          .map(({ component, data }) => data / nominalV.get(component.slice('bus:'.length))),
      ),
    ),
  );
  const { interval, timestamp } = meters[0];
  const unknown = [null, null, null];
  return {
    schema: 'platone.estimate/1',
    estimator: 'mean-voltage',
    timestamp,
    interval,
    status: 'converged',
    iterations: 1,
    buses: [...nominalV].map(([id, nominal]) => ({
      id,
      voltageMagnitudeV: perUnit.map((value) => value * nominal),
      voltageAngleRad: unknown,
      voltageMagnitudeSigmaV: perUnit.map(() => 0.01 * nominal),
      voltageAngleSigmaRad: unknown,
    })),
    branches: [],
    inventory: [],
  };
}

function mean(values) {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

async function publish(topic, message) {
  await client.publishAsync(topic, JSON.stringify(message), { qos: 1 });
}
