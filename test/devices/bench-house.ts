/** A small grid with one house, and truths of it that a test sets by hand. */
import { compileGrid } from '../../grids/compile.ts';
import type { CompiledGrid } from '../../grids/model.ts';
import { gridDocumentSchema } from '../../grids/schema.ts';
import { deviceSchema } from '../../sim/scenario/schema.ts';
import { expandDevices, type ExpandedDevice } from '../../sim/scenario/expand-devices.ts';
import type { Truth } from '../../sim/physics/truth.ts';

export const START_US = 1_617_228_000_000_000;
export const STEP_US = 10e6;
export const clock = { startUs: START_US, stepUs: STEP_US };

/** Source - line (200 A) - house with two loads, PV and a battery. */
export const grid: CompiledGrid = compileGrid(
  gridDocumentSchema.parse({
    schema: 1,
    name: 'bench',
    representation: 'three',
    buses: [
      { id: 'street', nominalVoltageV: 400 },
      { id: 'house', nominalVoltageV: 400 },
    ],
    lines: [
      {
        id: 'service',
        from: 'street',
        to: 'house',
        lengthM: 50,
        r1OhmPerKm: 0.2,
        x1OhmPerKm: 0.08,
        r0OhmPerKm: 0.8,
        x0OhmPerKm: 0.32,
        ratedCurrentA: 200,
      },
    ],
    loads: [
      { id: 'kitchen', bus: 'house' },
      { id: 'workshop', bus: 'house' },
    ],
    generators: [{ id: 'roof', bus: 'house', kind: 'pv', ratedPowerW: 5000 }],
    batteries: [{ id: 'cellar', bus: 'house', ratedPowerW: 5000, capacityWh: 10_000 }],
    externalGrids: [{ id: 'grid', bus: 'street' }],
  }),
);

export interface Settings {
  readonly timeUs?: number;
  /** Magnitude and angle at the house, phase A; B and C follow 120 degrees apart. */
  readonly voltagePu?: number;
  readonly angleRad?: number;
  readonly systemAngleRad?: number;
  readonly frequencyHz?: number;
  /** Into the line at its `to` end, A, phase A; B and C follow. */
  readonly currentA?: number;
  readonly currentAngleRad?: number;
  /** W per phase. */
  readonly kitchenW?: readonly [number, number, number];
  readonly workshopW?: readonly [number, number, number];
  readonly roofW?: readonly [number, number, number];
  readonly batteryW?: readonly [number, number, number];
}

export function truthOf(settings: Settings): Truth {
  const { voltagePu = 1, angleRad = 0, currentA = 100, currentAngleRad = 0 } = settings;
  const voltage = new Float64Array(2 * 3 * grid.busCount);
  const currentTo = new Float64Array(2 * 3 * grid.branches.length);
  const house = grid.busIndex.get('house') ?? 0;
  const base = grid.basePowerVA / (grid.baseVoltageV[house] ?? 1);
  for (let phase = 0; phase < 3; phase += 1) {
    const turn = (-2 * Math.PI * phase) / 3;
    for (let bus = 0; bus < grid.busCount; bus += 1) {
      setPhasor(voltage, bus * 3 + phase, voltagePu, angleRad + turn);
    }
    setPhasor(currentTo, phase, currentA / base, currentAngleRad + turn);
  }
  const powers = (...elements: (readonly [number, number, number] | undefined)[]) =>
    Float64Array.from(elements.flatMap((watts) => (watts ?? [0, 0, 0]).flatMap((active) => [active, 0.2 * active])));
  return {
    grid,
    timeUs: settings.timeUs ?? START_US,
    frequencyHz: settings.frequencyHz ?? 50,
    rocofHzPerS: 0,
    systemAngleRad: settings.systemAngleRad ?? 0,
    converged: true,
    iterations: 1,
    voltage,
    currentFrom: currentTo.map((value) => -value),
    currentTo,
    loadPower: powers(settings.kitchenW, settings.workshopW),
    generatorPower: powers(settings.roofW),
    batteryPower: powers(settings.batteryW),
    lossesW: 0,
    shuntsW: 0,
    exchangeW: 0,
    exchangeVar: 0,
  };
}

function setPhasor(array: Float64Array, at: number, magnitude: number, angle: number): void {
  array[2 * at] = magnitude * Math.cos(angle);
  array[2 * at + 1] = magnitude * Math.sin(angle);
}

/** One device of a scenario entry, defaults filled in. */
export function deviceOf<Kind extends ExpandedDevice['kind']>(
  kind: Kind,
  entry: Readonly<Record<string, unknown>>,
): Extract<ExpandedDevice, { kind: Kind }> {
  const { devices, faults } = expandDevices({ devices: [deviceSchema.parse({ kind, ...entry })] }, grid.document);
  const [device] = devices;
  if (device === undefined) throw new Error(JSON.stringify(faults));
  return device as Extract<ExpandedDevice, { kind: Kind }>;
}
