/** Which buses hang together, by closed switches or by branches, and who holds the voltage there. */

export interface Nodes {
  join(a: string, b: string): void;
  /** One bus that stands for all that are joined with this one. */
  rootOf(bus: string): string;
  /** True for the first that asks at a node: it may hold the voltage. */
  claim(bus: string): boolean;
}

export function createNodes(): Nodes {
  const above = new Map<string, string>();
  const held = new Set<string>();
  const rootOf = (bus: string): string => {
    let root = bus;
    for (let next = above.get(root); next !== undefined; next = above.get(root)) root = next;
    // Shorten the way for the next question.
    for (let at = bus; at !== root;) {
      const next = above.get(at)!;
      above.set(at, root);
      at = next;
    }
    return root;
  };
  return {
    rootOf,
    join: (a, b) => {
      const [from, to] = [rootOf(a), rootOf(b)];
      if (from !== to) above.set(from, to);
    },
    claim: (bus) => {
      const root = rootOf(bus);
      if (held.has(root)) return false;
      held.add(root);
      return true;
    },
  };
}
