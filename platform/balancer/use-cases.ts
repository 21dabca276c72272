/**
 * The four use cases of the German demo site over one loop: the agenda says which exchange with the grid to hold, every
 * period the community battery is told how to hold it, plans size packages and steer household batteries.
 */
import type { Forecast } from '../contract/forecast.ts';
import { formatInstant } from '../contract/time.ts';
import { topics } from '../contract/topics.ts';
import type { Trigger } from '../contract/trigger.ts';
import type { UseCaseMessage } from '../contract/use-case.ts';
import type { Output } from '../service/definition.ts';
import { createAgenda, type InForce } from './agenda.ts';
import type { NearRealTimeConfig } from './config.ts';
import type { Command, Controller } from './controller.ts';
import { createHousehold } from './household.ts';
import { createFollower } from './near-real-time.ts';
import { planMessage } from './plan-message.ts';
import { horizonOf, inWindow, packageTarget, type PlanTask, type SitePlan, stepAt } from './site-plan.ts';

/** Makes plans: by rule or with a solver. */
export type Planner = (task: PlanTask) => SitePlan;

/** Flexibility is stated for a quarter of an hour. */
const FLEXIBILITY_S = 900;
/** Names of requests that are remembered, so that a repeated one changes nothing. */
const REQUESTS_MAX = 1000;
const ISSUER = 'balancer';

type Cause = UseCaseMessage['cause'];
type Answer = NonNullable<UseCaseMessage['answer']>;

/** What is known at an instant. */
interface Situation {
  readonly timeUs: number;
  readonly inForce: InForce;
  /** Net power without the community battery, W; undefined when measurements are too old. */
  readonly netW: number | undefined;
}

/**
 * Fallback: when breaker power or telemetry are older than `staleAfterPeriods`, no setpoint is sent and the battery returns
 * to its default when the last one has run out; with `fallback: plan` it gets what the plan has for it.
 */
