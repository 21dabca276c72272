/** The invariant checker of a run: nameplates from the devices, periods from how the balancer is configured. */
import type { ServicePlan } from './services.ts';
import { commandDelays } from '../faults/device-faults.ts';
import type { DevicePark } from '../devices/create-device.ts';
import type { LoadedScenario } from '../scenario/load.ts';
import { type BatteryPlate, createInvariantChecker, type FreshnessRule, type InvariantChecker } from './invariants.ts';
import { parseInstant } from '../../platform/contract/time.ts';

/** Older measurements are stale, and a battery that has heard nothing for longer is at its default: no configuration changes that. */
const PERIODS = 3;

export function createSafety(
  { scenario: { events, clock } }: Pick<LoadedScenario, 'scenario'>,
  { controllables }: Pick<DevicePark, 'controllables'>,
  services: readonly Pick<ServicePlan, 'name' | 'config'>[],
): InvariantChecker {
  const latest = commandDelays(events);
  const balancer = services.find(({ name }) => name === 'balancer')?.config as LoopConfig | undefined;
  const plates = controllables.map((device): BatteryPlate => {
    const { commandDelayUs, ...nameplate } = device.nameplate;
    const { id, commandedBy } = device;
    const responseUsMax = commandDelayUs + latest(device);
    return { device: id, ...nameplate, responseUsMax, commandUsMax: PERIODS * periodUs(id, balancer), commandedBy };
  });
  return createInvariantChecker({
    plates,
    freshness: balancer && freshnessOf(balancer),
    startUs: parseInstant(clock.start),
  });
}

/** The configuration's own words, as far as they say what has to be fresh; it has been checked by the balancer's schema. */
interface LoopConfig {
  readonly mode: string;
  readonly everyUs: number;
  readonly households?: readonly { readonly device: string }[];
  readonly householdEveryUs?: number;
  readonly fallback: string;
  readonly battery: { readonly device: string };
  readonly breaker: { readonly device: string };
}

/** Infinite for a battery that is none of the balancer's. */
function periodUs(device: string, balancer: LoopConfig | undefined): number {
  if (balancer?.battery.device === device) return balancer.everyUs;
  const isHousehold = balancer?.households?.some((household) => household.device === device) ?? false;
  return isHousehold ? (balancer?.householdEveryUs ?? Infinity) : Infinity;
}

function freshnessOf({ mode, everyUs, fallback, battery, breaker }: LoopConfig): FreshnessRule | undefined {
  if (mode !== 'near-real-time') return undefined;
  return {
    device: battery.device,
    needs: [
      { kind: 'pmu', device: breaker.device },
      { kind: 'bess', device: battery.device },
    ],
    staleAfterUs: PERIODS * everyUs,
    planAllowed: fallback === 'plan',
  };
}
