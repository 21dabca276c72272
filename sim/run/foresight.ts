/**
 * What somebody with perfect foresight would have made of a run: the least energy off what the use cases asked for, with
 * the same batteries, from the recorded load and generation. What the platform falls short of it is its regret.
 *
 * Computed on means between the quarter hours of the run and the changes of the use case, without grid losses. The best
 * plan leaves as much energy in the batteries as the run did (within 1 % of their capacity), and does not cycle a
 * battery for the sake of its losses.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type BatteryModel, scheduleByRule } from '../../platform/balancer/rules.ts';
import type { Foresight } from '../../reports/record.ts';
import { readTable, type Table } from '../../reports/record-reader.ts';
import type { DevicePark } from '../devices/create-device.ts';
import { type AskedFor, timelineOf } from '../../reports/use-case-timeline.ts';

/** A battery of the run, SI. */
export interface ForesightBattery {
  readonly device: string;
  readonly model: BatteryModel;
}

/** What the nameplates say of the batteries of a run. */
export function foresightBatteries({ controllables }: Pick<DevicePark, 'controllables'>): readonly ForesightBattery[] {
  return controllables.map(({ id, nameplate }) => {
    const { ratedPowerW, capacityWh, socMin, socMax, chargeEfficiency, dischargeEfficiency } = nameplate;
    const limits = { maxDischargeW: ratedPowerW, maxChargeW: ratedPowerW, capacityWh, socMin, socMax };
    return { device: id, model: { ...limits, chargeEfficiency, dischargeEfficiency } };
  });
}

const QUARTER_US = 900e6;
/** Share of capacity by which the best plan may leave less than the run did. */
const LEFT_TOLERANCE = 0.01;
/** As in the balancer's own plans: above half of what is lost on the way in and out. */
const WEAR_OF_LOSSES = 0.6;
const WEAR = 1e-3;
/** Of equal plans the one that acts early. */
const EARLY = 1e-4;

/** A stretch of the run over which the use case asked for one thing. */
interface Span {
  readonly startUs: number;
  readonly endUs: number;
  readonly asked: AskedFor;
  /** Means, W: consumption less generation, and the same less the batteries. */
  readonly netW: number;
  readonly exchangeW: number;
}

/** Writes `foresight.json` into the run's folder; nothing where no use case asked for anything or there is no battery. */
export async function writeForesight(directory: string, batteries: readonly ForesightBattery[]): Promise<void> {
  const foresight = batteries.length === 0 ? undefined : await computeForesight(directory, batteries);
  if (foresight === undefined) return;
  writeFileSync(join(directory, 'foresight.json'), `${JSON.stringify(foresight, undefined, 2)}\n`);
}

async function computeForesight(
  directory: string,
  batteries: readonly ForesightBattery[],
): Promise<Foresight | undefined> {
  const table = (name: string, numbers: readonly string[], texts: readonly string[]) =>
    readTable(join(directory, 'series', `${name}.parquet`), numbers, texts);
  const [site, states, useCases, windows] = await Promise.all([
    table('truth-site', ['timeUs', 'loadW', 'shuntsW', 'generationW', 'batteryW'], []),
    table('device-states', ['timeUs', 'stateOfCharge'], ['device']),
    table('use-cases', ['timeUs', 'useCase', 'targetW'], ['cause']),
    table('plan-windows', ['issuedUs', 'startUs', 'endUs', 'exchangeW'], ['kind']),
  ]);
  const spans = spansOf(site, timelineOf(useCases, windows)).filter(({ asked }) => asked.kind !== 'nothing');
  if (spans.length === 0) return undefined;
  const ends = batteries.map(({ device }) => chargeEnds(states, device));
  const best = bestByRule(spans, batteries, ends) ?? (await bestByOptimisation(spans, batteries, ends));
  if (best === undefined) return undefined;
  return {
    schema: 'platone.foresight/1',
    method: best.method,
    idleKWh: energyOff(spans, (span) => span.netW),
    actualKWh: energyOff(spans, (span) => span.exchangeW),
    bestKWh: energyOff(spans, (_, k) => best.exchangeW[k] ?? Number.NaN),
  };
}

interface Ends {
  readonly first: number;
  readonly last: number;
}

function chargeEnds(states: Table, device: string): Ends {
  const soc = states.number('stateOfCharge');
  const { names, index } = states.text('device');
  const wanted = names.indexOf(device);
  return { first: soc[index.indexOf(wanted)] ?? Number.NaN, last: soc[index.lastIndexOf(wanted)] ?? Number.NaN };
}

