/**
 * What households draw: the H0 profile, broken up into single appliances that switch on and off and a base that wanders
 * slowly, so that each household is lively while its expectation is the profile at every instant.
 *
 * A household of E kWh/a whose profile value is H W per 1000 kWh/a draws m = H E / 1000 W on average:
 *   P(t) = 0.35 m(t) exp(s y(t) - s^2 / 2) + sum over appliances of power * on(t),
 * with y a standard Ornstein-Uhlenbeck process (40 min, s = 0.4) and on(t) in {0, 1} a Markov chain whose probability of
 * being on is exactly share * m(t) / power. The list of appliances and their shares are our proposal; each hangs on one
 * phase, drawn once per household, so households are unbalanced as real ones are.
 */
import { randomStream, type RandomStream } from '../../numerics/random.ts';
import { OrnsteinUhlenbeck } from './ornstein-uhlenbeck.ts';

interface Appliance {
  readonly name: string;
  /** Share of the household's energy. */
  readonly share: number;
  readonly powerW: number;
  /** Mean time that it stays on. */
  readonly onUs: number;
}

const appliances: readonly Appliance[] = [
  { name: 'refrigeration', share: 0.1, powerW: 110, onUs: 15 * 60e6 },
  { name: 'light-and-screen', share: 0.2, powerW: 180, onUs: 60 * 60e6 },
  { name: 'cooking', share: 0.15, powerW: 1800, onUs: 10 * 60e6 },
  { name: 'washing', share: 0.12, powerW: 2000, onUs: 20 * 60e6 },
  { name: 'kettle-and-microwave', share: 0.08, powerW: 1500, onUs: 3 * 60e6 },
];
const BASE_SHARE = 1 - appliances.reduce((sum, { share }) => sum + share, 0);
const BASE_SPREAD = 0.4;
const BASE_TAU_US = 40 * 60e6;
/** H0 with its dynamic factor stays below this, W per 1000 kWh/a: decides how many of an appliance a customer has. */
const PROFILE_MAX_W = 300;
/** More copies than this make no visible difference: the appliances of larger customers grow instead. */
const COPIES_MAX = 40;

export interface HouseholdOptions {
  readonly id: string;
  readonly annualEnergyWh: number;
  /** 0 = exactly the profile; 1 = as above; between, a blend; above 1 the spread grows in proportion. */
  readonly variation: number;
  readonly seed: string;
  /** Phase index of every appliance for a single-phase customer; undefined = drawn per appliance among three. */
  readonly onlyPhase?: 0 | 1 | 2 | undefined;
}

export interface Household {
  /** Long-run share of its energy on each phase; adds up to 1. */
  readonly phaseShares: Float64Array;
  /**
   * Active power over the step that ends at `timeUs`, W per phase, for a profile of `profileW` W per 1000 kWh/a.
   * To be asked once per step in time order; an appliance keeps its state for a step.
   */
  at(timeUs: number, profileW: number): Float64Array;
}

export function createHousehold(options: HouseholdOptions): Household {
  const stream = (name: string) => randomStream(options.seed, ['load', options.id, name]);
  const wiring = stream('wiring');
  const basePhases = drawBasePhases(wiring, options.onlyPhase);
  const scale = options.annualEnergyWh / 1e6;
  const spread = Math.max(1, options.variation);
  const slots = appliances.flatMap((appliance) => createSlots(appliance, scale, spread, wiring, options.onlyPhase));

  const phaseShares = basePhases.map((share) => share * BASE_SHARE);
  for (const slot of slots) phaseShares[slot.phase] = (phaseShares[slot.phase] ?? 0) + slot.share;

  const blend = Math.min(1, options.variation);
  if (blend === 0) return createSteadyHousehold(phaseShares, scale);
  const base = new OrnsteinUhlenbeck(stream('base'), BASE_TAU_US);
  return new LivelyHousehold({
    phaseShares,
    basePhases,
    scale,
    spread,
    blend,
    slots,
    base,
    draws: stream('appliances'),
  });
}

