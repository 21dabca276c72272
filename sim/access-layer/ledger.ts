/**
 * The access layer's append-only ledger of block signatures: what "on the blockchain" stands for in our model. Each
 * entry holds the SHA-256 of the entry before, so that none can be changed, taken out or put in unnoticed.
 */
import { hash } from 'node:crypto';
import { canonicalJson } from '../../platform/contract/canonical-json.ts';
import { importPublicKey, signatureMatches, type KeyRegister } from '../../platform/contract/certification.ts';

/** One signed block of one source. */
interface SignedBlock {
  readonly keyId: string;
  readonly device: string;
  /** Chain positions of the block, both inclusive. */
  readonly fromIndex: number;
  readonly untilIndex: number;
  /** Hash (hex) of the block's last message, and the source's signature (base64) over it. */
  readonly hash: string;
  readonly signature: string;
}

export interface LedgerEntry extends SignedBlock {
  /** Position in the ledger, from 0. */
  readonly sequence: number;
  /** `entryHash` of the entry before, 64 zeros for the first. */
  readonly previousEntryHash: string;
  /** SHA-256 (hex) over the canonical JSON of all other fields. */
  readonly entryHash: string;
}

export interface Ledger {
  append(block: SignedBlock): LedgerEntry;
  readonly entries: readonly LedgerEntry[];
}

export function createLedger(): Ledger {
  const entries: LedgerEntry[] = [];
  return {
    entries,
    append({ keyId, device, fromIndex, untilIndex, hash: blockHash, signature }) {
      const content = {
        keyId,
        device,
        fromIndex,
        untilIndex,
        hash: blockHash,
        signature,
        sequence: entries.length,
        previousEntryHash: entries.at(-1)?.entryHash ?? GENESIS,
      };
      const entry: LedgerEntry = Object.freeze({ ...content, entryHash: digest(content) });
      entries.push(entry);
      return entry;
    },
  };
}

const GENESIS = '0'.repeat(64);

function digest(content: Omit<LedgerEntry, 'entryHash'>): string {
  return hash('sha256', canonicalJson(content), 'hex');
}

/** What is wrong with one entry of a ledger. */
export interface LedgerFault {
  readonly sequence: number;
  readonly fault: 'out-of-order' | 'link-broken' | 'entry-changed' | 'unknown-key' | 'signature-invalid';
}

/** Checks every link and signature; an empty answer means that the ledger is whole and every block genuine. */
export function verifyLedger(entries: readonly LedgerEntry[], register: KeyRegister): readonly LedgerFault[] {
  const faults: LedgerFault[] = [];
  for (const [position, entry] of entries.entries()) {
    const { entryHash, ...content } = entry;
    const found = (fault: LedgerFault['fault']) => faults.push({ sequence: position, fault });
    if (entry.sequence !== position) found('out-of-order');
    if (entry.previousEntryHash !== (entries[position - 1]?.entryHash ?? GENESIS)) found('link-broken');
    if (digest(content) !== entryHash) found('entry-changed');
    const key = register[entry.keyId];
    if (key === undefined || key.device !== entry.device) found('unknown-key');
    else if (!signatureMatches(entry.hash, entry.signature, importPublicKey(key.publicKey))) found('signature-invalid');
  }
  return faults;
}
