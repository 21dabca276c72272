/** Random networks and numbers for matrices on them, the same for the same seed. */

/** Deterministic numbers in (-1, 1). */
export function stream(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 31 - 1;
  };
}

/** A whole number from 0, below a bound. */
export function pick(below: number, random: () => number): number {
  return Math.floor(((random() + 1) / 2) * below);
}

/** A connected graph: a random tree and some loops. */
export function randomPairs(size: number, loops: number, random: () => number): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 1; i < size; i++) pairs.push([i, pick(i, random)]);
  for (let k = 0; k < loops; k++) pairs.push([pick(size, random), pick(size, random)]);
  return pairs;
}
