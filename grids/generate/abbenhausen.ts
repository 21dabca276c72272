/**
 * The German demo site as a grid document. What is public and what is our proposal stands in
 * `grids/networks/abbenhausen/SOURCE.md`; no figure here is random, so the same code always gives the same file.
 */
import type { GridDocumentInput } from '../schema.ts';

type Bus = GridDocumentInput['buses'][number];
type Line = NonNullable<GridDocumentInput['lines']>[number];
type Load = NonNullable<GridDocumentInput['loads']>[number];
type Generator = NonNullable<GridDocumentInput['generators']>[number];

const HOUSES = 90;
const ANNUAL_ENERGY_KWH = 90 * 3000;
/** Coincident peak of the 90 households over their mean power: 50.95 kW over 30.82 kW. */
const PEAK_OVER_MEAN = 1.653;
const LOAD_POWER_FACTOR = 0.95;
const PV_TOTAL_W = 302_000;

/** Low-voltage cables, per km; the zero sequence returns in the PEN core of equal cross-section. */
const NAYY_150 = cable(0.208, 0.08, 261e-9, 270);
const NAYY_50 = cable(0.642, 0.083, 210e-9, 142);

/**
 * Four equal cores at equal distances: Z0 = Z_phase + 3 Z_PEN - 6 Z_mutual + 2 Z_mutual = 4 Z1 after elimination of the
 * PEN (Kron). The phase-to-PEN capacitance is taken as half of the working capacitance.
 */
