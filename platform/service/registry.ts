/** The platform's services by name, loaded when asked for. A new service is entered here, in the scenario's names, and nowhere else. */
import type { ServiceDefinition } from './definition.ts';

const loaders = {
  'certificate-check': async () => (await import('../certificate-check/service.ts')).certificateCheck,
  'power-calculation': async () => (await import('../power-calculation/service.ts')).powerCalculation,
  forecasting: async () => (await import('../forecasting/service.ts')).forecasting,
  'state-estimation': async () => (await import('../state-estimation/service.ts')).stateEstimation,
  balancer: async () => (await import('../balancer/service.ts')).balancer,
  historian: async () => (await import('../historian/service.ts')).historian,
} satisfies Record<string, () => Promise<unknown>>;

export type ServiceName = keyof typeof loaders;

/** In an order in which every service stands behind those whose outputs it may read. */
export const serviceNames = Object.keys(loaders) as readonly ServiceName[];

export function isServiceName(name: string): name is ServiceName {
  return Object.hasOwn(loaders, name);
}

/** The definition of a service; its configuration type is erased, its schema still checks. */
export async function loadService(name: ServiceName): Promise<ServiceDefinition> {
  return loaders[name]();
}