export function createUseCases(config: NearRealTimeConfig, planner: Planner | undefined): Controller {
  const follower = createFollower(config);
  const staleAfterUs = config.staleAfterPeriods * config.householdEveryUs;
  const households = config.households.map((battery) => createHousehold(battery, staleAfterUs));
  const agenda = createAgenda();
  const requests = new Set<string>();
  let answers: Answer[] = [];
  let begun = false;
  let forecast: { readonly message: Forecast; readonly issuedUs: number } | undefined;
  let planned: { readonly task: PlanTask; readonly plan: SitePlan } | undefined;
  let planSlot = Number.NaN;
  let householdSlot = Number.NaN;
  /** Households that have a setpoint of theirs in force. */
  let commanded: readonly string[] = [];
  let before: InForce | undefined;
  /** Newest setpoint, which is in force until it runs out. */
  let last: { readonly powerW: number; readonly untilUs: number } | undefined;
  let sequence = 0;
  let saidSlot = Number.NaN;
  const counts = { plans: 0, clashes: 0, triggers: 0, refusedTriggers: 0, fallbacks: 0 };

  function begin(timeUs: number): void {
    begun = true;
    const { accepted, reasons } = agenda.take(config.begin, timeUs);
    if (accepted) return;
    // Whoever configured it hears it as an answer; until somebody says something better, the site is an island.
    agenda.take({ useCase: 1 }, timeUs);
    answers.push({ request: 'begin', useCase: config.begin.useCase, accepted, reasons: [...reasons] });
  }

  function take(trigger: Trigger, timeUs: number): void {
    const { request, useCase } = trigger;
    counts.triggers += 1;
    if (requests.has(request)) {
      answers.push({ request, useCase, accepted: true, reasons: ['was taken before, it changes nothing'] });
      return;
    }
    const { accepted, reasons } = agenda.take(trigger, timeUs);
    const doubts = accepted ? doubtsOf(trigger, timeUs) : [];
    answers.push({ request, useCase, accepted, reasons: [...reasons, ...doubts] });
    if (!accepted) {
      counts.refusedTriggers += 1;
      return;
    }
    // What lies ahead is another now.
    planSlot = Number.NaN;
    requests.add(request);
    const [oldest] = requests;
    if (requests.size > REQUESTS_MAX && oldest !== undefined) requests.delete(oldest);
  }

  /** What of a hold the battery cannot carry through as things stand. */
  function doubtsOf(trigger: Trigger, timeUs: number): string[] {
    const able = follower.available(timeUs, trigger.useCase === 2 ? trigger.durationUs / 1e6 : FLEXIBILITY_S);
    if (trigger.useCase !== 2 || able === undefined || lastNetW === undefined) return [];
    const wantedW = lastNetW - trigger.targetW;
    const [verb, canW] = wantedW > 0 ? (['give', able.dischargeW] as const) : (['take', able.chargeW] as const);
    if (Math.abs(wantedW) <= canW) return [];
    const [wanted, can] = [kilo(Math.abs(wantedW)), kilo(canW)];
    return [`at the present net power the battery has to ${verb} ${wanted} kW all the time, and can ${verb} ${can} kW`];
  }
  let lastNetW: number | undefined;

  /** A new plan when it is time for one and there is all that it needs; the old one stays where there is not. */
  function replan({ timeUs, inForce }: Situation): Output[] {
    const slot = Math.floor(timeUs / config.planEveryUs);
    if (planner === undefined || forecast === undefined || slot === planSlot) return [];
    const horizon = horizonOf(forecast.message, timeUs, config.planHorizonUs, config.forecast);
    const soc = follower.soc(timeUs);
    if (horizon === undefined || soc === undefined) return [];
    planSlot = slot;
    const own = inWindow({ device: config.battery.device, model: follower.model(), soc });
    const task: PlanTask = {
      useCase: inForce.useCase,
      horizon,
      batteries: [own, ...households.flatMap((household) => household.task(timeUs) ?? [])],
      targetW: config.targetW,
      windows: agenda.ahead(timeUs, horizon.startUs + horizon.loadW.length * horizon.stepUs),
    };
    const plan = planner(task);
    planned = { task, plan };
    if (plan.clashes.length > 0) counts.clashes += 1;
    return [{ topic: topics.plan(config.site, ISSUER), message: planMessage(task, plan, counts.plans++) }];
  }

  /** Exchange to hold, W; undefined in use case 0. */
  function targetOf({ timeUs, inForce: { useCase, window } }: Situation): number | undefined {
    if (useCase === 0) return undefined;
    if (window === undefined) return config.targetW;
    if (window.kind === 'hold' || planned === undefined) return window.exchangeW;
    return packageTarget(planned.task, planned.plan, window, timeUs);
  }

  function communityCommand(situation: Situation): Command[] {
    const { timeUs } = situation;
    if (last !== undefined && timeUs > last.untilUs) last = undefined;
    const wantedW = wantedPower(situation);
    if (wantedW === undefined) return [];
    const powerW = withinRamp(wantedW);
    const validForUs = config.validForPeriods * config.everyUs;
    last = { powerW, untilUs: timeUs + validForUs };
    return [{ device: config.battery.device, powerW, validForUs }];
  }

  function wantedPower(situation: Situation): number | undefined {
    const { timeUs, netW } = situation;
    const target = targetOf(situation);
    // Use case 0 ends with a setpoint of zero; from then on nobody sends any.
    if (target === undefined) return last === undefined || last.powerW === 0 ? undefined : 0;
    if (netW !== undefined) return follower.cover(timeUs, netW, target);
    counts.fallbacks += 1;
    if (config.fallback === 'revert' || planned === undefined) return undefined;
    return planned.plan.batteries[0]?.powerW[stepAt(planned.task.horizon, timeUs)];
  }

  /** A setpoint goes no further from the one before, or from what the battery does, than its ramp allows in a period. */
  function withinRamp(wantedW: number): number {
    const { rampWPerS } = config.battery;
    if (rampWPerS === undefined) return wantedW;
    const fromW = last?.powerW ?? follower.batteryW() ?? 0;
    const reachW = (rampWPerS * config.everyUs) / 1e6;
    return Math.min(fromW + reachW, Math.max(fromW - reachW, wantedW));
  }

  /** In use case 0 households are brought to zero at once, and left to their default from then on. */
  function householdCommands({ timeUs, inForce }: Situation): Command[] {
    const validForUs = config.validForPeriods * config.householdEveryUs;
    if (inForce.useCase === 0) {
      const resting = commanded.map((device) => ({ device, powerW: 0, validForUs }));
      commanded = [];
      // Whoever starts again does not wait for the next quarter of an hour.
      householdSlot = Number.NaN;
      return resting;
    }
    const slot = Math.floor(timeUs / config.householdEveryUs);
    if (households.length === 0 || planned === undefined || slot === householdSlot) return [];
    householdSlot = slot;
    const { task, plan } = planned;
    const k = stepAt(task.horizon, timeUs);
    const commands = households.flatMap((household) => {
      const { device } = household;
      const n = task.batteries.findIndex((battery) => battery.device === device);
      const powerW = plan.batteries[n]?.powerW[k];
      return powerW === undefined || household.task(timeUs) === undefined ? [] : [{ device, powerW, validForUs }];
    });
    commanded = commands.map(({ device }) => device);
    return commands;
  }

  /**
   * What has to be said now: to those who asked, and to everybody when a hold or package begins or ends, with a new plan,
   * and as often as plans are due where none is made, for what the batteries could hold changes all the time.
   */
  function announcements(situation: Situation, isPlanned: boolean): Output[] {
    const cause = changeBetween(before, situation.inForce);
    before = situation.inForce;
    const slot = Math.floor(situation.timeUs / config.planEveryUs);
    const isDue = isPlanned || slot !== saidSlot;
    saidSlot = slot;
    const asked = answers;
    answers = [];
    if (asked.length > 0) return asked.map((answer) => say(situation, cause === 'start' ? 'start' : 'trigger', answer));
    if (cause !== undefined) return [say(situation, cause)];
    return isDue ? [say(situation, 'update')] : [];
  }

  function say(situation: Situation, cause: Cause, answer?: Answer): Output {
    const { timeUs, inForce, netW } = situation;
    const able = follower.available(timeUs, FLEXIBILITY_S);
    const range = netW === undefined || able === undefined ? undefined : [netW - able.dischargeW, netW + able.chargeW];
    const message: UseCaseMessage = {
      schema: 'platone.use-case/1',
      issuer: ISSUER,
      timestamp: formatInstant(timeUs),
      sequence: sequence++,
      useCase: inForce.useCase,
      cause,
      targetW: targetOf(situation) ?? null,
      ...(range !== undefined && { flexibility: { lowestW: range[0] ?? 0, highestW: range[1] ?? 0 } }),
      ...(answer !== undefined && { answer }),
    };
    return { topic: topics.useCase(config.site, ISSUER), message };
  }

  return {
    observe({ inputs, timeUs }) {
      if (!begun) begin(timeUs);
      for (const input of inputs) {
        if (input.kind === 'trigger') take(input.message as Trigger, timeUs);
        else if (input.kind === 'forecast') {
          const isNews = input.taggedUs >= (forecast?.issuedUs ?? -Infinity);
          if (isNews) forecast = { message: input.message as Forecast, issuedUs: input.taggedUs };
        } else {
          follower.observe(input);
          for (const household of households) household.observe(input);
        }
      }
    },
    decide(timeUs) {
      const situation: Situation = { timeUs, inForce: agenda.at(timeUs), netW: follower.netW(timeUs) };
      lastNetW = situation.netW;
      const plans = replan(situation);
      const commands = [...communityCommand(situation), ...householdCommands(situation)];
      return { commands, messages: [...plans, ...announcements(situation, plans.length > 0)] };
    },
    metrics: () => ({ ...follower.metrics(), ...counts }),
  };
}

/** What has changed from one instant to the next that everybody should hear. */
function changeBetween(before: InForce | undefined, now: InForce): Cause | undefined {
  if (before === undefined) return 'start';
  if (before.window === now.window) return undefined;
  if (now.window !== undefined) return now.window.kind === 'hold' ? 'hold-begins' : 'package-begins';
  return before.window?.kind === 'hold' ? 'hold-ends' : 'package-ends';
}

function kilo(powerW: number): number {
  return Math.round(powerW / 1000);
}