function cable(r1: number, x1: number, c1: number, ratedCurrentA: number) {
  return {
    r1OhmPerKm: r1,
    x1OhmPerKm: x1,
    c1FPerKm: c1,
    r0OhmPerKm: round(4 * r1, 6),
    x0OhmPerKm: round(4 * x1, 6),
    c0FPerKm: c1 / 2,
    ratedCurrentA,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Evenly spread numbers in [0, 1): multiples of the golden ratio. `lane` keeps different uses apart. */
function spread(index: number, lane: number): number {
  return (index * 0.6180339887498949 + lane * 0.3819) % 1;
}

function pad(number: number): string {
  return String(number).padStart(2, '0');
}

/** Houses along each feeder, and the joint from which the last ones leave as a side street (0: none). */
const FEEDERS = [
  { houses: 18, sideFrom: 9, sideHouses: 5 },
  { houses: 17, sideFrom: 0, sideHouses: 0 },
  { houses: 16, sideFrom: 8, sideHouses: 4 },
  { houses: 15, sideFrom: 0, sideHouses: 0 },
  { houses: 13, sideFrom: 0, sideHouses: 0 },
  { houses: 11, sideFrom: 0, sideHouses: 0 },
] as const;

const COLUMN = 260;
const ROW = 44;
const CENTRE = (COLUMN * (FEEDERS.length - 1)) / 2;

interface Street {
  readonly buses: Bus[];
  readonly lines: Line[];
}

/** Joints every 22 to 34 m of main cable, each with one house at a service cable of 8 to 24 m. */
function layStreets(): Street {
  const buses: Bus[] = [
    { id: 'mv', nominalVoltageV: 20_000, name: 'MV connection', position: { x: CENTRE, y: 0 } },
    { id: 'busbar', nominalVoltageV: 400, name: 'LV busbar', position: { x: CENTRE, y: 80 } },
  ];
  const lines: Line[] = [];
  let house = 0;
  FEEDERS.forEach(({ houses, sideFrom, sideHouses }, f) => {
    const feeder = f + 1;
    const main = houses - sideHouses;
    for (let k = 1; k <= houses; k++) {
      house++;
      const onSide = k > main;
      const first = k === 1 ? 'busbar' : `joint-${feeder}-${k === main + 1 && onSide ? sideFrom : k - 1}`;
      const x = f * COLUMN + (onSide ? 0.5 * COLUMN : 0);
      const y = 160 + ROW * (onSide ? sideFrom + (k - main) : k);
      const side = k % 2 === 0 ? 1 : -1;
      buses.push(
        { id: `joint-${feeder}-${k}`, nominalVoltageV: 400, position: { x, y } },
        { id: `house-${pad(house)}`, nominalVoltageV: 400, position: { x: x + side * 48, y: y + 10 } },
      );
      const mainLength = k === 1 ? 40 + 10 * f : 22 + Math.round(12 * spread(house, 1));
      lines.push(
        { id: `feeder-${feeder}-${k}`, from: first, to: `joint-${feeder}-${k}`, lengthM: mainLength, ...NAYY_150 },
        {
          id: `service-${pad(house)}`,
          from: `joint-${feeder}-${k}`,
          to: `house-${pad(house)}`,
          lengthM: 8 + Math.round(16 * spread(house, 2)),
          ...NAYY_50,
        },
      );
    }
  });
  return { buses, lines };
}

/** Farms with large roofs and more than twice the consumption of a house. */
const FARMS = [7, 31, 58, 84];
const PV_ROOFS = 30;
/** How the farms share what the other roofs leave of the total. */
const FARM_SHARES = [0.34, 0.28, 0.22, 0.16];

/** Annual energies from 0.45 to 1.75 times the mean, farms 2.4 times as much, whole kWh that add up exactly. */
function meterLoads(): Load[] {
  const weight = Array.from(
    { length: HOUSES },
    (_, i) => (0.45 + 1.3 * spread(i + 1, 3)) * (FARMS.includes(i + 1) ? 2.4 : 1),
  );
  const total = weight.reduce((sum, w) => sum + w, 0);
  const energy = weight.map((w) => Math.round((w / total) * ANNUAL_ENERGY_KWH));
  energy[HOUSES - 1]! += ANNUAL_ENERGY_KWH - energy.reduce((sum, e) => sum + e, 0);
  const tangent = Math.sqrt(1 / LOAD_POWER_FACTOR ** 2 - 1);
  return energy.map((kWh, i) => {
    const peakW = ((kWh * 1000) / 8760) * PEAK_OVER_MEAN;
    // Single-phase appliances: the strongest phase of a house has half of its load; it goes round from house to house.
    const shares = [0.5, 0.3, 0.2];
    const phase = (k: number): number => shares[(k + i) % 3]!;
    const split = (w: number) => ({ A: round(w * phase(0), 1), B: round(w * phase(1), 1), C: round(w * phase(2), 1) });
    const id = `house-${pad(i + 1)}`;
    return {
      id,
      bus: id,
      connection: 'wye',
      activePowerW: split(peakW),
      reactivePowerVar: split(peakW * tangent),
      annualEnergyWh: kWh * 1000,
    };
  });
}

/** Every third system is small and single-phase (2.4 to 4.6 kWp), the others 5.0 to 9.8 kWp, the farms share the rest. */
function mountPv(): Generator[] {
  const farms = new Set(FARMS);
  const roofs: number[] = [];
  for (let k = 0; k < PV_ROOFS; k++) {
    let house = 1 + Math.floor((k * HOUSES) / PV_ROOFS);
    while (farms.has(house) || roofs.includes(house)) house++;
    roofs.push(house);
  }
  const houses = [...FARMS, ...roofs].sort((a, b) => a - b);
  const small = (house: number): boolean => roofs.indexOf(house) % 3 === 1;
  const roofW = (house: number): number => {
    if (small(house)) return 2400 + 200 * Math.floor(12 * spread(house, 4));
    return 5000 + 200 * Math.floor(25 * spread(house, 5));
  };
  const farmTotal = PV_TOTAL_W - roofs.reduce((sum, house) => sum + roofW(house), 0);
  const farmPart = FARM_SHARES.map((share) => Math.round((share * farmTotal) / 100) * 100);
  farmPart[0]! += farmTotal - farmPart.reduce((sum, w) => sum + w, 0);
  const farmW = (house: number): number => farmPart[FARMS.indexOf(house)]!;
  let single = 0;
  return houses.map((house, k) => ({
    id: `pv-${pad(k + 1)}`,
    bus: `house-${pad(house)}`,
    kind: 'pv',
    connection: small(house) ? (['A', 'B', 'C'] as const)[single++ % 3]! : 'wye',
    ratedPowerW: farms.has(house) ? farmW(house) : roofW(house),
    tiltDeg: 30,
    azimuthDeg: 135 + 5 * Math.floor(19 * spread(house, 6)),
  }));
}

type Battery = NonNullable<GridDocumentInput['batteries']>[number];

/** Households with a battery beside their roof. */
const STORES = 5;

function mountBatteries(generators: readonly Generator[]): Battery[] {
  const roofs = generators.filter(({ bus }) => !FARMS.some((farm) => bus === `house-${pad(farm)}`));
  return Array.from({ length: STORES }, (_, k) => {
    const roof = roofs[Math.floor(((k + 0.5) * roofs.length) / STORES)]!;
    return { id: `hbes-${pad(k + 1)}`, bus: roof.bus, ratedPowerW: 5_000, capacityWh: 10_000 };
  });
}

/** The site; with `householdBatteries` as the network `abbenhausen-storage`. */
export function generateAbbenhausen({ householdBatteries = false } = {}): GridDocumentInput {
  const { buses, lines } = layStreets();
  const generators = mountPv();
  return {
    schema: 1,
    name: householdBatteries ? 'abbenhausen-storage' : 'abbenhausen',
    description:
      'Low-voltage grid after the German demo site of Platone (Avacon, Abbenhausen); topology and cables are a proposal, see SOURCE.md',
    assumptions: [
      'The grid of the site is not public: transformer (630 kVA Dyn5), six feeders of NAYY cable, the places of the houses and of 34 PV systems are a proposal; 90 households of 3,000 kWh, 302 kWp and the 300 kW / 800 kWh battery are published.',
      'Zero sequence of the cables: R0/R1 = X0/X1 = 4 (four equal cores, PEN Kron-reduced); of the transformer: as the positive sequence.',
      'The 20 kV grid is a stiff voltage of 1.0 pu behind 150 MVA, R/X 0.4.',
      ...(householdBatteries
        ? [
            'Five households took part in the field test with PV and battery; which ones, and batteries of 5 kW and 10 kWh, are a proposal.',
          ]
        : []),
    ],
    representation: 'three',
    frequencyHz: 50,
    location: { latitudeDeg: 52.83, longitudeDeg: 8.63 },
    buses,
    lines,
    transformers: [
      {
        id: 'transformer',
        from: 'mv',
        to: 'busbar',
        ratedPowerVA: 630_000,
        ratedVoltageFromV: 20_000,
        ratedVoltageToV: 400,
        vkPercent: 6,
        vkrPercent: 1.206,
        ironLossW: 1650,
        noLoadCurrentPercent: 0.2619,
        vectorGroup: 'Dyn5',
        tap: { side: 'from', position: 0, neutral: 0, stepPercent: 2.5, min: -2, max: 2 },
        zeroSequence: { vkPercent: 6, vkrPercent: 1.206 },
      },
    ],
    loads: meterLoads(),
    generators,
    batteries: [
      { id: 'cbes', bus: 'busbar', ratedPowerW: 300_000, capacityWh: 800_000 },
      ...(householdBatteries ? mountBatteries(generators) : []),
    ],
    externalGrids: [{ id: 'grid', bus: 'mv', voltagePu: 1, shortCircuitPowerVA: 150e6, shortCircuitRX: 0.4 }],
  };
}
