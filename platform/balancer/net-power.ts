/**
 * The loop rule: the net power that a battery has to cover is P_net = P_exchange + P_battery of the SAME instant.
 *
 * With both of one instant the battery cancels out of the measurement (exchange = net - battery), so P_net does not depend
 * on what the battery did: the loop is open, the rule a feedforward, stable for every delay and age. From the exchange
 * alone, or from two instants, the battery's own steps come back as if they were load, and the loop swings or diverges.
 */
import { createSkewCheck } from './skew-check.ts';

export interface NetPowerOptions {
  /** Values older than this are not used, us. */
  readonly staleAfterUs: number;
  /**
   * Share of a new value in the filtered one, for pairs that are not simultaneous. A skew of s periods between exchange
   * and battery closes a loop of l1 gain 2 (1 - (1 - alpha)^s): below 1, and so stable for every command delay, up to
   * alpha = 0.29 at s = 2 (small-gain theorem).
   */
  readonly alpha: number;
  /** `auto` filters what is not simultaneous, or turns out not to be; `always` also what claims to be. */
  readonly filter: 'auto' | 'always';
  /** Steps of the net power below this say nothing about the tags, W. */
  readonly noticeableW: number;
}

interface NetPower {
  /** Consumption minus production without the battery, W. */
  readonly netW: number;
  /** Age of the older one of the pair, us. */
  readonly ageUs: number;
  readonly simultaneous: boolean;
  readonly filtered: boolean;
  /** The tags have been found to lie: from then on every pair is filtered. */
  readonly tagsDisproved: boolean;
}

export interface NetPowerTracker {
  /** Exchange with the grid at `taggedUs`, W, import positive. */
  addExchange(taggedUs: number, powerW: number): void;
  /** Battery at `taggedUs`, W, discharge positive. */
  addBattery(taggedUs: number, powerW: number): void;
  /** Newest usable net power, called once per period; undefined when there is none young enough. */
  at(timeUs: number): NetPower | undefined;
}

export function createNetPowerTracker(options: NetPowerOptions): NetPowerTracker {
  const exchange = createHistory(options.staleAfterUs);
  const battery = createHistory(options.staleAfterUs);
  const skewCheck = createSkewCheck(options.noticeableW);
  let tagsDisproved = false;
  let last: { readonly key: string; readonly netW: number } | undefined;

  return {
    addExchange: (taggedUs, powerW) => exchange.add(taggedUs, powerW),
    addBattery: (taggedUs, powerW) => battery.add(taggedUs, powerW),
    at(timeUs) {
      exchange.forget(timeUs);
      battery.forget(timeUs);
      const pair = newestPair(exchange.until(timeUs), battery.until(timeUs));
      if (pair === undefined) return undefined;
      const simultaneous = pair.exchange.taggedUs === pair.battery.taggedUs;
      const measuredW = pair.exchange.powerW + pair.battery.powerW;
      const key = `${pair.exchange.taggedUs} ${pair.battery.taggedUs}`;
      const isNews = last?.key !== key;
      if (isNews && simultaneous) {
        tagsDisproved = skewCheck.add(pair.battery.taggedUs, pair.exchange.powerW, pair.battery.powerW);
      }
      const filtered = options.filter === 'always' || !simultaneous || tagsDisproved;
      // A pair that was used already brings no news: the filter must not take it in twice.
      if (isNews) {
        const before = filtered ? (last?.netW ?? measuredW) : measuredW;
        last = { key, netW: before + options.alpha * (measuredW - before) };
      }
      const ageUs = timeUs - Math.min(pair.exchange.taggedUs, pair.battery.taggedUs);
      return { netW: last?.netW ?? measuredW, ageUs, simultaneous, filtered, tagsDisproved };
    },
  };
}

interface Sample {
  readonly taggedUs: number;
  readonly powerW: number;
}

interface Pair {
  readonly exchange: Sample;
  readonly battery: Sample;
}

/** The newest instant that both have; else the newest of the one that lags, with the other's nearest to it. */
function newestPair(exchanges: readonly Sample[], batteries: readonly Sample[]): Pair | undefined {
  const newestExchange = exchanges.at(-1);
  const newestBattery = batteries.at(-1);
  if (newestExchange === undefined || newestBattery === undefined) return undefined;
  const exchangeAt = new Map(exchanges.map((sample) => [sample.taggedUs, sample]));
  const common = batteries.findLast((sample) => exchangeAt.has(sample.taggedUs));
  const partner = common === undefined ? undefined : exchangeAt.get(common.taggedUs);
  if (common !== undefined && partner !== undefined) return { exchange: partner, battery: common };
  return newestBattery.taggedUs < newestExchange.taggedUs
    ? { exchange: nearest(exchanges, newestBattery.taggedUs), battery: newestBattery }
    : { exchange: newestExchange, battery: nearest(batteries, newestExchange.taggedUs) };
}

/** Of a list that is not empty; the later one when two are equally near. */
function nearest(samples: readonly Sample[], timeUs: number): Sample {
  return samples.reduce((best, sample) =>
    Math.abs(sample.taggedUs - timeUs) <= Math.abs(best.taggedUs - timeUs) ? sample : best,
  );
}

/** A few samples in order of their tags; the later arrival of one tag replaces the earlier. */
function createHistory(keepUs: number) {
  let samples: Sample[] = [];
  return {
    add(taggedUs: number, powerW: number): void {
      samples = samples.filter((sample) => sample.taggedUs !== taggedUs);
      const after = samples.findIndex((sample) => sample.taggedUs > taggedUs);
      samples.splice(after === -1 ? samples.length : after, 0, { taggedUs, powerW });
    },
    forget(timeUs: number): void {
      samples = samples.filter((sample) => sample.taggedUs >= timeUs - keepUs);
    },
    /** What a clock that runs ahead tags with the future stays out until then. */
    until: (timeUs: number): readonly Sample[] => samples.filter((sample) => sample.taggedUs <= timeUs),
  };
}
