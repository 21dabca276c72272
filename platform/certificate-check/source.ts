/**
 * The chain of one source as the certificate check sees it: links wait in their block until the block's signature
 * proves them, backwards from the signed one, as far as each link's `previousHash` is the hash of the one before.
 */

/** A message's place in its source's chain; content already checked against `hash`. */
interface Link {
  readonly hash: string;
  readonly previousHash: string;
  /** False for a message that the receivers refused at this place of the chain: it may still be the genuine one. */
  readonly believed: boolean;
}

interface Block {
  /** Links by position that no signature stands for yet; several where messages compete for a place. */
  readonly waiting: Map<number, Link[]>;
  /** Lowest position that the block's signature reaches back to; undefined while there is no good signature. */
  proven: { readonly index: number; readonly previousHash: string } | undefined;
  /** The block has been repudiated: once is enough. */
  repudiated: boolean;
}

/** Links of a block that was left behind without being proven. */
interface Leftover {
  readonly unproven: number;
  /** True when no part of the block was ever proven although messages of it came. */
  readonly unsigned: boolean;
}

interface Contradiction {
  readonly contradicted?: number;
}

export interface Source {
  readonly blockLength: number;
  /** Takes a message in; answers with what became of blocks that have waited long enough. */
  add(index: number, link: Link): readonly Leftover[];
  /**
   * The signature over `link` at the end of its block is good. Answers with the last position at which a message was
   * believed that the signed chain does not contain, if there is one.
   */
  prove(index: number, hash: string): Contradiction;
  /** Messages proven so far. */
  provenCount(): number;
  /** Messages whose block is still open. */
  waitingCount(): number;
  /** True on the first call for the block that holds `index`. */
  markRepudiated(index: number): boolean;
}

/**
 * Blocks that are kept open: the newest, and those before it for messages and signatures that come late. The one that
 * was silent for longest goes first, so that a message with an absurd position cannot push the genuine ones out.
 */
const BLOCKS_OPEN = 3;

export function createSource(blockLength: number): Source {
  const blocks = new Map<number, Block>();
  let proven = 0;

  const blockOf = (index: number): Block => {
    const number = Math.floor(index / blockLength);
    const block = blocks.get(number) ?? { waiting: new Map(), proven: undefined, repudiated: false };
    blocks.delete(number);
    blocks.set(number, block);
    return block;
  };

  /** Moves the proof to the link with this hash, when it is there; false when it is not. */
  const proveLink = (block: Block, index: number, hash: string): boolean => {
    const link = block.waiting.get(index)?.find((candidate) => candidate.hash === hash);
    if (link === undefined) return false;
    block.waiting.delete(index);
    block.proven = { index, previousHash: link.previousHash };
    proven += 1;
    return true;
  };

  /** Walks back from the lowest proven position over links that fit. */
  const walkBack = (block: Block): Contradiction => {
    let contradicted: number | undefined;
    while (block.proven !== undefined) {
      const { index, previousHash } = block.proven;
      const competing = block.waiting.get(index - 1) ?? [];
      if (competing.some(({ hash, believed }) => believed && hash !== previousHash)) contradicted ??= index - 1;
      if (!proveLink(block, index - 1, previousHash)) break;
    }
    return contradicted === undefined ? {} : { contradicted };
  };

  const leaveBehind = (): readonly Leftover[] => {
    const leftovers: Leftover[] = [];
    for (const [number, { proven: signed, repudiated, waiting }] of blocks) {
      if (blocks.size <= BLOCKS_OPEN) break;
      blocks.delete(number);
      leftovers.push({
        unproven: waiting.size,
        unsigned: signed === undefined && !repudiated && waiting.size > 0,
      });
    }
    return leftovers;
  };

  return {
    blockLength,
    add(index, link) {
      if (!link.believed && !blocks.has(Math.floor(index / blockLength))) return [];
      const block = blockOf(index);
      const competing = block.waiting.get(index);
      if (competing === undefined) block.waiting.set(index, [link]);
      else competing.push(link);
      if (block.proven?.index === index + 1) walkBack(block);
      return leaveBehind();
    },
    prove(index, hash) {
      const block = blockOf(index);
      return block.proven === undefined && proveLink(block, index, hash) ? walkBack(block) : {};
    },
    provenCount: () => proven,
    waitingCount: () => [...blocks.values()].reduce((sum, { waiting }) => sum + waiting.size, 0),
    markRepudiated(index) {
      const block = blockOf(index);
      const first = !block.repudiated;
      block.repudiated = true;
      return first;
    },
  };
}
