/** The solved MATPOWER reference cases as grid documents: per-unit branches become one-kilometre lines in ohm. */
import type { GridDocumentInput } from '../../grids/schema.ts';

export interface MatpowerCase {
  readonly name: string;
  readonly baseMVA: number;
  readonly bus: readonly (readonly number[])[];
  readonly gen: readonly (readonly number[])[];
  readonly branch: readonly (readonly number[])[];
  readonly expected: {
    readonly bus: readonly (readonly number[])[];
    readonly gen: readonly (readonly number[])[];
    readonly branch: readonly (readonly number[])[];
    readonly total_loss_MW: number;
  };
}

const FREQUENCY_HZ = 50;
const MW = 1e6;

/** A case wholly in per unit has a base of 0 kV; any voltage serves. */
function kilovolts(bus: readonly number[]): number {
  return bus[9] === 0 ? 1 : bus[9]!;
}

/** Branches with a ratio become pi transformers whose tap carries it; others lines. Ids are row numbers from 1. */
export function matpowerDocument(data: MatpowerCase): GridDocumentInput {
  const baseKv = new Map(data.bus.map((bus) => [bus[0]!, kilovolts(bus)]));
  const zBase = (bus: number): number => baseKv.get(bus)! ** 2 / data.baseMVA;
  const rowsWithId = data.branch.map((branch, i) => ({ branch, id: String(i + 1) }));
  const slack = data.bus.find((bus) => bus[1] === 3)!;
  return {
    schema: 1,
    name: data.name,
    representation: 'positive-sequence',
    frequencyHz: FREQUENCY_HZ,
    buses: data.bus.map((bus) => ({ id: String(bus[0]), nominalVoltageV: kilovolts(bus) * 1000 })),
    lines: rowsWithId
      .filter(({ branch }) => branch[8] === 0 && branch[9] === 0)
      .map(({ branch: [from, to, r, x, b, , , , , , status], id }) => ({
        id,
        from: String(from),
        to: String(to),
        lengthM: 1000,
        r1OhmPerKm: r! * zBase(from!),
        x1OhmPerKm: x! * zBase(from!),
        c1FPerKm: b! / zBase(from!) / (2 * Math.PI * FREQUENCY_HZ),
        inService: status === 1,
      })),
    transformers: rowsWithId
      .filter(({ branch }) => branch[8] !== 0 || branch[9] !== 0)
      .map(({ branch: [from, to, r, x, b, , , , ratio, angle, status], id }) => {
        if (b !== 0) throw new Error(`branch ${id}: a transformer with charging is not among these cases`);
        return {
          id,
          from: String(from),
          to: String(to),
          ratedPowerVA: data.baseMVA * MW,
          ratedVoltageFromV: baseKv.get(from!)! * 1000 * (ratio === 0 ? 1 : ratio!),
          ratedVoltageToV: baseKv.get(to!)! * 1000,
          vkPercent: Math.hypot(r!, x!) * 100,
          vkrPercent: r! * 100,
          vectorGroup: 'Yy0',
          extraShiftDeg: angle!,
          model: 'pi',
          inService: status === 1,
        };
      }),
    loads: data.bus
      .filter((bus) => bus[2] !== 0 || bus[3] !== 0)
      .map((bus) => ({
        id: String(bus[0]),
        bus: String(bus[0]),
        activePowerW: bus[2]! * MW,
        reactivePowerVar: bus[3]! * MW,
      })),
    // Solved without keeping reactive limits.
    generators: data.gen
      .filter(([bus]) => bus !== slack[0])
      .map(([bus, p, , , , voltagePu], i) => ({
        id: `gen-${i + 1}`,
        bus: String(bus),
        activePowerW: p! * MW,
        voltageControl: { voltagePu: voltagePu! },
      })),
    shunts: data.bus
      .filter((bus) => bus[4] !== 0 || bus[5] !== 0)
      .map((bus) => ({
        id: `shunt-${bus[0]}`,
        bus: String(bus[0]),
        activePowerW: bus[4]! * MW,
        reactivePowerVar: -bus[5]! * MW,
      })),
    externalGrids: [
      { id: 'slack', bus: String(slack[0]), voltagePu: data.gen.find((gen) => gen[0] === slack[0])![5]!, angleDeg: 0 },
    ],
  };
}
