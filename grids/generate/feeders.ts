/**
 * Synthetic medium-voltage grids of any size, radial or meshed, for benchmarks and scaling tests.
 *
 * A 20 kV busbar behind a short-circuit impedance feeds cables (NA2XS2Y 3x1x150) in feeders of about 50 buses. Within a
 * feeder seven buses of ten continue the cable, the others branch off one of the last eight buses. Segments are 200 to
 * 800 m long, every bus but the busbar has a constant-power load of 20 to 130 kW at a power factor of about 0.95. In a
 * meshed grid a tie line joins a bus of each feeder with a bus of the next: one loop per feeder, so at most one loop in
 * 50 buses. In three phases a load is shared unequally, 20 to 60 % a phase. The source is as strong as the grid is
 * large (25 times the load), so that the voltage drop, some percent, does not depend on the size.
 *
 * Cable data: r, x, c of the positive sequence from the manufacturers' tables of that cable; the zero sequence
 * (r0 = 4 r1, x0 = 3.5 x1, c0 = c1) is a usual proportion for screened cables, not a figure of one product.
 */
import { randomStream, type RandomStream } from '../../numerics/random.ts';
import { gridDocumentSchema, type GridDocument, type GridDocumentInput } from '../schema.ts';

export interface FeederGridOptions {
  /** Number of buses, the busbar included; at least 2. */
  readonly buses: number;
  readonly representation: GridDocument['representation'];
  readonly meshed?: boolean;
  readonly seed?: string;
  /** Buses in a feeder; `buses` makes one long feeder. */
  readonly feederBuses?: number;
  /** Factor on all loads (default 1); long feeders bear less. */
  readonly loadScale?: number;
}

const CABLE = {
  r1OhmPerKm: 0.206,
  x1OhmPerKm: 0.122,
  c1FPerKm: 0.254e-6,
  r0OhmPerKm: 0.824,
  x0OhmPerKm: 0.427,
  c0FPerKm: 0.254e-6,
  ratedCurrentA: 319,
} as const;

/** The same options give the same grid. Lines stand in the order of their far bus, ties behind them. */
export function generateFeederGrid(options: FeederGridOptions): GridDocument {
  const { buses, representation, meshed = false, seed = 'feeders', feederBuses = 50, loadScale = 1 } = options;
  if (!Number.isInteger(buses) || buses < 2) throw new RangeError(`a grid of ${buses} buses: at least 2 are needed`);
  const random = randomStream(seed, ['feeder-grid', String(buses)]);
  const feeders = growFeeders(buses, Math.max(1, Math.floor(buses / feederBuses)), random);
  const line = (id: string, from: number, to: number): NonNullable<GridDocumentInput['lines']>[number] => ({
    id,
    from: busId(from),
    to: busId(to),
    lengthM: Math.round(200 + 600 * random.uniform()),
    ...CABLE,
  });
  const lines = feeders.flatMap(({ members, parents }) =>
    members.map((bus, k) => line(`line-${bus}`, parents[k]!, bus)),
  );
  lines.sort((a, b) => busNumber(a.to) - busNumber(b.to));
  const loads = Array.from({ length: buses - 1 }, (_, k) => load(k + 1, representation === 'three', loadScale, random));
  if (meshed) {
    feeders
      .slice(1)
      .forEach(({ members }, f) =>
        lines.push(line(`tie-${f + 1}`, pick(feeders[f]!.members, random), pick(members, random))),
      );
  }
  const totalW = loads.reduce((sum, { nominalW }) => sum + nominalW, 0);
  return gridDocumentSchema.parse({
    schema: 1,
    name: `${buses} buses in ${feeders.length} feeders, ${meshed ? 'meshed' : 'radial'}`,
    representation,
    buses: Array.from({ length: buses }, (_, bus) => ({ id: busId(bus), nominalVoltageV: 20_000 })),
    lines,
    loads: loads.map(({ element }) => element),
    externalGrids: [
      {
        id: 'grid',
        bus: busId(0),
        voltagePu: 1.02,
        shortCircuitPowerVA: 25 * totalW,
        shortCircuitRX: 0.1,
        zeroSequenceRatio: 1,
      },
    ],
  } satisfies GridDocumentInput);
}

function busId(bus: number): string {
  return `bus-${bus}`;
}

function busNumber(id: string): number {
  return Number(id.slice('bus-'.length));
}

function pick(from: readonly number[], random: RandomStream): number {
  return from[Math.floor(random.uniform() * from.length)]!;
}

interface Feeder {
  readonly members: readonly number[];
  /** The bus that each member hangs from. */
  readonly parents: readonly number[];
}

/** Buses 1, 2, ... go to the feeders in blocks; each hangs from one before it in its feeder, the first from the busbar. */
function growFeeders(buses: number, count: number, random: RandomStream): Feeder[] {
  return Array.from({ length: count }, (_, f) => {
    const first = 1 + Math.floor((f * (buses - 1)) / count);
    const end = 1 + Math.floor(((f + 1) * (buses - 1)) / count);
    const members = Array.from({ length: end - first }, (_, k) => first + k);
    const parents = members.map((bus, k) => {
      if (k === 0) return 0;
      const back = random.uniform() < 0.7 ? 1 : 1 + Math.floor(random.uniform() * Math.min(8, k));
      return bus - back;
    });
    return { members, parents };
  });
}

/** A load and its three-phase active power. */
function load(bus: number, three: boolean, scale: number, random: RandomStream) {
  const nominalW = Math.round(scale * (20_000 + 110_000 * random.uniform()));
  const nominalVar = Math.round(nominalW * (0.2 + 0.25 * random.uniform()));
  const a = 0.2 + 0.3 * random.uniform();
  const b = 0.2 + (0.8 - a - 0.2) * random.uniform();
  const share = (sum: number) => (three ? { A: sum * a, B: sum * b, C: sum * (1 - a - b) } : sum);
  return {
    nominalW,
    element: { id: `load-${bus}`, bus: busId(bus), activePowerW: share(nominalW), reactivePowerVar: share(nominalVar) },
  };
}
