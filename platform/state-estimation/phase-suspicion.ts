/**
 * Which meters certainly have their phases in another order, decided for all of them together.
 *
 * An order at one meter is a wrong power on two or three phases of its bus, and that shifts the voltages of the whole
 * feeder: a neighbour whose phases are right then looks as if they were not. So an order that looks likely by its own
 * voltages only raises a suspicion. It is named when the set of orders that it belongs to is much more likely with it than
 * without it, and more likely than with any other order, of this meter or another one, in its place.
 */
import type { EstimateResult, EstimationProblem } from './estimator.ts';
import { type Candidate, explains } from './model-candidate.ts';
import { AS_NAMED } from './model-hypotheses.ts';
import { type Meter, mostEvidence, type PhaseCandidate } from './phase-candidates.ts';
import { type Member, PhaseSuppositions, type Supposition } from './phase-suppositions.ts';

/** What is asked, in twice the logarithm of a likelihood ratio. */
export interface Asked {
  /** That each order adds to a set. */
  readonly evidence: number;
  /** Against any other order in its place. */
  readonly lead: number;
}

/** Evidence of an order by its meter's own voltages, with all others as on paper, from which sets are looked at. */
const SUSPECT = 15;
/** Orders that are looked at because of this evidence, and what they have of it. */
const FOLLOWED_MOST = 12;
const FOLLOWED_LEAST = 5;
/** An order may be taken for one of so many meters around it; the likeliest by the last frames are looked at. */
const METERS_NEAR = 24;
const FRAMES_NEAR = 8;
const ORDERS_NEAR = 10;
/** At fewer loads one wrong power looks much like another. */
const LOADS_LEAST = 4;
/** Orders of a set: more meters are hardly mixed up within a day. */
const MEMBERS_MOST = 4;

/** An order of the likeliest set, and what it adds to it; nothing where another order could stand for it. */
interface Weighed {
  readonly candidate: PhaseCandidate;
  readonly from: number;
  readonly evidence: number;
}

export class PhaseSuspicion {
  private readonly suppositions: PhaseSuppositions;
  /** Orders in question because of the meters around them, since the suspicion began. */
  private near: readonly PhaseCandidate[] = [];

  constructor(meters: readonly Meter[]) {
    this.suppositions = new PhaseSuppositions(meters);
  }

  observe(problem: EstimationProblem, now: EstimateResult): void {
    this.suppositions.observe(problem, now);
  }

  /**
   * What the frames so far make certain of `phases`, all orders that there are, with the evidence that each adds to the set
   * of them and the number of frames since it began.
   */
  certain(phases: readonly PhaseCandidate[], asked: Asked): readonly Candidate[] {
    const followed = mostEvidence(phases, FOLLOWED_MOST).filter(({ evidence }) => evidence >= FOLLOWED_LEAST);
    const [alarm] = followed;
    if (alarm === undefined || alarm.evidence < SUSPECT) {
      this.near = [];
      return [];
    }
    const { suppositions } = this;
    const { count } = suppositions;
    const origin = count + 1 - Math.max(...followed.map(({ estimates }) => estimates));
    const look = () =>
      this.look([...followed, ...phases.filter(({ bus }) => bus === alarm.bus)], phases, origin, asked);
    let set = look();
    const certain = () =>
      set.filter(({ from, evidence }) => evidence >= asked.evidence && count - from + 1 >= LOADS_LEAST);
    // Powers told of the wrong phases, those of a PV plant on one phase above all, make the estimate fit the meter's own
    // voltages and misfit its neighbours'. The order that is meant may have no evidence of its own then, so the alarm's
    // neighbours are tried once, and those of all orders among which one would be named.
    const lost = certain().length === 0;
    if (lost && (this.near.length > 0 || alarm.evidence < asked.evidence)) return [];
    const around = new Map<PhaseCandidate, ReadonlySet<number>>();
    this.near = [];
    for (let next = lost ? [alarm] : set.map(({ candidate }) => candidate); next.length > 0;) {
      for (const one of next) around.set(one, suppositions.movedBy(one, METERS_NEAR, origin));
      this.near = [
        ...this.near,
        ...next.flatMap((one) =>
          this.likeliest(
            phases.filter(({ bus }) => around.get(one)!.has(bus)),
            origin,
          ),
        ),
      ];
      set = look();
      next = certain().length === 0 ? [] : set.map(({ candidate }) => candidate).filter((one) => !around.has(one));
    }
    // While one of them is open, its neighbours are: what it may be taken for could be two others.
    const open = set.filter((one) => !certain().includes(one));
    return certain()
      .filter(({ candidate: { bus } }) => !open.some(({ candidate }) => around.get(candidate)!.has(bus)))
      .map(({ candidate: { hypothesis }, from, evidence }) => ({ hypothesis, evidence, estimates: count - from + 1 }));
  }

