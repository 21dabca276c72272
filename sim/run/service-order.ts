/** The order in which an instant passes through services that wait for one another, and why it could not. */
import type { Problem } from '../../grids/problem.ts';
import { loadService } from '../../platform/service/registry.ts';
import type { ServicePlan } from './services.ts';

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

/** Services that wait for one that does not take part, or for one another: such an instant would never end. */
export async function faultsOfWaiting(
  plans: readonly Pick<ServicePlan, 'name' | 'config'>[],
  mayTakePart: (name: string) => boolean,
): Promise<readonly Problem[]> {
  const services = await Promise.all(
    plans.map(async ({ name, config }) => ({ name, upstreams: (await loadService(name)).upstreams(config) })),
  );
  const problems = services.flatMap(({ name, upstreams }) =>
    upstreams
      .filter((upstream) => !mayTakePart(upstream))
      .map((upstream): Problem => {
        const hint = `add ${nameInScenario(upstream)}: {} to platform, or set ${nameInScenario(name)} to false`;
        const message = `${name} waits for ${upstream}, which does not take part`;
        return { path: `platform.${nameInScenario(name)}`, message, hint };
      }),
  );
  const order = orderServices(services);
  if ('sorted' in order) return problems;
  const message = `services wait for one another within an instant: ${order.cycle.join(' > ')}`;
  const hint = 'feedback takes effect at the next instant: take one of these upstreams away';
  return [...problems, { path: 'platform', message, hint }];
}

/** `state-estimation` is `stateEstimation` in a scenario. */
export function nameInScenario(service: string): string {
  return service.replaceAll(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}
