/**
 * Certification of a message: our model of what the Blockchain Access Layer adds (the real payload is not public).
 *
 * `hash` = SHA-256 over the RFC 8785 canonical JSON of the message in which `certification` holds `index`, `keyId` and
 * `previousHash` only; `previousHash` is the hash of the source's message before, so the last hash of a block stands
 * for the whole block. The last message of each block (positions counted from 0, blocks of the registered length)
 * also carries an Ed25519 signature over the 32 bytes of its hash. One signature a block, because signing and
 * verifying cost more than ten times a hash.
 */
import { createPublicKey, hash, sign, verify, type KeyObject } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { instantSchema } from './instant-schema.ts';
import { askOnce } from './payload-memo.ts';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const certificationSchema = z
  .object({
    keyId: z.string().min(1).describe("Identifies the source's public key in the access layer's register."),
    index: z.int().nonnegative().describe("Position in the source's chain, from 0."),
    previousHash: sha256.describe("`hash` of the source's message before, 64 zeros for the first."),
    hash: sha256.describe(
      'SHA-256, in lower-case hexadecimal, over the RFC 8785 canonical JSON of the whole message, in which ' +
        '`certification` holds `index`, `keyId` and `previousHash` only.',
    ),
    signature: z
      .string()
      .optional()
      .describe(
        'Base64 Ed25519 signature over the 32 bytes of `hash`, on the last message of a block: where ' +
          '(index + 1) % blockLength is 0, with the blockLength of the register of keys.',
      ),
  })
  .describe('Every measurement that comes over the bridge needs one: see docs/certified-messages.md.');
export type Certification = z.infer<typeof certificationSchema>;

/** What the certificate check publishes when a block of a source turns out not to be genuine. */
export const repudiationSchema = z.object({
  schema: z.literal('platone.repudiation/1'),
  device: z.string().min(1),
  timestamp: instantSchema,
  /**
   * `signature-invalid`: the block's signature does not verify with the registered key; `signature-missing`: the
   * block's last message carries none, or several blocks on end lost theirs; `unknown-key`: no such key, or one that
   * belongs to another device; `chain-broken`: a message that the signed chain does not contain.
   */
  reason: z.enum(['hash-mismatch', 'chain-broken', 'signature-invalid', 'signature-missing', 'unknown-key']),
  /** Chain positions that are no longer to be believed; consumers ignore the source until `untilIndex`, inclusive. */
  fromIndex: z.int().nonnegative(),
  untilIndex: z.int().nonnegative(),
});
export type Repudiation = z.infer<typeof repudiationSchema>;

/** The access layer's register of public keys, by key id. */
export const keyRegisterSchema = z.record(
  z.string().min(1),
  z.object({
    /** The only device that this key speaks for. */
    device: z.string().min(1),
    /** Ed25519 public key, base64url of its 32 bytes (`x` of an OKP JWK). */
    publicKey: z.string().regex(/^[A-Za-z0-9_-]{43}$/),
    /** Messages in a block. */
    blockLength: z.int().positive(),
  }),
);
export type KeyRegister = z.infer<typeof keyRegisterSchema>;

/** `previousHash` of a source's first message. */
export const genesisHash = '0'.repeat(64);

/** A message that can be certified: an object with an optional `certification`. */
interface Certifiable {
  readonly certification?: Certification | undefined;
}

/** Where a message stands in its source's chain. */
export type ChainLink = Pick<Certification, 'keyId' | 'index' | 'previousHash'>;

/** The hash (hex) that certifies `message` at this place of its chain. Throws CanonicalJsonError for NaN and the like. */
export function certificationHash(message: Certifiable, link: ChainLink): string {
  return hash('sha256', canonicalJson({ ...message, certification: placeOf(link) }), 'hex');
}

/** A message with its certification, and its canonical JSON for the wire. */
export interface Sealed<Message> {
  readonly message: Message & { readonly certification: Certification };
  readonly payload: Uint8Array;
}

