/**
 * How the site strays from its model, followed by a Kalman filter (R. E. Kalman, J. Basic Engineering 82, 1960): four
 * numbers that are each standard normal a priori and forget themselves exponentially, x(t + h) = exp(-h / tau) x(t) +
 * noise (Ornstein-Uhlenbeck). What is scaled by them, in this order:
 *   0 level of the load     sigma relative        tau days      habits and weather of these days
 *   1 chance in the load    sqrt(W per appliance / load)   tau minutes   appliances that are on
 *   2 weather of the sky    sigma of clearness    tau hours     regime: clear, broken, overcast
 *   3 passing clouds        sigma of clearness    tau minutes
 */

export const stateSize = 4;

export interface SiteState {
  /** Lets time pass. */
  advance(byUs: number): void;
  /**
   * Takes in y = h x + e with variance r of e, and answers how likely that was: the logarithm of its density, but for a
   * constant. What is further off than `GATE` standard deviations is rather a faulty meter than news and changes nothing.
   */
  update(h: Float64Array, y: number, r: number): number;
  /** Mean of component i after `aheadUs` more. */
  mean(i: number, aheadUs: number): number;
  /** Covariance of components i and j after `aheadUs` more. */
  covariance(i: number, j: number, aheadUs: number): number;
}

/** Standard deviations beyond which a reading is not believed. */
const GATE = 6;

/** `tauUs`: time constant of each component, us. */
export function createSiteState(tauUs: readonly number[]): SiteState {
  const x = new Float64Array(stateSize);
  const p = new Float64Array(stateSize * stateSize);
  const gain = new Float64Array(stateSize);
  for (let i = 0; i < stateSize; i += 1) p[i * stateSize + i] = 1;
  const decay = (i: number, byUs: number) => Math.exp(-Math.max(0, byUs) / (tauUs[i] ?? Infinity));
  const at = (i: number, j: number) => p[i * stateSize + j] ?? 0;

  function covariance(i: number, j: number, aheadUs: number): number {
    const kept = decay(i, aheadUs) * decay(j, aheadUs);
    // What is forgotten comes back as chance: the variance of each goes to 1.
    return kept * at(i, j) + (i === j ? 1 - kept : 0);
  }

  return {
    covariance,
    mean: (i, aheadUs) => decay(i, aheadUs) * (x[i] ?? 0),
    advance(byUs) {
      for (let i = 0; i < stateSize; i += 1) {
        for (let j = 0; j < stateSize; j += 1) p[i * stateSize + j] = covariance(i, j, byUs);
        x[i] = decay(i, byUs) * (x[i] ?? 0);
      }
    },
    update(h, y, r) {
      let predicted = 0;
      let s = r;
      for (let i = 0; i < stateSize; i += 1) {
        let ph = 0;
        for (let j = 0; j < stateSize; j += 1) ph += at(i, j) * (h[j] ?? 0);
        gain[i] = ph;
        predicted += (h[i] ?? 0) * (x[i] ?? 0);
        s += (h[i] ?? 0) * ph;
      }
      const innovation = y - predicted;
      if (!(s > 0) || !Number.isFinite(innovation)) return 0;
      const surprise = (innovation * innovation) / s;
      const logDensity = -0.5 * (Math.log(s) + Math.min(surprise, GATE * GATE));
      if (surprise > GATE * GATE) return logDensity;
      // x += K (y - h x), P -= K s K' with K = P h' / s.
      for (let i = 0; i < stateSize; i += 1) x[i] = (x[i] ?? 0) + ((gain[i] ?? 0) * innovation) / s;
      for (let i = 0; i < stateSize; i += 1) {
        for (let j = 0; j < stateSize; j += 1) {
          p[i * stateSize + j] = at(i, j) - ((gain[i] ?? 0) * (gain[j] ?? 0)) / s;
        }
      }
      return logDensity;
    },
  };
}