/** Exactly the profile, on the household's wiring. */
function createSteadyHousehold(phaseShares: Float64Array, scale: number): Household {
  const power = new Float64Array(3);
  return {
    phaseShares,
    at(_timeUs, profileW) {
      for (let phase = 0; phase < 3; phase += 1) power[phase] = (phaseShares[phase] ?? 0) * profileW * scale;
      return power;
    },
  };
}

interface Parts {
  readonly phaseShares: Float64Array;
  readonly basePhases: Float64Array;
  /** Annual energy in MWh: profile value to W. */
  readonly scale: number;
  readonly spread: number;
  readonly blend: number;
  readonly slots: readonly Slot[];
  readonly base: OrnsteinUhlenbeck;
  readonly draws: RandomStream;
}

/**
 * Appliances switch, the base wanders. While the profile keeps its value an appliance's transition probabilities stay
 * what they are, so the steps until it switches are geometrically distributed: they are drawn once a switch, and what
 * the appliances draw together changes only when one of them does.
 */
class LivelyHousehold implements Household {
  readonly phaseShares: Float64Array;
  readonly #parts: Parts;
  readonly #power = new Float64Array(3);
  /** What the appliances that are on draw, W per phase. */
  readonly #appliancesW = new Float64Array(3);
  readonly #sigma: number;
  #lastUs = Number.NaN;
  #lastStepUs = Number.NaN;
  #lastW = Number.NaN;
  /** Transition probabilities are those of a steady profile and of this step's length. */
  #steady = false;
  /** Steps since the probabilities became steady, and the one at which the next appliance switches. */
  #step = 0;
  #nextSwitch = 0;

  constructor(parts: Parts) {
    this.phaseShares = parts.phaseShares;
    this.#parts = parts;
    this.#sigma = BASE_SPREAD * parts.spread;
  }

