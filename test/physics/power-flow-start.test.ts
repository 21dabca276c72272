/** Where Newton's method begins: it finds far solutions by itself, and the one that a document points at. */
import { describe, expect, test } from 'vitest';
import type { GridDocumentInput } from '../../grids/schema.ts';
import { createPowerFlow, type PowerFlow } from '../../sim/physics/power-flow.ts';
import { voltage } from './hand-solved.ts';
import { compile } from './random-grid.ts';

type Bus = GridDocumentInput['buses'][number];

const NOMINAL_V = 110_000;
/** Of half a section, ohm. */
const X = 12.1;
const SECTIONS = 11;

const halfSection = (id: string, from: string, to: string) => ({
  id,
  from,
  to,
  lengthM: 1000,
  r1OhmPerKm: 0,
  x1OhmPerKm: X,
  r0OhmPerKm: 0,
  x0OhmPerKm: 3 * X,
});

/**
 * A lossless corridor: posts that hold 1 pu, a plain bus midway between each two, and a generator at the far end whose
 * power turns each section by `degrees`: P = V^2 sin(delta) / 2X.
 */
function corridor(degrees: number, representation: GridDocumentInput['representation']): GridDocumentInput {
  const sections = Array.from({ length: SECTIONS }, (_, k) => k);
  const power = (NOMINAL_V ** 2 * Math.sin((degrees * Math.PI) / 180)) / (2 * X);
  const bus = (id: string): Bus => ({ id, nominalVoltageV: NOMINAL_V });
  return {
    schema: 1,
    name: 'corridor',
    representation,
    buses: [bus('post-0'), ...sections.flatMap((k) => [bus(`middle-${k}`), bus(`post-${k + 1}`)])],
    lines: sections.flatMap((k) => [
      halfSection(`${k}-near`, `post-${k}`, `middle-${k}`),
      halfSection(`${k}-far`, `middle-${k}`, `post-${k + 1}`),
    ]),
    generators: sections.map((k) => ({
      id: `g-${k + 1}`,
      bus: `post-${k + 1}`,
      activePowerW: k === SECTIONS - 1 ? power : 0,
      voltageControl: { voltagePu: 1 },
    })),
    externalGrids: [{ id: 'source', bus: 'post-0' }],
  };
}

describe.each(['positive-sequence', 'three'] as const)('a corridor, %s', (representation) => {
  test.each([5, 30, 60])('of %i degrees a section: the far end is where geometry puts it', (degrees) => {
    const flow = createPowerFlow(compile(corridor(degrees, representation)));
    expect(flow.solve()).toMatchObject({ converged: true });
    const whole = SECTIONS * degrees;
    const { vm, va } = voltage(flow, `post-${SECTIONS}`);
    expect(vm).toBeCloseTo(1, 10);
    expect(Math.cos(((va - whole) * Math.PI) / 180)).toBeCloseTo(1, 12);
    // Midway between two voltages of 1 pu.
    expect(voltage(flow, 'middle-4').vm).toBeCloseTo(Math.cos((degrees * Math.PI) / 360), 10);
  });

  test('beyond its limit there is no solution', () => {
    const input = corridor(90, representation);
    input.generators!.at(-1)!.activePowerW = 1.05 * (input.generators!.at(-1)!.activePowerW as number);
    expect(createPowerFlow(compile(input)).solve()).toMatchObject({ converged: false });
  });
});

describe('a load with two solutions', () => {
  /** PX / V^2 = 0.4: V^2 = (1 +- sqrt(1 - 4 * 0.4^2)) / 2. */
  const [HIGH, LOW] = [Math.sqrt(0.8), Math.sqrt(0.2)];
  const feeder = (start?: Bus['start']): GridDocumentInput => ({
    schema: 1,
    name: 'feeder',
    representation: 'positive-sequence',
    buses: [
      { id: 'source', nominalVoltageV: NOMINAL_V },
      { id: 'load', nominalVoltageV: NOMINAL_V, ...(start !== undefined && { start }) },
    ],
    lines: [halfSection('line', 'source', 'load')],
    loads: [{ id: 'load', bus: 'load', activePowerW: (0.4 * NOMINAL_V ** 2) / X }],
    externalGrids: [{ id: 'source', bus: 'source' }],
  });
  const solved = (start?: Bus['start']): PowerFlow => {
    const flow = createPowerFlow(compile(feeder(start)), { method: 'newton' });
    expect(flow.solve()).toMatchObject({ converged: true });
    return flow;
  };

  test('is at the upper one, unless its document begins near the lower one', () => {
    expect(voltage(solved(), 'load').vm).toBeCloseTo(HIGH, 9);
    const low = solved({ voltagePu: 0.45, angleDeg: -60 });
    expect(voltage(low, 'load').vm).toBeCloseTo(LOW, 9);
    expect(voltage(low, 'load').va).toBeCloseTo((-Math.asin(0.4 / LOW) * 180) / Math.PI, 6);
  });

  test('a flat start of the power flow is the one of the document', () => {
    const flow = solved({ voltagePu: 0.45, angleDeg: -60 });
    const power = flow.powers.load.slice();
    flow.powers.load.fill(0);
    expect(flow.solve()).toMatchObject({ converged: true });
    expect(voltage(flow, 'load').vm).toBeCloseTo(1, 9);
    flow.powers.load.set(power);
    flow.flatStart();
    flow.solve();
    expect(voltage(flow, 'load').vm).toBeCloseTo(LOW, 9);
  });
});

test('a start that leads nowhere does no harm', () => {
  const input = corridor(60, 'positive-sequence');
  // Every bus in phase with the source: the first step would stretch the far voltages instead of turning them.
  for (const bus of input.buses) bus.start = { voltagePu: 1, angleDeg: 0 };
  const flow = createPowerFlow(compile(input));
  expect(flow.solve()).toMatchObject({ converged: true });
  expect(voltage(flow, `post-${SECTIONS}`).va).toBeCloseTo(SECTIONS * 60 - 720, 8);
});