/** Means of load and exchange between quarter hours and changes of the use case. */
function spansOf(site: Table, timeline: ReturnType<typeof timelineOf>): Span[] {
  const [timeUs, loadW, shuntsW, generationW, batteryW] = ['timeUs', 'loadW', 'shuntsW', 'generationW', 'batteryW'].map(
    (name) => site.number(name),
  ) as [Float64Array, Float64Array, Float64Array, Float64Array, Float64Array];
  const spans: Span[] = [];
  let [netWUs, batteryWUs, startUs] = [0, 0, timeUs[0] ?? 0];
  const originUs = startUs;
  for (let k = 1; k < timeUs.length; k += 1) {
    const endUs = timeUs[k] ?? 0;
    const stepUs = endUs - (timeUs[k - 1] ?? 0);
    netWUs += ((loadW[k] ?? 0) + (shuntsW[k] ?? 0) - (generationW[k] ?? 0)) * stepUs;
    batteryWUs += (batteryW[k] ?? 0) * stepUs;
    const asked = timeline.at(startUs);
    const nextUs = timeUs[k + 1] ?? Number.POSITIVE_INFINITY;
    const sameQuarter = Math.ceil((nextUs - originUs) / QUARTER_US) === Math.ceil((endUs - originUs) / QUARTER_US);
    if (sameQuarter && timeline.at(endUs) === asked) continue;
    const lastedUs = endUs - startUs;
    spans.push({ startUs, endUs, asked, netW: netWUs / lastedUs, exchangeW: (netWUs - batteryWUs) / lastedUs });
    [netWUs, batteryWUs, startUs] = [0, 0, endUs];
  }
  return spans;
}

/** Energy off what was asked for, kWh: the distance from the target, or from the range that a package leaves free. */
function energyOff(spans: readonly Span[], exchangeW: (span: Span, k: number) => number): number {
  return spans.reduce((sum, span, k) => {
    const power = exchangeW(span, k);
    const { leastW, mostW } = span.asked;
    const offW = Math.max(0, leastW - power, power - mostW);
    return sum + (offW * hoursOf(span)) / 1000;
  }, 0);
}

function hoursOf({ startUs, endUs }: Span): number {
  return (endUs - startUs) / 3600e6;
}

interface Best {
  readonly method: Foresight['method'];
  readonly exchangeW: readonly number[];
}

/**
 * One battery and one target throughout: nobody does better than the rule, since a kWh stored or given now counts as
 * much as one later and waiting only risks that there is no room or nothing left. Undefined where that is not the case.
 */
function bestByRule(
  spans: readonly Span[],
  batteries: readonly ForesightBattery[],
  ends: readonly Ends[],
): Best | undefined {
  const [first] = spans;
  const [battery] = batteries;
  const [charge] = ends;
  if (first === undefined || battery === undefined || charge === undefined || batteries.length > 1) return undefined;
  const isEven = spans.every(({ asked }) => asked.leastW === first.asked.leastW && asked.mostW === first.asked.leastW);
  if (!isEven) return undefined;
  let soc = charge.first;
  const exchangeW = spans.map((span) => {
    const [step] = scheduleByRule(battery.model, soc, [span.netW], first.asked.leastW, hoursOf(span) * 3600);
    soc = step?.stateOfCharge ?? soc;
    return step?.exchangeW ?? span.netW;
  });
  return soc >= charge.last - LEFT_TOLERANCE ? { method: 'rule', exchangeW } : undefined;
}

/** Undefined where the packages' limits cannot be kept even with foresight. */
async function bestByOptimisation(
  spans: readonly Span[],
  batteries: readonly ForesightBattery[],
  ends: readonly Ends[],
): Promise<Best | undefined> {
  const [{ loadOptimiser }, { islandCosts }] = await Promise.all([
    import('../../platform/balancer/optimisation/optimiser.ts'),
    import('../../platform/balancer/optimisation/problem.ts'),
  ]);
  const count = spans.length;
  const isRange = ({ asked }: Span) => asked.leastW < asked.mostW;
  const early = spans.map((_, k) => 1 + EARLY * (count - k));
  const outcome = (await loadOptimiser()).plan({
    startUs: spans[0]?.startUs ?? 0,
    stepS: spans.map((span) => hoursOf(span) * 3600),
    loadW: spans.map(({ netW }) => Math.max(0, netW)),
    generationW: spans.map(({ netW }) => Math.max(0, -netW)),
    curtailment: false,
    chargeFrom: 'any',
    packages: [],
    exchange: {
      targetW: spans.map(({ asked }) => (asked.leastW < 0 && asked.mostW <= 0 ? asked.mostW : asked.leastW)),
      minW: spans.map((span) => (isRange(span) ? span.asked.leastW : -Infinity)),
      maxW: spans.map((span) => (isRange(span) ? span.asked.mostW : Infinity)),
    },
    costs: {
      ...islandCosts(count),
      aboveTargetPerKWh: spans.map((span, k) => (isRange(span) ? 0 : (early[k] ?? 1))),
      belowTargetPerKWh: spans.map((span, k) => (isRange(span) ? 0 : (early[k] ?? 1))),
    },
    batteries: batteries.map(({ device, model }, n) => {
      const inside = (soc: number) => Math.min(model.socMax, Math.max(model.socMin, soc));
      const { first, last } = ends[n] ?? { first: model.socMin, last: model.socMin };
      return {
        ...model,
        id: device,
        initialSoc: inside(first),
        mayDischarge: model.maxDischargeW > 0,
        socTargets: [{ boundary: count, minSoc: inside(last - LEFT_TOLERANCE), maxSoc: model.socMax }],
        wearPerKWh: WEAR + WEAR_OF_LOSSES * (1 - model.chargeEfficiency * model.dischargeEfficiency),
      };
    }),
  });
  return outcome.status === 'optimal' ? { method: 'optimisation', exchangeW: outcome.exchangeW } : undefined;
}
