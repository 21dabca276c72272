/**
 * Values that no grid has, and that a wrong unit makes: kilovolts for volts, megawatts for watts, nanofarads for farads.
 * The limits lie far outside what is built, so a grid that is merely odd passes.
 */
import type { GridDocument } from './schema.ts';
import type { Report } from './validate.ts';

/** A value, its limits, and the sentence's end: what it probably was meant to be. */
interface Check {
  readonly path: string;
  readonly what: string;
  readonly value: number | undefined;
  readonly unit: string;
  readonly least: number;
  readonly most: number;
  readonly tooSmall: string;
  readonly tooLarge: string;
}

/** Above the highest voltage of a power line (1150 kV) and below the lowest of a distribution grid. */
const VOLTAGE = { unit: 'V', least: 30, most: 2e6, tooSmall: 'is it kV for V?', tooLarge: 'is it mV for V?' };
const PER_UNIT = { unit: 'pu', least: 0, most: 2, tooSmall: '', tooLarge: 'is it V, kV or % for pu?' };
/** Half the equator; a busbar section may be a few centimetres long. */
const LENGTH = { unit: 'm', least: 1e-3, most: 2e7, tooSmall: 'is it km for m?', tooLarge: 'is it mm for m?' };
/** Cables have up to 1e-6; lines of per-unit sources without voltages and lengths may come to 1e-2. */
const CAPACITANCE = { unit: 'F/km', least: 0, most: 1, tooSmall: '', tooLarge: 'is it nF for F?' };
const RATING = {
  unit: 'VA',
  least: 10,
  most: 1e11,
  tooSmall: 'is it kVA or MVA for VA?',
  tooLarge: 'is it mVA for VA?',
};
/** Some sources write a very large number where there is no limit. */
const CURRENT = { unit: 'A', least: 0.5, most: Infinity, tooSmall: 'is it kA for A?', tooLarge: '' };
/** All of the world's power stations make 3e12 W. */
const POWER = { unit: 'W', least: 0, most: 1e12, tooSmall: '', tooLarge: 'was a power in W multiplied by 1e6?' };

/** Of the rated power. Small units come to some percent. */
const MOST_IRON_LOSS = 0.1;

/** All values of a document that satisfies the schema. */
export function checkUnits(document: GridDocument, report: Report): void {
  for (const check of checks(document)) {
    const { path, what, value, unit, least, most, tooSmall, tooLarge } = check;
    if (value === undefined || (value >= least && value <= most)) continue;
    const bound = value < least ? `${least} ${unit} at least` : `${most} ${unit} at most`;
    report(path, `${what} is ${value} ${unit}, expected ${bound}`, value < least ? tooSmall : tooLarge);
  }
  checkLoads(document, report);
  checkIronLosses(document, report);
}

function* checks(document: GridDocument): Generator<Check> {
  // A bus that supplies nobody and leads nowhere may have any voltage: test cases of estimators consist of one.
  const isGrid = document.loads.length + document.lines.length + document.transformers.length > 0;
  for (const [i, { id, nominalVoltageV }] of document.buses.entries()) {
    const value = isGrid ? nominalVoltageV : undefined;
    yield { path: `buses[${i}].nominalVoltageV`, what: `nominal voltage of bus "${id}"`, value, ...VOLTAGE };
  }
  for (const list of ['lines', 'matrixLines'] as const) {
    for (const [i, line] of document[list].entries()) {
      const of = `of line "${line.id}"`;
      yield { path: `${list}[${i}].lengthM`, what: `length ${of}`, value: line.lengthM, ...LENGTH };
      yield { path: `${list}[${i}].ratedCurrentA`, what: `rated current ${of}`, value: line.ratedCurrentA, ...CURRENT };
      const capacitances =
        'c1FPerKm' in line
          ? (['c1FPerKm', 'c0FPerKm'] as const).map((key) => [key, line[key]] as const)
          : [['cFPerKm', line.cFPerKm && Math.max(...line.cFPerKm.flat())] as const];
      for (const [key, value] of capacitances) {
        yield { path: `${list}[${i}].${key}`, what: `capacitance ${of}`, value, ...CAPACITANCE };
      }
    }
  }
  for (const [i, { id, ratedPowerVA: value }] of document.transformers.entries()) {
    yield { path: `transformers[${i}].ratedPowerVA`, what: `rated power of transformer "${id}"`, value, ...RATING };
  }
  for (const [i, { id, voltagePu: value }] of document.externalGrids.entries()) {
    yield { path: `externalGrids[${i}].voltagePu`, what: `voltage of external grid "${id}"`, value, ...PER_UNIT };
  }
  for (const [i, { id, voltageControl }] of document.generators.entries()) {
    const path = `generators[${i}].voltageControl.voltagePu`;
    yield { path, what: `voltage that generator "${id}" holds`, value: voltageControl?.voltagePu, ...PER_UNIT };
  }
  for (const list of ['loads', 'generators', 'shunts'] as const) {
    for (const [i, { id, activePowerW }] of document[list].entries()) {
      yield { path: `${list}[${i}].activePowerW`, what: `power of "${id}"`, value: magnitude(activePowerW), ...POWER };
    }
  }
}

function magnitude(power: GridDocument['loads'][number]['activePowerW']): number {
  return Math.max(
    ...(typeof power === 'number' ? [power] : Object.values(power)).map((value) => Math.abs(value ?? 0)),
    0,
  );
}

/** At 1 kV and above nobody is connected for a few watts: where the largest load there is so small, all are in MW or kW. */
function checkLoads({ buses, loads }: GridDocument, report: Report): void {
  const nominal = new Map(buses.map((bus) => [bus.id, bus.nominalVoltageV]));
  const largest = loads.toSorted((a, b) => magnitude(b.activePowerW) - magnitude(a.activePowerW))[0];
  if (largest === undefined || loads.some(({ bus }) => !(nominal.get(bus)! >= 1000))) return;
  const power = magnitude(largest.activePowerW);
  if (power === 0 || power >= 100) return;
  const message = `the largest load, "${largest.id}", takes ${power} W at ${nominal.get(largest.bus)} V`;
  report('loads', message, 'is it MW or kW for W?');
}

/**
 * Iron losses are a part of the apparent power that an unloaded transformer takes. Test reports contradict themselves by a
 * little, and some sources give no current: what counts is losses above both this power and any that is built.
 */
function checkIronLosses({ transformers, threeWindingTransformers }: GridDocument, report: Report): void {
  const check = (path: string, id: string, ratedVA: number, percent: number, lossW: number): void => {
    const apparentVA = (Math.abs(percent) / 100) * ratedVA;
    if (lossW <= Math.max(apparentVA, MOST_IRON_LOSS * ratedVA)) return;
    const atNoLoad = `it takes ${Number(apparentVA.toPrecision(4))} VA at no load and is rated ${ratedVA} VA`;
    report(
      `${path}.ironLossW`,
      `iron losses of transformer "${id}" are ${lossW} W, but ${atNoLoad}`,
      'is it mW for W?',
    );
  };
  for (const [i, unit] of transformers.entries())
    check(`transformers[${i}]`, unit.id, unit.ratedPowerVA, unit.noLoadCurrentPercent, unit.ironLossW);
  for (const [i, { id, high, noLoadCurrentPercent, ironLossW }] of threeWindingTransformers.entries())
    check(`threeWindingTransformers[${i}]`, id, high.ratedPowerVA, noLoadCurrentPercent, ironLossW);
}
