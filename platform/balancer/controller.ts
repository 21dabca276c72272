/** What decides about a battery inside the balancer service, whichever way it comes to its decision. */
import type { Instant } from '../service/definition.ts';

export interface Controller {
  /** Takes in what arrived; called at every instant. */
  observe(instant: Instant): void;
  /** What the battery should do from now on, W, discharge positive; undefined when nobody can tell. Once per period. */
  decide(timeUs: number): number | undefined;
  metrics(): Readonly<Record<string, number>>;
}