  at(timeUs: number, profileW: number): Float64Array {
    const { phaseShares, basePhases, scale, blend, base } = this.#parts;
    const meanW = profileW * scale;
    this.#moveAppliances(timeUs, meanW);
    const sigma = this.#sigma;
    const baseW = BASE_SHARE * meanW * Math.exp(sigma * base.at(timeUs) - 0.5 * sigma * sigma);
    const power = this.#power;
    for (let phase = 0; phase < 3; phase += 1) {
      power[phase] = (basePhases[phase] as number) * baseW + (this.#appliancesW[phase] as number);
      if (blend === 1) continue;
      power[phase] = blend * (power[phase] as number) + (1 - blend) * (phaseShares[phase] as number) * meanW;
    }
    return power;
  }

  #moveAppliances(timeUs: number, meanW: number): void {
    const { slots, draws } = this.#parts;
    const stepUs = timeUs - this.#lastUs;
    if (this.#steady && stepUs === this.#lastStepUs && meanW === this.#lastW) {
      this.#step += 1;
      if (this.#step === this.#nextSwitch) this.#switchDue();
    } else if (Number.isNaN(this.#lastUs)) {
      for (const slot of slots) startSlot(slot, meanW, draws);
      this.#sumUp();
    } else {
      for (const slot of slots) {
        prepareSlot(slot, meanW, stepUs);
        slot.on = draws.uniform() < (slot.on ? slot.stayOn : slot.turnOn);
      }
      this.#steady = meanW === this.#lastW;
      this.#step = 0;
      if (this.#steady) for (const slot of slots) slot.switchAt = stepsUntilSwitch(slot, draws);
      this.#sumUp();
      this.#lastStepUs = stepUs;
    }
    this.#lastUs = timeUs;
    this.#lastW = meanW;
  }

  #switchDue(): void {
    const { slots, draws } = this.#parts;
    for (const slot of slots) {
      if (slot.switchAt !== this.#step) continue;
      slot.on = !slot.on;
      slot.switchAt = this.#step + stepsUntilSwitch(slot, draws);
    }
    this.#sumUp();
  }

  #sumUp(): void {
    const watts = this.#appliancesW.fill(0);
    let next = Number.POSITIVE_INFINITY;
    for (const { on, phase, powerW, switchAt } of this.#parts.slots) {
      if (on) watts[phase] = (watts[phase] as number) + powerW;
      next = Math.min(next, switchAt);
    }
    this.#nextSwitch = next;
  }
}

/** Geometric: P(k) = (1 - p)^(k - 1) p, by inversion; p is the probability of a switch at a step. */
function stepsUntilSwitch({ on, stayOn, turnOn }: Slot, draws: RandomStream): number {
  const p = on ? 1 - stayOn : turnOn;
  if (p <= 0) return Number.POSITIVE_INFINITY;
  return 1 + Math.floor(Math.log(1 - draws.uniform()) / Math.log(1 - p));
}

/** One appliance of one household: a two-state Markov chain. */
interface Slot {
  readonly phase: number;
  /** Share of the household's energy that this one stands for. */
  readonly share: number;
  readonly powerW: number;
  readonly onUs: number;
  on: boolean;
  /** Probability of being on, and the transition probabilities of the present step. */
  probability: number;
  stayOn: number;
  turnOn: number;
  /** Step of a steady profile at which it switches next. */
  switchAt: number;
}

/** As many copies of an appliance as keep each one's probability of being on below one half at the profile's peak. */
function createSlots(
  appliance: Appliance,
  scale: number,
  spread: number,
  wiring: RandomStream,
  onlyPhase: number | undefined,
): Slot[] {
  // Variance of an appliance is about mean * power: the square of the spread on the power scales the deviation by it.
  const wantedW = appliance.powerW * spread * spread;
  const peakW = appliance.share * PROFILE_MAX_W * scale;
  const copies = Math.min(COPIES_MAX, Math.ceil((2 * peakW) / wantedW));
  const powerW = Math.max(wantedW, (2 * peakW) / copies);
  return Array.from({ length: copies }, () => ({
    phase: onlyPhase ?? Math.floor(3 * wiring.uniform()),
    share: appliance.share / copies,
    powerW,
    onUs: appliance.onUs,
    on: false,
    probability: 0,
    stayOn: 0,
    turnOn: 0,
    switchAt: Number.POSITIVE_INFINITY,
  }));
}

function startSlot(slot: Slot, meanW: number, draws: RandomStream): void {
  slot.probability = (slot.share * meanW) / slot.powerW;
  slot.on = draws.uniform() < slot.probability;
}

/**
 * Transition probabilities that carry P(on) exactly from p to q over a step: p stay + (1 - p) turn = q. An appliance
 * that is on stays on with exp(-step / onTime), unless the profile falls faster than appliances switch off by themselves.
 */
function prepareSlot(slot: Slot, meanW: number, stepUs: number): void {
  const p = slot.probability;
  const q = (slot.share * meanW) / slot.powerW;
  // stay <= q / p keeps turnOn from falling below 0, stay >= (q - (1 - p)) / p from exceeding 1.
  const natural = Math.exp(-stepUs / slot.onUs);
  slot.stayOn = p > 0 ? Math.max((q - (1 - p)) / p, Math.min(natural, q / p)) : 0;
  slot.turnOn = p < 1 ? (q - p * slot.stayOn) / (1 - p) : 0;
  slot.probability = q;
}

/** The base leans on one phase or another: weights between 1 : 1 : 1 and 3 : 1 : 1. */
function drawBasePhases(wiring: RandomStream, onlyPhase: number | undefined): Float64Array {
  const weights = [0, 1, 2].map(() => 0.5 + wiring.uniform());
  if (onlyPhase !== undefined) return Float64Array.from([0, 1, 2], (phase) => (phase === onlyPhase ? 1 : 0));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return Float64Array.from(weights, (weight) => weight / sum);
}

/** The household model in words and figures, for the run's manifest. */
export function describeHouseholds(variation: number): string {
  const list = appliances.map(
    ({ name, share, powerW, onUs }) => `${name} ${share * 100} % at ${powerW} W for ${onUs / 60e6} min`,
  );
  return (
    `H0 with dynamic factor; of it ${Math.round(BASE_SHARE * 100)} % base (log-normal, sigma ${BASE_SPREAD}, correlation 40 min), ` +
    `the rest single-phase appliances: ${list.join(', ')}; variation ${variation}; expectation is the profile`
  );
}
