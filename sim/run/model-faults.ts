/** What a scenario makes wrong in the platform's picture of the grid, written down so that findings can be scored. */
import { fuseBuses } from '../../grids/topology.ts';
import type { GridDocument } from '../../grids/schema.ts';
import { tapChangers } from '../../grids/tap-changers.ts';
import type { ModelFeature } from '../../platform/contract/estimate.ts';
import { parseInstant } from '../../platform/contract/time.ts';
import type { ModelFault } from '../../reports/record.ts';
import { faultParameter } from '../faults/parameters.ts';
import { targetMatcher } from '../scenario/checks.ts';
import { endInstant, eventInstant } from '../scenario/events.ts';
import type { ExpandedDevice } from '../scenario/expand-devices.ts';
import type { LoadedScenario } from '../scenario/load.ts';

type Told = Pick<LoadedScenario, 'scenario' | 'grid' | 'platformGrid' | 'devices'>;

/** Those of the grid first, in the order of the document, then those of meters. */
export function modelFaultsOf(loaded: Told): readonly ModelFault[] {
  return [...gridFaults(loaded), ...meterFaults(loaded)];
}

function gridFaults({ scenario, grid, platformGrid }: Told): ModelFault[] {
  const paper = featuresOf(platformGrid);
  const span = { fromUs: parseInstant(scenario.clock.start), untilUs: endInstant(scenario.clock) };
  return [...featuresOf(grid)].flatMap(([key, { feature, id, value: inField }]) => {
    const onPaper = paper.get(key)?.value ?? inField;
    return onPaper === inField ? [] : [{ feature, id, onPaper, inField, ...span }];
  });
}

interface Feature {
  readonly feature: ModelFeature;
  readonly id: string;
  readonly value: boolean | number;
}

/** Whether lines, transformers and switches are closed, and where taps stand. */
function featuresOf(document: GridDocument): ReadonlyMap<string, Feature> {
  const { lines, switches, transformers } = document;
  const features: Feature[] = [
    ...lines.map(({ id, inService, fromClosed, toClosed }): Feature => {
      return { feature: 'lineClosed', id, value: inService && fromClosed && toClosed };
    }),
    ...transformers.map(({ id, inService, fromClosed, toClosed }): Feature => {
      return { feature: 'transformerClosed', id, value: inService && fromClosed && toClosed };
    }),
    ...switches.map(({ id, closed }): Feature => ({ feature: 'switchClosed', id, value: closed })),
    ...tapChangers(document).map(({ id, tap }): Feature => ({ feature: 'tapPosition', id, value: tap.position })),
  ];
  return new Map(features.map((one) => [`${one.feature} ${one.id}`, one]));
}

/** A time during which the phases `pair` of a meter are interchanged. */
interface Swap {
  readonly pair: string;
  readonly fromUs: number;
  readonly untilUs: number;
}

function meterFaults({ scenario, grid, devices }: Told): ModelFault[] {
  const { busIndex, busIds } = fuseBuses(grid);
  return devices.flatMap((device) => {
    const bus = device.kind === 'smart-meter' ? busOf(device, grid) : undefined;
    if (bus === undefined) return [];
    const id = busIds[busIndex.get(bus)!]![0]!;
    const swaps = swapsOf(device, scenario);
    const instants = [...new Set(swaps.flatMap(({ fromUs, untilUs }) => [fromUs, untilUs]))].toSorted((a, b) => a - b);
    return instants.slice(1).flatMap((untilUs, k): ModelFault[] => {
      const fromUs = instants[k]!;
      const active = swaps.filter((swap) => swap.fromUs <= fromUs && swap.untilUs >= untilUs);
      const inField = active.reduce((phases, { pair }) => interchange(phases, pair), 'ABC');
      return inField === 'ABC' ? [] : [{ feature: 'meterPhases', id, onPaper: 'ABC', inField, fromUs, untilUs }];
    });
  });
}

function busOf({ at }: ExpandedDevice, { loads }: GridDocument): string | undefined {
  const [kind, id] = at.split(/:(.*)/s);
  return kind === 'bus' ? id : kind === 'load' ? loads.find((load) => load.id === id)?.bus : undefined;
}

/** Events that interchange two phases of all readings in every message of the device. */
function swapsOf(device: ExpandedDevice, { clock, events }: Told['scenario']): Swap[] {
  return events.flatMap((event) => {
    if (!('fault' in event) || event.fault !== 'phase-swap' || !targetMatcher(event.target)(device)) return [];
    if (event.measurand !== undefined || event.phase !== undefined || (event.probability ?? 1) < 1) return [];
    const begin = eventInstant(event.at, clock.start);
    const parameter = faultParameter(event);
    if (typeof begin === 'string' || typeof parameter === 'string') return [];
    const untilUs = event.for === undefined ? endInstant(clock) : begin + event.for;
    return [{ pair: parameter.word, fromUs: begin, untilUs }];
  });
}

/** What is called one phase of the pair is from now on called the other. */
function interchange(phases: string, pair: string): string {
  const before = (name: string): string => (name === pair[0] ? pair[1]! : name === pair[1] ? pair[0]! : name);
  return ['A', 'B', 'C'].map((name) => phases['ABC'.indexOf(before(name))]).join('');
}
