/**
 * Plans step by step, without a solver: holds are held, packages bring in what will be missing until the next one or send
 * out what will not be needed until then, and everywhere else the exchange is kept at its target.
 */
import type { Window } from './agenda.ts';
import { availablePower, balanceStep, stateOfChargeAfter } from './rules.ts';
import { type PlanTask, shareInside, type SitePlan, spanOf, type TaskBattery } from './site-plan.ts';

export function planByRule(task: PlanTask): SitePlan {
  const targets = targetsOf(task);
  const walk = walkThrough(task, targets);
  return { method: 'rule', clashes: clashesOf(task, targets, walk.exchangeW), ...walk };
}

/** Exchange to aim at in each step, W: packages are sized in order of time, each from the state that the ones before leave. */
function targetsOf(task: PlanTask): number[] {
  const { windows, horizon } = task;
  const holds = windows.filter(({ kind }) => kind === 'hold');
  const packages = windows.filter(({ kind }) => kind !== 'hold');
  const targets = horizon.loadW.map((_, k) => {
    const held = holds.reduce((sum, hold) => sum + shareInside(horizon, k, hold) * (hold.exchangeW - task.targetW), 0);
    return task.targetW + held;
  });
  for (const [index, slot] of packages.entries()) {
    let leftWh = packageEnergyWh(task, targets, slot, packages.slice(index + 1));
    for (const [k, target] of targets.entries()) {
      const share = freeShare(task, k, slot, holds);
      if (share === 0 || leftWh <= 0) continue;
      const wholeWh = Math.abs(slot.exchangeW) * share * hoursOf(task, k);
      const takenWh = Math.min(leftWh, wholeWh);
      leftWh -= takenWh;
      targets[k] = target + (Math.sign(slot.exchangeW) * takenWh) / hoursOf(task, k);
    }
  }
  return targets;
}

/** Share of a step that belongs to the package: holds go before packages. */
function freeShare({ horizon }: PlanTask, k: number, slot: Window, holds: readonly Window[]): number {
  const held = holds.reduce((sum, hold) => {
    const startUs = Math.max(hold.startUs, slot.startUs);
    const endUs = Math.min(hold.endUs, slot.endUs);
    return endUs > startUs ? sum + shareInside(horizon, k, { ...hold, startUs, endUs }) : sum;
  }, 0);
  return Math.max(0, shareInside(horizon, k, slot) - held);
}

/**
 * Energy through the grid connection that a package should have, Wh: brought in, what the batteries will be short of even
 * if later packages bring all they can; sent out, what the batteries hold beyond what they will have to give themselves.
 */
function packageEnergyWh(task: PlanTask, targets: readonly number[], slot: Window, later: readonly Window[]): number {
  const steps = task.horizon.loadW.flatMap((_, k) => (shareInside(task.horizon, k, slot) > 0 ? [k] : []));
  const [first] = steps;
  if (first === undefined) return 0;
  const before = walkThrough(task, targets.slice(0, first));
  const storedWh = sum(task.batteries, ({ model, soc }, n) => {
    const atStart = before.batteries[n]?.soc.at(-1) ?? soc;
    return model.maxDischargeW === 0
      ? 0
      : Math.max(0, atStart - model.socMin) * model.capacityWh * model.dischargeEfficiency;
  });
  if (slot.kind === 'import-package') {
    const missingWh = Math.max(0, deepestDeficitWh(task, targets, first, later) - storedWh);
    // What is for later goes through the store, and loses on its way.
    const storedForWh = Math.min(missingWh, deepestDeficitWh(task, targets, first + steps.length, later));
    const { chargeEfficiency = 1, dischargeEfficiency = 1 } = task.batteries[0]?.model ?? {};
    return missingWh + storedForWh * (1 / (chargeEfficiency * dischargeEfficiency) - 1);
  }
  const ownWh = sum(steps, (k) => netOf(task, k, targets[k] ?? task.targetW) * hoursOf(task, k));
  return Math.max(0, storedWh - ownWh - deepestDeficitWh(task, targets, first + steps.length, []));
}

