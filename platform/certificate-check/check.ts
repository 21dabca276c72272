/**
 * Judges certified messages: content against hash, hash against chain, block against signature. A block that fails is
 * repudiated on the databus; from the next instant on the other services ignore its source, up to the end of the block
 * after the failed one. If that block is good they believe the source again, if not it is repudiated in its turn.
 */
import type { KeyObject } from 'node:crypto';
import {
  endsBlock,
  importPublicKey,
  signatureMatches,
  type Certification,
  type KeyRegister,
  type Repudiation,
} from '../contract/certification.ts';
import { createIntakeVerifier, type IntakeRefusal } from '../contract/intake-verifier.ts';
import type { Measurement } from '../contract/measurement.ts';
import { formatInstant } from '../contract/time.ts';
import { createSource, type Source } from './source.ts';

export interface CertificateCheckOptions {
  readonly register: KeyRegister;
  /** So many blocks on end of which messages came but no signature are put down to loss; one more is repudiated. */
  readonly unsignedBlocksMax: number;
}

type CertificateCounts = Record<
  | 'verifiedBlocks'
  | 'failedBlocks'
  | 'verifiedMessages'
  | 'unverifiedMessages'
  | 'openMessages'
  | 'missingMessages'
  | 'uncertified'
  | 'duplicates'
  | `refused.${'hash-mismatch' | 'chain-broken'}`
  | `repudiated.${Repudiation['reason']}`,
  number
>;

export interface CertificateChecker {
  /**
   * Judges one message of the instant `timeUs`; answers with what has to be published about its source. With the bytes
   * that it came in it does so faster.
   */
  check(message: Measurement, timeUs: number, payload?: Uint8Array): readonly Repudiation[];
  counts(): Readonly<CertificateCounts>;
}

interface Key {
  readonly device: string;
  readonly publicKey: KeyObject;
  readonly blockLength: number;
}

/** Block length that is assumed of a device without any entry in the register. */
const STRANGER_BLOCK_LENGTH = 100;

export function createCertificateChecker({ register, unsignedBlocksMax }: CertificateCheckOptions): CertificateChecker {
  const keys = importKeys(register);
  const verifier = createIntakeVerifier();
  const sources = new Map<string, Source & { unsignedBlocks: number }>();
  const counts = zeroCounts();

  const sourceOf = (device: string) => {
    let source = sources.get(device);
    if (source === undefined) {
      const registered = [...keys.values()].find((key) => key.device === device);
      source = { ...createSource(registered?.blockLength ?? STRANGER_BLOCK_LENGTH), unsignedBlocks: 0 };
      sources.set(device, source);
    }
    return source;
  };

  /** Everything from the start of the block of `index` on, up to the end of the block after it. */
  const repudiate = (device: string, reason: Repudiation['reason'], index: number, timeUs: number): Repudiation[] => {
    const source = sourceOf(device);
    if (!source.markRepudiated(index)) return [];
    const fromIndex = index - (index % source.blockLength);
    counts.failedBlocks += 1;
    counts[`repudiated.${reason}`] += 1;
    return [message(device, reason, timeUs, fromIndex, fromIndex + 2 * source.blockLength - 1)];
  };

  /** What is wrong with the signature at the end of a block, if anything. */
  const faultOfSignature = ({ hash, signature }: Certification, key: Key): Repudiation['reason'] | undefined => {
    if (signature === undefined) return 'signature-missing';
    return signatureMatches(hash, signature, key.publicKey) ? undefined : 'signature-invalid';
  };

  const endBlock = (device: string, { index, hash }: Certification, timeUs: number): Repudiation[] => {
    const source = sourceOf(device);
    counts.verifiedBlocks += 1;
    source.unsignedBlocks = 0;
    const { contradicted } = source.prove(index, hash);
    if (contradicted === undefined || !source.markRepudiated(index)) return [];
    // The block's end is genuine, so nothing of the future has to be ignored: only what was slipped in before.
    counts['repudiated.chain-broken'] += 1;
    return [message(device, 'chain-broken', timeUs, index - (index % source.blockLength), contradicted)];
  };

  return {
    check(measurement, timeUs, payload) {
      const { device, certification } = measurement;
      const verdict = verifier.verify(measurement, payload);
      if (!verdict.ok) countRefusal(counts, verdict.reason);
      // Of two messages that claim one place the receivers took the first: the second may be the one that is signed.
      const believed = verdict.ok;
      if (certification === undefined || (!believed && verdict.reason !== 'chain-broken')) return [];
      const { index, keyId } = certification;
      const source = sourceOf(device);
      const key = keys.get(keyId);
      // What every receiver refused by itself accuses nobody.
      const accuse = (reason: Repudiation['reason']) => (believed ? repudiate(device, reason, index, timeUs) : []);
      if (key === undefined || key.device !== device) return accuse('unknown-key');
      const published: Repudiation[] = [];
      for (const { unproven, unsigned } of source.add(index, { ...certification, believed })) {
        counts.unverifiedMessages += unproven;
        if (unsigned) source.unsignedBlocks += 1;
      }
      if (source.unsignedBlocks > unsignedBlocksMax) {
        source.unsignedBlocks = 0;
        published.push(...accuse('signature-missing'));
      }
      if (endsBlock(index, key.blockLength)) {
        const fault = faultOfSignature(certification, key);
        published.push(...(fault === undefined ? endBlock(device, certification, timeUs) : accuse(fault)));
      }
      return published;
    },
    counts() {
      const all = [...sources.values()];
      return {
        ...counts,
        verifiedMessages: all.reduce((sum, source) => sum + source.provenCount(), 0),
        openMessages: all.reduce((sum, source) => sum + source.waitingCount(), 0),
        missingMessages: verifier.missing(),
      };
    },
  };
}

function importKeys(register: KeyRegister): ReadonlyMap<string, Key> {
  return new Map(
    Object.entries(register).map(([keyId, { device, publicKey, blockLength }]) => [
      keyId,
      { device, publicKey: importPublicKey(publicKey), blockLength },
    ]),
  );
}

function message(
  device: string,
  reason: Repudiation['reason'],
  timeUs: number,
  fromIndex: number,
  untilIndex: number,
): Repudiation {
  return { schema: 'platone.repudiation/1', device, timestamp: formatInstant(timeUs), reason, fromIndex, untilIndex };
}

function zeroCounts(): CertificateCounts {
  return {
    verifiedBlocks: 0,
    failedBlocks: 0,
    verifiedMessages: 0,
    unverifiedMessages: 0,
    openMessages: 0,
    missingMessages: 0,
    uncertified: 0,
    duplicates: 0,
    'refused.hash-mismatch': 0,
    'refused.chain-broken': 0,
    'repudiated.hash-mismatch': 0,
    'repudiated.chain-broken': 0,
    'repudiated.signature-invalid': 0,
    'repudiated.signature-missing': 0,
    'repudiated.unknown-key': 0,
  };
}

/** Refusals need no repudiation: every receiver finds them by itself. */
function countRefusal(counts: CertificateCounts, reason: IntakeRefusal): void {
  if (reason === 'uncertified') counts.uncertified += 1;
  else if (reason === 'duplicate') counts.duplicates += 1;
  else if (reason !== 'repudiated') counts[`refused.${reason}`] += 1;
}
