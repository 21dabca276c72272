/** A plan as it travels: for the historian, the report, and whoever wants to know what the balancer is up to. */
import type { Plan } from '../contract/plan.ts';
import { formatInstant } from '../contract/time.ts';
import type { PlanTask, SitePlan } from './site-plan.ts';

export function planMessage(task: PlanTask, plan: SitePlan, sequence: number): Plan {
  const { horizon, useCase, windows, batteries } = task;
  return {
    schema: 'platone.plan/1',
    issuer: 'balancer',
    timestamp: formatInstant(horizon.nowUs),
    sequence,
    useCase,
    method: plan.method,
    status: plan.clashes.length === 0 ? 'feasible' : 'infeasible',
    clashes: [...plan.clashes],
    start: formatInstant(horizon.startUs),
    stepUs: horizon.stepUs,
    loadW: horizon.loadW.map(tenth),
    generationW: horizon.generationW.map(tenth),
    exchangeW: plan.exchangeW.map(tenth),
    batteries: batteries.map(({ device }, n) => ({
      device,
      activePowerW: (plan.batteries[n]?.powerW ?? []).map(tenth),
      stateOfCharge: (plan.batteries[n]?.soc ?? []).map((soc) => Math.round(soc * 1e6) / 1e6),
    })),
    windows: windows.map(({ kind, startUs, endUs, exchangeW }) => ({
      kind,
      start: formatInstant(startUs),
      end: formatInstant(endUs),
      exchangeW,
    })),
  };
}

/** More digits would only make the message longer; plus zero, since minus zero does not survive JSON. */
function tenth(value: number): number {
  return Math.round(value * 10) / 10 + 0;
}