/** Deepest deficit that builds up from step `from` on, Wh at the terminals; a surplus counts as far as it can be stored. */
function deepestDeficitWh(task: PlanTask, targets: readonly number[], from: number, later: readonly Window[]): number {
  const capacityWh = sum(task.batteries, ({ model }) => (model.socMax - model.socMin) * model.capacityWh);
  let runningWh = 0;
  let deepestWh = 0;
  for (let k = from; k < targets.length; k += 1) {
    const deliveredW = sum(later, (slot) => shareInside(task.horizon, k, slot) * slot.exchangeW);
    runningWh += (netOf(task, k, targets[k] ?? task.targetW) - deliveredW) * hoursOf(task, k);
    runningWh = Math.max(-capacityWh, runningWh);
    deepestWh = Math.max(deepestWh, runningWh);
  }
  return deepestWh;
}

/** The batteries through the steps that have a target: households first, the community battery takes what is left. */
function walkThrough(task: PlanTask, targets: readonly number[]): Pick<SitePlan, 'exchangeW' | 'batteries'> {
  const socs = task.batteries.map(({ soc }) => soc);
  const batteries = task.batteries.map(() => ({ powerW: [] as number[], soc: [] as number[] }));
  const exchangeW: number[] = [];
  for (const [k, target] of targets.entries()) {
    const seconds = hoursOf(task, k) * 3600;
    let restW = netOf(task, k, 0);
    const shares = householdShares(task.batteries, socs, restW - target, seconds);
    for (let n = task.batteries.length - 1; n >= 0; n -= 1) {
      const { model } = task.batteries[n] as TaskBattery;
      const soc = socs[n] as number;
      const step =
        n === 0
          ? balanceStep(model, soc, restW, target, seconds)
          : { batteryW: shares[n] ?? 0, stateOfCharge: stateOfChargeAfter(model, soc, shares[n] ?? 0, seconds) };
      socs[n] = step.stateOfCharge;
      restW -= step.batteryW;
      batteries[n]?.powerW.push(step.batteryW);
      batteries[n]?.soc.push(step.stateOfCharge);
    }
    exchangeW.push(restW);
  }
  return { exchangeW, batteries };
}

/** What the households' batteries contribute, W, each in proportion to what it can; nothing from the first battery. */
function householdShares(
  batteries: readonly TaskBattery[],
  socs: readonly number[],
  wantedW: number,
  seconds: number,
): number[] {
  const able = batteries.map(({ model }, n) => {
    if (n === 0) return 0;
    const { dischargeW, chargeW } = availablePower(model, socs[n] as number, seconds);
    return wantedW > 0 ? dischargeW : -chargeW;
  });
  const allW = sum(able, (power) => power);
  const share = allW === 0 ? 0 : Math.min(1, wantedW / allW);
  return able.map((power) => power * share);
}

/** Consumption minus production and target in step `k`, W. */
function netOf({ horizon }: PlanTask, k: number, targetW: number): number {
  return (horizon.loadW[k] ?? 0) - (horizon.generationW[k] ?? 0) - targetW;
}

function hoursOf({ horizon }: PlanTask, k: number): number {
  const { fromUs, toUs } = spanOf(horizon, k);
  return (toUs - fromUs) / 3600e6;
}

/** Holds that the batteries cannot carry through, in words. */
function clashesOf(task: PlanTask, targets: readonly number[], exchangeW: readonly number[]): string[] {
  return task.windows.flatMap((hold) => {
    if (hold.kind !== 'hold') return [];
    const missedWh = sum(exchangeW, (power, k) =>
      shareInside(task.horizon, k, hold) > 0 ? Math.abs(power - (targets[k] ?? power)) * hoursOf(task, k) : 0,
    );
    if (missedWh < NOTICEABLE_WH) return [];
    return [
      `the hold at ${kilo(hold.exchangeW)} kW misses ${kilo(missedWh)} kWh: the batteries are full, empty or too small`,
    ];
  });
}

/** Less than this is rounding, not a miss. */
const NOTICEABLE_WH = 100;

function kilo(value: number): number {
  return Math.round(value / 100) / 10;
}

function sum<Item>(items: readonly Item[], of: (item: Item, index: number) => number): number {
  return items.reduce((total, item, index) => total + of(item, index), 0);
}
