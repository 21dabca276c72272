/**
 * Certification of a message: our model of what the Blockchain Access Layer adds (the real payload is not public).
 * `hash` = SHA-256 over the RFC 8785 canonical JSON of the message without its `certification`, chained with
 * `previousHash`; the last message of a block also carries an Ed25519 signature over that hash.
 */
import { z } from 'zod';

const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

export const certificationSchema = z.object({
  /** Identifies the source's public key in the access layer's register. */
  keyId: z.string().min(1),
  /** Position in the source's chain, from 0. */
  index: z.int().nonnegative(),
  previousHash: sha256,
  hash: sha256,
  /** Base64 Ed25519 signature over `hash`, on the last message of a block. */
  signature: z.string().optional(),
});
export type Certification = z.infer<typeof certificationSchema>;

/** What the certificate check publishes when a block of a source turns out not to be genuine. */
export const repudiationSchema = z.object({
  schema: z.literal('platone.repudiation/1'),
  device: z.string().min(1),
  timestamp: z.string(),
  reason: z.enum(['hash-mismatch', 'chain-broken', 'signature-invalid', 'unknown-key']),
  /** Chain positions that are no longer to be believed; consumers ignore the source until `untilIndex`. */
  fromIndex: z.int().nonnegative(),
  untilIndex: z.int().nonnegative(),
});
export type Repudiation = z.infer<typeof repudiationSchema>;