  /** Those that are likeliest, each for itself, by the last frames. */
  private likeliest(phases: readonly PhaseCandidate[], origin: number): readonly PhaseCandidate[] {
    const { suppositions } = this;
    const since = Math.max(origin, suppositions.count + 1 - FRAMES_NEAR);
    return phases
      .map((one) => ({ one, likelihood: suppositions.suppose([suppositions.begin(one, since)]).likelihood }))
      .toSorted((a, b) => b.likelihood - a.likelihood)
      .slice(0, ORDERS_NEAR)
      .map(({ one }) => one);
  }

  /** The likeliest set; empty when it leaves most of the misfit open. */
  private look(
    seen: readonly PhaseCandidate[],
    phases: readonly PhaseCandidate[],
    origin: number,
    asked: Asked,
  ): readonly Weighed[] {
    const { suppositions } = this;
    const begun = new Map<PhaseCandidate, Member>();
    const take = (some: readonly PhaseCandidate[]): readonly Member[] => {
      for (const one of some) begun.set(one, suppositions.begin(one, origin));
      return [...begun.values()];
    };
    const likely = this.likeliestSet(take([...seen, ...this.near]), asked);
    // Each of them against every other order of the same meter.
    const pool = take(phases.filter((one) => holds(likely.members, one)));
    const best = this.likeliestSet(pool, asked);
    if (best.members.length === 0 || !explains(suppositions.fit(best))) return [];
    return [...begun]
      .filter(([, member]) => best.members.includes(member))
      .map(([candidate, member]) => {
        return { candidate, from: member.from, evidence: this.added(member, best, pool, asked) };
      });
  }

  /** The most likely set out of the pool, as long as each order more adds what is asked. */
  private likeliestSet(pool: readonly Member[], { evidence, lead }: Asked): Supposition {
    const { suppositions } = this;
    let best = suppositions.suppose([]);
    const model = best.likelihood;
    const promising = pool.filter((one) => suppositions.suppose([one]).likelihood - model >= lead);
    while (best.members.length < MEMBERS_MOST) {
      const { members, likelihood } = best;
      const [next] = promising
        .filter(({ candidate }) => !holds(members, candidate))
        .map((one) => suppositions.suppose([...members, one]))
        .toSorted((a, b) => b.likelihood - a.likelihood);
      if (next === undefined || next.likelihood - likelihood < evidence) break;
      best = next;
    }
    return best;
  }

  /**
   * What an order adds to its set: against the set without it, and against one where the meter was exchanged for one with
   * other errors. Nothing if another order in its place is nearly as likely.
   */
  private added(
    member: Member,
    { members, likelihood }: Supposition,
    pool: readonly Member[],
    { lead }: Asked,
  ): number {
    const { suppositions } = this;
    const others = members.filter((one) => one !== member);
    const ahead = (set: readonly Member[]) => likelihood - suppositions.suppose(set).likelihood;
    const rivals = pool.filter((one) => one !== member && !holds(others, one.candidate));
    if (rivals.some((rival) => ahead([...others, rival]) < lead)) return 0;
    const exchanged = { ...member, candidate: { ...member.candidate, order: AS_NAMED } };
    return Math.min(ahead(others), ahead([...others, exchanged]));
  }
}

function holds(members: readonly Member[], { bus }: Pick<PhaseCandidate, 'bus'>): boolean {
  return members.some(({ candidate }) => candidate.bus === bus);
}