/**
 * Certifies `message` at this place of its chain, with a signature where a key is given. Throws CanonicalJsonError for
 * NaN and the like.
 */
export function seal<Message extends Certifiable>(message: Message, link: ChainLink, key?: KeyObject): Sealed<Message> {
  const place = placeOf(link);
  const text = canonicalJson({ ...message, certification: place });
  const digest = hash('sha256', text, 'hex');
  const signature = key && sign(null, Buffer.from(digest, 'hex'), key).toString('base64');
  const certification: Certification = { ...place, hash: digest, ...(signature !== undefined && { signature }) };
  const sealed = { ...message, certification };
  // Nothing in a measurement sorts before its certification, so the wire differs from the hashed text at its head only.
  const head = FIRST_MEMBER + canonicalJson(place);
  const payload = text.startsWith(head)
    ? FIRST_MEMBER + canonicalJson(certification) + text.slice(head.length)
    : canonicalJson(sealed);
  return { message: sealed, payload: Buffer.from(payload) };
}

/**
 * True when the message's content is what its own certification says. Never throws. Our light nodes publish the
 * canonical JSON itself; then the bytes as they came (`payload`) are hashed, which proves the same and costs a tenth.
 */
export function hashMatches(message: Certifiable, payload?: Uint8Array): boolean {
  const { certification } = message;
  if (certification === undefined) return false;
  if (payload !== undefined && canonicalBytesMatch(certification, payload)) return true;
  try {
    return certificationHash(message, certification) === certification.hash;
  } catch {
    return false;
  }
}

/**
 * The short way: a payload that begins with its certification in canonical form has to hash, with the certification cut
 * down to its place, to what the certification says. False says nothing: the payload may be written in another way.
 */
function canonicalBytesMatch(certification: Certification, payload: Uint8Array): boolean {
  const judged = askOnce(payload, '#certified', (bytes) => judge(certification, bytes));
  return isSame(judged.certification, certification) ? judged.matches : judge(certification, payload).matches;
}

function judge(certification: Certification, payload: Uint8Array) {
  const { hash: stated, index, keyId, previousHash, signature } = certification;
  // Member by member in canonical order; anything that these templates write otherwise than JCS just does not match.
  const place = `"index":${index},"keyId":${JSON.stringify(keyId)},"previousHash":"${previousHash}"`;
  const signed = signature === undefined ? '' : `,"signature":${JSON.stringify(signature)}`;
  const opening = Buffer.from(`${FIRST_MEMBER}{"hash":"${stated}",${place}${signed}}`);
  if (Buffer.compare(payload.subarray(0, opening.length), opening) !== 0) return { certification, matches: false };
  const hashed = Buffer.concat([Buffer.from(`${FIRST_MEMBER}{${place}}`), payload.subarray(opening.length)]);
  return { certification, matches: hash('sha256', hashed, 'hex') === stated };
}

function isSame(a: Certification, b: Certification): boolean {
  const samePlace = a.index === b.index && a.keyId === b.keyId && a.previousHash === b.previousHash;
  return a === b || (samePlace && a.hash === b.hash && a.signature === b.signature);
}

const FIRST_MEMBER = '{"certification":';

function placeOf({ index, keyId, previousHash }: ChainLink): ChainLink {
  return { index, keyId, previousHash };
}

/** True for the position whose message carries its block's signature. */
export function endsBlock(index: number, blockLength: number): boolean {
  return (index + 1) % blockLength === 0;
}

/** True when `signature` (base64) over `hashHex` was made with the private half of `publicKey`. */
export function signatureMatches(hashHex: string, signature: string, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(hashHex, 'hex'), publicKey, Buffer.from(signature, 'base64'));
}

/** The key object of a register entry's `publicKey`. Throws when the bytes are no Ed25519 key. */
export function importPublicKey(publicKey: string): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: publicKey }, format: 'jwk' });
}
