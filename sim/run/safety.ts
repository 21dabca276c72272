/** The invariant checker of a run: nameplates from the devices, freshness from how the balancer is configured. */
import type { ServicePlan } from './services.ts';
import { commandDelays } from '../faults/device-faults.ts';
import type { DevicePark } from '../devices/create-device.ts';
import type { LoadedScenario } from '../scenario/load.ts';
import { type BatteryPlate, createInvariantChecker, type FreshnessRule, type InvariantChecker } from './invariants.ts';
import { parseInstant } from '../../platform/contract/time.ts';

export function createSafety(
  { scenario: { events, clock } }: Pick<LoadedScenario, 'scenario'>,
  { controllables }: Pick<DevicePark, 'controllables'>,
  services: readonly Pick<ServicePlan, 'name' | 'config'>[],
): InvariantChecker {
  const latest = commandDelays(events);
  const plates = controllables.map((device): BatteryPlate => {
    const { commandDelayUs, ...nameplate } = device.nameplate;
    const { id, commandedBy } = device;
    return { device: id, ...nameplate, responseUsMax: commandDelayUs + latest(device), commandedBy };
  });
  const balancer = services.find(({ name }) => name === 'balancer');
  return createInvariantChecker({
    plates,
    freshness: balancer === undefined ? undefined : freshnessOf(balancer.config),
    startUs: parseInstant(clock.start),
  });
}

/** The configuration's own words, as far as they say what has to be fresh; it has been checked by the balancer's schema. */
interface LoopConfig {
  readonly mode: string;
  readonly everyUs: number;
  readonly staleAfterPeriods: number;
  readonly fallback: string;
  readonly battery: { readonly device: string };
  readonly breaker: { readonly device: string };
}

function freshnessOf(config: unknown): FreshnessRule | undefined {
  const { mode, everyUs, staleAfterPeriods, fallback, battery, breaker } = config as LoopConfig;
  if (mode !== 'near-real-time') return undefined;
  return {
    device: battery.device,
    needs: [
      { kind: 'pmu', device: breaker.device },
      { kind: 'bess', device: battery.device },
    ],
    staleAfterUs: staleAfterPeriods * everyUs,
    planAllowed: fallback === 'plan',
  };
}
