/**
 * Notices that exchange and battery are not of one instant although their tags say so.
 *
 * Whatever the battery does cancels out of exchange + battery only when both are of one instant; paired with the battery
 * of j periods earlier or later, its steps stay in the sum twice. So among the sums for j = -2 .. 2 the true pairing is
 * the smoothest, R_j = sum of squared differences from period to period being the measure. Where j = 0 is much rougher
 * than another, the tags lie. (With honest tags and a battery that follows the load d periods later, R_0 is the load's
 * own roughness and every other R_j about three times that.)
 */
export interface SkewCheck {
  /** Takes in a pair that claims to be simultaneous, once per period; true from the moment when the claim is disproved. */
  add(taggedUs: number, exchangeW: number, batteryW: number): boolean;
}

const MAX_SKEW = 2;
/**
 * Differences that are compared, and how much rougher j = 0 has to be. With honest tags the ratio reached 2.9 (10
 * simulated days, fair and broken clouds, each with delays of 1 to 3 periods; with a window of 8 it was 6.4); a diverging
 * loop passes 5 within some 10 periods of a step.
 */
const WINDOW = 16;
const DISPROVED_RATIO = 5;

/**
 * A false alarm needs a load that itself swings with a period of a few setpoints; it costs no more than the filter's lag.
 * `noticeableW`: root mean square step below which nothing is concluded, W.
 */
export function createSkewCheck(noticeableW: number): SkewCheck {
  let exchange: number[] = [];
  let battery: number[] = [];
  let lastUs = Number.NaN;
  let spacingUs = Number.NaN;
  let disproved = false;
  return {
    add(taggedUs, exchangeW, batteryW) {
      // Periods have to be even: after a gap the comparison starts anew.
      if (taggedUs - lastUs !== spacingUs) [exchange, battery] = [[], []];
      spacingUs = taggedUs - lastUs;
      lastUs = taggedUs;
      exchange.push(exchangeW);
      battery.push(batteryW);
      if (exchange.length > WINDOW + 2 * MAX_SKEW + 1) {
        exchange.shift();
        battery.shift();
      }
      disproved ||= isDisproved(exchange, battery, noticeableW);
      return disproved;
    },
  };
}

function isDisproved(exchange: readonly number[], battery: readonly number[], noticeableW: number): boolean {
  if (exchange.length < WINDOW + 2 * MAX_SKEW + 1) return false;
  const asTagged = roughness(exchange, battery, 0);
  if (asTagged < WINDOW * noticeableW ** 2) return false;
  for (let skew = -MAX_SKEW; skew <= MAX_SKEW; skew++) {
    if (skew !== 0 && asTagged > DISPROVED_RATIO * roughness(exchange, battery, skew)) return true;
  }
  return false;
}

/** R_j over the periods for which every j has its values, W^2. */
function roughness(exchange: readonly number[], battery: readonly number[], skew: number): number {
  const netW = (k: number) => (exchange[k] ?? Number.NaN) + (battery[k + skew] ?? Number.NaN);
  let sum = 0;
  for (let k = MAX_SKEW + 1; k < exchange.length - MAX_SKEW; k++) sum += (netW(k) - netW(k - 1)) ** 2;
  return sum;
}
