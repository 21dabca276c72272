/**
 * Whether the stated spread of a quantity was right: what was said of an instant some time before is held against what
 * came. Errors that were smaller than stated on average shrink what is stated from then on, larger ones widen it.
 */

/** How far ahead it is looked back at, us: between them the factor is taken on straight lines over the logarithm. */
const LEADS_US = [1800e6, 3 * 3600e6, 15 * 3600e6];
/** Errors nearer to each other than this are much the same: so many of them are one. */
const APART_US = 3 * 3600e6;
/** Before so many of them were seen, half of what was stated at first is kept. */
const ERRORS_TO_BELIEVE = 2;
/** Time over which an error counts. */
const MEMORY_US = 4 * 86_400e6;
/** An error of more standard deviations counts as one of so many. */
const WORST = 3;

export interface Moments {
  readonly mean: number;
  readonly variance: number;
}

export interface SpreadCheck {
  /** What is said now, without this check's own factor, of the instant `aheadUs` from now. */
  say(nowUs: number, outlook: (aheadUs: number) => Moments): void;
  /** What came over `lengthUs` about `timeUs`, as far as it could be seen. */
  came(timeUs: number, lengthUs: number, seen: Moments): void;
  /** Factor on the standard deviation that is stated so far ahead. */
  factor(aheadUs: number): number;
}

export function createSpreadCheck(): SpreadCheck {
  const checks = LEADS_US.map((leadUs) => ({
    leadUs,
    said: new Map<number, Moments>(),
    /** Sums of squares relative to the stated variance, and of their weights. */
    squares: ERRORS_TO_BELIEVE,
    weights: ERRORS_TO_BELIEVE,
  }));
  const factorOf = ({ squares, weights }: (typeof checks)[number]) => Math.sqrt(squares / weights);
  return {
    say(nowUs, outlook) {
      for (const { leadUs, said } of checks) {
        said.set(nowUs + leadUs, outlook(leadUs));
        for (const time of said.keys()) {
          if (time >= nowUs) break;
          said.delete(time);
        }
      }
    },
    came(timeUs, lengthUs, seen) {
      for (const check of checks) {
        const said = check.said.get(timeUs);
        if (said === undefined || !(said.variance > 0)) continue;
        const weight = Math.min(1, lengthUs / APART_US);
        const kept = Math.exp(-lengthUs / MEMORY_US);
        // Of an estimate, error and remaining variance add up to what the truth strays by.
        const square = Math.min(WORST ** 2, ((seen.mean - said.mean) ** 2 + seen.variance) / said.variance);
        check.squares = ERRORS_TO_BELIEVE + kept * (check.squares - ERRORS_TO_BELIEVE) + weight * square;
        check.weights = ERRORS_TO_BELIEVE + kept * (check.weights - ERRORS_TO_BELIEVE) + weight;
      }
    },
    factor(aheadUs) {
      const next = checks.findIndex(({ leadUs }) => leadUs >= aheadUs);
      const [from, to] = [checks[Math.max(0, next - 1)], checks.at(next < 0 ? -1 : next)];
      if (from === undefined || to === undefined) return 1;
      if (next <= 0) return factorOf(to);
      const share = Math.log(aheadUs / from.leadUs) / Math.log(to.leadUs / from.leadUs);
      return (1 - share) * factorOf(from) + share * factorOf(to);
    },
  };
}
