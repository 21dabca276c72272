/**
 * Which use case is in force, and what lies ahead: a base (none, the island, or packages of energy in slots) and holds
 * for third parties on top of it. When a hold is over the base goes on where it was, with the slots that are left.
 */
import type { PackageSlot, UseCaseNumber, UseCaseWish } from '../contract/trigger.ts';
import { formatInstant, parseInstant } from '../contract/time.ts';

/** A stretch of time with an exchange of its own. */
export interface Window {
  readonly kind: 'hold' | 'import-package' | 'export-package';
  readonly startUs: number;
  readonly endUs: number;
  /** W, import positive: to be held, or the most that a package may have. */
  readonly exchangeW: number;
}

export interface InForce {
  readonly useCase: UseCaseNumber;
  /** The hold or package under way. */
  readonly window: Window | undefined;
}

export interface WishAnswer {
  readonly accepted: boolean;
  readonly reasons: readonly string[];
}

export interface Agenda {
  /** Takes a wish, or says why not; what was agreed before stays then. */
  take(wish: UseCaseWish, nowUs: number): WishAnswer;
  at(timeUs: number): InForce;
  /** Windows that are not over at `fromUs` and begin before `untilUs`, in order of time. */
  ahead(fromUs: number, untilUs: number): readonly Window[];
}

type Base = Exclude<UseCaseNumber, 2>;

/** A running hold ends with the next wish of any kind; holds that were agreed for later end with use case 0 only. */
export function createAgenda(): Agenda {
  let base: Base = 0;
  let packages: readonly Window[] = [];
  let holds: readonly Window[] = [];

  const under = (windows: readonly Window[], timeUs: number) =>
    windows.find(({ startUs, endUs }) => startUs <= timeUs && timeUs < endUs);

  return {
    take(wish, nowUs) {
      holds = holds.filter(({ endUs }) => endUs > nowUs);
      const pending = holds.filter(({ startUs }) => startUs > nowUs);
      if (wish.useCase === 2) {
        const hold = holdOf(wish, nowUs);
        const fault = faultOfHold(hold, nowUs, pending);
        if (fault !== undefined) return { accepted: false, reasons: [fault] };
        // One that begins at once takes the place of the one that runs; one for later leaves it alone until then.
        const kept = hold.startUs <= nowUs ? pending : holds.map((other) => cutAt(other, hold));
        holds = [...kept, hold].toSorted(byStart);
        return ACCEPTED;
      }
      if (wish.useCase === 3 || wish.useCase === 4) {
        const wanted = wish.slots.map((slot) => packageOf(slot, wish.useCase)).toSorted(byStart);
        const faults = faultsOfPackages(wanted, nowUs);
        if (faults.length > 0) return { accepted: false, reasons: faults };
        packages = wanted;
      } else {
        packages = [];
      }
      holds = wish.useCase === 0 ? [] : pending;
      base = wish.useCase;
      return ACCEPTED;
    },
    at(timeUs) {
      const hold = under(holds, timeUs);
      return hold === undefined ? { useCase: base, window: under(packages, timeUs) } : { useCase: 2, window: hold };
    },
    ahead: (fromUs, untilUs) =>
      [...holds, ...packages].filter(({ startUs, endUs }) => endUs > fromUs && startUs < untilUs).toSorted(byStart),
  };
}

const ACCEPTED: WishAnswer = { accepted: true, reasons: [] };

function holdOf({ targetW, durationUs, start }: Extract<UseCaseWish, { useCase: 2 }>, nowUs: number): Window {
  const startUs = start === undefined ? nowUs : parseInstant(start);
  return { kind: 'hold', startUs, endUs: startUs + durationUs, exchangeW: targetW };
}

function packageOf({ start, durationUs, powerW }: PackageSlot, useCase: 3 | 4): Window {
  const startUs = parseInstant(start);
  const [kind, exchangeW] =
    useCase === 3 ? (['import-package', powerW] as const) : (['export-package', -powerW] as const);
  return { kind, startUs, endUs: startUs + durationUs, exchangeW };
}

function faultOfHold(hold: Window, nowUs: number, agreed: readonly Window[]): string | undefined {
  if (hold.endUs <= nowUs) return `the hold is over since ${formatInstant(hold.endUs)}`;
  const other = agreed.find((each) => overlap(each, hold));
  return other === undefined ? undefined : `the hold overlaps the one agreed ${spanText(other)}`;
}

function faultsOfPackages(wanted: readonly Window[], nowUs: number): string[] {
  const faults = wanted.flatMap((slot, index) => {
    const next = wanted[index + 1];
    return next !== undefined && overlap(slot, next)
      ? [`the slots ${spanText(slot)} and ${spanText(next)} overlap`]
      : [];
  });
  const allPast = wanted.every(({ endUs }) => endUs <= nowUs);
  return allPast ? [...faults, `every slot is over at ${formatInstant(nowUs)}`] : faults;
}

function cutAt(running: Window, next: Window): Window {
  return overlap(running, next) ? { ...running, endUs: next.startUs } : running;
}

function overlap(a: Window, b: Window): boolean {
  return a.startUs < b.endUs && b.startUs < a.endUs;
}

function byStart(a: Window, b: Window): number {
  return a.startUs - b.startUs;
}

function spanText({ startUs, endUs }: Window): string {
  return `from ${formatInstant(startUs)} to ${formatInstant(endUs)}`;
}
