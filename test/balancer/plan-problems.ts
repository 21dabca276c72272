/** Planning problems for tests: a plain one to change, and any that fast-check can think of. */
import * as fc from 'fast-check';
import {
  islandCosts,
  openExchange,
  type EnergyPackage,
  type PlanBattery,
  type PlanCosts,
  type PlanProblem,
} from '../../platform/balancer/optimisation/problem.ts';

/** One hour per step, no load, no sun, no battery, the virtual island. */
export function plainProblem(steps: number, change: Partial<PlanProblem> = {}): PlanProblem {
  const zeros = Array<number>(steps).fill(0);
  return {
    startUs: Date.UTC(2021, 3, 1) * 1000,
    stepS: Array<number>(steps).fill(3600),
    loadW: zeros,
    generationW: zeros,
    curtailment: false,
    batteries: [],
    chargeFrom: 'any',
    exchange: openExchange(steps),
    packages: [],
    costs: islandCosts(steps),
    ...change,
  };
}

/** 10 kW, 10 kWh, lossless, half full. */
export function plainBattery(change: Partial<PlanBattery> = {}): PlanBattery {
  return {
    id: 'cbes',
    maxDischargeW: 10e3,
    maxChargeW: 10e3,
    capacityWh: 10e3,
    socMin: 0,
    socMax: 1,
    chargeEfficiency: 1,
    dischargeEfficiency: 1,
    initialSoc: 0.5,
    mayDischarge: true,
    socTargets: [],
    wearPerKWh: 0,
    ...change,
  };
}

/** Costs of energy by price alone. */
export function tariffCosts(importPricePerKWh: readonly number[], exportPricePerKWh: readonly number[]): PlanCosts {
  const zeros = importPricePerKWh.map(() => 0);
  const island = islandCosts(zeros.length);
  return { ...island, aboveTargetPerKWh: zeros, belowTargetPerKWh: zeros, importPricePerKWh, exportPricePerKWh };
}

/** On a grid of 1/1000 of the range: differences below the solver's tolerance prove nothing either way. */
const real = (min: number, max: number) => fc.integer({ min: 0, max: 1000 }).map((n) => min + (n / 1000) * (max - min));

function anyBattery(id: string, steps: number): fc.Arbitrary<PlanBattery> {
  const efficiency = fc.oneof(fc.constant(1), real(0.7, 1));
  return fc
    .record({
      maxDischargeW: real(0, 60e3),
      maxChargeW: real(0, 60e3),
      capacityWh: real(5e3, 60e3),
      socMin: real(0, 0.3),
      socMax: real(0.6, 1),
      chargeEfficiency: efficiency,
      dischargeEfficiency: efficiency,
      start: real(0, 1),
      mayDischarge: fc.boolean(),
      wearPerKWh: fc.oneof(fc.constant(0), real(0, 0.1)),
      target: fc.option(fc.record({ boundary: fc.nat(steps), at: real(0, 1), width: real(0, 0.1) })),
    })
    .map(({ start, target, ...battery }) => {
      const inWindow = (share: number) =>
        Math.min(battery.socMax, battery.socMin + share * (battery.socMax - battery.socMin));
      const soc = target === null ? 0 : inWindow(target.at);
      const socTargets =
        target === null ? [] : [{ boundary: target.boundary, minSoc: soc, maxSoc: Math.min(1, soc + target.width) }];
      return { ...battery, id, initialSoc: inWindow(start), socTargets };
    });
}

function anyPackage(steps: number): fc.Arbitrary<EnergyPackage> {
  return fc
    .record({
      slot: fc.tuple(fc.nat(steps - 1), fc.nat(steps - 1)),
      at: fc.constantFrom('grid', 'batteries'),
      direction: fc.constantFrom('in', 'out'),
      minEnergyWh: real(0, 5e3),
      more: fc.constantFrom(0, 3e3, Infinity),
      constantPower: fc.boolean(),
    })
    .map(({ slot: [a, b], more, constantPower, ...rest }) => ({
      ...rest,
      id: 'slot',
      fromStep: Math.min(a, b),
      untilStep: Math.max(a, b) + 1,
      maxEnergyWh: rest.minEnergyWh + more,
      constantPower: constantPower && rest.at === 'grid',
    }));
}

/** Up to six steps of uneven length and two batteries, with any mixture of limits, packages and costs. */
export const anyProblem: fc.Arbitrary<PlanProblem> = fc
  .record({ steps: fc.integer({ min: 1, max: 6 }), batteries: fc.nat(2), tariff: fc.boolean() })
  .chain(({ steps, batteries, tariff }) => {
    const series = (of: fc.Arbitrary<number>) => fc.array(of, { minLength: steps, maxLength: steps });
    const limit = (of: fc.Arbitrary<number>, none: number) =>
      series(fc.oneof({ arbitrary: fc.constant(none), weight: 3 }, { arbitrary: of, weight: 1 }));
    const zero = fc.constant(0);
    const costs: fc.Arbitrary<PlanCosts> = fc.record({
      aboveTargetPerKWh: series(tariff ? fc.constantFrom(0, 0.01) : fc.constant(1)),
      belowTargetPerKWh: series(tariff ? fc.constantFrom(0, 0.01) : fc.constant(1)),
      importPricePerKWh: series(tariff ? real(-0.3, 0.4) : zero),
      exportPricePerKWh: series(tariff ? real(-0.2, 0.3) : zero),
      importPeakPerKW: fc.constantFrom(0, 0.1),
      exportPeakPerKW: fc.constantFrom(0, 0.1),
      importPeakSoFarW: fc.constantFrom(0, 10e3),
      exportPeakSoFarW: fc.constantFrom(0, 10e3),
      curtailmentPerKWh: fc.constantFrom(0, 0.02),
      storedValuePerKWh: fc.constantFrom(0, 0.1, -0.05),
    });
    return fc.record({
      startUs: fc.constant(0),
      stepS: series(fc.constantFrom(300, 900, 3600)),
      loadW: series(real(-5e3, 50e3)),
      generationW: series(fc.oneof(zero, real(0, 120e3))),
      curtailment: fc.boolean(),
      batteries: fc.tuple(...Array.from({ length: batteries }, (_, n) => anyBattery(`battery-${n}`, steps))),
      chargeFrom: fc.constantFrom('any', 'surplus'),
      exchange: fc.record({
        minW: limit(real(-60e3, 0), -Infinity),
        maxW: limit(real(0, 60e3), Infinity),
        targetW: series(fc.oneof(zero, real(-30e3, 30e3))),
      }),
      packages: fc.array(anyPackage(steps), { maxLength: 1 }),
      costs,
    });
  });
