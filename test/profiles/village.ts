/** A village of `houses` households with PV on the first `roofs` of them, as grid document and scenario profiles for tests. */
import { gridDocumentSchema, type GridDocument } from '../../grids/schema.ts';
import { scenarioSchema, type Scenario, type ScenarioInput } from '../../sim/scenario/schema.ts';

export function village(houses: number, roofs: number, changes: Partial<GridDocument> = {}): GridDocument {
  const name = (i: number) => `house-${String(i + 1).padStart(2, '0')}`;
  const azimuths = [135, 180, 225, 90, 270];
  return {
    ...gridDocumentSchema.parse({
      schema: 1,
      name: 'village',
      representation: 'three',
      location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
      buses: Array.from({ length: houses }, (_, i) => ({ id: name(i), nominalVoltageV: 400 })),
      loads: Array.from({ length: houses }, (_, i) => ({
        id: `load-${name(i)}`,
        bus: name(i),
        annualEnergyWh: 3e6,
      })),
      generators: Array.from({ length: roofs }, (_, i) => ({
        id: `pv-${name(i)}`,
        bus: name(i),
        kind: 'pv',
        ratedPowerW: 302e3 / roofs,
        tiltDeg: 30,
        azimuthDeg: azimuths[i % azimuths.length],
      })),
    }),
    ...changes,
  };
}

/** A scenario's profiles with its defaults filled in. */
export function profilesOf(profiles: ScenarioInput['profiles']): Scenario['profiles'] {
  const device = { kind: 'smart-meter', at: 'bus:house-01' } as const;
  return scenarioSchema.parse({
    schema: 1,
    name: 'test',
    site: 'test',
    seed: '1',
    clock: { start: '2021-04-01T00:00:00+02:00', duration: '24h', step: '10s' },
    grid: 'village',
    profiles,
    devices: [device],
    platform: {},
  }).profiles;
}
