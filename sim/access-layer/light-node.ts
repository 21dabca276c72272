/**
 * The light node beside a device: it certifies every message before it is published, and signs one hash a block.
 * Keys come from the run's seed, so that a run can be repeated byte for byte; a real node draws and keeps its own.
 */
import { createPrivateKey, createPublicKey, hash, hkdfSync, type KeyObject } from 'node:crypto';
import { canonicalJson, CanonicalJsonError } from '../../platform/contract/canonical-json.ts';
import {
  endsBlock,
  genesisHash,
  seal,
  type ChainLink,
  type KeyRegister,
  type Sealed,
} from '../../platform/contract/certification.ts';
import type { Measurement } from '../../platform/contract/measurement.ts';
import type { Ledger } from './ledger.ts';

/**
 * How a forged certificate is forged. `signature`: the node signs its block with a key that is not the registered one;
 * `hash`: the content is changed after certification; `chain`: the message does not follow the one before.
 */
export const forgeries = ['signature', 'hash', 'chain'] as const;
export type Forgery = (typeof forgeries)[number];

export interface LightNodeOptions {
  /** The run's seed. */
  readonly seed: string;
  readonly site: string;
  readonly kind: string;
  readonly device: string;
  /** Messages in a block; `blockLengthOf(kind)` when left out. */
  readonly blockLength?: number;
  /** Where the signed blocks are kept. */
  readonly ledger?: Ledger;
}

export interface LightNode {
  readonly keyId: string;
  readonly device: string;
  /** What the access layer's register says of this node. */
  readonly registration: KeyRegister[string];
  /**
   * The message with its certification, and its bytes for the wire; the chain goes on by one. With a forgery, a message
   * that is not genuine, while the chain goes on as if it were.
   */
  seal(measurement: Measurement, forgery?: Forgery): Sealed<Measurement>;
}

/** A block is what may be believed before a forgery shows: 15 minutes at one message per 10 s, an hour of meter values. */
export function blockLengthOf(kind: string): number {
  return kind === 'smart-meter' ? 4 : 90;
}

/** The forgery that a message's fault labels ask for: `forged-certificate` or `forged-certificate:signature|hash|chain`. */
export function forgeryOf(faults: readonly string[] | undefined): Forgery | undefined {
  const label = faults?.find((name) => name === FORGED || name.startsWith(`${FORGED}:`));
  if (label === undefined) return undefined;
  const wanted = label.slice(FORGED.length + 1);
  return forgeries.find((forgery) => forgery === wanted) ?? 'hash';
}

const FORGED = 'forged-certificate';

export function createLightNode(options: LightNodeOptions): LightNode {
  const { seed, site, kind, device, ledger } = options;
  const blockLength = options.blockLength ?? blockLengthOf(kind);
  const path = `${site}/${kind}/${device}`;
  const privateKey = deriveKey(seed, `light-node/${path}`);
  const publicKey = rawPublicKey(privateKey);
  const keyId = `${path}#${hash('sha256', publicKey, 'hex').slice(0, 16)}`;
  let index = 0;
  let previousHash = genesisHash;
  let blockForged = false;

  const sealAt = (measurement: Measurement, place: Place, key: KeyObject): Sealed<Measurement> => {
    const signingKey = endsBlock(place.index, blockLength) ? key : undefined;
    return sealOnWire(measurement, { ...place, keyId }, signingKey);
  };

  /** What is sent in place of the genuine message. */
  const forge = (measurement: Measurement, genuine: Sealed<Measurement>, forgery: Forgery): Sealed<Measurement> => {
    if (forgery === 'signature') return genuine;
    if (forgery === 'hash') {
      const message = tampered(genuine.message);
      return { message, payload: Buffer.from(canonicalJson(message)) };
    }
    const strange = { index, previousHash: hash('sha256', previousHash, 'hex') };
    return sealAt(measurement, strange, strangerKey(seed, path));
  };

  return {
    keyId,
    device,
    registration: { device, publicKey, blockLength },
    seal(measurement, forgery) {
      blockForged ||= forgery === 'signature';
      const key = blockForged ? strangerKey(seed, path) : privateKey;
      const genuine = sealAt(measurement, { index, previousHash }, key);
      const sent = forgery === undefined ? genuine : forge(measurement, genuine, forgery);
      const { hash: newest, signature } = genuine.message.certification;
      if (signature !== undefined) {
        // A block signed with a stranger's key is refused by the ledger, as any node of the chain would.
        if (!blockForged) {
          const fromIndex = index + 1 - blockLength;
          ledger?.append({ keyId, device, fromIndex, untilIndex: index, hash: newest, signature });
        }
        blockForged = false;
      }
      index += 1;
      previousHash = newest;
      return sent;
    },
  };
}

type Place = Pick<ChainLink, 'index' | 'previousHash'>;

/** The register of all nodes, for the certificate check's configuration. */
export function keyRegister(nodes: Iterable<LightNode>): KeyRegister {
  return Object.fromEntries([...nodes].map(({ keyId, registration }) => [keyId, registration]));
}

/** A faulty device may send NaN; the node certifies what then goes over the wire (JSON writes null), and goes on. */
function sealOnWire(measurement: Measurement, link: ChainLink, key: KeyObject | undefined): Sealed<Measurement> {
  try {
    return seal(measurement, link, key);
  } catch (error) {
    if (!(error instanceof CanonicalJsonError)) throw error;
    return seal(JSON.parse(JSON.stringify(measurement)) as Measurement, link, key);
  }
}

/** Content that its certificate does not cover: the first value is doubled (or made 1 where it was 0). */
function tampered<Message extends Measurement>(message: Message): Message {
  const readings = message.readings.map((reading, position) =>
    position === 0 ? { ...reading, data: reading.data === 0 ? 1 : reading.data * 2 } : reading,
  );
  return { ...message, readings };
}

function strangerKey(seed: string, path: string): KeyObject {
  return deriveKey(seed, `stranger/${path}`);
}

/** DER of a PKCS #8 Ed25519 private key up to its 32 bytes (RFC 8410, section 7). */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

/** Ed25519 private key from the run's seed and a path (HKDF-SHA-256, RFC 5869). The info string is versioned. */
function deriveKey(seed: string, path: string): KeyObject {
  const bytes = Buffer.from(hkdfSync('sha256', seed, '', `platone-twin/key/1/${path}`, 32));
  return createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, bytes]), format: 'der', type: 'pkcs8' });
}

/** Base64url of the 32 bytes of the public half. */
function rawPublicKey(privateKey: KeyObject): string {
  const { x } = createPublicKey(privateKey).export({ format: 'jwk' });
  if (x === undefined) throw new Error('an Ed25519 public key exports its x');
  return x;
}
