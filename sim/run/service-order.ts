/** The order in which an instant passes through services that wait for one another. */

interface Waiting {
  readonly name: string;
  readonly upstreams: readonly string[];
}

/**
 * `services` with every upstream before those that wait for it, otherwise in the order given; or a cycle, its first
 * name repeated at its end. Upstreams that do not take part are nobody's business here.
 */
export function orderServices<Service extends Waiting>(
  services: readonly Service[],
): { readonly sorted: readonly Service[] } | { readonly cycle: readonly string[] } {
  const byName = new Map(services.map((service) => [service.name, service]));
  const sorted = new Set<Service>();
  const visit = (service: Service, path: readonly string[]): readonly string[] | undefined => {
    if (sorted.has(service)) return undefined;
    const begin = path.indexOf(service.name);
    if (begin !== -1) return [...path.slice(begin), service.name];
    for (const name of service.upstreams) {
      const upstream = byName.get(name);
      const cycle = upstream === undefined ? undefined : visit(upstream, [...path, service.name]);
      if (cycle !== undefined) return cycle;
    }
    sorted.add(service);
    return undefined;
  };
  for (const service of services) {
    const cycle = visit(service, []);
    if (cycle !== undefined) return { cycle };
  }
  return { sorted: [...sorted] };
}
