/**
 * What every receiver of certified messages checks before it believes one: content against hash, and hash against the
 * source's chain. Signatures are checked once, by the certificate check, which repudiates sources over the databus.
 *
 * What this finds at once: tampered content, a message that does not follow the one before, replays, forks. What it
 * cannot find: a source that certifies its own inventions consistently. That shows at the block's end, so the window
 * of exposure is one block (the platform believed at most `blockLength` messages before the repudiation).
 *
 * A hole in the positions is a lost message, not a forgery: the first message after it is accepted unlinked, and the
 * signature at the block's end vouches for it. Messages that come late are held against both neighbours.
 */
import { hashMatches, type Certification, type Repudiation } from './certification.ts';

export type IntakeRefusal = 'uncertified' | 'hash-mismatch' | 'chain-broken' | 'duplicate' | 'repudiated';

type IntakeVerdict = { readonly ok: true } | { readonly ok: false; readonly reason: IntakeRefusal };

export interface IntakeVerifier {
  /**
   * Judges one message of a bridged source, in order of arrival; with the bytes that it came in it does so faster. A
   * `duplicate` is a message that was accepted before, word for word: it is to be ignored, not held against anyone.
   */
  verify(
    message: { readonly device: string; readonly certification?: Certification | undefined },
    payload?: Uint8Array,
  ): IntakeVerdict;
  /**
   * From now on the named positions of the device are refused as `repudiated`; their chain is still followed. To be
   * called as the repudiation arrives: that of instant t arrives after all data of t and before those of t+1.
   */
  repudiate(repudiation: Repudiation): void;
  /** Forgets everything: a new run begins, with chains of its own. */
  reset(): void;
  /** Positions that were passed over and have not come since: lost on the way, or refused. */
  missing(): number;
}

interface Link {
  readonly index: number;
  readonly hash: string;
  readonly previousHash: string;
}

interface Chain {
  /** The newest message that was accepted into the chain. */
  tip: Link;
  /** The newest message that did not fit: if the next one follows it, the chain goes on there. */
  candidate: Link | undefined;
  /** Links of the chain by position, the last `HISTORY` of them, to judge duplicates and late comers. */
  readonly recent: Map<number, Link>;
  missing: number;
}

/** Positions remembered per source: more than any block, so that late comers of an open block find their neighbours. */
const HISTORY = 256;

/** One verifier per receiving service; it keeps a chain per device. */
export function createIntakeVerifier(): IntakeVerifier {
  const chains = new Map<string, Chain>();
  const repudiated = new Map<string, { readonly from: number; readonly until: number }>();
  return {
    verify(message, payload) {
      const { device, certification } = message;
      if (certification === undefined) return refused('uncertified');
      if (!hashMatches(message, payload)) return refused('hash-mismatch');
      const { index, hash, previousHash } = certification;
      const link: Link = { index, hash, previousHash };
      const chain = chains.get(device);
      if (chain === undefined) {
        chains.set(device, { tip: link, candidate: undefined, recent: new Map([[index, link]]), missing: 0 });
      } else {
        if (chain.recent.get(index)?.hash === hash) return refused('duplicate');
        if (!extend(chain, link)) {
          chain.candidate = link;
          return refused('chain-broken');
        }
      }
      const range = repudiated.get(device);
      return range !== undefined && index >= range.from && index <= range.until ? refused('repudiated') : ACCEPTED;
    },
    repudiate({ device, fromIndex, untilIndex }) {
      const known = repudiated.get(device);
      if (known === undefined || fromIndex > known.until + 1) {
        repudiated.set(device, { from: fromIndex, until: untilIndex });
      } else if (untilIndex + 1 >= known.from) {
        // Ranges that touch become one; one that lies apart in the past changes nothing.
        repudiated.set(device, {
          from: Math.min(known.from, fromIndex),
          until: Math.max(known.until, untilIndex),
        });
      }
    },
    reset() {
      chains.clear();
      repudiated.clear();
    },
    missing() {
      return [...chains.values()].reduce((sum, chain) => sum + chain.missing, 0);
    },
  };
}

const ACCEPTED: IntakeVerdict = { ok: true };

function refused(reason: IntakeRefusal): IntakeVerdict {
  return { ok: false, reason };
}

/** Takes the link into the chain when it fits; false when it contradicts what was accepted before. */
function extend(chain: Chain, link: Link): boolean {
  const { tip, candidate } = chain;
  if (candidate !== undefined && follows(candidate, link) && isFork(chain, candidate)) {
    // Two branches, and the one that was refused goes on: an injected message must not silence the source for good.
    // Which branch was genuine the block's signature decides.
    remember(chain, candidate);
    accept(chain, link);
    return true;
  }
  if (link.index > tip.index + 1) {
    chain.missing += link.index - tip.index - 1;
    accept(chain, link);
    return true;
  }
  if (link.index === tip.index + 1) {
    if (!follows(tip, link)) return false;
    accept(chain, link);
    return true;
  }
  return fillGap(chain, link);
}

/** A message behind the tip: good only in a hole, next to a neighbour, and in line with both neighbours that are known. */
function fillGap(chain: Chain, link: Link): boolean {
  const before = chain.recent.get(link.index - 1);
  const after = chain.recent.get(link.index + 1);
  if (chain.recent.has(link.index) || (before === undefined && after === undefined)) return false;
  if (before !== undefined && !follows(before, link)) return false;
  if (after !== undefined && !follows(link, after)) return false;
  chain.missing = Math.max(0, chain.missing - 1);
  remember(chain, link);
  return true;
}

/** Another message at a remembered or new position; positions long past are replays, which are never taken up again. */
function isFork({ tip, recent }: Chain, candidate: Link): boolean {
  return candidate.index > tip.index || recent.has(candidate.index);
}

function follows(earlier: Link, later: Link): boolean {
  return later.index === earlier.index + 1 && later.previousHash === earlier.hash;
}

function accept(chain: Chain, link: Link): void {
  chain.tip = link;
  chain.candidate = undefined;
  remember(chain, link);
}

function remember({ recent }: Chain, link: Link): void {
  recent.delete(link.index);
  recent.set(link.index, link);
  if (recent.size > HISTORY) {
    const [oldest] = recent.keys();
    if (oldest !== undefined) recent.delete(oldest);
  }
}
